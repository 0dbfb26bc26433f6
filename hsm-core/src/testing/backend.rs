//! What every backend must do: one suite that each of them runs.
//!
//! Besides places themselves it covers what is built on them, object files and packs, since their promises
//! (no damaged byte is ever returned) hold only as far as the backend's do.

mod object_file;
mod pack;
mod side;

use std::sync::Arc;
use std::thread;

use crate::Kind;
use crate::backend::{Backend, PlaceName, ReadFrom};
use crate::object::{ObjectId, Piece, Place};

const STORE_ID: [u8; 16] = [11; 16];
const TIER: u8 = 2;
const ID: ObjectId = ObjectId([5; 16]);

/// Runs the suite; `make` gives a new, empty backend at each call. Panics where the backend is wrong.
pub fn conformance(make: &dyn Fn() -> Arc<dyn Backend>) {
    let cases: &[fn(&dyn Backend)] = &[
        a_place_holds_what_was_written,
        a_name_is_taken_once,
        a_place_that_is_gone_is_none,
        a_removed_place_stays_readable_where_it_is_open,
        gaps_read_as_zeros_and_a_cut_forgets,
        places_are_listed_in_order,
        writers_share_a_place,
        side::a_side_file_holds_what_was_written,
        side::a_small_side_file_is_replaced_whole,
        side::side_files_are_listed_by_name_and_removed,
        side::a_name_that_is_none_by_the_format_is_refused,
        side::clearing_takes_the_side_files_along,
        object_file::round_trips_at_every_size,
        object_file::many_writers_make_one_object,
        object_file::digests_in_a_scratch_place_make_the_same_object,
        object_file::pieces_of_a_place_are_read_alone,
        object_file::a_long_table_is_read_again_and_checked_again,
        object_file::every_flipped_byte_is_found,
        object_file::every_cut_is_found,
        object_file::another_expectation_is_refused,
        object_file::a_tail_can_be_written_again,
        pack::many_threads_append_and_sync,
        pack::every_flipped_byte_is_found,
        pack::a_torn_pack_ends_before_the_tear,
        pack::another_expectation_is_refused,
    ];
    for case in cases {
        let backend = make();
        backend.check_root().expect("the root of a new backend is there");
        case(&*backend);
    }
}

fn name(serial: u64) -> PlaceName {
    PlaceName { instance: 0xabc, serial, packed: false }
}

/// The first `length` bytes of a place, as a piece of an object.
fn piece(name: PlaceName, length: u64) -> Piece {
    let place = Place { tier: TIER, instance: name.instance, serial: name.serial };
    Piece { start: 0, length, place, offset: 0, packed: name.packed }
}

/// Bytes without a period that blocks could share.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect()
}

fn bytes_of(backend: &dyn Backend, name: PlaceName, from: ReadFrom) -> Vec<u8> {
    let place = backend.open(name, from).unwrap().expect("the place is there");
    let mut bytes = vec![0; place.len().unwrap() as usize + 1];
    let read = place.read_at(&mut bytes, 0).unwrap();
    bytes.truncate(read);
    bytes
}

/// A copy of a place, changed, under another name.
fn altered(backend: &dyn Backend, bytes: &[u8], serial: u64, packed: bool) -> PlaceName {
    let name = PlaceName { serial, packed, ..name(0) };
    backend.create(name).unwrap().write_at(bytes, 0).unwrap();
    name
}

fn a_place_holds_what_was_written(backend: &dyn Backend) {
    let content = noise(100_000);
    let writer = backend.create(name(1)).unwrap();
    assert!(writer.is_empty().unwrap());
    writer.write_at(&content[50_000..], 50_000).unwrap();
    writer.write_at(&content[..50_000], 0).unwrap();
    writer.write_at(&[], 200_000).unwrap();
    assert_eq!(writer.len().unwrap(), 100_000);
    let mut buffer = [0; 10];
    assert_eq!(writer.read_at(&mut buffer, 99_995).unwrap(), 5);
    assert_eq!(buffer[..5], content[99_995..]);
    writer.sync().unwrap();
    writer.sync().unwrap();
    drop(writer);
    assert_eq!(bytes_of(backend, name(1), ReadFrom::Anywhere), content);
    assert_eq!(bytes_of(backend, name(1), ReadFrom::Medium), content);
    let again = backend.reopen(name(1)).unwrap();
    again.write_at(b"more", 100_000).unwrap();
    again.sync().unwrap();
    let reader = backend.open(name(1), ReadFrom::Anywhere).unwrap().unwrap();
    assert_eq!(reader.len().unwrap(), 100_004);
    assert_eq!(reader.read_at(&mut buffer, 99_999).unwrap(), 5);
    assert_eq!(buffer[1..5], *b"more");
    assert_eq!(reader.read_at(&mut buffer, 100_004).unwrap(), 0);
    assert_eq!(reader.read_at(&mut buffer, 1 << 40).unwrap(), 0);
}

fn a_name_is_taken_once(backend: &dyn Backend) {
    backend.create(name(1)).unwrap().write_at(b"first", 0).unwrap();
    assert_eq!(backend.create(name(1)).unwrap_err().kind(), Kind::Exists);
    assert_eq!(bytes_of(backend, name(1), ReadFrom::Anywhere), b"first");
    backend.create(PlaceName { instance: 0xabd, ..name(1) }).unwrap();
}

fn a_place_that_is_gone_is_none(backend: &dyn Backend) {
    assert!(backend.open(name(1), ReadFrom::Anywhere).unwrap().is_none());
    assert!(backend.open(name(1), ReadFrom::Medium).unwrap().is_none());
    assert!(backend.reopen(name(1)).is_err());
    backend.remove(name(1)).unwrap();
    backend.create(name(1)).unwrap();
    backend.remove(name(1)).unwrap();
    backend.remove(name(1)).unwrap();
    assert!(backend.open(name(1), ReadFrom::Anywhere).unwrap().is_none());
}

fn a_removed_place_stays_readable_where_it_is_open(backend: &dyn Backend) {
    backend.create(name(1)).unwrap().write_at(b"still here", 0).unwrap();
    let reader = backend.open(name(1), ReadFrom::Anywhere).unwrap().unwrap();
    backend.remove(name(1)).unwrap();
    let mut buffer = [0; 10];
    assert_eq!(reader.read_at(&mut buffer, 0).unwrap(), 10);
    assert_eq!(&buffer, b"still here");
}

fn gaps_read_as_zeros_and_a_cut_forgets(backend: &dyn Backend) {
    let writer = backend.create(name(1)).unwrap();
    writer.write_at(&[7; 1000], 300_000).unwrap();
    let mut expected = vec![0; 300_000];
    expected.extend([7; 1000]);
    assert_eq!(bytes_of(backend, name(1), ReadFrom::Anywhere), expected);
    writer.truncate(300_500).unwrap();
    writer.truncate(300_700).unwrap();
    expected.truncate(300_500);
    expected.resize(300_700, 0);
    assert_eq!(bytes_of(backend, name(1), ReadFrom::Anywhere), expected);
    writer.truncate(0).unwrap();
    assert!(writer.is_empty().unwrap());
}

fn places_are_listed_in_order(backend: &dyn Backend) {
    let mut expected = Vec::new();
    for serial in [1, 2, 1023, 1024, 5000] {
        let name = PlaceName { packed: serial == 1024, ..name(serial) };
        backend.create(name).unwrap().write_at(&vec![1; serial as usize], 0).unwrap();
        expected.push((name, serial));
    }
    backend.create(PlaceName { instance: u64::MAX, ..name(9) }).unwrap();
    let listed = |from_serial| {
        let mut listed = Vec::new();
        let visit = &mut |name, length| {
            listed.push((name, length));
            Ok(())
        };
        backend.places(0xabc, from_serial, visit).unwrap();
        listed
    };
    assert_eq!(listed(0), expected);
    assert_eq!(listed(1023), expected[2..]);
    assert_eq!(listed(1025), expected[4..]);
    assert_eq!(listed(5001), []);
    backend.places(0x123, 0, &mut |_, _| panic!("an unknown instance has no places")).unwrap();
    let mut instances = backend.instances().unwrap();
    instances.sort_unstable();
    assert_eq!(instances, [0xabc, u64::MAX]);

    let mut visits = 0;
    let stopped = backend.places(0xabc, 0, &mut |_, _| {
        visits += 1;
        Err(crate::Error::Cancelled { reason: "enough".into() })
    });
    assert_eq!((stopped.unwrap_err().kind(), visits), (Kind::Cancelled, 1));

    // Removing what is being shown is what a sweep does; nothing that is left may be forgotten with it.
    backend.forget_instance(0xabc).unwrap();
    assert_eq!(listed(0), expected);
    backend.places(0xabc, 2, &mut |name, _| backend.remove(name)).unwrap();
    assert_eq!(listed(0), expected[..1]);
    backend.remove(name(1)).unwrap();
    backend.forget_instance(0xabc).unwrap();
    backend.forget_instance(0xabc).unwrap();
    assert!(!backend.instances().unwrap().contains(&0xabc));
}

fn writers_share_a_place(backend: &dyn Backend) {
    let content = noise(1 << 20);
    let writer = backend.create(name(1)).unwrap();
    let other = backend.reopen(name(1)).unwrap();
    thread::scope(|scope| {
        for part in 0..8 {
            let (writer, content) = (if part % 2 == 0 { &writer } else { &other }, &content);
            scope.spawn(move || {
                for at in (0..1 << 20).step_by(4096).filter(|at| at / 4096 % 8 == part) {
                    writer.write_at(&content[at..at + 4096], at as u64).unwrap();
                }
                writer.sync().unwrap();
            });
        }
    });
    assert_eq!(bytes_of(backend, name(1), ReadFrom::Medium), content);
}
