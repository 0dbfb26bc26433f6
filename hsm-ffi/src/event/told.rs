//! What each kind of event has to tell.

use hsm_core::journal::{Change, PutSummary};
use hsm_core::object::{Content, Copy, TierConfig};

use super::{hsm_event, hsm_event_info};
use crate::attributes::hsm_attributes;
use crate::id::hsm_id;
use crate::{lease, pin};

impl hsm_event {
    /// The change with all that it lists. What most programs ask for is had without.
    pub(super) fn change(&self) -> &Change {
        self.event.recorded.change()
    }

    pub(super) fn content(&self) -> Option<&Content> {
        match self.change() {
            Change::Put { content, .. } => content.as_ref(),
            _ => None,
        }
    }

    pub(super) fn copies(&self) -> &[Copy] {
        match self.change() {
            Change::Put { copies, .. } => copies,
            Change::CopyAdded { copy, .. } | Change::CopyRelocated { copy, .. } => std::slice::from_ref(copy),
            _ => &[],
        }
    }

    pub(super) fn updates(&self) -> hsm_attributes {
        let mut updates = Vec::new();
        self.event.recorded.each_attribute(|name, value| updates.push((name, value)));
        hsm_attributes::from_updates(&updates)
    }

    pub(super) fn tier(&self) -> Option<&TierConfig> {
        match self.change() {
            Change::TierSet(config) => Some(config),
            _ => None,
        }
    }

    pub(super) fn info(&self) -> hsm_event_info {
        let recorded = &self.event.recorded;
        let mut info = hsm_event_info {
            position: self.event.position.into(),
            time_ns: self.event.time_ns,
            instance: self.event.instance,
            object: recorded.object().map(hsm_id::from).unwrap_or_default(),
            dataset: recorded.dataset().map(hsm_id::from).unwrap_or_default(),
            tier: -1,
            has_key: recorded.name().is_some().into(),
            // The kinds, reasons and causes have the format's numbers.
            kind: self.event.kind() as i32,
            record_type: self.event.kind() as i32,
            ..hsm_event_info::default()
        };
        match recorded.put() {
            Some(put) => note_put(put, &mut info),
            None => self.note_others(&mut info),
        }
        info
    }

    /// All kinds but a put.
    fn note_others(&self, info: &mut hsm_event_info) {
        info.copies = self.copies().len() as u64;
        info.tier = self.copies().first().map_or(-1, |copy| copy.tier.into());
        self.event.recorded.each_attribute(|_, _| info.attributes += 1);
        match self.change() {
            Change::CopyAdded { generation, .. } | Change::CopyRelocated { generation, .. } => {
                info.generation = *generation;
            }
            Change::CopyDropped { generation, tier, reason, .. } => {
                (info.generation, info.tier) = (*generation, (*tier).into());
                info.reason = *reason as i32;
            }
            Change::CopyVerified { generation, tier, whole, .. } => {
                (info.generation, info.tier) = (*generation, (*tier).into());
                info.is_whole = (*whole).into();
            }
            Change::Removed { until_ns, .. } => info.until_ns = *until_ns,
            Change::TierSet(config) => info.tier = config.index.into(),
            Change::EpochBegan { cause, ended } => {
                (info.cause, info.ended) = (*cause as i32, (*ended).into());
            }
            Change::Accessed { accessed_ns, .. } => info.accessed_ns = *accessed_ns,
            Change::Unknown { record_type } => info.record_type = (*record_type).into(),
            change => {
                lease::note_action(change, info);
                pin::note_pin(change, info);
            }
        }
    }
}

fn note_put(put: &PutSummary, info: &mut hsm_event_info) {
    info.generation = put.generation;
    info.is_new = put.new.into();
    info.has_data = put.size.is_some().into();
    info.size_bytes = put.size.unwrap_or(0);
    info.block_size_bytes = put.size.map_or(0, |_| 1 << put.block_shift);
    info.copies = put.copies.into();
    info.digests = put.digests.into();
    info.attributes = put.attributes.into();
    info.tier = put.tier.map_or(-1, i32::from);
}
