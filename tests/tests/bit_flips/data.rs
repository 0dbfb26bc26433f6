//! Packs and object files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hsm_core::file::{Disk, MemoryDisk};
use hsm_core::object::{ObjectId, TierConfig};
use hsm_core::testing::disk::{CrashImage, Keep, SimDisk};
use hsm_core::{
    Durability, Error, Fault, Finding, GetOptions, PutOptions, Remedy, ScrubOptions, Scrubbed, Store,
    StoreOptions,
};
use hsm_tests::fixture::bytes;

use super::map::{self, Byte};
use super::{copy, files, flip};

const STORE: &str = "/store";
const BLOCK: u64 = 4096;

/// A closed store in memory, of two tiers, and what is in it.
struct Small {
    image: CrashImage,
    objects: BTreeMap<ObjectId, Vec<u8>>,
    /// On tier 0 only.
    alone: ObjectId,
}

fn root_of(tier: u8) -> String {
    format!("{STORE}/tiers/{tier}")
}

fn open<D: Disk + Clone + 'static>(disk: &D, read_only: bool) -> Store {
    let tiers = [0, 1].map(|index| TierConfig {
        pack_threshold_bytes: 100,
        ..TierConfig::posix(index, format!("tiers/{index}"))
    });
    let options = StoreOptions::new().disk(Arc::new(disk.clone())).index_in_memory().read_only(read_only);
    Store::open(STORE, &options.tiers(tiers.into()).reserve_bytes(4096)).unwrap()
}

impl Small {
    /// Few small objects of every form.
    fn new() -> Self {
        let disk = SimDisk::new();
        let store = open(&disk, false);
        let in_blocks = || PutOptions { block_size: Some(BLOCK), ..PutOptions::default() };
        let mut objects = BTreeMap::new();
        let mut put = |content: Vec<u8>, options: &PutOptions| {
            let id = store.put(&content, options).unwrap().id;
            objects.insert(id, content);
            id
        };
        let packed = put(bytes(5, 1), &in_blocks());
        put(bytes(61, 2), &PutOptions::id(packed));
        put(bytes(64, 3), &in_blocks());
        let alone = put(bytes(30, 4), &in_blocks());
        put(bytes(300, 5), &in_blocks());
        let whole = put(bytes(BLOCK as usize + 40, 6), &in_blocks());
        put(Vec::new(), &in_blocks());
        for id in objects.keys().filter(|id| **id != alone) {
            store.copy(*id, None, 1).unwrap();
        }
        // In pieces: the second block lies in a file of its own. Its copy is one file.
        let patch = bytes(20, 7);
        store.put_at(whole, BLOCK, &patch, Durability::Durable).unwrap();
        objects.get_mut(&whole).unwrap()[BLOCK as usize..][..20].copy_from_slice(&patch);
        store.copy(whole, None, 1).unwrap();
        store.maintain().unwrap();
        store.close().unwrap();
        Self { image: disk.crash(), objects, alone }
    }

    /// Its data files with what each byte is for.
    fn files(&self) -> Vec<(PathBuf, Vec<Byte>)> {
        let disk = self.image.power_loss(Keep::All);
        let store = open(&disk, true);
        let mut found = files(&disk, Path::new(STORE), ".pack");
        found.extend(files(&disk, Path::new(STORE), ".obj"));
        let map = |file: PathBuf| {
            let map = map::map(&disk, &root_of, &store, &file);
            (file, map)
        };
        found.into_iter().map(map).collect()
    }
}

/// Whose copy, on which tier, from which byte on, what is the matter and what was done.
type Said = (ObjectId, u8, u64, Fault, Remedy);

fn scrub(store: &Store, heal: bool) -> (Vec<Said>, Scrubbed) {
    let (findings, packs, done) = scrub_all(store, heal);
    assert_eq!((packs.as_slice(), done.damaged_packs), (&[][..], 0));
    (findings, done)
}

/// The same, with the tiers and paths of packs whose header is damaged.
fn scrub_all(store: &Store, heal: bool) -> (Vec<Said>, Vec<(u8, String)>, Scrubbed) {
    let (mut findings, mut packs) = (Vec::new(), Vec::new());
    let done = store.scrub(&ScrubOptions { heal, ..ScrubOptions::default() }, |finding| match finding {
        Finding::Copy { object, tier, offset, fault, remedy, .. } => {
            findings.push((object, tier, offset, fault, remedy));
            Ok(())
        }
        Finding::Pack { tier, place, .. } => {
            packs.push((tier, place.to_string()));
            Ok(())
        }
        other => panic!("{other:?}"),
    });
    (findings, packs, done.unwrap())
}

fn get(store: &Store, id: ObjectId, tier: Option<u8>) -> Result<Vec<u8>, Error> {
    let mut content = Vec::new();
    store.get_to(id, &mut content, &GetOptions { tier }).map(|_| content)
}

#[test]
fn every_flipped_bit_of_a_data_file_is_found_by_reads_and_by_scrub_or_does_no_harm() {
    let small = Small::new();
    // The simulated disk remembers each flip, and so becomes slow.
    let disk = MemoryDisk::new();
    copy(&small.image.power_loss(Keep::All), &disk, Path::new(STORE));
    let store = open(&disk, true);
    let (clean, all) = scrub(&store, false);
    assert!(clean.is_empty());
    let (mut flips, mut headers, mut unused) = (0_u64, 0, BTreeMap::new());
    for (path, map) in small.files() {
        map::unused(&map, &mut unused);
        for bit in 0..map.len() as u64 * 8 {
            flip(&disk, &path, bit);
            flips += 1;
            let place = || format!("bit {bit} of {}", path.display());
            let (found, packs, done) = scrub_all(&store, false);
            assert_eq!(packs.is_empty(), map[(bit / 8) as usize] != Byte::PackHeader, "{}", place());
            match map[(bit / 8) as usize] {
                Byte::PackHeader => {
                    let [(tier, named)] = &packs[..] else { panic!("{}: {packs:?}", place()) };
                    assert_eq!(path, PathBuf::from(root_of(*tier)).join("data").join(named), "{}", place());
                    assert_eq!((found, done), (vec![], Scrubbed { damaged_packs: 1, ..all }), "{}", place());
                    for (id, content) in &small.objects {
                        assert_eq!(get(&store, *id, None).unwrap(), *content, "{}", place());
                    }
                    headers += 1;
                }
                Byte::Unused(reason) => {
                    assert_eq!((found, done), (vec![], all), "{}: {reason}", place());
                    for (id, content) in &small.objects {
                        assert_eq!(get(&store, *id, None).unwrap(), *content, "{}: {reason}", place());
                    }
                }
                Byte::Of { object: id, tier, offset } => {
                    assert_eq!(found, [(id, tier, offset, Fault::Damaged, Remedy::None)], "{}", place());
                    assert_eq!((done.whole, done.bad), (all.whole - 1, 1), "{}", place());
                    match get(&store, id, Some(tier)) {
                        Err(Error::Corrupt { id: named, tier: on, offset: at, .. }) => {
                            assert_eq!((named, on, at), (id, tier, offset), "{}", place());
                        }
                        other => panic!("{}: {other:?}", place()),
                    }
                    match get(&store, id, None) {
                        Ok(content) => assert_eq!(content, small.objects[&id], "{}", place()),
                        Err(error) => assert!(id == small.alone, "{}: {error}", place()),
                    }
                }
            }
            flip(&disk, &path, bit);
        }
    }
    println!("{flips} bits; bytes that no reader looks at: {unused:?}");
    // Exactly these, in a store with one overwritten small object and one overwritten block.
    let expected =
        BTreeMap::from([(map::PADDING, (3 + 2) + 3), (map::DEAD_RECORD, 72 + 8), (map::DEAD_BLOCK, 40)]);
    assert_eq!(unused, expected);
    assert_eq!(headers, 2 * 128 * 8);
    assert!(flips > 40_000);
    assert_eq!(scrub(&store, false), (vec![], all));
}

#[test]
fn a_flipped_bit_in_any_byte_of_a_copy_is_healed_from_the_other_one() {
    let small = Small::new();
    let mut healed = 0;
    for (path, map) in small.files() {
        for (at, byte) in map.iter().enumerate() {
            // All but most of a long run of bytes that are the same to a reader.
            let within = at % 64 != 0 && at > 0 && map.get(at + 192) == Some(byte);
            let Byte::Of { object: id, tier, offset } = *byte else { continue };
            if within {
                continue;
            }
            let disk = small.image.power_loss(Keep::All);
            flip(&disk, &path, at as u64 * 8 + at as u64 % 8);
            let store = open(&disk, false);
            let (found, done) = scrub(&store, true);
            let remedy = if id == small.alone { Remedy::Lost } else { Remedy::Healed };
            let place = format!("byte {at} of {}", path.display());
            assert_eq!(found, [(id, tier, offset, Fault::Damaged, remedy)], "{place}");
            if remedy == Remedy::Healed {
                assert_eq!((done.bad, done.healed, done.lost), (1, 1, 0), "{place}");
                assert_eq!(get(&store, id, Some(tier)).unwrap(), small.objects[&id], "{place}");
                assert_eq!(scrub(&store, true).1.bad, 0, "{place}");
                healed += 1;
            } else {
                assert_eq!((done.bad, done.healed, done.lost), (1, 0, 1), "{place}");
            }
        }
    }
    println!("{healed} healed");
    assert!(healed > 1000);
}

#[test]
fn thousands_of_flipped_bits_in_a_larger_store_are_found_and_healed() {
    const ROUNDS: u64 = 20;
    const FLIPS: u64 = 250;
    let disk = MemoryDisk::new();
    let store = open(&disk, false);
    let mut contents = BTreeMap::new();
    for seed in 0..300 {
        let size = if seed % 3 == 0 { 20_000 + seed * 97 } else { seed } as usize;
        let options = PutOptions { block_size: Some(BLOCK), ..PutOptions::default() };
        let id = store.put(&bytes(size, seed), &options).unwrap().id;
        contents.insert(id, bytes(size, seed));
        store.copy(id, None, 1).unwrap();
    }
    let (mut found_in_all, mut harmless) = (0, 0);
    for round in 0..ROUNDS {
        // One tier at a time: the copies on the other are whole.
        let tier = (round % 2) as u8;
        let root = root_of(tier);
        let mut all = files(&disk, Path::new(&root), ".pack");
        all.extend(files(&disk, Path::new(&root), ".obj"));
        let lens: Vec<u64> = all.iter().map(|path| disk.metadata(path).unwrap().len).collect();
        let mut maps = BTreeMap::new();
        let mut flipped = std::collections::BTreeSet::new();
        let mut expected = BTreeMap::new();
        for number in 0..FLIPS {
            let random = bytes(16, round * FLIPS + number);
            let draw = |at: usize| u64::from_le_bytes(random[at..at + 8].try_into().unwrap());
            // A file, then a bit: so that packs, which are few, are hit as well as large files.
            let which = if number % 4 == 0 { 0 } else { draw(0) as usize % all.len() };
            let bit = draw(8) % (lens[which] * 8);
            if !flipped.insert((which, bit)) {
                continue;
            }
            let map = maps.entry(which).or_insert_with(|| map::map(&disk, &root_of, &store, &all[which]));
            match map[(bit / 8) as usize] {
                Byte::PackHeader | Byte::Unused(_) => harmless += 1,
                Byte::Of { object, offset, .. } => {
                    let first = expected.entry(object).or_insert(offset);
                    *first = offset.min(*first);
                }
            }
        }
        for (which, bit) in &flipped {
            flip(&disk, &all[*which], *bit);
        }
        for (id, content) in &contents {
            assert_eq!(get(&store, *id, None).unwrap(), *content);
            match get(&store, *id, Some(tier)) {
                Ok(read) => assert!(read == *content && !expected.contains_key(id)),
                Err(Error::Corrupt { id: named, tier: on, offset, .. }) => {
                    assert_eq!((named, on, Some(&offset)), (*id, tier, expected.get(id)));
                }
                Err(other) => panic!("{other}"),
            }
        }
        let (findings, _, done) = scrub_all(&store, true);
        let found: BTreeMap<_, _> = findings.iter().map(|(id, _, offset, ..)| (*id, *offset)).collect();
        assert_eq!(found, expected);
        assert!(findings.iter().all(|finding| (finding.1, finding.4) == (tier, Remedy::Healed)));
        assert_eq!((done.bad, done.healed), (expected.len() as u64, expected.len() as u64));
        assert_eq!(scrub_all(&store, true).2.bad, 0);
        store.maintain().unwrap();
        found_in_all += expected.len();
    }
    println!(
        "{} bits flipped, {found_in_all} copies damaged and healed, {harmless} bits without harm",
        ROUNDS * FLIPS
    );
    for (id, content) in &contents {
        assert_eq!(get(&store, *id, Some(0)).unwrap(), *content);
        assert_eq!(get(&store, *id, Some(1)).unwrap(), *content);
    }
    store.close().unwrap();
}
