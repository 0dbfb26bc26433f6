//! A change as its record has it, whole, and read no further than it is asked for.
//!
//! Most changes are puts, and a put made of its record has half a dozen allocations, of which most readers of a feed
//! look at none. So a put is gone through and checked, and its record kept in a buffer that the next one uses again; what it
//! lists is read when it is asked for. All other changes are small, and made at once.

use std::sync::OnceLock;

use super::change::{Change, Subject};
use super::record::{
    PUT, PutSummary, each_attribute, read_body, read_record, split_record, summarise, write_body,
};
use crate::object::{DatasetId, ObjectId};
use crate::wire::{Reader, Writer};

/// A change that can be read. Put in the place of another, it uses its room again.
#[derive(Debug, Default)]
pub struct Recorded {
    put: Option<PutSummary>,
    /// Of a put.
    body: Vec<u8>,
    /// Of a put: made when it is first asked for.
    change: OnceLock<Change>,
}

impl Recorded {
    /// Takes one record in the place of what was here. `None`: its bytes are not a record that this version can read, and
    /// nothing is taken.
    pub(crate) fn read(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let mut ahead = *reader;
        let (record_type, _, body) = split_record(&mut ahead)?;
        if record_type == PUT {
            self.put = Some(summarise(body)?);
            self.body.clear();
            self.body.extend_from_slice(body);
            self.change.take();
            *reader = ahead;
            return Some(());
        }
        *self = Self { body: std::mem::take(&mut self.body), ..Self::from(read_record(reader)?) };
        Some(())
    }

    /// What a put says, its lists counted.
    pub fn put(&self) -> Option<&PutSummary> {
        self.put.as_ref()
    }

    /// The change, with all that it lists.
    pub fn change(&self) -> &Change {
        self.change.get_or_init(|| match self.put {
            Some(_) => {
                read_body(&mut Reader(&self.body), PUT).expect("it was gone through when it was taken")
            }
            None => Change::Unknown { record_type: 0 },
        })
    }

    /// The object that it is about, if it is about one.
    pub fn object(&self) -> Option<ObjectId> {
        match &self.put {
            Some(put) => Some(put.object),
            None => self.change().object(),
        }
    }

    /// The dataset and key that it names, if it names one.
    pub fn name(&self) -> Option<(DatasetId, &[u8])> {
        if let Some(put) = &self.put {
            return Some((put.dataset?, &self.body[put.key.clone()]));
        }
        match self.change() {
            Change::Put { name, .. } | Change::Undeleted { name, .. } => name.as_ref(),
            Change::Named { name, .. } | Change::Unnamed { name, .. } => Some(name),
            _ => None,
        }
        .map(|name| (name.dataset, &name.key[..]))
    }

    /// The dataset that it is about, or that its key is in.
    pub fn dataset(&self) -> Option<DatasetId> {
        match self.put.is_none().then(|| self.change()) {
            Some(
                Change::DatasetCreated { dataset, .. }
                | Change::DatasetRemoved { dataset }
                | Change::AttributesSet { subject: Subject::Dataset(dataset), .. },
            ) => Some(*dataset),
            _ => self.name().map(|(dataset, _)| dataset),
        }
    }

    /// Tells of each attribute that it sets, or removes (`None`), in the order of the record: one may be named twice.
    pub fn each_attribute<'a>(&'a self, mut take: impl FnMut(&'a str, Option<&'a [u8]>)) {
        if let Some(put) = &self.put {
            let whole = each_attribute(&mut Reader(&self.body[put.attributes_at..]), take);
            debug_assert!(whole.is_some());
            return;
        }
        if let Change::Put { attributes, .. }
        | Change::AttributesSet { attributes, .. }
        | Change::DatasetCreated { attributes, .. } = self.change()
        {
            for (name, value) in attributes {
                take(name, value.as_deref());
            }
        }
    }
}

impl From<Change> for Recorded {
    fn from(change: Change) -> Self {
        let mut body = Vec::new();
        let is_put = matches!(change, Change::Put { .. });
        if is_put {
            write_body(&mut Writer(&mut body), &change);
        }
        let put = is_put.then(|| summarise(&body)).flatten();
        Self { put, body, change: change.into() }
    }
}
