//! Object files on a backend: whole, in parts, and damaged in every way a byte can be.

use std::sync::Arc;
use std::thread;

use super::{ID, STORE_ID, TIER, altered, bytes_of, name, noise, piece};
use crate::Kind;
use crate::backend::object_file::{
    Expectation, ObjectReader, ObjectWriter, Scratch, TAIL_LENGTH, Tail, Whole, write_end,
};
use crate::backend::{Backend, PlaceName, PlaceWriter, ReadFrom};
use crate::integrity::{BlockDigest, RootDigest, RootHasher, block_digest};
use crate::object::{ObjectId, Piece, Place};

const SHIFT: u8 = 12;
const BLOCK: usize = 1 << SHIFT;

fn tail(name: PlaceName, length: usize, block_shift: u8, root: RootDigest) -> Tail {
    Tail {
        store_id: STORE_ID,
        place: Place { tier: TIER, instance: name.instance, serial: name.serial },
        id: ID,
        generation: 3,
        start: 0,
        length: length as u64,
        size: length as u64,
        block_shift,
        root,
        created_ns: 77,
    }
}

fn expectation(name: PlaceName, length: usize, block_shift: u8, root: RootDigest) -> Expectation {
    let whole = Some(Whole { generation: Some(3), root });
    Expectation { store_id: STORE_ID, id: ID, piece: piece(name, length as u64), block_shift, whole }
}

/// Writes an object in slices of `slice` bytes; returns its root.
fn write(backend: &dyn Backend, name: PlaceName, content: &[u8], shift: u8, slice: usize) -> RootDigest {
    let mut writer = ObjectWriter::new(backend.create(name).unwrap(), shift);
    content.chunks(slice).for_each(|bytes| writer.write(bytes).unwrap());
    let root = writer.end_data().unwrap();
    let length = writer.finish(&tail(name, content.len(), shift, root), b"").unwrap();
    writer.sync().unwrap();
    let blocks = content.len().div_ceil(1 << shift);
    assert_eq!(length, content.len() as u64 + 16 * blocks as u64 + TAIL_LENGTH);
    assert!(writer.write(b"more").is_err(), "a finished object takes no more bytes");
    root
}

fn open(backend: &dyn Backend, name: PlaceName, expect: &Expectation) -> crate::Result<ObjectReader> {
    ObjectReader::open(backend.open(name, ReadFrom::Anywhere).unwrap().unwrap(), expect)
}

fn read(reader: &ObjectReader) -> crate::Result<Vec<u8>> {
    let mut bytes = vec![0; reader.length() as usize];
    let read = reader.read_at(&mut bytes, 0)?;
    assert_eq!(read, bytes.len());
    Ok(bytes)
}

pub(super) fn round_trips_at_every_size(backend: &dyn Backend) {
    let mut serial = 0;
    for shift in [SHIFT, 20] {
        let block = 1usize << shift;
        for length in [0, 1, block - 1, block, block + 1, block * 7 / 2] {
            let content = noise(length);
            let mut roots = Vec::new();
            for slice in [1009, block, length.max(1)] {
                serial += 1;
                let root = write(backend, name(serial), &content, shift, slice);
                let expect = expectation(name(serial), length, shift, root);
                let reader = open(backend, name(serial), &expect).unwrap();
                assert_eq!(read(&reader).unwrap(), content);
                reader.verify().unwrap();
                ranges(&reader, &content, block);
                roots.push(root);
                backend.remove(name(serial)).unwrap();
            }
            assert!(roots.iter().all(|root| *root == roots[0]), "the root depends on how the bytes came");
        }
    }
}

fn ranges(reader: &ObjectReader, content: &[u8], block: usize) {
    for offset in [0, 1, block / 2, block - 1, block, block + 7, 3 * block, content.len()] {
        for length in [0, 1, 100, block, 2 * block + 3] {
            let mut buffer = vec![0xee; length];
            let read = reader.read_at(&mut buffer, offset as u64).unwrap();
            let expected = &content[offset.min(content.len())..(offset + length).min(content.len())];
            assert_eq!(buffer[..read], *expected, "{length} bytes at {offset}");
        }
    }
}

pub(super) fn many_writers_make_one_object(backend: &dyn Backend) {
    let content = noise(10 * BLOCK + 5);
    let place = backend.create(name(1)).unwrap();
    let mut digests: Vec<BlockDigest> = vec![[0; 16]; 11];
    thread::scope(|scope| {
        for (index, (bytes, digest)) in content.chunks(BLOCK).zip(&mut digests).enumerate() {
            let writer = backend.reopen(name(1)).unwrap();
            scope.spawn(move || {
                *digest = block_digest(bytes);
                writer.write_at(bytes, (index * BLOCK) as u64).unwrap();
                writer.sync().unwrap();
            });
        }
    });
    let mut root = RootHasher::new(content.len() as u64);
    for digest in &digests {
        root.push(digest);
    }
    let tail = tail(name(1), content.len(), SHIFT, root.finish());
    assert!(write_end(&*place, &tail, b"", digests[1..].iter().copied().map(Ok)).is_err());
    write_end(&*place, &tail, b"", digests.iter().copied().map(Ok)).unwrap();
    place.sync().unwrap();
    let reader = open(backend, name(1), &expectation(name(1), content.len(), SHIFT, root.finish())).unwrap();
    assert_eq!(read(&reader).unwrap(), content);
    assert_eq!(reader.block_digests(0..u64::MAX).unwrap(), digests);
}

#[derive(Debug)]
struct Aside(Option<Arc<dyn PlaceWriter>>);

impl Scratch for Aside {
    fn create(&mut self) -> crate::Result<Arc<dyn PlaceWriter>> {
        Ok(self.0.take().expect("a scratch place is made once"))
    }
}

/// More blocks than a writer keeps digests of.
pub(super) fn digests_in_a_scratch_place_make_the_same_object(backend: &dyn Backend) {
    let content = noise(100 * BLOCK + 5);
    let root = write(backend, name(1), &content, SHIFT, 5000);
    let aside = backend.create(name(2)).unwrap();
    let mut writer = ObjectWriter::new(backend.create(name(3)).unwrap(), SHIFT)
        .with_scratch(Box::new(Aside(Some(aside.clone()))));
    writer.write(&content).unwrap();
    assert_eq!(writer.end_data().unwrap(), root);
    assert!(aside.len().unwrap() > 16 * 50, "digests are held in memory");
    let digests = writer.digests().collect::<crate::Result<Vec<_>>>().unwrap();
    assert!(digests.iter().copied().eq(content.chunks(BLOCK).map(block_digest)));
    writer.finish(&tail(name(3), content.len(), SHIFT, root), b"").unwrap();
    let reader = open(backend, name(3), &expectation(name(3), content.len(), SHIFT, root)).unwrap();
    assert_eq!(read(&reader).unwrap(), content);

    aside.write_at(&noise(1), 20).unwrap();
    assert!(writer.end_data().is_err(), "a digest that changed in the scratch place counts");
    aside.truncate(100).unwrap();
    assert!(writer.end_data().is_err(), "digests that are gone from the scratch place count");
}

/// Blocks 4 to 9 of a larger object, of which a later put left blocks 5 to 7 alive. A map lies behind them.
pub(super) fn pieces_of_a_place_are_read_alone(backend: &dyn Backend) {
    let content = noise(6 * BLOCK);
    let mut writer = ObjectWriter::new(backend.create(name(1)).unwrap(), SHIFT);
    writer.write(&content).unwrap();
    let start = 4 * BLOCK as u64;
    let tail = Tail { start, size: 1 << 30, ..tail(name(1), content.len(), SHIFT, [9; 16]) };
    writer.finish(&tail, &[0xaa; 100]).unwrap();

    let alive = Piece { start: 5 * BLOCK as u64, offset: BLOCK as u64, ..piece(name(1), 3 * BLOCK as u64) };
    let expect = Expectation { store_id: STORE_ID, id: ID, piece: alive, block_shift: SHIFT, whole: None };
    let reader = open(backend, name(1), &expect).unwrap();
    assert_eq!(read(&reader).unwrap(), content[BLOCK..4 * BLOCK]);
    assert_eq!(reader.block_digests(1..2).unwrap(), [block_digest(&content[2 * BLOCK..3 * BLOCK])]);
    reader.verify().unwrap();
    assert_eq!(reader.read_at(&mut [0; 9], 3 * BLOCK as u64).unwrap(), 0);

    let mut bytes = bytes_of(backend, name(1), ReadFrom::Anywhere);
    bytes[3 * BLOCK + 1] ^= 1;
    backend.reopen(name(1)).unwrap().write_at(&bytes, 0).unwrap();
    match open(backend, name(1), &expect).unwrap().verify().unwrap_err() {
        crate::Error::Corrupt { offset, tier, .. } => assert_eq!((offset, tier), (7 * BLOCK as u64, TIER)),
        other => panic!("{other}"),
    }
    for wrong in [
        Piece { start: 0, ..alive },
        Piece { offset: 2 * BLOCK as u64, ..alive },
        Piece { length: 6 * BLOCK as u64, ..alive },
        Piece { length: BLOCK as u64 + 1, ..alive },
    ] {
        let error = open(backend, name(1), &Expectation { piece: wrong, ..expect }).unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt, "{wrong:?}");
    }
}

/// More blocks than a reader keeps digests of: it must read them again, and notice when they changed.
pub(super) fn a_long_table_is_read_again_and_checked_again(backend: &dyn Backend) {
    let mut content = vec![0; 8200 * BLOCK + 1];
    for (index, block) in content.chunks_mut(BLOCK).enumerate() {
        block[0] = index as u8;
        block[block.len() / 2] = (index >> 8) as u8;
    }
    let root = write(backend, name(1), &content, SHIFT, 3 << 20);
    let reader = open(backend, name(1), &expectation(name(1), content.len(), SHIFT, root)).unwrap();
    for block in [0, 8199, 4095, 4096, 8192, 1] {
        let (mut buffer, at) = (vec![0; BLOCK + 1], block * BLOCK);
        assert_eq!(reader.read_at(&mut buffer, at as u64).unwrap(), buffer.len());
        assert_eq!(buffer, content[at..=at + BLOCK]);
    }
    assert_eq!(reader.block_digests(4090..4100).unwrap()[9], block_digest(&content[4099 * BLOCK..][..BLOCK]));
    // Another digest, that matches the block which goes with it.
    let place = backend.reopen(name(1)).unwrap();
    place.write_at(&noise(BLOCK), 0).unwrap();
    place.write_at(&block_digest(&noise(BLOCK)), content.len() as u64).unwrap();
    let error = reader.read_at(&mut [0; BLOCK], 0).unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt);
}

pub(super) fn every_flipped_byte_is_found(backend: &dyn Backend) {
    let content = noise(BLOCK + 50);
    let root = write(backend, name(1), &content, SHIFT, 512);
    let whole = bytes_of(backend, name(1), ReadFrom::Anywhere);
    let place = backend.reopen(name(1)).unwrap();
    let expect = expectation(name(1), content.len(), SHIFT, root);
    // The middle of a block is all alike to its digest: every 13th byte of the data will do.
    let interesting = (0..whole.len()).filter(|at| *at >= content.len() || at % 13 == 0);
    for at in interesting {
        place.write_at(&[whole[at] ^ 0x10], at as u64).unwrap();
        let checked = open(backend, name(1), &expect).and_then(|reader| {
            let verified = reader.verify();
            assert_eq!(verified.is_err(), read(&reader).is_err(), "verify and read disagree on byte {at}");
            verified
        });
        assert_eq!(checked.map_err(|error| error.kind()), Err(Kind::Corrupt), "byte {at}");
        place.write_at(&[whole[at]], at as u64).unwrap();
    }
    open(backend, name(1), &expect).unwrap().verify().unwrap();
}

pub(super) fn every_cut_is_found(backend: &dyn Backend) {
    let content = noise(BLOCK / 2);
    let root = write(backend, name(1), &content, SHIFT, 512);
    let whole = bytes_of(backend, name(1), ReadFrom::Anywhere);
    for length in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
        let cut = altered(backend, &whole[..length], 2, false);
        let expect = expectation(name(1), content.len(), SHIFT, root);
        let error = open(backend, cut, &expect).unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt, "cut to {length}");
        backend.remove(cut).unwrap();
    }
    let longer = altered(backend, &[&whole[..], &[0; 8]].concat(), 2, false);
    let expect = expectation(name(1), content.len(), SHIFT, root);
    assert_eq!(open(backend, longer, &expect).unwrap_err().kind(), Kind::Corrupt);

    // A file that loses its end after it was opened: an error, never zeros.
    let reader = open(backend, name(1), &expect).unwrap();
    backend.reopen(name(1)).unwrap().truncate(10).unwrap();
    assert_eq!(read(&reader).unwrap_err().kind(), Kind::Corrupt);
}

pub(super) fn another_expectation_is_refused(backend: &dyn Backend) {
    let content = noise(3 * BLOCK);
    let root = write(backend, name(1), &content, SHIFT, 512);
    let right = expectation(name(1), content.len(), SHIFT, root);
    open(backend, name(1), &right).unwrap();
    let place = |place: Place| Expectation { piece: Piece { place, ..right.piece }, ..right };
    let at = right.piece.place;
    for wrong in [
        Expectation { store_id: [0; 16], ..right },
        Expectation { id: ObjectId([0; 16]), ..right },
        Expectation { block_shift: SHIFT + 1, ..right },
        Expectation { whole: Some(Whole { generation: Some(3), root: [0; 16] }), ..right },
        Expectation { whole: Some(Whole { generation: Some(4), root }), ..right },
        Expectation { piece: piece(name(1), 2 * BLOCK as u64), ..right },
        place(Place { tier: TIER + 1, ..at }),
        place(Place { instance: at.instance + 1, ..at }),
        place(Place { serial: at.serial + 1, ..at }),
    ] {
        assert_eq!(open(backend, name(1), &wrong).unwrap_err().kind(), Kind::Corrupt, "{wrong:?}");
    }
}

pub(super) fn a_tail_can_be_written_again(backend: &dyn Backend) {
    let content = noise(BLOCK + 1);
    let mut writer = ObjectWriter::new(backend.create(name(1)).unwrap(), SHIFT);
    writer.write(&content).unwrap();
    let root = writer.end_data().unwrap();
    let first = tail(name(1), content.len(), SHIFT, root);
    assert!(writer.rewrite_tail(&first).is_err(), "there is no tail yet");
    writer.finish(&first, b"").unwrap();
    writer.rewrite_tail(&Tail { generation: 9, ..first }).unwrap();
    assert!(writer.rewrite_tail(&Tail { length: 1, ..first }).is_err());
    let expect = expectation(name(1), content.len(), SHIFT, root);
    assert!(open(backend, name(1), &expect).is_err());
    let whole = Some(Whole { generation: Some(9), root });
    let reader = open(backend, name(1), &Expectation { whole, ..expect }).unwrap();
    assert_eq!((read(&reader).unwrap(), reader.tail().created_ns), (content, 77));
}
