//! `get_path` writes beside its target under a name of its own, whatever the target is called.

use hsm_core::{GetOptions, PutOptions, Store, StoreOptions};

#[test]
fn a_name_as_long_as_the_file_system_takes_it_is_no_obstacle() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::in_memory(&StoreOptions::new()).unwrap();
    let put = store.put(b"content", &PutOptions::default()).unwrap();

    let path = directory.path().join("n".repeat(255));
    store.get_path(put.id, &path, &GetOptions::default()).unwrap();

    assert_eq!(std::fs::read(&path).unwrap(), b"content");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn threads_that_write_one_path_leave_one_of_the_two_contents_whole() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::in_memory(&StoreOptions::new()).unwrap();
    let contents = [vec![1_u8; 3 << 20], vec![2_u8; 2 << 20]];
    let path = directory.path().join("target");
    std::thread::scope(|scope| {
        for content in &contents {
            let id = store.put(content, &PutOptions::default()).unwrap().id;
            let (store, path) = (&store, &path);
            scope.spawn(move || store.get_path(id, path, &GetOptions::default()).unwrap());
        }
    });
    assert!(contents.contains(&std::fs::read(&path).unwrap()));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}
