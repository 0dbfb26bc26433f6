//! What is put comes out again, whole and under its names, whatever is done to it and to others meanwhile.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::time::Duration;

use hsm_core::file::OsDisk;
use hsm_core::integrity::{Algorithm, Digest};
use hsm_core::object::{ATTRIBUTES_LENGTH_MAX, Attributes, ObjectId, PIECES_MAX, TierConfig};
use hsm_core::{Durability, GetOptions, Kind, PutMode, PutOptions, StoreOptions};
use hsm_tests::fixture::{
    Fixture, LARGE, ManualClock, SMALL, bytes, files_ending, kind, name, on_tier, tiers_of,
};

const BLOCK: usize = 4096;

fn small_blocks() -> PutOptions {
    PutOptions { block_size: Some(BLOCK as u64), ..PutOptions::default() }
}

#[test]
fn digests_are_computed_as_asked_and_compared_as_supplied() {
    let fixture = Fixture::new();
    for size in [0, SMALL, LARGE] {
        let content = bytes(size, 1);
        let all = PutOptions { digests: Algorithm::ALL.to_vec(), ..PutOptions::default() };
        let put = fixture.store.put(&content, &all).unwrap();
        let recorded = fixture.store.object(put.id).unwrap().content.unwrap().digests;
        assert_eq!(recorded.len(), Algorithm::ALL.len());
        let supplied = PutOptions { expected: recorded.clone(), ..PutOptions::default() };
        let again = fixture.store.put(&content, &supplied).unwrap();
        assert_eq!(fixture.store.object(again.id).unwrap().content.unwrap().digests, recorded);
        let before = fixture.store.position().unwrap();
        for digest in recorded {
            let mut value = digest.value().to_vec();
            value[0] ^= 1;
            let wrong = Digest::new(digest.algorithm(), &value).unwrap();
            let options = PutOptions { expected: vec![wrong], ..PutOptions::default() };
            assert_eq!(kind(&fixture.store.put(&content, &options)), Some(Kind::Invalid));
        }
        assert_eq!(fixture.store.position().unwrap(), before, "nothing was stored");
    }
    let known: Digest =
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".parse().unwrap();
    let options = PutOptions { expected: vec![known], ..PutOptions::default() };
    fixture.store.put(b"", &options).unwrap();
}

#[test]
fn an_id_that_the_caller_chose_goes_on_in_generation_also_after_a_purge() {
    let fixture = Fixture::new();
    let id = ObjectId([3; 16]);
    let mut last = 0;
    for round in 0..3 {
        for size in [SMALL, LARGE] {
            let put = fixture.store.put(&bytes(size, round), &PutOptions::id(id)).unwrap();
            assert!(put.generation > last);
            last = put.generation;
        }
        fixture.store.remove(id).unwrap();
        let put = fixture.store.put(&bytes(SMALL, 9), &PutOptions::id(id)).unwrap();
        assert!(put.generation > last);
        last = put.generation;
        fixture.store.purge(id).unwrap();
        assert_eq!(kind(&fixture.store.get(id)), Some(Kind::NotFound));
    }
}

#[test]
fn modes_say_whether_the_object_must_exist() {
    let fixture = Fixture::new();
    let data = fixture.dataset("data");
    let mode = |mode, options: PutOptions| PutOptions { mode, ..options };
    let named = || PutOptions::name(name(data, "key"));
    let id = ObjectId([1; 16]);
    for options in [named(), PutOptions::id(id)] {
        let answer = fixture.store.put(b"x", &mode(PutMode::Update, options.clone()));
        assert_eq!(kind(&answer), Some(Kind::NotFound));
        let created = fixture.store.put(b"x", &mode(PutMode::Create, options.clone())).unwrap();
        assert_eq!(
            kind(&fixture.store.put(b"y", &mode(PutMode::Create, options.clone()))),
            Some(Kind::Exists)
        );
        let updated = fixture.store.put(b"y", &mode(PutMode::Update, options)).unwrap();
        assert_eq!((updated.id, updated.generation), (created.id, created.generation + 1));
        assert_eq!(fixture.store.get(created.id).unwrap(), b"y");
    }
    let both = PutOptions { id: Some(id), ..named() };
    assert_eq!(kind(&fixture.store.put(b"x", &both)), Some(Kind::Exists), "the key is another object's");
    assert_eq!(
        kind(&fixture.store.put(b"x", &mode(PutMode::Update, PutOptions::default()))),
        Some(Kind::Invalid)
    );
}

#[test]
fn a_range_of_a_file_goes_in_by_path_and_by_descriptor() {
    let fixture = Fixture::new();
    let (path, content) = (fixture.outside("source"), bytes(LARGE, 1));
    fs::write(&path, &content).unwrap();
    let options = PutOptions::default();
    let mut descriptor = File::open(&path).unwrap();
    descriptor.read_exact(&mut [0; 10]).unwrap();
    let file = OsDisk::adopt(descriptor);
    for (offset, length) in [(0, None), (10, Some(5)), (7, Some(90_000)), (LARGE as u64, None), (3, Some(0))]
    {
        let end = length.map_or(LARGE, |length: u64| (offset + length) as usize);
        let expected = &content[offset as usize..end];
        let put = fixture.store.put_path(&path, offset, length, &options).unwrap();
        assert_eq!(fixture.store.get(put.id).unwrap(), expected);
        let put = fixture.store.put_file(&*file, offset, length, &options).unwrap();
        assert_eq!(fixture.store.get(put.id).unwrap(), expected);
    }
    let behind = fixture.store.put_path(&path, u64::MAX, None, &options);
    assert_eq!(kind(&behind), Some(Kind::Invalid), "no file is that long");
    let short = fixture.store.put_path(&path, 90_000, Some(20_000), &options);
    assert_eq!(kind(&short), Some(Kind::Invalid));
    assert_eq!(kind(&fixture.store.put_path(fixture.outside("none"), 0, None, &options)), Some(Kind::Io));
    let put = fixture.store.put_reader(&content[..], &options).unwrap();
    let target = fixture.outside("target");
    assert_eq!(fixture.store.get_path(put.id, &target, &GetOptions::default()).unwrap(), LARGE as u64);
    assert_eq!(fs::read(target).unwrap(), content);
}

#[test]
fn attributes_are_held_to_their_limits_alone_and_together() {
    let fixture = Fixture::new();
    let id = fixture.store.put(b"x", &PutOptions::default()).unwrap().id;
    let set =
        |name: &str, value: Vec<u8>| fixture.store.set_attributes(id, &vec![(name.into(), Some(value))]);
    set(&"é".repeat(127), vec![0; 64 << 10]).unwrap();
    assert_eq!(kind(&set(&"é".repeat(128), vec![])), Some(Kind::Invalid));
    assert_eq!(kind(&set("", vec![])), Some(Kind::Invalid));
    assert_eq!(kind(&set("a", vec![0; (64 << 10) + 1])), Some(Kind::Invalid));
    set("b", vec![0; 64 << 10]).unwrap();
    set("c", vec![0; 64 << 10]).unwrap();
    assert_eq!(kind(&set("d", vec![0; 64 << 10])), Some(Kind::Invalid));
    let before = fixture.store.object(id).unwrap().attributes;
    assert!(
        before.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() <= ATTRIBUTES_LENGTH_MAX
    );
    // A put adds to what is there: the limit holds for all together.
    let more = Attributes::from([("e".to_owned(), vec![0; 64 << 10]), ("f".to_owned(), vec![0; 64 << 10])]);
    let put = fixture.store.put(b"y", &PutOptions { attributes: more, ..PutOptions::id(id) });
    assert_eq!(kind(&put), Some(Kind::Invalid));
    assert_eq!(fixture.store.object(id).unwrap().attributes, before);
    fixture.store.set_attributes(id, &vec![("b".into(), None), ("never".into(), None)]).unwrap();
    assert_eq!(fixture.store.object(id).unwrap().attributes.len(), 2);
}

#[test]
fn a_key_holds_any_byte_but_nul_and_sorts_by_its_bytes() {
    let fixture = Fixture::new();
    let data = fixture.dataset("data");
    let mut keys: Vec<Vec<u8>> = (1..=255_u8).map(|byte| vec![byte]).collect();
    keys.push(vec![0xff; 4096]);
    keys.push(b"a\xff\xff".to_vec());
    for key in keys.iter().rev() {
        fixture.store.put_empty(&PutOptions::name(name(data, key))).unwrap();
    }
    keys.sort();
    let listed: Vec<Vec<u8>> =
        fixture.store.objects(&hsm_core::Query::dataset(data)).map(|item| item.unwrap().0).collect();
    assert_eq!(listed, keys);
    for bad in [&b""[..], &[1; 4097], b"a\0b"] {
        assert_eq!(kind(&fixture.store.put_empty(&PutOptions::name(name(data, bad)))), Some(Kind::Invalid));
    }
    for prefix in [&b"a"[..], b"\xff", b"\xff\xff", b"a\xff"] {
        let query = hsm_core::Query { key_prefix: prefix.to_vec(), ..hsm_core::Query::dataset(data) };
        let expected: Vec<_> = keys.iter().filter(|key| key.starts_with(prefix)).cloned().collect();
        let found: Vec<_> = fixture.store.objects(&query).map(|item| item.unwrap().0).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn an_object_without_data_can_be_given_data_later() {
    let fixture = Fixture::new();
    let data = fixture.dataset("data");
    let options =
        PutOptions { attributes: Attributes::from([("a", b"1")]), ..PutOptions::name(name(data, "later")) };
    let put = fixture.store.put_empty(&options).unwrap();
    for answer in [kind(&fixture.store.get(put.id)), kind(&fixture.store.copy(put.id, None, 1))] {
        assert_eq!(answer, Some(Kind::NotFound));
    }
    assert_eq!(kind(&fixture.store.put_empty(&options)), Some(Kind::Exists));
    let given = fixture.store.put(b"data", &PutOptions::name(name(data, "later"))).unwrap();
    assert_eq!((given.id, given.generation), (put.id, put.generation + 1));
    let object = fixture.store.object(put.id).unwrap();
    assert_eq!(object.attributes, options.attributes);
    assert_eq!(fixture.store.get(put.id).unwrap(), b"data");
    let another = fixture.store.put_empty(&PutOptions::default()).unwrap();
    fixture.store.put_at(another.id, 0, b"by range", Durability::Durable).unwrap();
    assert_eq!(fixture.store.get(another.id).unwrap(), b"by range");
}

#[test]
fn a_reader_keeps_the_generation_it_began_with() {
    let fixture = Fixture::new();
    for size in [SMALL, LARGE, 3_000_000] {
        let id = fixture.store.put(&bytes(size, 1), &small_blocks()).unwrap().id;
        let mut readers: Vec<_> =
            (0..3).map(|_| fixture.store.reader(id, &GetOptions::default()).unwrap()).collect();
        let mut first = vec![0; 10];
        readers[0].read_exact(&mut first).unwrap();
        fixture.store.put(&bytes(size, 2), &PutOptions::id(id)).unwrap();
        fixture.store.maintain().unwrap();
        let mut rest = Vec::new();
        readers[0].read_to_end(&mut rest).unwrap();
        assert_eq!([first, rest].concat(), bytes(size, 1));
        fixture.store.purge(id).unwrap();
        fixture.store.maintain().unwrap();
        let mut all = Vec::new();
        readers[1].read_to_end(&mut all).unwrap();
        assert_eq!(all, bytes(size, 1));
    }
}

#[test]
fn ranges_are_read_right_at_the_edges_of_blocks() {
    let fixture = Fixture::new();
    let edges = |end: usize| -> BTreeSet<usize> {
        (0..=end.div_ceil(BLOCK))
            .flat_map(|block| [(block * BLOCK).saturating_sub(1), block * BLOCK, block * BLOCK + 1])
            .chain([end.saturating_sub(1), end, end + 1])
            .collect()
    };
    for size in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 70_001, 20 * BLOCK] {
        let content = bytes(size, 1);
        let id = fixture.store.put(&content, &small_blocks()).unwrap().id;
        let mut reader = fixture.store.reader(id, &GetOptions::default()).unwrap();
        for from in edges(size) {
            for length in [0, 1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 1, 100_000] {
                let mut buffer = vec![0xee; length];
                let read = reader.read_at(&mut buffer, from as u64).unwrap();
                let expected = &content[from.min(size)..(from + length).min(size)];
                assert_eq!(&buffer[..read], expected, "{from}+{length} of {size}");
            }
        }
    }
}

#[test]
fn a_put_at_an_offset_is_right_at_every_edge() {
    let fixture = Fixture::new();
    for size in [0, 1, SMALL, 17 * BLOCK - 1, 17 * BLOCK, 17 * BLOCK + 1] {
        let mut content = bytes(size, 1);
        let id = fixture.store.put(&content, &small_blocks()).unwrap().id;
        for (seed, offset) in
            [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, size.saturating_sub(1), size].into_iter().enumerate()
        {
            for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK] {
                let offset = offset.min(content.len());
                let patch = bytes(length, seed as u64);
                fixture.store.put_at(id, offset as u64, &patch, Durability::Durable).unwrap();
                content.resize(content.len().max(offset + length), 0);
                content[offset..offset + length].copy_from_slice(&patch);
                assert_eq!(fixture.store.get(id).unwrap(), content, "{offset}+{length} of {size}");
            }
        }
        fixture.store.verify(id, 0).unwrap();
        let behind = content.len() as u64 + 1;
        assert_eq!(kind(&fixture.store.put_at(id, behind, b"x", Durability::Durable)), Some(Kind::Invalid));
        // Grown from where it ends, block or not.
        let end = content.len();
        fixture.store.put_at(id, end as u64, &bytes(5000, 3), Durability::Durable).unwrap();
        content.extend(bytes(5000, 3));
        assert_eq!(fixture.store.get(id).unwrap(), content);
        fixture.store.move_object(id, 0, 2).unwrap().unwrap();
        assert_eq!(fixture.store.get(id).unwrap(), content);
    }
}

#[test]
fn hundreds_of_puts_at_offsets_collapse_and_leave_no_file_behind() {
    let mut fixture = Fixture::new();
    let mut content = bytes(200 * BLOCK, 1);
    let id = fixture.store.put(&content, &PutOptions { tier: Some(2), ..small_blocks() }).unwrap().id;
    for round in 0..200_usize {
        let offset = round * 7919 % content.len().saturating_sub(BLOCK);
        let patch = bytes(1 + round * 31 % BLOCK, round as u64);
        let options = if round % 10 == 0 { Durability::Durable } else { Durability::Relaxed };
        fixture.store.put_at(id, offset as u64, &patch, options).unwrap();
        content[offset..offset + patch.len()].copy_from_slice(&patch);
        let copies = fixture.store.object(id).unwrap().copies;
        assert!(copies[0].pieces.len() <= PIECES_MAX);
        assert_eq!(copies[0].tier, 2, "it stays on its tier");
    }
    assert_eq!(fixture.store.get(id).unwrap(), content);
    fixture.reopen();
    assert_eq!(fixture.store.get(id).unwrap(), content);
    let pieces = &fixture.store.object(id).unwrap().copies[0].pieces;
    let places: BTreeSet<_> = pieces.iter().map(|piece| piece.place).collect();
    assert_eq!(files_ending(&fixture.path().join("tiers"), ".obj").len(), places.len());
    fixture.store.purge(id).unwrap();
    assert_eq!(files_ending(&fixture.path().join("tiers"), ".obj").len(), 0);
}

#[test]
fn parts_come_from_several_handles_and_make_up_one_generation() {
    let fixture = Fixture::new();
    let other = fixture.another_handle();
    let content = bytes(10 * BLOCK + 77, 1);
    let digest = |content: &[u8]| {
        let options = PutOptions { digests: vec![Algorithm::Sha256], ..PutOptions::default() };
        let id = fixture.store.put(content, &options).unwrap().id;
        fixture.store.object(id).unwrap().content.unwrap().digests
    };
    let options = PutOptions { expected: digest(&content), ..small_blocks() };
    let parts = fixture.store.parts(&options).unwrap();
    let token = parts.token();
    let joined = other.join_parts(&token).unwrap();
    assert_eq!(joined.block_size(), BLOCK as u64);
    let write = |parts: &hsm_core::Parts, from: usize, to: usize| {
        let mut part = parts.part(from as u64).unwrap();
        content[from..to].chunks(1000).for_each(|run| part.add(run).unwrap());
        part.finish().unwrap()
    };
    let late = write(&joined, 4 * BLOCK, content.len()).to_bytes(&other);
    let early = write(&parts, 0, 4 * BLOCK);
    let late = hsm_core::PartReceipt::from_bytes(&fixture.store, &late).unwrap();
    assert_eq!(kind(&parts.part(5)), Some(Kind::Invalid));
    assert_eq!(kind(&joined.commit(&[])), Some(Kind::Invalid));
    let put = parts.commit(&[late, early]).unwrap();
    assert_eq!(other.get(put.id).unwrap(), content);
    fixture.store.verify(put.id, 0).unwrap();
}

#[test]
fn receipts_that_leave_gaps_overlap_or_belong_elsewhere_are_refused() {
    let fixture = Fixture::new();
    let stranger = Fixture::new();
    let begin = || fixture.store.parts(&small_blocks()).unwrap();
    let write = |parts: &hsm_core::Parts, from: u64, length: usize| {
        let mut part = parts.part(from).unwrap();
        part.add(&bytes(length, from)).unwrap();
        part.finish().unwrap()
    };
    let two = BLOCK as u64 * 2;
    let sets = [
        vec![(0, BLOCK), (two, BLOCK)],
        vec![(0, 3 * BLOCK), (two, BLOCK)],
        vec![(two, BLOCK)],
        vec![(0, BLOCK + 5), (two, BLOCK)],
    ];
    for set in sets {
        let parts = begin();
        let receipts: Vec<_> = set.into_iter().map(|(from, len)| write(&parts, from, len)).collect();
        assert_eq!(kind(&parts.commit(&receipts)), Some(Kind::Invalid));
    }
    let (one, another) = (begin(), begin());
    let receipt = write(&one, 0, BLOCK);
    assert_eq!(kind(&another.commit(std::slice::from_ref(&receipt))), Some(Kind::Invalid));
    let mut sent = receipt.to_bytes(&fixture.store);
    assert!(hsm_core::PartReceipt::from_bytes(&stranger.store, &sent).is_err());
    sent[60] ^= 1;
    assert!(hsm_core::PartReceipt::from_bytes(&fixture.store, &sent).is_err());
    assert!(stranger.store.join_parts(&one.token()).is_err());
    assert!(fixture.store.join_parts(b"").is_err());
    drop(one);
    fixture.store.close().unwrap();
    assert_eq!(files_ending(&fixture.path(), ".obj").len(), 0, "what was not committed is gone");
}

#[test]
fn a_batch_is_bounded_and_names_nothing_twice() {
    let fixture = Fixture::new();
    let data = fixture.dataset("data");
    let mut batch = fixture.store.batch(true, Durability::Durable);
    let id = ObjectId([1; 16]);
    batch.put(b"1", &PutOptions::id(id)).unwrap();
    batch.put(b"2", &PutOptions::name(name(data, "k"))).unwrap();
    assert_eq!(kind(&batch.put(b"3", &PutOptions::id(id))), Some(Kind::Invalid));
    assert_eq!(kind(&batch.remove(id)), Some(Kind::Invalid));
    assert_eq!(kind(&batch.put(b"3", &PutOptions::name(name(data, "k")))), Some(Kind::Invalid));
    assert!(batch.commit().unwrap().iter().all(Result::is_ok));
    let mut batch = fixture.store.batch(false, Durability::Durable);
    let piece = bytes(60_000, 1);
    let mut added = 0;
    while batch.put(&piece, &PutOptions::default()).is_ok() {
        added += 1;
    }
    assert_eq!(added, (16 << 20) / 60_000);
    batch.put(&bytes(LARGE, 2), &PutOptions::default()).unwrap();
    assert_eq!(batch.commit().unwrap().len(), added + 1);
}

#[test]
fn an_atomic_batch_happens_wholly_or_not_at_all() {
    let fixture = Fixture::new();
    let data = fixture.dataset("data");
    let there = fixture.store.put(b"there", &PutOptions::name(name(data, "k"))).unwrap();
    let before = fixture.store.position().unwrap();
    let mut batch = fixture.store.batch(true, Durability::Durable);
    batch.put(b"1", &PutOptions::default()).unwrap();
    batch.put(b"2", &PutOptions { mode: PutMode::Create, ..PutOptions::name(name(data, "k")) }).unwrap();
    assert!(batch.commit().unwrap().iter().all(|answer| kind(answer) == Some(Kind::Exists)));
    assert_eq!(fixture.store.position().unwrap(), before);
    // The same object, once by its id and once by its name.
    let mut batch = fixture.store.batch(true, Durability::Durable);
    batch.remove(there.id).unwrap();
    batch.put(b"3", &PutOptions::name(name(data, "k"))).unwrap();
    assert!(batch.commit().unwrap().iter().all(|answer| kind(answer) == Some(Kind::Invalid)));
    assert_eq!(fixture.store.get(there.id).unwrap(), b"there");
}

#[test]
fn undelete_brings_back_all_that_there_was() {
    let mut fixture = Fixture::new();
    let data = fixture.dataset("data");
    let attributes = Attributes::from([("a", b"1")]);
    let options =
        |key: &str| PutOptions { attributes: attributes.clone(), ..PutOptions::name(name(data, key)) };
    let store = &fixture.store;
    let ids = [
        store.put(&bytes(SMALL, 1), &options("small")).unwrap().id,
        store.put(&bytes(LARGE, 1), &options("large")).unwrap().id,
        store.put(b"", &options("empty")).unwrap().id,
        store.put_empty(&options("nothing")).unwrap().id,
    ];
    store.copy(ids[1], None, 3).unwrap();
    let seen = |store: &hsm_core::Store| -> Vec<_> {
        ids.map(|id| {
            let mut object = store.object(id).unwrap();
            object.changed = 0;
            (object, store.names(id).unwrap(), store.get(id).ok())
        })
        .into()
    };
    let before = seen(store);
    for id in ids {
        store.remove(id).unwrap();
    }
    for id in ids {
        assert_eq!(kind(&store.object(id)), Some(Kind::NotFound));
    }
    assert_eq!(store.dataset("data").unwrap().keys, 0);
    fixture.reopen();
    let store = &fixture.store;
    for (id, key) in ids.into_iter().zip(["small", "large", "empty", "nothing"]) {
        assert_eq!(store.undelete(id).unwrap(), Some(name(data, key)));
        assert_eq!(kind(&store.undelete(id)), Some(Kind::NotFound));
    }
    assert_eq!(seen(store), before);
    // A name that was taken meanwhile stays with who has it.
    store.remove(ids[0]).unwrap();
    store.put(b"new", &PutOptions::name(name(data, "small"))).unwrap();
    assert_eq!(store.undelete(ids[0]).unwrap(), None);
    assert_eq!(store.names(ids[0]).unwrap(), []);
}

#[test]
fn the_grace_window_ends() {
    let clock = ManualClock::new();
    let grace = Duration::from_mins(1);
    let fixture = Fixture::with(StoreOptions::new().clock(clock.clone()).grace(grace));
    let [first, second] = [1, 2].map(|seed| fixture.store.put(&bytes(LARGE, seed), &on_tier(0)).unwrap().id);
    fixture.store.remove(first).unwrap();
    clock.advance(Duration::from_secs(30));
    fixture.store.remove(second).unwrap();
    assert_eq!(fixture.store.maintain().unwrap().purged, 0);
    clock.advance(Duration::from_secs(31));
    assert_eq!(kind(&fixture.store.undelete(first)), Some(Kind::NotFound), "over, purged or not");
    let done = fixture.store.maintain().unwrap();
    assert_eq!((done.purged, done.files_removed), (1, 1));
    fixture.store.undelete(second).unwrap();
    assert_eq!(fixture.store.get(second).unwrap(), bytes(LARGE, 2));
}

#[test]
fn a_put_follows_the_settings_of_its_tier() {
    let fixture = Fixture::new();
    fixture.store.add_tier(&TierConfig::memory(50)).unwrap();
    let put = fixture.store.put(&bytes(LARGE, 1), &on_tier(50)).unwrap();
    fixture.store.copy(put.id, None, 1).unwrap();
    assert_eq!(tiers_of(&fixture.store, put.id), [1, 50]);
    assert_eq!(fixture.store.get(put.id).unwrap(), bytes(LARGE, 1));
}
