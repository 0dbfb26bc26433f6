//! The corpus, `tests/corpus`: a small store of real files, and inputs that each target begins with.
//!
//! `store/` is a store as it lies on disk while it is open; `<target>/` holds whole inputs of that target. A file put
//! there is tried as it is, and is what mutations begin with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hsm_core::file::{Disk, FileKind, MemoryDisk, Mode};
use hsm_core::object::{Attributes, TierConfig};
use hsm_core::{Durability, PutOptions, SnapshotOptions, Store, StoreOptions};
use hsm_tests::fixture::{ManualClock, bytes, files_below, name};

pub(crate) const STORE: &str = "/store";

/// Files by their paths below the store.
pub(crate) type Tree = BTreeMap<PathBuf, Vec<u8>>;

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name)
}

/// Whole inputs of a target.
pub(crate) fn inputs(target: &str) -> Vec<Vec<u8>> {
    let files = if place(target).is_dir() { files_below(&place(target)) } else { Vec::new() };
    files.iter().map(|file| fs::read(place(target).join(file)).unwrap()).collect()
}

/// The store of the corpus.
pub(crate) fn store() -> Tree {
    let read = |file: PathBuf| {
        let content = fs::read(place("store").join(&file)).unwrap();
        (file, content)
    };
    files_below(&place("store")).into_iter().map(read).collect()
}

/// A disk in memory that holds these files below [`STORE`].
pub(crate) fn disk_with(tree: &Tree) -> MemoryDisk {
    let disk = MemoryDisk::new();
    for (path, content) in tree {
        let path = Path::new(STORE).join(path);
        let mut above: Vec<&Path> = path.ancestors().skip(1).collect();
        above.reverse();
        for directory in above {
            let _ = disk.create_dir(directory);
        }
        disk.open(&path, Mode::Create).unwrap().write_at(content, 0).unwrap();
    }
    disk
}

pub(crate) fn options(disk: &MemoryDisk) -> StoreOptions {
    let options = StoreOptions::new().disk(Arc::new(disk.clone())).index_in_memory().reserve_bytes(0);
    options.patience(std::time::Duration::from_millis(20))
}

fn collect(disk: &MemoryDisk, directory: &Path, tree: &mut Tree) {
    for (name, kind) in disk.read_dir(directory).unwrap() {
        let path = directory.join(name);
        if kind == FileKind::Directory {
            collect(disk, &path, tree);
        } else {
            let file = disk.open(&path, Mode::Read).unwrap();
            let mut content = vec![0; file.len().unwrap() as usize];
            file.read_at(&mut content, 0).unwrap();
            tree.insert(path.strip_prefix(STORE).unwrap().to_owned(), content);
        }
    }
}

/// First inputs of targets that take neither a file of the store nor text, put together from `docs/format.md`.
fn first_inputs(store: &Store) -> [((&'static str, &'static str), Vec<u8>); 4] {
    let orders = |which: &[(u8, u8)]| {
        let mut bytes = [&b"hsmorder\x01\0"[..], &[0; 14], &store.id()].concat();
        bytes.extend((which.len() as u32).to_le_bytes());
        bytes.extend([0; 4]);
        for (tier, what) in which {
            bytes.extend([*tier, *what, 0, 0, 0, 0, 0, 0]);
            bytes.extend(store.tier(*tier).unwrap().config.incarnation);
        }
        bytes.extend([0; 8]);
        super::seal::end(&mut bytes, &store.id());
        bytes
    };
    let times = [&1_000_u64.to_le_bytes()[..], &[0xd0, 0x0f]].concat();
    let bare = [&[0, 1][..], &times, &[0]].concat();
    // Accessed, with a content of one other digest, two copies of which one is verified, and an attribute.
    let content = [&[0x80, 0x20, 20][..], &[7; 16], &[1, 5, 4, 1, 2, 3, 4]].concat();
    let piece = [&[0, 0x80, 0x20][..], &[9; 8], &[9, 0x80, 1, 1]].concat();
    let copies = [&[2, 3, 0, 0, 1][..], &piece, &[4, 0, 1, 2, 1], &piece].concat();
    let full = [&[3, 3][..], &times, &[4], &content, &copies, b"\x06colour\x03red"].concat();
    [
        (("orders", "lose-and-clear"), orders(&[(1, 1), (0, 2)])),
        (("orders", "none"), orders(&[])),
        (("index-row", "bare"), bare),
        (("index-row", "full"), full),
    ]
}

/// Writes the first inputs alone, which do not change the store of the corpus.
#[test]
#[ignore = "writes parts of the corpus anew"]
fn make_the_first_inputs() {
    let disk = disk_with(&store());
    let store = Store::open(STORE, &options(&disk)).unwrap();
    for ((target, name), content) in first_inputs(&store) {
        if target == "index-row" {
            assert_eq!(hsm_core::testing::parse::index_row(&content), Some(true), "{name}");
        }
        fs::create_dir_all(place(target)).unwrap();
        fs::write(place(target).join(name), content).unwrap();
    }
}

/// Writes the store of the corpus, and first inputs of the targets that take no file of it.
#[test]
#[ignore = "writes the corpus anew"]
fn make_the_corpus() {
    let disk = MemoryDisk::new();
    let tiers = [0, 1].map(|index| TierConfig {
        pack_threshold_bytes: 100,
        ..TierConfig::posix(index, format!("tiers/{index}"))
    });
    let options = options(&disk).clock(ManualClock::new()).tiers(tiers.into());
    let store = Store::open(STORE, &options).unwrap();
    let data = store.create_dataset("data", &Attributes::from([("a", b"b")])).unwrap();
    let named = |key: &str| PutOptions { block_size: Some(4096), ..PutOptions::name(name(data, key)) };
    let small = store.put(&bytes(40, 1), &named("small")).unwrap().id;
    store.put(&bytes(41, 2), &PutOptions::id(small)).unwrap();
    let large = store.put(&bytes(4200, 3), &named("large")).unwrap().id;
    store.put_at(large, 4096, b"patched", Durability::Durable).unwrap();
    store.copy(small, None, 1).unwrap();
    store.set_attributes(small, &vec![("colour".into(), Some(b"red".to_vec()))]).unwrap();
    store.add_name(small, &name(data, "alias")).unwrap();
    let gone = store.put(&bytes(200, 4), &named("gone")).unwrap().id;
    store.remove(gone).unwrap();
    store.undelete(gone).unwrap();
    store.snapshot_to(1, &SnapshotOptions::default()).unwrap();
    let mut tree = Tree::new();
    collect(&disk, Path::new(STORE), &mut tree);
    for (path, content) in &tree {
        let path = place("store").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let write = |target: &str, name: &str, content: &[u8]| {
        fs::create_dir_all(place(target)).unwrap();
        fs::write(place(target).join(name), content).unwrap();
    };
    write("tiers-yaml", "exported.yaml", store.export_tiers().unwrap().as_bytes());
    let bomb = (1..30).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
        format!("{text}a{n}: &a{n} [*a{0}, *a{0}, *a{0}]\n", n - 1)
    });
    write("tiers-yaml", "aliases.yaml", bomb.as_bytes());
    write("tiers-yaml", "deep.yaml", "[".repeat(20_000).as_bytes());
    for (file, content) in first_inputs(&store) {
        write(file.0, file.1, &content);
    }
    write("attributes", "two", b"\x06colour\x03red\x05owner\x02me");
    write("attributes", "empty-value", b"\x01a\0");
}
