//! The policy engine is killed at random moments, again and again: the mirror is what a listing says, and each hint was
//! enacted once.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use hsm_core::journal::Change;
use hsm_core::object::{ObjectId, Position};
use hsm_core::{PutOptions, Store};

use crate::policy::{assert_mirrored, engine, hint, is_hinted};
use crate::run::{Said, Scene, has_sqlite, scale};

/// Objects that come and go meanwhile.
const OTHERS: usize = 40;

/// Puts, overwrites and removes objects until it is told to stop.
fn stir(store: &Store, is_done: &AtomicBool) {
    let mut others: Vec<ObjectId> = Vec::new();
    for round in 0_usize.. {
        if is_done.load(Ordering::Acquire) {
            return;
        }
        if others.len() < OTHERS {
            others.push(store.put(b"other", &PutOptions::default()).unwrap().id);
        } else if round % 3 == 0 {
            store.put(&vec![7; round % 1000], &PutOptions::id(others[round % OTHERS])).unwrap();
        } else {
            let id = others.swap_remove(round % OTHERS);
            store.remove(id).unwrap();
            store.purge(id).unwrap();
        }
        thread::sleep(Duration::from_millis(3));
    }
}

/// Sets the hint on an object, waits until it was enacted, and moves the object back: enacted twice, it would show.
fn hint_and_move_back(store: &Store, ids: &[ObjectId], is_done: &AtomicBool) -> BTreeMap<ObjectId, usize> {
    let mut hints = BTreeMap::new();
    for id in ids.iter().cycle() {
        if is_done.load(Ordering::Acquire) {
            break;
        }
        hint(store, *id, "0,1");
        *hints.entry(*id).or_default() += 1;
        while store.object(*id).unwrap().copies[0].tier == 0 {
            thread::sleep(Duration::from_millis(1));
        }
        store.move_object(*id, 1, 0).unwrap();
    }
    hints
}

#[test]
fn an_engine_that_is_killed_at_any_moment_misses_nothing_and_repeats_nothing() {
    if !has_sqlite() {
        return;
    }
    let kills = scale("HSM_POLICY_KILLS", 40);
    let scene = Scene::new();
    let store = scene.store();
    let hinted: Vec<ObjectId> =
        (0..5).map(|_| store.put(b"hinted", &PutOptions::default()).unwrap().id).collect();
    let is_done = Arc::new(AtomicBool::new(false));
    let stirring = thread::spawn({
        let (store, is_done) = (store.clone(), is_done.clone());
        move || stir(&store, &is_done)
    });
    let hinting = thread::spawn({
        let (store, hinted, is_done) = (store.clone(), hinted.clone(), is_done.clone());
        move || hint_and_move_back(&store, &hinted, &is_done)
    });
    for round in 0..kills as u64 {
        let mut child = engine(&scene, "listen", &[]).stdout(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(round * 7919 % 181)); // Another moment each time.
        child.kill().unwrap();
        child.wait().unwrap();
    }
    is_done.store(true, Ordering::Release);
    stirring.join().unwrap();
    // The last hint is still to be enacted.
    while !hinting.is_finished() {
        Said::of(&engine(&scene, "sync", &[]).output().unwrap()).exited(0);
    }
    let hints = hinting.join().unwrap();
    Said::of(&engine(&scene, "sync", &[]).output().unwrap()).exited(0);
    assert_mirrored(&scene, &store);
    let mut moves: BTreeMap<ObjectId, usize> = BTreeMap::new();
    for event in store.feed(Position::default()) {
        if let Change::CopyDropped { object, tier: 0, .. } = event.unwrap().change {
            *moves.entry(object).or_default() += 1;
        }
    }
    assert_eq!(moves, hints, "as many moves as hints");
    println!("{kills} kills, {} hints", hints.values().sum::<usize>());
    assert!(hinted.iter().all(|id| !is_hinted(&store, *id)));
}
