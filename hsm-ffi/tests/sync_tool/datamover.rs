//! The datamover sets hints and moves objects, one or a dataset of them.

use std::fs;

use hsm_core::Query;

use crate::run::{Said, Scene, run};

fn scene(files: usize) -> Scene {
    let scene = Scene::new();
    fs::create_dir(scene.path("tree")).unwrap();
    for number in 0..files {
        fs::write(scene.path("tree").join(number.to_string()), format!("file {number}")).unwrap();
    }
    fs::create_dir(scene.path("tree/directory")).unwrap();
    scene.run("archive", "tree", &[]).exited(0);
    scene
}

fn mover(scene: &Scene, arguments: &[&str]) -> Said {
    let store = scene.path("store");
    run("datamover", ["--store", store.to_str().unwrap()].iter().chain(arguments))
}

fn on_tiers(scene: &Scene) -> [u64; 3] {
    let store = scene.store();
    [0, 1, 2].map(|tier| store.tier(tier).unwrap().objects)
}

#[test]
fn a_dataset_of_many_pages_moves_there_and_back() {
    let scene = scene(2500);
    mover(&scene, &["--dataset", "tree", "--move", "0,2"]).exited(0);
    assert_eq!(on_tiers(&scene), [0, 0, 2500]);
    mover(&scene, &["--dataset", "tree", "--copy", "1"]).exited(0);
    assert_eq!(on_tiers(&scene), [0, 2500, 2500]);
    mover(&scene, &["--dataset", "tree", "--release", "2"]).exited(0);
    assert_eq!(on_tiers(&scene), [0, 2500, 0]);
    // The last copy stays, whatever was asked for.
    let refused = mover(&scene, &["--dataset", "tree", "--release", "1"]).exited(1);
    assert!(refused.err.contains("no other verified copy is online"), "{}", refused.err);
    assert_eq!(on_tiers(&scene), [0, 2500, 0]);
    scene.run("check", "tree", &["--compare"]).exited(0);
}

#[test]
fn one_object_is_named_by_its_id_or_its_key() {
    let scene = scene(3);
    mover(&scene, &["--dataset", "tree", "--key", "1", "--move", "0,1"]).exited(0);
    assert_eq!(on_tiers(&scene), [2, 1, 0]);
    let store = scene.store();
    let (_, object) = store.objects(&Query::tier(0)).next().unwrap().unwrap();
    drop(store);
    mover(&scene, &["--object", &object.id.to_string(), "--move", "0,2"]).exited(0);
    assert_eq!(on_tiers(&scene), [1, 1, 1]);
    mover(&scene, &["--dataset", "tree", "--key", "no such key", "--move", "0,1"]).exited(1);
    mover(&scene, &["--object", "00000000-0000-0000-0000-000000000001", "--move", "0,1"]).exited(1);
}

#[test]
fn a_hint_is_an_attribute_and_an_empty_one_takes_it_away() {
    let scene = scene(2500);
    let hinted = || {
        let query = Query { attribute: Some(("trigger_migration".to_owned(), None)), ..Query::default() };
        scene.store().objects(&query).count()
    };
    mover(&scene, &["--dataset", "tree", "--key", "7", "--hint", "trigger_migration=0,1"]).exited(0);
    assert_eq!(hinted(), 1);
    mover(&scene, &["--dataset", "tree", "--hint", "trigger_migration=0,1"]).exited(0);
    assert_eq!(hinted(), 2501);
    mover(&scene, &["--dataset", "tree", "--hint", "trigger_migration="]).exited(0);
    assert_eq!(hinted(), 0);
    scene.run("check", "tree", &["--compare"]).exited(0);
}

#[test]
fn a_wrong_command_line_is_said_and_exits_with_2() {
    let scene = scene(1);
    let cases: [&[&str]; 10] = [
        &[],
        &["--dataset", "tree"],
        &["--move", "0,1"],
        &["--dataset", "tree", "--object", "x", "--move", "0,1"],
        &["--dataset", "tree", "--move", "0"],
        &["--dataset", "tree", "--move", "0,256"],
        &["--dataset", "tree", "--copy", "x"],
        &["--dataset", "tree", "--hint", "no value"],
        &["--dataset", "tree", "--move", "0,1", "--copy", "2"],
        &["--object", "no id", "--copy", "2"],
    ];
    for arguments in cases {
        let said = mover(&scene, arguments).exited(2);
        assert!(said.err.starts_with("datamover: "), "{}", said.err);
    }
    assert_eq!(on_tiers(&scene), [1, 0, 0]);
    assert!(run("datamover", ["--help"]).exited(0).out.contains("Exits with"));
}
