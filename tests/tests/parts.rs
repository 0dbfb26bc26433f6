//! Parts that are given up, late or written over do no harm to the object that is committed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use hsm_core::{Kind, PartReceipt, PutOptions, Query, Store, StoreOptions};
use hsm_tests::fixture::{Fixture, copy_tree, kind};
use hsm_tests::hex;

const BLOCK: usize = 4096;

fn small_blocks() -> PutOptions {
    PutOptions { block_size: Some(BLOCK as u64), ..PutOptions::default() }
}

#[test]
fn a_part_that_is_written_after_the_commit_leaves_the_object_alone() {
    let fixture = Fixture::new();
    let other = fixture.another_handle();
    let parts = fixture.store.parts(&small_blocks()).unwrap();
    let token = parts.token();
    let joined = other.join_parts(&token).unwrap();
    let mut part = parts.part(0).unwrap();
    part.add(b"committed").unwrap();
    let receipt = part.finish().unwrap();
    let mut late = [parts.part(0).unwrap(), joined.part(0).unwrap()];
    let put = parts.commit(&[receipt]).unwrap();
    for part in &mut late {
        assert_eq!(kind(&part.add(&[7; 3 * BLOCK])), Some(Kind::NotFound));
    }
    assert_eq!(kind(&joined.part(0).unwrap().add(b"late")), Some(Kind::NotFound));
    assert_eq!(kind(&other.join_parts(&token)), Some(Kind::NotFound));
    assert_eq!(fixture.store.get(put.id).unwrap(), b"committed");
    fixture.store.verify(put.id, 0).unwrap();
}

#[test]
fn parts_without_a_receipt_are_no_part_of_the_object() {
    let fixture = Fixture::new();
    let parts = fixture.store.parts(&small_blocks()).unwrap();
    let write = |offset: usize, content: &[u8]| {
        let mut part = parts.part(offset as u64).unwrap();
        part.add(content).unwrap();
        part
    };
    write(3 * BLOCK, b"given up").finish().unwrap();
    drop(write(2 * BLOCK, b"never finished"));
    let receipts = [write(0, &[1; BLOCK]).finish().unwrap(), write(BLOCK, b"end").finish().unwrap()];
    let put = parts.commit(&receipts).unwrap();
    assert_eq!(fixture.store.get(put.id).unwrap(), [&[1; BLOCK][..], b"end"].concat());
    fixture.store.verify(put.id, 0).unwrap();
}

#[test]
fn a_part_that_was_written_over_is_not_committed() {
    let fixture = Fixture::new();
    let parts = fixture.store.parts(&small_blocks()).unwrap();
    let mut part = parts.part(0).unwrap();
    part.add(&[1; 2 * BLOCK]).unwrap();
    let receipt = part.finish().unwrap();
    // Its bytes are of nobody's receipt.
    parts.part(BLOCK as u64).unwrap().add(b"2").unwrap();
    assert!(parts.commit(&[receipt]).is_err());
    assert_eq!(fixture.store.objects(&Query::default()).count(), 0);
}

/// What one of two parts does next.
#[derive(Clone, Copy)]
enum Step {
    Begin,
    Write,
    Finish,
}

/// Every order in which two can each do their steps: which of them goes.
fn orders(left: [usize; 2]) -> Vec<Vec<usize>> {
    if left == [0, 0] {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for who in (0..2).filter(|who| left[*who] > 0) {
        let mut rest = left;
        rest[who] -= 1;
        all.extend(orders(rest).into_iter().map(|order| [vec![who], order].concat()));
    }
    all
}

/// Two parts of two blocks that share as many as `offset` leaves them, in `order`. `Ok` with the content where the receipt of
/// `wanted` was committed.
fn overlapping(order: &[usize], offset: usize, wanted: usize, joined: bool) -> Option<Kind> {
    const STEPS: [Step; 4] = [Step::Begin, Step::Write, Step::Write, Step::Finish];
    let fixture = Fixture::new();
    let other = fixture.another_handle();
    let parts = fixture.store.parts(&small_blocks()).unwrap();
    let elsewhere = joined.then(|| other.join_parts(&parts.token()).unwrap());
    let (mut done, mut living, mut receipts) = ([0; 2], [None, None], [None, None]);
    let mut refused = [None, None];
    for &who in order {
        let step = STEPS[done[who]];
        done[who] += 1;
        if refused[who].is_some() {
            continue;
        }
        let result = match step {
            Step::Begin => {
                let from = if who == 1 { elsewhere.as_ref().unwrap_or(&parts) } else { &parts };
                living[who] = Some(from.part((who * offset * BLOCK) as u64).unwrap());
                Ok(())
            }
            Step::Write => living[who].as_mut().unwrap().add(&[1 + who as u8; BLOCK]),
            Step::Finish => living[who].take().unwrap().finish().map(|receipt| receipts[who] = Some(receipt)),
        };
        refused[who] = result.err().map(|error| error.kind());
    }
    let Some(receipt) = receipts[wanted].take() else { return refused[wanted] };
    // What it leaves of the object, another writes.
    let mut all = vec![receipt];
    for at in (0..2 + offset).filter(|at| !(wanted * offset..wanted * offset + 2).contains(at)) {
        let mut part = parts.part((at * BLOCK) as u64).unwrap();
        part.add(&[3; BLOCK]).unwrap();
        all.push(part.finish().unwrap());
    }
    let put = match parts.commit(&all) {
        Ok(put) => put,
        Err(error) => return Some(error.kind()),
    };
    let mut expected = vec![3; (2 + offset) * BLOCK];
    expected[wanted * offset * BLOCK..][..2 * BLOCK].fill(1 + wanted as u8);
    assert!(fixture.store.get(put.id).unwrap() == expected, "{order:?}");
    fixture.store.verify(put.id, 0).unwrap();
    None
}

#[test]
fn of_two_parts_in_one_place_exactly_one_can_be_committed_in_whatever_order_they_are_written() {
    for order in orders([4, 4]) {
        for (offset, joined) in [(0, false), (0, true), (1, false), (1, true)] {
            let ends = [0, 1].map(|wanted| overlapping(&order, offset, wanted, joined));
            let told = format!("{order:?}, {offset} blocks apart, joined: {joined}: {ends:?}");
            assert!(ends.contains(&None) && ends.contains(&Some(Kind::Conflict)), "{told}");
        }
    }
}

#[test]
fn parts_that_threads_of_several_handles_write_in_one_place_are_committed_whole_or_refused() {
    let fixture = Fixture::new();
    let other = fixture.another_handle();
    let mut committed = 0;
    for round in 0..60 {
        let options = PutOptions { digests: vec![], ..small_blocks() };
        let parts = fixture.store.parts(&options).unwrap();
        let joined = other.join_parts(&parts.token()).unwrap();
        let begin = std::sync::Barrier::new(4);
        let receipts: Vec<_> = std::thread::scope(|scope| {
            let write = |who: u8| {
                let from = if who.is_multiple_of(2) { &parts } else { &joined };
                begin.wait();
                let mut part = from.part(0)?;
                // Half a block at a time: blocks are entered and left while others write there.
                for _ in 0..2 * 24 {
                    part.add(&[who; BLOCK / 2])?;
                }
                part.finish()
            };
            let threads: Vec<_> = (1..5).map(|who| scope.spawn(move || (who, write(who)))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let mut finished = Vec::new();
        for (who, result) in receipts {
            match result {
                Ok(receipt) => finished.push((who, receipt)),
                Err(error) => assert_eq!(error.kind(), Kind::Conflict, "{error}"),
            }
        }
        // One is tried a round, another each time.
        let count = finished.len().max(1);
        let Some((who, receipt)) = finished.into_iter().cycle().nth(round % count) else { continue };
        match parts.commit(&[receipt]) {
            Ok(put) => {
                assert!(fixture.store.get(put.id).unwrap() == vec![who; 24 * BLOCK]);
                fixture.store.verify(put.id, 0).unwrap();
                committed += 1;
            }
            Err(error) => assert!(matches!(error.kind(), Kind::Conflict | Kind::Invalid), "{error}"),
        }
    }
    assert!(committed > 0, "no round ended in an object");
}

#[test]
fn a_part_that_was_given_up_is_written_again_by_another() {
    let fixture = Fixture::new();
    let other = fixture.another_handle();
    let parts = fixture.store.parts(&small_blocks()).unwrap();
    let joined = other.join_parts(&parts.token()).unwrap();
    let mut dead = joined.part(0).unwrap();
    dead.add(&[1; 3 * BLOCK]).unwrap();
    let mut again = parts.part(0).unwrap();
    again.add(&[2; 2 * BLOCK]).unwrap();
    let receipt = again.finish().unwrap();
    assert_eq!(kind(&dead.add(&[1; 1])), None, "its last block is nobody else's");
    assert_eq!(kind(&dead.finish()), Some(Kind::Conflict));
    let put = parts.commit(&[receipt]).unwrap();
    assert_eq!(fixture.store.get(put.id).unwrap(), vec![2; 2 * BLOCK]);
}

/// A process that writes parts of one byte.
struct Process {
    byte: u8,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(fixture: &Fixture, byte: u8) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_parts"))
            .args([fixture.path().as_os_str(), byte.to_string().as_ref()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { byte, child, input, output: BufReader::new(output) }
    }

    fn write(&mut self, token: &[u8], offset: usize, len: usize) {
        writeln!(self.input, "{} {offset} {len}", hex::encode(token)).unwrap();
    }

    /// The receipt, or none where it was refused since another has what it wrote.
    fn receipt(&mut self, store: &Store) -> Option<PartReceipt> {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        match line.trim_end().split_once(' ') {
            Some(("receipt", bytes)) => Some(PartReceipt::from_bytes(store, &hex::decode(bytes)).unwrap()),
            Some(("refused", "Conflict")) => None,
            _ => panic!("process {} says {line:?}", self.byte),
        }
    }
}

#[test]
fn parts_that_two_processes_write_in_one_place_at_once_are_committed_whole_or_refused() {
    const BLOCKS: usize = 24;
    let fixture = Fixture::new();
    let store = &fixture.store;
    let mut processes = [1, 2].map(|byte| Process::start(&fixture, byte));
    let (mut committed, mut refused) = (0, 0);
    for round in 0..120 {
        // Wholly in one place, or half of it.
        let apart = if round % 3 == 2 { BLOCKS / 2 } else { 0 };
        let parts = store.parts(&small_blocks()).unwrap();
        let token = parts.token();
        for (number, process) in processes.iter_mut().enumerate() {
            process.write(&token, number * apart * BLOCK, BLOCKS * BLOCK);
        }
        let mut receipts = processes.each_mut().map(|process| process.receipt(store));
        refused += receipts.iter().filter(|receipt| receipt.is_none()).count();
        // One is tried a round, the other in the next; what it leaves of the object is written behind both.
        let Some(which) = [round % 2, 1 - round % 2].into_iter().find(|which| receipts[*which].is_some())
        else {
            continue;
        };
        let first = which * apart;
        let mut all = vec![receipts[which].take().unwrap()];
        for (from, to) in [(0, first), (first + BLOCKS, BLOCKS + apart)] {
            if from < to {
                let mut part = parts.part((from * BLOCK) as u64).unwrap();
                part.add(&vec![3; (to - from) * BLOCK]).unwrap();
                all.push(part.finish().unwrap());
            }
        }
        match parts.commit(&all) {
            Ok(put) => {
                let mut expected = vec![3; (BLOCKS + apart) * BLOCK];
                expected[first * BLOCK..][..BLOCKS * BLOCK].fill(processes[which].byte);
                assert!(store.get(put.id).unwrap() == expected, "round {round}");
                store.verify(put.id, 0).unwrap();
                committed += 1;
            }
            Err(error) => {
                // The digests of the other, which ended late, can lie where its own were.
                assert!(matches!(error.kind(), Kind::Conflict | Kind::Invalid), "{error}");
                refused += 1;
            }
        }
    }
    assert!(committed > 0 && refused > 0, "{committed} committed, {refused} refused");
    for Process { mut child, input, .. } in processes {
        drop(input);
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn a_process_that_is_killed_amid_its_part_keeps_nobody_from_writing_it_again() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    for round in 0..8_usize {
        let parts = store.parts(&small_blocks()).unwrap();
        let mut dead = Process::start(&fixture, 1);
        dead.write(&parts.token(), 0, 4000 * BLOCK);
        // Beside it another writes more blocks each round, so that it is killed ever later.
        let mut again = parts.part(0).unwrap();
        for _ in 0..round {
            let _ = again.add(&[2; BLOCK]); // Refused where the dead one came later.
        }
        dead.child.kill().unwrap();
        dead.child.wait().unwrap();
        let mut part = parts.part(0).unwrap();
        part.add(&[3; 4 * BLOCK]).unwrap();
        let put = parts.commit(&[part.finish().unwrap()]).unwrap();
        assert!(store.get(put.id).unwrap() == vec![3; 4 * BLOCK]);
        store.verify(put.id, 0).unwrap();
    }
}

#[test]
fn tokens_and_receipts_of_the_form_before_blocks_were_claimed_are_refused_as_that() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("store");
    copy_tree(&kept.join("preview-1/store"), &path);
    let store = Store::open(&path, &StoreOptions::new()).unwrap();
    let read = |name: &str| std::fs::read(kept.join("parts-1").join(name)).unwrap();
    for (name, error) in [
        ("token", store.join_parts(&read("token")).map(drop).unwrap_err()),
        ("receipt", PartReceipt::from_bytes(&store, &read("receipt")).map(drop).unwrap_err()),
    ] {
        assert_eq!(error.kind(), Kind::Invalid, "{name}: {error}");
        assert!(error.to_string().contains("another version of hsm wrote it"), "{name}: {error}");
    }
    // Of another store they are that, whatever their form.
    let other = Fixture::new();
    let error = other.store.join_parts(&read("token")).unwrap_err();
    assert!(error.to_string().contains("not one of this store"), "{error}");
}
