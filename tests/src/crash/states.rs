//! The choices of what survives a power loss.

use hsm_core::testing::disk::{Keep, PendingStep, Tear};

/// Sectors of a torn write: every other one, and the rest.
const EVEN_SECTORS: u64 = 0x5555_5555_5555_5555;

/// Every choice that concerns one pending change, and `seeds` random ones.
pub(crate) fn choices(pending: &[PendingStep], seeds: u64) -> Vec<Keep> {
    let mut choices = vec![Keep::None];
    if pending.is_empty() {
        return choices; // Nothing to choose: all of them are this one.
    }
    choices.extend([Keep::All, Keep::Reversed]);
    for (at, step) in pending.iter().enumerate() {
        choices.extend([Keep::Only(at), Keep::AllBut(at), Keep::First(at)]);
        if let Some(range) = &step.write {
            let len = (range.end - range.start) as usize;
            let cuts = [1, len / 2, len.saturating_sub(1)].map(Tear::Prefix);
            let tears = cuts.into_iter().chain([Tear::Sectors(EVEN_SECTORS), Tear::Sectors(!EVEN_SECTORS)]);
            choices.extend(tears.map(|tear| Keep::Torn { at, tear }));
        }
    }
    choices.extend((1..=seeds).map(Keep::Random));
    choices
}
