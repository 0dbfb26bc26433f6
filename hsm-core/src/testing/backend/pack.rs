//! Packs on a backend: shared by many threads, torn, and damaged in every byte.

use std::thread;

use super::{ID, STORE_ID, TIER, altered, bytes_of, name, noise};
use crate::Kind;
use crate::backend::pack::{
    Appended, Depth, ExpectedRecord, PACK_HEADER_LENGTH, PACKED_LENGTH_MAX, PackIdentity, PackWriter,
    RecordData, Walked, Walker, header_fault, read_record,
};
use crate::backend::{Backend, PlaceName, ReadFrom};
use crate::integrity::{RootHasher, block_digest};
use crate::object::{ObjectId, Piece, Place};

const NAME: PlaceName = PlaceName { instance: 0xabc, serial: 1, packed: true };
const PLACE: Place = Place { tier: TIER, instance: 0xabc, serial: 1 };
const IDENTITY: PackIdentity = PackIdentity { store_id: STORE_ID, place: PLACE };

fn record_data(data: &[u8]) -> RecordData {
    let mut gathered = RecordData::default();
    gathered.extend(data);
    gathered
}

fn append(pack: &PackWriter, id: ObjectId, data: &[u8]) -> Appended {
    pack.append(id, 3, 77, &block_digest(data), &mut record_data(data)).unwrap()
}

fn expected(id: ObjectId, appended: Appended, data: &[u8]) -> ExpectedRecord {
    let length = data.len() as u64;
    ExpectedRecord {
        store_id: STORE_ID,
        id,
        generation: Some(3),
        piece: Piece { start: 0, length, place: PLACE, offset: appended.offset, packed: true },
        root: RootHasher::of_one_block(length, &block_digest(data)),
    }
}

/// A pack of three records, synced: of 0, 20 and 64 bytes.
fn three_records(backend: &dyn Backend) -> [(ExpectedRecord, Vec<u8>); 3] {
    let pack = PackWriter::new(backend.create(NAME).unwrap(), IDENTITY, 77);
    let records = [0, 20, 64].map(|length| {
        let data = noise(length);
        (expected(ID, append(&pack, ID, &data), &data), data)
    });
    pack.sync_to(pack.len()).unwrap();
    records
}

/// The records of a pack up to the first that is not whole, and where they end.
fn scan(backend: &dyn Backend, name: PlaceName, identity: &PackIdentity) -> (Vec<u64>, u64) {
    let place = backend.open(name, ReadFrom::Anywhere).unwrap().unwrap();
    if header_fault(&*place, identity).unwrap().is_some() {
        return (Vec::new(), 0);
    }
    let mut walker = Walker::new(&*place, &identity.store_id, u64::MAX, Depth::Data).unwrap();
    let (mut offsets, mut end) = (Vec::new(), walker.offset());
    while let Some(Walked::Record(found)) = walker.step().unwrap()
        && found.is_whole
    {
        offsets.push(found.offset);
        end = walker.offset();
    }
    (offsets, end)
}

pub(super) fn many_threads_append_and_sync(backend: &dyn Backend) {
    let pack = PackWriter::new(backend.create(NAME).unwrap(), IDENTITY, 77);
    assert!(pack.is_empty());
    thread::scope(|scope| {
        for thread in 0..8u8 {
            let pack = &pack;
            scope.spawn(move || {
                let mut buffer = Vec::new();
                for count in 0..40u8 {
                    let id = ObjectId([thread + 1; 16]);
                    // Some are large enough that appends must write by themselves.
                    let length = match count % 16 {
                        7 => 300_000,
                        9 => (16 << 10) - 75 + usize::from(count), // Copied, and from the next on taken over.
                        _ => usize::from(count) * 13,
                    };
                    let data = noise(length);
                    let appended = append(pack, id, &data);
                    if count % 3 == 0 {
                        pack.write_to(appended.end).unwrap();
                    } else {
                        pack.sync_to(appended.end).unwrap();
                    }
                    let place = backend.open(NAME, ReadFrom::Anywhere).unwrap().unwrap();
                    let read = read_record(&*place, &expected(id, appended, &data), &mut buffer);
                    assert_eq!(read.unwrap(), data);
                }
            });
        }
    });
    let mut too_long = record_data(&vec![0; PACKED_LENGTH_MAX + 1]);
    assert!(pack.append(ID, 1, 1, &[0; 16], &mut too_long).is_err());
    pack.sync_to(u64::MAX).unwrap();
    assert!(pack.failed().is_none());
    let (offsets, end) = scan(backend, NAME, &IDENTITY);
    assert_eq!((offsets.len(), end), (320, pack.len()));
    assert_eq!(bytes_of(backend, NAME, ReadFrom::Medium).len() as u64, end);
}

pub(super) fn every_flipped_byte_is_found(backend: &dyn Backend) {
    let records = three_records(backend);
    let whole = bytes_of(backend, NAME, ReadFrom::Anywhere);
    let place = backend.reopen(NAME).unwrap();
    let offsets: Vec<_> = records.iter().map(|(expect, _)| expect.piece.offset).collect();
    for at in 0..whole.len() as u64 {
        let byte = whole[at as usize];
        place.write_at(&[byte ^ 0x10], at).unwrap();
        let reader = backend.open(NAME, ReadFrom::Anywhere).unwrap().unwrap();
        let mut valid = Vec::new();
        for (expect, data) in &records {
            let record = expect.piece.offset..expect.piece.offset + 72 + expect.piece.length;
            let mut buffer = Vec::new();
            match read_record(&*reader, expect, &mut buffer) {
                Ok(read) => assert!(!record.contains(&at) && read == data, "byte {at}"),
                Err(error) => assert!(record.contains(&at) && error.kind() == Kind::Corrupt, "byte {at}"),
            }
            if at >= PACK_HEADER_LENGTH && at >= record.end || at < record.start {
                valid.push(expect.piece.offset);
            }
        }
        let (found, _) = scan(backend, NAME, &IDENTITY);
        let broken = offsets.iter().position(|offset| !valid.contains(offset)).unwrap_or(offsets.len());
        let expected = if at < PACK_HEADER_LENGTH { 0 } else { broken };
        assert_eq!(found, offsets[..expected], "byte {at}");
        place.write_at(&[byte], at).unwrap();
    }
}

pub(super) fn a_torn_pack_ends_before_the_tear(backend: &dyn Backend) {
    let records = three_records(backend);
    let whole = bytes_of(backend, NAME, ReadFrom::Anywhere);
    for length in 0..whole.len() as u64 {
        // Cut off, and cut off with zeros in its place, as file systems leave it.
        for zeros in [0, 200] {
            let mut bytes = whole[..length as usize].to_vec();
            bytes.resize(bytes.len() + zeros, 0);
            let torn = altered(backend, &bytes, 2, true);
            let (offsets, end) = scan(backend, torn, &IDENTITY);
            let mut survivors = records.iter().map(|(expect, _)| expect.piece);
            for offset in &offsets {
                assert_eq!(survivors.next().map(|piece| piece.offset), Some(*offset));
            }
            if let Some(next) = survivors.next() {
                let lost = length < next.offset + 72 + next.length;
                assert!(lost || zeros == 0, "cut to {length}: a whole record was not found");
                assert!(end <= next.offset);
            }
            backend.remove(torn).unwrap();
        }
    }
    assert_eq!(
        scan(backend, NAME, &IDENTITY),
        (records.map(|(e, _)| e.piece.offset).to_vec(), whole.len() as u64)
    );
    let other = PackIdentity { store_id: STORE_ID, place: Place { serial: 9, ..PLACE } };
    assert_eq!(scan(backend, NAME, &other), (vec![], 0), "a pack of another name");
}

pub(super) fn another_expectation_is_refused(backend: &dyn Backend) {
    let [_, (right, data), _] = three_records(backend);
    let place = backend.open(NAME, ReadFrom::Anywhere).unwrap().unwrap();
    let mut buffer = Vec::new();
    assert_eq!(read_record(&*place, &right, &mut buffer).unwrap(), data);
    let piece = |piece: Piece| ExpectedRecord { piece, ..right };
    for wrong in [
        ExpectedRecord { store_id: [0; 16], ..right },
        ExpectedRecord { id: ObjectId([0; 16]), ..right },
        ExpectedRecord { generation: Some(4), ..right },
        ExpectedRecord { root: [0; 16], ..right },
        piece(Piece { length: 19, ..right.piece }),
        piece(Piece { length: 1 << 40, ..right.piece }),
        piece(Piece { offset: right.piece.offset + 8, ..right.piece }),
        piece(Piece { offset: 1 << 40, ..right.piece }),
    ] {
        let error = read_record(&*place, &wrong, &mut buffer).unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt, "{wrong:?}");
        assert!(buffer.is_empty() || matches!(wrong.piece.length, 19 | 20));
    }
    let any = ExpectedRecord { generation: None, ..right };
    assert_eq!(read_record(&*place, &any, &mut buffer).unwrap(), data);
    assert!(backend.open(name(1), ReadFrom::Anywhere).unwrap().is_none(), "a pack is not an object file");
}
