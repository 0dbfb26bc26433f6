//! Listing objects.

use std::ptr::{null, null_mut};

use super::{Cursor, Id, Query, Store, info, made, raw};
use crate::failure::{Result, call};
use crate::sys;

/// Which objects.
pub(crate) enum Which<'a> {
    All,
    OnTier(u8),
    OfDataset(&'a Id),
    WithAttribute(&'a [u8], &'a [u8]),
}

impl Store {
    /// Tells of objects in the order of their arrival; those of a dataset in the order of their keys.
    pub(crate) fn each(&self, which: &Which<'_>, take: &mut dyn FnMut(Id) -> Result<()>) -> Result<()> {
        // SAFETY: places for handles, live ones, and text with its length.
        let (_query, cursor) = unsafe {
            let query = Query(made(|out, error| sys::hsm_query_new(out, error))?);
            match which {
                Which::All => {}
                Which::OnTier(tier) => {
                    call(|error| sys::hsm_query_set_tier(query.0, i32::from(*tier), error))?;
                }
                Which::OfDataset(id) => {
                    let id = raw(id);
                    call(|error| sys::hsm_query_set_dataset(query.0, &raw const id, error))?;
                }
                Which::WithAttribute(name, value) => {
                    let (name, value) =
                        ((name.as_ptr().cast(), name.len()), (value.as_ptr().cast(), value.len()));
                    call(|error| {
                        sys::hsm_query_set_attribute(query.0, name.0, name.1, value.0, value.1, error)
                    })?;
                }
            }
            let cursor = Cursor(made(|out, error| sys::hsm_cursor_open(self.0, query.0, out, error))?);
            (query, cursor)
        };
        loop {
            let mut object = null();
            // SAFETY: a live handle; the key is not wanted.
            let status = call(|error| unsafe {
                sys::hsm_cursor_next(cursor.0, &raw mut object, null_mut(), null_mut(), error)
            })?;
            if status != sys::HSM_STATUS_OK {
                return Ok(());
            }
            take(info(object)?.id.bytes)?;
        }
    }

    /// The ids of the objects that have data on a tier, in their order.
    pub(crate) fn list(&self, tier: u8) -> Result<Vec<Id>> {
        let mut ids = Vec::new();
        self.each(&Which::OnTier(tier), &mut |id| {
            ids.push(id);
            Ok(())
        })?;
        ids.sort_unstable();
        Ok(ids)
    }
}
