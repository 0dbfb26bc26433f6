//! One of the processes of a row: this program again, told by its arguments what to do.
//!
//! - `put ours|files DIR BATCHES`: puts a batch, waits to begin, puts batches, prints how long each of those took in microseconds;
//! - `die DIR FROM TO`: puts objects into a populated store and dies without closing it.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::child::READY;
use crate::error::{Context, Error, Result};
use crate::ours::Ours;
use crate::populated::{self, Ids};
use crate::{filesystem, payloads};

/// The first argument of a process of this kind.
pub(crate) const FLAG: &str = "--worker";

/// Length in bytes of an object that a process puts.
pub(crate) const OBJECT_BYTES: usize = 64 << 10;

/// Objects in a batch of a process.
pub(crate) const BATCH_OBJECTS: usize = 16;

/// The command that runs this program as a worker.
pub(crate) fn command(arguments: &[&str], dir: &Path, numbers: &[usize]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context(|| "find this program".into())?);
    command.arg(FLAG).args(arguments).arg(dir).args(numbers.iter().map(usize::to_string));
    Ok(command)
}

/// Does what `arguments` say.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    match words[..] {
        ["put", side, dir, batches] => put(side, Path::new(dir), number(batches)?),
        ["die", dir, from, to] => die(Path::new(dir), number(from)?..number(to)?),
        _ => Err(Error::new("work", "the arguments are not those of a worker")),
    }
}

fn number(text: &str) -> Result<usize> {
    text.parse().context(|| format!("read the number {text}"))
}

/// Puts a batch, durably.
type PutBatch<'a> = dyn FnMut(&[&[u8]]) -> Result<()> + 'a;

fn put(side: &str, dir: &Path, batches: usize) -> Result<()> {
    let mut content = vec![0; BATCH_OBJECTS * OBJECT_BYTES];
    payloads::fill_random(&mut content)?;
    let mut payloads: Vec<&[u8]> = content.chunks(OBJECT_BYTES).collect();
    let mut put_batch: Box<PutBatch<'_>> = if side == "ours" {
        let ours = Ours::open(dir)?;
        Box::new(move |payloads| ours.put_batch(payloads).map(drop))
    } else {
        let dir = dir.join(std::process::id().to_string());
        filesystem::create_dir(&dir)?;
        let mut files = 0..;
        Box::new(move |payloads| write_files(&dir, &mut files, payloads))
    };
    put_batch(&payloads)?; // What is made once, such as directories, is not what a batch costs.
    let said = |text: String| writeln!(std::io::stdout(), "{text}").context(|| "answer".into());
    said(READY.into())?;
    std::io::stdin().read_line(&mut String::new()).context(|| "wait to begin".into())?;
    let mut took = Vec::with_capacity(batches);
    for _ in 0..batches {
        let began = Instant::now();
        put_batch(&payloads)?;
        took.push(began.elapsed().as_micros().to_string());
        payloads.rotate_left(1);
    }
    said(took.join(" "))
}

/// A file for each payload, each synced, then the directory.
fn write_files(dir: &Path, numbers: &mut impl Iterator<Item = u64>, payloads: &[&[u8]]) -> Result<()> {
    for (payload, number) in payloads.iter().zip(numbers) {
        let path: PathBuf = dir.join(number.to_string());
        let written = File::create(&path).and_then(|mut file| {
            file.write_all(payload)?;
            file.sync_all()
        });
        written.context(|| format!("write {}", path.display()))?;
    }
    filesystem::sync_dir(dir)
}

fn die(dir: &Path, range: std::ops::Range<usize>) -> Result<()> {
    let ours = Ours::open(dir)?;
    populated::fill(&ours, range, Ids::Ours)?;
    // As a process dies that is killed: nothing is closed, nothing is cleaned up, and no core is written.
    nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL).context(|| "die".into())
}
