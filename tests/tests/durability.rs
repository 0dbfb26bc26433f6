//! What was acknowledged survives what it was promised to survive, and what does not survive is rolled back
//! whole.

use std::io::ErrorKind;

use hsm_core::journal::EpochCause;
use hsm_core::object::ObjectId;
use hsm_core::testing::disk::Keep;
use hsm_core::{Durability, Kind, PutOptions, Query, Store};
use hsm_tests::fixture::{Fixture, LARGE, SMALL, SimFixture, bytes, events, kind, on_tier};

fn relaxed() -> PutOptions {
    PutOptions { durability: Durability::Relaxed, ..PutOptions::default() }
}

fn is_journal_sync(label: &str) -> bool {
    label.starts_with("sync ") && label.contains("/journal/")
}

fn count(store: &Store) -> usize {
    store.objects(&Query::default()).count()
}

#[test]
fn relaxed_puts_survive_a_close_a_drop_and_the_death_of_the_process() {
    let mut fixture = Fixture::new();
    let first = fixture.store.put(&bytes(SMALL, 1), &relaxed()).unwrap().id;
    let second = fixture.store.put(&bytes(LARGE, 2), &relaxed()).unwrap().id;
    fixture.store = fixture.another_handle(); // The first handle is dropped, not closed.
    fixture.reopen();
    assert_eq!(fixture.store.get(first).unwrap(), bytes(SMALL, 1));
    assert_eq!(fixture.store.get(second).unwrap(), bytes(LARGE, 2));
    for index_too in [false, true] {
        let mut fixture = SimFixture::new();
        let ids = [SMALL, LARGE].map(|size| fixture.store.put(&bytes(size, 1), &relaxed()).unwrap().id);
        let image = fixture.disk.crash();
        fixture.disk.stop();
        let _ = fixture.store.close();
        if index_too {
            fixture.delete_index();
        }
        fixture.continue_on(image.process_crash());
        assert_eq!(fixture.store.get(ids[0]).unwrap(), bytes(SMALL, 1));
        assert_eq!(fixture.store.get(ids[1]).unwrap(), bytes(LARGE, 1));
    }
}

#[test]
fn one_durable_put_makes_any_number_of_relaxed_ones_durable() {
    let mut fixture = SimFixture::new();
    let mut ids: Vec<_> = (0..9)
        .map(|number| {
            let options = PutOptions { tier: Some(number % 3), ..relaxed() };
            let size = if number < 6 { LARGE } else { SMALL };
            (size, number, fixture.store.put(&bytes(size, number.into()), &options).unwrap().id)
        })
        .collect();
    let last = fixture.store.put(&bytes(SMALL, 99), &PutOptions::default()).unwrap().id;
    ids.push((SMALL, 99, last));
    fixture.lose_power(Keep::None, false);
    for (size, seed, id) in ids {
        assert_eq!(fixture.store.get(id).unwrap(), bytes(size, seed.into()));
    }
}

#[test]
fn durable_puts_survive_a_power_loss_that_keeps_nothing_else() {
    for index_too in [false, true] {
        let mut fixture = SimFixture::new();
        let ids = [0, SMALL, LARGE]
            .map(|size| (size, fixture.store.put(&bytes(size, 1), &PutOptions::default()).unwrap().id));
        fixture.store.move_object(ids[2].1, 0, 3).unwrap();
        fixture.lose_power(Keep::None, index_too);
        for (size, id) in ids {
            assert_eq!(fixture.store.get(id).unwrap(), bytes(size, 1));
        }
    }
}

#[test]
fn relaxed_puts_whose_bytes_are_missing_are_rolled_back_whole() {
    for index_too in [false, true] {
        for size in [SMALL, LARGE] {
            let mut fixture = SimFixture::new();
            let kept = fixture.store.put(&bytes(size, 1), &PutOptions::default()).unwrap();
            fixture.store.put(&bytes(size, 2), &PutOptions { id: Some(kept.id), ..relaxed() }).unwrap();
            let lost = fixture.store.put(&bytes(size, 3), &relaxed()).unwrap().id;
            assert_eq!(fixture.store.get(kept.id).unwrap(), bytes(size, 2));
            fixture.lose_power(Keep::None, index_too);
            assert_eq!(fixture.store.get(kept.id).unwrap(), bytes(size, 1), "the generation before");
            assert_eq!(kind(&fixture.store.get(lost)), Some(Kind::NotFound));
            assert_eq!(fixture.store.object(kept.id).unwrap().generation, kept.generation);
            fixture.store.put(b"on it goes", &PutOptions::default()).unwrap();
        }
    }
}

#[test]
fn a_relaxed_group_that_arrived_without_its_bytes_begins_a_new_epoch_when_it_is_cut() {
    for index_too in [false, true] {
        let mut fixture = SimFixture::new();
        let kept = fixture.store.put(&bytes(LARGE, 1), &PutOptions::default()).unwrap();
        let lost = fixture.store.put(&bytes(LARGE, 2), &relaxed()).unwrap();
        let pending = fixture.disk.pending();
        let data =
            pending.iter().position(|step| step.label.starts_with("write") && step.label.contains(".obj"));
        fixture.lose_power(Keep::AllBut(data.unwrap()), index_too);
        assert_eq!(fixture.store.new_epoch_cause(), Some(EpochCause::RolledBack));
        assert_eq!(kind(&fixture.store.get(lost.id)), Some(Kind::NotFound));
        assert_eq!(fixture.store.get(kept.id).unwrap(), bytes(LARGE, 1));
        assert_eq!(fixture.store.position().unwrap().epoch, 2);
        let next = fixture.store.put(b"x", &PutOptions::default()).unwrap();
        assert!(next.position > lost.position);
    }
}

#[test]
fn relaxed_puts_that_arrived_whole_stay() {
    for index_too in [false, true] {
        let mut fixture = SimFixture::new();
        let ids = [SMALL, LARGE].map(|size| fixture.store.put(&bytes(size, 1), &relaxed()).unwrap().id);
        fixture.lose_power(Keep::All, index_too);
        assert_eq!(fixture.store.get(ids[0]).unwrap(), bytes(SMALL, 1));
        assert_eq!(fixture.store.get(ids[1]).unwrap(), bytes(LARGE, 1));
    }
}

#[test]
fn a_sync_makes_relaxed_puts_durable_and_so_does_a_durable_put_of_anyone() {
    for by_sync in [true, false] {
        let mut fixture = SimFixture::new();
        let ids = [SMALL, LARGE].map(|size| fixture.store.put(&bytes(size, 1), &relaxed()).unwrap().id);
        let other = fixture.another_process();
        if by_sync {
            let position = other.sync().unwrap();
            assert_eq!(position, fixture.store.position().unwrap());
        } else {
            other.put(b"durable", &PutOptions::default()).unwrap();
        }
        fixture.lose_power(Keep::None, true);
        assert_eq!(fixture.store.get(ids[0]).unwrap(), bytes(SMALL, 1));
        assert_eq!(fixture.store.get(ids[1]).unwrap(), bytes(LARGE, 1));
        drop(other);
    }
}

#[test]
fn the_feed_shows_nothing_that_a_power_loss_can_undo() {
    let fixture = SimFixture::new();
    fixture.store.put(b"durable", &PutOptions::default()).unwrap();
    let before = events(&fixture.store).len();
    fixture.store.put(b"relaxed", &relaxed()).unwrap();
    assert_eq!(events(&fixture.store).len(), before);
    fixture.store.sync().unwrap();
    assert_eq!(events(&fixture.store).len(), before + 1);
}

#[test]
fn the_generation_before_a_relaxed_put_is_kept_until_that_is_durable() {
    for size in [SMALL, LARGE] {
        let mut fixture = SimFixture::new();
        let id = fixture.store.put(&bytes(size, 1), &PutOptions::default()).unwrap().id;
        // A second handle, so that the pack of the first is not one that is still appended to.
        let writer = fixture.another_process();
        fixture.store.close().unwrap();
        writer.put(&bytes(size, 2), &PutOptions { id: Some(id), ..relaxed() }).unwrap();
        let image = fixture.disk.crash();
        drop(image);
        let done = writer.maintain().unwrap();
        if size == LARGE {
            assert_eq!(done.files_removed, 0);
        }
        fixture.lose_power(Keep::None, true);
        let found = fixture.store.get(id).unwrap();
        assert!(found == bytes(size, 1) || found == bytes(size, 2));
        drop(writer);
    }
}

#[test]
fn a_failed_sync_of_data_fails_the_put_and_the_next_goes_elsewhere() {
    for (size, what) in [(SMALL, ".pack"), (LARGE, ".obj")] {
        let mut fixture = SimFixture::new();
        let before = fixture.store.put(&bytes(size, 1), &PutOptions::default()).unwrap();
        let position = fixture.store.position().unwrap();
        fixture
            .disk
            .fail_next(ErrorKind::Other, move |label| label.starts_with("sync") && label.ends_with(what));
        assert_eq!(kind(&fixture.store.put(&bytes(size, 2), &PutOptions::default())), Some(Kind::Io));
        assert_eq!(fixture.store.position().unwrap(), position);
        let after = fixture.store.put(&bytes(size, 3), &PutOptions::default()).unwrap();
        let place = |id: ObjectId| fixture.store.object(id).unwrap().copies[0].pieces[0].place;
        assert_ne!(place(before.id), place(after.id));
        fixture.lose_power(Keep::None, true);
        assert_eq!(fixture.store.get(before.id).unwrap(), bytes(size, 1));
        assert_eq!(fixture.store.get(after.id).unwrap(), bytes(size, 3));
        assert_eq!(count(&fixture.store), 2);
    }
}

#[test]
fn a_disk_that_is_full_when_a_pack_is_synced_fails_that_put_alone() {
    for keep in [Keep::None, Keep::All] {
        let mut fixture = SimFixture::new();
        let before = fixture.store.put(&bytes(SMALL, 1), &PutOptions::default()).unwrap().id;
        let position = fixture.store.position().unwrap();
        fixture
            .disk
            .fail_next(ErrorKind::StorageFull, |label| label.starts_with("sync ") && label.contains(".pack"));
        // There is no room for another segment either: the group is taken back where it stands.
        fixture.disk.fail_every(ErrorKind::StorageFull, |label| label.starts_with("create store/journal/"));
        assert_eq!(kind(&fixture.store.put(&bytes(SMALL, 2), &PutOptions::default())), Some(Kind::Full));
        assert_eq!(fixture.store.position().unwrap(), position);
        let after = fixture.store.put(&bytes(SMALL, 3), &PutOptions::default()).unwrap().id;
        fixture.lose_power(keep, true);
        assert_eq!(fixture.store.get(before).unwrap(), bytes(SMALL, 1));
        assert_eq!(fixture.store.get(after).unwrap(), bytes(SMALL, 3));
        assert_eq!(count(&fixture.store), 2);
    }
}

#[test]
fn a_change_whose_data_never_arrived_is_cut_off_by_the_next_open_and_added_to_by_nobody() {
    for index_too in [false, true] {
        let mut fixture = SimFixture::new();
        let kept = fixture.store.put(&bytes(SMALL, 1), &PutOptions::default()).unwrap().id;
        let seen = events(&fixture.store);
        let other = fixture.another_process();
        // Neither can its pack be synced, nor its group be cut off.
        fixture
            .disk
            .fail_next(ErrorKind::Other, |label| label.starts_with("sync ") && label.contains(".pack"));
        fixture.disk.fail_every(ErrorKind::Other, |label| label.starts_with("create store/journal/"));
        assert_eq!(kind(&fixture.store.put(&bytes(SMALL, 2), &PutOptions::default())), Some(Kind::Closed));
        fixture.disk.clear_failures();
        let piece = fixture.store.object(kept).unwrap().copies[0].pieces[0];
        let pack = format!("{:016x}.pack", piece.place.serial);
        let second = piece.offset + (piece.length + 72).next_multiple_of(8);
        fixture.disk.corrupt_medium(&pack, second + 100, 0x40).unwrap();
        assert_eq!(kind(&other.put(&bytes(SMALL, 3), &PutOptions::default())), Some(Kind::Closed));
        assert_eq!(other.get(kept).unwrap(), bytes(SMALL, 1));
        drop(other);
        let image = fixture.disk.crash();
        fixture.disk.stop();
        let _ = fixture.store.close();
        if index_too {
            fixture.delete_index();
        }
        fixture.continue_on(image.process_crash());
        assert_eq!(fixture.store.get(kept).unwrap(), bytes(SMALL, 1));
        assert_eq!(count(&fixture.store), 1);
        let after = fixture.store.put(&bytes(SMALL, 4), &PutOptions::default()).unwrap().id;
        fixture.lose_power(Keep::None, true);
        assert_eq!(fixture.store.get(after).unwrap(), bytes(SMALL, 4));
        assert_eq!(count(&fixture.store), 2);
        assert_eq!(events(&fixture.store)[..seen.len()], seen);
    }
}

#[test]
fn an_acknowledged_put_that_is_damaged_later_is_shown_as_that_by_a_rebuilt_index() {
    let mut fixture = SimFixture::new();
    let id = fixture.store.put(&bytes(SMALL, 1), &PutOptions::default()).unwrap().id;
    let piece = fixture.store.object(id).unwrap().copies[0].pieces[0];
    fixture.store.close().unwrap();
    let pack = format!("{:016x}.pack", piece.place.serial);
    fixture.disk.corrupt_medium(&pack, piece.offset + 100, 0x40).unwrap();
    fixture.lose_power(Keep::None, true);
    assert_eq!(count(&fixture.store), 1);
    assert_eq!(kind(&fixture.store.verify(id, 0)), Some(Kind::Corrupt));
}

#[test]
fn a_failed_sync_of_a_durable_put_takes_no_relaxed_put_along() {
    for by_another in [false, true] {
        let mut fixture = SimFixture::new();
        let durable = fixture.store.put(&bytes(SMALL, 1), &PutOptions::default()).unwrap().id;
        let serial = fixture.store.object(durable).unwrap().copies[0].pieces[0].place.serial;
        let id = fixture.store.put(&bytes(SMALL, 2), &relaxed()).unwrap().id;
        let other = fixture.another_process();
        let pack = format!("{serial:016x}.pack");
        fixture
            .disk
            .fail_next(ErrorKind::Other, move |label| label.starts_with("sync") && label.ends_with(&pack));
        assert_eq!(kind(&fixture.store.put(&bytes(SMALL, 3), &PutOptions::default())), Some(Kind::Io));
        let synced = if by_another { other.sync() } else { fixture.store.sync() };
        synced.unwrap();
        fixture.lose_power(Keep::None, true);
        assert_eq!(fixture.store.get(durable).unwrap(), bytes(SMALL, 1));
        assert_eq!(fixture.store.get(id).unwrap(), bytes(SMALL, 2), "it was synced");
        assert_eq!(count(&fixture.store), 2);
        drop(other);
    }
}

#[test]
fn a_failed_sync_of_a_directory_with_relaxed_puts_in_it_leaves_them_to_the_next_open() {
    for size in [SMALL, LARGE] {
        let mut fixture = SimFixture::new();
        let id = fixture.store.put(&bytes(size, 1), &relaxed()).unwrap().id;
        let other = fixture.another_process();
        fixture
            .disk
            .fail_next(ErrorKind::Other, |label| label.starts_with("syncdir") && label.contains("/data/"));
        let failed = fixture.store.put(&bytes(LARGE, 2), &PutOptions::default());
        assert_eq!(kind(&failed), Some(Kind::Io));
        for store in [&other, &fixture.store] {
            assert_eq!(kind(&store.sync()), Some(Kind::Closed), "it would prove nothing");
        }
        let image = fixture.disk.crash();
        fixture.continue_on(image.process_crash());
        assert_eq!(fixture.store.get(id).unwrap(), bytes(size, 1), "it was in the cache");
        fixture.lose_power(Keep::None, true);
        assert_eq!(fixture.store.get(id).unwrap(), bytes(size, 1), "the open made it durable");
        drop(other);
    }
}

#[test]
fn a_failed_sync_of_a_directory_fails_the_put() {
    let mut fixture = SimFixture::new();
    fixture
        .disk
        .fail_next(ErrorKind::Other, |label| label.starts_with("syncdir") && label.contains("/data/"));
    assert_eq!(kind(&fixture.store.put(&bytes(LARGE, 1), &PutOptions::default())), Some(Kind::Io));
    let after = fixture.store.put(&bytes(LARGE, 2), &PutOptions::default()).unwrap();
    fixture.lose_power(Keep::None, true);
    assert_eq!(fixture.store.get(after.id).unwrap(), bytes(LARGE, 2));
}

#[test]
fn a_failed_sync_of_the_journal_fails_the_put_which_then_never_happened() {
    for keep in [Keep::None, Keep::All] {
        for index_too in [false, true] {
            let mut fixture = SimFixture::new();
            let id = fixture.store.put(&bytes(SMALL, 1), &PutOptions::default()).unwrap().id;
            fixture.disk.fail_next(ErrorKind::Other, is_journal_sync);
            let failed = fixture.store.put(&bytes(SMALL, 2), &PutOptions::id(id));
            assert_eq!(kind(&failed), Some(Kind::Io));
            assert_eq!(fixture.store.get(id).unwrap(), bytes(SMALL, 1));
            let after = fixture.store.put(&bytes(SMALL, 3), &on_tier(1)).unwrap();
            let seen = events(&fixture.store);
            assert!(seen.windows(2).all(|pair| pair[0].position.number + 1 == pair[1].position.number));
            fixture.lose_power(keep, index_too);
            assert_eq!(fixture.store.get(id).unwrap(), bytes(SMALL, 1));
            assert_eq!(fixture.store.get(after.id).unwrap(), bytes(SMALL, 3));
            assert_eq!(events(&fixture.store)[..seen.len()], seen);
        }
    }
}

#[test]
fn a_failed_sync_of_relaxed_changes_puts_the_handle_out_of_use_and_the_next_open_finds_out() {
    for lost in [true, false] {
        let mut fixture = SimFixture::new();
        let kept = fixture.store.put(&bytes(SMALL, 1), &PutOptions::default()).unwrap().id;
        let id = fixture.store.put(&bytes(LARGE, 2), &relaxed()).unwrap().id;
        fixture.disk.fail_next(ErrorKind::Other, is_journal_sync);
        assert_eq!(kind(&fixture.store.sync()), Some(Kind::Closed));
        assert_eq!(kind(&fixture.store.put(b"x", &PutOptions::default())), Some(Kind::Closed));
        // A number that may be taken back is not told, and every answer says what happened; what is known is read.
        let answers = [fixture.store.position().map(drop), fixture.store.close()];
        for answer in answers {
            let said = answer.unwrap_err();
            assert_eq!(said.kind(), Kind::Closed);
            assert!(said.to_string().contains("relaxed changes could not be synced"), "{said}");
        }
        fixture.lose_power(if lost { Keep::None } else { Keep::All }, false);
        assert_eq!(fixture.store.get(kept).unwrap(), bytes(SMALL, 1));
        match fixture.store.get(id) {
            Ok(found) => assert_eq!(found, bytes(LARGE, 2)),
            Err(error) => assert_eq!(error.kind(), Kind::NotFound),
        }
        fixture.store.put(b"x", &PutOptions::default()).unwrap();
    }
}

#[test]
fn a_failed_sync_of_the_journal_stops_every_handle_while_relaxed_changes_wait() {
    type Use = fn(&Store) -> Option<Kind>;
    let uses: [Use; 4] = [
        |store| kind(&store.sync()),
        |store| kind(&store.put(b"x", &PutOptions::default())),
        |store| kind(&store.put_empty(&relaxed())),
        |store| kind(&store.snapshot()),
    ];
    for attempt in uses {
        let mut fixture = SimFixture::new();
        let other = fixture.another_process();
        // Without data: no place has to be synced.
        let id = fixture.store.put_empty(&relaxed()).unwrap().id;
        fixture.disk.fail_next(ErrorKind::Other, is_journal_sync);
        assert_eq!(kind(&fixture.store.sync()), Some(Kind::Closed));
        assert_eq!(attempt(&other), Some(Kind::Closed), "what the other says durable may be gone");
        let image = fixture.disk.crash();
        fixture.continue_on(image.process_crash());
        fixture.store.object(id).unwrap();
        fixture.lose_power(Keep::None, true);
        fixture.store.object(id).unwrap();
        drop(other);
    }
}

#[test]
fn relaxed_changes_that_a_failed_durable_put_should_have_synced_are_rolled_back_not_damage() {
    for (keep, index_too) in [(Keep::None, false), (Keep::None, true), (Keep::All, false), (Keep::All, true)]
    {
        let mut fixture = SimFixture::new();
        let kept = fixture.store.put(&bytes(SMALL, 1), &PutOptions::default()).unwrap().id;
        let id = fixture.store.put(&bytes(LARGE, 2), &relaxed()).unwrap().id;
        fixture.disk.fail_next(ErrorKind::Other, is_journal_sync);
        let failed = fixture.store.put(&bytes(SMALL, 3), &PutOptions::default());
        assert_eq!(kind(&failed), Some(Kind::Closed));
        fixture.lose_power(keep, index_too);
        assert_eq!(fixture.store.read_only_reason(), None, "{keep:?}, {index_too}");
        assert_eq!(fixture.store.get(kept).unwrap(), bytes(SMALL, 1));
        if let Err(error) = fixture.store.get(id) {
            assert_eq!(error.kind(), Kind::NotFound);
        }
        fixture.store.put(b"x", &PutOptions::default()).unwrap();
    }
}

#[test]
fn a_pack_that_is_empty_only_by_relaxed_changes_stays_until_they_are_durable() {
    let mut fixture = SimFixture::new();
    let config = fixture.store.tier(0).unwrap().config;
    let config = hsm_core::object::TierConfig { pack_size_bytes: 4096, ..config };
    fixture.store.change_tier(&config).unwrap();
    // The first fills its pack, so that nobody appends to that any more.
    let id = fixture.store.put(&bytes(5000, 1), &PutOptions::default()).unwrap().id;
    fixture.store.put(&bytes(SMALL, 2), &PutOptions::default()).unwrap();
    fixture.store.put(&bytes(SMALL, 3), &PutOptions { id: Some(id), ..relaxed() }).unwrap();
    assert_eq!(fixture.store.maintain().unwrap().packs_removed, 1);
    fixture.lose_power(Keep::None, true);
    assert_eq!(fixture.store.get(id).unwrap(), bytes(SMALL, 3), "maintaining made it durable first");
}

#[test]
fn relaxed_changes_at_the_end_of_a_segment_are_durable_with_the_next_durable_one() {
    for index_too in [false, true] {
        // Each group begins a segment.
        let mut fixture = SimFixture::with(hsm_core::StoreOptions::new().segment_bytes(100));
        let ids = [1, 2].map(|seed| fixture.store.put(&bytes(SMALL, seed), &relaxed()).unwrap().id);
        let durable = fixture.store.put(&bytes(SMALL, 3), &PutOptions::default()).unwrap().id;
        fixture.lose_power(Keep::None, index_too);
        assert_eq!(fixture.store.read_only_reason(), None);
        for (id, seed) in [(ids[0], 1), (ids[1], 2), (durable, 3)] {
            assert_eq!(fixture.store.get(id).unwrap(), bytes(SMALL, seed));
        }
    }
}

#[test]
fn what_an_open_keeps_after_a_failed_sync_it_makes_durable() {
    for by_put in [false, true] {
        let mut fixture = SimFixture::new();
        let id = fixture.store.put(&bytes(LARGE, 1), &relaxed()).unwrap().id;
        fixture.disk.fail_next(ErrorKind::Other, is_journal_sync);
        let failed = if by_put {
            kind(&fixture.store.put(&bytes(SMALL, 2), &PutOptions::default()))
        } else {
            kind(&fixture.store.sync())
        };
        assert_eq!(failed, Some(Kind::Closed));
        let image = fixture.disk.crash();
        fixture.continue_on(image.process_crash());
        assert_eq!(fixture.store.get(id).unwrap(), bytes(LARGE, 1), "it was in the cache");
        let durable = fixture.store.put(&bytes(SMALL, 3), &PutOptions::default()).unwrap().id;
        fixture.lose_power(Keep::None, true);
        assert_eq!(fixture.store.read_only_reason(), None);
        assert_eq!(fixture.store.get(id).unwrap(), bytes(LARGE, 1));
        assert_eq!(fixture.store.get(durable).unwrap(), bytes(SMALL, 3));
    }
}

#[test]
fn a_failed_sync_of_a_directory_fails_that_put_and_the_next_goes_to_another_directory() {
    for len in [SMALL, LARGE] {
        let fixture = SimFixture::new();
        fixture.disk.fail_next(ErrorKind::Other, |label| {
            label.starts_with("syncdir store/tiers/0/data/") && label.ends_with("/0000000000000000")
        });
        assert_eq!(kind(&fixture.store.put(&bytes(len, 1), &PutOptions::default())), Some(Kind::Io));
        let id = fixture.store.put(&bytes(len, 2), &PutOptions::default()).unwrap().id;
        let place = fixture.store.object(id).unwrap().copies[0].pieces[0].place;
        assert_eq!(place.serial, 1024, "the first of the next directory");
        assert_eq!(fixture.store.get(id).unwrap(), bytes(len, 2));
    }
}
