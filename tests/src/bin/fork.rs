//! Forks with a store open: in the child every call answers that it was forked, and nothing it drops harms
//! the parent. `fork DIRECTORY`, where DIRECTORY must not exist; the exit code says whether all went well.

#![allow(unsafe_code, reason = "a fork cannot be checked; this process has one thread")]

use std::path::Path;
use std::process::exit;

use hsm_core::object::{Attributes, Name, ObjectId, Position, TierConfig, TierState};
use hsm_core::{
    Batch, Durability, Error, GetOptions, Part, Parts, PutOptions, Query, Reader, Result, Store,
    StoreOptions, Writer,
};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

const LARGE: &[u8] = &[7; 300_000];

/// What is open when the process forks.
struct Open {
    store: Store,
    id: ObjectId,
    name: Name,
    reader: Reader,
    writer: Writer,
    parts: Parts,
    part: Part,
    batch: Batch,
}

fn main() {
    let directory = std::env::args().nth(1).expect("a directory");
    let directory = Path::new(&directory);
    let open = begin(directory);
    // SAFETY: this process has one thread, so the child has all there is.
    match unsafe { fork() }.expect("a fork") {
        ForkResult::Child => exit(in_child(open)),
        ForkResult::Parent { child } => {
            let status = waitpid(child, None).expect("the child ends");
            assert!(matches!(status, WaitStatus::Exited(_, 0)), "the child ended with {status:?}");
            go_on(directory, open);
        }
    }
}

fn begin(directory: &Path) -> Open {
    let store = Store::open(directory, &StoreOptions::new()).expect("a store");
    let dataset = store.create_dataset("dataset", &Attributes::new()).expect("a dataset");
    let name = Name { dataset, key: b"key".to_vec() };
    let id = store.put(LARGE, &PutOptions::name(name.clone())).expect("an object").id;
    let reader = store.reader(id, &GetOptions::default()).expect("a reader");
    let mut writer = store.writer(&PutOptions::default()).expect("a writer");
    writer.add(LARGE).expect("bytes");
    let parts = store.parts(&PutOptions::default()).expect("parts");
    let mut part = parts.part(0).expect("a part");
    part.add(LARGE).expect("bytes");
    let mut batch = store.batch(true, Durability::Durable);
    batch.put(LARGE, &PutOptions::default()).expect("a put in a batch");
    Open { store, id, name, reader, writer, parts, part, batch }
}

fn in_child(open: Open) -> i32 {
    let mut wrong = 0;
    let mut refused = |verb: &str, answer: Result<()>| {
        if !matches!(answer, Err(Error::Forked)) {
            eprintln!("{verb} in a forked child answered {answer:?}");
            wrong = 1;
        }
    };
    let Open { store, id, name, mut reader, mut writer, parts, part, mut batch } = open;
    let options = PutOptions::default();
    macro_rules! refused {
        ($($call:expr),* $(,)?) => { $(refused(stringify!($call), $call.map(drop));)* };
    }
    refused!(
        store.put(b"x", &options),
        store.put_reader(&b"x"[..], &options),
        store.put_empty(&options),
        store.put_at(id, 0, b"x", Durability::Durable),
        store.writer(&options),
        store.parts(&options),
        store.join_parts(&parts.token()),
        store.object(id),
        store.find(&name),
        store.reader(id, &GetOptions::default()),
        store.get(id),
        store.get_range(id, 0, &mut [0]),
        store.get_to(id, Vec::new(), &GetOptions::default()),
        store.copy(id, None, 1),
        store.move_object(id, 0, 1),
        store.copy_many(&[id], None, 1),
        store.move_many(&[id], 0, 1),
        store.recall(id, 0),
        store.release(id, 0, true),
        store.verify(id, 0),
        store.remove(id),
        store.undelete(id),
        store.purge(id),
        store.set_attributes(id, &Vec::new()),
        store.set_dataset_attributes(name.dataset, &Vec::new()),
        store.create_dataset("another", &Attributes::new()),
        store.remove_dataset(name.dataset),
        store.dataset("dataset"),
        store.dataset_by_id(name.dataset),
        store.datasets(None, 10),
        store.add_name(id, &name),
        store.remove_name(&name),
        store.names(id),
        store.names_page(id, None, 10),
        store.check(),
        store.tiers(),
        store.tier(0),
        store.is_tier_online(0),
        store.add_tier(&TierConfig::posix(9, "tiers/9")),
        store.change_tier(&TierConfig::posix(0, "tiers/0")),
        store.set_tier_state(0, TierState::ReadOnly),
        store.drain_tier(0, 1),
        store.lose_tier(0),
        store.lose_tier_each(0, |_| Ok(())),
        store.retire_tier(4),
        store.page(&Query::default(), None, 10),
        store.feed_after(Position::default(), 10),
        store.position(),
        store.sync(),
        store.snapshot(),
        store.maintain(),
        store.reconcile(),
        store.close(),
        reader.read_at(&mut [0], 0),
        writer.add(b"x"),
        writer.commit(),
        parts.part(0),
        part.finish(),
        parts.commit(&[]),
        batch.put(b"x", &options),
        batch.commit(),
        store
            .objects(&Query::default())
            .next()
            .unwrap_or_else(|| Err(Error::Closed { reason: "it ended".into() })),
        store
            .feed(Position::default())
            .next()
            .unwrap_or_else(|| Err(Error::Closed { reason: "it ended".into() })),
    );
    drop((store, reader));
    wrong
}

fn go_on(directory: &Path, open: Open) {
    let files = |name: &str| std::fs::read_dir(directory.join(name)).expect("a directory").count();
    assert_eq!(files("members"), 1, "the member file is still there");
    assert!(files("index") >= 2, "the index and its log are still there");
    let Open { store, id, mut reader, writer, parts, part, batch, .. } = open;
    let mut bytes = vec![0; LARGE.len()];
    reader.read_at(&mut bytes, 0).expect("the reader goes on");
    assert!(bytes == LARGE);
    let receipt = part.finish().expect("the part ends");
    let ids = [
        writer.commit().expect("the writer commits").id,
        parts.commit(&[receipt]).expect("the parts are committed").id,
        batch.commit().expect("the batch commits").remove(0).expect("its put").id,
        id,
    ];
    for id in ids {
        assert!(store.get(id).expect("it is readable") == LARGE);
    }
    store.close().expect("the store closes");
}
