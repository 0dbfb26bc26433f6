//! Parts that are given up, late or written over do no harm to the object that is committed.

use hsm_core::{Kind, PutOptions, Query};
use hsm_tests::fixture::{Fixture, kind};

const BLOCK: usize = 4096;

fn small_blocks() -> PutOptions {
    PutOptions { block_size: Some(BLOCK as u64), ..PutOptions::default() }
}

#[test]
fn a_part_that_is_written_after_the_commit_leaves_the_object_alone() {
    let fixture = Fixture::new();
    let other = fixture.another_handle();
    let parts = fixture.store.parts(&small_blocks()).unwrap();
    let token = parts.token();
    let joined = other.join_parts(&token).unwrap();
    let mut part = parts.part(0).unwrap();
    part.add(b"committed").unwrap();
    let receipt = part.finish().unwrap();
    let mut late = [parts.part(0).unwrap(), joined.part(0).unwrap()];
    let put = parts.commit(&[receipt]).unwrap();
    for part in &mut late {
        assert_eq!(kind(&part.add(&[7; 3 * BLOCK])), Some(Kind::NotFound));
    }
    assert_eq!(kind(&joined.part(0).unwrap().add(b"late")), Some(Kind::NotFound));
    assert_eq!(kind(&other.join_parts(&token)), Some(Kind::NotFound));
    assert_eq!(fixture.store.get(put.id).unwrap(), b"committed");
    fixture.store.verify(put.id, 0).unwrap();
}

#[test]
fn parts_without_a_receipt_are_no_part_of_the_object() {
    let fixture = Fixture::new();
    let parts = fixture.store.parts(&small_blocks()).unwrap();
    let write = |offset: usize, content: &[u8]| {
        let mut part = parts.part(offset as u64).unwrap();
        part.add(content).unwrap();
        part
    };
    write(3 * BLOCK, b"given up").finish().unwrap();
    drop(write(2 * BLOCK, b"never finished"));
    let receipts = [write(0, &[1; BLOCK]).finish().unwrap(), write(BLOCK, b"end").finish().unwrap()];
    let put = parts.commit(&receipts).unwrap();
    assert_eq!(fixture.store.get(put.id).unwrap(), [&[1; BLOCK][..], b"end"].concat());
    fixture.store.verify(put.id, 0).unwrap();
}

#[test]
fn a_part_that_was_written_over_is_not_committed() {
    let fixture = Fixture::new();
    let parts = fixture.store.parts(&small_blocks()).unwrap();
    let mut part = parts.part(0).unwrap();
    part.add(&[1; 2 * BLOCK]).unwrap();
    let receipt = part.finish().unwrap();
    // Its bytes are of nobody's receipt.
    parts.part(BLOCK as u64).unwrap().add(b"2").unwrap();
    assert!(parts.commit(&[receipt]).is_err());
    assert_eq!(fixture.store.objects(&Query::default()).count(), 0);
}
