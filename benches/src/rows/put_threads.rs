//! Many threads put small objects, each put durable before its thread goes on to the next.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::files::FilePuts;
use super::redb::RedbPuts;
use super::sqlite::SqlitePuts;
use super::store::StoreInDir;
use super::{Goal, Row, Setup};
use crate::error::{Error, Result};
use crate::measure::{Side, Sides};
use crate::payloads::Payloads;

pub(super) const ROW: Row = Row {
    name: "put 4 KiB, 16 threads, each durable",
    unit: "objects/s",
    goal: Goal::Ratio(4.5),
    also: &[],
    rival_name: "SQLite, a connection a thread, a transaction a put",
    needs: None,
    build: |setup| {
        build(setup, |dir, payloads, threads, puts| Box::new(SqlitePuts::new(dir, payloads, threads, puts)))
    },
};

pub(super) const AND_FILES: Row = Row {
    name: "put 4 KiB, 16 threads, each durable, and plain files",
    goal: Goal::Ratio(4.0),
    rival_name: "a file each: write, fdatasync, rename, fsync of the directory, 16 threads",
    build: |setup| {
        build(setup, |dir, payloads, threads, puts| Box::new(FilePuts { dir, payloads, threads, puts }))
    },
    ..ROW
};

pub(super) const AND_REDB: Row = Row {
    name: "put 4 KiB, 16 threads, each durable, and redb",
    rival_name: "redb, 16 threads, a transaction a put",
    build: |setup| {
        build(setup, |dir, payloads, threads, puts| Box::new(RedbPuts::new(dir, payloads, threads, puts)))
    },
    ..ROW
};

/// Threads that put at the same time.
const THREADS: usize = 16;

struct OurPuts {
    store: StoreInDir,
    payloads: Arc<Payloads>,
    puts: usize,
}

fn build(setup: &Setup, rival: fn(PathBuf, Arc<Payloads>, usize, usize) -> Box<dyn Side>) -> Result<Sides> {
    let payloads = Arc::new(Payloads::random()?);
    let puts = setup.sizes.thread_puts;
    let store = StoreInDir::new(setup.row_dir.join("ours"));
    let ours = Box::new(OurPuts { store, payloads: Arc::clone(&payloads), puts });
    let rival = rival(setup.row_dir.join("rival"), payloads, THREADS, puts);
    Ok(Sides { ours, rival: Some(rival) })
}

impl Side for OurPuts {
    fn prepare(&mut self) -> Result<()> {
        self.store.open()
    }

    fn run(&mut self) -> Result<f64> {
        let store = self.store.get()?;
        let put = |index| store.put_small(self.payloads.get(index));
        share_out(&mut [(); THREADS], self.puts, |()| Ok(put))?;
        Ok(self.puts as f64)
    }

    fn clean(&mut self) -> Result<()> {
        self.store.remove()
    }
}

/// Puts each index below `puts` once, with one thread for each of `workers`.
///
/// `start` runs in the worker's thread and makes what puts there. A thread takes the next index when it
/// is done with its last, so none is left to finish alone.
pub(super) fn share_out<'w, W: Send, P: FnMut(usize) -> Result<()>>(
    workers: &'w mut [W],
    puts: usize,
    start: impl Fn(&'w mut W) -> Result<P> + Sync,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let work = |worker: &'w mut W| {
        let mut put = start(worker)?;
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= puts {
                return Ok(());
            }
            put(index)?;
        }
    };
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = workers.iter_mut().map(|worker| scope.spawn(move || work(worker))).collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(Error::new("put", "a thread panicked")))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_is_put_once() {
        let mut put_by = vec![Vec::new(); 5];
        share_out(&mut put_by, 1000, |indexes| {
            Ok(|index| {
                indexes.push(index);
                Ok(())
            })
        })
        .unwrap();
        let mut all = put_by.concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..1000));
    }

    #[test]
    fn a_put_that_fails_fails_the_round() {
        let put = |index| if index == 7 { Err(Error::new("put", "refused")) } else { Ok(()) };
        assert!(share_out(&mut [(); 3], 100, |()| Ok(put)).is_err());
    }
}
