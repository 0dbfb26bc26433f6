//! Killed at any moment and run again, it ends equal.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::odd_tree;
use crate::run::{Scene, scale};
use crate::snapshot::{assert_same, snapshot, without_owner};

/// How often a run is killed before one is let to its end.
const KILLS: u32 = 12;

/// Numbers that look random, the same in every run of the test.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A tree with something of everything, as many files as one likes.
fn make(root: &Path, numbers: &mut Numbers) {
    for number in 0..scale("HSM_SYNC_FILES", 600) {
        let directory = root.join(format!("{}/{}", numbers.below(7), numbers.below(5)));
        fs::create_dir_all(&directory).unwrap();
        fs::write(
            directory.join(format!("file {number}")),
            vec![number as u8; numbers.below(30_000) as usize],
        )
        .unwrap();
    }
    for number in 0..4 {
        fs::write(root.join(format!("large {number}")), vec![number; scale("HSM_SYNC_LARGE_MIB", 3) << 20])
            .unwrap();
        fs::hard_link(root.join(format!("large {number}")), root.join(format!("0/name {number}"))).unwrap();
    }
    symlink("nowhere", root.join("link")).unwrap();
}

/// Changes, removes and replaces parts of it.
fn change(root: &Path, numbers: &mut Numbers) {
    let files: Vec<_> =
        snapshot(root).into_iter().filter(|(_, entry)| entry.kind == "file").map(|(path, _)| path).collect();
    for path in files {
        let path = hsm_examples::tree::join(root, &path);
        match numbers.below(8) {
            0 => fs::remove_file(path).unwrap(),
            1 => fs::write(path, format!("changed {}", numbers.below(1000))).unwrap(),
            2 => {
                fs::remove_file(&path).unwrap();
                fs::create_dir(&path).unwrap();
                fs::write(path.join("inside"), "a file became a directory").unwrap();
            }
            3 => {
                fs::remove_file(&path).unwrap();
                symlink("elsewhere", path).unwrap();
            }
            _ => {}
        }
    }
}

/// How long a whole run takes, about.
fn time(run: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    run();
    begun.elapsed()
}

/// Kills runs at moments of `whole`, the time that a run takes.
fn kill_many(
    scene: &Scene,
    command: &str,
    tree: &str,
    options: &[&str],
    whole: Duration,
    numbers: &mut Numbers,
) -> u32 {
    let mut killed = 0;
    for _ in 0..KILLS {
        let mut tool = scene.command(command, tree, options);
        let mut child = tool.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_nanos(numbers.below(whole.as_nanos() as u64)));
        child.kill().unwrap();
        killed += u32::from(child.wait().unwrap().code().is_none());
    }
    killed
}

#[test]
fn an_archive_that_is_killed_at_random_moments_ends_equal() {
    let mut numbers = Numbers(1);
    let scene = Scene::new();
    make(&scene.path("tree"), &mut numbers);
    let elsewhere = Scene::new();
    fs::create_dir(elsewhere.path("x")).unwrap();
    let whole = time(|| {
        let mut tool = scene.command("archive", "tree", &[]);
        tool.args(["--store".as_ref(), elsewhere.path("store").as_os_str()]);
        assert!(tool.output().unwrap().status.success());
    });
    let mut killed = kill_many(&scene, "archive", "tree", &[], whole, &mut numbers);
    scene.run("archive", "tree", &[]).exited(0);
    for round in 0..3 {
        if round > 0 {
            change(&scene.path("tree"), &mut numbers);
            killed += kill_many(&scene, "sync", "tree", &[], whole / 2, &mut numbers);
            scene.run("sync", "tree", &[]).exited(0);
        }
        scene.run("check", "tree", &["--compare"]).exited(0);
        let target = format!("restored {round}");
        scene.run("restore", &target, &[]).exited(0);
        assert_same(&without_owner(snapshot(&scene.path("tree"))), &snapshot(&scene.path(&target)));
        scene.check_store();
    }
    println!("{killed} of {} runs were killed", KILLS * 3);
    assert!(killed > 0);
}

#[test]
fn a_restore_that_is_killed_at_random_moments_ends_equal() {
    let mut numbers = Numbers(2);
    let scene = Scene::new();
    make(&scene.path("tree"), &mut numbers);
    scene.run("archive", "tree", &[]).exited(0);
    let whole = time(|| drop(scene.run("restore", "whole", &[]).exited(0)));
    let mut killed = 0;
    for round in 0..3 {
        if round > 0 {
            change(&scene.path("tree"), &mut numbers);
            scene.run("sync", "tree", &[]).exited(0);
        }
        let options: &[&str] = if round == 0 { &[] } else { &["--delete"] };
        killed += kill_many(&scene, "restore", "target", options, whole, &mut numbers);
        scene.run("restore", "target", options).exited(0);
        assert_same(&without_owner(snapshot(&scene.path("tree"))), &snapshot(&scene.path("target")));
    }
    println!("{killed} of {} runs were killed", KILLS * 3);
    assert!(killed > 0);
    scene.check_store();
}

#[test]
fn a_tree_of_odd_names_and_types_survives_being_killed_as_well() {
    let mut numbers = Numbers(3);
    let scene = Scene::new();
    let left = odd_tree::make(&scene.path("tree"));
    let before = without_owner(odd_tree::archivable(snapshot(&scene.path("tree")), &left));
    let whole = time(|| {
        let elsewhere = Scene::new();
        let mut tool = scene.command("archive", "tree", &[]);
        tool.args(["--store".as_ref(), elsewhere.path("store").as_os_str()]);
        assert_eq!(tool.output().unwrap().status.code(), Some(3));
    });
    let mut killed = kill_many(&scene, "archive", "tree", &[], whole, &mut numbers);
    scene.run("archive", "tree", &[]).exited(3);
    killed += kill_many(&scene, "restore", "target", &[], whole, &mut numbers);
    scene.run("restore", "target", &[]).exited(0);
    assert_same(&before, &snapshot(&scene.path("target")));
    println!("{killed} of {} runs were killed", KILLS * 2);
    assert!(killed > 0);
    scene.check_store();
}
