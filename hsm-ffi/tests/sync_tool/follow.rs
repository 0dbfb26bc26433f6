//! The follower prints the feed, from the beginning or behind a position.

use std::fs;

use crate::run::{Scene, run};

fn lines(said: &str) -> Vec<Vec<&str>> {
    said.lines().map(|line| line.splitn(4, ' ').collect()).collect()
}

#[test]
fn the_feed_goes_on_behind_a_position() {
    let scene = Scene::new();
    fs::create_dir(scene.path("tree")).unwrap();
    fs::write(scene.path("tree/one\nfile"), "content").unwrap();
    scene.run("archive", "tree", &[]).exited(0);
    let store = scene.path("store");
    let store = store.to_str().unwrap();
    let all = run("follow", [store]).exited(0);
    let told = lines(&all.out);
    let numbers: Vec<_> = told.iter().map(|line| line[0].to_owned()).collect();
    let wanted: Vec<_> = (1..=told.len()).map(|number| format!("1:{number}")).collect();
    assert_eq!(numbers, wanted);
    let kinds = |kind: &str| told.iter().filter(|line| line[1] == kind).count();
    assert_eq!((kinds("tier-set"), kinds("dataset-created"), kinds("unknown")), (5, 1, 0), "{}", all.out);
    let put = told.iter().find(|line| line[1] == "put" && line[3].ends_with("one\\nfile"));
    assert!(put.is_some_and(|line| line[3].starts_with("tier 0 ")), "{}", all.out);

    let last = numbers.last().unwrap();
    assert_eq!(run("follow", [store, last]).exited(0).out, "");
    fs::write(scene.path("tree/another"), "").unwrap();
    scene.run("sync", "tree", &[]).exited(0);
    let more = run("follow", [store, last]).exited(0);
    assert_eq!(lines(&more.out)[0][0], format!("1:{}", told.len() + 1));
    assert!(more.out.contains(" another\n"), "{}", more.out);
}

#[test]
fn what_is_no_store_and_what_is_no_position_are_refused() {
    let scene = Scene::new();
    let store = scene.path("store");
    let store = store.to_str().unwrap();
    let missing = run("follow", [store]).exited(1);
    assert!(missing.err.contains("cannot open the store"), "{}", missing.err);
    assert!(!scene.path("store").exists());
    drop(scene.store());
    for arguments in [&[][..], &[store, "one"], &[store, "1:2x"], &[store, "1:2", "3"]] {
        assert!(run("follow", arguments).exited(2).err.contains("--help"));
    }
    // Nobody has written so many events.
    let ahead = run("follow", [store, "1:999999"]).exited(1);
    assert!(ahead.err.contains("cannot read the feed"), "{}", ahead.err);
    assert!(run("follow", ["--help"]).exited(0).out.contains("Usage: follow"));
}
