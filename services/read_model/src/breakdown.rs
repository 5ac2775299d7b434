//! Figures broken down by category, register, operator and the like: few keys, all in the head of a report.

use std::{
    collections::{BTreeMap, BTreeSet},
    marker::PhantomData,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap as _};

use crate::{
    entries::Escaped,
    error::FoldError,
    field_name::escape,
    sum::Sum,
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
    sums: BTreeMap<Box<str>, F>,
    changed: BTreeSet<Box<str>>,
}

/// New sums of some keys, which fit.
#[derive(Debug)]
pub(crate) struct Planned<F>(Vec<(Box<str>, F)>);

impl<F: Sum + Serialize> Breakdown<F> {
    /// The figures of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&F> {
        self.sums.get(key)
    }

    /// All figures in order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &F)> {
        self.sums.iter().map(|(key, figures)| (&**key, figures))
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.sums.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sums.is_empty()
    }

    /// Plans changes whose keys are all different.
    pub(crate) fn plan(&self, document: &str, changes: Vec<(Box<str>, F)>) -> Result<Planned<F>, FoldError> {
        let overflow = || FoldError::overflow(document);
        let mut planned: Vec<(Box<str>, F)> = Vec::with_capacity(changes.len());
        let mut joining = 0;
        let mut other: Option<F> = None;
        for (key, change) in changes {
            let known = self.sums.get(&key);
            let is_new = known.is_none() && &*key != OTHER;
            if &*key == OTHER || (is_new && self.sums.len() + joining >= BREAKDOWN_KEYS) {
                other = Some(other.unwrap_or_default().plus(&change).ok_or_else(overflow)?);
                continue;
            }
            joining += usize::from(is_new);
            let sum = known.map_or(Some(change.clone()), |known| known.plus(&change)).ok_or_else(overflow)?;
            planned.push((key, sum));
        }
        if let Some(change) = other {
            let sum = self.sums.get(OTHER).cloned().unwrap_or_default().plus(&change).ok_or_else(overflow)?;
            planned.push((OTHER.into(), sum));
        }
        Ok(Planned(planned))
    }

    pub(crate) fn commit(&mut self, planned: Planned<F>) {
        for (key, sum) in planned.0 {
            if !self.changed.contains(&key) {
                self.changed.insert(key.clone());
            }
            self.sums.insert(key, sum);
        }
    }

    pub(crate) fn changed(&self, map: &str, update: &mut Update) -> Result<(), EncodeError> {
        for key in &self.changed {
            if let Some(figures) = self.sums.get(key) {
                update.set_document(&path(map, key), figures)?;
            }
        }
        Ok(())
    }

    pub(crate) fn settle(&mut self) {
        self.changed.clear();
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        // A node of the tree has room for 11 keys, and holds 6 at least unless it is the only one.
        let nodes = self.sums.len().div_ceil(NODE_KEYS_AT_LEAST);
        nodes * NODE_KEYS * size_of::<(Box<str>, F)>() + self.sums.len() * KEY_OVERHEAD_BYTES
    }
}

impl<F> Default for Breakdown<F> {
    fn default() -> Self {
        Self { sums: BTreeMap::new(), changed: BTreeSet::new() }
    }
}

impl<F: PartialEq> PartialEq for Breakdown<F> {
    fn eq(&self, other: &Self) -> bool {
        self.sums == other.sums
    }
}

impl<F: Serialize> Serialize for Breakdown<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.sums.len()))?;
        for (key, figures) in &self.sums {
            map.serialize_entry(&*escape(key), figures)?;
        }
        map.end()
    }
}

impl<'de, F: Deserialize<'de>> Deserialize<'de> for Breakdown<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let sums = deserializer.deserialize_map(Escaped(PhantomData))?;
        Ok(Self { sums: sums.into_iter().collect(), changed: BTreeSet::new() })
    }
}
