//! A map by id for entries that come one by one and go all at once.
//!
//! The entries stand in a list, in the order in which they came, and beside it is where each is found by the hash of its id. So
//! a map that grows moves no entry to another place of a table, which costs as much as adding to it: what is moved is a hash and
//! a number. And whoever knows the hash of an id need not work it out again.

use std::{
    collections::{HashMap, hash_map},
    hash::{BuildHasherDefault, Hasher},
    mem,
};

use ahash::RandomState;

use crate::{sum::Sum, text::Text};

/// A map by id. Its hash is quick, and keyed, so that nobody can make up ids that clash.
#[derive(Clone, Debug)]
pub struct ById<E> {
    hasher: RandomState,
    /// By hash. Where two ids have the same, the later one stands at the next number that is free.
    places: HashMap<u64, usize, BuildHasherDefault<Hashed>>,
    entries: Vec<(Text, E)>,
}

/// What is looked up is a hash already.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hashed(u64);

impl Hasher for Hashed {
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl<E> ById<E> {
    /// The hash of an id. It stays the same when the map is cleared.
    pub(crate) fn hash(&self, id: &str) -> u64 {
        self.hasher.hash_one(id)
    }

    /// The entry of an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&E> {
        let mut hash = self.hash(id);
        while let Some(place) = self.places.get(&hash) {
            let (known, entry) = self.entries.get(*place)?;
            if known == id {
                return Some(entry);
            }
            hash = hash.wrapping_add(1);
        }
        None
    }

    /// Adds to the entry of an id, which has this hash; false if a figure does not fit. Only what is new is taken from where it
    /// is: most is added to what is there, and need not be moved for that.
    pub(crate) fn add(&mut self, mut hash: u64, id: &mut Text, change: &mut E) -> bool
    where
        E: Sum,
    {
        loop {
            match self.places.entry(hash) {
                hash_map::Entry::Vacant(free) => {
                    free.insert(self.entries.len());
                    self.entries.push((mem::take(id), mem::take(change)));
                    return true;
                }
                hash_map::Entry::Occupied(place) => match self.entries.get_mut(*place.get()) {
                    Some((known, sum)) if known == id => return sum.add(change),
                    _ => hash = hash.wrapping_add(1),
                },
            }
        }
    }

    /// All entries, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &E)> {
        self.entries.iter().map(|(id, entry)| (&**id, entry))
    }

    pub(crate) fn into_entries(self) -> Vec<(Text, E)> {
        self.entries
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Room for so many entries.
    pub(crate) fn reserve(&mut self, entries: usize) {
        let more = entries.saturating_sub(self.len());
        self.places.reserve(more);
        self.entries.reserve(more);
    }

    /// Forgets all entries, and gives back their memory.
    pub(crate) fn clear(&mut self) {
        (self.places, self.entries) = (HashMap::default(), Vec::new());
    }

    /// Memory that the map uses, without long ids, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.places.capacity() * (size_of::<(u64, usize)>() + 1) + self.entries.capacity() * size_of::<(Text, E)>()
    }
}

impl<E> Default for ById<E> {
    fn default() -> Self {
        Self { hasher: RandomState::new(), places: HashMap::default(), entries: Vec::new() }
    }
}

impl<E: PartialEq> PartialEq for ById<E> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(id, entry)| other.get(id) == Some(entry))
    }
}

/// Entries of the same id are added up.
impl<E: Sum> FromIterator<(Text, E)> for ById<E> {
    fn from_iter<I: IntoIterator<Item = (Text, E)>>(entries: I) -> Self {
        let mut by_id = Self::default();
        for (mut id, mut entry) in entries {
            _ = by_id.add(by_id.hash(&id), &mut id, &mut entry);
        }
        by_id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stock::StockEntry;

    fn of(on_hand_milli: i64) -> StockEntry {
        StockEntry { on_hand_milli, ..StockEntry::default() }
    }

    #[test]
    fn ids_with_the_same_hash_have_entries_of_their_own() {
        let mut by_id = ById::default();
        let hash = by_id.hash("a");
        for (id, on_hand) in [("b", 1), ("c", 2), ("a", 4), ("b", 8), ("c", 16), ("a", 32)] {
            assert!(by_id.add(hash, &mut id.into(), &mut of(on_hand)));
        }
        let all: Vec<(&str, i64)> = by_id.iter().map(|(id, entry)| (id, entry.on_hand_milli)).collect();
        assert_eq!(all, [("b", 9), ("c", 18), ("a", 36)]);
        assert_eq!(by_id.get("a"), Some(&of(36)));
        assert_eq!(by_id.get("d"), None);
    }

    #[test]
    fn the_order_makes_no_difference() {
        let entries = [("a", 1), ("b", 2), ("c", 3)].map(|(id, on_hand)| (Text::from(id), of(on_hand)));
        let one: ById<StockEntry> = entries.iter().cloned().collect();
        let other: ById<StockEntry> = entries.iter().rev().cloned().collect();
        assert_eq!(one, other);
        assert_ne!(one, entries.into_iter().take(2).collect());
    }
}
