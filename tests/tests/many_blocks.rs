//! Objects of more blocks than digests are held in memory: those lie aside meanwhile, and nothing of that stays.

use hsm_core::object::TierState;
use hsm_core::{Durability, GetOptions, Kind, PartReceipt, Parts, PutOptions};
use hsm_tests::fixture::{Fixture, bytes, files_ending, kind, tiers_of};

const BLOCK: usize = 4096;
/// Many times what is held in memory in a build for tests.
const SIZE: usize = 100 * BLOCK + 77;

fn small_blocks() -> PutOptions {
    PutOptions { block_size: Some(BLOCK as u64), ..PutOptions::default() }
}

/// The places that are files of their own.
fn places(fixture: &Fixture) -> usize {
    files_ending(&fixture.path(), ".obj").len()
}

#[test]
fn digests_lie_aside_while_an_object_is_written_and_are_gone_with_its_commit() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let mut content = bytes(SIZE, 1);
    let mut writer = store.writer(&small_blocks()).unwrap();
    writer.add(&content).unwrap();
    assert_eq!(places(&fixture), 2, "the object, and its digests");
    let id = writer.commit().unwrap().id;
    assert_eq!(places(&fixture), 1);
    store.copy(id, None, 1).unwrap();
    assert_eq!(places(&fixture), 2, "one a copy");
    content.splice(5000..5000 + 50 * BLOCK, bytes(50 * BLOCK, 2));
    store.put_at(id, 5000, &content[5000..5000 + 50 * BLOCK], Durability::Durable).unwrap();
    assert_eq!(store.get(id).unwrap(), content);
    store.verify(id, 0).unwrap();
    store.maintain().unwrap();
    assert_eq!(places(&fixture), 2, "the object in two pieces");
}

#[test]
fn what_was_given_up_leaves_no_digests() {
    let fixture = Fixture::new();
    let mut writer = fixture.store.writer(&small_blocks()).unwrap();
    writer.add(&bytes(SIZE, 1)).unwrap();
    drop(writer);
    assert_eq!(places(&fixture), 0);
}

#[test]
fn a_put_of_many_blocks_follows_its_tier_when_that_takes_no_data_any_more() {
    let fixture = Fixture::new();
    let content = bytes(SIZE, 1);
    let mut writer = fixture.store.writer(&small_blocks()).unwrap();
    writer.add(&content).unwrap();
    fixture.another_handle().set_tier_state(0, TierState::ReadOnly).unwrap();
    let id = writer.commit().unwrap().id;
    assert_eq!(tiers_of(&fixture.store, id), [1]);
    assert_eq!(fixture.store.get(id).unwrap(), content);
    assert_eq!(places(&fixture), 1);
}

fn write(parts: &Parts, from: usize, content: &[u8]) -> PartReceipt {
    let mut part = parts.part(from as u64).unwrap();
    content.chunks(3001).for_each(|run| part.add(run).unwrap());
    part.finish().unwrap()
}

#[test]
fn a_receipt_is_as_long_for_a_large_part_as_for_a_small_one() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let content = bytes(SIZE, 1);
    let parts = store.parts(&small_blocks()).unwrap();
    let (begin, end) = content.split_at(BLOCK);
    let (small, large) = (write(&parts, 0, begin), write(&parts, BLOCK, end));
    assert_eq!(small.to_bytes(store).len(), large.to_bytes(store).len());
    let id = parts.commit(&[large, small]).unwrap().id;
    assert_eq!(store.get(id).unwrap(), content);
    assert_eq!(store.reader(id, &GetOptions::default()).unwrap().object().size(), SIZE as u64);
    assert_eq!(places(&fixture), 1);
}

#[test]
fn a_receipt_of_a_part_that_was_written_again_with_other_bytes_is_refused() {
    let fixture = Fixture::new();
    let parts = fixture.store.parts(&small_blocks()).unwrap();
    let first = write(&parts, 0, &bytes(SIZE, 1));
    let second = write(&parts, 0, &bytes(SIZE, 2));
    assert_ne!(first, second);
    assert_eq!(kind(&parts.commit(&[first])), Some(Kind::Conflict));
    assert_eq!(places(&fixture), 0);
}
