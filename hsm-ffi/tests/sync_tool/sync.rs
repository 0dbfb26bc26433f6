//! A sync brings the dataset to what the tree is now, and does no more than that.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use hsm_core::Query;
use hsm_core::object::Name;

use crate::odd_tree::set_mtime;
use crate::run::{Said, Scene};
use crate::snapshot::{assert_same, snapshot, without_owner};

/// Restores into a fresh directory, compares, and checks the store.
fn assert_archived(scene: &Scene) {
    let target = "compared";
    let _ = fs::remove_dir_all(scene.path(target));
    scene.run("check", "tree", &["--compare"]).exited(0);
    scene.run("restore", target, &[]).exited(0);
    assert_same(&without_owner(snapshot(&scene.path("tree"))), &snapshot(&scene.path(target)));
    scene.check_store();
}

fn write(path: &Path, bytes: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn counts(said: &Said) -> [u64; 5] {
    ["files", "made", "updated", "linked", "removed"].map(|member| said.count(member))
}

#[test]
fn what_is_removed_leaves_the_dataset_and_can_be_brought_back() {
    let scene = Scene::new();
    for name in ["a/b/c", "a/b/d", "a!", "keep", "z"] {
        write(&scene.path("tree").join(name), name);
    }
    scene.run("archive", "tree", &[]).exited(0);
    fs::remove_dir_all(scene.path("tree/a")).unwrap();
    fs::remove_file(scene.path("tree/z")).unwrap();
    let synced = scene.run("sync", "tree", &[]).exited(0);
    assert_eq!(
        counts(&synced),
        [0, 0, 1, 0, 5],
        "the root's time is new, and five entries went: {}",
        synced.out
    );
    assert_archived(&scene);

    let store = scene.store();
    let gone: Vec<_> =
        store.objects(&Query { removed: true, ..Query::default() }).map(|item| item.unwrap().1).collect();
    assert_eq!(gone.len(), 5);
    let file = gone.iter().find(|object| object.size() > 0).unwrap();
    let name = store.undelete(file.id).unwrap().unwrap();
    assert_eq!(store.get(file.id).unwrap(), name.key);
}

#[test]
fn what_became_another_type_is_that_type_afterwards() {
    let scene = Scene::new();
    let at = |name: &str| scene.path("tree").join(name);
    let make = |kind: &str, path: &Path| match kind {
        "file" => write(path, "bytes"),
        "empty" => write(path, ""),
        "directory" => fs::create_dir_all(path).unwrap(),
        "full" => write(&path.join("inside/file"), "inside"),
        "symlink" => symlink("target", path).unwrap(),
        _ => nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRUSR).unwrap(),
    };
    let kinds = ["file", "empty", "directory", "full", "symlink", "fifo"];
    fs::create_dir(scene.path("tree")).unwrap();
    for (before, after) in kinds.iter().flat_map(|before| kinds.map(|after| (before, after))) {
        make(before, &at(&format!("{before} to {after}")));
    }
    scene.run("archive", "tree", &[]).exited(0);
    scene.run("restore", "target", &[]).exited(0);
    for (before, after) in kinds.iter().flat_map(|before| kinds.map(|after| (before, after))) {
        let path = at(&format!("{before} to {after}"));
        if fs::symlink_metadata(&path).unwrap().is_dir() {
            fs::remove_dir_all(&path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
        make(after, &path);
    }
    scene.run("sync", "tree", &[]).exited(0);
    assert_archived(&scene);

    // A directory that is not empty is not removed for a file, unless that was asked for.
    let refused = scene.run("restore", "target", &[]).exited(3);
    assert_eq!(refused.count("passed_over"), 4, "{}", refused.err);
    assert!(
        refused.err.contains("full to file: cannot put it in place: Directory not empty"),
        "{}",
        refused.err
    );
    scene.run("restore", "target", &["--delete"]).exited(0);
    assert_same(&without_owner(snapshot(&scene.path("tree"))), &snapshot(&scene.path("target")));
}

#[test]
fn only_what_is_known_is_sent_when_only_that_changed() {
    let scene = Scene::new();
    write(&scene.path("tree/file"), "bytes");
    write(&scene.path("tree/directory/file"), "bytes");
    symlink("one", scene.path("tree/link")).unwrap();
    set_mtime(&scene.path("tree"), UNIX_EPOCH);
    scene.run("archive", "tree", &[]).exited(0);
    fs::set_permissions(scene.path("tree/file"), fs::Permissions::from_mode(0o755)).unwrap();
    set_mtime(&scene.path("tree/directory"), UNIX_EPOCH + Duration::from_secs(5));
    fs::remove_file(scene.path("tree/link")).unwrap();
    symlink("two", scene.path("tree/link")).unwrap();
    set_mtime(&scene.path("tree"), UNIX_EPOCH);
    let synced = scene.run("sync", "tree", &[]).exited(0);
    assert_eq!(counts(&synced), [0, 0, 3, 0, 0], "{}", synced.out);
    assert_archived(&scene);
}

#[test]
fn bytes_that_changed_behind_the_time_are_found_when_they_are_compared() {
    let scene = Scene::new();
    write(&scene.path("tree/file"), "before");
    set_mtime(&scene.path("tree/file"), UNIX_EPOCH + Duration::from_secs(1));
    scene.run("archive", "tree", &[]).exited(0);
    fs::write(scene.path("tree/file"), "after!").unwrap();
    set_mtime(&scene.path("tree/file"), UNIX_EPOCH + Duration::from_secs(1));
    assert_eq!(counts(&scene.run("check", "tree", &[]).exited(0)), [0; 5]);
    assert_eq!(scene.run("check", "tree", &["--compare"]).exited(4).count("files"), 1);
    assert_eq!(scene.run("sync", "tree", &["--compare"]).exited(0).count("files"), 1);
    assert_archived(&scene);

    // The same the other way: a restored file whose bytes rot.
    fs::write(scene.path("compared/file"), "rotten").unwrap();
    set_mtime(&scene.path("compared/file"), UNIX_EPOCH + Duration::from_secs(1));
    assert_eq!(scene.run("restore", "compared", &[]).exited(0).count("files"), 0);
    assert_eq!(scene.run("restore", "compared", &["--compare"]).exited(0).count("files"), 1);
    assert_eq!(fs::read(scene.path("compared/file")).unwrap(), b"after!");
}

#[test]
fn a_file_that_is_written_right_after_it_was_archived_is_sent_again() {
    let scene = Scene::new();
    write(&scene.path("tree/file"), "0000");
    scene.run("archive", "tree", &[]).exited(0);
    // Always the same size, and as soon as can be.
    for round in 1..20 {
        fs::write(scene.path("tree/file"), format!("{round:04}")).unwrap();
        assert_eq!(scene.run("sync", "tree", &[]).exited(0).count("files"), 1, "round {round}");
    }
    assert_archived(&scene);
}

#[test]
fn names_of_files_come_apart_and_together() {
    let scene = Scene::new();
    let at = |name: &str| scene.path("tree").join(name);
    let link = |from: &str, to: &str| {
        let _ = fs::remove_file(at(to));
        fs::hard_link(at(from), at(to)).unwrap();
    };
    let copy = |from: &str, to: &str| {
        let time = fs::metadata(at(from)).unwrap().modified().unwrap();
        fs::copy(at(from), at("new")).unwrap();
        set_mtime(&at("new"), time);
        fs::rename(at("new"), at(to)).unwrap();
    };
    for name in ["b", "d/b", "m", "single"] {
        write(&at(name), "the same bytes in all of them");
        set_mtime(&at(name), UNIX_EPOCH + Duration::from_secs(1));
    }
    for (from, to) in [("b", "c"), ("b", "d/c"), ("m", "n"), ("m", "d/n")] {
        link(from, to);
    }
    scene.run("archive", "tree", &[]).exited(0);
    assert_archived(&scene);
    let steps: [&dyn Fn(); 9] = [
        &|| copy("b", "c"),      // One name becomes a file of its own, as large and old.
        &|| copy("b", "b"),      // The first name does.
        &|| link("single", "m"), // A first name becomes another file's.
        &|| link("n", "a"),      // A name before the first.
        &|| fs::remove_file(at("n")).unwrap(), // The first name goes.
        &|| link("b", "d/b"),    // A file becomes a name of another.
        &|| fs::write(at("a"), "bytes of a").unwrap(), // All names show new bytes.
        &|| fs::rename(at("a"), at("zz")).unwrap(),
        &|| {
            for name in ["b", "zz", "single"] {
                fs::remove_file(at(name)).unwrap();
            }
        },
    ];
    for (number, step) in steps.iter().enumerate() {
        step();
        scene.run("sync", "tree", &[]).exited(0);
        println!("step {number}");
        assert_archived(&scene);
        // Into what the step before left, too.
        scene.run("restore", "kept", &["--delete"]).exited(0);
        assert_same(&without_owner(snapshot(&scene.path("tree"))), &snapshot(&scene.path("kept")));
    }
}

#[test]
fn an_object_that_another_dataset_shows_is_not_changed() {
    let scene = Scene::new();
    write(&scene.path("tree/file"), "before");
    scene.run("archive", "tree", &[]).exited(0);
    let store = scene.store();
    let tree = store.dataset("tree").unwrap().id;
    let object = store.find(&Name { dataset: tree, key: b"file".to_vec() }).unwrap();
    let other = store.create_dataset("other", &hsm_core::object::Attributes::new()).unwrap();
    let pinned = Name { dataset: other, key: b"pinned".to_vec() };
    store.add_name(object, &pinned).unwrap();
    store.close().unwrap();
    drop(store);
    fs::write(scene.path("tree/file"), "after").unwrap();
    scene.run("sync", "tree", &[]).exited(0);
    let store = scene.store();
    assert_eq!(store.get(store.find(&pinned).unwrap()).unwrap(), b"before");
    drop(store);
    assert_archived(&scene);
    fs::remove_file(scene.path("tree/file")).unwrap();
    scene.run("sync", "tree", &[]).exited(0);
    assert_eq!(scene.check_store().len(), 1);
}

#[test]
fn a_file_that_grows_all_the_time_is_passed_over_and_the_dataset_keeps_what_it_had() {
    let scene = Scene::new();
    write(&scene.path("tree/calm"), "calm");
    write(&scene.path("tree/log"), "a line\n");
    scene.run("archive", "tree", &[]).exited(0);
    File::create(scene.path("tree/log")).unwrap().write_all(&vec![b'x'; 24 << 20]).unwrap();
    write(&scene.path("tree/calm"), "calm again");

    let stop = AtomicBool::new(false);
    let synced = thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = OpenOptions::new().append(true).open(scene.path("tree/log")).unwrap();
            while !stop.load(Ordering::Relaxed) {
                file.write_all(b"y").unwrap();
            }
        });
        let synced = scene.run("sync", "tree", &[]);
        stop.store(true, Ordering::Relaxed);
        synced
    });
    let synced = synced.exited(3);
    assert!(synced.err.contains("log: it changed each of 3 times it was read"), "{}", synced.err);
    assert_eq!((synced.count("files"), synced.count("passed_over")), (1, 1), "{}", synced.err);
    let store = scene.store();
    let tree = store.dataset("tree").unwrap().id;
    let get = |key: &str| store.find(&Name { dataset: tree, key: key.into() }).and_then(|id| store.get(id));
    assert_eq!(get("log").unwrap(), b"a line\n");
    assert_eq!(get("calm").unwrap(), b"calm again");
    drop(store);
    scene.run("sync", "tree", &[]).exited(0);
    assert_archived(&scene);
}

#[test]
fn a_store_that_lies_in_the_tree_is_not_archived_into_itself() {
    let scene = Scene::new();
    write(&scene.path("file"), "beside the store");
    for command in ["archive", "sync"] {
        let said = scene.run(command, "", &[]).exited(0);
        assert_eq!(said.count("entries"), 1, "{}", said.out);
    }
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let scene = Scene::new();
    write(&scene.path("tree/a"), "a");
    write(&scene.path("tree/gone"), "gone");
    scene.run("archive", "tree", &[]).exited(0);
    let position = |scene: &Scene| scene.store().position().unwrap();
    let before = position(&scene);
    write(&scene.path("tree/new"), "new");
    fs::remove_file(scene.path("tree/gone")).unwrap();
    let dry = scene.run("sync", "tree", &["--dry-run", "--verbose"]).exited(0);
    assert!(dry.out.contains("add     new\n") && dry.out.contains("remove  gone\n"), "{}", dry.out);
    assert_eq!(position(&scene), before);
    let dry = scene.run("restore", "target", &["--dry-run"]);
    assert_eq!(dry.code, 1, "there is no target: {}", dry.err);
    fs::create_dir(scene.path("target")).unwrap();
    assert_eq!(scene.run("restore", "target", &["--dry-run"]).exited(0).count("files"), 2);
    assert_eq!(fs::read_dir(scene.path("target")).unwrap().count(), 0);
}
