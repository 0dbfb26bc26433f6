//! Tiers are administered while the store is in use, and every handle keeps to what was last said of them:
//! nothing goes where it should not, and no copy disappears that nobody gave up.

use std::fs;
use std::io::ErrorKind;
use std::time::Duration;

use hsm_core::file::Disk as _;
use hsm_core::object::{Attributes, TierConfig, TierState};
use hsm_core::testing::disk::SimDisk;
use hsm_core::{Durability, Error, Kind, PutOptions, Query, StoreOptions};
use hsm_tests::fixture::{Fixture, LARGE, SMALL, SimFixture, bytes, files_ending, kind, on_tier, tiers_of};

fn root_beside(fixture: &Fixture, name: &str) -> String {
    fixture.outside(name).display().to_string()
}

#[test]
fn a_new_store_has_five_tiers_and_puts_go_to_the_hottest() {
    let fixture = Fixture::new();
    let indexes: Vec<u8> = fixture.store.tiers().unwrap().iter().map(|usage| usage.config.index).collect();
    assert_eq!(indexes, [0, 1, 2, 3, 4]);
    let put = fixture.store.put(&bytes(SMALL, 1), &PutOptions::default()).unwrap();
    assert_eq!(tiers_of(&fixture.store, put.id), [0]);
    let usage = fixture.store.tier(0).unwrap();
    assert_eq!((usage.objects, usage.bytes), (1, SMALL as u64));
}

#[test]
fn a_tier_added_by_one_handle_is_used_by_another() {
    let fixture = Fixture::new();
    let other = fixture.another_handle();
    fixture.store.add_tier(&TierConfig::posix(9, root_beside(&fixture, "nine"))).unwrap();
    let put = other.put(&bytes(LARGE, 1), &on_tier(9)).unwrap();
    assert_eq!(fixture.store.get(put.id).unwrap(), bytes(LARGE, 1));
    assert_eq!(files_ending(&fixture.outside("nine"), ".obj").len(), 1);
}

#[test]
fn a_stale_handle_is_refused_by_a_tier_that_became_read_only() {
    let fixture = Fixture::new();
    let stale = fixture.another_handle();
    fixture.store.set_tier_state(2, TierState::ReadOnly).unwrap();
    for size in [SMALL, LARGE] {
        assert_eq!(kind(&stale.put(&bytes(size, 1), &on_tier(2))), Some(Kind::Refused));
    }
    assert_eq!(fixture.store.tier(2).unwrap().objects, 0);
    assert_eq!(stale.objects(&Query::default()).count(), 0);
}

#[test]
fn a_stale_handle_puts_again_on_a_tier_that_became_active_again() {
    let fixture = Fixture::new();
    fixture.store.set_tier_state(2, TierState::ReadOnly).unwrap();
    let stale = fixture.another_handle();
    fixture.store.set_tier_state(2, TierState::Active).unwrap();
    let put = stale.put(&bytes(SMALL, 1), &on_tier(2)).unwrap();
    assert_eq!(tiers_of(&stale, put.id), [2]);
}

#[test]
fn a_put_to_no_tier_in_particular_goes_to_the_next_when_the_hottest_closed_unnoticed() {
    for size in [SMALL, LARGE] {
        let fixture = Fixture::new();
        let stale = fixture.another_handle();
        fixture.store.set_tier_state(0, TierState::Draining).unwrap();
        let put = stale.put(&bytes(size, 1), &PutOptions::default()).unwrap();
        assert_eq!(tiers_of(&fixture.store, put.id), [1]);
        assert_eq!(fixture.store.get(put.id).unwrap(), bytes(size, 1));
    }
}

#[test]
fn a_stale_handle_puts_to_the_new_root_of_a_tier_that_was_retired_and_added_elsewhere() {
    for size in [SMALL, LARGE] {
        let fixture = Fixture::new();
        let stale = fixture.another_handle();
        // The stale handle has a pack open there.
        let first = stale.put(b"first", &on_tier(3)).unwrap();
        stale.purge(first.id).unwrap();
        fixture.store.retire_tier(3).unwrap();
        fixture.store.add_tier(&TierConfig::posix(3, root_beside(&fixture, "new"))).unwrap();
        let put = stale.put(&bytes(size, 1), &on_tier(3)).unwrap();
        assert_eq!(fixture.store.get(put.id).unwrap(), bytes(size, 1));
        assert_eq!(stale.get(put.id).unwrap(), bytes(size, 1));
        let suffix = if size == SMALL { ".pack" } else { ".obj" };
        assert_eq!(files_ending(&fixture.outside("new"), suffix).len(), 1);
        assert_eq!(files_ending(&fixture.path().join("tiers/3"), ".obj").len(), 0);
    }
}

#[test]
fn a_batch_of_a_stale_handle_goes_to_the_new_root_too() {
    let fixture = Fixture::new();
    let stale = fixture.another_handle();
    fixture.store.retire_tier(3).unwrap();
    fixture.store.add_tier(&TierConfig::posix(3, root_beside(&fixture, "new"))).unwrap();
    let mut batch = stale.batch(true, Durability::Durable);
    batch.put(&bytes(SMALL, 1), &on_tier(3)).unwrap();
    batch.put(&bytes(LARGE, 2), &on_tier(3)).unwrap();
    let puts: Vec<_> = batch.commit().unwrap().into_iter().map(Result::unwrap).collect();
    assert_eq!(fixture.store.get(puts[0].id).unwrap(), bytes(SMALL, 1));
    assert_eq!(fixture.store.get(puts[1].id).unwrap(), bytes(LARGE, 2));
}

#[test]
fn a_stale_handle_reads_what_lies_on_the_new_root_of_a_tier() {
    for size in [SMALL, LARGE] {
        let fixture = Fixture::new();
        let stale = fixture.another_handle();
        fixture.store.retire_tier(3).unwrap();
        fixture.store.add_tier(&TierConfig::posix(3, root_beside(&fixture, "new"))).unwrap();
        let put = fixture.store.put(&bytes(size, 1), &on_tier(3)).unwrap();
        assert_eq!(stale.get(put.id).unwrap(), bytes(size, 1));
        assert!(stale.verify(put.id, 3).is_ok());
    }
}

#[test]
fn a_root_that_belongs_to_someone_else_is_refused() {
    let fixture = Fixture::new();
    let stranger = Fixture::with_outside_tiers(1, StoreOptions::new());
    let root = stranger.outside("tier-0").display().to_string();
    assert_eq!(kind(&fixture.store.add_tier(&TierConfig::posix(7, root))), Some(Kind::Exists));
    assert_eq!(kind(&fixture.store.tier(7)), Some(Kind::NotFound));
    assert_eq!(kind(&fixture.store.add_tier(&TierConfig::posix(0, "elsewhere"))), Some(Kind::Exists));
}

#[test]
fn the_root_of_an_existing_tier_stays_where_it_is() {
    let fixture = Fixture::new();
    let config = TierConfig { root: root_beside(&fixture, "new"), ..fixture.store.tier(1).unwrap().config };
    assert_eq!(kind(&fixture.store.change_tier(&config)), Some(Kind::Invalid));
    assert!(!fixture.outside("new").exists());
}

#[test]
fn a_tier_takes_no_more_than_its_capacity() {
    let fixture = Fixture::new();
    let config = TierConfig { capacity_bytes: 10_000, ..fixture.store.tier(1).unwrap().config };
    fixture.store.change_tier(&config).unwrap();
    let first = fixture.store.put(&bytes(6000, 1), &on_tier(1)).unwrap();
    assert_eq!(kind(&fixture.store.put(&bytes(6000, 2), &on_tier(1))), Some(Kind::Full));
    let elsewhere = fixture.store.put(&bytes(6000, 3), &on_tier(0)).unwrap();
    assert_eq!(kind(&fixture.store.copy(elsewhere.id, None, 1)), Some(Kind::Full));
    assert_eq!(fixture.store.tier(1).unwrap().bytes, 6000);
    fixture.store.purge(first.id).unwrap();
    fixture.store.copy(elsewhere.id, None, 1).unwrap().unwrap();
}

#[test]
fn an_atomic_batch_is_measured_against_the_capacity_as_a_whole() {
    let fixture = Fixture::new();
    let config = TierConfig { capacity_bytes: 10_000, ..fixture.store.tier(1).unwrap().config };
    fixture.store.change_tier(&config).unwrap();
    let mut batch = fixture.store.batch(true, Durability::Durable);
    for seed in 0..3 {
        batch.put(&bytes(4000, seed), &on_tier(1)).unwrap();
    }
    assert!(batch.commit().unwrap().iter().all(|answer| kind(answer) == Some(Kind::Full)));
    assert_eq!(fixture.store.tier(1).unwrap().bytes, 0);
    let mut batch = fixture.store.batch(false, Durability::Durable);
    for seed in 0..3 {
        batch.put(&bytes(4000, seed), &on_tier(1)).unwrap();
    }
    assert_eq!(batch.commit().unwrap().iter().filter(|answer| answer.is_ok()).count(), 2);
}

#[test]
fn draining_moves_every_live_object_and_nothing_new_comes() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let small = store.put(&bytes(SMALL, 1), &on_tier(1)).unwrap();
    let large = store.put(&bytes(LARGE, 2), &on_tier(1)).unwrap();
    let empty = store.put(b"", &on_tier(1)).unwrap();
    let both = store.put(&bytes(LARGE, 3), &on_tier(1)).unwrap();
    store.copy(both.id, None, 4).unwrap();
    assert_eq!(store.drain_tier(1, 4).unwrap(), 4);
    for (put, content) in [(small, bytes(SMALL, 1)), (large, bytes(LARGE, 2)), (both, bytes(LARGE, 3))] {
        assert_eq!(tiers_of(store, put.id), [4]);
        assert_eq!(store.get(put.id).unwrap(), content);
    }
    assert_eq!(tiers_of(store, empty.id), [4]);
    assert_eq!(kind(&store.put(b"new", &on_tier(1))), Some(Kind::Refused));
    assert_eq!(store.tier(1).unwrap().objects, 0);
    store.retire_tier(1).unwrap();
    assert_eq!(kind(&store.tier(1)), Some(Kind::NotFound));
    assert_eq!(store.drain_tier(0, 4).unwrap(), 0);
}

#[test]
fn removed_objects_are_drained_too_and_can_be_brought_back_from_where_they_went() {
    let mut fixture = Fixture::new();
    let store = &fixture.store;
    let ids = [SMALL, LARGE, 0].map(|size| store.put(&bytes(size, 1), &on_tier(1)).unwrap().id);
    // One has a copy on the target already, that was never verified.
    store.copy(ids[1], None, 4).unwrap();
    let over = PutOptions { id: Some(ids[0]), ..on_tier(1) };
    store.put(&bytes(SMALL, 2), &over).unwrap();
    for id in ids {
        store.remove(id).unwrap();
    }
    assert_eq!(kind(&store.retire_tier(1)), Some(Kind::Exists));
    assert_eq!(store.drain_tier(1, 4).unwrap(), 3);
    assert_eq!(store.tier(1).unwrap().objects, 0);
    assert_eq!(kind(&store.get(ids[0])), Some(Kind::NotFound), "it is still removed");
    store.retire_tier(1).unwrap();
    fixture.reopen();
    for (id, content) in ids.into_iter().zip([bytes(SMALL, 2), bytes(LARGE, 1), Vec::new()]) {
        fixture.store.undelete(id).unwrap();
        assert_eq!(tiers_of(&fixture.store, id), [4]);
        assert_eq!(fixture.store.get(id).unwrap(), content);
    }
}

#[test]
fn purging_what_was_removed_lets_a_drained_tier_retire() {
    let fixture = Fixture::new();
    let put = fixture.store.put(&bytes(LARGE, 1), &on_tier(1)).unwrap();
    fixture.store.remove(put.id).unwrap();
    fixture.store.set_tier_state(1, TierState::Draining).unwrap();
    assert_eq!(kind(&fixture.store.retire_tier(1)), Some(Kind::Exists));
    fixture.store.purge(put.id).unwrap();
    fixture.store.retire_tier(1).unwrap();
}

#[test]
fn nothing_of_a_retired_tier_is_left_on_its_root_and_the_root_can_be_used_again() {
    let fixture = Fixture::with_outside_tiers(3, StoreOptions::new());
    let root = fixture.outside("tier-1");
    let stale = fixture.another_handle();
    for store in [&fixture.store, &stale] {
        store.put(&bytes(SMALL, 1), &on_tier(1)).unwrap();
        store.put(&bytes(LARGE, 2), &on_tier(1)).unwrap();
    }
    fs::write(root.join("somebody's"), b"else").unwrap();
    fixture.store.drain_tier(1, 2).unwrap();
    assert!(!files_ending(&root, ".pack").is_empty(), "packs outlive what was in them");
    fixture.store.retire_tier(1).unwrap();
    let left: Vec<_> = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["somebody's"]);
    // The other handle has a pack open there.
    assert_eq!(kind(&stale.put(&bytes(SMALL, 3), &on_tier(1))), Some(Kind::NotFound));
    assert_eq!(kind(&stale.put(&bytes(LARGE, 3), &on_tier(1))), Some(Kind::NotFound));
    fixture.store.add_tier(&TierConfig::posix(1, root.display().to_string())).unwrap();
    let put = stale.put(&bytes(SMALL, 4), &on_tier(1)).unwrap();
    assert_eq!(fixture.store.get(put.id).unwrap(), bytes(SMALL, 4));
    stale.close().unwrap();
    fixture.store.close().unwrap();
}

#[test]
fn a_root_that_cannot_be_read_when_its_tier_retires_is_cleared_by_the_first_open_that_can() {
    let mut fixture = SimFixture::new();
    let marker = |disk: &SimDisk| disk.metadata("/store/tiers/3/HSM-TIER".as_ref()).is_ok();
    let fail_reads = |disk: &SimDisk| {
        disk.fail_reads(ErrorKind::Other, |label| label.contains("store/tiers/3/"));
    };
    fail_reads(&fixture.disk);
    fixture.store.retire_tier(3).unwrap();
    assert!(marker(&fixture.disk));
    // As little can the next open; it opens all the same.
    let disk = fixture.disk.crash().process_crash();
    fail_reads(&disk);
    fixture.continue_on(disk);
    assert!(marker(&fixture.disk));
    fixture.continue_on(fixture.disk.crash().process_crash());
    assert!(!marker(&fixture.disk));
    assert!(fixture.disk.metadata("/store/orders".as_ref()).is_err(), "it is done");
}

#[test]
fn the_root_of_a_tier_that_was_lost_is_left_as_it_is() {
    let mut fixture = Fixture::with_outside_tiers(2, StoreOptions::new());
    fixture.store.put(&bytes(LARGE, 1), &on_tier(1)).unwrap();
    let (root, aside) = (fixture.outside("tier-1"), fixture.outside("aside"));
    fs::rename(&root, &aside).unwrap();
    fixture.store.lose_tier(1).unwrap();
    fixture.store.retire_tier(1).unwrap();
    fixture.reopen_after(|_| fs::rename(&aside, &root).unwrap());
    assert_eq!(files_ending(&root, ".obj").len(), 1, "whoever finds the disk may want what is on it");
    assert!(root.join("HSM-TIER").exists());
}

#[test]
fn losing_a_tier_strikes_off_its_copies_and_names_what_is_gone() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let safe = store.put(&bytes(LARGE, 1), &on_tier(1)).unwrap();
    store.copy(safe.id, None, 4).unwrap();
    let gone = store.put(&bytes(SMALL, 2), &on_tier(1)).unwrap();
    let removed = store.put(&bytes(SMALL, 3), &on_tier(1)).unwrap();
    store.remove(removed.id).unwrap();
    let mut lost = store.lose_tier(1).unwrap();
    lost.sort();
    let mut expected = vec![gone.id, removed.id];
    expected.sort();
    assert_eq!(lost, expected);
    assert_eq!(tiers_of(store, safe.id), [4]);
    assert_eq!(store.get(safe.id).unwrap(), bytes(LARGE, 1));
    assert_eq!(kind(&store.get(gone.id)), Some(Kind::Offline));
    assert!(store.object(gone.id).unwrap().content.is_some());
    assert_eq!(store.tier(1).unwrap().config.state, TierState::Lost);
    assert_eq!(kind(&store.put(b"new", &on_tier(1))), Some(Kind::Refused));
    assert_eq!(store.lose_tier(1).unwrap(), []);
    store.retire_tier(1).unwrap();
}

#[test]
fn losing_a_tier_goes_on_where_the_caller_stopped_it() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let gone = store.put(&bytes(SMALL, 1), &on_tier(1)).unwrap();
    let removed = store.put(&bytes(SMALL, 2), &on_tier(1)).unwrap();
    store.remove(removed.id).unwrap();
    let mut told = Vec::new();
    let stop = |id| {
        told.push(id);
        Err(Error::Cancelled { reason: "enough".to_owned() })
    };
    assert_eq!(kind(&store.lose_tier_each(1, stop)), Some(Kind::Cancelled));
    assert_eq!(told, [gone.id]);
    assert_eq!(store.tier(1).unwrap().config.state, TierState::Lost);
    assert_eq!(store.lose_tier(1).unwrap(), [removed.id]);
    store.retire_tier(1).unwrap();
}

#[test]
fn the_garbage_of_a_lost_tier_does_not_stand_in_the_way_of_others() {
    let mut fixture = Fixture::with_outside_tiers(2, StoreOptions::new().grace(Duration::ZERO));
    let ids: Vec<_> = (0..300)
        .map(|seed| {
            let options = PutOptions { durability: Durability::Relaxed, ..on_tier(0) };
            fixture.store.put(&bytes(66_000, seed), &options).unwrap().id
        })
        .collect();
    let there = fixture.store.put(&bytes(LARGE, 1), &on_tier(1)).unwrap();
    fs::rename(fixture.outside("tier-0"), fixture.outside("away")).unwrap();
    let mut batch = fixture.store.batch(false, Durability::Durable);
    for id in &ids {
        batch.remove(*id).unwrap();
    }
    batch.commit().unwrap();
    fixture.store.remove(there.id).unwrap();
    fixture.store.maintain().unwrap();
    assert_eq!(files_ending(&fixture.outside("tier-1"), ".obj").len(), 0, "of the tier in reach");
    fixture.store.lose_tier(0).unwrap();
    fixture.store.retire_tier(0).unwrap();
    fixture.reopen();
}

#[test]
fn a_tier_with_copies_does_not_retire() {
    let fixture = Fixture::new();
    let put = fixture.store.put(b"there", &on_tier(2)).unwrap();
    assert_eq!(kind(&fixture.store.retire_tier(2)), Some(Kind::Exists));
    fixture.store.move_object(put.id, 2, 3).unwrap();
    fixture.store.retire_tier(2).unwrap();
    assert_eq!(kind(&fixture.store.put(b"x", &on_tier(2))), Some(Kind::NotFound));
}

#[test]
fn losing_and_retiring_have_verbs_of_their_own() {
    let fixture = Fixture::new();
    for state in [TierState::Lost, TierState::Retired] {
        assert_eq!(kind(&fixture.store.set_tier_state(1, state)), Some(Kind::Invalid));
        let config = TierConfig { state, ..TierConfig::posix(8, "tiers/8") };
        assert_eq!(kind(&fixture.store.add_tier(&config)), Some(Kind::Invalid));
    }
}

#[test]
fn objects_above_the_threshold_have_files_and_full_packs_are_followed_by_new_ones() {
    let fixture = Fixture::new();
    let before = fixture.store.tier(1).unwrap().config;
    let config = TierConfig { pack_threshold_bytes: 500, pack_size_bytes: 4096, ..before };
    fixture.store.change_tier(&config).unwrap();
    let (packed, apart) = (fixture.store.put(&bytes(500, 1), &on_tier(1)), bytes(501, 2));
    let piece = |id| fixture.store.object(id).unwrap().copies[0].pieces[0];
    assert!(piece(packed.unwrap().id).packed);
    assert!(!piece(fixture.store.put(&apart, &on_tier(1)).unwrap().id).packed);
    for seed in 0..20 {
        fixture.store.put(&bytes(500, seed), &on_tier(1)).unwrap();
    }
    assert!(files_ending(&fixture.path().join("tiers/1"), ".pack").len() >= 3);
    fixture.store.change_tier(&TierConfig { pack_threshold_bytes: 0, ..config }).unwrap();
    assert!(!piece(fixture.store.put(b"x", &on_tier(1)).unwrap().id).packed);
}

#[test]
fn the_file_of_tiers_says_what_is_and_applies_what_is_wanted() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let exported = store.export_tiers().unwrap();
    let before = store.tiers().unwrap();
    store.apply_tiers(&exported).unwrap();
    assert_eq!(store.tiers().unwrap(), before, "applying what is changes nothing: {exported}");
    let root = root_beside(&fixture, "ten");
    let yaml = format!(
        "tiers:\n  - index: 1\n    root: tiers/1\n    state: read-only\n    capacity: 10 GiB\n    name: warm\n  \
         - index: 10\n    root: {root}\n    pack_threshold: 4 KiB\n    access: delayed\n"
    );
    store.apply_tiers(&yaml).unwrap();
    let changed = store.tier(1).unwrap().config;
    assert_eq!((changed.state, changed.capacity_bytes), (TierState::ReadOnly, 10 << 30));
    assert_eq!(changed.name, "warm");
    assert_eq!(store.tier(10).unwrap().config.pack_threshold_bytes, 4096);
    assert!(fixture.outside("ten").join("HSM-TIER").exists());
    assert_eq!(store.tier(2).unwrap().config, before[2].config);
}

#[test]
fn a_file_of_tiers_with_a_mistake_changes_nothing() {
    let fixture = Fixture::new();
    let before = fixture.store.tiers().unwrap();
    let events_before = fixture.store.position().unwrap();
    let good = "tiers:\n  - index: 1\n    root: tiers/1\n    name: renamed\n";
    for bad in [
        "  - index: 2\n    root: tiers/2\n    colour: red\n",
        "  - index: 2\n    root: tiers/2\n    state: asleep\n",
        "  - index: 2\n    root: tiers/2\n    state: lost\n",
        "  - index: 2\n    root: tiers/2\n    access: sometimes\n",
        "  - index: 2\n    root: tiers/2\n    backend: tape\n",
        "  - index: 2\n    root: tiers/2\n    capacity: 10 GB\n",
        "  - index: 2\n    root: tiers/2\n    pack_threshold: 2 MiB\n",
        "  - index: 2\n    root: tiers/2\n    pack_size: 12\n",
        "  - index: 2\n    root: tiers/2\n    low_watermark: 95\n",
        "  - index: 2\n    root: elsewhere\n",
        "  - index: 2\n    root: tiers/2\n    backend: memory\n",
        "  - index: 1\n    root: tiers/1\n    name: again\n",
        "  - index: 300\n    root: tiers/300\n",
        "  - index: 20\n    root: \"\"\n",
        "  - index: 20\n    root: tiers/20\n    state: lost\n",
    ] {
        let answer = fixture.store.apply_tiers(&format!("{good}{bad}"));
        assert_eq!(kind(&answer), Some(Kind::Invalid), "{bad}");
        assert_eq!(fixture.store.tiers().unwrap(), before, "{bad}");
    }
    assert_eq!(fixture.store.position().unwrap(), events_before);
}

#[test]
fn packs_in_which_nothing_lives_go_also_when_their_writer_is_gone() {
    let mut fixture = Fixture::new();
    let ids: Vec<_> =
        (0..5).map(|seed| fixture.store.put(&bytes(SMALL, seed), &on_tier(0)).unwrap().id).collect();
    fixture.reopen();
    assert_eq!(files_ending(&fixture.path(), ".pack").len(), 1);
    fixture.store.set_attributes(ids[0], &vec![("kept".into(), Some(vec![1]))]).unwrap();
    assert_eq!(fixture.store.drain_tier(0, 4).unwrap(), 5);
    fixture.store.maintain().unwrap();
    assert_eq!(files_ending(&fixture.path().join("tiers/0"), ".pack").len(), 0);
    let left = Attributes::from([("kept".to_owned(), vec![1])]);
    assert_eq!(fixture.store.object(ids[0]).unwrap().attributes, left);
}

#[test]
fn maintaining_removes_every_empty_pack_page_by_page_and_no_other() {
    let mut fixture = Fixture::new();
    let before = fixture.store.tier(0).unwrap().config;
    fixture.store.change_tier(&TierConfig { pack_size_bytes: 4096, ..before }).unwrap();
    // Each fills a pack of its own.
    let ids: Vec<_> =
        (0..25).map(|seed| fixture.store.put(&bytes(5000, seed), &on_tier(0)).unwrap().id).collect();
    let (kept, gone): (Vec<_>, Vec<_>) = ids.iter().enumerate().partition(|(at, _)| at % 4 == 0);
    for (_, id) in &gone {
        fixture.store.remove(**id).unwrap();
        fixture.store.purge(**id).unwrap();
    }
    assert_eq!(fixture.store.maintain().unwrap().packs_removed, gone.len() as u64);
    assert_eq!(files_ending(&fixture.path(), ".pack").len(), kept.len());
    fixture.reopen();
    for (at, id) in kept {
        assert_eq!(fixture.store.get(*id).unwrap(), bytes(5000, at as u64));
    }
}
