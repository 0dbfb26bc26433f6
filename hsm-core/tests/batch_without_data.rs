//! A batch takes objects without data too: a tree with many directories is then one commit, not many.

use hsm_core::object::{Attributes, Name};
use hsm_core::{Durability, Kind, PutOptions, Query, Store, StoreOptions};

#[test]
fn objects_with_and_without_data_go_in_together() {
    let store = Store::in_memory(&StoreOptions::new()).unwrap();
    let dataset = store.create_dataset("tree", &Attributes::new()).unwrap();
    let named = |key: &str| PutOptions::name(Name { dataset, key: key.into() });

    let mut batch = store.batch(true, Durability::Durable);
    batch.put_empty(&named("a")).unwrap();
    batch.put(b"bytes", &named("a/b")).unwrap();
    let answers = batch.commit().unwrap();

    let directory = store.object(answers[0].as_ref().unwrap().id).unwrap();
    assert!(directory.content.is_none() && directory.copies.is_empty());
    assert_eq!(store.get(answers[1].as_ref().unwrap().id).unwrap(), b"bytes");
    assert_eq!(store.objects(&Query::dataset(dataset)).count(), 2);
}

#[test]
fn what_exists_is_not_made_again() {
    let store = Store::in_memory(&StoreOptions::new()).unwrap();
    let dataset = store.create_dataset("tree", &Attributes::new()).unwrap();
    let options = PutOptions::name(Name { dataset, key: b"a".to_vec() });
    store.put(b"bytes", &options).unwrap();

    let mut batch = store.batch(false, Durability::Durable);
    batch.put_empty(&options).unwrap();
    batch.put_empty(&PutOptions::default()).unwrap();
    let answers = batch.commit().unwrap();

    assert_eq!(answers[0].as_ref().unwrap_err().kind(), Kind::Exists);
    assert!(answers[1].is_ok());
}
