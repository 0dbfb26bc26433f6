//! Places in memory: for tests, and for tiers whose loss does not matter.
//!
//! A place is a row of chunks, so that growing never copies what is there and a gap costs nothing. Readers
//! and writers share the place itself, so it stays readable after it was removed from the list.
//!
//! What it does not do: survive the process, or bound itself; a tier's capacity does that.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::side::check_side_name;
use super::{Backend, Capabilities, PlaceName, PlaceReader, PlaceWriter, ReadFrom};
use crate::error::{Error, Result};
use crate::file::Space;

/// Bytes in one chunk; large enough that a big place has few, small enough to be zeroed quickly.
const CHUNK_LENGTH: usize = 64 << 10;

/// How many places are listed under one hold of the lock.
const LISTED_AT_ONCE: usize = 1024;

/// A backend that keeps its places in memory.
#[derive(Debug, Default)]
pub struct MemoryBackend {
    places: RwLock<BTreeMap<PlaceName, Arc<MemoryPlace>>>,
    sides: RwLock<BTreeMap<String, Arc<MemoryPlace>>>,
}

impl MemoryBackend {
    /// An empty backend.
    pub fn new() -> Self {
        Self::default()
    }

    fn find(&self, name: PlaceName) -> Option<Arc<MemoryPlace>> {
        self.places.read().get(&name).cloned()
    }
}

impl Backend for MemoryBackend {
    fn capabilities(&self) -> Capabilities {
        Capabilities { durable: false, random_write: true }
    }

    fn check_root(&self) -> Result<()> {
        Ok(())
    }

    fn create(&self, name: PlaceName) -> Result<Arc<dyn PlaceWriter>> {
        let mut places = self.places.write();
        if places.contains_key(&name) {
            return Err(Error::Exists { what: format!("place {name}") });
        }
        let place = Arc::new(MemoryPlace::default());
        places.insert(name, place.clone());
        Ok(place)
    }

    fn reopen(&self, name: PlaceName) -> Result<Arc<dyn PlaceWriter>> {
        match self.find(name) {
            Some(place) => Ok(place),
            None => Err(super::gone(name)),
        }
    }

    fn open(&self, name: PlaceName, _from: ReadFrom) -> Result<Option<Arc<dyn PlaceReader>>> {
        Ok(self.find(name).map(|place| place as Arc<dyn PlaceReader>))
    }

    fn remove(&self, name: PlaceName) -> Result<()> {
        self.places.write().remove(&name);
        Ok(())
    }

    fn sync_removals(&self, _names: &[PlaceName]) -> Result<()> {
        Ok(())
    }

    fn instances(&self) -> Result<Vec<u64>> {
        let places = self.places.read();
        let mut instances = Vec::new();
        let mut next = places.keys().next();
        while let Some(name) = next {
            instances.push(name.instance);
            let Some(above) = name.instance.checked_add(1) else { break };
            next = places
                .range(PlaceName { instance: above, serial: 0, packed: false }..)
                .map(|(k, _)| k)
                .next();
        }
        Ok(instances)
    }

    fn places(
        &self,
        instance: u64,
        from_serial: u64,
        visit: &mut dyn FnMut(PlaceName, u64) -> Result<()>,
    ) -> Result<()> {
        let mut from = PlaceName { instance, serial: from_serial, packed: false };
        loop {
            // The lock is not held during a visit: it may remove what it is shown.
            let batch: Vec<_> = {
                let places = self.places.read();
                let listed = places.range(from..).take_while(|(name, _)| name.instance == instance);
                listed.take(LISTED_AT_ONCE).map(|(name, place)| (*name, place.length())).collect()
            };
            for (name, length) in &batch {
                visit(*name, *length)?;
            }
            match batch.last().map(|(name, _)| *name) {
                Some(PlaceName { serial, packed: false, .. }) if batch.len() == LISTED_AT_ONCE => {
                    from = PlaceName { instance, serial, packed: true };
                }
                Some(PlaceName { serial, .. }) if batch.len() == LISTED_AT_ONCE && serial < u64::MAX => {
                    from = PlaceName { instance, serial: serial + 1, packed: false };
                }
                _ => return Ok(()),
            }
        }
    }

    fn forget_instance(&self, _instance: u64) -> Result<()> {
        Ok(())
    }

    fn create_side(&self, name: &str) -> Result<Arc<dyn PlaceWriter>> {
        check_side_name(name)?;
        let mut sides = self.sides.write();
        if sides.contains_key(name) {
            return Err(Error::Exists { what: format!("side file {name}") });
        }
        let side = Arc::new(MemoryPlace::default());
        sides.insert(name.to_owned(), side.clone());
        Ok(side)
    }

    fn put_side(&self, name: &str, bytes: &[u8]) -> Result<()> {
        check_side_name(name)?;
        let side = Arc::new(MemoryPlace::default());
        side.write_at(bytes, 0)?;
        self.sides.write().insert(name.to_owned(), side);
        Ok(())
    }

    fn open_side(&self, name: &str, _from: ReadFrom) -> Result<Option<Arc<dyn PlaceReader>>> {
        Ok(self.sides.read().get(name).cloned().map(|side| side as Arc<dyn PlaceReader>))
    }

    fn sides(&self) -> Result<Vec<(String, u64)>> {
        Ok(self.sides.read().iter().map(|(name, side)| (name.clone(), side.length())).collect())
    }

    fn remove_sides(&self, names: &[String]) -> Result<()> {
        let mut sides = self.sides.write();
        for name in names {
            sides.remove(name);
        }
        Ok(())
    }

    fn clear(&self) -> Result<()> {
        self.sides.write().clear();
        self.places.write().clear();
        Ok(())
    }

    fn space(&self) -> Result<Option<Space>> {
        Ok(None)
    }
}

/// One place: its bytes, shared by all who have it open.
#[derive(Debug, Default)]
struct MemoryPlace {
    bytes: RwLock<Bytes>,
}

/// Chunks by number. One may be shorter than [`CHUNK_LENGTH`], or not there: the rest is zero.
#[derive(Debug, Default)]
struct Bytes {
    length: u64,
    chunks: BTreeMap<u64, Vec<u8>>,
}

impl MemoryPlace {
    fn length(&self) -> u64 {
        self.bytes.read().length
    }

    fn read(&self, buffer: &mut [u8], offset: u64) -> usize {
        let bytes = self.bytes.read();
        let wanted = (bytes.length.saturating_sub(offset)).min(buffer.len() as u64) as usize;
        let mut done = 0;
        while done < wanted {
            let (index, within) = position(offset + done as u64);
            let count = (CHUNK_LENGTH - within).min(wanted - done);
            let target = &mut buffer[done..done + count];
            let chunk = bytes.chunks.get(&index).map_or(&[][..], |chunk| chunk.get(within..).unwrap_or(&[]));
            let held = chunk.len().min(count);
            target[..held].copy_from_slice(&chunk[..held]);
            target[held..].fill(0);
            done += count;
        }
        wanted
    }
}

fn position(offset: u64) -> (u64, usize) {
    (offset / CHUNK_LENGTH as u64, (offset % CHUNK_LENGTH as u64) as usize)
}

impl PlaceWriter for MemoryPlace {
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        if bytes.is_empty() {
            return Ok(()); // Like a file: writing nothing behind the end does not move it.
        }
        let mut held = self.bytes.write();
        let mut done = 0;
        while done < bytes.len() {
            let (index, within) = position(offset + done as u64);
            let count = (CHUNK_LENGTH - within).min(bytes.len() - done);
            let chunk = held.chunks.entry(index).or_default();
            if chunk.len() < within + count {
                chunk.resize(within + count, 0);
            }
            chunk[within..within + count].copy_from_slice(&bytes[done..done + count]);
            done += count;
        }
        held.length = held.length.max(offset + bytes.len() as u64);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn start_writeback(&self, _offset: u64, _len: u64) {}

    fn truncate(&self, len: u64) -> Result<()> {
        let mut held = self.bytes.write();
        if len < held.length {
            let (index, within) = position(len);
            held.chunks.split_off(&(index + 1));
            if let Some(chunk) = held.chunks.get_mut(&index) {
                chunk.truncate(within);
            }
        }
        held.length = len;
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        Ok(self.read(buffer, offset))
    }

    fn len(&self) -> Result<u64> {
        Ok(self.length())
    }
}

impl PlaceReader for MemoryPlace {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        Ok(self.read(buffer, offset))
    }

    fn len(&self) -> Result<u64> {
        Ok(self.length())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_backend() {
        crate::testing::backend::conformance(&|| Arc::new(MemoryBackend::new()));
    }

    #[test]
    fn a_hole_costs_no_memory() {
        let place = MemoryPlace::default();
        place.write_at(b"far out", 1 << 62).unwrap();
        let mut back = [7; 9];
        assert_eq!(place.read(&mut back, (1 << 62) - 2), 9);
        assert_eq!(&back, b"\0\0far out");
        place.truncate(3).unwrap();
        assert_eq!((place.length(), place.bytes.read().chunks.len()), (3, 0));
    }
}
