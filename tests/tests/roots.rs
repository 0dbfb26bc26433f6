//! A root that is out of reach is never mistaken for one that is empty, and a store that is older than its
//! roots changes nothing before it was reconciled.

use std::fs;

use hsm_core::journal::EpochCause;
use hsm_core::{Kind, PutOptions, Query, Store, StoreOptions};
use hsm_tests::fixture::{
    Fixture, LARGE, SMALL, bytes, copy_tree, files_below, flip, kind, on_tier, tiers_of,
};

/// Two tiers on roots of their own, as two disks would be.
fn two_disks() -> Fixture {
    Fixture::with_outside_tiers(2, StoreOptions::new())
}

#[test]
fn an_unmounted_root_is_offline_and_nothing_is_written_below_its_mount_point() {
    let fixture = two_disks();
    let store = &fixture.store;
    let (there, away) = (fixture.outside("tier-0"), fixture.outside("away"));
    for size in [SMALL, LARGE] {
        let only_there = store.put(&bytes(size, 1), &on_tier(0)).unwrap();
        let on_both = store.put(&bytes(size, 2), &on_tier(0)).unwrap();
        store.copy(on_both.id, None, 1).unwrap();
        fs::rename(&there, &away).unwrap();
        fs::create_dir(&there).unwrap(); // The empty mount point.

        assert!(!store.is_tier_online(0).unwrap());
        assert_eq!(kind(&store.get(only_there.id)), Some(Kind::Offline));
        assert_eq!(kind(&store.put(&bytes(size, 3), &on_tier(0))), Some(Kind::Offline), "{size}");
        assert_eq!(store.object(only_there.id).unwrap().size(), size as u64);
        assert_eq!(tiers_of(store, only_there.id), [0]);
        assert_eq!(store.get(on_both.id).unwrap(), bytes(size, 2));
        let elsewhere = store.put(&bytes(size, 4), &on_tier(1)).unwrap();
        assert_eq!(store.get(elsewhere.id).unwrap(), bytes(size, 4));
        assert_eq!(kind(&store.verify(only_there.id, 0)), Some(Kind::Offline));
        assert_eq!(kind(&store.release(on_both.id, 1, false)), Some(Kind::Refused));
        store.maintain().unwrap();
        assert_eq!(files_below(&there), Vec::<std::path::PathBuf>::new());
        assert_eq!(fs::read_dir(&there).unwrap().count(), 0);

        fs::remove_dir(&there).unwrap();
        assert_eq!(kind(&store.get(only_there.id)), Some(Kind::Offline));
        fs::rename(&away, &there).unwrap();
        assert_eq!(store.get(only_there.id).unwrap(), bytes(size, 1));
        let again = store.put(&bytes(size, 5), &on_tier(0)).unwrap();
        assert_eq!(store.get(again.id).unwrap(), bytes(size, 5));
        store.release(on_both.id, 1, false).unwrap().unwrap();
    }
}

#[test]
fn a_store_opens_without_one_of_its_roots() {
    let mut fixture = two_disks();
    let id = fixture.store.put(&bytes(SMALL, 1), &on_tier(0)).unwrap().id;
    let (there, away) = (fixture.outside("tier-0"), fixture.outside("away"));
    fixture.reopen_after(|_| fs::rename(&there, &away).unwrap());
    assert_eq!(kind(&fixture.store.get(id)), Some(Kind::Offline));
    fixture.store.put(&bytes(LARGE, 2), &on_tier(1)).unwrap();
    fixture.reopen_after(|_| fs::rename(&away, &there).unwrap());
    assert_eq!(fixture.store.get(id).unwrap(), bytes(SMALL, 1));
    assert_eq!(fixture.store.read_only_reason(), None);
}

#[test]
fn another_tiers_root_in_its_place_is_offline() {
    let fixture = two_disks();
    let put = fixture.store.put(&bytes(LARGE, 1), &on_tier(0)).unwrap();
    let (zero, one, aside) = (fixture.outside("tier-0"), fixture.outside("tier-1"), fixture.outside("aside"));
    let swap = || {
        fs::rename(&zero, &aside).unwrap();
        fs::rename(&one, &zero).unwrap();
        fs::rename(&aside, &one).unwrap();
    };
    swap();
    assert_eq!(kind(&fixture.store.get(put.id)), Some(Kind::Offline));
    swap();
    assert_eq!(fixture.store.get(put.id).unwrap(), bytes(LARGE, 1));
}

#[test]
fn another_stores_root_in_its_place_is_offline() {
    let (fixture, stranger) = (two_disks(), two_disks());
    let put = fixture.store.put(&bytes(LARGE, 1), &on_tier(0)).unwrap();
    fs::rename(fixture.outside("tier-0"), fixture.outside("aside")).unwrap();
    copy_tree(&stranger.outside("tier-0"), &fixture.outside("tier-0"));
    assert_eq!(kind(&fixture.store.get(put.id)), Some(Kind::Offline));
    assert_eq!(kind(&fixture.store.put(&bytes(LARGE, 2), &on_tier(0))), Some(Kind::Offline));
}

#[test]
fn a_root_with_a_damaged_marker_is_offline_until_it_is_repaired() {
    let mut fixture = two_disks();
    let id = fixture.store.put(&bytes(LARGE, 1), &on_tier(0)).unwrap().id;
    let marker = fixture.outside("tier-0/HSM-TIER");
    for at in [0, 8, 30, 45, 50, 79] {
        fixture.reopen_after(|_| flip(&marker, at, 1));
        assert!(!fixture.store.is_tier_online(0).unwrap(), "byte {at}");
        assert_eq!(kind(&fixture.store.put(&bytes(LARGE, 2), &on_tier(0))), Some(Kind::Offline));
        fixture.reopen_after(|_| flip(&marker, at, 1));
        assert_eq!(fixture.store.get(id).unwrap(), bytes(LARGE, 1));
    }
}

/// A store, and a copy of it that was taken earlier, without its tiers.
fn with_backup(index_too: bool) -> Fixture {
    let mut fixture = two_disks();
    let old = fixture.store.put(&bytes(LARGE, 1), &on_tier(0)).unwrap();
    fixture.store.put(&bytes(SMALL, 2), &PutOptions::id(hsm_core::object::ObjectId([7; 16]))).unwrap();
    let backup = fixture.outside("backup");
    fixture.reopen_after(|store| {
        copy_tree(store, &backup);
        if !index_too {
            fs::remove_dir_all(backup.join("index")).unwrap();
        }
    });
    for seed in 10..20 {
        fixture.store.put(&bytes(LARGE, seed), &on_tier(0)).unwrap();
        fixture.store.put(&bytes(LARGE, seed), &on_tier(1)).unwrap();
    }
    fixture.store.set_attributes(old.id, &vec![("later".into(), Some(vec![]))]).unwrap();
    fixture
}

#[test]
fn a_restored_backup_is_read_until_it_is_reconciled() {
    for index_too in [true, false] {
        let mut fixture = with_backup(index_too);
        let backup = fixture.outside("backup");
        fixture.reopen_after(|store| {
            fs::remove_dir_all(store).unwrap();
            fs::rename(&backup, store).unwrap();
        });
        let store = &fixture.store;
        let reason = store.read_only_reason().expect("older than its roots");
        assert!(reason.contains("older backup"), "{reason}");
        let ids: Vec<_> = store.objects(&Query::default()).map(|item| item.unwrap().1.id).collect();
        assert_eq!(ids.len(), 2);
        for id in &ids {
            assert!(!store.get(*id).unwrap().is_empty());
        }
        assert_eq!(kind(&store.put(b"new", &PutOptions::default())), Some(Kind::Refused));
        assert_eq!(kind(&store.remove(ids[0])), Some(Kind::Refused));
        assert_eq!(kind(&store.maintain()), Some(Kind::Refused));

        let found = store.reconcile().unwrap();
        assert_eq!(found.unknown_places, 20);
        assert!(found.unknown_bytes > 20 * LARGE as u64);
        assert!(found.new_epoch.is_some());
        assert_eq!(store.read_only_reason(), None);
        store.put(b"new", &PutOptions::default()).unwrap();
        fixture.reopen();
        assert_eq!(fixture.store.read_only_reason(), None, "it is in step from now on");
        assert_eq!(fixture.store.objects(&Query::default()).count(), 3);
    }
}

#[test]
fn a_root_that_was_away_while_the_store_was_reconciled_is_taken_back() {
    let mut fixture = with_backup(false);
    let (backup, root, away) =
        (fixture.outside("backup"), fixture.outside("tier-1"), fixture.outside("away"));
    fixture.reopen_after(|store| {
        fs::remove_dir_all(store).unwrap();
        fs::rename(&backup, store).unwrap();
        fs::rename(&root, &away).unwrap();
    });
    fixture.store.reconcile().unwrap();
    fixture.reopen_after(|_| fs::rename(&away, &root).unwrap());
    assert_eq!(fixture.store.read_only_reason(), None);
}

#[test]
fn reconciling_a_store_in_step_changes_nothing() {
    let fixture = two_disks();
    fixture.store.put(&bytes(LARGE, 1), &on_tier(0)).unwrap();
    let before = fixture.store.position().unwrap();
    let found = fixture.store.reconcile().unwrap();
    assert_eq!((found.unknown_places, found.new_epoch), (0, None));
    assert_eq!(fixture.store.position().unwrap(), before);
    let other = fixture.another_handle();
    assert_eq!(kind(&fixture.store.reconcile()), Some(Kind::Busy));
    drop(other);
}

#[test]
fn reconciling_does_not_make_a_handle_writable_that_was_opened_read_only() {
    let mut fixture = two_disks();
    fixture.close();
    let store = Store::open(fixture.path(), &StoreOptions::new().read_only(true)).unwrap();
    assert_eq!(store.reconcile().unwrap().new_epoch, None);
    assert_eq!(kind(&store.put(b"x", &PutOptions::default())), Some(Kind::Refused));
}

#[test]
fn a_rebuild_after_an_ordinary_loss_of_the_index_is_no_restored_backup() {
    let mut fixture = two_disks();
    fixture.store.put(&bytes(LARGE, 1), &on_tier(0)).unwrap();
    for _ in 0..2 {
        fixture.reopen_after(|store| fs::remove_dir_all(store.join("index")).unwrap());
        assert_eq!(fixture.store.new_epoch_cause(), Some(EpochCause::Rebuilt));
        assert_eq!(fixture.store.read_only_reason(), None);
        fixture.store.put(&bytes(LARGE, 2), &on_tier(0)).unwrap();
    }
}
