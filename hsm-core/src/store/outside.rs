//! The files outside of the store that actions put and get.
//!
//! A put's new generation is committed together with its action; a get's file has its name before its action is done.
//! So both are done once, or once again with the same outcome: a file that is named again holds the same bytes, or those
//! of a later generation.

use super::Store;
use super::get::GetOptions;
use super::put::{PutOptions, RUN_LEN};
use crate::catalog::Durability;
use crate::error::{Error, Result};
use crate::file::outside::{Source, Target};
use crate::integrity::{Digest, DigestSet};
use crate::migration::{Attendant, Carrier};
use crate::monitor::Watch;
use crate::object::{ActionId, ActionSpec, Verb};

impl Carrier for Store {
    fn carry(
        &self,
        id: ActionId,
        spec: &ActionSpec,
        attendant: &dyn Attendant,
        watch: &mut Watch<'_>,
    ) -> Result<bool> {
        match spec.verb {
            Verb::Put => self.put_outside(spec, attendant, watch).map(|()| true),
            _ => self.get_outside(id, spec, attendant, watch).map(|()| false),
        }
    }
}

impl Store {
    fn put_outside(&self, spec: &ActionSpec, attendant: &dyn Attendant, watch: &mut Watch<'_>) -> Result<()> {
        let Some(path) = &spec.path else { return Err(Error::invalid("action", "it has no path")) };
        let source = Source::open(path)?;
        let mut writer = self.writer(&PutOptions {
            id: Some(spec.object),
            tier: Some(spec.target),
            expected: spec.expected.clone(),
            durability: Durability::Durable,
            size_hint: source.len(),
            ..PutOptions::default()
        })?;
        watch.expect(1, source.len());
        let mut buffer = vec![0; RUN_LEN];
        loop {
            let read = source.read_at(&mut buffer, writer.len())?;
            if read == 0 {
                break;
            }
            writer.add_watched(&buffer[..read], watch)?;
        }
        source.check_unchanged()?;
        watch.check()?;
        writer.commit_with(attendant).map(drop)
    }

    fn get_outside(
        &self,
        id: ActionId,
        spec: &ActionSpec,
        attendant: &dyn Attendant,
        watch: &mut Watch<'_>,
    ) -> Result<()> {
        let Some(path) = &spec.path else { return Err(Error::invalid("action", "it has no path")) };
        let mut reader = self.reader(spec.object, &GetOptions { tier: spec.source })?;
        watch.expect(1, reader.size());
        let target = Target::begin(path.clone(), &id.to_string())?;
        let mut digests = DigestSet::new(spec.expected.iter().map(Digest::algorithm));
        let mut at = 0;
        reader.each_run(&mut |bytes| {
            target.write_at(bytes, at)?;
            digests.update(bytes);
            at += bytes.len() as u64;
            watch.bytes(bytes.len() as u64)
        })?;
        digests.check(&spec.expected)?;
        attendant.begins(spec.object)?; // Who called it off meanwhile wants no file.
        target.finish()
    }
}
