//! What to put where.
//!
//! Options are a handle that is made with its defaults, changed, passed to puts, and freed; one set serves any
//! number of puts, also by several threads at once. NULL in their place means the defaults: a new object with
//! an id of hsm's choice, on the hottest tier that is active, durable when the put returns.

use std::borrow::Cow;
use std::ffi::{c_char, c_void};

use hsm_core::integrity::{Algorithm, Digest};
use hsm_core::object::{self, Name, ObjectId};
use hsm_core::{Durability, PutMode, PutOptions};

use crate::attributes::hsm_attributes;
use crate::error::hsm_error;
use crate::guard::{done, guard};
use crate::id::{self, hsm_id};
use crate::status::hsm_status;
use crate::{input, output};

/// What to put where.
#[derive(Debug, Clone)]
pub struct hsm_put_options {
    options: PutOptions,
}

/// The object may exist: it is created, or gets a new generation.
pub const HSM_PUT_UPSERT: i32 = 0;
/// The object must not exist: else HSM_STATUS_EXISTS.
pub const HSM_PUT_CREATE: i32 = 1;
/// The object must exist: else HSM_STATUS_NOT_FOUND.
pub const HSM_PUT_UPDATE: i32 = 2;

/// It survives a power loss when the call returns.
pub const HSM_DURABLE: i32 = 0;
/// It survives a crash of the process when the call returns, and a power loss after the next durable change,
/// hsm_store_sync() or hsm_store_close(). Until then a power loss takes it back to what was before.
pub const HSM_RELAXED: i32 = 1;

/// When a change counts as done.
pub(crate) fn durability(number: i32) -> Result<Durability, hsm_error> {
    let all = [(HSM_DURABLE, Durability::Durable), (HSM_RELAXED, Durability::Relaxed)];
    input::choice(number, &all, "durability")
}

/// The options of a put; NULL: the defaults.
///
/// # Safety
///
/// NULL, or a handle that is neither freed nor changed meanwhile.
pub(crate) unsafe fn given(options: *const hsm_put_options) -> PutOptions {
    // SAFETY: as the caller promises.
    unsafe { options.as_ref() }.map_or_else(PutOptions::default, |options| options.options.clone())
}

/// The same without a copy, for what calls nobody back who could change them meanwhile.
///
/// # Safety
///
/// NULL, or a handle that is neither freed nor changed as long as the answer is used.
pub(crate) unsafe fn lent<'a>(options: *const hsm_put_options) -> Cow<'a, PutOptions> {
    // SAFETY: as the caller promises.
    unsafe { options.as_ref() }
        .map_or_else(|| Cow::Owned(PutOptions::default()), |options| Cow::Borrowed(&options.options))
}

/// Makes options with their defaults.
///
/// @param options_out  free it with hsm_put_options_free()
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_put_options_new(
    options_out: *mut *mut hsm_put_options,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: NULL, or a place for a handle.
        unsafe {
            output::no_handle(options_out, "options_out")?;
            output::handle(options_out, hsm_put_options { options: PutOptions::default() });
        }
        done()
    })
}

/// Frees options. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_put_options_free(options: *mut hsm_put_options) {
    // SAFETY: NULL, or a handle that was not freed.
    unsafe { output::free(options) };
}

/// Changes options in the guarded way that all setters share.
unsafe fn set(
    options: *mut hsm_put_options,
    error_out: *mut *mut hsm_error,
    change: impl FnOnce(&mut PutOptions) -> Result<(), hsm_error>,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: NULL, or a handle that nobody else uses now.
        let options = unsafe { input::needed_mut(options, "options")? };
        change(&mut options.options)?;
        done()
    })
}

/// Which object: a new one with that id, or the next generation of the one that has it.
///
/// @param id  NULL or zeros (the default): the one that has the key, or a new one with an id of hsm's choice
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_put_options_set_id(
    options: *mut hsm_put_options,
    id: *const hsm_id,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            options.id = id.as_ref().filter(|id| **id != hsm_id::default()).map(|id| ObjectId(id.bytes));
            Ok(())
        })
    }
}

/// A key that the object has afterwards. Without an id, the put is for the object that has the key already, if there is
/// one. With an id, the key must be that object's or free: else HSM_STATUS_EXISTS.
///
/// @param dataset     the dataset that the key is in; NULL: the object gets no key (the default), and key is ignored
/// @param key         1 to 4096 bytes without NUL
/// @param key_length  in bytes; SIZE_MAX: up to the NUL
/// @return HSM_STATUS_INVALID for a key outside the limits. Whether there is such a dataset shows at the put
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_put_options_set_key(
    options: *mut hsm_put_options,
    dataset: *const hsm_id,
    key: *const c_void,
    key_length: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            if dataset.is_null() {
                options.name = None;
                return Ok(());
            }
            let dataset = id::dataset(dataset, "dataset")?;
            let key = input::run(key, key_length, "key")?;
            object::check_key(key)?;
            options.name = Some(Name { dataset, key: key.to_vec() });
            Ok(())
        })
    }
}

/// Whether the object must exist: HSM_PUT_UPSERT (the default), HSM_PUT_CREATE or HSM_PUT_UPDATE. An update needs
/// an id or a key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_put_options_set_mode(
    options: *mut hsm_put_options,
    mode: i32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            let all = [
                (HSM_PUT_UPSERT, PutMode::Upsert),
                (HSM_PUT_CREATE, PutMode::Create),
                (HSM_PUT_UPDATE, PutMode::Update),
            ];
            options.mode = input::choice(mode, &all, "mode")?;
            Ok(())
        })
    }
}

/// The generation that the object must have when the put is committed: else the put answers HSM_STATUS_CONFLICT and stores
/// nothing. So what was made of a generation that was read replaces no other. It needs an id or a key, and goes with any
/// mode but HSM_PUT_CREATE: else the put answers HSM_STATUS_INVALID.
///
/// @param generation  0 (the default): any, or none
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_put_options_expect_generation(
    options: *mut hsm_put_options,
    generation: u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            options.over = (generation != 0).then_some(generation);
            Ok(())
        })
    }
}

/// The tier that the bytes go to; -1: the hottest that is active (the default).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_put_options_set_tier(
    options: *mut hsm_put_options,
    tier: i32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            options.tier = input::any_tier(tier, "tier")?;
            Ok(())
        })
    }
}

/// Attributes that the put sets. Others that an existing object has stay; removals mean nothing here.
///
/// @param attributes  copied; NULL: none (the default)
/// @return HSM_STATUS_INVALID when they are too large together
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_put_options_set_attributes(
    options: *mut hsm_put_options,
    attributes: *const hsm_attributes,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            let attributes = hsm_attributes::values_given(attributes.as_ref())?;
            object::check_attributes(&attributes)?;
            options.attributes = attributes;
            Ok(())
        })
    }
}

/// Adds a digest of the whole content that is computed, in the pass that stores it, and recorded. At most 16 of
/// these and of what is expected.
///
/// @param name         "xxh3", "sha256", "sha512", "md5", "adler32", "crc32c", "blake2b" or "blake3"
/// @param name_length  in bytes; SIZE_MAX: up to the NUL
/// @return HSM_STATUS_INVALID for another name, and when there are 16
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_put_options_add_digest(
    options: *mut hsm_put_options,
    name: *const c_char,
    name_length: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            let algorithm: Algorithm = input::text(name, name_length, "name")?.parse()?;
            room_for_a_digest(options)?;
            options.digests.push(algorithm);
            Ok(())
        })
    }
}

/// Adds a digest that the content must have: else the put answers HSM_STATUS_INVALID and stores nothing. It is
/// recorded.
///
/// @param digest         "algorithm:hexadecimal", such as "crc32c:e3069283"
/// @param digest_length  in bytes; SIZE_MAX: up to the NUL
/// @return HSM_STATUS_INVALID for what is no digest, and when there are 16
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_put_options_expect_digest(
    options: *mut hsm_put_options,
    digest: *const c_char,
    digest_length: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            let digest: Digest = input::text(digest, digest_length, "digest")?.parse()?;
            room_for_a_digest(options)?;
            options.expected.push(digest);
            Ok(())
        })
    }
}

fn room_for_a_digest(options: &PutOptions) -> Result<(), hsm_error> {
    if options.digests.len() + options.expected.len() < object::DIGESTS_MAX {
        return Ok(());
    }
    Err(hsm_error::invalid(format!("invalid digests: there are {} already, the most", object::DIGESTS_MAX)))
}

/// When the put counts as done: HSM_DURABLE (the default) or HSM_RELAXED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_put_options_set_durability(
    options: *mut hsm_put_options,
    durability: i32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            options.durability = self::durability(durability)?;
            Ok(())
        })
    }
}

/// Bytes that share a checksum, the least that is read to check a range: a power of two from 4096 to 67108864.
///
/// @param block_size_bytes  0 (the default): 1048576
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_put_options_set_block_size_bytes(
    options: *mut hsm_put_options,
    block_size_bytes: u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            let block_size = (block_size_bytes != 0).then_some(block_size_bytes);
            block_size.map(object::check_block_size).transpose()?;
            options.block_size = block_size;
            Ok(())
        })
    }
}

/// About how many bytes will come through a writer, a stream or a pipe, so that room is looked for before the first is
/// written; 0 (the default): unknown. Other puts know.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_put_options_set_size_hint_bytes(
    options: *mut hsm_put_options,
    size_hint_bytes: u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(options, error_out, |options| {
            options.size_hint = size_hint_bytes;
            Ok(())
        })
    }
}
