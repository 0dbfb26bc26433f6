//! Side files: what is kept beside the places.

use super::{name, noise};
use crate::Kind;
use crate::backend::{Backend, ReadFrom};

fn side(number: u64, suffix: &str) -> String {
    format!("{:016x}-{number:016x}-{:016x}.{suffix}", 1, 0xabc)
}

fn content(backend: &dyn Backend, name: &str, from: ReadFrom) -> Vec<u8> {
    let side = backend.open_side(name, from).unwrap().expect("the side file is there");
    let mut bytes = vec![0; side.len().unwrap() as usize + 1];
    let read = side.read_at(&mut bytes, 0).unwrap();
    bytes.truncate(read);
    bytes
}

pub(super) fn a_side_file_holds_what_was_written(backend: &dyn Backend) {
    let (name, bytes) = (side(1, "db"), noise(100_000));
    let writer = backend.create_side(&name).unwrap();
    for (part, at) in bytes.chunks(30_000).zip((0..).step_by(30_000)) {
        writer.write_at(part, at).unwrap();
    }
    writer.sync().unwrap();
    assert_eq!(backend.create_side(&name).unwrap_err().kind(), Kind::Exists);
    assert_eq!(content(backend, &name, ReadFrom::Anywhere), bytes);
    assert_eq!(content(backend, &name, ReadFrom::Medium), bytes);
    assert!(backend.open_side(&side(2, "db"), ReadFrom::Anywhere).unwrap().is_none());
}

pub(super) fn a_small_side_file_is_replaced_whole(backend: &dyn Backend) {
    let name = side(1, "list");
    for text in ["one", "two and longer", ""] {
        backend.put_side(&name, text.as_bytes()).unwrap();
        assert_eq!(content(backend, &name, ReadFrom::Medium), text.as_bytes());
        assert_eq!(backend.sides().unwrap(), [(name.clone(), text.len() as u64)]);
    }
}

pub(super) fn side_files_are_listed_by_name_and_removed(backend: &dyn Backend) {
    assert_eq!(backend.sides().unwrap(), []);
    let names = [side(1, "0000000000000001.seg"), side(1, "list"), side(2, "db")];
    for (length, name) in names.iter().enumerate().rev() {
        backend.create_side(name).unwrap().write_at(&noise(length), 0).unwrap();
    }
    let expected: Vec<_> = names.iter().cloned().zip(0..).collect();
    assert_eq!(backend.sides().unwrap(), expected);
    let reader = backend.open_side(&names[2], ReadFrom::Anywhere).unwrap().unwrap();
    backend.remove_sides(&names[1..]).unwrap();
    backend.remove_sides(&names[1..]).unwrap();
    assert_eq!(backend.sides().unwrap(), expected[..1]);
    assert_eq!(reader.len().unwrap(), 2, "it stays readable where it is open");
    backend.create_side(&names[1]).unwrap();
}

pub(super) fn a_name_that_is_none_by_the_format_is_refused(backend: &dyn Backend) {
    let good = side(1, "db");
    let wrong = [
        String::new(),
        "snapshot".into(),
        good.to_uppercase(),
        good.replace(".db", ""),
        good.replace(".db", "."),
        good.replace(".db", "./../x"),
        format!("../{good}"),
        good[1..].to_owned(),
        format!("{good}{}", "x".repeat(100)),
    ];
    for name in wrong {
        assert_eq!(backend.create_side(&name).unwrap_err().kind(), Kind::Invalid, "{name}");
        assert_eq!(backend.put_side(&name, b"x").unwrap_err().kind(), Kind::Invalid, "{name}");
    }
    assert_eq!(backend.sides().unwrap(), []);
}

pub(super) fn clearing_takes_the_side_files_along(backend: &dyn Backend) {
    backend.create(name(1)).unwrap().write_at(b"a place", 0).unwrap();
    backend.put_side(&side(1, "list"), b"a list").unwrap();
    backend.clear().unwrap();
    assert!(!matches!(backend.open_side(&side(1, "list"), ReadFrom::Anywhere), Ok(Some(_))));
    assert!(!matches!(backend.open(name(1), ReadFrom::Anywhere), Ok(Some(_))));
}
