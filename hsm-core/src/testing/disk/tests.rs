//! Every promise of the simulated disk, one test each.

use std::io::ErrorKind;

use super::*;
use crate::file::{read_whole, write_whole};
use crate::testing::disk_conformance;

const FILE: &str = "/file";

fn path(text: &str) -> &Path {
    Path::new(text)
}

fn get(disk: &SimDisk, name: &str) -> Option<Vec<u8>> {
    read_whole(disk, path(name), u64::MAX).ok()
}

/// A disk on which `/file` holds `content`, all durable.
fn disk_with(content: &[u8]) -> SimDisk {
    let disk = SimDisk::new();
    write_whole(&disk, path(FILE), content).unwrap();
    assert_eq!(disk.pending(), []);
    disk
}

#[test]
fn the_simulated_disk_conforms() {
    disk_conformance::check(&SimDisk::new(), path("/"));
    let small = SimDisk::new();
    small.set_capacity(Some(1000));
    disk_conformance::check_full(&small, path("/"), 1000);
}

#[test]
fn every_change_is_logged_and_nothing_else() {
    let disk = disk_with(b"content");
    let wanted =
        ["create file.new", "write file.new", "sync file.new", "rename file.new -> file", "syncdir "];
    assert_eq!(disk.labels(), wanted);
    get(&disk, FILE).unwrap();
    disk.read_dir(path("/")).unwrap();
    assert!(disk.remove_file(path("/missing")).is_err());
    assert_eq!(disk.operations(), 5);
}

#[test]
fn a_stop_at_any_operation_leaves_the_old_file_or_the_new() {
    for stop in 0.. {
        let disk = disk_with(b"old");
        disk.stop_at(stop);
        let written = write_whole(&disk, path(FILE), b"new").is_ok();
        assert_eq!(disk.is_stopped(), !written);
        if !written {
            assert!(get(&disk, FILE).is_none(), "a stopped disk reads nothing");
            assert!(disk.open(path(FILE), Mode::Read).unwrap_err().to_string().contains("simulated crash"));
        }
        let image = disk.crash();
        let choices = 0..image.pending().len();
        let keeps = [Keep::None, Keep::All, Keep::Reversed].into_iter();
        let keeps = keeps.chain(choices.clone().flat_map(|at| [Keep::Only(at), Keep::AllBut(at)]));
        for keep in keeps.chain((0..20).map(Keep::Random)) {
            let content = get(&image.power_loss(keep), FILE).unwrap();
            assert!(content == b"new" || (!written && content == b"old"), "stop {stop}, {keep:?}");
        }
        assert!(get(&image.process_crash(), FILE).is_some());
        if written {
            return;
        }
    }
}

#[test]
fn a_stop_within_a_write_leaves_its_first_half() {
    let disk = disk_with(b"0000");
    let file = disk.open(path(FILE), Mode::Write).unwrap();
    disk.stop_within(0);
    assert!(file.write_at(b"1111", 0).is_err());
    assert!(file.sync_data().is_err() && file.try_lock(0..1, false).is_err() && file.len().is_err());
    assert_eq!(get(&disk.crash().process_crash(), FILE).unwrap(), b"1100");
    assert_eq!(get(&disk.crash().power_loss(Keep::None), FILE).unwrap(), b"0000");
}

#[test]
fn synced_bytes_without_a_synced_name_are_lost() {
    let disk = SimDisk::new();
    disk.create_dir(path("/directory")).unwrap();
    write_whole(&disk, path("/directory/file"), b"synced").unwrap();
    assert_eq!(disk.pending().len(), 1);
    assert_eq!(disk.crash().power_loss(Keep::None).read_dir(path("/")).unwrap(), []);
    assert_eq!(get(&disk.crash().power_loss(Keep::All), "/directory/file").unwrap(), b"synced");
    disk.sync_dir(path("/")).unwrap();
    assert_eq!(get(&disk.crash().power_loss(Keep::None), "/directory/file").unwrap(), b"synced");
}

#[test]
fn a_rename_across_directories_is_pending_in_both() {
    let disk = disk_with(b"content");
    disk.create_dir(path("/other")).unwrap();
    disk.sync_dir(path("/")).unwrap();
    disk.rename(path(FILE), path("/other/file")).unwrap();
    let both = disk.crash().power_loss(Keep::Only(0));
    assert_eq!((get(&both, FILE).is_some(), get(&both, "/other/file").is_some()), (true, true));
    let neither = disk.crash().power_loss(Keep::Only(1));
    assert_eq!((get(&neither, FILE), get(&neither, "/other/file")), (None, None));
    disk.sync_dir(path("/")).unwrap();
    assert_eq!(get(&disk.crash().power_loss(Keep::All), "/other/file").unwrap(), b"content");
}

#[test]
fn each_choice_keeps_what_it_says() {
    let disk = disk_with(b"....");
    let file = disk.open(path(FILE), Mode::Write).unwrap();
    file.write_at(b"aa", 0).unwrap();
    file.write_at(b"bb", 1).unwrap();
    file.write_at(b"cc", 6).unwrap();
    let image = disk.crash();
    assert_eq!(image.pending()[2], PendingStep { label: "write file".into(), write: Some(6..8) });
    for (keep, expected) in [
        (Keep::None, &b"...."[..]),
        (Keep::All, b"abb.\0\0cc"),
        (Keep::Only(1), b".bb."),
        (Keep::AllBut(1), b"aa..\0\0cc"),
        (Keep::First(2), b"abb."),
        (Keep::Reversed, b"aab.\0\0cc"),
        (Keep::Torn { at: 1, tear: Tear::Prefix(1) }, b"ab.."),
        (Keep::Torn { at: 1, tear: Tear::Sectors(0) }, b"aa.."),
        (Keep::Torn { at: 1, tear: Tear::Sectors(1) }, b"abb."),
    ] {
        assert_eq!(get(&image.power_loss(keep), FILE).unwrap(), expected, "{keep:?}");
    }
}

#[test]
fn sectors_of_a_torn_write_are_those_of_the_file() {
    let disk = disk_with(&[0; 2048]);
    disk.open(path(FILE), Mode::Write).unwrap().write_at(&[1; 1536], 256).unwrap();
    let torn = disk.crash().power_loss(Keep::Torn { at: 0, tear: Tear::Sectors(0b1010) });
    let content = get(&torn, FILE).unwrap();
    let written: Vec<usize> = (0..2048).filter(|at| content[*at] == 1).collect();
    assert_eq!(written, (512..1024).chain(1536..1792).collect::<Vec<_>>());
}

#[test]
fn a_seed_repeats_its_choice() {
    let disk = disk_with(b"");
    let file = disk.open(path(FILE), Mode::Write).unwrap();
    for step in 0..32 {
        file.write_at(&[step; 700], u64::from(step) * 600).unwrap();
    }
    let image = disk.crash();
    let outcome = |seed| get(&image.power_loss(Keep::Random(seed)), FILE).unwrap();
    assert_eq!(outcome(1), outcome(1));
    assert_ne!(outcome(1), outcome(2));
}

#[test]
fn a_failed_sync_fails_for_ever_and_a_later_one_elsewhere_saves_nothing() {
    let disk = disk_with(b"....");
    let file = disk.open(path(FILE), Mode::Write).unwrap();
    file.write_at(b"aaaa", 0).unwrap();
    disk.fail_next(ErrorKind::Other, |label| label == "sync file");
    assert!(file.sync_data().is_err());
    assert!(file.sync_data().unwrap_err().to_string().contains("earlier sync"));

    let other = disk.open(path(FILE), Mode::Write).unwrap();
    let mut medium = [0; 4];
    disk.open(path(FILE), Mode::ReadMedium).unwrap().read_at(&mut medium, 0).unwrap();
    assert_eq!((&medium, &get(&disk, FILE).unwrap()[..]), (b"....", &b"aaaa"[..]));
    other.sync_data().unwrap();
    assert_eq!(get(&disk.crash().power_loss(Keep::None), FILE).unwrap(), b"....");
    other.write_at(b"bb", 1).unwrap();
    other.sync_data().unwrap();
    assert_eq!(get(&disk.crash().power_loss(Keep::None), FILE).unwrap(), b".bb.");
    assert_eq!(get(&disk.crash().power_loss(Keep::All), FILE).unwrap(), b"abba");
}

#[test]
fn an_injected_failure_does_nothing_and_ends_when_told() {
    let disk = disk_with(b"content");
    disk.fail_every(ErrorKind::StorageFull, |label| label.starts_with("write "));
    let file = disk.open(path(FILE), Mode::Write).unwrap();
    for _ in 0..2 {
        assert_eq!(file.write_at(b"x", 0).unwrap_err().kind(), ErrorKind::StorageFull);
    }
    disk.clear_failures();
    assert_eq!(get(&disk, FILE).unwrap(), b"content");
    file.write_at(b"x", 0).unwrap();
    disk.fail_reads(ErrorKind::Other, |label| label == "read file");
    assert!(get(&disk, FILE).is_none());
}

#[test]
fn a_wrong_byte_on_the_medium_shows_past_the_cache_and_after_a_restart() {
    let disk = disk_with(b"abc");
    disk.corrupt_medium("ile", 1, 3).unwrap();
    assert!(disk.corrupt_medium("none", 1, 3).is_err());
    assert_eq!(get(&disk, FILE).unwrap(), b"abc");
    let mut read = [0; 3];
    disk.open(path(FILE), Mode::ReadMedium).unwrap().read_at(&mut read, 0).unwrap();
    assert_eq!(&read, b"aac");
    assert_eq!(get(&disk.crash().process_crash(), FILE).unwrap(), b"aac");
    let restarted = disk.crash().power_loss(Keep::None);
    assert_eq!(get(&restarted, FILE).unwrap(), b"aac");
    restarted.open(path(FILE), Mode::Write).unwrap().write_at(b"b", 1).unwrap();
    assert_eq!(get(&restarted, FILE).unwrap(), b"abc");
}

#[test]
fn restarts_tell_processes_and_boots_apart_and_free_the_locks() {
    let disk = disk_with(b"content");
    let file = disk.open(path(FILE), Mode::Write).unwrap();
    assert!(file.try_lock(0..1, true).unwrap());
    let (before, again, booted) =
        (disk.process(), disk.crash().process_crash(), disk.crash().power_loss(Keep::All));
    assert_eq!(before.boot_id, again.process().boot_id);
    assert_ne!(before, again.process());
    assert_ne!(before.boot_id, booted.process().boot_id);
    for restarted in [again, booted] {
        assert!(restarted.open(path(FILE), Mode::Write).unwrap().try_lock(0..1, true).unwrap());
    }
    let other = disk.another_process();
    assert_ne!(other.process(), before);
    assert!(!other.open(path(FILE), Mode::Write).unwrap().try_lock(0..1, true).unwrap());
}

#[test]
fn a_process_that_stops_leaves_its_changes_and_its_locks_and_another_goes_on() {
    let disk = disk_with(b"old");
    let other = disk.another_process();
    let file = disk.open(path(FILE), Mode::Write).unwrap();
    assert!(file.try_lock(0..1, true).unwrap());
    disk.stop_at(1);
    let theirs = other.open(path(FILE), Mode::Write).unwrap();
    theirs.write_at(b"x", 2).unwrap(); // Not counted: it is another's.
    file.write_at(b"n", 0).unwrap();
    assert!(file.write_at(b"e", 1).is_err());
    assert!(disk.is_stopped() && !other.is_stopped());
    assert!(!theirs.try_lock(0..1, true).unwrap());
    drop(file);
    assert!(theirs.try_lock(0..1, true).unwrap());
    assert_eq!(get(&other, FILE).unwrap(), b"nlx");
    assert!(get(&disk, FILE).is_none());
}

#[test]
fn what_survived_a_process_crash_can_still_be_lost() {
    let disk = disk_with(b"old");
    disk.open(path(FILE), Mode::Write).unwrap().write_at(b"new", 0).unwrap();
    let again = disk.crash().process_crash();
    assert_eq!(get(&again, FILE).unwrap(), b"new");
    assert_eq!(get(&again.crash().power_loss(Keep::None), FILE).unwrap(), b"old");
}

#[test]
fn changes_that_no_choice_brings_back_are_not_offered() {
    let disk = SimDisk::new();
    let file = disk.open(path("/gone"), Mode::Create).unwrap();
    file.write_at(b"bytes", 0).unwrap();
    disk.remove_file(path("/gone")).unwrap();
    assert_eq!(disk.pending().len(), 3);
    disk.sync_dir(path("/")).unwrap();
    assert_eq!(disk.pending(), []);
}

#[test]
fn the_simulated_network_is_told() {
    let disk = SimDisk::new();
    disk.set_network(Some("nfs"));
    assert_eq!(disk.network_kind(path("/")).unwrap(), Some("nfs"));
}

#[test]
fn restarting_is_cheap_enough_to_be_done_ten_thousand_times() {
    let disk = SimDisk::new();
    for number in 0..50 {
        write_whole(&disk, &path("/").join(format!("file-{number}")), &vec![7; 100_000]).unwrap();
        let file = disk.open(&path("/").join(format!("file-{number}")), Mode::Write).unwrap();
        file.write_at(&[8; 4096], 50_000).unwrap();
    }
    let image = disk.crash();
    let started = std::time::Instant::now();
    for seed in 0..500 {
        assert!(image.power_loss(Keep::Random(seed)).metadata(path("/file-7")).is_ok());
    }
    assert!(started.elapsed().as_secs() < 20, "{:?} for 500 restarts", started.elapsed());
}

#[test]
fn a_disk_whose_calls_are_short_conforms_all_the_same() {
    let disk = SimDisk::new();
    disk.be_short(true);
    disk_conformance::check(&disk, path("/"));
}

#[test]
fn a_short_write_is_continued_behind_what_it_took() {
    let disk = disk_with(b"");
    disk.be_short(true);
    let before = disk.operations();
    disk.open(path(FILE), Mode::Write).unwrap().write_at(b"0123456789", 0).unwrap();
    assert_eq!(disk.operations() - before, 4, "of 5, 3, 1 and 1 bytes");
    disk.be_short(false);
    assert_eq!(get(&disk, FILE).unwrap(), b"0123456789");
}

#[test]
fn a_write_that_fails_halfway_leaves_its_first_half() {
    let disk = disk_with(b"");
    disk.fail_halfway(ErrorKind::StorageFull, |_| true);
    let file = disk.open(path(FILE), Mode::Write).unwrap();
    assert_eq!(file.write_at(b"0123456789", 0).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(get(&disk, FILE).unwrap(), b"01234");
    file.write_at(b"9876543210", 0).unwrap();
    assert_eq!(get(&disk, FILE).unwrap(), b"9876543210");
}

#[test]
fn while_an_operation_is_delayed_the_disk_serves_others() {
    let disk = disk_with(b"old");
    let other = disk.clone();
    let meanwhile = move || other.open(path(FILE), Mode::Write).unwrap().write_at(b"mid", 0).unwrap();
    disk.delay_next(|label| label == "write file", meanwhile);
    let file = disk.open(path(FILE), Mode::Write).unwrap();
    file.write_at(b"n", 0).unwrap();
    assert_eq!(get(&disk, FILE).unwrap(), b"nid");
}
