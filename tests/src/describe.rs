//! A store as text: what it holds, one line a thing, so that two states can be compared by eye.

use std::fmt::Write as _;

use hsm_core::integrity::block_digest;
use hsm_core::{Query, Store};

/// Everything that a store holds, contents as their digests. Positions are left out: a rebuild moves them.
pub fn describe(store: &Store) -> String {
    let mut text = String::new();
    let mut line = |said: String| writeln!(text, "{said}").expect("a string takes all");
    for usage in store.tiers().unwrap() {
        let config = usage.config;
        line(format!(
            "tier {} {:?} {} at {:?}: {} objects, {} bytes",
            config.index,
            config.name,
            config.state.name(),
            config.root,
            usage.objects,
            usage.bytes
        ));
    }
    for dataset in store.datasets(None, 1000).unwrap() {
        line(format!(
            "dataset {} {:?}: {} keys, {:?}",
            dataset.id, dataset.name, dataset.keys, dataset.attributes
        ));
    }
    for removed in [false, true] {
        let listed = store.objects(&Query { removed, ..Query::default() });
        let mut objects: Vec<_> = listed.map(|item| item.unwrap().1).collect();
        objects.sort_unstable_by_key(|object| object.id);
        for object in objects {
            let state = if removed { "removed" } else { "live" };
            line(format!(
                "object {} {state}: generation {}, {} bytes",
                object.id,
                object.generation,
                object.size()
            ));
            line(format!("  created {}, modified {}", object.created_ns, object.modified_ns));
            line(format!("  attributes {:?}", object.attributes));
            for digest in object.content.iter().flat_map(|content| &content.digests) {
                line(format!("  digest {digest}"));
            }
            for copy in &object.copies {
                let packed = copy.pieces.iter().filter(|piece| piece.packed).count();
                line(format!(
                    "  copy on tier {}, verified {}: {} pieces, {packed} packed",
                    copy.tier,
                    copy.is_verified(),
                    copy.pieces.len()
                ));
            }
            if removed {
                continue;
            }
            let mut names = store.names(object.id).unwrap();
            names.sort();
            for name in names {
                line(format!("  named {} in {}", name.key.escape_ascii(), name.dataset));
            }
            for copy in &object.copies {
                let options = hsm_core::GetOptions { tier: Some(copy.tier) };
                let mut content = Vec::new();
                store.get_to(object.id, &mut content, &options).unwrap();
                let digest = u128::from_le_bytes(block_digest(&content));
                line(format!("  content on tier {}: {digest:032x}", copy.tier));
            }
        }
    }
    text
}
