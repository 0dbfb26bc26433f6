//! Bringing a restored store up to date with the roots of its tiers.
//!
//! A store that was restored from a snapshot, or whose directory was put back from a copy, knows what was so then. It
//! takes no changes until hsm_store_reconcile(), which compares it with what lies on the roots: every file there says
//! which object it is of, which generation, and with what digest.

use crate::callback::Taken;
use crate::check::{hsm_finding_callback, parts, telling};
use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::id::hsm_position;
use crate::output;
use crate::status::hsm_status;
use crate::store::hsm_store;

/// What hsm_store_reconcile() found, and did.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct hsm_reconciled {
    /// Places on the roots of the tiers that the catalog does not know. They are left where they are.
    pub unknown_places: u64,
    /// Their length in bytes.
    pub unknown_bytes: u64,
    /// Where the new epoch begins; zeros where none was needed.
    pub new_epoch: hsm_position,
    /// Objects that the catalog does not know or knows as removed, and contents that were not sure enough to be taken.
    /// They are left where they are.
    pub unknown_objects: u64,
    /// Copies that were found where the catalog did not know them, and are known now.
    pub copies_adopted: u64,
    /// Objects that have a newer generation now than the catalog knew.
    pub objects_renewed: u64,
    /// Copies that were struck off: they are gone, and another one is whole.
    pub copies_dropped: u64,
    /// Copies that are gone, and no other one is known to be whole. They stay recorded.
    pub copies_missing: u64,
    /// Tiers that are out of reach, and were passed over.
    pub out_of_reach: u64,
}

/// Brings a store that is older than the roots of its tiers, because it was restored from a backup, up to date with
/// them; then a new epoch begins and it takes changes again. Where the store is in step, it looks for copies that are
/// gone, and counts places that nothing refers to.
///
/// What was moved, copied or compacted since is found, and so is a newer generation of an object that lives; each byte is
/// read back and compared first. A copy that is gone is struck off where another is whole. An object that the catalog
/// does not know, or knows as removed, is never brought back: it is told of, and stays where it is. Nothing on a root is
/// removed. What is on a tier that is out of reach is not known: call it again when that is back.
///
/// Stopped by the callback, or interrupted, it can be called again.
///
/// @param found       called for each finding, while nobody can open the store; may be left out
/// @param found_out   what was found and done in all; may be NULL
/// @param found_size  sizeof(hsm_reconciled)
/// @return HSM_STATUS_BUSY while others have the store open
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_reconcile(
    store: *const hsm_store,
    found: hsm_finding_callback,
    found_out: *mut hsm_reconciled,
    found_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    let found = unsafe { Taken::new(found) };
    guard(error_out, |scope| {
        let found = found.optional("found")?;
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            output::check_record_if(found_out, found_size, "found_out")?;
            let done = telling(found.as_ref(), parts, |found| store.store().reconcile_with(found))?;
            let told = hsm_reconciled {
                unknown_places: done.unknown_places,
                unknown_bytes: done.unknown_bytes,
                new_epoch: done.new_epoch.map(hsm_position::from).unwrap_or_default(),
                unknown_objects: done.unknown_objects,
                copies_adopted: done.copies_adopted,
                objects_renewed: done.objects_renewed,
                copies_dropped: done.copies_dropped,
                copies_missing: done.copies_missing,
                out_of_reach: done.out_of_reach,
            };
            output::record_if(found_out, found_size, &told, "found_out")?;
        }
        done()
    })
}
