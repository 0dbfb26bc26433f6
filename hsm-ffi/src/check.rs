//! Comparing a store with what lies on its tiers, and healing what is damaged.
//!
//! hsm_store_check() reads no object. It compares the index with itself, looks for the places of every copy, and looks
//! for places that no copy lies in. hsm_store_scrub() reads every copy back from the medium and compares each block.
//! Both work while the store is in use, and tell a callback of all that is not as it should be: they do not
//! fail because of it. Nothing is removed or replaced unless that is asked for.
//!
//! Both take long on a large store. A handle of hsm_store_with_progress() follows them and stops them; a scrub that was
//! stopped goes on where it was, and one with a limit of bytes a second sleeps in the calling thread.

use std::ffi::{CString, c_char, c_void};

use hsm_core::backend::PlaceName;
use hsm_core::object::ObjectId;
use hsm_core::{CheckOptions, Fault, Finding, Remedy, ScrubOptions, Scrubbed};

use crate::callback::{Callback, Record, Stopped, Taken, record};
use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::id::hsm_id;
use crate::status::hsm_status;
use crate::store::hsm_store;
use crate::{input, output};

/// The index contradicts itself. Where it cannot be read, the next open that finds no other handle makes it anew.
pub const HSM_FINDING_INDEX: i32 = 1;
/// A tier was passed over: it is out of reach, or, where something was to be written on it, takes nothing now.
pub const HSM_FINDING_OUT_OF_REACH: i32 = 2;
/// A copy of an object, live or removed, is not what the catalog says.
pub const HSM_FINDING_COPY: i32 = 3;
/// A place on the root of a tier that no copy lies in and that no handle can be writing.
pub const HSM_FINDING_STRAY: i32 = 4;
/// A file on the root of a tier, or a part of it, says of no object what it is: damaged, never finished, or not ours.
/// Of hsm_store_rebuild() alone.
pub const HSM_FINDING_UNREAD: i32 = 5;
/// The newest generation that was found of an object has no whole copy. Of hsm_store_rebuild() alone.
pub const HSM_FINDING_PARTIAL: i32 = 6;
/// Whole copies of the same generation differ: writers raced, or one died before it committed. The content with the most
/// copies was taken, of these the one written last. Of hsm_store_rebuild() alone.
pub const HSM_FINDING_CONTESTED: i32 = 7;
/// hsm_store_reconcile() found a copy on a root where the catalog did not know it, read it back, and recorded it.
pub const HSM_FINDING_ADOPTED: i32 = 8;
/// hsm_store_reconcile() found an object that the catalog does not know or knows as removed, or a content that is not
/// sure enough to be taken. It was left where it is.
pub const HSM_FINDING_UNKNOWN: i32 = 9;
/// The header of a pack in which copies lie is damaged. The copies are checked by themselves, and read without it.
pub const HSM_FINDING_PACK: i32 = 10;

/// A file that the copy lies in is gone or too short.
pub const HSM_FAULT_MISSING: i32 = 1;
/// Bytes of the copy do not match their checksum.
pub const HSM_FAULT_DAMAGED: i32 = 2;
/// The operating system refused to read the copy. It may be whole.
pub const HSM_FAULT_UNREADABLE: i32 = 3;

/// Nothing was done about the copy: that was not asked for, or not possible now.
pub const HSM_REMEDY_NONE: i32 = 1;
/// The copy was replaced from another one, and verified on the medium.
pub const HSM_REMEDY_HEALED: i32 = 2;
/// No other copy of the object is whole. What is left of this one stays where it is.
pub const HSM_REMEDY_LOST: i32 = 3;
/// The copy was struck off: another one is whole.
pub const HSM_REMEDY_DROPPED: i32 = 4;

/// Something that is not as it should be. What does not go with its kind is zero.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct hsm_finding {
    /// HSM_FINDING_*; 0 for one that this header does not know.
    pub kind: i32,
    /// The tier; -1 for the index.
    pub tier: i32,
    /// Of a copy: HSM_FAULT_*; 0 for one that this header does not know.
    pub fault: i32,
    /// Of a copy: HSM_REMEDY_*; 0 for one that this header does not know.
    pub remedy: i32,
    /// The object.
    pub object: hsm_id,
    /// The generation of its content.
    pub generation: u64,
    /// Of a copy: the first byte of the block that failed, within the object; where hsm_store_rebuild() tells of it,
    /// and of what was not read: within the file.
    pub offset: u64,
    /// Of a file: the first part of its name, the handle that wrote it.
    pub instance: u64,
    /// Of a file: the second part of its name.
    pub serial: u64,
    /// Of a stray: its length; of what was adopted or is unknown: the object's. Of what was not read: how much.
    pub bytes: u64,
    /// Of an object whose copies are in part or differ: the generation that was taken; 0: none is whole, the object is
    /// lost.
    pub taken: u64,
    /// Of a file: 1 when it is a pack.
    pub is_packed: i32,
    /// Of a stray: 1 when it was removed.
    pub is_removed: i32,
    /// What was expected and what was found, in words; never NULL. There during the call only.
    pub detail: *const c_char,
}

/// Takes findings, one a call. It runs on the calling thread; no lock is held meanwhile.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct hsm_finding_callback {
    /// Takes a finding, which is there during the call only; `size` is that of the library's record, and may differ
    /// from sizeof(hsm_finding). Returns 0 to go on.
    pub call:
        Option<unsafe extern "C" fn(user_data: *mut c_void, finding: *const hsm_finding, size: usize) -> i32>,
    /// Passed to each call.
    pub user_data: *mut c_void,
    /// Runs once at the end; may be NULL.
    pub destroy: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
}

record!(hsm_finding_callback, *const hsm_finding, usize);

/// What hsm_store_check() does beside looking. Zero means default.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct hsm_check_options {
    /// 1: strays are removed. None is where the index contradicts itself, a copy is not all there, or a tier is out of
    /// reach: a stray may hold what is missing.
    pub remove_strays: i32,
    /// 0.
    pub reserved: i32,
}

/// What hsm_store_check() found.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct hsm_checked {
    /// Contradictions of the index. The first hundred are told one by one.
    pub contradictions: u64,
    /// Copies whose places were looked for.
    pub copies: u64,
    /// Of these, how many are not all there, or could not be looked at.
    pub bad: u64,
    /// Places that no copy lies in.
    pub strays: u64,
    /// Their length in bytes.
    pub stray_bytes: u64,
    /// Of these, how many were removed.
    pub removed: u64,
    /// Tiers that are out of reach, and were passed over.
    pub out_of_reach: u64,
    /// Packs that copies lie in and whose own header is damaged.
    pub damaged_packs: u64,
}

/// What hsm_store_scrub() reads, and how. Zero means default.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct hsm_scrub_options {
    /// 1: damaged copies are replaced from others that are whole.
    pub heal: i32,
    /// 0.
    pub reserved: i32,
    /// Copies that were verified at this time or later are passed over; 0: none is. To go on with a scrub that was
    /// stopped, give the time when it began.
    pub not_verified_since_ns: i64,
    /// At most so many bytes a second; 0: as many as can be.
    pub bytes_a_second: u64,
}

/// What hsm_store_scrub() did.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct hsm_scrubbed {
    /// Copies that are whole.
    pub whole: u64,
    /// Copies that were verified lately and not read.
    pub passed_over: u64,
    /// Copies that are not whole, or could not be read; those that were healed too.
    pub bad: u64,
    /// Of these, how many were replaced.
    pub healed: u64,
    /// Of these, how many could not be, since no other copy is whole.
    pub lost: u64,
    /// Packs that copies lie in and whose own header is damaged.
    pub damaged_packs: u64,
}

fn fault_number(fault: Fault) -> i32 {
    match fault {
        Fault::Missing => HSM_FAULT_MISSING,
        Fault::Damaged => HSM_FAULT_DAMAGED,
        Fault::Unreadable => HSM_FAULT_UNREADABLE,
        _ => 0,
    }
}

fn remedy_number(remedy: Remedy) -> i32 {
    match remedy {
        Remedy::None => HSM_REMEDY_NONE,
        Remedy::Healed => HSM_REMEDY_HEALED,
        Remedy::Lost => HSM_REMEDY_LOST,
        Remedy::Dropped => HSM_REMEDY_DROPPED,
        _ => 0,
    }
}

impl hsm_finding {
    /// One that says nothing yet.
    pub(crate) fn nothing() -> Self {
        Self {
            kind: 0,
            tier: -1,
            fault: 0,
            remedy: 0,
            object: hsm_id::from(ObjectId([0; 16])),
            generation: 0,
            offset: 0,
            instance: 0,
            serial: 0,
            bytes: 0,
            taken: 0,
            is_packed: 0,
            is_removed: 0,
            detail: std::ptr::null(),
        }
    }

    /// One about a file.
    pub(crate) fn at(self, place: PlaceName) -> Self {
        let PlaceName { instance, serial, packed } = place;
        Self { instance, serial, is_packed: packed.into(), ..self }
    }
}

/// A finding as C sees it, but for its words; and these.
pub(crate) fn parts(finding: Finding) -> (hsm_finding, String) {
    let nothing = hsm_finding::nothing();
    match finding {
        Finding::Index { detail } => (hsm_finding { kind: HSM_FINDING_INDEX, ..nothing }, detail),
        Finding::OutOfReach { tier, detail } => {
            (hsm_finding { kind: HSM_FINDING_OUT_OF_REACH, tier: tier.into(), ..nothing }, detail)
        }
        Finding::Copy { object, generation, tier, offset, fault, remedy, detail } => {
            let record = hsm_finding {
                kind: HSM_FINDING_COPY,
                tier: tier.into(),
                fault: fault_number(fault),
                remedy: remedy_number(remedy),
                object: object.into(),
                generation,
                offset,
                ..nothing
            };
            (record, detail)
        }
        Finding::Pack { tier, place, detail } => {
            let PlaceName { instance, serial, packed } = place;
            let record = hsm_finding {
                kind: HSM_FINDING_PACK,
                tier: tier.into(),
                instance,
                serial,
                is_packed: packed.into(),
                ..nothing
            };
            (record, format!("{detail}: {place}"))
        }
        Finding::Stray { tier, place, bytes, removed } => {
            let kind = HSM_FINDING_STRAY;
            let record =
                hsm_finding { kind, tier: tier.into(), bytes, is_removed: removed.into(), ..nothing };
            (record.at(place), format!("nothing refers to {place}"))
        }
        Finding::Adopted { object, generation, known, tier, place, bytes } => {
            let record = hsm_finding {
                kind: HSM_FINDING_ADOPTED,
                ..on_a_root(nothing, (object, generation), tier, place, bytes)
            };
            let detail = if known == generation {
                format!("found in {place}")
            } else {
                format!("found in {place}; the catalog knew generation {known}")
            };
            (record, detail)
        }
        Finding::Unknown { object, generation, tier, place, bytes, detail } => {
            let record = hsm_finding {
                kind: HSM_FINDING_UNKNOWN,
                ..on_a_root(nothing, (object, generation), tier, place, bytes)
            };
            (record, format!("{detail}; it lies in {place}"))
        }
        _ => (nothing, String::new()),
    }
}

/// Something of an object in a place.
fn on_a_root(
    nothing: hsm_finding,
    (object, generation): (ObjectId, u64),
    tier: u8,
    place: PlaceName,
    bytes: u64,
) -> hsm_finding {
    let PlaceName { instance, serial, packed } = place;
    hsm_finding {
        tier: tier.into(),
        object: object.into(),
        generation,
        instance,
        serial,
        bytes,
        is_packed: packed.into(),
        ..nothing
    }
}

impl Callback<hsm_finding_callback> {
    /// Hands a finding over, and its words.
    pub(crate) fn tell(&self, (mut record, detail): (hsm_finding, String)) -> Result<(), hsm_error> {
        let detail = CString::new(detail.replace('\0', " ")).unwrap_or_default();
        record.detail = detail.as_ptr();
        // SAFETY: as the host promised; the record and its words are there during the call.
        self.answer(unsafe { (self.call)(self.user_data(), &raw const record, size_of::<hsm_finding>()) })
    }
}

/// Does what the engine has findings of, and tells them to the callback, if there is one.
pub(crate) fn telling<F, T>(
    found: Option<&Callback<hsm_finding_callback>>,
    parts: fn(F) -> (hsm_finding, String),
    act: impl FnOnce(&mut dyn FnMut(F) -> hsm_core::Result<()>) -> hsm_core::Result<T>,
) -> Result<T, hsm_error> {
    let mut stopped = Stopped::default();
    let done = act(&mut |finding| found.map_or(Ok(()), |found| stopped.note(found.tell(parts(finding)))));
    stopped.answer(done)
}

/// Compares the index with itself, the copies it knows with the places on the tiers, and the places there with the
/// copies. Reads no object, and works in a store that is read-only.
///
/// Nothing is changed unless the options ask for it. Strays may be removed while others work: they are looked for among
/// what handles left that are gone for good. What a handle left that died is no stray: the next open removes it.
/// Where the index cannot be read the call ends with that finding.
///
/// @param options       may be NULL: nothing is removed
/// @param options_size  sizeof(hsm_check_options)
/// @param found         called for each finding; may be left out
/// @param checked_out   what was found in all; may be NULL
/// @param checked_size  sizeof(hsm_checked)
/// @return HSM_STATUS_OK also when there were findings; HSM_STATUS_REFUSED when strays are to be removed and the
///         store is read-only
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_check(
    store: *const hsm_store,
    options: *const hsm_check_options,
    options_size: usize,
    found: hsm_finding_callback,
    checked_out: *mut hsm_checked,
    checked_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    let found = unsafe { Taken::new(found) };
    guard(error_out, |scope| {
        let found = found.optional("found")?;
        // SAFETY: each NULL or as the header says.
        unsafe {
            let store = scope.store(store)?;
            let options = input::record(options, options_size, "options")?;
            input::zero(options.reserved, "reserved of options")?;
            output::check_record_if(checked_out, checked_size, "checked_out")?;
            let remove_strays = input::flag(options.remove_strays, "remove_strays of options")?;
            let options = CheckOptions { remove_strays };
            let done = telling(found.as_ref(), parts, |found| store.store().check_all(&options, found))?;
            let checked = hsm_checked {
                contradictions: done.contradictions,
                copies: done.copies,
                bad: done.bad,
                strays: done.strays,
                stray_bytes: done.stray_bytes,
                removed: done.removed,
                out_of_reach: done.out_of_reach,
                damaged_packs: done.damaged_packs,
            };
            output::record_if(checked_out, checked_size, &checked, "checked_out")?;
        }
        done()
    })
}

/// Reads copies back from the medium, past the page cache where the kernel allows, compares every block, and notes
/// which are whole. A copy that was found damaged no longer counts as verified. A store that is read-only is
/// read, and nothing noted.
///
/// A copy that is to be healed is written anew from another that is whole, synced, read back, and committed in the
/// change that drops the bad one. Where no other is whole nothing is touched.
///
/// @param tier           only copies on this tier; -1: on all
/// @param options        may be NULL: everything is read and nothing healed
/// @param options_size   sizeof(hsm_scrub_options)
/// @param found          called for each finding; may be left out
/// @param scrubbed_out   what was done in all; may be NULL
/// @param scrubbed_size  sizeof(hsm_scrubbed)
/// @return HSM_STATUS_OK also when there were findings; HSM_STATUS_REFUSED when copies are to be healed and the store is
///         read-only
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_store_scrub(
    store: *const hsm_store,
    tier: i32,
    options: *const hsm_scrub_options,
    options_size: usize,
    found: hsm_finding_callback,
    scrubbed_out: *mut hsm_scrubbed,
    scrubbed_size: usize,
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
            output::check_record_if(scrubbed_out, scrubbed_size, "scrubbed_out")?;
            let since = given.not_verified_since_ns;
            let options = ScrubOptions {
                tier: input::any_tier(tier, "tier")?,
                not_verified_since: (since != 0).then_some(since),
                bytes_a_second: given.bytes_a_second,
                heal: input::flag(given.heal, "heal of options")?,
            };
            let Scrubbed { whole, passed_over, bad, healed, lost, damaged_packs } =
                telling(found.as_ref(), parts, |found| store.store().scrub(&options, found))?;
            let scrubbed = hsm_scrubbed { whole, passed_over, bad, healed, lost, damaged_packs };
            output::record_if(scrubbed_out, scrubbed_size, &scrubbed, "scrubbed_out")?;
        }
        done()
    })
}
