//! What objects to list, and where a listing stands.

use std::fmt;

use super::listed::Listed;
use crate::clock::TimeNs;
use crate::object::{DatasetId, Name, Object, TierIndex};

/// Which objects to list. The default is every live object, in the order of their arrival: that of the changes that made them, which
/// is nearly the order of their ids where we choose them.
///
/// Within a dataset the order is that of the keys, and an object appears once for each of its keys there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Only objects with a key in this dataset.
    pub dataset: Option<DatasetId>,
    /// Only keys that begin so; needs `dataset`.
    pub key_prefix: Vec<u8>,
    /// Only objects with a copy on this tier.
    pub tier: Option<TierIndex>,
    /// Only objects without a copy on this tier.
    pub not_on_tier: Option<TierIndex>,
    /// At least so many bytes.
    pub size_min: Option<u64>,
    /// At most so many bytes.
    pub size_max: Option<u64>,
    /// Created at this time or later.
    pub created_from_ns: Option<TimeNs>,
    /// Created before this time.
    pub created_before_ns: Option<TimeNs>,
    /// Content changed at this time or later.
    pub modified_from_ns: Option<TimeNs>,
    /// Content changed before this time.
    pub modified_before_ns: Option<TimeNs>,
    /// Content last read or changed at this time or later: see [`Object::last_used_ns`].
    pub accessed_from_ns: Option<TimeNs>,
    /// Content neither read nor changed since this time: what was not used for long. Accesses are known as late as the
    /// [staleness](crate::Store::set_access_staleness) says.
    pub accessed_before_ns: Option<TimeNs>,
    /// Only objects with this attribute, and this value if one is given.
    pub attribute: Option<(String, Option<Vec<u8>>)>,
    /// Only objects that changed behind the change of this number: the way to catch up behind a [`Gap`](crate::Gap). Where the
    /// store ever had a subscriber, and no dataset is asked for, they come in the order of their last change, read from
    /// an index of it; one that changes meanwhile comes again. What was purged is in no listing.
    pub changed_after: Option<u64>,
    /// Only removed objects that can still be brought back, in place of live ones.
    pub removed: bool,
}

impl Query {
    /// Every live object with a key in `dataset`.
    pub fn dataset(dataset: DatasetId) -> Self {
        Self { dataset: Some(dataset), ..Self::default() }
    }

    /// Whether it asks what only the object itself says, so that each has to be read to know whether it matches.
    pub(crate) fn looks_inside(&self) -> bool {
        // What decides by itself which rows are read. All else is compared with the default, new fields too.
        let Self { dataset, key_prefix, changed_after, removed, .. } = self.clone();
        *self != Self { dataset, key_prefix, changed_after, removed, ..Self::default() }
    }

    /// Every live object with a copy on `tier`.
    pub fn tier(tier: TierIndex) -> Self {
        Self { tier: Some(tier), ..Self::default() }
    }
}

/// Where a listing stands: behind this object, this key, or this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) after: After,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum After {
    /// The number of an object: of the change that made it.
    Arrival(i64),
    /// The number of an object's last change, and its own.
    Changed(i64, i64),
    Key(Vec<u8>),
    /// A name of an object: its dataset by number, in whose order names are listed, and its key.
    Name(i64, Vec<u8>),
}

/// Part of a listing.
#[derive(Debug, Default)]
pub struct Page {
    /// Objects that match, each with the key it was found under (empty outside a dataset).
    pub items: Items,
    /// Where the next page begins; `None`: the listing is done. A page may be short, or empty, and still
    /// not be the last: looking at rows that do not match is bounded too, and so are the bytes of a page.
    pub next: Option<Cursor>,
}

/// The objects of a page, each made when its turn comes.
pub struct Items(Box<dyn Rows>);

/// Rows of objects, checked.
pub(crate) trait Rows: ExactSizeIterator<Item = (Vec<u8>, Object)> + Send + Sync {
    /// Puts the next one in the place of another; `false`: nothing is left.
    fn next_into(&mut self, listed: &mut Listed) -> bool;
}

impl Rows for std::iter::Empty<(Vec<u8>, Object)> {
    fn next_into(&mut self, _: &mut Listed) -> bool {
        false
    }
}

impl Items {
    pub(crate) fn new(rows: impl Rows + 'static) -> Self {
        Self(Box::new(rows))
    }

    /// The next object, put in the place of another, whose room it uses again: for those who list many and ask little of
    /// each. `false`: nothing is left.
    pub fn next_into(&mut self, listed: &mut Listed) -> bool {
        self.0.next_into(listed)
    }
}

impl Default for Items {
    fn default() -> Self {
        Self::new(std::iter::empty())
    }
}

impl fmt::Debug for Items {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Items").field("left", &self.len()).finish()
    }
}

impl Iterator for Items {
    type Item = (Vec<u8>, Object);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Items {}

/// Some of an object's names.
#[derive(Debug, Clone, Default)]
pub struct NamesPage {
    /// The names.
    pub names: Vec<Name>,
    /// Where the next page begins; `None`: the listing is done.
    pub next: Option<Cursor>,
}
