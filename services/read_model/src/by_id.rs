//! A map by id for entries that come one by one and go all at once.
//!
//! The entries stand in a list, in the order in which they came, and beside it is where each is found by the hash of its id. So
//! a map that grows moves no entry to another place of a table, which costs as much as adding to it: what is moved is a hash and
//! a number. And whoever knows the hash of an id need not work it out again.
//!
//! A map can also remember of which ids it had entries before they went. They are known by their hashes: of 4,000 ids two have the
//! same by chance in one map of some 10^12.

use std::{
    collections::{HashMap, hash_map},
    hash::{BuildHasherDefault, Hasher},
    mem,
};

use ahash::RandomState;

use crate::{sum::Sum, text::Word};

/// A map by id. Its hash is quick, and keyed, so that nobody can make up ids that clash.
#[derive(Clone, Debug)]
pub struct ById<E> {
    hasher: RandomState,
    /// By hash. Where two ids have the same, the later one stands at the next number that is free.
    places: HashMap<u64, Place, BuildHasherDefault<Hashed>>,
    entries: Vec<(Word, E)>,
    /// How often the entries went.
    round: u32,
    /// How many entries there were when they last went: about as many will come again.
    before: usize,
}

/// Room is made for so many entries at once at most, if as many are expected.
const MOST_AT_ONCE: usize = 64;

/// Where an entry is in the list, if it came in this round.
#[derive(Clone, Copy, Debug)]
struct Place {
    round: u32,
    index: u32,
}

/// What came of adding to a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    Fits,
    /// A figure does not fit.
    TooMuch,
    /// There is no room for another entry.
    Full,
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
            match self.entry(*place) {
                Some((known, entry)) if known == id => return Some(entry),
                _ => hash = hash.wrapping_add(1),
            }
        }
        None
    }

    fn entry(&self, place: Place) -> Option<&(Word, E)> {
        let index = usize::try_from(place.index).ok().filter(|_| place.round == self.round)?;
        self.entries.get(index)
    }

    /// True if there is, or was, an entry of an id with this hash.
    pub(crate) fn knows(&self, hash: u64) -> bool {
        self.places.contains_key(&hash)
    }

    /// How many ids are known.
    pub(crate) fn known(&self) -> usize {
        self.places.len()
    }

    /// Adds to the entry of an id, which has this hash; false if a figure does not fit. Only what is new is taken from where it
    /// is: most is added to what is there, and need not be moved for that.
    pub(crate) fn add(&mut self, hash: u64, id: &mut Word, change: &mut E) -> bool
    where
        E: Sum,
    {
        self.add_within(usize::MAX, hash, id, change) == Added::Fits
    }

    /// The same, but an id that is not known is taken in only while there are fewer than `limit`.
    pub(crate) fn add_within(&mut self, limit: usize, mut hash: u64, id: &mut Word, change: &mut E) -> Added
    where
        E: Sum,
    {
        loop {
            let known = self.places.len();
            let new = Place { round: self.round, index: u32::try_from(self.entries.len()).unwrap_or(u32::MAX) };
            match self.places.entry(hash) {
                hash_map::Entry::Vacant(_) if known >= limit => return Added::Full,
                hash_map::Entry::Vacant(free) => {
                    free.insert(new);
                }
                hash_map::Entry::Occupied(mut place) => {
                    let found = *place.get();
                    if found.round == self.round {
                        let index = usize::try_from(found.index).unwrap_or(usize::MAX);
                        match self.entries.get_mut(index) {
                            Some((known, sum)) if known == id => {
                                return if sum.add(change) { Added::Fits } else { Added::TooMuch };
                            }
                            _ => {
                                hash = hash.wrapping_add(1);
                                continue;
                            }
                        }
                    }
                    // Of a round before.
                    place.insert(new);
                }
            }
            if self.entries.capacity() == 0 {
                self.entries.reserve_exact(self.before.min(MOST_AT_ONCE));
            }
            self.entries.push((mem::take(id), mem::take(change)));
            return Added::Fits;
        }
    }

    /// All entries, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &E)> {
        self.entries.iter().map(|(id, entry)| (&**id, entry))
    }

    pub(crate) fn into_entries(self) -> Vec<(Word, E)> {
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
        self.places = HashMap::default();
        self.empty();
    }

    /// Gives the entries away with their memory, but remembers their ids.
    pub(crate) fn empty(&mut self) {
        self.before = self.entries.len();
        self.entries = Vec::new();
        self.round = self.round.wrapping_add(1);
    }

    /// Memory that the map uses, without long ids, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.places.capacity() * (size_of::<(u64, Place)>() + 1) + self.entries.capacity() * size_of::<(Word, E)>()
    }
}

impl<E> Default for ById<E> {
    fn default() -> Self {
        Self { hasher: RandomState::new(), places: HashMap::default(), entries: Vec::new(), round: 0, before: 0 }
    }
}

impl<E: PartialEq> PartialEq for ById<E> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(id, entry)| other.get(id) == Some(entry))
    }
}

/// Entries of the same id are added up.
impl<E: Sum> FromIterator<(Word, E)> for ById<E> {
    fn from_iter<I: IntoIterator<Item = (Word, E)>>(entries: I) -> Self {
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
    fn ids_are_known_when_their_entries_have_gone() {
        let mut by_id = ById::default();
        let add = |by_id: &mut ById<StockEntry>, id: &str, on_hand, limit| {
            by_id.add_within(limit, by_id.hash(id), &mut id.into(), &mut of(on_hand))
        };
        assert_eq!(["a", "b", "c"].map(|id| add(&mut by_id, id, 1, 2)), [Added::Fits, Added::Fits, Added::Full]);
        by_id.empty();
        assert_eq!((by_id.known(), by_id.len(), by_id.get("a")), (2, 0, None));
        assert!(by_id.knows(by_id.hash("b")) && !by_id.knows(by_id.hash("c")));
        assert_eq!(["c", "b", "b"].map(|id| add(&mut by_id, id, 2, 2)), [Added::Full, Added::Fits, Added::Fits]);
        assert_eq!(add(&mut by_id, "b", i64::MAX, 2), Added::TooMuch);
        by_id.empty();
        assert_eq!(["b", "a"].map(|id| add(&mut by_id, id, 5, 2)), [Added::Fits; 2]);
        assert_eq!(by_id.iter().map(|(id, _)| id).collect::<Vec<_>>(), ["b", "a"]);
        by_id.clear();
        assert_eq!((by_id.known(), add(&mut by_id, "c", 1, 1)), (0, Added::Fits));
    }

    #[test]
    fn the_order_makes_no_difference() {
        let entries = [("a", 1), ("b", 2), ("c", 3)].map(|(id, on_hand)| (Word::from(id), of(on_hand)));
        let one: ById<StockEntry> = entries.iter().cloned().collect();
        let other: ById<StockEntry> = entries.iter().rev().cloned().collect();
        assert_eq!(one, other);
        assert_ne!(one, entries.into_iter().take(2).collect());
    }
}
