//! One object written by several writers: ranks of a simulation, parts of an upload.
//!
//! One process begins, and hands its token to the others, which join. Every process writes parts that begin on the edge
//! of a block, and gets a receipt for each. Who began is given all receipts and commits them as one generation. Nothing is
//! visible before; freed without a commit, nothing is left. Tokens and receipts are bytes without a pointer in
//! them, sent in whatever way the processes have.
//!
//! Who began must keep its handle, and its store open, until the commit: when it is gone, so are the parts. No part may be
//! written while the commit runs; after it, writing to one answers HSM_STATUS_NOT_FOUND.
//! A `const hsm_parts *` may be shared between threads, each of which writes a part of its own.

use std::ffi::c_void;

use hsm_core::{Part, PartReceipt, Parts};

use crate::error::hsm_error;
use crate::guard::{Scope, done, guard};
use crate::put::{check_result, hsm_put_result, write_result};
use crate::put_options::{given, hsm_put_options};
use crate::status::hsm_status;
use crate::store::{Shared, hsm_store};
use crate::{input, output};

/// An object that is written in parts.
#[derive(Debug)]
pub struct hsm_parts {
    shared: Shared,
    /// `None` once they were committed.
    parts: Option<Parts>,
    receipts: Vec<PartReceipt>,
}

/// One part under way.
#[derive(Debug)]
pub struct hsm_part {
    shared: Shared,
    /// `None` once it was finished.
    part: Option<Part>,
    /// What says what it holds, once it was finished.
    receipt: Option<Vec<u8>>,
}

impl hsm_parts {
    fn enter(&self, scope: &Scope) -> Result<&Parts, hsm_error> {
        scope.enter(&self.shared)?;
        self.shared.store().check()?;
        self.parts.as_ref().ok_or_else(|| hsm_error::consumed("handle of the parts"))
    }
}

/// Begins an object that is written in parts.
///
/// @param options    NULL: the defaults. Digests need one more pass over the object at the commit
/// @param parts_out  free it with hsm_parts_free(), also after the commit
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_parts_begin(
    store: *const hsm_store,
    options: *const hsm_put_options,
    parts_out: *mut *mut hsm_parts,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            output::no_handle(parts_out, "parts_out")?;
            let shared = scope.store(store)?.clone();
            let parts = Some(shared.store().parts(&given(options))?);
            output::handle(parts_out, hsm_parts { shared, parts, receipts: Vec::new() });
        }
        done()
    })
}

/// Joins an object that another handle of the same store began, here or in another process.
///
/// @param token         what hsm_parts_token() wrote there
/// @param token_length  in bytes
/// @param parts_out     free it with hsm_parts_free(). It writes parts and cannot commit
/// @return HSM_STATUS_INVALID for what is no token of this store, HSM_STATUS_NOT_FOUND when who began has gone
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_parts_join(
    store: *const hsm_store,
    token: *const c_void,
    token_length: usize,
    parts_out: *mut *mut hsm_parts,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            output::no_handle(parts_out, "parts_out")?;
            let shared = scope.store(store)?.clone();
            let token = input::bytes(token, token_length, "token")?;
            let parts = Some(shared.store().join_parts(token)?);
            output::handle(parts_out, hsm_parts { shared, parts, receipts: Vec::new() });
        }
        done()
    })
}

/// What others need to join.
///
/// @param buffer       gets the bytes of the token; may be NULL when buffer_size is 0
/// @param buffer_size  in bytes; 128 are enough
/// @param length_out   gets the length, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_parts_token(
    parts: *const hsm_parts,
    buffer: *mut c_void,
    buffer_size: usize,
    length_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let token = input::needed(parts, "parts")?.enter(scope)?.token();
            output::bytes(buffer, buffer_size, length_out, &token, "buffer")
        }
    })
}

/// Bytes a block: each part begins at a multiple of it, and each but the last is a multiple of it long.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_parts_block_size(
    parts: *const hsm_parts,
    block_size_bytes_out: *mut u64,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let block_size = input::needed(parts, "parts")?.enter(scope)?.block_size();
            output::put(block_size_bytes_out, block_size, "block_size_bytes_out")?;
        }
        done()
    })
}

/// Adds the receipt of a part, in any order. Whether they fit together shows at the commit.
///
/// @param receipt         what hsm_part_finish() wrote
/// @param receipt_length  in bytes
/// @return HSM_STATUS_INVALID for what is no receipt of this store
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_parts_add_receipt(
    parts: *mut hsm_parts,
    receipt: *const c_void,
    receipt_length: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let parts = input::needed_mut(parts, "parts")?;
            parts.enter(scope)?;
            let receipt = input::bytes(receipt, receipt_length, "receipt")?;
            parts.receipts.push(PartReceipt::from_bytes(parts.shared.store(), receipt)?);
        }
        done()
    })
}

/// Publishes the parts as the object's next generation. Together they must cover it without gap or overlap. Whatever it
/// answers, what comes next is hsm_parts_free(): later calls answer HSM_STATUS_CLOSED, and after a failure the
/// parts are gone. Only wrong arguments leave the handle as it was.
///
/// @param result_out   may be NULL
/// @param result_size  sizeof(hsm_put_result)
/// @return HSM_STATUS_INVALID when the receipts do not fit together, or when the handle joined; HSM_STATUS_CONFLICT when another
///         part was written in the place of one; and as a put
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_parts_commit(
    parts: *mut hsm_parts,
    result_out: *mut hsm_put_result,
    result_size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let parts = input::needed_mut(parts, "parts")?;
            check_result(result_out, result_size)?;
            parts.enter(scope)?;
            let taken = parts.parts.take().ok_or_else(|| hsm_error::consumed("handle of the parts"))?;
            let put = taken.commit(&std::mem::take(&mut parts.receipts))?;
            write_result(result_out, result_size, put)?;
        }
        done()
    })
}

/// Frees the handle. Where it began the object and did not commit, nothing is left. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_parts_free(parts: *mut hsm_parts) {
    // SAFETY: NULL, or a handle that was not freed.
    unsafe { output::free(parts) };
}

/// Begins a part. It belongs to one thread at a time, and may outlive the handle that it was made from. Of two that are written in one
/// place, by whatever processes, the one that reaches a block last has it: writing to the other, finishing it, or the commit
/// answers HSM_STATUS_CONFLICT, and what was written last is not harmed.
///
/// @param offset    its first byte in the object, a multiple of the block size
/// @param part_out  free it with hsm_part_free(), also after it was finished
/// @return HSM_STATUS_INVALID for an offset within a block
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_part_begin(
    parts: *const hsm_parts,
    offset: u64,
    part_out: *mut *mut hsm_part,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            output::no_handle(part_out, "part_out")?;
            let parts = input::needed(parts, "parts")?;
            let part = Some(parts.enter(scope)?.part(offset)?);
            output::handle(part_out, hsm_part { shared: parts.shared.clone(), part, receipt: None });
        }
        done()
    })
}

/// Adds the next bytes of the part. After a failure it can only be freed, and written anew as another.
///
/// @param data  may be NULL when size is 0
/// @param size  in bytes
/// @return HSM_STATUS_CLOSED once it was finished, HSM_STATUS_NOT_FOUND when who began has committed or gone,
///         HSM_STATUS_CONFLICT when another part was written in its place
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_part_write(
    part: *mut hsm_part,
    data: *const c_void,
    size: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let part = input::needed_mut(part, "part")?;
            scope.enter(&part.shared)?;
            let part = part.part.as_mut().ok_or_else(|| hsm_error::consumed("part"))?;
            part.add(input::bytes(data, size, "data")?)?;
        }
        done()
    })
}

/// Ends the part: its bytes survive a power loss when this returns. The receipt says what it holds, in about a hundred
/// bytes. After HSM_STATUS_BUFFER_TOO_SMALL, and after success, it can be asked for again.
///
/// @param buffer       gets the bytes of the receipt; may be NULL when buffer_size is 0
/// @param buffer_size  in bytes
/// @param length_out   gets the length, also on HSM_STATUS_BUFFER_TOO_SMALL; may be NULL
/// @return HSM_STATUS_NOT_FOUND when who began has committed or gone, HSM_STATUS_CONFLICT when another part was written in
///         its place; after a failure the part can only be freed
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_part_finish(
    part: *mut hsm_part,
    buffer: *mut c_void,
    buffer_size: usize,
    length_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let part = input::needed_mut(part, "part")?;
            scope.enter(&part.shared)?;
            part.shared.store().check()?;
            // Looked at first: a buffer that is missing is an error of the call, not of the part.
            input::buffer(buffer, buffer_size, "buffer")?;
            if let Some(taken) = part.part.take() {
                part.receipt = Some(taken.finish()?.to_bytes(part.shared.store()));
            }
            let receipt = part.receipt.as_ref().ok_or_else(|| hsm_error::consumed("part"))?;
            output::bytes(buffer, buffer_size, length_out, receipt, "buffer")
        }
    })
}

/// Frees a part. What it wrote without being finished is no part of the object. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_part_free(part: *mut hsm_part) {
    // SAFETY: NULL, or a handle that was not freed.
    unsafe { output::free(part) };
}
