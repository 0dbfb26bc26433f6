//! The index in a file: as the crash left it, as it was before, deleted, and damaged.
//!
//! Whatever becomes of it, the journal is the truth: the store that is opened is the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hsm_core::Result;
use hsm_core::testing::disk::Keep;
use tempfile::TempDir;

use super::Report;
use super::check;
use super::run::{Count, Failure, Runner, Stopped};
use super::verbs::{Act, Verb, verbs};
use super::world::{Base, Shape, World, bytes};
use crate::audit::Verdict;

/// Bytes of a page of the index.
const PAGE_LEN: usize = 4096;
/// What SQLite keeps beside each other. Its shared memory is left out: it does not outlive its processes.
const NAMES: [&str; 2] = ["index.db", "index.db-wal"];
/// Verbs that are tried with an index in a file, beside those that need one.
const TRIED: [&str; 7] = [
    "put small",
    "put large over small",
    "relaxed puts, then durable",
    "batch, atomic",
    "move large",
    "maintain: purge expired",
    "close after a put",
];

/// A directory with an index, removed with its last handle.
#[derive(Debug, Clone)]
pub(crate) struct IndexFiles {
    directory: Arc<TempDir>,
    /// Whether several handles have it open; else one alone.
    pub(crate) shared: bool,
}

impl IndexFiles {
    /// An empty directory.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self { directory: Arc::new(TempDir::new()?), shared: false })
    }

    /// The same, for several handles.
    pub(crate) fn shared() -> std::io::Result<Self> {
        Ok(Self { shared: true, ..Self::new()? })
    }

    /// Its path.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The same files elsewhere, as they are now.
    pub(crate) fn copy(&self) -> std::io::Result<Self> {
        let copy = Self { shared: self.shared, ..Self::new()? };
        for name in NAMES {
            let from = self.directory().join(name);
            if from.exists() {
                fs::copy(from, copy.directory().join(name))?;
            }
        }
        Ok(copy)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }

    fn remove(&self) -> std::io::Result<()> {
        for name in fs::read_dir(self.directory())? {
            fs::remove_file(name?.path())?;
        }
        Ok(())
    }

    /// Overwrites every `nth` page of the database with garbage.
    fn spoil(&self, nth: usize) -> std::io::Result<()> {
        let path = self.path(NAMES[0]);
        if !path.exists() {
            return Ok(()); // The crash came before there was one.
        }
        let mut content = fs::read(&path)?;
        for (number, page) in content.chunks_mut(PAGE_LEN).enumerate() {
            if number % nth == nth - 1 {
                page.copy_from_slice(&bytes(number as u64, page.len()));
            }
        }
        fs::write(path, content)
    }

    /// Cuts a file to half its length, and a little more or less.
    fn halve(&self, name: &str) -> std::io::Result<()> {
        let path = self.path(name);
        if path.exists() {
            let content = fs::read(&path)?;
            fs::write(&path, &content[..content.len() / 2 + content.len() % 7])?;
        }
        Ok(())
    }
}

/// What became of the index.
#[derive(Debug, Clone, Copy)]
enum Fate {
    AtCrash,
    Before,
    Deleted,
    EveryThirdPageSpoilt,
    FirstPageSpoilt,
    Halved,
    LogHalved,
    LogDeleted,
}

impl Fate {
    const ALL: [Self; 8] = [
        Self::AtCrash,
        Self::Before,
        Self::Deleted,
        Self::EveryThirdPageSpoilt,
        Self::FirstPageSpoilt,
        Self::Halved,
        Self::LogHalved,
        Self::LogDeleted,
    ];

    fn befall(self, at_crash: &IndexFiles, before: &IndexFiles) -> std::io::Result<IndexFiles> {
        let files = if matches!(self, Self::Before) { before.copy()? } else { at_crash.copy()? };
        match self {
            Self::AtCrash | Self::Before => {}
            Self::Deleted => files.remove()?,
            Self::EveryThirdPageSpoilt => files.spoil(3)?,
            Self::FirstPageSpoilt => files.spoil(1)?,
            Self::Halved => files.halve(NAMES[0])?,
            Self::LogHalved => files.halve(NAMES[1])?,
            Self::LogDeleted => match fs::remove_file(files.path(NAMES[1])) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            },
        }
        Ok(files)
    }
}

/// Verbs that need an index in a file.
fn verbs_of_index() -> Vec<Verb> {
    let verb = |name, run| Verb {
        name,
        prepare: |_| Ok(()),
        acts: vec![Act { run, whole: true, relaxed: false }],
        done: 0,
        fresh: false,
    };
    vec![
        verb("snapshot", |world| world.store().snapshot().map(drop)),
        verb("open without the index", open_without_index),
        verb("snapshot, then open without the index", |world| {
            world.store().snapshot()?;
            open_without_index(world)
        }),
    ]
}

fn open_without_index(world: &mut World) -> Result<()> {
    world.store().close()?;
    world.store = None;
    if let Some(index) = &world.index {
        index.remove().map_err(|error| hsm_core::Error::Cancelled { reason: error.to_string() })?;
    }
    world.open()
}

/// Tries verbs with an index in a file, and every fate of that file in each state.
pub fn index_files(report: &mut Report) {
    let tried = verbs().into_iter().filter(|verb| TRIED.contains(&verb.name)).chain(verbs_of_index());
    for verb in tried {
        let name = format!("{}, index in a file", verb.name);
        let mut count = Count { name: name.clone(), steps: 0, process: 0, power: 0, distinct: 0 };
        let base = IndexFiles::new()
            .map_err(|error| error.to_string())
            .and_then(|index| Base::with_index_file(Shape::Roomy, index).map_err(|error| error.to_string()));
        let failed = |step: String, state: String, message: String| Failure {
            name: name.clone(),
            step,
            state,
            message,
        };
        match base {
            Ok(base) => {
                let outcome = each_step(&base, &verb, &mut count);
                report
                    .failures
                    .extend(outcome.into_iter().map(|(step, state, text)| failed(step, state, text)));
            }
            Err(message) => report.failures.push(failed(String::new(), "making the store".into(), message)),
        }
        report.counts.push(count);
    }
}

/// Step, state and message of what failed: at most one for each step.
fn each_step(base: &Base, verb: &Verb, count: &mut Count) -> Vec<(String, String, String)> {
    let runner = Runner { base, seeds: 0, mutant: None, stop_at_first: false };
    let reference = match runner.reference(verb) {
        Ok(reference) => reference,
        Err(message) => return vec![(String::new(), "undisturbed".to_owned(), message)],
    };
    count.steps = reference.labels.len() as u64;
    let mut failures = Vec::new();
    for step in 0..=reference.labels.len() {
        let label = reference.labels.get(step).map_or("the end", String::as_str);
        let outcome = (|| -> std::result::Result<(), (String, String)> {
            let plain = |message: String| ("undisturbed".to_owned(), message);
            let before = runner.begin(verb).map_err(plain)?;
            let before = index_of(&before).map_err(plain)?;
            let Stopped { mut world, acknowledged } = runner.stop(verb, step as u64, false).map_err(plain)?;
            // Copied while the store is open: closing it would tidy up what a crash does not.
            let at_crash = index_of(&world).map_err(plain)?;
            world.store = None;
            let image = world.disk.crash();
            for fate in Fate::ALL {
                let states = [None, Some(Keep::None), Some(Keep::All), Some(Keep::Random(step as u64))];
                for keep in states {
                    let (disk, least) = match keep {
                        None => (image.process_crash(), acknowledged),
                        Some(keep) => (image.power_loss(keep), verb.durable(acknowledged)),
                    };
                    if keep.is_none() {
                        count.process += 1;
                    } else {
                        count.power += 1;
                    }
                    let index = fate.befall(&at_crash, &before).map_err(|error| plain(error.to_string()))?;
                    let expected = reference.expect(verb, acknowledged, least);
                    check::check(&world, disk, Some(index), &expected)
                        .map_err(|wrong| (format!("index {fate:?}, kept {keep:?}"), wrong))?;
                }
            }
            Ok(())
        })();
        if let Err((state, message)) = outcome {
            failures.push((format!("before {step}: {label}"), state, message));
        }
    }
    count.distinct = count.power;
    failures
}

fn index_of(world: &World) -> Verdict<IndexFiles> {
    let files = world.index.as_ref().ok_or_else(|| "the index lies in memory".to_owned())?;
    files.copy().map_err(|error| format!("copying the index: {error}"))
}
