//! An access: the one event that is no change of its object.

use rusqlite::params;

use super::Applier;
use crate::catalog::embedded::row::Body;
use crate::clock::TimeNs;
use crate::error::Result;
use crate::object::ObjectId;

impl Applier<'_> {
    /// Records when an object was last read. `changed` stays, so whoever looks for what changed does not find it.
    ///
    /// It was noted some time ago: of an object that was removed, overwritten or read later meanwhile it says nothing.
    pub(super) fn accessed(&self, id: ObjectId, accessed_ns: TimeNs) -> Result<()> {
        let Some(mut found) = self.find(id)? else { return Ok(()) };
        if found.is_removed() || accessed_ns <= found.last_used_ns() {
            return Ok(());
        }
        found.accessed_ns = accessed_ns;
        self.run("UPDATE object SET body = ?2 WHERE id = ?1", params![id.0, Body::of(found).write()])
            .map(drop)
    }
}
