//! A rebuild where the roots contradict each other, cannot be read, or say too little: what is taken is whole, and what is
//! not sure is told, as far as anything on the roots tells it.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hsm_core::object::{ObjectId, TierIndex};
use hsm_core::testing::disk::SimDisk;
use hsm_core::{Kind, PutOptions, RebuildFinding, RebuildOptions, Rebuilt, Result, Store, StoreOptions};
use hsm_tests::fixture::{
    Fixture, LARGE, SMALL, SimFixture, bytes, copy_tree, files_ending, flip, kind, on_tier, tiers_of,
};

const TIERS: u8 = 3;

fn in_use() -> Fixture {
    Fixture::with_outside_tiers(TIERS, StoreOptions::new())
}

fn root(fixture: &Fixture, tier: TierIndex) -> PathBuf {
    fixture.outside(&format!("tier-{tier}"))
}

fn rebuild(fixture: &Fixture, tiers: &[TierIndex]) -> Result<(Rebuilt, Vec<RebuildFinding>)> {
    let options =
        tiers.iter().fold(RebuildOptions::new(), |options, tier| options.root(root(fixture, *tier)));
    let mut findings = Vec::new();
    let rebuilt = Store::rebuild(fixture.path(), &options, None, |finding| {
        findings.push(finding);
        Ok(())
    })?;
    Ok((rebuilt, findings))
}

fn lose(fixture: &mut Fixture) {
    fixture.close();
    fs::remove_dir_all(fixture.path()).unwrap();
}

fn over(id: ObjectId, tier: TierIndex) -> PutOptions {
    PutOptions { tier: Some(tier), ..PutOptions::id(id) }
}

/// The files of objects on all roots.
fn object_files(fixture: &Fixture) -> Vec<PathBuf> {
    (0..3).flat_map(|tier| files_ending(&root(fixture, tier), ".obj")).collect()
}

/// A store that was in use, was restored from an older backup, and went on from there: its roots hold two second
/// generations of one object, of which the restored catalog knows the later one.
fn twice_written(copies_of_the_earlier: &[TierIndex]) -> (Fixture, ObjectId) {
    let mut fixture = in_use();
    let id = fixture.store.put(&bytes(LARGE, 1), &on_tier(0)).unwrap().id;
    let backup = fixture.outside("backup");
    fixture.reopen_after(|store| copy_tree(store, &backup));
    let before = object_files(&fixture);
    fixture.store.put(&bytes(LARGE, 2), &over(id, 0)).unwrap();
    for tier in copies_of_the_earlier {
        fixture.store.copy(id, None, *tier).unwrap();
    }
    // Out of reach while the restored store is reconciled, which would find it.
    let earlier: Vec<_> = object_files(&fixture).into_iter().filter(|file| !before.contains(file)).collect();
    let aside = |file: &PathBuf| file.with_extension("aside");
    fixture.reopen_after(|store| {
        for file in &earlier {
            fs::rename(file, aside(file)).unwrap();
        }
        fs::remove_dir_all(store).unwrap();
        fs::rename(&backup, store).unwrap();
    });
    fixture.store.reconcile().unwrap();
    fixture.store.put(&bytes(LARGE, 3), &over(id, 1)).unwrap();
    lose(&mut fixture);
    for file in &earlier {
        fs::rename(aside(file), file).unwrap();
    }
    (fixture, id)
}

#[test]
fn of_two_whole_contents_of_one_generation_the_later_is_taken_and_that_is_told() {
    let (mut fixture, id) = twice_written(&[]);
    let (rebuilt, findings) = rebuild(&fixture, &[0, 1, 2]).unwrap();
    assert_eq!(findings, [RebuildFinding::Contested { object: id, generation: 2 }]);
    assert_eq!((rebuilt.contested, rebuilt.objects, rebuilt.copies, rebuilt.lost), (1, 1, 1, 0));
    fixture.store = fixture.another_handle();
    assert_eq!(fixture.store.get(id).unwrap(), bytes(LARGE, 3));
}

#[test]
fn of_two_whole_contents_of_one_generation_that_with_more_copies_is_taken() {
    let (mut fixture, id) = twice_written(&[2]);
    let (rebuilt, findings) = rebuild(&fixture, &[0, 1, 2]).unwrap();
    assert_eq!(findings, [RebuildFinding::Contested { object: id, generation: 2 }]);
    assert_eq!((rebuilt.contested, rebuilt.copies), (1, 2));
    fixture.store = fixture.another_handle();
    assert_eq!(fixture.store.get(id).unwrap(), bytes(LARGE, 2));
    assert_eq!(tiers_of(&fixture.store, id), [0, 2], "no copy of the other content counts");
}

#[test]
fn a_root_whose_marker_is_damaged_is_refused_and_the_others_do_without_it() {
    let mut fixture = in_use();
    let [first, other] = [0, 1].map(|tier| fixture.store.put(&bytes(LARGE, 1), &on_tier(tier)).unwrap().id);
    lose(&mut fixture);
    let marker = root(&fixture, 1).join("HSM-TIER");
    flip(&marker, 50, 1);
    let error = rebuild(&fixture, &[0, 1, 2]).unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt);
    assert!(error.to_string().contains(&marker.display().to_string()), "{error}");
    assert!(!fixture.path().exists(), "nothing was begun");
    let (rebuilt, findings) = rebuild(&fixture, &[0, 2]).unwrap();
    assert_eq!((rebuilt.tiers, rebuilt.objects, findings), (vec![0, 2], 1, vec![]));
    fixture.store = fixture.another_handle();
    assert_eq!(fixture.store.get(first).unwrap(), bytes(LARGE, 1));
    assert_eq!(kind(&fixture.store.get(other)), Some(Kind::NotFound));
}

/// Rebuilds, in another directory of the same disk, from all roots of a store.
fn rebuild_beside(disk: &SimDisk) -> (Rebuilt, Vec<RebuildFinding>, Store) {
    let store = StoreOptions::new().disk(Arc::new(disk.clone())).index_in_memory();
    let options = RebuildOptions::new().store(store.clone());
    let roots = (0..5).map(|tier| format!("/store/tiers/{tier}"));
    let mut findings = Vec::new();
    let options = roots.fold(options, RebuildOptions::root);
    let rebuilt = Store::rebuild("/rebuilt", &options, None, |finding| {
        findings.push(finding);
        Ok(())
    });
    disk.clear_failures();
    (rebuilt.unwrap(), findings, Store::open("/rebuilt", &store).unwrap())
}

/// Two large objects, and two small ones in one pack, each alone on its tier.
fn spread() -> (SimFixture, [ObjectId; 4]) {
    let fixture = SimFixture::new();
    let put = |len, seed, tier| fixture.store.put(&bytes(len, seed), &on_tier(tier)).unwrap().id;
    let ids = [put(LARGE, 1, 0), put(LARGE, 2, 1), put(SMALL, 3, 2), put(SMALL, 4, 2)];
    fixture.store.close().unwrap();
    (fixture, ids)
}

#[test]
fn a_file_that_cannot_be_read_is_told_and_everything_else_is_known_again() {
    let (fixture, ids) = spread();
    for (unread_tier, lost) in [(0, &ids[..1]), (2, &ids[2..])] {
        let disk = fixture.disk.crash().process_crash();
        disk.fail_reads(ErrorKind::Other, move |label| {
            label.contains(&format!("store/tiers/{unread_tier}/data/"))
        });
        let (rebuilt, findings, store) = rebuild_beside(&disk);
        let [RebuildFinding::Unread { tier, bytes: length, detail, .. }] = &findings[..] else {
            panic!("{findings:?}")
        };
        assert_eq!(*tier, unread_tier);
        assert!(*length > 0 && detail.contains("injected failure"), "{findings:?}");
        assert_eq!((rebuilt.unread, rebuilt.objects), (1, 4 - lost.len() as u64));
        for (id, (len, seed)) in ids.iter().zip([(LARGE, 1), (LARGE, 2), (SMALL, 3), (SMALL, 4)]) {
            match store.get(*id) {
                Ok(got) => assert_eq!(got, bytes(len, seed)),
                Err(error) => assert!(lost.contains(id), "{error}"),
            }
        }
    }
}

#[test]
fn a_copy_whose_data_cannot_be_read_is_told_as_one_that_is_not_whole() {
    let (fixture, ids) = spread();
    let disk = fixture.disk.crash().process_crash();
    let seen = AtomicUsize::new(0);
    // Its tail can be read, which says what it is, and nothing after that.
    disk.fail_reads(ErrorKind::Other, move |label| {
        label.contains("store/tiers/0/data/") && seen.fetch_add(1, Ordering::Relaxed) > 0
    });
    let (rebuilt, findings, store) = rebuild_beside(&disk);
    let [RebuildFinding::Damaged { object, tier: 0, detail, .. }, partial] = &findings[..] else {
        panic!("{findings:?}")
    };
    assert_eq!(*object, ids[0]);
    assert!(detail.contains("injected failure"), "{detail}");
    assert_eq!(*partial, RebuildFinding::Partial { object: ids[0], newest: 1, taken: None });
    assert_eq!((rebuilt.damaged, rebuilt.lost, rebuilt.objects), (1, 1, 3));
    assert_eq!(store.get(ids[1]).unwrap(), bytes(LARGE, 2));
}

/// Nothing on a root says that there was a newer generation whose every byte is gone, so there is nothing to tell:
/// only the list of the tiers that were read says that one was not.
#[test]
fn an_older_generation_comes_back_where_the_newer_one_left_no_trace() {
    let mut fixture = in_use();
    let id = fixture.store.put(&bytes(SMALL, 1), &on_tier(0)).unwrap().id;
    fixture.store.put(&bytes(SMALL, 9), &on_tier(0)).unwrap();
    fixture.store.put(&bytes(SMALL, 2), &over(id, 1)).unwrap();
    lose(&mut fixture);
    let (rebuilt, findings) = rebuild(&fixture, &[0, 2]).unwrap();
    assert_eq!((rebuilt.tiers, rebuilt.partial, findings), (vec![0, 2], 0, vec![]));
    fixture.store = fixture.another_handle();
    assert_eq!(fixture.store.get(id).unwrap(), bytes(SMALL, 1));
    fixture.close();
    fs::remove_dir_all(fixture.path()).unwrap();
    // With the root that holds the newer one it is that.
    rebuild(&fixture, &[0, 1, 2]).unwrap();
    fixture.store = fixture.another_handle();
    assert_eq!(fixture.store.get(id).unwrap(), bytes(SMALL, 2));
}
