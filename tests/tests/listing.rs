//! Names lead where they were put, and a listing shows each object that was there throughout exactly once.

use std::collections::BTreeMap;
use std::time::Duration;

use hsm_core::object::{Attributes, ObjectId};
use hsm_core::{Durability, Kind, Listed, PutOptions, Query, Store, StoreOptions};
use hsm_tests::fixture::{Fixture, ManualClock, bytes, kind, name, on_tier};

fn ids(store: &Store, query: &Query) -> Vec<ObjectId> {
    store.objects(query).map(|item| item.unwrap().1.id).collect()
}

#[test]
fn an_object_keeps_its_other_names_when_the_first_goes() {
    let mut fixture = Fixture::new();
    let (one, two) = (fixture.dataset("one"), fixture.dataset("two"));
    let id = fixture.store.put(b"x", &PutOptions::name(name(one, "first"))).unwrap().id;
    let others = [name(one, "second"), name(two, "first")];
    for other in &others {
        fixture.store.add_name(id, other).unwrap();
        assert_eq!(kind(&fixture.store.add_name(id, other)), Some(Kind::Exists));
    }
    fixture.reopen();
    let sorted = |mut names: Vec<_>| {
        names.sort();
        names
    };
    let all = [&others[..], &[name(one, "first")]].concat();
    assert_eq!(sorted(fixture.store.names(id).unwrap()), sorted(all));
    fixture.store.remove_name(&name(one, "first")).unwrap();
    assert_eq!(sorted(fixture.store.names(id).unwrap()), sorted(others.to_vec()));
    assert!(others.contains(&fixture.store.object(id).unwrap().name.unwrap()));
    assert_eq!(kind(&fixture.store.find(&name(one, "first"))), Some(Kind::NotFound));
    assert_eq!(kind(&fixture.store.remove_name(&name(one, "first"))), Some(Kind::NotFound));
    for other in &others {
        assert_eq!(fixture.store.find(other).unwrap(), id);
        fixture.store.remove_name(other).unwrap();
    }
    assert_eq!(fixture.store.object(id).unwrap().name, None);
    assert_eq!(fixture.store.get(id).unwrap(), b"x");
    assert_eq!(fixture.store.dataset("one").unwrap().keys, 0);
}

#[test]
fn names_are_listed_page_by_page_while_others_come_and_go() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.dataset("one"), fixture.dataset("two"));
    let keys = ["a", "b", "c", "d"];
    let all = [one, two].map(|dataset| keys.map(|key| name(dataset, key))).concat();
    let id = fixture.store.put(b"x", &PutOptions::name(all[5].clone())).unwrap().id;
    for other in all.iter().filter(|other| **other != all[5]) {
        fixture.store.add_name(id, other).unwrap();
    }
    assert_eq!(fixture.store.names(id).unwrap(), all);
    let first = fixture.store.names_page(id, None, 3).unwrap();
    assert_eq!(first.names, all[..3]);
    // The name that the page ended with goes, and with it nothing else.
    fixture.store.remove_name(&all[2]).unwrap();
    let mut listed = first.names;
    let mut after = first.next;
    while after.is_some() {
        let page = fixture.store.names_page(id, after.as_ref(), 3).unwrap();
        assert!(page.names.len() <= 3);
        listed.extend(page.names);
        after = page.next;
    }
    assert_eq!(listed, all);
    let other_listing = fixture.store.page(&Query::default(), None, 1).unwrap().next;
    assert_eq!(kind(&fixture.store.names_page(id, other_listing.as_ref(), 3)), Some(Kind::Invalid));
}

#[test]
fn a_page_of_objects_with_large_attributes_is_short() {
    let fixture = Fixture::new();
    let attributes: Attributes =
        ["a", "b", "c"].map(|name| (name.to_owned(), vec![7; 64 << 10])).into_iter().collect();
    let options = PutOptions { attributes, ..PutOptions::default() };
    let mut batch = fixture.store.batch(true, Durability::Relaxed);
    let objects = 40;
    for _ in 0..objects {
        batch.put(b"x", &options).unwrap();
    }
    assert!(batch.commit().unwrap().iter().all(Result::is_ok));
    let first = fixture.store.page(&Query::default(), None, 1000).unwrap();
    assert!(first.next.is_some() && first.items.len() * (192 << 10) < 5 << 20, "{}", first.items.len());
    assert_eq!(ids(&fixture.store, &Query::default()).len(), objects);
}

#[test]
fn datasets_are_listed_page_by_page_and_removed_only_when_empty() {
    let fixture = Fixture::new();
    let mut names: Vec<String> = (0..25).map(|number| format!("set {number:02} é")).collect();
    let created: Vec<_> = names.iter().rev().map(|name| fixture.dataset(name)).collect();
    names.sort();
    let mut listed = Vec::new();
    loop {
        let page = fixture.store.datasets(listed.last().map(String::as_str), 7).unwrap();
        if page.is_empty() {
            break;
        }
        listed.extend(page.into_iter().map(|dataset| dataset.name));
    }
    assert_eq!(listed, names);
    assert_eq!(kind(&fixture.store.create_dataset(&names[0], &Attributes::new())), Some(Kind::Exists));
    for bad in ["", &"x".repeat(256)] {
        assert_eq!(kind(&fixture.store.create_dataset(bad, &Attributes::new())), Some(Kind::Invalid));
    }
    let put = fixture.store.put(b"x", &PutOptions::name(name(created[0], "k"))).unwrap();
    assert_eq!(kind(&fixture.store.remove_dataset(created[0])), Some(Kind::Exists));
    fixture.store.remove(put.id).unwrap();
    fixture.store.remove_dataset(created[0]).unwrap();
    assert_eq!(fixture.store.undelete(put.id).unwrap(), None, "its dataset is gone");
    let answer = fixture.store.put(b"x", &PutOptions::name(name(created[0], "k")));
    assert_eq!(kind(&answer), Some(Kind::NotFound));
    let again = fixture.dataset(&names[24]);
    assert_ne!(again, created[0]);
}

#[test]
fn every_filter_of_a_query_finds_what_it_says() {
    let clock = ManualClock::new();
    let fixture = Fixture::with(StoreOptions::new().clock(clock.clone()));
    let store = &fixture.store;
    let data = fixture.dataset("data");
    let now = || store.object(store.put(b"", &PutOptions::default()).unwrap().id).unwrap().created_ns;
    let begin = now();
    let mut made = BTreeMap::new();
    for number in 0..10_u8 {
        clock.advance(Duration::from_secs(1));
        let attributes = Attributes::from([("parity".to_owned(), vec![number % 2])]);
        let options = PutOptions { attributes, ..on_tier(number % 3) };
        let options = PutOptions { name: Some(name(data, format!("{number}"))), ..options };
        made.insert(number, store.put(&bytes(usize::from(number) * 10, 1), &options).unwrap().id);
    }
    let of = |query: Query| -> Vec<u8> {
        let found = ids(store, &query);
        let mut found: Vec<u8> =
            made.iter().filter(|(_, id)| found.contains(id)).map(|(key, _)| *key).collect();
        found.sort_unstable();
        found
    };
    let all = Query::default;
    let second = 1_000_000_000;
    assert_eq!(of(all()), (0..10).collect::<Vec<_>>());
    assert_eq!(of(Query::tier(1)), [1, 4, 7]);
    assert_eq!(of(Query { not_on_tier: Some(1), ..all() }), [0, 2, 3, 5, 6, 8, 9]);
    assert_eq!(of(Query { size_min: Some(80), ..all() }), [8, 9]);
    assert_eq!(of(Query { size_max: Some(10), ..all() }), [0, 1]);
    assert_eq!(of(Query { created_from_ns: Some(begin + 9 * second), ..all() }), [8, 9]);
    assert_eq!(of(Query { created_before_ns: Some(begin + 2 * second), ..all() }), [0]);
    assert_eq!(of(Query { attribute: Some(("parity".into(), Some(vec![1]))), ..all() }), [1, 3, 5, 7, 9]);
    assert_eq!(of(Query { attribute: Some(("parity".into(), None)), ..Query::tier(0) }), [0, 3, 6, 9]);
    assert_eq!(of(Query { key_prefix: b"7".to_vec(), ..Query::dataset(data) }), [7]);
    assert_eq!(kind(&store.page(&Query { key_prefix: vec![1], ..all() }, None, 1)), Some(Kind::Invalid));
    store.put(b"again", &PutOptions::id(made[&2])).unwrap();
    assert_eq!(of(Query { modified_from_ns: Some(begin + 10 * second), ..all() }), [2, 9]);
    assert_eq!(of(Query { modified_before_ns: Some(begin + 5 * second), ..all() }), [0, 1, 3]);
    assert_eq!(of(Query { created_before_ns: Some(begin + 4 * second), ..all() }), [0, 1, 2]);
    store.remove(made[&5]).unwrap();
    assert_eq!(of(Query { removed: true, ..all() }), [5]);
    assert!(!of(all()).contains(&5));
    assert!(!of(Query::dataset(data)).contains(&5));
}

#[test]
fn what_is_there_throughout_a_listing_appears_exactly_once() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let data = fixture.dataset("data");
    let put = |key: u32| store.put_empty(&PutOptions::name(name(data, format!("{key:05}")))).unwrap().id;
    let mut batch = Vec::new();
    for key in 0..200 {
        batch.push((key, put(key * 10)));
    }
    for query in [Query::default(), Query::dataset(data)] {
        for limit in [1, 3, 50] {
            let (mut after, mut seen, mut round) = (None, BTreeMap::new(), 0_u32);
            let mut passing = Vec::new();
            loop {
                let page = store.page(&query, after.as_ref(), limit).unwrap();
                let mut last = None;
                for (_, object) in page.items {
                    *seen.entry(object.id).or_insert(0) += 1;
                    last = Some(object.id);
                }
                // Others come and go, before and behind, the one the cursor stands at among them.
                round += 1;
                if round.is_multiple_of(5) {
                    passing.push(put(round * 7 % 2000 / 10 * 10 + 1 + limit as u32));
                    passing.push(put(1999 - round % 9 * 10));
                    let gone: Vec<_> = passing.iter().filter(|id| last != Some(**id)).copied().collect();
                    for id in last.into_iter().filter(|id| passing.contains(id)).chain(gone) {
                        store.purge(id).unwrap();
                    }
                    passing.clear();
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            for (key, id) in &batch {
                assert_eq!(seen.get(id), Some(&1), "{key}, pages of {limit}");
            }
        }
    }
}

#[test]
fn a_cursor_of_one_listing_is_refused_by_another() {
    let fixture = Fixture::new();
    let data = fixture.dataset("data");
    for key in ["a", "b"] {
        fixture.store.put_empty(&PutOptions::name(name(data, key))).unwrap();
    }
    let cursor = fixture.store.page(&Query::default(), None, 1).unwrap().next.unwrap();
    assert_eq!(kind(&fixture.store.page(&Query::dataset(data), Some(&cursor), 1)), Some(Kind::Invalid));
    let cursor = fixture.store.page(&Query::dataset(data), None, 1).unwrap().next.unwrap();
    assert_eq!(kind(&fixture.store.page(&Query::default(), Some(&cursor), 1)), Some(Kind::Invalid));
}

#[test]
fn a_dataset_counts_its_keys_through_every_change() {
    let mut fixture = Fixture::new();
    let data = fixture.dataset("data");
    let mut batch = fixture.store.batch(true, Durability::Durable);
    for key in 0..10 {
        batch.put(b"x", &PutOptions::name(name(data, format!("{key}")))).unwrap();
    }
    let puts: Vec<_> = batch.commit().unwrap().into_iter().map(Result::unwrap).collect();
    fixture.store.add_name(puts[0].id, &name(data, "more")).unwrap();
    fixture.store.remove(puts[0].id).unwrap();
    fixture.store.purge(puts[1].id).unwrap();
    fixture.store.put(b"again", &PutOptions::name(name(data, "2"))).unwrap();
    fixture.store.remove_name(&name(data, "3")).unwrap();
    assert_eq!(fixture.store.dataset("data").unwrap().keys, 7);
    fixture.store.undelete(puts[0].id).unwrap();
    fixture.reopen_after(|store| std::fs::remove_dir_all(store.join("index")).unwrap());
    assert_eq!(fixture.store.dataset("data").unwrap().keys, 8);
    assert_eq!(fixture.store.objects(&Query::dataset(data)).count(), 8);
}

#[test]
fn an_object_in_the_place_of_another_says_what_one_that_is_made_says_and_nothing_of_the_one_before() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let dataset = fixture.dataset("one");
    let mut full = PutOptions::name(name(dataset, "full"));
    full.attributes.extend([("project", "climate"), ("é", "")]);
    full.digests = vec![hsm_core::integrity::Algorithm::Sha256];
    let id = store.put(b"content", &full).unwrap().id;
    store.copy(id, None, 1).unwrap();
    store.add_name(id, &name(dataset, "second")).unwrap();
    store.put_empty(&PutOptions::default()).unwrap();
    store.put(b"", &PutOptions::name(name(dataset, "third"))).unwrap();
    for query in [Query::default(), Query::dataset(dataset)] {
        let made = store.page(&query, None, 100).unwrap().items;
        let mut page = store.page(&query, None, 100).unwrap().items;
        assert_eq!(made.len(), 3);
        let (mut listed, mut attributes) = (Listed::default(), Attributes::from([("before", "1")]));
        for (key, object) in made {
            assert!(page.next_into(&mut listed));
            assert_eq!(listed.found_key(), key);
            assert_eq!(listed.first_key(), object.name.as_ref().map_or(&[][..], |name| &name.key));
            listed.attributes_into(&mut attributes);
            assert_eq!(attributes, object.attributes);
            assert_eq!(listed.object(), &object);
            let whole = Listed::from(object);
            assert_eq!(listed.summary(), whole.summary());
            whole.attributes_into(&mut attributes);
            assert_eq!(
                (attributes == whole.object().attributes, whole.first_key()),
                (true, listed.first_key())
            );
        }
        assert!(!page.next_into(&mut listed));
    }
}

/// Ids of a whole store, listed in pages of so many.
fn listed(store: &Store, limit: usize) -> Vec<ObjectId> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.page(&Query::default(), after.as_ref(), limit).unwrap();
        found.extend(page.items.map(|(_, object)| object.id));
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

#[test]
fn a_whole_store_is_listed_in_the_order_of_arrival_whoever_chose_the_ids() {
    let mut fixture = Fixture::with(StoreOptions::new().grace(Duration::from_mins(1)));
    let mut arrived = Vec::new();
    for number in 0..20_u8 {
        let options = match number % 3 {
            0 => PutOptions::default(),
            _ => PutOptions::id(ObjectId([number.wrapping_mul(151); 16])),
        };
        arrived.push(fixture.store.put(&[number], &options).unwrap().id);
        // Changes that make no object come between.
        fixture.store.set_attributes(arrived[0], &vec![("seen".into(), Some(vec![number]))]).unwrap();
    }
    assert!(!arrived.is_sorted());
    fixture.store.put(b"over it", &PutOptions::id(arrived[3])).unwrap();
    fixture.store.remove(arrived[5]).unwrap();
    fixture.store.undelete(arrived[5]).unwrap();
    fixture.store.purge(arrived[7]).unwrap();
    arrived.remove(7);
    // Another object with the id of one that was removed comes last; many of one group come as they are.
    fixture.store.remove(arrived[2]).unwrap();
    let again = arrived.remove(2);
    fixture.store.put(b"another", &PutOptions::id(again)).unwrap();
    arrived.push(again);
    let mut batch = fixture.store.batch(true, Durability::Durable);
    for number in (200..210).rev() {
        arrived.push(ObjectId([number; 16]));
        batch.put(&[number], &PutOptions::id(ObjectId([number; 16]))).unwrap();
    }
    batch.commit().unwrap();
    for round in 0..3 {
        for limit in [1, 2, 7, 19, 100] {
            assert_eq!(listed(&fixture.store, limit), arrived, "round {round}, pages of {limit}");
        }
        fixture.reopen_after(|path| {
            if round == 1 {
                std::fs::remove_dir_all(path.join("index")).unwrap();
            }
        });
    }
}
