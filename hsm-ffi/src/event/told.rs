//! What each kind of event has to tell.

use hsm_core::journal::{Change, Subject, Updates};
use hsm_core::object::{Content, Copy, DatasetId, Name, TierConfig};
use hsm_core::{Event, EventKind};

use super::{hsm_event, hsm_event_info};
use crate::id::hsm_id;
use crate::{lease, pin};

impl hsm_event {
    pub(super) fn content(&self) -> Option<&Content> {
        match &self.event.change {
            Change::Put { content, .. } => content.as_ref(),
            _ => None,
        }
    }

    pub(super) fn copies(&self) -> &[Copy] {
        match &self.event.change {
            Change::Put { copies, .. } => copies,
            Change::CopyAdded { copy, .. } | Change::CopyRelocated { copy, .. } => std::slice::from_ref(copy),
            _ => &[],
        }
    }

    pub(super) fn updates(&self) -> &Updates {
        static NONE: Updates = Vec::new();
        match &self.event.change {
            Change::Put { attributes, .. }
            | Change::AttributesSet { attributes, .. }
            | Change::DatasetCreated { attributes, .. } => attributes,
            _ => &NONE,
        }
    }

    pub(super) fn key(&self) -> Option<&Name> {
        match &self.event.change {
            Change::Put { name, .. } | Change::Undeleted { name, .. } => name.as_ref(),
            Change::Named { name, .. } | Change::Unnamed { name, .. } => Some(name),
            _ => None,
        }
    }

    pub(super) fn dataset(&self) -> Option<DatasetId> {
        match &self.event.change {
            Change::DatasetCreated { dataset, .. }
            | Change::DatasetRemoved { dataset }
            | Change::AttributesSet { subject: Subject::Dataset(dataset), .. } => Some(*dataset),
            _ => self.key().map(|name| name.dataset),
        }
    }

    pub(super) fn tier(&self) -> Option<&TierConfig> {
        match &self.event.change {
            Change::TierSet(config) => Some(config),
            _ => None,
        }
    }

    pub(super) fn info(&self) -> hsm_event_info {
        let Event { position, time_ns, instance, change } = &self.event;
        let content = self.content();
        let mut info = hsm_event_info {
            position: (*position).into(),
            time_ns: *time_ns,
            instance: *instance,
            object: change.object().map(hsm_id::from).unwrap_or_default(),
            dataset: self.dataset().map(hsm_id::from).unwrap_or_default(),
            size_bytes: content.map_or(0, |content| content.size),
            block_size_bytes: content.map_or(0, Content::block_size),
            copies: self.copies().len() as u64,
            digests: content.map_or(0, |content| content.digests.len() as u64),
            attributes: self.updates().len() as u64,
            tier: self.copies().first().map_or(-1, |copy| copy.tier.into()),
            has_data: content.is_some().into(),
            has_key: self.key().is_some().into(),
            ..hsm_event_info::default()
        };
        // The kinds, reasons and causes have the format's numbers.
        info.kind = EventKind::of(change) as i32;
        info.record_type = info.kind;
        match change {
            Change::Put { generation, new, .. } => {
                (info.generation, info.is_new) = (*generation, (*new).into());
            }
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
                lease::note_action(change, &mut info);
                pin::note_pin(change, &mut info);
            }
        }
        info
    }
}
