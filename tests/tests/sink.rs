//! A sink mirrors the feed into a file of YAML: every event once, whatever stops it and whenever.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hsm_core::file::{Disk, Mode};
use hsm_core::object::ObjectId;
use hsm_core::testing::disk::{Keep, SimDisk};
use hsm_core::{Kind, PutOptions, Query, Result, Retention, Sink, SinkOptions, Store, StoreOptions};
use hsm_tests::fixture::{Fixture, SimFixture, kind, on_tier};

const FEED: &str = "/feed.yaml";

fn pump_all(sink: &mut Sink) -> Result<u64> {
    let mut written = 0;
    loop {
        match sink.pump(Some(Duration::ZERO))? {
            0 => return Ok(written),
            some => written += some,
        }
    }
}

fn put(store: &Store) -> Result<ObjectId> {
    Ok(store.put(b"content", &PutOptions::default())?.id)
}

/// The tags and ids of whole documents, in order.
fn documents(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for document in text.split_inclusive("...\n") {
        let lines: Vec<&str> = document.lines().filter(|line| !line.starts_with('#')).collect();
        let Some(("---", rest)) = lines.split_first().map(|(first, rest)| (*first, rest)) else {
            panic!("no document begins with {document:?}")
        };
        let id = rest.iter().find_map(|line| line.strip_prefix("id: ")).expect("an id");
        assert!(document.ends_with("\n...\n") && rest[0].starts_with('!'), "{document:?}");
        found.push((rest[0].trim_start_matches('!').to_owned(), id.trim_matches('"').to_owned()));
    }
    found
}

/// The rotated files and the last one, as one.
fn all_of(directory: &Path, name: &str) -> String {
    let rotated = (0..).map(|number| directory.join(format!("{name}.{number}")));
    let mut files: Vec<PathBuf> = rotated.take_while(|path| path.exists()).collect();
    files.push(directory.join(name));
    files.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn each_change_of_an_object_is_a_document() {
    let fixture = Fixture::new();
    let (store, path) = (&fixture.store, fixture.outside("event_feed.yaml"));
    let first = store.put(b"content", &on_tier(0)).unwrap().id;
    let mut sink = store.sink("mirror", &path, &SinkOptions::new()).unwrap();
    assert_eq!(pump_all(&mut sink).unwrap(), 1);
    store.set_attributes(first, &vec![("trigger_migration".to_owned(), Some(b"0,1".to_vec()))]).unwrap();
    store.move_object(first, 0, 1).unwrap();
    let second = put(store).unwrap();
    store.remove(first).unwrap();
    store.undelete(first).unwrap();
    store.purge(second).unwrap();
    store.verify(first, 1).unwrap();
    pump_all(&mut sink).unwrap();

    let text = fs::read_to_string(&path).unwrap();
    let (one, two) = (first.to_string(), second.to_string());
    let expected = [
        ("create", &one),
        ("update", &one),
        ("update", &one),
        ("update", &one),
        ("create", &two),
        ("remove", &one),
        ("create", &one),
        ("remove", &two),
    ];
    let expected: Vec<_> = expected.iter().map(|(tag, id)| ((*tag).to_owned(), (*id).clone())).collect();
    assert_eq!(documents(&text), expected, "{text}");
    assert!(text.contains("    trigger_migration: \"0,1\"\n") && text.contains("      index: 1\n"), "{text}");
}

#[test]
fn a_read_is_a_document_once_it_was_recorded() {
    let fixture = Fixture::new();
    let (store, path) = (&fixture.store, fixture.outside("feed.yaml"));
    store.set_access_staleness(Some(Duration::ZERO)).unwrap();
    let mut sink = store.sink("mirror", &path, &SinkOptions::new()).unwrap();
    let id = put(store).unwrap();
    drop(store.get(id).unwrap());
    store.sync().unwrap();
    pump_all(&mut sink).unwrap();
    let expected = ["create", "read"].map(|tag| (tag.to_owned(), id.to_string()));
    assert_eq!(documents(&fs::read_to_string(&path).unwrap()), expected);
}

#[test]
fn a_sink_goes_on_where_the_one_before_it_was_and_rotates() {
    let fixture = Fixture::new();
    let (store, path) = (&fixture.store, fixture.outside("feed.yaml"));
    let options = SinkOptions::new().rotate(400, 0);
    let mut ids = Vec::new();
    for _ in 0..7 {
        let mut sink = store.sink("mirror", &path, &options).unwrap();
        for _ in 0..3 {
            ids.push(("create".to_owned(), put(store).unwrap().to_string()));
            pump_all(&mut sink).unwrap();
        }
    }
    assert_eq!(documents(&all_of(path.parent().unwrap(), "feed.yaml")), ids);
    assert!(fs::metadata(&path).unwrap().len() <= 400 && fixture.outside("feed.yaml.5").exists());
}

#[test]
fn only_so_many_rotated_files_are_kept() {
    let fixture = Fixture::new();
    let (store, path) = (&fixture.store, fixture.outside("feed.yaml"));
    let mut sink = store.sink("mirror", &path, &SinkOptions::new().rotate(1, 2)).unwrap();
    for _ in 0..6 {
        put(store).unwrap();
        pump_all(&mut sink).unwrap();
    }
    let there: Vec<u32> =
        (0..10).filter(|number| fixture.outside(&format!("feed.yaml.{number}")).exists()).collect();
    assert_eq!(there, [3, 4]);
}

#[test]
fn what_the_filter_passes_over_is_acknowledged_too() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let mut sink = store.sink("mirror", fixture.outside("feed.yaml"), &SinkOptions::new()).unwrap();
    put(store).unwrap();
    fixture.dataset("data");
    pump_all(&mut sink).unwrap();
    put(store).unwrap();
    pump_all(&mut sink).unwrap();
    fixture.dataset("more");
    store.sync().unwrap();
    pump_all(&mut sink).unwrap();
    drop(sink);
    let acked = store.subscribers().unwrap()[0].acked;
    assert!(acked.number + 1 >= store.position().unwrap().number, "{acked:?}");
}

#[test]
fn one_sink_at_a_time_writes_a_file() {
    let fixture = Fixture::new();
    let (store, path) = (&fixture.store, fixture.outside("feed.yaml"));
    let sink = store.sink("mirror", &path, &SinkOptions::new()).unwrap();
    assert_eq!(kind(&store.sink("other", &path, &SinkOptions::new())), Some(Kind::Busy));
    assert_eq!(kind(&store.sink("mirror", fixture.outside("b"), &SinkOptions::new())), Some(Kind::Busy));
    let names: Vec<_> = store.subscribers().unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["mirror"], "a sink that was refused leaves no subscriber");
    drop(sink);
    store.sink("other", &path, &SinkOptions::new()).unwrap();
}

#[test]
fn a_file_that_was_moved_away_is_begun_anew() {
    let fixture = Fixture::new();
    let (store, path) = (&fixture.store, fixture.outside("feed.yaml"));
    put(store).unwrap();
    pump_all(&mut store.sink("mirror", &path, &SinkOptions::new()).unwrap()).unwrap();
    fs::rename(&path, fixture.outside("moved")).unwrap();
    let second = put(store).unwrap();
    pump_all(&mut store.sink("mirror", &path, &SinkOptions::new()).unwrap()).unwrap();
    assert_eq!(documents(&fs::read_to_string(&path).unwrap()), [("create".to_owned(), second.to_string())]);
}

#[test]
fn a_sink_may_begin_behind_a_change() {
    let fixture = Fixture::new();
    let (store, path) = (&fixture.store, fixture.outside("feed.yaml"));
    put(store).unwrap();
    let options = SinkOptions::new().after(store.position().unwrap());
    let mut sink = store.sink("mirror", &path, &options).unwrap();
    assert_eq!(pump_all(&mut sink).unwrap(), 0);
    let second = put(store).unwrap();
    assert_eq!(pump_all(&mut sink).unwrap(), 1);
    assert_eq!(documents(&fs::read_to_string(&path).unwrap())[0].1, second.to_string());
}

#[test]
fn changes_that_were_dropped_are_a_remark_and_the_objects_that_changed() {
    let fixture = Fixture::with(StoreOptions::new().segment_bytes(1));
    let store = &fixture.store;
    let path = fixture.outside("feed.yaml");
    let ids: Vec<_> = (0..40).map(|_| put(store).unwrap()).collect();
    store.snapshot().unwrap();
    store.set_retention(&Retention { events_max: Some(5), age_max: None }).unwrap();
    store.snapshot().unwrap();
    assert!(store.maintain().unwrap().segments_dropped > 0);
    let mut sink = store.sink("mirror", &path, &SinkOptions::new()).unwrap();
    pump_all(&mut sink).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.starts_with("# changes 1 to ") && text.lines().filter(|line| line.starts_with('#')).count() == 1
    );
    let found: BTreeSet<String> = documents(&text).into_iter().map(|(_, id)| id).collect();
    assert_eq!(found, ids.iter().map(ToString::to_string).collect());
}

#[test]
fn a_sink_that_met_a_full_disk_goes_on_once_it_is_opened_again() {
    let fixture = SimFixture::new();
    let (store, options) = (&fixture.store, SinkOptions::new());
    for step in ["write feed.yaml.next", "sync feed.yaml.next", "write feed.yaml", "sync feed.yaml"] {
        let mut sink = store.sink("mirror", FEED, &options).unwrap();
        put(store).unwrap();
        fixture.disk.fail_next(std::io::ErrorKind::StorageFull, move |label| label.starts_with(step));
        assert_eq!(kind(&sink.pump(Some(Duration::ZERO))), Some(Kind::Full), "{step}");
        assert_eq!(kind(&sink.pump(Some(Duration::ZERO))), Some(Kind::Invalid), "{step}");
        drop(sink);
        let mut sink = store.sink("mirror", FEED, &options).unwrap();
        pump_all(&mut sink).unwrap();
        let created: Vec<String> = documents(&read(&fixture.disk)).into_iter().map(|(_, id)| id).collect();
        assert_eq!(created, listed(store), "{step}");
    }
}

fn listed(store: &Store) -> Vec<String> {
    store.objects(&Query::default()).map(|item| item.unwrap().1.id.to_string()).collect()
}

/// The rotated files and the last one, as one, on a simulated disk.
fn read(disk: &SimDisk) -> String {
    let mut text = String::new();
    let numbered = (0..1000).map(|number| format!("{FEED}.{number}"));
    for path in numbered.chain([FEED.to_owned()]) {
        let Ok(file) = disk.open(Path::new(&path), Mode::Read) else { continue };
        let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
        file.read_at(&mut bytes, 0).unwrap();
        text.push_str(&String::from_utf8(bytes).unwrap());
    }
    text
}

/// Puts and pumps in turn; the disk may stop at any time.
fn work(store: &Store) -> Result<()> {
    let mut sink = store.sink("mirror", FEED, &SinkOptions::new().rotate(300, 0))?;
    for _ in 0..3 {
        put(store)?;
        pump_all(&mut sink)?;
    }
    Ok(())
}

#[test]
fn a_crash_at_any_operation_leaves_each_event_in_the_file_once() {
    let steps = {
        let fixture = SimFixture::new();
        let before = fixture.disk.operations();
        work(&fixture.store).unwrap();
        fixture.disk.operations() - before
    };
    assert!(steps > 50, "{steps}");
    for step in 0..steps {
        // The process dies, also within a write; or the power is lost, and what was not synced with it, or not.
        let power = [Keep::None, Keep::All, Keep::Random(step)].map(|keep| (false, Some(keep)));
        for (within, keep) in [(false, None), (true, None)].into_iter().chain(power) {
            let mut fixture = SimFixture::new();
            let at = fixture.disk.operations() + step;
            if within {
                fixture.disk.stop_within(at);
            } else {
                fixture.disk.stop_at(at);
            }
            let _ = work(&fixture.store);
            let image = fixture.disk.crash();
            let disk = keep.map_or_else(|| image.process_crash(), |keep| image.power_loss(keep));
            let seen = keep.is_none().then(|| read(&disk));
            fixture.disk.stop();
            let _ = fixture.store.close();
            fixture.delete_index();
            fixture.continue_on(disk);
            let mut sink = fixture.store.sink("mirror", FEED, &SinkOptions::new().rotate(300, 0)).unwrap();
            pump_all(&mut sink).unwrap();
            let text = read(&fixture.disk);
            let created: Vec<String> = documents(&text).into_iter().map(|(_, id)| id).collect();
            assert_eq!(created, listed(&fixture.store), "step {step} {within} {keep:?}");
            // Who followed the file meanwhile saw no byte that changed since.
            assert!(seen.is_none_or(|seen| text.starts_with(&seen)), "step {step} {within}");
        }
    }
}
