//! Scrub: every copy is read back from the medium and compared, and healed where that is wanted.

use super::Store;
use crate::error::Result;
use crate::migration::{self, Finding, ScrubOptions, Scrubbed};
use crate::monitor::Phase;

impl Store {
    /// Reads copies back from the medium, past the page cache where the kernel allows, compares every block, and notes
    /// which are whole and which are not: a copy that was found damaged no longer counts as verified. Tells `found` of
    /// what is not as it should be, tiers that are out of reach among it. Works while the store is in use. One that is
    /// read-only is read, and nothing noted. Copies that come while it runs are left to the next one.
    ///
    /// A copy that is to be healed is written anew from another that is whole, synced, read back, and committed in the
    /// change that drops the bad one. Where no other is whole nothing is touched.
    ///
    /// Stopped by an error, by a monitor or by the end of the process, it can go on: see
    /// [`ScrubOptions::not_verified_since`]. What was noted is durable with the next durable change.
    ///
    /// # Errors
    ///
    /// `ReadOnly` where copies are to be healed and the store takes no changes. An error of `found` stops it.
    pub fn scrub(
        &self,
        options: &ScrubOptions,
        mut found: impl FnMut(Finding) -> Result<()>,
    ) -> Result<Scrubbed> {
        let engine = self.engine();
        migration::check_may_heal(engine, options)?;
        let (mut objects, mut bytes) = (0, 0);
        for usage in engine.catalog.tiers()? {
            if options.tier.is_none_or(|tier| tier == usage.config.index) {
                objects += usage.objects;
                bytes += usage.bytes;
            }
        }
        let mut watch = self.watch(Phase::Verify, objects, bytes);
        watch.pace(options.bytes_a_second);
        migration::scrub(engine, options, &mut watch, &mut found)
    }
}
