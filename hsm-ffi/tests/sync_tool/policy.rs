//! The policy engine mirrors a store, enacts hints and its rule, and knows what to do when it cannot.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use hsm_core::object::{ObjectId, TierIndex};
use hsm_core::{PutOptions, Query, Retention, Store, StoreOptions};

use crate::run::{Said, Scene, command, has_sqlite, run};

/// A run of the engine on the scene's store that has yet to be started.
pub(crate) fn engine(scene: &Scene, what: &str, options: &[&str]) -> Command {
    let mut engine = command("policy_engine");
    engine.arg(what).arg("--mirror").arg(scene.path("mirror"));
    if what != "query" {
        engine.arg("--store").arg(scene.path("store"));
    }
    engine.args(options);
    engine
}

fn sync(scene: &Scene, options: &[&str]) -> Said {
    Said::of(&engine(scene, "sync", options).output().unwrap())
}

/// Fails unless the mirror is what a full listing says.
pub(crate) fn assert_mirrored(scene: &Scene, store: &Store) {
    let said = Said::of(&engine(scene, "query", &[]).output().unwrap()).exited(0);
    let listed = store.objects(&Query::default()).map(|item| {
        let (_, object) = item.unwrap();
        let tiers: Vec<_> = object.copies.iter().map(|copy| copy.tier.to_string()).collect();
        let tiers = if tiers.is_empty() { "-".to_owned() } else { tiers.join(",") };
        let key = object.name.as_ref().map(|name| String::from_utf8(name.key.clone()).unwrap());
        format!("{} {} {tiers} {}", object.id, object.size(), key.unwrap_or_default())
    });
    assert_eq!(said.out.lines().collect::<Vec<_>>(), listed.collect::<Vec<_>>());
}

pub(crate) fn hint(store: &Store, id: ObjectId, value: &str) {
    let value = (!value.is_empty()).then(|| value.as_bytes().to_vec());
    store.set_attributes(id, &vec![("trigger_migration".to_owned(), value)]).unwrap();
}

fn put(store: &Store, count: usize) -> Vec<ObjectId> {
    (0..count).map(|_| store.put(b"some bytes", &PutOptions::default()).unwrap().id).collect()
}

fn tiers_of(store: &Store, id: ObjectId) -> Vec<TierIndex> {
    store.object(id).unwrap().copies.iter().map(|copy| copy.tier).collect()
}

pub(crate) fn is_hinted(store: &Store, id: ObjectId) -> bool {
    store.object(id).unwrap().attributes.get("trigger_migration").is_some()
}

#[test]
fn a_hint_is_enacted_and_taken_away_and_the_mirror_is_what_a_listing_says() {
    if !has_sqlite() {
        return;
    }
    let scene = Scene::new();
    fs::create_dir(scene.path("tree")).unwrap();
    for number in 0..50 {
        fs::write(scene.path("tree").join(number.to_string()), format!("file {number}")).unwrap();
    }
    scene.run("archive", "tree", &[]).exited(0);
    let store = scene.store();
    let ids: Vec<ObjectId> = store
        .objects(&Query::default())
        .map(|item| item.unwrap().1.id)
        .filter(|id| !tiers_of(&store, *id).is_empty())
        .collect();
    hint(&store, ids[0], "0,1"); // Before anyone listens.
    let first = sync(&scene, &[]).exited(0);
    assert!(first.out.starts_with("listed all objects as of 1:"), "{first:?}");
    assert!(first.out.contains(&format!("moved {} from tier 0 to tier 1", ids[0])), "{first:?}");
    assert_mirrored(&scene, &store);

    let path = scene.path("store");
    let mover = [
        "--store",
        path.to_str().unwrap(),
        "--dataset",
        "tree",
        "--key",
        "7",
        "--hint",
        "trigger_migration=0,2",
    ];
    run("datamover", mover).exited(0);
    hint(&store, ids[0], "1,3");
    hint(&store, ids[0], "3,0");
    hint(&store, ids[1], "0,9"); // There is no such tier.
    hint(&store, ids[2], "0,1");
    store.remove(ids[2]).unwrap();
    for (at, nonsense) in
        ["", "0", "0,", "0,0", "a,b", "0,1 ", "0,256", "-1,0", "0,1,2", &"1".repeat(1000)].iter().enumerate()
    {
        hint(&store, ids[10 + at], nonsense);
    }
    let second = sync(&scene, &[]).exited(0);
    assert_eq!(second.out.matches("moved ").count(), 3, "{second:?}");
    assert_eq!(tiers_of(&store, ids[0]), [0], "one after the other");
    assert_eq!(second.err.matches("is no pair of tiers").count(), 9, "{second:?}");
    assert_eq!(tiers_of(&store, ids[1]), [0]);
    assert!(
        !is_hinted(&store, ids[0]) && !is_hinted(&store, ids[1]),
        "what cannot be done is not tried for ever"
    );
    assert_mirrored(&scene, &store);
    let third = sync(&scene, &[]).exited(0);
    assert!(!third.out.contains("from tier") && third.err.is_empty(), "{third:?}");
    // Nothing is left to tell of.
    assert!(sync(&scene, &[]).exited(0).out.starts_with("0 events, 0 moved"));

    let one =
        Said::of(&engine(&scene, "query", &["--object", &ids[0].to_string()]).output().unwrap()).exited(0);
    assert!(one.out.starts_with(&format!("{} ", ids[0])) && one.out.lines().count() == 1, "{one:?}");
    Said::of(&engine(&scene, "query", &["--object", &ids[2].to_string()]).output().unwrap()).exited(1);
}

#[test]
fn what_was_not_used_for_a_time_is_released_where_another_copy_is() {
    if !has_sqlite() {
        return;
    }
    let scene = Scene::new();
    let store = scene.store();
    let ids = put(&store, 20);
    for id in &ids[..10] {
        store.copy(*id, None, 1).unwrap();
    }
    sync(&scene, &["--release", "0,3600"]).exited(0);
    assert_eq!(tiers_of(&store, ids[0]), [0, 1], "it is young");
    let said = sync(&scene, &["--release", "0,0"]).exited(0);
    assert_eq!(said.out.matches("released ").count(), 10, "{said:?}");
    for (at, id) in ids.iter().enumerate() {
        assert_eq!(tiers_of(&store, *id), if at < 10 { [1] } else { [0] });
    }
    assert_mirrored(&scene, &store);
}

/// An engine that listens, and what it prints.
fn listen(scene: &Scene) -> (Child, std::io::Lines<BufReader<ChildStdout>>) {
    let mut child = engine(scene, "listen", &[]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while lines.next().unwrap().unwrap() != "listening" {}
    (child, lines)
}

#[test]
fn a_hint_is_enacted_as_it_comes_until_the_engine_is_told_to_stop() {
    if !has_sqlite() {
        return;
    }
    let scene = Scene::new();
    let store = scene.store();
    let ids = put(&store, 3);
    let (mut child, mut lines) = listen(&scene);
    // One engine at a time follows under a name.
    assert!(sync(&scene, &[]).exited(1).err.contains("cannot subscribe"));
    for id in &ids {
        hint(&store, *id, "0,2");
        assert!(lines.next().unwrap().unwrap().starts_with(&format!("seen {id} trigger_migration=0,2 at ")));
        assert_eq!(lines.next().unwrap().unwrap(), format!("moved {id} from tier 0 to tier 2"));
        assert_eq!(tiers_of(&store, *id), [2]);
    }
    let told = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(told.success() && child.wait().unwrap().success());
    assert!(lines.next().unwrap().unwrap().ends_with("3 moved, 0 released"));
    sync(&scene, &[]).exited(0);
    assert_mirrored(&scene, &store);
}

#[test]
fn what_cannot_be_done_now_waits() {
    if !has_sqlite() {
        return;
    }
    let scene = Scene::new();
    let store = scene.store();
    let id = put(&store, 1)[0];
    sync(&scene, &[]).exited(0);
    hint(&store, id, "0,1");
    store.close().unwrap();
    let (root, away) = (scene.path("store/tiers/1"), scene.path("away"));
    fs::rename(&root, &away).unwrap();
    let waits = sync(&scene, &[]).exited(3);
    assert!(waits.err.contains("cannot move an object"), "{waits:?}");
    fs::remove_dir_all(&root).ok();
    fs::rename(&away, &root).unwrap();
    assert!(sync(&scene, &[]).exited(0).out.contains("moved "));
    let store = scene.store();
    assert!(tiers_of(&store, id) == [1] && !is_hinted(&store, id));
    assert_mirrored(&scene, &store);
}

#[test]
fn a_mirror_that_fell_behind_or_is_of_another_store_is_made_anew() {
    if !has_sqlite() {
        return;
    }
    let scene = Scene::new();
    let store = Store::open(scene.path("store"), &StoreOptions::new().segment_bytes(1)).unwrap();
    let ids = put(&store, 30);
    sync(&scene, &[]).exited(0);
    let gone = store.put(b"x", &PutOptions::default()).unwrap().id;
    sync(&scene, &[]).exited(0);
    store.remove(gone).unwrap();
    store.purge(gone).unwrap();
    hint(&store, ids[3], "0,1");
    put(&store, 30);
    store.set_retention(&Retention { events_max: Some(1), age_max: None }).unwrap();
    for _ in 0..2 {
        put(&store, 1);
        store.snapshot().unwrap();
    }
    assert!(store.maintain().unwrap().segments_dropped > 30);
    assert!(
        sync(&scene, &[]).exited(0).out.contains(&format!("moved {}", ids[3])),
        "a hint in the gap is found"
    );
    assert_mirrored(&scene, &store);
    store.drop_subscriber("policy-engine").unwrap();
    assert!(sync(&scene, &[]).exited(0).err.contains("it is made anew"));
    assert_mirrored(&scene, &store);
    fs::copy(scene.path("mirror"), scene.path("older mirror")).unwrap();
    put(&store, 1);
    sync(&scene, &[]).exited(0);
    fs::rename(scene.path("older mirror"), scene.path("mirror")).unwrap();
    assert!(sync(&scene, &[]).exited(0).err.contains("older than what was acknowledged"));
    assert_mirrored(&scene, &store);
    store.close().unwrap();
    fs::rename(scene.path("store"), scene.path("old")).unwrap();
    let store = scene.store();
    put(&store, 2);
    sync(&scene, &[]).exited(0);
    assert_mirrored(&scene, &store);
}

#[test]
fn a_wrong_command_line_of_the_engine_is_said_and_exits_with_2() {
    if !has_sqlite() {
        return;
    }
    let cases: [&[&str]; 10] = [
        &[],
        &["look"],
        &["sync", "--store", "s"],
        &["sync", "--mirror", "m"],
        &["sync", "--mirror"],
        &["sync", "--mirror", "m", "--store", "s", "--what", "x"],
        &["listen", "--mirror", "m", "--store", "s", "--release", "0"],
        &["listen", "--mirror", "m", "--store", "s", "--release", "256,1"],
        &["query", "--mirror", "m", "--store", "s"],
        &["sync", "--mirror", "m", "--store", "s", "--object", "x"],
    ];
    for case in cases {
        assert!(run("policy_engine", case).exited(2).err.contains("--help"), "{case:?}");
    }
    let help = run("policy_engine", ["--help"]).exited(0).out;
    assert!(help.starts_with("Keeps a mirror") && help.contains("Exits with"));
    let scene = Scene::new();
    assert!(sync(&scene, &[]).exited(1).err.contains("cannot open the store"));
    assert!(!scene.path("mirror").exists() && !scene.path("store").exists());
    Said::of(&engine(&scene, "query", &[]).output().unwrap()).exited(1);
}
