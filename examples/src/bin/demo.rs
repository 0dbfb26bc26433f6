//! hsm in one sitting: archive a tree, move it between tiers, follow what happened, restore it, compare.
//!
//! Read `tour` from top to bottom; each chapter is a function that uses one part of the interface.
//! `make demo ARGS="--help"` lists the options.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use hsm_core::journal::Change;
use hsm_core::object::{ActionSpec, DatasetId, Delay, ObjectId, Position, TierConfig, TierIndex};
use hsm_core::{Items, PutOptions, Query, RunOptions, Store, StoreOptions};
use hsm_examples::options::{HELP, Options};
use hsm_examples::show::{self, Progress};
use hsm_examples::tree::{self, Bounds, Found, Kind};
use hsm_examples::{Result, archive, compare, made_up, restore, say};

const BOUNDS: Bounds = Bounds { entries: 5000, bytes: 400 << 20 };

/// A tree that every machine has, with files of all sizes.
const TREE: &str = "/usr";

/// The tiers of the store: a number each, 0 is the hottest.
const FAST: TierIndex = 0;
const DISK: TierIndex = 1;
const ARCHIVE: TierIndex = 2;
const TAPE: TierIndex = 3;

/// Objects that are moved, or listed, at once.
const PAGE_LEN: usize = 500;

/// Length of what is put on tapes: each in a file, and so on a tape, of its own.
const NOTE_BYTES: usize = 100_000;

/// Objects that are recalled, released and verified one by one.
const SOME: usize = 25;

fn main() -> ExitCode {
    let done = Options::read(std::env::args_os().skip(1)).and_then(|options| {
        if options.help {
            print!("{HELP}");
            return Ok(true);
        }
        run(&options)
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Makes a directory to work in, takes the tour, and removes it again. `false`: something differed.
fn run(options: &Options) -> Result<bool> {
    let path = tempfile::Builder::new().prefix("hsm-demo-").tempdir()?.keep();
    let work = Work { path, keep: options.keep };
    let outcome = tour(options, &work.path);
    if work.keep {
        say!("\nEverything is kept in {}", work.path.display());
    }
    outcome
}

/// The directory to work in; removed at the end, however that comes.
struct Work {
    path: PathBuf,
    keep: bool,
}

impl Drop for Work {
    fn drop(&mut self) {
        if !self.keep
            && let Err(error) = tree::remove(&self.path)
        {
            eprintln!("demo: cannot remove {}: {error}", self.path.display());
        }
    }
}

/// A tree on its way through the store.
struct Source {
    /// The name of its dataset.
    name: &'static str,
    root: PathBuf,
    found: Found,
}

fn tour(options: &Options, work: &Path) -> Result<bool> {
    let begun = Instant::now();
    say!("A tree of files goes into a store, moves to a colder tier, and comes back as it was.");

    let sources = look(options, work)?;
    let store_path = options.store.clone().unwrap_or_else(|| work.join("store"));
    let store = open(&store_path)?;
    let datasets = put(&store, &sources)?;
    make_cold(&store)?;
    let some = recall_and_release(&store)?;
    verify(&store, &some)?;
    recall_from_tape(&store)?;
    follow(&store)?;
    let store = reopen(store, &store_path)?;
    let differences = restore_and_compare(&store, &datasets, &sources, work)?;
    store.close()?;

    let entries: usize = sources.iter().map(|source| source.found.entries.len()).sum();
    say!("\nThe store takes {} on disk.", show::size(tree::disk_usage(&store_path)?));
    if options.store.is_some() {
        say!("It is kept in {}", store_path.display());
    }
    if differences == 0 {
        say!("All {entries} entries came back as they were, in {:.1} s.", begun.elapsed().as_secs_f64());
    } else {
        say!("{differences} of {entries} entries DIFFER from what was archived.");
    }
    Ok(differences == 0)
}

/// Chapter 1: what there is to archive.
fn look(options: &Options, work: &Path) -> Result<Vec<Source>> {
    show::heading(1, "Look for files");
    let root = options.tree.clone().unwrap_or_else(|| PathBuf::from(TREE));
    let root = fs::canonicalize(&root).map_err(|error| format!("{}: {error}", root.display()))?;
    let made_up = work.join("made-up");
    made_up::make(&made_up)?;

    let mut sources = Vec::new();
    for (name, root) in [("tree", root), ("made-up", made_up)] {
        let found = tree::walk(&root, BOUNDS)?;
        sources.push(Source { name, root, found });
    }
    let row = |source: &Source| {
        let found = &source.found;
        vec![
            source.root.display().to_string(),
            found.count(|kind| *kind == Kind::File).to_string(),
            found.count(|kind| *kind == Kind::Directory).to_string(),
            found.count(|kind| matches!(kind, Kind::Symlink(_))).to_string(),
            show::size(found.bytes()),
        ]
    };
    let rows: Vec<_> = sources.iter().map(row).collect();
    show::table(&["tree", "files", "directories", "symlinks", "size"], &rows);
    if sources[0].found.cut {
        let (entries, bytes) = (BOUNDS.entries, show::size(BOUNDS.bytes));
        say!("  Of the first tree, up to {entries} entries and {bytes} are taken.");
    }
    say!("  The second was made up: odd names, links of both kinds, old times, tight modes.");
    Ok(sources)
}

/// Chapter 2: a store is a directory; opening it makes it. There is nothing to install or to start.
fn open(path: &Path) -> Result<Store> {
    show::heading(2, "Open a store");
    let tiers = [(FAST, "fast"), (DISK, "disk"), (ARCHIVE, "archive")]
        .map(|(index, name)| TierConfig { name: name.to_owned(), ..tier(index) })
        .into();
    let store = Store::open(path, &StoreOptions::new().create_new(true).tiers(tiers))?;
    say!("  {}", store.directory().display());
    say!("  Three tiers, from hot to cold. Here each is a directory of the store; in earnest, each");
    say!("  would be a file system of its own.");
    Ok(store)
}

fn tier(index: TierIndex) -> TierConfig {
    TierConfig::posix(index, format!("tiers/{index}"))
}

/// Chapter 3: small files go in by the batch, large ones are streamed. All of it is durable.
fn put(store: &Store, sources: &[Source]) -> Result<Vec<DatasetId>> {
    show::heading(3, "Put every entry, as an object with a key");
    let (mut rows, mut datasets) = (Vec::new(), Vec::new());
    for source in sources {
        let dataset = archive::create(store, source.name)?;
        datasets.push(dataset);
        let begun = Instant::now();
        let entries = &source.found.entries;
        let mut progress = Progress::new("put", entries.len() as u64);
        let archived = archive::archive(store, dataset, &source.root, entries, &mut progress)?;
        drop(progress);
        rows.push(vec![
            source.name.to_owned(),
            archived.entries.to_string(),
            archived.small_files.to_string(),
            archived.batches.to_string(),
            archived.large_files.to_string(),
            show::rate(archived.entries, archived.bytes, begun.elapsed()),
        ]);
    }
    show::table(&["dataset", "entries", "small files", "batches", "large files", "took"], &rows);
    say!("");
    print_tiers(store)?;
    Ok(datasets)
}

fn print_tiers(store: &Store) -> Result<()> {
    let row = |usage: hsm_core::TierUsage| {
        let config = usage.config;
        vec![
            format!("{} {}", config.index, config.name),
            config.state.name().to_owned(),
            usage.objects.to_string(),
            show::size(usage.bytes),
        ]
    };
    let rows: Vec<_> = store.tiers()?.into_iter().map(row).collect();
    show::table(&["tier", "state", "objects with data", "size"], &rows);
    Ok(())
}

/// Chapter 4: each page of a listing is moved as a whole: copied, synced, read back, committed. Only then
/// does the copy on the hot tier go.
fn make_cold(store: &Store) -> Result<()> {
    show::heading(4, "Move everything to the archive");
    let begun = Instant::now();
    let on_fast = Query::tier(FAST);
    let mut progress = Progress::new("moved", store.tier(FAST)?.objects);
    let (mut objects, mut bytes, mut after) = (0, 0, None);
    loop {
        let page = store.page(&on_fast, after.as_ref(), PAGE_LEN)?;
        let found = objects_of(page.items);
        let ids: Vec<ObjectId> = found.keys().copied().collect();
        for (answer, size) in store.move_many(&ids, FAST, ARCHIVE)?.into_iter().zip(found.values()) {
            answer?;
            objects += 1;
            bytes += size;
            progress.step(*size);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    drop(progress);
    say!("  {objects} objects in {}", show::rate(objects, bytes, begun.elapsed()));
    say!("  Every byte was read back from the medium before the copy on the fast tier was dropped.\n");
    print_tiers(store)
}

/// The objects of a page with their sizes.
fn objects_of(items: Items) -> BTreeMap<ObjectId, u64> {
    items.map(|(_, object)| (object.id, object.size())).collect()
}

/// Chapter 5: copies come and go, but never the last one.
fn recall_and_release(store: &Store) -> Result<Vec<ObjectId>> {
    show::heading(5, "Recall some, release some");
    let on_archive = Query { size_min: Some(1), ..Query::tier(ARCHIVE) };
    let page = store.page(&on_archive, None, PAGE_LEN)?;
    let ids: Vec<ObjectId> = objects_of(page.items).into_keys().take(SOME).collect();

    for answer in store.copy_many(&ids, None, FAST)? {
        answer?;
    }
    say!("  {} objects now have two copies, on the fast tier and in the archive.", ids.len());

    let (released, kept) = ids.split_at(ids.len() / 2);
    for id in released {
        store.release(*id, FAST, false)?;
    }
    say!("  {} of them were released from the fast tier again.", released.len());

    if let Some(id) = released.first() {
        match store.release(*id, ARCHIVE, false) {
            Ok(_) => return Err("the last copy of an object was dropped".into()),
            Err(error) => {
                say!("  The last copy of an object is not dropped. Asked to, the store says:");
                show::quote(&error.to_string());
            }
        }
    }
    say!("");
    print_tiers(store)?;
    Ok(kept.to_vec())
}

/// Chapter 6: what is on the medium is what was put.
fn verify(store: &Store, ids: &[ObjectId]) -> Result<()> {
    show::heading(6, "Verify copies on both tiers");
    for id in ids {
        for tier in [FAST, ARCHIVE] {
            store.verify(*id, tier)?;
        }
    }
    say!("  {} copies were read from the medium, past the cache, and are whole.", ids.len() * 2);
    Ok(())
}

/// Chapter 7: what lies on a tape is recalled before it is read. The library is simulated, and in a hurry.
fn recall_from_tape(store: &Store) -> Result<()> {
    show::heading(7, "Recall from a tape");
    let delay = Delay { latency_ms: 50, mount_ms: 300, seek_ms: 50, readable_ms: 1000, drives: 1 };
    store.add_tier(&TierConfig { name: "tape".to_owned(), ..tier(TAPE) }.delayed(delay))?;
    let on_tape = PutOptions { tier: Some(TAPE), ..PutOptions::default() };
    let ids = (0..3_u8).map(|note| Ok(store.put(&vec![note; NOTE_BYTES], &on_tape)?.id));
    let ids = ids.collect::<Result<Vec<ObjectId>>>()?;
    thread::sleep(Duration::from_millis(delay.readable_ms));
    match store.get(ids[0]) {
        Ok(_) => return Err("what is on a tape was read without a recall".into()),
        Err(error) => {
            say!("  {} objects lie on tapes alone. Asked for one, the store says:", ids.len());
            show::quote(&error.to_string());
        }
    }
    let estimate = store.estimate_recall(&ids, FAST, 0)?;
    let wait_s = Duration::from_nanos(estimate.wait_ns).as_secs_f64();
    say!("  A recall of all would mount {} tapes and take {wait_s:.1} s.", estimate.mounts);
    let begun = Instant::now();
    let (group, _) = store.submit_group(ids.iter().map(|id| ActionSpec::recall(*id, FAST)).collect())?;
    let in_between = RunOptions { idle_max: Some(Duration::from_millis(20)) };
    while !store.group_status(group)?.is_finished() {
        store.run(&in_between, &AtomicBool::new(false))?;
    }
    for (note, id) in (0_u8..).zip(&ids) {
        if store.get(*id)? != vec![note; NOTE_BYTES] {
            return Err("what came from the tape differs".into());
        }
    }
    say!("  It took {:.1} s; the objects have a copy on the fast tier now.", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Chapter 8: every change is an event, numbered without gaps. This is what a program that follows the store
/// reads.
fn follow(store: &Store) -> Result<()> {
    show::heading(8, "Read the event feed");
    let mut counts = BTreeMap::new();
    let mut last = Position::default();
    for event in store.feed(Position::default()) {
        let event = event?;
        if event.position.number != last.number + 1 {
            return Err(format!("event {} follows event {}", event.position.number, last.number).into());
        }
        last = event.position;
        *counts.entry(word(&event.change)).or_insert(0_u64) += 1;
    }
    let rows: Vec<_> =
        counts.iter().map(|(word, count)| vec![(*word).to_owned(), count.to_string()]).collect();
    show::table(&["event", "count"], &rows);
    say!("  {} events, numbered from 1 without a gap.", last.number);
    Ok(())
}

fn word(change: &Change) -> &'static str {
    match change {
        Change::Put { .. } => "put",
        Change::CopyAdded { .. } => "copy added",
        Change::CopyDropped { .. } => "copy dropped",
        Change::CopyRelocated { .. } => "copy relocated",
        Change::CopyVerified { .. } => "copy verified",
        Change::Named { .. } => "named",
        Change::DatasetCreated { .. } => "dataset created",
        Change::TierSet(_) => "tier set",
        _ => "other",
    }
}

/// Chapter 9: the store is what lies in its directory.
fn reopen(store: Store, path: &Path) -> Result<Store> {
    show::heading(9, "Close the store and open it again");
    let before = store.position()?;
    store.close()?;
    drop(store);
    let begun = Instant::now();
    let store = Store::open(path, &StoreOptions::new().create(false))?;
    if store.position()? != before {
        return Err("the store is not where it was".into());
    }
    let took_ms = begun.elapsed().as_secs_f64() * 1e3;
    say!("  Open after {took_ms:.1} ms, at event {} as before.", before.number);
    Ok(store)
}

/// Chapter 10: out it comes, each byte checked on the way, and nothing outside the directory that was named.
fn restore_and_compare(
    store: &Store,
    datasets: &[DatasetId],
    sources: &[Source],
    work: &Path,
) -> Result<usize> {
    show::heading(10, "Restore into new directories, and compare");
    let target = |source: &Source| work.join(format!("{} restored", source.name));
    let mut entries = 0;
    for (dataset, source) in datasets.iter().zip(sources) {
        let begun = Instant::now();
        let mut progress = Progress::new("restored", store.dataset_by_id(*dataset)?.keys);
        let restored = restore::restore(store, *dataset, &target(source), &mut progress)?;
        drop(progress);
        let rate = show::rate(restored.entries, restored.bytes, begun.elapsed());
        say!("  {}: {} entries in {rate}", source.name, restored.entries);
        entries += restored.entries as usize;
    }
    say!("");

    let mut rows = Vec::new();
    let mut differ = 0;
    for source in sources {
        let entries = &source.found.entries;
        let mut progress = Progress::new("compared", entries.len() as u64);
        let differences = compare::compare(&source.root, &target(source), entries, &mut progress)?;
        drop(progress);
        for line in differences.iter().take(20) {
            say!("  {}/{line}", source.name);
        }
        differ += differences.len();
        rows.push(vec![
            source.name.to_owned(),
            entries.len().to_string(),
            show::size(source.found.bytes()),
            differences.len().to_string(),
        ]);
    }
    show::table(&["compared", "entries", "size", "differences"], &rows);
    say!("  Compared: kinds, bytes, modes, times to the nanosecond, targets of links, hard links.");
    let expected: usize = sources.iter().map(|source| source.found.entries.len()).sum();
    Ok(differ + expected.abs_diff(entries))
}
