//! Listing objects, page by page, however many there are.

use super::Store;
use crate::catalog::{Cursor, Items, Page, Query};
use crate::error::Result;
use crate::object::Object;

/// Objects fetched at once by the iterator.
const PAGE_LEN: usize = 1000;

impl Store {
    /// Up to `limit` objects that match, in the query's order, behind the cursor of the page before.
    ///
    /// An object that exists throughout a listing appears in it exactly once; one that comes or goes meanwhile
    /// may or may not. A page is in memory as a whole, so `limit` bounds that. Nothing is held between pages.
    pub fn page(&self, query: &Query, after: Option<&Cursor>, limit: usize) -> Result<Page> {
        let engine = self.engine();
        engine.check()?;
        engine.catalog.page(query, after, limit.max(1))
    }

    /// All objects that match, each with the key it was found under (empty outside a dataset).
    pub fn objects(&self, query: &Query) -> Objects {
        Objects {
            store: self.clone(),
            query: query.clone(),
            after: None,
            done: false,
            page: Items::default(),
        }
    }
}

/// An iterator over a listing. After an error it ends.
#[derive(Debug)]
pub struct Objects {
    store: Store,
    query: Query,
    after: Option<Cursor>,
    done: bool,
    page: Items,
}

impl Iterator for Objects {
    type Item = Result<(Vec<u8>, Object)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.page.next() {
                return Some(Ok(item));
            }
            if self.done {
                return None;
            }
            match self.store.page(&self.query, self.after.as_ref(), PAGE_LEN) {
                Ok(page) => {
                    self.done = page.next.is_none();
                    self.after = page.next;
                    self.page = page.items;
                }
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            }
        }
    }
}
