//! Attributes: a user's names and values.

use std::fmt;

use crate::wire::{Reader, Writer};

/// A user's names and values on an object or a dataset. Names are UTF-8, values any bytes.
///
/// A sorted map, small by its nature (`check_attributes`), that is one run of bytes: reading an object takes one
/// allocation for all of them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// In order of name, each: varint length, name, varint length, value.
    encoded: Vec<u8>,
}

impl Attributes {
    /// None.
    pub const fn new() -> Self {
        Self { encoded: Vec::new() }
    }

    /// Sets one, in place of what it was.
    pub fn insert(&mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) {
        let (name, value) = (name.as_ref().as_bytes(), value.as_ref());
        let write = |bytes: &mut Vec<u8>| {
            for part in [name, value] {
                Writer(bytes).varint(part.len() as u64).bytes(part);
            }
        };
        let (start, end) = self.range(name);
        if start == self.encoded.len() {
            return write(&mut self.encoded); // Most come in order.
        }
        let mut one = Vec::with_capacity(name.len() + value.len() + 4);
        write(&mut one);
        self.encoded.splice(start..end, one);
    }

    /// Sets and removes, in this order.
    pub fn update(&mut self, updates: &[(String, Option<Vec<u8>>)]) {
        let len = |(name, value): &(String, Option<Vec<u8>>)| name.len() + value.as_ref().map_or(0, Vec::len);
        self.encoded.reserve(updates.iter().map(len).sum::<usize>() + 4 * updates.len());
        for (name, value) in updates {
            match value {
                Some(value) => self.insert(name, value),
                None => self.remove(name),
            }
        }
    }

    /// Removes one, if it is there.
    pub fn remove(&mut self, name: &str) {
        let (start, end) = self.range(name.as_bytes());
        self.encoded.drain(start..end);
    }

    /// The value of one.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let mut rest = Reader(&self.encoded);
        while let (Some(other), Some(value)) = (part(&mut rest), part(&mut rest)) {
            if other == name.as_bytes() {
                return Some(value);
            }
        }
        None
    }

    /// All, in order of name.
    pub fn iter(&self) -> AttributesIter<'_> {
        AttributesIter { rest: Reader(&self.encoded) }
    }

    /// How many.
    pub fn len(&self) -> usize {
        let mut rest = Reader(&self.encoded);
        std::iter::from_fn(|| part(&mut rest).and_then(|_| part(&mut rest))).count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.encoded.is_empty()
    }

    /// All, as one run of bytes. `docs/format.md`, section 10.
    pub(crate) fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// What [`encoded`](Self::encoded) gave; `None` for what it cannot have given.
    pub(crate) fn decode(encoded: &[u8]) -> Option<Self> {
        Self::are_encoded(encoded).then(|| Self { encoded: encoded.to_vec() })
    }

    /// What [`decode`](Self::decode) took before, in the place of these, whose room is used again.
    pub(crate) fn replace_by(&mut self, encoded: &[u8]) {
        self.encoded.clear();
        self.encoded.extend_from_slice(encoded);
    }

    /// Whether [`decode`](Self::decode) takes it.
    pub(crate) fn are_encoded(encoded: &[u8]) -> bool {
        let mut rest = Reader(encoded);
        let mut before: Option<&[u8]> = None;
        while !rest.0.is_empty() {
            let (Some(name), Some(_value)) = (part(&mut rest), part(&mut rest)) else { return false };
            // Most are ASCII, which is quicker told.
            let is_text = name.is_ascii() || std::str::from_utf8(name).is_ok();
            if !is_text || before.is_some_and(|before| before >= name) {
                return false;
            }
            before = Some(name);
        }
        true
    }

    /// Where `name` is, or would go.
    fn range(&self, name: &[u8]) -> (usize, usize) {
        let mut rest = Reader(&self.encoded);
        loop {
            let start = self.encoded.len() - rest.0.len();
            let Some(found) = part(&mut rest).filter(|found| *found <= name) else { return (start, start) };
            part(&mut rest);
            if found == name {
                return (start, self.encoded.len() - rest.0.len());
            }
        }
    }
}

fn part<'a>(rest: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = usize::try_from(rest.varint()?).ok()?;
    rest.bytes(length)
}

/// Names and values, in order of name.
#[derive(Debug, Clone)]
pub struct AttributesIter<'a> {
    rest: Reader<'a>,
}

impl<'a> Iterator for AttributesIter<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let name = std::str::from_utf8(part(&mut self.rest)?).ok()?;
        Some((name, part(&mut self.rest)?))
    }
}

impl<'a> IntoIterator for &'a Attributes {
    type Item = (&'a str, &'a [u8]);
    type IntoIter = AttributesIter<'a>;

    fn into_iter(self) -> AttributesIter<'a> {
        self.iter()
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> Extend<(N, V)> for Attributes {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, others: I) {
        others.into_iter().for_each(|(name, value)| self.insert(name, value));
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> FromIterator<(N, V)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(all: I) -> Self {
        let mut attributes = Self::new();
        attributes.extend(all);
        attributes
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>, const COUNT: usize> From<[(N, V); COUNT]> for Attributes {
    fn from(all: [(N, V); COUNT]) -> Self {
        all.into_iter().collect()
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_map().entries(self).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_a_sorted_map(steps in prop::collection::vec(("[abé]{0,3}", prop::option::of(prop::collection::vec(any::<u8>(), 0..200))), 0..40)) {
            let (mut ours, mut map) = (Attributes::new(), BTreeMap::new());
            for (name, value) in steps {
                if let Some(value) = value {
                    ours.insert(&name, &value);
                    map.insert(name, value);
                } else {
                    ours.remove(&name);
                    map.remove(&name);
                }
                prop_assert!(ours.iter().eq(map.iter().map(|(name, value)| (name.as_str(), value.as_slice()))));
                prop_assert_eq!(ours.len(), map.len());
                prop_assert!(map.iter().all(|(name, value)| ours.get(name) == Some(value)));
                prop_assert_eq!(Attributes::decode(ours.encoded()), Some(ours.clone()));
            }
        }

        #[test]
        fn bytes_that_are_none_are_refused(bytes in prop::collection::vec(0_u8..4, 0..12)) {
            if let Some(attributes) = Attributes::decode(&bytes) {
                let again: Attributes = attributes.iter().collect();
                prop_assert_eq!(again.encoded(), bytes);
            }
        }
    }

    #[test]
    fn updates_are_made_in_their_order() {
        let updates = [
            ("b", Some("2")),
            ("é", Some("")),
            ("a", None),
            ("b", None),
            ("b", Some("3")),
            ("a b", Some("1")),
        ]
        .map(|(name, value)| (name.to_owned(), value.map(|value| value.as_bytes().to_vec())));
        let mut attributes = Attributes::from([("a", "0"), ("c", "4")]);
        attributes.update(&updates);
        assert_eq!(attributes, Attributes::from([("a b", "1"), ("b", "3"), ("c", "4"), ("é", "")]));
    }

    #[test]
    fn a_name_of_any_length_is_kept_until_it_is_checked() {
        let long = "x".repeat(70_000);
        let attributes = Attributes::from([(long.as_str(), b"1")]);
        assert_eq!(attributes.get(&long), Some(&b"1"[..]));
        assert!(crate::object::check_attributes(&attributes).is_err());
    }
}
