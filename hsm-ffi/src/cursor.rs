//! Listing objects, however many there are.
//!
//! A cursor fetches objects page by page and holds nothing between two pages, so it may be kept for as long as
//! one likes. An object that is there throughout the listing appears exactly once (in a dataset: once for each
//! of its keys there); one that comes or goes meanwhile may or may not. What is said of an object is as it was
//! when its page was fetched.
//!
//!     hsm_cursor *cursor = NULL;
//!     const hsm_object *object;
//!     hsm_status status = hsm_cursor_open(store, NULL, &cursor, &error);
//!     if (status == HSM_STATUS_OK)
//!         while ((status = hsm_cursor_next(cursor, &object, NULL, NULL, &error)) == HSM_STATUS_OK)
//!             visit(object);
//!     hsm_cursor_free(cursor);

use hsm_core::{Cursor, Items, Query};

use crate::error::hsm_error;
use crate::fork::forks;
use crate::guard::{Scope, done, guard};
use crate::object::hsm_object;
use crate::query::{given, hsm_query};
use crate::status::{HSM_STATUS_END, hsm_status};
use crate::store::{Shared, hsm_store};
use crate::{input, output};

/// Objects fetched at once, at most.
const PAGE_LEN: usize = 1000;

/// A listing that is under way.
#[derive(Debug)]
pub struct hsm_cursor {
    shared: Shared,
    query: Query,
    page: Items,
    /// Where the next page begins; `None`: this is the last.
    next: Option<Cursor>,
    /// What was lent last.
    lent: hsm_object,
    forks: u64,
}

impl hsm_cursor {
    /// Refuses a handle that is out of use, in no more than a few instructions where it is not.
    fn check(&self) -> Result<(), hsm_error> {
        self.shared.check()?;
        if self.shared.store().is_closed() || self.forks != forks() {
            self.shared.store().check()?;
        }
        Ok(())
    }

    fn fetch(&mut self, scope: &Scope) -> Result<(), hsm_error> {
        scope.enter(&self.shared)?;
        let page = self.shared.store().page(&self.query, self.next.as_ref(), PAGE_LEN)?;
        self.next = page.next;
        self.page = page.items;
        Ok(())
    }
}

/// Begins a listing.
///
/// @param query       which objects; NULL: every live one, in the order of their arrival. It is copied
/// @param cursor_out  free it with hsm_cursor_free()
/// @return HSM_STATUS_NOT_FOUND when the query's dataset does not exist, HSM_STATUS_INVALID for a prefix of
///         keys without a dataset
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_cursor_open(
    store: *const hsm_store,
    query: *const hsm_query,
    cursor_out: *mut *mut hsm_cursor,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            output::no_handle(cursor_out, "cursor_out")?;
            let shared = scope.store(store)?.clone();
            let query = given(query);
            let page = Items::default();
            let mut cursor =
                hsm_cursor { shared, query, page, next: None, lent: hsm_object::default(), forks: forks() };
            cursor.fetch(scope)?;
            output::handle(cursor_out, cursor);
        }
        done()
    })
}

/// The next object. What it lends lives until the next call on the cursor, or its free. After an error it may
/// be called again, and goes on where it was.
///
/// @param object_out      the object
/// @param key_out         the key it was found under, without a NUL at its end; no bytes outside a dataset.
///                        May be NULL
/// @param key_length_out  in bytes; may be NULL
/// @return HSM_STATUS_END behind the last
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_cursor_next(
    cursor: *mut hsm_cursor,
    object_out: *mut *const hsm_object,
    key_out: *mut *const u8,
    key_length_out: *mut usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let cursor = input::needed_mut(cursor, "cursor")?;
            output::check_place(object_out, "object_out")?;
            cursor.check()?;
            while !cursor.lent.take_next(&mut cursor.page) {
                if cursor.next.is_none() {
                    return Ok(HSM_STATUS_END);
                }
                cursor.fetch(scope)?;
            }
            object_out.write(&raw const cursor.lent);
            let key = cursor.lent.found_key();
            output::put_if(key_out, key.as_ptr());
            output::put_if(key_length_out, key.len());
        }
        done()
    })
}

/// Ends a listing. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_cursor_free(cursor: *mut hsm_cursor) {
    // SAFETY: NULL, or a handle that was not freed.
    unsafe { output::free(cursor) };
}
