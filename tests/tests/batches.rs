//! What a batch holds in memory is bounded, whatever it is that it holds.

use hsm_core::object::{Attributes, ObjectId};
use hsm_core::{Batch, Durability, Kind, PutOptions, Result};
use hsm_tests::fixture::{Fixture, bytes, kind, name};

const MIB: usize = 1 << 20;

fn attributes() -> Attributes {
    (0..4).map(|number| (format!("{number}"), bytes(60_000, number))).collect()
}

/// Adds until the batch is full; says how often, and why it was refused.
fn fill(batch: &mut Batch, mut add: impl FnMut(&mut Batch) -> Result<()>) -> (usize, String) {
    for added in 0..10_000 {
        if let Err(error) = add(batch) {
            assert_eq!(error.kind(), Kind::Invalid);
            return (added, error.to_string());
        }
    }
    panic!("10 000 changes of any size fit");
}

/// Adds something to a batch.
type Add<'a> = dyn FnMut(&mut Batch) -> Result<()> + 'a;

#[test]
fn attributes_count_in_what_a_batch_holds() {
    let fixture = Fixture::new();
    let with_attributes = PutOptions { attributes: attributes(), ..PutOptions::default() };
    let updates: Vec<_> =
        attributes().iter().map(|(name, value)| (name.to_owned(), Some(value.to_vec()))).collect();
    let mut id = 0;
    let mut next = || {
        id += 1;
        ObjectId([id; 16])
    };
    let adds: [&mut Add<'_>; 3] = [
        &mut |batch| batch.put_empty(&with_attributes),
        &mut |batch| batch.put(b"x", &with_attributes),
        &mut |batch| batch.set_attributes(next(), updates.clone()),
    ];
    for add in adds {
        let mut batch = fixture.store.batch(true, Durability::Durable);
        let (added, said) = fill(&mut batch, add);
        assert!(added.abs_diff(16 * MIB / (4 * 60_000 + 4)) <= 1, "{added}");
        assert!(said.contains("commit it first"), "{said}");
        assert_eq!(batch.len(), added, "what was refused is not in it");
    }
}

#[test]
fn a_batch_full_of_attributes_is_committed_and_another_goes_on() {
    let fixture = Fixture::new();
    let mut batch = fixture.store.batch(false, Durability::Durable);
    let options = PutOptions { attributes: attributes(), ..PutOptions::default() };
    fill(&mut batch, |batch| batch.put_empty(&options));
    assert!(batch.commit().unwrap().iter().all(Result::is_ok));
    let mut batch = fixture.store.batch(true, Durability::Durable);
    batch.put_empty(&options).unwrap();
    assert!(batch.commit().unwrap().iter().all(Result::is_ok));
}

#[test]
fn keys_count_in_what_a_batch_holds() {
    let fixture = Fixture::new();
    let data = fixture.dataset("data");
    let mut batch = fixture.store.batch(true, Durability::Durable);
    let mut number = 0;
    let mut key = || {
        number += 1;
        format!("{number:04096}")
    };
    let (added, _) = fill(&mut batch, |batch| batch.put_empty(&PutOptions::name(name(data, key()))));
    assert_eq!(added, 16 * MIB / 4096);
    assert_eq!(kind(&batch.remove(ObjectId([1; 16]))), None, "a change without bytes fits");
}
