//! Subscribers: names with a durable position in the feed.

pub(super) mod bookmark;

use std::io;
use std::path::Path;

use super::Store;
use super::subscription::Subscription;
use crate::clock::TimeNs;
use crate::error::{Error, IoContext, Result};
use crate::event::Filter;
use crate::file::{self, Disk};
use crate::object::{self, Position};
use bookmark::{Bookmark, Mark, NAME_LEN_MAX};

/// A name with a position in the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    /// Its name.
    pub name: String,
    /// The last change that it acknowledged, or the one it began behind.
    pub acked: Position,
    /// When that was.
    pub acked_ns: TimeNs,
    /// When it subscribed.
    pub created_ns: TimeNs,
    /// Whether somebody follows the store under its name now.
    pub is_followed: bool,
}

impl Store {
    /// Makes a subscriber, whose first event is the one behind `after`. `Position::default()` stands before the first
    /// change; a subscriber from now on begins at [`position`](Self::position). Durable when this returns.
    ///
    /// The first one of a store, or after its index was rebuilt, makes an index of all objects by their last change: all
    /// objects are read for it once, and whoever changes the store waits meanwhile. In a new store it costs nothing.
    ///
    /// # Errors
    ///
    /// `Exists` when the name is taken, `Invalid` for a name that is not 1 to 255 bytes long, or a position behind the
    /// last change.
    pub fn subscribe(&self, name: &str, after: Position) -> Result<()> {
        self.subscribe_with_note(name, after, Vec::new())
    }

    pub(super) fn subscribe_with_note(&self, name: &str, after: Position, note: Vec<u8>) -> Result<()> {
        check_name(name)?;
        let engine = self.engine();
        engine.check_writable()?;
        let last = engine.catalog.progress()?.applied;
        if after.number > last.number {
            let detail =
                format!("change {} is none of this store, whose last is {}", after.number, last.number);
            return Err(Error::invalid("position", detail));
        }
        engine.catalog.index_changes()?;
        let _open = self.inner.lock.lock_open()?;
        let directory = bookmark::directory(&engine.directory);
        file::create_dirs(&*engine.disk, &engine.directory, &directory).context("create", &directory)?;
        let path = bookmark::path(&engine.directory, &self.inner.store_id, name);
        if engine.disk.metadata(&path).is_ok() {
            return Err(Error::Exists { what: format!("subscriber {name:?}") });
        }
        let now_ns = engine.clock.now_ns();
        let mark = Mark { position: after, at_ns: now_ns, note };
        bookmark::create(&*engine.disk, &path, &self.inner.store_id, name, now_ns, &mark)
    }

    /// All subscribers, in order of name. There are few: they are all in memory.
    pub fn subscribers(&self) -> Result<Vec<Subscriber>> {
        let engine = self.engine();
        engine.check()?;
        let directory = bookmark::directory(&engine.directory);
        let names = match engine.disk.read_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            names => names.context("list", &directory)?,
        };
        let mut all = Vec::new();
        for (file, _) in names.iter().filter(|(file, _)| bookmark::is_ours(file)) {
            let path = directory.join(file);
            // It may be dropped meanwhile.
            let Some(found) = bookmark::read(&*engine.disk, &path, &self.inner.store_id)? else { continue };
            let is_followed = match bookmark::is_followed(&*engine.disk, &path) {
                Err(Error::Io { io_kind: io::ErrorKind::NotFound, .. }) => continue,
                followed => followed?,
            };
            let Mark { position: acked, at_ns: acked_ns, .. } = found.mark;
            let (name, created_ns) = (found.name, found.created_ns);
            all.push(Subscriber { name, acked, acked_ns, created_ns, is_followed });
        }
        all.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }

    /// Forgets a subscriber, durably. What it was kept for may be dropped then.
    ///
    /// # Errors
    ///
    /// `SubscriberNotFound`; `Busy` while somebody follows the store under its name.
    pub fn drop_subscriber(&self, name: &str) -> Result<()> {
        let engine = self.engine();
        engine.check_writable()?;
        let _open = self.inner.lock.lock_open()?;
        let path = bookmark::path(&engine.directory, &self.inner.store_id, name);
        match bookmark::is_followed(&*engine.disk, &path) {
            Err(Error::Io { io_kind: io::ErrorKind::NotFound, .. }) => return Err(not_found(name)),
            Ok(true) => {
                return Err(Error::Busy { what: format!("the subscription of {name:?}"), waited_s: 0 });
            }
            free => free.map(drop)?,
        }
        engine.disk.remove_file(&path).context("remove", &path)?;
        file::sync_parent(&*engine.disk, &path).context("sync", &path)
    }

    /// Follows the store as a subscriber, from behind what it acknowledged last. One at a time can, of all processes;
    /// the kernel lets the next one in when the one before is gone, however it went.
    ///
    /// # Errors
    ///
    /// `SubscriberNotFound`; `Busy` while somebody else does; `ReadOnly` through a handle that may not write.
    pub fn subscription(&self, name: &str, filter: &Filter) -> Result<Subscription> {
        let bookmark = self.bookmark(name)?;
        Ok(Subscription::new(self.clone(), bookmark.mark().position, filter.clone(), Some(bookmark)))
    }

    /// Follows the store without a name, from behind `after`: the reader keeps its position itself.
    pub fn follow(&self, after: Position, filter: &Filter) -> Result<Subscription> {
        self.engine().check()?;
        Ok(Subscription::new(self.clone(), after, filter.clone(), None))
    }

    pub(super) fn bookmark(&self, name: &str) -> Result<Bookmark> {
        let engine = self.engine();
        engine.check_writable()?;
        engine.catalog.index_changes()?; // It may have been rebuilt since it was subscribed.
        let _open = self.inner.lock.lock_open()?;
        let path = bookmark::path(&engine.directory, &self.inner.store_id, name);
        let opened = Bookmark::open(&*engine.disk, &path, &self.inner.store_id, name)?;
        opened.ok_or_else(|| not_found(name))
    }
}

fn check_name(name: &str) -> Result<()> {
    object::check_name("name of a subscriber", name)?;
    debug_assert!(name.len() <= NAME_LEN_MAX);
    Ok(())
}

fn not_found(name: &str) -> Error {
    Error::SubscriberNotFound { name: name.to_owned() }
}

/// Removes what a subscribe that was interrupted left. Under the open lock.
pub(super) fn sweep(disk: &dyn Disk, store: &Path) -> Result<()> {
    let directory = bookmark::directory(store);
    let names = match disk.read_dir(&directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        names => names.context("list", &directory)?,
    };
    for (name, _) in names.iter().filter(|(name, _)| name.strip_suffix(".new").is_some()) {
        let path = directory.join(name);
        disk.remove_file(&path).context("remove", &path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::StoreOptions;

    #[test]
    fn listing_subscribers_stands_in_the_way_of_none_who_begins_to_follow() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Store::open(directory.path(), &StoreOptions::new()).unwrap();
        let (store, other) = (open(), open());
        store.subscribe("mirror", Position::default()).unwrap();
        let (sender, receiver) = mpsc::channel::<()>();
        let listing = thread::spawn(move || {
            while receiver.try_recv() == Err(mpsc::TryRecvError::Empty) {
                assert_eq!(other.subscribers().unwrap().len(), 1);
            }
        });
        for round in 0..1000 {
            let subscription = store.subscription("mirror", &Filter::default());
            assert!(subscription.is_ok(), "round {round}: {subscription:?}");
            assert!(store.subscribers().unwrap()[0].is_followed);
        }
        drop(sender);
        listing.join().unwrap();
    }
}
