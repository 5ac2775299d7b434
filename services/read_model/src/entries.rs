//! Maps of entries by id: the items or stores of a report.

use std::{fmt, marker::PhantomData};

use mongodb::bson::{Binary, rawdoc, spec::BinarySubtype};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, Visitor},
    ser::SerializeMap as _,
};

use crate::{
    by_id::{Added, ById},
    segment::{MAX_SEGMENTS, MOST_SEGMENTS, TEXTS, pack, unpack},
    sum::{Headroom, Sum},
    text::Word,
    update::{EncodeError, Update},
};

/// Figures of one item or store, with the texts that describe it.
pub trait Entry: Sum + Send + Sync + fmt::Debug + 'static {
    /// Figures of a row. New ones go to the end: stored rows know them by their place.
    const FIGURES: usize;

    /// Gives the rows that make the entry when they are added up, at least one.
    fn rows(&self, row: &mut dyn FnMut([&str; TEXTS], &[i64]));

    /// The entry of one row; `None` if there is no such row.
    fn of_row(texts: [&str; TEXTS], figures: &[i64]) -> Option<Self>;

    /// How much was sold, for counting the entries of which something was.
    fn lines_sold(&self) -> i64 {
        0
    }
}

/// Field with the number of the next segment, beside the segments.
const NEXT: &str = "n";

/// Memory of an entry beside its place in the map, roughly, in bytes: long texts, and figures that few entries have.
const ENTRY_OVERHEAD_BYTES: usize = 64;

/// Entries by id. In a document that is written again and again these are the sums since it was last stored; how they are
/// stored: see [`crate::segment`].
#[derive(Clone, Debug)]
pub struct Entries<E> {
    sums: ById<E>,
    headroom: Headroom,
    /// Number of the next segment of the stored document.
    next: u32,
    /// Rows of its first segment, and of those after it: as far as they were written here, 0 before.
    first_rows: usize,
    more_rows: usize,
    /// What is stored, if the next write shall replace all segments by one.
    gathered: Option<ById<E>>,
}

impl<E: Entry> Entries<E> {
    fn of(sums: ById<E>, next: u32) -> Self {
        Self {
            headroom: Headroom::of(sums.iter().map(|(_, sum)| sum)),
            sums,
            next,
            first_rows: 0,
            more_rows: 0,
            gathered: None,
        }
    }

    /// The entry of an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&E> {
        self.sums.get(id)
    }

    /// All entries in order of their ids.
    #[must_use]
    pub fn sorted(&self) -> Vec<(&str, &E)> {
        let mut entries: Vec<(&str, &E)> = self.sums.iter().collect();
        entries.sort_unstable_by_key(|(id, _)| *id);
        entries
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &E)> {
        self.sums.iter()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.sums.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sums.is_empty()
    }

    /// True if changes of different entries fit.
    pub(crate) fn takes(&self, changes: &[(Word, E)]) -> bool {
        let fits = |(id, change): &(Word, E)| self.sums.get(id).is_none_or(|before| before.plus(change).is_some());
        self.headroom.takes(changes) || changes.iter().all(fits)
    }

    /// The hash of an id. It stays the same for as long as the document is in memory.
    pub(crate) fn hash(&self, id: &str) -> u64 {
        self.sums.hash(id)
    }

    /// Adds a change that fits, of an id with this hash; see [`ById::add`].
    pub(crate) fn add(&mut self, hash: u64, id: &mut Word, change: &mut E) {
        self.headroom.took(change);
        _ = self.sums.add(hash, id, change);
    }

    /// The same, but an id that is not known is taken in only while there are fewer than `limit`; false if it is not.
    pub(crate) fn add_within(&mut self, limit: usize, hash: u64, id: &mut Word, change: &mut E) -> bool {
        let before = self.headroom;
        self.headroom.took(change);
        let is_in = self.sums.add_within(limit, hash, id, change) != Added::Full;
        if !is_in {
            self.headroom = before;
        }
        is_in
    }

    /// True if there is an entry of an id with this hash, or was one before what is stored was let go.
    pub(crate) fn knows(&self, hash: u64) -> bool {
        self.sums.knows(hash)
    }

    /// How many ids are known.
    pub(crate) fn known(&self) -> usize {
        self.sums.known()
    }

    /// How many segments there are, if the next write should replace them by one.
    pub(crate) fn scattered(&self) -> Option<u32> {
        let many = self.next >= MAX_SEGMENTS && self.more_rows + self.sums.len() >= self.first_rows / 2;
        ((many || self.next >= MOST_SEGMENTS) && !self.sums.is_empty()).then_some(self.next)
    }

    /// Takes what is stored, so that the next write replaces all segments by one; false if a sum would not fit.
    pub(crate) fn gather(&mut self, stored: Self) -> bool {
        let mut all = stored.sums;
        for (id, change) in self.sums.iter() {
            if !all.add(all.hash(id), &mut id.into(), &mut change.clone()) {
                return false;
            }
        }
        self.gathered = Some(all);
        true
    }

    pub(crate) fn changed(&self, map: &str, update: &mut Update) -> Result<(), EncodeError> {
        if let Some(all) = &self.gathered {
            return update.set(map, rawdoc! { "n": 1, "0": packed(all) });
        }
        if self.sums.is_empty() {
            return Ok(());
        }
        update.set(&format!("{map}.{NEXT}"), i32::try_from(self.next + 1).unwrap_or(i32::MAX))?;
        update.set(&format!("{map}.{}", self.next), packed(&self.sums))
    }

    /// Takes note that the document stands in the database as it is here.
    pub(crate) fn settle(&mut self) {
        self.is_stored();
        self.loaded();
    }

    /// The same, but ids stay known.
    pub(crate) fn settle_known(&mut self) {
        self.is_stored();
        self.loaded_known();
    }

    fn is_stored(&mut self) {
        if let Some(all) = self.gathered.take() {
            (self.next, self.first_rows, self.more_rows) = (1, all.len(), 0);
        } else if !self.sums.is_empty() {
            self.next += 1;
            self.more_rows += self.sums.len();
        }
    }

    /// Takes note that this is what is stored: sums begin at zero. Not only emptied: the map may have had room for a busy hour, in
    /// each of some thousand documents.
    pub(crate) fn loaded(&mut self) {
        self.sums.clear();
        self.headroom = Headroom::default();
    }

    /// The same, but ids stay known.
    pub(crate) fn loaded_known(&mut self) {
        self.sums.empty();
        self.headroom = Headroom::default();
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.sums.heap_bytes() + self.sums.len() * ENTRY_OVERHEAD_BYTES
    }
}

fn packed<E: Entry>(entries: &ById<E>) -> Binary {
    binary(pack(entries.iter()))
}

/// A binary value of MongoDB.
pub(crate) fn binary(bytes: Vec<u8>) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes }
}

impl<E> Default for Entries<E> {
    fn default() -> Self {
        Self {
            sums: ById::default(),
            headroom: Headroom::default(),
            next: 0,
            first_rows: 0,
            more_rows: 0,
            gathered: None,
        }
    }
}

impl<E: PartialEq> PartialEq for Entries<E> {
    fn eq(&self, other: &Self) -> bool {
        self.sums == other.sums
    }
}

impl<E: Entry> FromIterator<(Word, E)> for Entries<E> {
    fn from_iter<I: IntoIterator<Item = (Word, E)>>(entries: I) -> Self {
        Self::of(entries.into_iter().collect(), 0)
    }
}

impl<E: Entry> Serialize for Entries<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(NEXT, &i32::from(!self.sums.is_empty()))?;
        if !self.sums.is_empty() {
            map.serialize_entry("0", &packed(&self.sums))?;
        }
        map.end()
    }
}

impl<'de, E: Entry> Deserialize<'de> for Entries<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Segments(PhantomData))
    }
}

/// Reads segments and adds them up in their order.
struct Segments<E>(PhantomData<E>);

impl<'de, E: Entry> Visitor<'de> for Segments<E> {
    type Value = Entries<E>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("segments by number")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut next = 0;
        let mut segments: Vec<(u32, Bytes<'de>)> = Vec::new();
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if name == NEXT {
                next = map.next_value()?;
            } else {
                let number = name.parse().map_err(|_| A::Error::custom("a segment has no number"))?;
                segments.push((number, map.next_value()?));
            }
        }
        // Of a text the last word counts.
        segments.sort_unstable_by_key(|(number, _)| *number);
        let mut sums = ById::default();
        for (_, bytes) in segments {
            unpack(&bytes.0, &mut sums).ok_or_else(|| A::Error::custom("a segment cannot be read"))?;
        }
        Ok(Entries::of(sums, next))
    }
}

/// A binary value, not copied where that is possible.
pub(crate) struct Bytes<'de>(pub(crate) std::borrow::Cow<'de, [u8]>);

impl<'de> Deserialize<'de> for Bytes<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfBytes;
        impl<'de> Visitor<'de> for OfBytes {
            type Value = Bytes<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a segment")
            }

            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Bytes(bytes.into()))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Bytes(bytes.to_vec().into()))
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Self::Value, E> {
                Ok(Bytes(bytes.into()))
            }
        }
        deserializer.deserialize_bytes(OfBytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{figures::ItemSales, stock::StockEntry, store_day_item::StoreDayItem, supplier_entry::SupplierEntry};

    /// Writes changes of these entries, and says how many segments there are then.
    fn write(
        entries: &mut Entries<StoreDayItem>,
        stored: &mut Entries<StoreDayItem>,
        ids: std::ops::Range<u32>,
    ) -> u32 {
        for id in ids.map(|id| id.to_string()) {
            let sold = ItemSales { transactions: 1, ..ItemSales::default() };
            let change = StoreDayItem { sold, ..StoreDayItem::default() };
            for target in [&mut *entries, &mut *stored] {
                target.add(target.hash(&id), &mut Word::from(id.as_str()), &mut change.clone());
            }
        }
        if entries.scattered().is_some() {
            assert!(entries.gather(stored.clone()), "sums fit");
        }
        entries.settle();
        entries.next
    }

    /// Memory of an entry with its id, in bytes: there are millions of them, and adding to one is mostly waiting for it.
    #[test]
    fn entries_are_small() {
        let sizes =
            [size_of::<(Word, StoreDayItem)>(), size_of::<(Word, SupplierEntry)>(), size_of::<(Word, StockEntry)>()];
        assert_eq!(sizes, [96, 120, 56]);
    }

    #[test]
    fn a_large_document_is_made_one_when_half_as_much_was_added_or_at_last() {
        // Half of 200 entries after 20 writes of 5; never of one each; of 50 each after two, but not with so few segments.
        for (each, most) in [(5, 20), (1, MOST_SEGMENTS), (50, MAX_SEGMENTS)] {
            let (mut entries, mut stored) = (Entries::default(), Entries::default());
            let first: Vec<u32> = (0..MAX_SEGMENTS).map(|_| write(&mut entries, &mut stored, 0..10)).collect();
            assert_eq!(first, (1..=MAX_SEGMENTS).collect::<Vec<_>>());
            assert_eq!(write(&mut entries, &mut stored, 0..200), 1, "nothing is known of the first: as soon as may be");
            let segments: Vec<u32> = (0..150).map(|_| write(&mut entries, &mut stored, 0..each)).collect();
            assert_eq!(segments.iter().max(), Some(&most), "{each} in each");
            assert_eq!(segments[usize::try_from(most).unwrap() - 1], 1, "and then all are one");
        }
    }
}
