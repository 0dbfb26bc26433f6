//! Making a store again from the roots of its tiers alone, where its directory and every snapshot are lost.
//!
//! Where a snapshot is left, hsm_store_restore() is better: it knows all that the store knew then. The roots alone hold
//! each object's bytes, its id, its generation and its length, and the digests that tell what is whole. Nothing else can
//! be known again: not datasets, keys and attributes, not when objects were created, not digests of other algorithms,
//! not objects of zero bytes or without data, and not the settings of the store and of its tiers, which get the
//! defaults. Objects that had been removed live again where their bytes are still there.

use std::ffi::c_char;

use hsm_core::monitor::Monitor;
use hsm_core::{RebuildFinding, RebuildOptions, Rebuilt, Store};

use crate::callback::Taken;
use crate::check::{
    HSM_FAULT_DAMAGED, HSM_FINDING_CONTESTED, HSM_FINDING_COPY, HSM_FINDING_PARTIAL, HSM_FINDING_UNREAD,
    HSM_REMEDY_NONE, hsm_finding, hsm_finding_callback, telling,
};
use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::id::{hsm_id, hsm_position};
use crate::progress::{Follower, hsm_progress_callback};
use crate::status::hsm_status;
use crate::store_options::hsm_store_options;
use crate::{input, output};

/// What hsm_store_rebuild() did.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct hsm_rebuilt {
    /// The store's identity.
    pub id: hsm_id,
    /// The last change of the new journal.
    pub position: hsm_position,
    /// Tiers whose roots were read.
    pub tiers: u64,
    /// Objects that are known again.
    pub objects: u64,
    /// Their length in bytes, together.
    pub bytes: u64,
    /// Their copies, each read back from the medium.
    pub copies: u64,
    /// Copies that are damaged, each told as HSM_FINDING_COPY.
    pub damaged: u64,
    /// Runs of bytes that could not be read for what they are, each told as HSM_FINDING_UNREAD.
    pub unread: u64,
    /// Objects of which a newer generation was found than is whole, or none that is whole.
    pub partial: u64,
    /// Of these, how many have no whole generation, and are not in the store.
    pub lost: u64,
    /// Objects with several contents of the same generation.
    pub contested: u64,
    /// Copies that were left out since a newer generation, or another copy on the tier, is whole.
    pub superseded: u64,
}

/// A finding as C sees it, but for its words; and these.
fn parts(finding: RebuildFinding) -> (hsm_finding, String) {
    let nothing = hsm_finding::nothing();
    match finding {
        RebuildFinding::Unread { tier, place, offset, bytes, detail } => {
            let record =
                hsm_finding { kind: HSM_FINDING_UNREAD, tier: tier.into(), offset, bytes, ..nothing };
            (record.at(place), detail)
        }
        RebuildFinding::Damaged { object, generation, tier, place, offset, detail } => {
            let record = hsm_finding {
                kind: HSM_FINDING_COPY,
                tier: tier.into(),
                fault: HSM_FAULT_DAMAGED,
                remedy: HSM_REMEDY_NONE,
                object: object.into(),
                generation,
                offset,
                ..nothing
            };
            (record.at(place), detail)
        }
        RebuildFinding::Partial { object, newest, taken } => {
            let detail = match taken {
                Some(taken) => format!("generation {newest} has no whole copy, and {taken} was taken"),
                None => format!("generation {newest} has no whole copy, and there is none before it"),
            };
            let (object, taken) = (object.into(), taken.unwrap_or(0));
            let kind = HSM_FINDING_PARTIAL;
            (hsm_finding { kind, object, generation: newest, taken, ..nothing }, detail)
        }
        RebuildFinding::Contested { object, generation } => {
            let detail = format!("whole copies of generation {generation} differ");
            let object = object.into();
            (
                hsm_finding { kind: HSM_FINDING_CONTESTED, object, generation, taken: generation, ..nothing },
                detail,
            )
        }
        _ => (nothing, String::new()),
    }
}

/// Makes a store again, in an empty or absent directory, from the roots of its tiers alone. Nothing on any root is
/// changed.
///
/// Of every object the newest generation is taken of which a whole copy is found, with all its whole copies; every byte
/// is read back from the medium and compared. The callback is told of what is not whole or not sure: as
/// HSM_FINDING_COPY of a damaged copy, HSM_FINDING_UNREAD, HSM_FINDING_PARTIAL and HSM_FINDING_CONTESTED. Bytes of a put
/// that was never acknowledged can be taken for a generation, and an older generation comes back, without a finding,
/// where every byte of the newer ones is gone. What was not taken lies on the roots as strays, which only
/// hsm_store_check() removes, when told.
///
/// The store is not opened. When it is, it takes no changes until hsm_store_reconcile(). Tiers whose roots were not
/// named are unknown to it. A call that is interrupted, stopped or fails leaves a directory that is no store, and that
/// can be rebuilt into again.
///
/// @param path          the directory: absent, empty, or one that holds "tiers" with roots below it, which are left
///                      alone
/// @param path_length   in bytes; SIZE_MAX: up to the NUL
/// @param options       must name the roots, by hsm_store_options_add_root(); and says where the index lies
/// @param progress      hears how far it has come, as HSM_PHASE_REBUILD, and may stop it; may be left out. Its
///                      destroy runs before the call returns
/// @param found         called for each finding; may be left out
/// @param rebuilt_out   what was done; may be NULL
/// @param rebuilt_size  sizeof(hsm_rebuilt)
/// @return HSM_STATUS_OK also when there were findings; HSM_STATUS_EXISTS where there is a store, HSM_STATUS_INVALID
///         where other files are, no root is named, one is no root of a tier, or they are of several stores or two of
///         one tier, HSM_STATUS_CANCELLED where a callback stopped it, and HSM_STATUS_IO
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_rebuild(
    path: *const c_char,
    path_length: usize,
    options: *const hsm_store_options,
    progress: hsm_progress_callback,
    found: hsm_finding_callback,
    rebuilt_out: *mut hsm_rebuilt,
    rebuilt_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    let (progress, found) = unsafe { (Taken::new(progress), Taken::new(found)) };
    guard(error_out, |_| {
        let follower = progress.optional("progress")?.map(Follower);
        let found = found.optional("found")?;
        // SAFETY: each NULL or as the header says.
        unsafe {
            let path = input::path(path, path_length, "path")?;
            let options = input::needed(options, "options")?;
            output::check_record_if(rebuilt_out, rebuilt_size, "rebuilt_out")?;
            let how = RebuildOptions::new().store(options.options.clone());
            let how = options.rebuilt_from.iter().fold(how, RebuildOptions::root);
            let monitor = follower.as_ref().map(|follower| follower as &dyn Monitor);
            let rebuilt = telling(found.as_ref(), parts, |found| Store::rebuild(path, &how, monitor, found))?;
            let rebuilt = told(&rebuilt);
            output::record_if(rebuilt_out, rebuilt_size, &rebuilt, "rebuilt_out")?;
        }
        done()
    })
}

/// What was done, as C sees it.
fn told(rebuilt: &Rebuilt) -> hsm_rebuilt {
    hsm_rebuilt {
        id: hsm_id { bytes: rebuilt.store_id },
        position: rebuilt.position.into(),
        tiers: rebuilt.tiers.len() as u64,
        objects: rebuilt.objects,
        bytes: rebuilt.bytes,
        copies: rebuilt.copies,
        damaged: rebuilt.damaged,
        unread: rebuilt.unread,
        partial: rebuilt.partial,
        lost: rebuilt.lost,
        contested: rebuilt.contested,
        superseded: rebuilt.superseded,
    }
}
