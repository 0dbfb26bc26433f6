//! What is fed with bytes, and what it is asked.

use std::path::{Path, PathBuf};

use hsm_core::backend::PlaceReader;
use hsm_core::backend::object_file::{Expectation, ObjectReader, Whole};
use hsm_core::backend::pack::{Depth, ExpectedRecord, PackIdentity, Walker, header_fault, read_record};
use hsm_core::object::{Object, Piece, Position};
use hsm_core::{Query, RestoreOptions, Store, StoreOptions};

use super::corpus::{self, STORE, Tree};
use super::more_targets::{IndexRow, ObjectMap, Orders};
use super::seal;

/// Something that reads bytes from outside.
pub(crate) trait Target {
    /// Its name: that of its directory in the corpus.
    fn name(&self) -> &'static str;
    /// How often it is tried in a plain run.
    fn rounds(&self) -> u64;
    /// What mutations begin with: the target's own choice among these is `which`.
    fn seeds(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }
    /// Makes checksums right again, where there are any.
    fn seal(&self, _which: usize, _bytes: &mut Vec<u8>) {}
    /// Feeds it. Any error is fine; a panic is not.
    fn feed(&self, which: usize, bytes: &[u8]);
}

/// Every target.
pub(crate) fn all() -> Vec<Box<dyn Target>> {
    let base = Base::new();
    let of_store = |name, rounds, matches: fn(&str) -> bool| -> Box<dyn Target> {
        let is_meant = |path: &&PathBuf| matches(path.to_str().unwrap());
        let files: Vec<PathBuf> = base.tree.keys().filter(is_meant).cloned().collect();
        assert!(!files.is_empty(), "{name}");
        Box::new(InStore { name, rounds, files, base: base.clone() })
    };
    vec![
        of_store("segment", 3000, |path| path.starts_with("journal/")),
        of_store("small-file", 1500, |path| {
            ["HSM-", "lock", "reserve", ".member"].iter().any(|part| path.contains(part))
        }),
        of_store("data-file", 1500, |path| path.contains("/data/")),
        of_store("snapshot", 1500, |path| path.contains("/snapshots/")),
        Box::new(ObjectFile(base.clone())),
        Box::new(Pack(base.clone())),
        Box::new(Orders(base.clone())),
        Box::new(ObjectMap::new(base)),
        Box::new(IndexRow),
        Box::new(TiersYaml),
        Box::new(Attributes),
    ]
}

/// The store of the corpus, and what it says.
#[derive(Clone)]
pub(crate) struct Base {
    pub(super) tree: Tree,
    pub(super) id: [u8; 16],
    pub(super) objects: Vec<(Object, Vec<u8>)>,
}

impl Base {
    fn new() -> Self {
        let tree = corpus::store();
        let disk = corpus::disk_with(&tree);
        let store = Store::open(STORE, &corpus::options(&disk)).unwrap();
        let listed = store.objects(&Query::default()).map(|item| item.unwrap().1);
        let objects: Vec<_> = listed.map(|object| (object.clone(), store.get(object.id).unwrap())).collect();
        assert_eq!(objects.len(), 3);
        Self { tree, id: store.id(), objects }
    }

    /// The pieces that lie in files of this kind, each with that file.
    fn pieces(&self, packed: bool) -> Vec<(&Object, &[u8], Piece, Vec<u8>)> {
        let mut found = Vec::new();
        for (object, content) in &self.objects {
            for piece in
                object.copies.iter().flat_map(|copy| &copy.pieces).filter(|piece| piece.packed == packed)
            {
                let place = piece.place;
                let suffix = if packed { "pack" } else { "obj" };
                let path = format!(
                    "tiers/{}/data/{:016x}/{:016x}/{:016x}.{suffix}",
                    place.tier, place.instance, 0, place.serial
                );
                found.push((object, &content[..], *piece, self.tree[Path::new(&path)].clone()));
            }
        }
        assert!(!found.is_empty());
        found
    }
}

/// Asks a store all that it can be asked. Errors are answers.
pub(super) fn ask(store: &Store) {
    for removed in [false, true] {
        for item in store.objects(&Query { removed, ..Query::default() }).take(100) {
            let Ok((_, object)) = item else { break };
            let _ = store.names(object.id);
            let _ = store.get_range(object.id, 0, &mut [0; 5000]);
        }
    }
    let _ = store.datasets(None, 100);
    let _ = store.tiers();
    let _ = store.feed(Position::default()).take(100).all(|event| event.is_ok());
}

/// One file of the store is another one, and the store is opened.
struct InStore {
    name: &'static str,
    rounds: u64,
    files: Vec<PathBuf>,
    base: Base,
}

impl Target for InStore {
    fn name(&self) -> &'static str {
        self.name
    }

    fn rounds(&self) -> u64 {
        self.rounds
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        self.files.iter().map(|file| self.base.tree[file].clone()).collect()
    }

    fn seal(&self, which: usize, bytes: &mut Vec<u8>) {
        let path = self.files[which % self.files.len()].to_str().unwrap();
        match path.rsplit_once('.').map_or(path, |(_, suffix)| suffix) {
            "seg" => seal::segment(bytes, &self.base.id),
            "pack" => seal::pack(bytes, &self.base.id),
            "obj" => seal::object(bytes, &self.base.id),
            path if path.ends_with("HSM-SEEN") => {
                seal::at(bytes, 0, 72, &self.base.id);
                let len = bytes.len();
                seal::at(&mut bytes[512.min(len)..], 0, 72, &self.base.id);
            }
            _ => seal::end(bytes, &self.base.id),
        }
    }

    fn feed(&self, which: usize, bytes: &[u8]) {
        let file = &self.files[which % self.files.len()];
        let mut tree = self.base.tree.clone();
        tree.insert(file.clone(), bytes.to_vec());
        let disk = corpus::disk_with(&tree);
        if self.name == "snapshot" {
            let options = RestoreOptions::new().store(corpus::options(&disk));
            let restored = Store::restore("/restored", Path::new(STORE).join("tiers/1"), &options);
            if let Ok(store) = restored.and_then(|_| Store::open("/restored", &corpus::options(&disk))) {
                ask(&store);
            }
        }
        if let Ok(store) = Store::open(STORE, &corpus::options(&disk)) {
            ask(&store);
            let _ = store.put(b"x", &hsm_core::PutOptions::default());
            let _ = store.close();
        }
    }
}

/// A place that holds these bytes.
#[derive(Debug)]
struct Held(Vec<u8>);

impl PlaceReader for Held {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> hsm_core::Result<usize> {
        let begin = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let count = buffer.len().min(self.0.len() - begin);
        buffer[..count].copy_from_slice(&self.0[begin..begin + count]);
        Ok(count)
    }

    fn len(&self) -> hsm_core::Result<u64> {
        Ok(self.0.len() as u64)
    }
}

/// The format of one object in a file. What is read is what was put, whoever made the checksums right.
struct ObjectFile(Base);

impl Target for ObjectFile {
    fn name(&self) -> &'static str {
        "object-file"
    }

    fn rounds(&self) -> u64 {
        100_000
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        self.0.pieces(false).into_iter().map(|(.., bytes)| bytes).collect()
    }

    fn seal(&self, _which: usize, bytes: &mut Vec<u8>) {
        seal::object(bytes, &self.0.id);
    }

    fn feed(&self, which: usize, bytes: &[u8]) {
        let pieces = self.0.pieces(false);
        let (object, content, piece, _) = &pieces[which % pieces.len()];
        let of = object.content.as_ref().unwrap();
        let alone = object.copy_on(piece.place.tier).unwrap().pieces.len() == 1;
        let whole = alone.then_some(Whole { generation: Some(object.generation), root: of.root });
        let expect = Expectation {
            store_id: self.0.id,
            id: object.id,
            piece: *piece,
            block_shift: of.block_shift,
            whole,
        };
        let Ok(reader) = ObjectReader::open(std::sync::Arc::new(Held(bytes.to_vec())), &expect) else {
            return;
        };
        let _ = reader.verify();
        let mut read = vec![0; piece.length as usize];
        if reader.read_at(&mut read, 0).is_ok() && alone {
            assert!(content[piece.start as usize..].starts_with(&read), "wrong bytes of {}", object.id);
        }
    }
}

/// The format of packs.
struct Pack(Base);

impl Target for Pack {
    fn name(&self) -> &'static str {
        "pack"
    }

    fn rounds(&self) -> u64 {
        100_000
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        self.0.pieces(true).into_iter().map(|(.., bytes)| bytes).collect()
    }

    fn seal(&self, _which: usize, bytes: &mut Vec<u8>) {
        seal::pack(bytes, &self.0.id);
    }

    fn feed(&self, which: usize, bytes: &[u8]) {
        let pieces = self.0.pieces(true);
        let (object, content, piece, _) = &pieces[which % pieces.len()];
        let place = Held(bytes.to_vec());
        let identity = PackIdentity { store_id: self.0.id, place: piece.place };
        header_fault(&place, &identity).unwrap();
        for depth in [Depth::Headers, Depth::Data] {
            let Ok(mut walker) = Walker::new(&place, &self.0.id, u64::MAX, depth) else { continue };
            let mut steps = 0;
            while let Ok(Some(_)) = walker.step() {
                steps += 1;
            }
            // Each record has a header; between two there may be bytes that are none.
            assert!(steps <= 2 * (bytes.len() / 72) + 1, "{steps} in {} bytes", bytes.len());
            assert!(walker.offset() <= bytes.len().max(128) as u64);
        }
        let expect = ExpectedRecord {
            store_id: self.0.id,
            id: object.id,
            generation: Some(object.generation),
            piece: *piece,
            root: object.content.as_ref().unwrap().root,
        };
        if let Ok(read) = read_record(&place, &expect, &mut Vec::new()) {
            assert_eq!(read, *content);
        }
    }
}

/// The settings of tiers as text.
struct TiersYaml;

impl Target for TiersYaml {
    fn name(&self) -> &'static str {
        "tiers-yaml"
    }

    fn rounds(&self) -> u64 {
        3000
    }

    fn feed(&self, _which: usize, bytes: &[u8]) {
        let store = Store::in_memory(&StoreOptions::new()).unwrap();
        let _ = store.apply_tiers(&String::from_utf8_lossy(bytes));
        store.export_tiers().unwrap();
    }
}

/// A run of attributes.
struct Attributes;

impl Target for Attributes {
    fn name(&self) -> &'static str {
        "attributes"
    }

    fn rounds(&self) -> u64 {
        300_000
    }

    fn feed(&self, _which: usize, bytes: &[u8]) {
        let Some((attributes, again)) = hsm_core::testing::parse::attributes(bytes) else { return };
        assert!(again);
        let mut count = 0;
        for (name, value) in &attributes {
            assert_eq!(attributes.get(name), Some(value));
            count += 1;
        }
        assert_eq!(attributes.len(), count);
    }
}
