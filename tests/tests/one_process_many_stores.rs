//! Several stores in one process, one store several times, a second image of the library, and a fork.

use std::ffi::{CString, c_char};

use std::path::{Path, PathBuf};
use std::process::Command;

use hsm_core::object::Position;
use hsm_core::{PutOptions, Query, Store, StoreOptions};

fn open(path: &Path) -> Store {
    Store::open(path, &StoreOptions::new()).unwrap()
}

#[test]
fn several_stores_in_one_process_do_not_know_of_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let stores: Vec<Store> =
        (0..5).map(|number| open(&directory.path().join(format!("store {number}")))).collect();
    let put =
        |(number, store): (u8, &Store)| store.put(&vec![number; 100_000], &PutOptions::default()).unwrap().id;
    let ids: Vec<_> = (0..).zip(&stores).map(put).collect();
    for ((number, store), id) in (0..).zip(&stores).zip(&ids) {
        assert_eq!(store.get(*id).unwrap(), vec![number; 100_000]);
        assert_eq!(store.objects(&Query::default()).count(), 1);
        for other in ids.iter().filter(|other| *other != id) {
            store.object(*other).unwrap_err();
        }
    }
    for store in stores {
        store.close().unwrap();
    }
}

#[test]
fn one_store_opened_twice_in_one_process_is_one_store() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let (one, other) = (open(&path), open(&path));
    assert_ne!(one.instance(), other.instance());
    let small = one.put(b"small", &PutOptions::default()).unwrap().id;
    let large = other.put(&vec![7; 300_000], &PutOptions::default()).unwrap().id;
    assert_eq!(other.get(small).unwrap(), b"small");
    one.move_object(large, 0, 1).unwrap();
    // SQLite's locks would be lost here if the two did not share what it knows of its files.
    one.close().unwrap();
    for number in 0..50_u8 {
        other.put(&[number], &PutOptions::default()).unwrap();
    }
    assert_eq!(other.get(large).unwrap(), vec![7; 300_000]);
    let third = open(&path);
    assert_eq!(third.objects(&Query::default()).count(), 52);
    assert_eq!(third.position().unwrap(), other.position().unwrap());
    drop((other, third));
    let store = open(&path);
    assert_eq!(store.new_epoch_cause(), None);
    assert_eq!(store.feed(Position::default()).last().unwrap().unwrap().position, store.position().unwrap());
}

#[test]
fn what_outlives_a_closed_handle_keeps_nobody_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let alone = StoreOptions::new().exclusive(true);
    let id = open(&path).put(&vec![7; 300_000], &PutOptions::default()).unwrap().id;
    for options in [StoreOptions::new(), alone.clone(), StoreOptions::new().index_in_memory()] {
        let closed = Store::open(&path, &options).unwrap();
        let reader = closed.reader(id, &hsm_core::GetOptions::default()).unwrap();
        let objects = closed.objects(&Query::default());
        closed.close().unwrap();
        let store = Store::open(&path, &alone).unwrap();
        assert_eq!(store.get(id).unwrap(), vec![7; 300_000]);
        assert_eq!(closed.get(id).unwrap_err().kind(), hsm_core::Kind::Closed);
        drop((reader, objects));
    }
}

#[test]
fn stores_may_share_a_directory_for_their_indexes() {
    let directory = tempfile::tempdir().unwrap();
    let options = StoreOptions::new().index_directory(directory.path());
    let open = |name: &str| Store::open(directory.path().join(name), &options).unwrap();
    let (one, other) = (open("one"), open("other"));
    let put = |store: &Store| store.put(b"mine", &PutOptions::default()).unwrap().id;
    let ids = [put(&one), put(&other)];
    drop((one, other));
    let (one, other) = (open("one"), open("other"));
    assert_eq!((one.get(ids[0]).unwrap(), other.get(ids[1]).unwrap()), (b"mine".to_vec(), b"mine".to_vec()));
    one.get(ids[1]).unwrap_err();
}

/// Each index says where the journal goes on: the writers of two would write over each other's changes.
#[test]
fn a_handle_with_another_index_than_those_inside_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let elsewhere = directory.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let path = directory.path().join("store");
    let apart = StoreOptions::new().index_directory(&elsewhere);
    let one = open(&path);
    let refused = Store::open(&path, &apart).unwrap_err();
    assert_eq!(refused.kind(), hsm_core::Kind::Invalid, "{refused}");
    let beside = StoreOptions::new().index_directory(path.join("index"));
    assert_eq!(Store::open(&path, &beside).unwrap_err().kind(), hsm_core::Kind::Invalid);
    let id = one.put(b"safe", &PutOptions::default()).unwrap().id;
    one.close().unwrap();
    // Alone, a handle may begin to use another one.
    let store = Store::open(&path, &apart).unwrap();
    assert_eq!(store.get(id).unwrap(), b"safe");
    let by_another_path = StoreOptions::new().index_directory(path.join("../elsewhere"));
    assert_eq!(Store::open(&path, &by_another_path).unwrap().get(id).unwrap(), b"safe");
    assert_eq!(Store::open(&path, &StoreOptions::new()).unwrap_err().kind(), hsm_core::Kind::Invalid);
}

/// A copy of the library under a name of its own.
#[allow(unsafe_code, reason = "calls into a loaded library cannot be checked")]
mod image {
    use super::{CString, Path, PathBuf, c_char};
    use std::mem::ManuallyDrop;

    use libloading::Library;
    use std::os::unix::ffi::OsStrExt as _;

    /// It stays loaded, as every copy of the library does: threads that used it run its code when they end.
    pub(super) struct Image(ManuallyDrop<Library>);

    impl Image {
        pub(super) fn load(directory: &Path, name: &str) -> Self {
            let programs = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned();
            let copy: PathBuf = directory.join(name);
            std::fs::copy(programs.join("examples/libimage.so"), &copy).unwrap();
            // SAFETY: it is our own library; loading it runs nothing.
            Self(ManuallyDrop::new(unsafe { Library::new(copy) }.unwrap()))
        }

        pub(super) fn open(&self, path: &Path) -> i32 {
            let path = CString::new(path.as_os_str().as_bytes()).unwrap();
            // SAFETY: the function has this type, and the string ends with NUL.
            unsafe {
                let open = self.0.get::<unsafe extern "C" fn(*const c_char) -> i32>(b"image_open").unwrap();
                open(path.as_ptr())
            }
        }

        pub(super) fn close(&self) -> i32 {
            // SAFETY: the function has this type.
            unsafe { self.0.get::<extern "C" fn() -> i32>(b"image_close").unwrap()() }
        }
    }
}

const OPENED: i32 = 0;
const SECOND_IMAGE: i32 = 1;

#[test]
fn a_second_image_of_the_library_in_one_process_is_refused_until_the_first_has_closed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let one = image::Image::load(directory.path(), "libone.so");
    let other = image::Image::load(directory.path(), "libother.so");
    assert_eq!(one.open(&path), OPENED);
    assert_eq!(other.open(&path), SECOND_IMAGE);
    assert_eq!(other.open(&directory.path().join("another store")), OPENED);
    assert_eq!(other.close(), OPENED);
    // This program's own image is a third one.
    assert!(matches!(Store::open(&path, &StoreOptions::new()), Err(hsm_core::Error::SecondImage)));
    assert_eq!(one.close(), OPENED);
    assert_eq!(other.open(&path), OPENED);
    assert_eq!(one.open(&path), SECOND_IMAGE);
    assert_eq!(other.close(), OPENED);
    open(&path).close().unwrap();
}

#[test]
fn a_handle_says_whether_it_was_closed_through_another_clone() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let clone = store.clone();
    assert!(!clone.is_closed());
    clone.check().unwrap();
    store.close().unwrap();
    assert!(clone.is_closed());
    assert!(matches!(clone.check(), Err(hsm_core::Error::Closed { .. })));
}

#[test]
fn a_forked_child_is_refused_everywhere_and_harms_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    // Forking needs a process with one thread, which a test's is not.
    let output = Command::new(env!("CARGO_BIN_EXE_fork")).arg(&path).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let store = open(&path);
    assert_eq!(store.new_epoch_cause(), None);
    assert_eq!(store.objects(&Query::default()).count(), 4);
    for item in store.objects(&Query::default()) {
        let (_, object) = item.unwrap();
        assert_eq!(store.get(object.id).unwrap(), vec![7; object.size() as usize]);
    }
}
