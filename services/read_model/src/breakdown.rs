//! Figures broken down by category, register, operator and the like: few keys, all in the head of a report.
//!
//! A breakdown is stored whole, as one binary value (see [`crate::segment`]): each field that an update names costs the database
//! about as much as half a hundred bytes, and of a busy store most categories, registers and operators change from one write to
//! the next.

use std::collections::BTreeMap;

use mongodb::bson::Binary;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    by_id::ById,
    entries::{Bytes, Entry, binary},
    figures::{CategoryFigures, SalesFigures, SupplierFigures, TaxFigures, TenderFigures},
    segment::{TEXTS, pack, unpack},
    sum::Headroom,
    text::Word,
    update::{EncodeError, Update},
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
    sums: BTreeMap<Word, F>,
    headroom: Headroom,
    /// Since it was stored.
    has_changed: bool,
}

impl<F: Entry> Breakdown<F> {
    /// The figures of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&F> {
        self.sums.get(key)
    }

    /// All figures in order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &F)> {
        self.sums.iter().map(|(key, sum)| (&**key, sum))
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
    pub(crate) fn takes(&self, changes: &[(Word, F)]) -> bool {
        self.headroom.takes(changes) || self.clone().try_add(changes.iter().cloned())
    }

    /// Adds changes that fit.
    pub(crate) fn add(&mut self, changes: impl IntoIterator<Item = (Word, F)>) {
        _ = self.try_add(changes);
    }

    /// Adds changes; false if some do not fit.
    fn try_add(&mut self, changes: impl IntoIterator<Item = (Word, F)>) -> bool {
        let mut fits = true;
        let mut room = BREAKDOWN_KEYS.saturating_sub(self.sums.len());
        for (key, change) in changes {
            self.headroom.took(&change);
            self.has_changed = true;
            if let Some(sum) = self.sums.get_mut(&key) {
                fits &= sum.add(&change);
                continue;
            }
            // The sum of what came too late does not count: it takes the room of no key.
            let key = if &*key == OTHER || room == 0 { Word::inline(OTHER) } else { key };
            room -= usize::from(&*key != OTHER);
            fits &= self.sums.entry(key).or_default().add(&change);
        }
        fits
    }

    pub(crate) fn changed(&self, name: &str, update: &mut Update) -> Result<(), EncodeError> {
        if self.has_changed { update.set(name, self.packed()) } else { Ok(()) }
    }

    pub(crate) fn settle(&mut self) {
        self.has_changed = false;
    }

    fn packed(&self) -> Binary {
        binary(pack(self.iter()))
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        // A node of the tree has room for 11 keys, and holds 6 at least unless it is the only one.
        let nodes = self.sums.len().div_ceil(NODE_KEYS_AT_LEAST);
        nodes * NODE_KEYS * size_of::<(Word, F)>() + self.sums.len() * KEY_OVERHEAD_BYTES
    }
}

impl<F> Default for Breakdown<F> {
    fn default() -> Self {
        Self { sums: BTreeMap::new(), headroom: Headroom::default(), has_changed: false }
    }
}

impl<F: Entry> FromIterator<(Word, F)> for Breakdown<F> {
    fn from_iter<I: IntoIterator<Item = (Word, F)>>(sums: I) -> Self {
        let sums: BTreeMap<Word, F> = sums.into_iter().collect();
        Self { headroom: Headroom::of(sums.values()), sums, has_changed: false }
    }
}

impl<F: PartialEq> PartialEq for Breakdown<F> {
    fn eq(&self, other: &Self) -> bool {
        self.sums == other.sums
    }
}

impl<F: Entry> Serialize for Breakdown<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.packed().serialize(serializer)
    }
}

impl<'de, F: Entry> Deserialize<'de> for Breakdown<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Bytes::deserialize(deserializer)?;
        let mut sums: ById<F> = ById::default();
        unpack(&bytes.0, &mut sums).ok_or_else(|| D::Error::custom("a breakdown cannot be read"))?;
        Ok(sums.into_entries().into_iter().collect())
    }
}

macro_rules! rows_of_figures {
    ($($name:ident),*) => {$(
        /// A row without texts.
        impl Entry for $name {
            const FIGURES: usize = Self::FIGURES;

            fn rows(&self, row: &mut dyn FnMut([&str; TEXTS], &[i64])) {
                row([""; TEXTS], &self.figures());
            }

            fn of_row(_: [&str; TEXTS], figures: &[i64]) -> Option<Self> {
                Self::of_figures(figures)
            }
        }
    )*};
}

rows_of_figures!(CategoryFigures, SalesFigures, SupplierFigures, TaxFigures, TenderFigures);
