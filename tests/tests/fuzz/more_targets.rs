//! Targets of a few fields each: the orders of a store, the map of an object file, the rows of the index.

use std::path::{Path, PathBuf};

use hsm_core::{RebuildOptions, Store};

use super::corpus::{self, STORE};
use super::seal;
use super::targets::{Base, Target, ask};

const TAIL_LEN: usize = 192;

/// What is to be done to tiers: read, and carried out, by each open.
pub(crate) struct Orders(pub(crate) Base);

impl Target for Orders {
    fn name(&self) -> &'static str {
        "orders"
    }

    fn rounds(&self) -> u64 {
        3000
    }

    fn seal(&self, _which: usize, bytes: &mut Vec<u8>) {
        seal::end(bytes, &self.0.id);
    }

    fn feed(&self, _which: usize, bytes: &[u8]) {
        let mut tree = self.0.tree.clone();
        tree.insert("orders".into(), bytes.to_vec());
        let disk = corpus::disk_with(&tree);
        if let Ok(store) = Store::open(STORE, &corpus::options(&disk)) {
            ask(&store);
            let _ = store.put(b"x", &hsm_core::PutOptions::default());
            let _ = store.close();
        }
    }
}

/// The map of the blocks of an object that lies in several files, which a rebuild reads. An input is the map alone: the
/// file around it is made to fit.
pub(crate) struct ObjectMap {
    base: Base,
    path: PathBuf,
    file: Vec<u8>,
}

fn number(bytes: &[u8], at: usize) -> usize {
    usize::try_from(u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())).unwrap()
}

impl ObjectMap {
    pub(crate) fn new(base: Base) -> Self {
        let has_map = |file: &[u8]| number(file, file.len() - TAIL_LEN + 144) > 0;
        let is_object = |path: &Path| path.extension().is_some_and(|suffix| suffix == "obj");
        let found = base.tree.iter().find(|(path, file)| is_object(path) && has_map(file));
        let (path, file) = found.map(|(path, file)| (path.clone(), file.clone())).unwrap();
        Self { base, path, file }
    }

    /// Where data and map of the file end.
    fn ends(&self) -> (usize, usize) {
        let tail = self.file.len() - TAIL_LEN;
        let data = number(&self.file, tail + 96);
        (data, data + number(&self.file, tail + 144))
    }

    fn with_map(&self, map: &[u8]) -> Vec<u8> {
        let (data, table) = self.ends();
        let mut file = [&self.file[..data], map, &self.file[table..]].concat();
        let at = file.len() - TAIL_LEN + 144;
        file[at..at + 8].copy_from_slice(&(map.len() as u64).to_le_bytes());
        seal::object(&mut file, &self.base.id);
        file
    }
}

impl Target for ObjectMap {
    fn name(&self) -> &'static str {
        "object-map"
    }

    fn rounds(&self) -> u64 {
        3000
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let (data, table) = self.ends();
        vec![self.file[data..table].to_vec()]
    }

    fn feed(&self, _which: usize, bytes: &[u8]) {
        let mut tree = self.base.tree.clone();
        tree.insert(self.path.clone(), self.with_map(bytes));
        let disk = corpus::disk_with(&tree);
        let options = RebuildOptions::new().store(corpus::options(&disk));
        let roots = [0, 1].map(|tier| Path::new(STORE).join(format!("tiers/{tier}")));
        let options = roots.into_iter().fold(options, RebuildOptions::root);
        let rebuilt = Store::rebuild("/rebuilt", &options, None, |_| Ok(()));
        if rebuilt.is_err() {
            return;
        }
        let Ok(store) = Store::open("/rebuilt", &corpus::options(&disk)) else { return };
        let _ = store.reconcile();
        ask(&store);
        for (object, content) in &self.base.objects {
            let is_newest = store.object(object.id).is_ok_and(|now| now.generation == object.generation);
            if is_newest && let Ok(got) = store.get(object.id) {
                assert!(got == *content, "wrong bytes of {}", object.id);
            }
        }
        let _ = store.close();
    }
}

/// What the index holds of an object in one blob.
pub(crate) struct IndexRow;

impl Target for IndexRow {
    fn name(&self) -> &'static str {
        "index-row"
    }

    fn rounds(&self) -> u64 {
        300_000
    }

    fn feed(&self, _which: usize, bytes: &[u8]) {
        let read = hsm_core::testing::parse::index_row(bytes);
        assert!(read.unwrap_or(true), "what was read is written otherwise");
    }
}
