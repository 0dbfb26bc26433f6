//! A restore into a directory that holds something.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use crate::run::Scene;
use crate::snapshot::{assert_same, snapshot, without_owner};

fn scene() -> Scene {
    let scene = Scene::new();
    for name in ["a", "directory/b", "directory/inner/c"] {
        let path = scene.path("tree").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    scene.run("archive", "tree", &[]).exited(0);
    scene
}

#[test]
fn other_files_stay_unless_they_are_to_be_deleted() {
    let scene = scene();
    let target = scene.path("target");
    fs::create_dir_all(target.join("directory/other/deep")).unwrap();
    fs::create_dir_all(target.join("a0")).unwrap();
    fs::write(target.join("other"), "mine").unwrap();
    fs::write(target.join("directory/other/deep/file"), "mine").unwrap();
    symlink("/", target.join("directory/root")).unwrap();
    scene.run("restore", "target", &[]).exited(0);
    assert_eq!(fs::read(target.join("directory/other/deep/file")).unwrap(), b"mine");
    assert_eq!(fs::read(target.join("other")).unwrap(), b"mine");
    assert_eq!(fs::read(target.join("directory/inner/c")).unwrap(), b"directory/inner/c");

    let deleted = scene.run("restore", "target", &["--delete"]).exited(0);
    assert_eq!(deleted.count("removed"), 6, "{}", deleted.out);
    assert_same(&without_owner(snapshot(&scene.path("tree"))), &snapshot(&target));
}

#[test]
fn links_in_the_target_are_replaced_and_never_followed() {
    let scene = scene();
    let target = scene.path("target");
    let outside = scene.path("outside");
    fs::create_dir(&target).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "outside").unwrap();
    symlink("../outside/file", target.join("a")).unwrap();
    symlink("../outside", target.join("directory")).unwrap();
    scene.run("restore", "target", &[]).exited(0);
    assert_same(&without_owner(snapshot(&scene.path("tree"))), &snapshot(&target));
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(fs::read(outside.join("file")).unwrap(), b"outside");
}

#[test]
fn a_file_of_the_target_with_names_outside_is_replaced_and_not_changed() {
    let scene = scene();
    scene.run("restore", "target", &[]).exited(0);
    let outside = scene.path("outside");
    fs::hard_link(scene.path("target/a"), &outside).unwrap();
    fs::set_permissions(&outside, fs::Permissions::from_mode(0o600)).unwrap();
    let before = fs::metadata(&outside).unwrap();
    scene.run("restore", "target", &[]).exited(0);
    let after = fs::metadata(&outside).unwrap();
    assert_eq!((before.mode(), before.ino(), after.nlink()), (after.mode(), after.ino(), 1));
    assert_same(&without_owner(snapshot(&scene.path("tree"))), &snapshot(&scene.path("target")));
}

#[test]
fn what_a_killed_restore_left_is_removed() {
    let scene = scene();
    let store = scene.store();
    let partial = format!(".hsm-{}", store.dataset("tree").unwrap().id);
    drop(store);
    fs::create_dir_all(scene.path("target/directory")).unwrap();
    fs::write(scene.path("target").join("directory").join(&partial), "half a file").unwrap();
    // Archived while it lies there, it is no part of the tree.
    fs::write(scene.path("tree").join(&partial), "half a file").unwrap();
    scene.run("sync", "tree", &[]).exited(0);
    fs::remove_file(scene.path("tree").join(&partial)).unwrap();
    scene.run("sync", "tree", &[]).exited(0);
    scene.run("restore", "target", &[]).exited(0);
    assert_same(&without_owner(snapshot(&scene.path("tree"))), &snapshot(&scene.path("target")));
}

#[test]
fn a_tier_can_be_asked_for() {
    let scene = Scene::new();
    fs::create_dir(scene.path("tree")).unwrap();
    fs::write(scene.path("tree/file"), "cold").unwrap();
    scene.run("archive", "tree", &["--tier", "2"]).exited(0);
    let store = scene.store();
    assert_eq!(store.tier(2).unwrap().objects, 1);
    drop(store);
    let refused = scene.run("restore", "target", &["--tier", "1"]).exited(3);
    assert!(refused.err.contains("file: "), "{}", refused.err);
    scene.run("restore", "target", &["--tier", "2"]).exited(0);
    assert_eq!(fs::read(scene.path("target/file")).unwrap(), b"cold");
}
