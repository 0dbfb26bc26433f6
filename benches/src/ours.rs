//! Our side of every row, behind the few operations that rows need.
//!
//! Everything a put writes is durable when it returns. Dropping the value closes the store; its
//! directory is removed by whoever opened it.
//!
//! Rows see only [`Ours`], so the tests below run every row against a stand-in of plain files.

use std::path::Path;

use crate::error::Result;

/// What a store calls an object, as bytes.
pub(crate) type Id = [u8; 16];

/// Opens the store in a directory, and creates both where there is none yet.
pub(crate) type Opener = fn(&Path) -> Result<Box<dyn Ours>>;

/// The operations that rows time. `Sync`, because rows call one store from many threads.
pub(crate) trait Ours: Sync {
    /// Puts the content of the file at `path` as one object.
    fn put_path(&self, path: &Path) -> Result<Id>;

    /// Reads object `id` to its end through `buffer` and returns its length in bytes.
    fn read_all(&self, id: Id, buffer: &mut [u8]) -> Result<u64>;

    /// Puts each payload as an object of its own, all of them in one durable batch.
    fn put_batch(&self, payloads: &[&[u8]]) -> Result<()>;

    /// Puts one small object.
    fn put_small(&self, payload: &[u8]) -> Result<()>;
}

/// How our side is opened.
pub(crate) fn opener() -> Opener {
    store::open
}

mod store {
    //! [`Ours`] on a store of hsm-core with its default settings.

    use std::io::Read;
    use std::path::Path;

    use hsm_core::object::ObjectId;
    use hsm_core::{Durability, GetOptions, PutOptions, Store, StoreOptions};

    use super::{Id, Ours};
    use crate::error::{Context, Result};

    struct DefaultStore(Store);

    pub(super) fn open(dir: &Path) -> Result<Box<dyn Ours>> {
        let store = Store::open(dir, &StoreOptions::new())
            .context(|| format!("open a store in {}", dir.display()))?;
        Ok(Box::new(DefaultStore(store)))
    }

    impl Ours for DefaultStore {
        fn put_path(&self, path: &Path) -> Result<Id> {
            let put = self.0.put_path(path, 0, None, &PutOptions::default());
            Ok(put.context(|| format!("put {}", path.display()))?.id.0)
        }

        fn read_all(&self, id: Id, buffer: &mut [u8]) -> Result<u64> {
            let action = || "read an object".to_owned();
            let mut reader = self.0.reader(ObjectId(id), &GetOptions::default()).context(action)?;
            let mut read_bytes = 0;
            loop {
                match reader.read(buffer).context(action)? {
                    0 => return Ok(read_bytes),
                    length => read_bytes += length as u64,
                }
            }
        }

        fn put_batch(&self, payloads: &[&[u8]]) -> Result<()> {
            let action = || "put a batch".to_owned();
            let mut batch = self.0.batch(true, Durability::Durable);
            for payload in payloads {
                batch.put(payload, &PutOptions::default()).context(action)?;
            }
            for answer in batch.commit().context(action)? {
                answer.context(action)?;
            }
            Ok(())
        }

        fn put_small(&self, payload: &[u8]) -> Result<()> {
            self.0.put(payload, &PutOptions::default()).context(|| "put a small object".into())?;
            Ok(())
        }
    }
}

#[cfg(test)]
pub(crate) mod stand_in {
    //! [`Ours`] on plain files without any durability: enough to run the rows.

    use std::fs;
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::{Id, Ours};
    use crate::error::{Context, Result};
    use crate::filesystem;

    struct PlainFiles {
        dir: PathBuf,
        serial: AtomicU64,
    }

    pub(crate) fn open(dir: &Path) -> Result<Box<dyn Ours>> {
        fs::create_dir_all(dir).context(|| "create the stand-in".into())?;
        Ok(Box::new(PlainFiles { dir: dir.to_owned(), serial: AtomicU64::new(0) }))
    }

    impl PlainFiles {
        fn path(&self, id: Id) -> PathBuf {
            self.dir.join(u128::from_be_bytes(id).to_string())
        }

        fn next_id(&self) -> Id {
            u128::from(self.serial.fetch_add(1, Ordering::Relaxed)).to_be_bytes()
        }
    }

    impl Ours for PlainFiles {
        fn put_path(&self, path: &Path) -> Result<Id> {
            let id = self.next_id();
            fs::copy(path, self.path(id)).context(|| "copy".into())?;
            Ok(id)
        }

        fn read_all(&self, id: Id, buffer: &mut [u8]) -> Result<u64> {
            filesystem::read_through(&self.path(id), buffer)
        }

        fn put_batch(&self, payloads: &[&[u8]]) -> Result<()> {
            payloads.iter().try_for_each(|payload| self.put_small(payload))
        }

        fn put_small(&self, payload: &[u8]) -> Result<()> {
            fs::write(self.path(self.next_id()), payload).context(|| "write".into())
        }
    }
}
