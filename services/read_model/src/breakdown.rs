//! Figures broken down by category, register, operator and the like: few keys, all in the head of a report.

use std::{collections::BTreeMap, marker::PhantomData};

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap as _};

use crate::{
    entries::Escaped,
    field_name::escape,
    sum::{Headroom, Sum},
    text::Text,
    update::{EncodeError, Update, path},
};

/// Most keys of one breakdown. A store has some dozens of categories and registers and at most some hundred operators;
/// whoever invents new names must not make the document grow without end.
pub const BREAKDOWN_KEYS: usize = 1_000;

/// The key under which all are summed that came when the breakdown was full. A key that was in stays in, and one that
/// came too late never gets in, so that what a sale put there its void takes from there.
pub const OTHER: &str = "OTHER";

/// Memory of a key beside its place in the tree, roughly, in bytes.
const KEY_OVERHEAD_BYTES: usize = 48;

/// Keys that a node of a `BTreeMap` has room for, and holds at least unless it is the only one.
const NODE_KEYS: usize = 11;
const NODE_KEYS_AT_LEAST: usize = 6;

/// Sums by key.
#[derive(Clone, Debug)]
pub struct Breakdown<F> {
    sums: BTreeMap<Text, Kept<F>>,
    headroom: Headroom,
    has_changed: bool,
}

#[derive(Clone, Debug)]
struct Kept<F> {
    sum: F,
    /// Since it was stored.
    has_changed: bool,
}

impl<F: Sum + Serialize> Breakdown<F> {
    /// The figures of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&F> {
        self.sums.get(key).map(|kept| &kept.sum)
    }

    /// All figures in order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &F)> {
        self.sums.iter().map(|(key, kept)| (&**key, &kept.sum))
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.sums.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sums.is_empty()
    }

    /// True if changes of different keys fit.
    pub(crate) fn takes(&self, changes: &[(Text, F)]) -> bool {
        self.headroom.takes(changes) || self.clone().try_add(changes.iter().cloned())
    }

    /// Adds changes that fit.
    pub(crate) fn add(&mut self, changes: impl IntoIterator<Item = (Text, F)>) {
        _ = self.try_add(changes);
    }

    /// Adds changes; false if some do not fit.
    fn try_add(&mut self, changes: impl IntoIterator<Item = (Text, F)>) -> bool {
        let mut fits = true;
        let mut room = BREAKDOWN_KEYS.saturating_sub(self.sums.len());
        for (key, change) in changes {
            self.headroom.took(&change);
            self.has_changed = true;
            if let Some(kept) = self.sums.get_mut(&key) {
                kept.has_changed = true;
                fits &= kept.sum.add(&change);
                continue;
            }
            // The sum of what came too late does not count: it takes the room of no key.
            let key = if &*key == OTHER || room == 0 { Text::const_new(OTHER) } else { key };
            room -= usize::from(&*key != OTHER);
            let kept = self.sums.entry(key).or_insert_with(|| Kept { sum: F::default(), has_changed: true });
            kept.has_changed = true;
            fits &= kept.sum.add(&change);
        }
        fits
    }

    pub(crate) fn changed(&self, map: &str, update: &mut Update) -> Result<(), EncodeError> {
        for (key, kept) in self.sums.iter().filter(|(_, kept)| kept.has_changed) {
            update.set_document(&path(map, key), &kept.sum)?;
        }
        Ok(())
    }

    pub(crate) fn settle(&mut self) {
        if std::mem::take(&mut self.has_changed) {
            self.sums.values_mut().for_each(|kept| kept.has_changed = false);
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        // A node of the tree has room for 11 keys, and holds 6 at least unless it is the only one.
        let nodes = self.sums.len().div_ceil(NODE_KEYS_AT_LEAST);
        nodes * NODE_KEYS * size_of::<(Text, Kept<F>)>() + self.sums.len() * KEY_OVERHEAD_BYTES
    }
}

impl<F> Default for Breakdown<F> {
    fn default() -> Self {
        Self { sums: BTreeMap::new(), headroom: Headroom::default(), has_changed: false }
    }
}

impl<F: PartialEq> PartialEq for Breakdown<F> {
    fn eq(&self, other: &Self) -> bool {
        let same = |((key, kept), (other_key, other)): ((_, &Kept<F>), (_, &Kept<F>))| {
            key == other_key && kept.sum == other.sum
        };
        self.sums.len() == other.sums.len() && self.sums.iter().zip(&other.sums).all(same)
    }
}

impl<F: Serialize> Serialize for Breakdown<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.sums.len()))?;
        for (key, kept) in &self.sums {
            map.serialize_entry(&*escape(key), &kept.sum)?;
        }
        map.end()
    }
}

impl<'de, F: Sum + Deserialize<'de>> Deserialize<'de> for Breakdown<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let sums = deserializer.deserialize_map(Escaped(PhantomData))?;
        let kept = |(key, sum)| (key, Kept { sum, has_changed: false });
        Ok(Self {
            headroom: Headroom::of(sums.values()),
            sums: sums.into_iter().map(kept).collect(),
            has_changed: false,
        })
    }
}
