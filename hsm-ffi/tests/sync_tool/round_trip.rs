//! What comes back is what went in.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;

use crate::odd_tree::{self, archivable};
use crate::run::{Said, Scene, program, scale};
use crate::snapshot::{assert_same, snapshot, without_owner};

/// A user with no rights at all.
const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

#[test]
fn a_tree_with_every_odd_name_and_type_comes_back_as_it_was() {
    let scene = Scene::new();
    let left = odd_tree::make(&scene.path("tree"));
    let before = archivable(snapshot(&scene.path("tree")), &left);

    let archived = scene.run("archive", "tree", &[]).exited(3);
    assert_eq!(archived.count("passed_over"), left.count, "{}", archived.err);
    assert!(
        archived.err.contains("special/socket: sockets and devices are not archived"),
        "{}",
        archived.err
    );
    assert!(archived.err.contains("File name too long"), "{}", archived.err);
    assert_eq!(archived.count("entries"), before.len() as u64 - 1 + left.count - 2, "{}", archived.out);
    scene.check_store();

    // Nothing is left to do, for either.
    let again = scene.run("sync", "tree", &[]).exited(3);
    assert_eq!(again.count("unchanged") + left.count, again.count("entries") + 2, "{}", again.out);
    assert_eq!(scene.run("check", "tree", &["--compare"]).exited(3).count("files"), 0);

    scene.run("restore", "restored", &[]).exited(0);
    assert_same(&without_owner(before), &snapshot(&scene.path("restored")));
    let sparse = fs::metadata(scene.path("restored/sizes/sparse")).unwrap();
    assert!(sparse.blocks() * 512 < sparse.len() / 2, "holes are holes again");

    let again = scene.run("restore", "restored", &["--compare"]).exited(0);
    assert_eq!(again.count("unchanged"), again.count("entries"), "{}", again.out);
}

#[test]
fn root_restores_owners_and_set_user_id_when_asked_to() {
    if !is_root() {
        return; // Only root may give files away.
    }
    let scene = Scene::new();
    let left = odd_tree::make(&scene.path("tree"));
    chown(scene.path("tree/sizes/1"), Some(1234), Some(4321)).unwrap();
    chown(scene.path("tree/modes/4755"), Some(99), Some(98)).unwrap();
    fs::set_permissions(scene.path("tree/modes/4755"), fs::Permissions::from_mode(0o4755)).unwrap();
    let before = archivable(snapshot(&scene.path("tree")), &left);
    scene.run("archive", "tree", &[]).exited(3);
    scene.run("restore", "restored", &["--owner"]).exited(0);
    assert_same(&before, &snapshot(&scene.path("restored")));
}

#[test]
fn who_is_not_root_is_told_what_cannot_be_read_and_gets_the_rest() {
    let scene = Scene::new();
    fs::create_dir(scene.path("tree")).unwrap();
    for name in ["open", "closed", "sealed/inside", "unlisted/inside", "read-only/inside"] {
        let path = scene.path("tree").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, name).unwrap();
    }
    for (name, mode) in [("closed", 0o000), ("sealed", 0o000), ("unlisted", 0o311), ("read-only", 0o555)] {
        fs::set_permissions(scene.path("tree").join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let give = |path: &std::path::Path| {
        if is_root() {
            std::os::unix::fs::lchown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    };
    give(&scene.path(""));
    for entry in [
        "",
        "open",
        "closed",
        "sealed",
        "sealed/inside",
        "unlisted",
        "unlisted/inside",
        "read-only",
        "read-only/inside",
    ] {
        give(&scene.path("tree").join(entry));
    }
    let run = |command: &str, tree: &str, options: &[&str]| {
        let mut tool = scene.command(command, tree, options);
        if is_root() {
            tool.uid(NOBODY).gid(NOBODY);
        }
        Said::of(&tool.output().unwrap())
    };
    fs::set_permissions(program("sync_tool").parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();

    // With permissions, everything goes in.
    for name in ["closed", "sealed", "unlisted"] {
        fs::set_permissions(scene.path("tree").join(name), fs::Permissions::from_mode(0o700)).unwrap();
    }
    run("archive", "tree", &[]).exited(0);
    // Without, what is there already stays in the dataset.
    for (name, mode) in [("closed", 0o000), ("sealed", 0o000), ("unlisted", 0o311)] {
        fs::set_permissions(scene.path("tree").join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let synced = run("sync", "tree", &["--compare"]).exited(3);
    assert_eq!(synced.count("removed"), 0, "{}", synced.err);
    assert_eq!(synced.count("passed_over"), 3, "{}", synced.err);
    for name in [
        "closed: cannot read it: Permission denied",
        "sealed/: Permission denied",
        "unlisted/: Permission denied",
    ] {
        assert!(synced.err.contains(name), "{}", synced.err);
    }

    // A restore gets through directories that it seals itself, also a second time.
    for _ in 0..2 {
        run("restore", "restored", &[]).exited(0);
        run("restore", "restored", &["--delete"]).exited(0);
    }
    let mode = |name: &str| fs::symlink_metadata(scene.path("restored").join(name)).unwrap().mode() & 0o7777;
    assert_eq!([mode("closed"), mode("sealed"), mode("unlisted"), mode("read-only")], [0, 0, 0o311, 0o555]);
    for name in ["sealed", "unlisted", "read-only"] {
        fs::set_permissions(scene.path("restored").join(name), fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(
            fs::read(scene.path("restored").join(name).join("inside")).unwrap(),
            format!("{name}/inside").as_bytes()
        );
    }
}

#[test]
fn what_the_demonstration_in_rust_archives_this_tool_restores_and_the_other_way_round() {
    use hsm_examples::{archive, made_up, restore, show::Progress, tree};
    let scene = Scene::new();
    made_up::make(&scene.path("tree")).unwrap();
    let before = without_owner(snapshot(&scene.path("tree")));
    let (store, dataset) = scene.with_dataset();
    let bounds = tree::Bounds { entries: 1000, bytes: 1 << 30 };
    let found = tree::walk(&scene.path("tree"), bounds).unwrap();
    archive::archive(&store, dataset, &scene.path("tree"), &found.entries, &mut Progress::quiet()).unwrap();
    store.close().unwrap();

    assert_eq!(scene.run("check", "tree", &["--compare"]).exited(0).count("passed_over"), 0);
    scene.run("restore", "restored by C", &[]).exited(0);
    assert_same(&before, &snapshot(&scene.path("restored by C")));

    // A change by the one, restored by the other.
    fs::write(scene.path("tree/read-only"), "written again\n").unwrap();
    scene.run("sync", "tree", &[]).exited(0);
    let before = without_owner(snapshot(&scene.path("tree")));
    let store = scene.store();
    restore::restore(&store, dataset, &scene.path("restored by Rust"), &mut Progress::quiet()).unwrap();
    assert_same(&before, &snapshot(&scene.path("restored by Rust")));
}

/// Files in the tree of the next test.
fn files() -> usize {
    scale("HSM_SYNC_FILES", 50_000)
}

/// Size of each of ten files, in MiB; the full run has more.
fn large_mib() -> usize {
    scale("HSM_SYNC_LARGE_MIB", 32)
}

#[test]
fn of_many_small_files_only_the_hundredth_part_that_changed_is_sent_again() {
    let scene = Scene::new();
    let path = |number: usize| {
        scene.path("tree").join(format!("{}/{}", number % 97, number % 89)).join(number.to_string())
    };
    for number in 0..files() {
        fs::create_dir_all(path(number).parent().unwrap()).unwrap();
        fs::write(path(number), format!("{number} ").repeat(number % 500)).unwrap();
    }
    let archived = scene.run("archive", "tree", &[]).exited(0);
    assert_eq!(archived.count("files"), files() as u64);
    println!("archive {}", archived.out);

    let changed: Vec<usize> = (0..files()).step_by(100).collect();
    for number in &changed {
        fs::write(path(*number), format!("changed {number}")).unwrap();
    }
    let bytes: u64 = changed.iter().map(|number| format!("changed {number}").len() as u64).sum();
    let synced = scene.run("sync", "tree", &[]).exited(0);
    println!("sync {}", synced.out);
    assert_eq!((synced.count("files"), synced.count("bytes")), (changed.len() as u64, bytes));
    assert_eq!(synced.count("removed") + synced.count("made") + synced.count("linked"), 0);

    let restored = scene.run("restore", "restored", &[]).exited(0);
    println!("restore {}", restored.out);
    assert_same(&without_owner(snapshot(&scene.path("tree"))), &snapshot(&scene.path("restored")));
    scene.check_store();
}

#[test]
fn ten_large_files_come_back_and_one_that_changed_is_sent_again() {
    let scene = Scene::new();
    fs::create_dir(scene.path("tree")).unwrap();
    let path = |number: usize| scene.path("tree").join(number.to_string());
    for number in 0..10 {
        let block: Vec<u8> = (0..1 << 20).map(|at: usize| ((at * (number + 3)) >> 5) as u8).collect();
        fs::write(path(number), block.repeat(large_mib())).unwrap();
    }
    println!("archive {}", scene.run("archive", "tree", &[]).exited(0).out);
    fs::OpenOptions::new()
        .append(true)
        .open(path(3))
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"more"))
        .unwrap();
    let synced = scene.run("sync", "tree", &[]).exited(0);
    assert_eq!((synced.count("files"), synced.count("bytes")), (1, (large_mib() as u64) << 20 | 4));
    println!("restore {}", scene.run("restore", "restored", &[]).exited(0).out);
    assert_same(&without_owner(snapshot(&scene.path("tree"))), &snapshot(&scene.path("restored")));
}
