//! Snapshots of a store on its tiers, and how a store is restored from one: the backup.
//!
//! A snapshot lies on the root of a tier. With it and the roots, a store is made again of which nothing else is left.
//! What it knows is what was so when it was made, and hsm_store_reconcile() brings it up to date with the roots: objects
//! that were moved, compacted or updated since are found there. What was removed stays removed. Objects that were put
//! since are told of and left where they are: nothing says whether they had been removed again. Names and attributes
//! that were changed since are not known. So make a snapshot often.

use std::ffi::c_char;

use hsm_core::object::Position;
use hsm_core::{KeptSnapshot, RestoreOptions, SnapshotOptions, Store};

use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::id::{hsm_id, hsm_position};
use crate::status::{HSM_STATUS_END, hsm_status};
use crate::store::hsm_store;
use crate::store_options::hsm_store_options;
use crate::{input, output};

/// What hsm_store_restore() did.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct hsm_restored {
    /// The store's identity.
    pub id: hsm_id,
    /// The last change that is known again.
    pub position: hsm_position,
    /// The tier whose root the snapshot was on.
    pub tier: i32,
    /// Newer snapshots that were damaged and passed over.
    pub passed_over: u32,
}

/// A snapshot that is kept on a tier.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct hsm_snapshot_info {
    /// The last change in it.
    pub position: hsm_position,
    /// When it was made, in nanoseconds since 1970.
    pub made_ns: i64,
    /// The length of its files in bytes.
    pub bytes: u64,
}

/// Makes a snapshot and keeps it on a tier, with what of the journal it needs, while the store is in use. What is not
/// durable becomes so first. When this returns it was synced and read back from the medium; a call that fails leaves
/// the older ones as they were. Where nothing changed since the newest one and that is whole, none is made.
///
/// @param tier          the tier; it must be active, in reach, and no tier in memory
/// @param keep          how many are kept there, this one included; older ones are removed. 0: 2
/// @param position_out  gets the last change that the snapshot holds; may be NULL
/// @return HSM_STATUS_NOT_FOUND when there is no such tier, HSM_STATUS_OFFLINE, HSM_STATUS_FULL,
///         HSM_STATUS_REFUSED for a tier or a store that is read-only, HSM_STATUS_UNSUPPORTED for a tier in memory,
///         HSM_STATUS_CANCELLED where the progress callback stopped it, HSM_STATUS_BUSY where that callback makes this
///         call again, and HSM_STATUS_IO
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_snapshot_to(
    store: *const hsm_store,
    tier: i32,
    keep: u32,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            let tier = input::tier(tier, "tier")?;
            let options = match keep {
                0 => SnapshotOptions::default(),
                keep => SnapshotOptions::default().keep(keep),
            };
            let position = store.store().snapshot_to(tier, &options)?;
            output::put_if(position_out, position.into());
        }
        done()
    })
}

/// Describes the next older snapshot that is kept on a tier: the way to list them. One whose list of files cannot be
/// read is left out; whether another is whole shows when it is restored.
///
/// @param before     the position of the last one that was described; NULL: begin with the newest
/// @param info_out   gets the description
/// @param info_size  sizeof(hsm_snapshot_info)
/// @return HSM_STATUS_END when there are no more, HSM_STATUS_NOT_FOUND when there is no such tier,
///         HSM_STATUS_OFFLINE, and HSM_STATUS_IO
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_snapshot_next(
    store: *const hsm_store,
    tier: i32,
    before: *const hsm_position,
    info_out: *mut hsm_snapshot_info,
    info_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            let tier = input::tier(tier, "tier")?;
            output::check_record(info_out, info_size, "info_out")?;
            let before = before.as_ref().map(|before| Position::from(*before));
            let kept = store.store().snapshots_on(tier)?;
            let next = kept.iter().find(|kept| before.is_none_or(|before| kept.position < before));
            let Some(kept) = next else { return Ok(HSM_STATUS_END) };
            let KeptSnapshot { position, made_ns, bytes, .. } = *kept;
            let info = hsm_snapshot_info { position: position.into(), made_ns, bytes };
            output::record(info_out, info_size, &info, "info_out")?;
        }
        done()
    })
}

/// Makes a store again from the newest whole snapshot on the root of one of its tiers. Nothing on any root is changed.
///
/// The store is not opened. When it is, it takes no changes until hsm_store_reconcile(): it may be older than its
/// roots. Tiers whose roots did not survive are offline, and are declared lost after that. A call that is interrupted
/// leaves a directory that is no store, and that can be restored into again.
///
/// @param path          the directory: absent, empty, or one that holds "tiers" with roots below it, which are left
///                      alone
/// @param path_length   in bytes; SIZE_MAX: up to the NUL
/// @param root          the root of a tier that a snapshot was made to
/// @param root_length   in bytes; SIZE_MAX: up to the NUL
/// @param options       where the index lies, and where roots lie now (hsm_store_options_set_root()); NULL: the
///                      defaults, every root where it was
/// @param restored_out  what was done; may be NULL
/// @param restored_size sizeof(hsm_restored)
/// @return HSM_STATUS_NOT_FOUND without a snapshot, HSM_STATUS_CORRUPT where all are damaged, HSM_STATUS_EXISTS where
///         there is a store, HSM_STATUS_INVALID where other files are or `root` is no root of a tier,
///         HSM_STATUS_OFFLINE for a root in the options that is not that tier's, and HSM_STATUS_IO
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_restore(
    path: *const c_char,
    path_length: usize,
    root: *const c_char,
    root_length: usize,
    options: *const hsm_store_options,
    restored_out: *mut hsm_restored,
    restored_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let path = input::path(path, path_length, "path")?;
            let root = input::path(root, root_length, "root")?;
            output::check_record_if(restored_out, restored_size, "restored_out")?;
            let mut how = RestoreOptions::new();
            if let Some(options) = options.as_ref() {
                how = how.store(options.options.clone());
                for (tier, root) in &options.roots {
                    how = how.root(*tier, root);
                }
            }
            let restored = Store::restore(path, root, &how)?;
            let told = hsm_restored {
                id: hsm_id { bytes: restored.store_id },
                position: restored.position.into(),
                tier: i32::from(restored.tier),
                passed_over: u32::try_from(restored.passed_over.len()).unwrap_or(u32::MAX),
            };
            output::record_if(restored_out, restored_size, &told, "restored_out")?;
        }
        done()
    })
}
