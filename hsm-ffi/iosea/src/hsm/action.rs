//! Actions: recorded while a call does them, and read afterwards.

use std::ptr::null_mut;

use super::{Id, Store, made, raw};
use crate::failure::{Result, call};
use crate::sys;

handle!(
    /// How an action is submitted.
    Options, hsm_action_options, hsm_action_options_free);

/// So long is the lease of a call that is under way: a day. What it left when it died has failed after that.
const LEASE_MS: u64 = 24 * 60 * 60 * 1000;

/// An action that this process does.
pub(crate) struct Action {
    pub(crate) id: Id,
    token: u64,
}

fn empty() -> sys::hsm_action_info {
    // SAFETY: a record of numbers, for which zero is fine.
    unsafe { std::mem::zeroed() }
}

impl Store {
    /// Records that an action has begun. The kind must be one that nobody else leases.
    pub(crate) fn begin_action(&self, kind: &[u8], payload: &[u8], object: &Id) -> Result<Action> {
        let (object, mut id, mut info) = (raw(object), raw(&[0; 16]), empty());
        let size = size_of_val(&info);
        let kind = (kind.as_ptr().cast(), kind.len());
        // SAFETY: places for handles and records, live ones, and bytes with their length.
        unsafe {
            let options = Options(made(|out, error| sys::hsm_action_options_new(out, error))?);
            call(|error| sys::hsm_action_options_set_attempts_max(options.0, 1, error))?;
            let payload = (payload.as_ptr().cast(), payload.len());
            call(|error| {
                let (object, id) = (&raw const object, &raw mut id);
                sys::hsm_action_submit_site(
                    self.0, kind.0, kind.1, payload.0, payload.1, object, options.0, id, error,
                )
            })?;
            let worker = "libhestia";
            call(|error| {
                let (worker, length) = (worker.as_ptr().cast(), worker.len());
                let info = &raw mut info;
                sys::hsm_action_lease(self.0, kind.0, kind.1, worker, length, LEASE_MS, 0, info, size, error)
            })?;
        }
        Ok(Action { id: id.bytes, token: info.token })
    }

    /// Records how an action ended.
    pub(crate) fn end_action(&self, action: &Action, error: Option<&str>) -> Result<()> {
        let id = raw(&action.id);
        // SAFETY: a live handle, and text with its length.
        call(|out| unsafe {
            match error {
                None => sys::hsm_action_complete(self.0, &raw const id, action.token, null_mut(), 0, out),
                Some(why) => {
                    let (why, length) = (why.as_ptr().cast(), why.len());
                    sys::hsm_action_fail(self.0, &raw const id, action.token, why, length, 0, out)
                }
            }
        })?;
        Ok(())
    }

    pub(crate) fn action(&self, id: &Id) -> Result<sys::hsm_action_info> {
        let (id, mut info) = (raw(id), empty());
        let size = size_of_val(&info);
        // SAFETY: a live handle, and a place of that size.
        call(|error| unsafe { sys::hsm_action_stat(self.0, &raw const id, &raw mut info, size, error) })?;
        Ok(info)
    }

    /// The action behind that number in the order in which they were submitted.
    pub(crate) fn action_after(&self, number: u64) -> Result<Option<sys::hsm_action_info>> {
        let mut info = empty();
        let size = size_of_val(&info);
        // SAFETY: a live handle, and a place of that size; of any group.
        let status = call(|error| unsafe {
            sys::hsm_action_next(self.0, number, 0, null_mut(), &raw mut info, size, error)
        })?;
        Ok((status == sys::HSM_STATUS_OK).then_some(info))
    }

    /// One of the texts of an action, or its payload. "" where there is none.
    pub(crate) fn action_text(&self, id: &Id, what: ActionText) -> Result<Vec<u8>> {
        let (id, mut text, mut length) = (raw(id), vec![0_u8; 1 << 16], 0);
        let (place, size) = (text.as_mut_ptr(), text.len());
        // SAFETY: a live handle, and a place with its size.
        let status = call(|error| unsafe {
            let (id, length) = (&raw const id, &raw mut length);
            match what {
                ActionText::Text(what) => {
                    sys::hsm_action_text(self.0, id, what, place.cast(), size, length, error)
                }
                ActionText::Payload => {
                    let what = sys::HSM_ACTION_BYTES_PAYLOAD;
                    sys::hsm_action_bytes(self.0, id, what, place.cast(), size, length, error)
                }
            }
        })?;
        text.truncate(if status == sys::HSM_STATUS_OK { length } else { 0 });
        Ok(text)
    }

    pub(crate) fn cancel_action(&self, id: &Id) -> Result<()> {
        let id = raw(id);
        // SAFETY: a live handle.
        call(|error| unsafe { sys::hsm_action_cancel(self.0, &raw const id, error) })?;
        Ok(())
    }
}

/// What of an action is read.
#[derive(Clone, Copy)]
pub(crate) enum ActionText {
    /// One of `HSM_ACTION_TEXT_*`.
    Text(i32),
    Payload,
}
