//! Rewriting packs, so that what was removed from them gives its room back.
//!
//! Small objects lie in packs, many in one file. A pack goes when nothing in it lives; one in which little lives is
//! rewritten: what lives is written to another place of the same tier, synced, read back from the medium and
//! committed, and then the pack is removed. A snapshot on a tier knows objects where they were when it was made; after a
//! restore from it hsm_store_reconcile() has to find what was moved since: make a new one after a compaction, as after
//! moves. For that reason hsm_store_maintain() does not compact.
//!
//! Nothing is rewritten but by a call, on the calling thread. The store is in use meanwhile. A handle of
//! hsm_store_with_progress() follows it and stops it; called again it goes on.

use hsm_core::{CompactOptions, Compacted};

use crate::callback::Taken;
use crate::check::{hsm_finding_callback, parts, telling};
use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::status::hsm_status;
use crate::store::hsm_store;
use crate::{input, output};

/// What hsm_store_compact() rewrites, and how. Zero means default.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct hsm_compact_options {
    /// Packs are rewritten in which less than this many percent of the bytes live, 1 to 100; 0: 50, so that packs waste at
    /// most as much as lives in them. With 100 they waste nothing, at the price of moving nearly everything.
    pub live_percent_min: i32,
    /// 0.
    pub reserved: i32,
    /// At most so many bytes a second; 0: as many as can be. The calling thread sleeps.
    pub bytes_a_second: u64,
}

/// What hsm_store_compact() did.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct hsm_compacted {
    /// Packs that everything was moved out of.
    pub packs: u64,
    /// Objects that were moved.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packs that were removed: those, and others in which nothing lived.
    pub packs_removed: u64,
    /// The bytes that they took.
    pub bytes_removed: u64,
    /// Copies that stay in a pack that was to be rewritten: they are damaged or could not be read. Where there are any,
    /// hsm_store_scrub() tells of each.
    pub copies_left: u64,
    /// Tiers that were passed over, or given up on the way.
    pub tiers_passed_over: u64,
}

/// Rewrites packs in which few bytes live, and removes them.
///
/// Afterwards, on each tier that was not passed over, the records of each pack take at most 100 / live_percent_min times
/// the bytes that live in it. Not counted are packs that a handle still appends to (two for each handle and tier, each
/// up to the tier's pack size), packs of other handles that are open, which rewrite their own, and packs with damaged
/// records. While it runs it takes the room of what lives in four packs more.
///
/// The callback is told of copies that are damaged, which stay where they are, and of tiers that were passed over, with
/// the reason: out of reach, not active, or full. What was moved before stays moved. In the feed each object is an
/// HSM_EVENT_COPY_RELOCATED. A snapshot on a tier knows objects where they were when it was made: make a new one
/// afterwards.
///
/// @param tier            only packs on this tier; -1: on all
/// @param options         may be NULL: the defaults
/// @param options_size    sizeof(hsm_compact_options)
/// @param found           called for each finding; may be left out
/// @param compacted_out   what was done; may be NULL
/// @param compacted_size  sizeof(hsm_compacted)
/// @return HSM_STATUS_OK also when there were findings; HSM_STATUS_REFUSED when the store is read-only;
///         HSM_STATUS_NOT_FOUND where there is no such tier
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_compact(
    store: *const hsm_store,
    tier: i32,
    options: *const hsm_compact_options,
    options_size: usize,
    found: hsm_finding_callback,
    compacted_out: *mut hsm_compacted,
    compacted_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    let found = unsafe { Taken::new(found) };
    guard(error_out, |scope| {
        let found = found.optional("found")?;
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            let given = input::record(options, options_size, "options")?;
            input::zero(given.reserved, "reserved of options")?;
            output::check_record_if(compacted_out, compacted_size, "compacted_out")?;
            let default = CompactOptions::default();
            let options = CompactOptions {
                tier: input::any_tier(tier, "tier")?,
                live_percent_min: match given.live_percent_min {
                    0 => default.live_percent_min,
                    percent => u8::try_from(percent).map_err(|_| {
                        hsm_error::invalid(format!(
                            "invalid options: live_percent_min is {percent}, not 1 to 100"
                        ))
                    })?,
                },
                bytes_a_second: given.bytes_a_second,
            };
            let Compacted {
                packs,
                objects,
                bytes,
                packs_removed,
                bytes_removed,
                copies_left,
                tiers_passed_over,
            } = telling(found.as_ref(), parts, |found| store.store().compact(&options, found))?;
            let did = hsm_compacted {
                packs,
                objects,
                bytes,
                packs_removed,
                bytes_removed,
                copies_left,
                tiers_passed_over,
            };
            output::record_if(compacted_out, compacted_size, &did, "compacted_out")?;
        }
        done()
    })
}
