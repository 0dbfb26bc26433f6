//! The client of the process: begun by `hestia_initialize()`, ended by `hestia_finish()`, used by any thread in between.

use std::ffi::{c_char, c_int};
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::config::{Config, path_of};
use crate::failure::{Failure, Result, guard, remember};
use crate::feed;
use crate::hsm::{Store, TierSettings};
use crate::memory::text_at;
use crate::process::PerProcess;
use crate::sys;

/// What a path of a caller may be, in bytes.
pub(crate) const PATH_BYTES_MAX: usize = 4096;
/// What the extra configuration may be, in bytes.
const EXTRA_BYTES_MAX: usize = 1 << 20;
/// So many removed objects are waited for before their room is taken back.
const REMOVED_MAX: u64 = 256;

static CLIENT: PerProcess<RwLock<Option<Arc<Client>>>> = PerProcess::new();
/// The process that began a client which it has not ended; 0: none. Another one is a forked child, and is told so before it
/// comes near a lock.
static BEGUN_BY: AtomicU32 = AtomicU32::new(0);

/// Whether this process was forked off one that had a client.
fn is_forked() -> bool {
    let by = BEGUN_BY.load(Ordering::Acquire);
    by != 0 && by != std::process::id()
}

/// An open store, and what was configured.
pub(crate) struct Client {
    pub(crate) store: Store,
    config: Config,
    removed: AtomicU64,
}

impl Client {
    fn open(mut config: Config) -> Result<Self> {
        let directory = config.cache.join("store");
        make_directory(&directory)?;
        let tiers = config.tiers.iter().map(|(number, tier)| {
            if let Some(parent) = tier.root.as_deref().and_then(Path::parent) {
                make_directory(parent)?;
            }
            TierSettings::new(*number, tier.root.as_deref(), tier.in_memory, tier.capacity_bytes)
        });
        let tiers = tiers.collect::<Result<Vec<_>>>()?;
        let store = Store::open(&directory, &tiers)?;
        // The store was made before the configuration named them.
        let there = store.tiers()?;
        for (number, settings) in config.tiers.keys().zip(&tiers) {
            if !there.contains(number)
                && let Err(failure) = store.add_tier(settings)
                // Another process, or thread, begins with the same configuration.
                && failure.status != sys::HSM_STATUS_EXISTS
            {
                return Err(failure);
            }
        }
        // What may not be written may be read all the same; there is nothing to tell of then.
        if store.is_read_only()? {
            config
                .remarks
                .push("the store takes no changes, so nothing is written to the event feed".to_owned());
            config.feed = None;
        }
        if let Some(path) = &config.feed {
            // A read is in the feed as soon as it was.
            store.set_access_staleness(0)?;
            match feed::write(&store, path) {
                // Another process is at it, and for long: there is a file, and what is missing comes with the next call.
                Err(failure) if failure.status == sys::HSM_STATUS_BUSY => {}
                written => written?,
            }
        }
        Ok(Self { store, config, removed: AtomicU64::new(0) })
    }

    /// Whether an id must be one of 128 bits.
    pub(crate) fn is_strict(&self) -> bool {
        self.config.is_strict
    }

    /// Tells the feed of what a call did. The call has happened whatever comes of it.
    pub(crate) fn happened(&self) {
        self.tell(feed::write);
    }

    /// Tells the feed that something was read, which it hears of once that is durable.
    pub(crate) fn was_read(&self) {
        self.tell(|store, path| store.sync().and_then(|()| feed::write(store, path)));
    }

    fn tell(&self, tell: impl FnOnce(&Store, &Path) -> Result<()>) {
        if let Some(path) = &self.config.feed
            && let Err(failure) = tell(&self.store, path)
        {
            remember(format!("it was done, but the event feed was not written: {}", failure.message));
        }
    }

    /// Counts a removal, and takes back room now and then.
    pub(crate) fn removed(&self) {
        if self.removed.fetch_add(1, Ordering::Relaxed) % REMOVED_MAX == REMOVED_MAX - 1
            && let Err(failure) = self.store.maintain()
        {
            remember(format!("it was done, but room was not taken back: {}", failure.message));
        }
    }

    fn close(&self) -> Result<()> {
        let maintained = if self.store.is_read_only()? { Ok(()) } else { self.store.maintain() };
        self.happened();
        self.store.close().and(maintained)
    }

    fn describe(&self) -> String {
        let Config { file, cache, feed, remarks, .. } = &self.config;
        let file = file.as_ref().map_or("none".into(), |file| file.display().to_string());
        let feed = feed.as_ref().map_or("none".into(), |feed| feed.display().to_string());
        let mut text = format!("configuration: {file}\ncache: {}\nevent feed: {feed}\n", cache.display());
        for remark in remarks {
            let _ = writeln!(text, "remark: {remark}"); // A string takes everything.
        }
        text
    }
}

fn make_directory(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path)
        .map_err(|error| Failure::state(format!("cannot make {}: {error}", path.display())))
}

/// The client, or the failure of a call that comes too early.
pub(crate) fn client() -> Result<Arc<Client>> {
    if is_forked() {
        return Err(forked());
    }
    let client = CLIENT.get().read().unwrap_or_else(PoisonError::into_inner);
    client.clone().ok_or_else(|| Failure::state("call hestia_initialize() first"))
}

fn forked() -> Failure {
    Failure::state(
        "this process was forked off the one that called hestia_initialize(): call hestia_finish() first",
    )
}

/// A text that a caller may leave out.
fn optional(text: *const c_char, what: &str, max: usize) -> Result<Option<Vec<u8>>> {
    if text.is_null() {
        return Ok(None);
    }
    let text = text_at(text, max + 1).filter(|text| text.len() <= max);
    let text = text.ok_or_else(|| Failure::state(format!("{what} is no text of at most {max} bytes")))?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// Begins the client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_initialize(
    config_path: *const c_char,
    _token: *const c_char,
    extra_config: *const c_char,
) -> c_int {
    guard(|| {
        if is_forked() {
            return Err(forked());
        }
        let mut client = CLIENT.get().write().unwrap_or_else(PoisonError::into_inner);
        if client.is_some() {
            return Err(Failure::state(
                "it is initialized already: call hestia_finish() before the next one",
            ));
        }
        let path = optional(config_path, "the path of the configuration", PATH_BYTES_MAX)?.map(path_of);
        let extra = optional(extra_config, "the extra configuration", EXTRA_BYTES_MAX)?;
        let extra = extra.map(String::from_utf8).transpose();
        let extra = extra.map_err(|_| Failure::state("the extra configuration is no UTF-8"))?;
        let config = Config::load(path.as_deref(), extra.as_deref())?;
        // Whatever keeps a client from beginning is its state.
        let begun = Client::open(config).map_err(|failure| Failure::state(failure.message))?;
        if !begun.config.remarks.is_empty() {
            remember(begun.config.remarks.join("; "));
        }
        *client = Some(Arc::new(begun));
        BEGUN_BY.store(std::process::id(), Ordering::Release);
        Ok(())
    })
}

/// Ends the client. Calls of other threads that are under way end, or answer `HESTIA_ERROR_CLIENT_STATE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_finish() -> c_int {
    guard(|| {
        if is_forked() {
            // There is nothing to close: the parent's client is its own, and is left as it is.
            BEGUN_BY.store(0, Ordering::Release);
            return Ok(());
        }
        let client = {
            let mut client = CLIENT.get().write().unwrap_or_else(PoisonError::into_inner);
            BEGUN_BY.store(0, Ordering::Release);
            client.take()
        };
        client.ok_or_else(|| Failure::state("it is not initialized"))?.close()
    })
}

/// Prints where things lie, since the caller asks for it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_output_info() -> c_int {
    guard(|| {
        let text = client()?.describe();
        // Through the C library's own buffer, so that it comes in order with what the program prints.
        let text = std::ffi::CString::new(Path::new(&text).as_os_str().as_bytes())
            .map_err(|_| Failure::state("a path has a NUL in it"))?;
        // SAFETY: a constant format, and text with a NUL at its end.
        unsafe { libc::printf(c"%s".as_ptr(), text.as_ptr()) };
        Ok(())
    })
}
