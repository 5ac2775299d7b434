//! Reports with very many entries.
//!
//! The head of a report holds the entries that came first, up to a limit; those that came later stand on pages, each entry
//! on the page that the hash of its id names. An entry never moves: what is inline stays inline, and what came when the
//! head was full is never taken in, because a full head stays full.
//!
//! Head and pages are written one by one, so after a crash any of them may be behind the others, and the log is folded
//! again from a position that all of them have passed or reached. The outcome is the same as without the crash:
//!
//! - The head is a function of the log alone: it looks at no page. Folded again, it takes in the same entries.
//! - Where an entry of an event stands can be told from the head whenever the head has the event. Either the head does not
//!   have it yet: then the fold decides, as it did the first time. Or the head has it, and perhaps later ones: then the
//!   entry was decided on at this event or before, and what was decided never changes, so it stands inline exactly if it is
//!   inline now.
//! - So a page is given the same changes in the same order as the first time, and leaves out those that it has, by its own
//!   position.
//!
//! A change that the head refuses (a figure would not fit) goes to no page either.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    hash::BuildHasherDefault,
    mem,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    by_id::Hashed,
    document::{SEPARATOR, Stamp, Stored},
    entries::{Entries, Entry},
    error::FoldError,
    slot,
    text::Word,
    update::{EncodeError, Update},
};

/// Number of pages on which the entries beyond the head stand. 60,000 items make pages of about 3,500, so that a page is as
/// large as a head.
pub const PAGES: u32 = 16;

/// What belongs on one page of a report.
#[derive(Debug)]
pub struct Spilled<E> {
    /// Id of the page.
    pub page: String,
    pub entries: Vec<(Word, E)>,
}

/// The entries of a report that are full of their own in a document apart from the head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "E: Entry")]
pub struct Page<E> {
    #[serde(flatten)]
    pub stamp: Stamp,
    #[serde(rename = "e", default)]
    pub entries: Entries<E>,
}

impl<E: Entry> Page<E> {
    /// A page before its first event.
    #[must_use]
    pub fn open(id: String, head_id: &str) -> Self {
        Self { stamp: Stamp::new(id, head_id), entries: Entries::default() }
    }

    /// Folds changes into the page, all or none. If the page has them already, nothing changes.
    ///
    /// # Errors
    /// If a figure would not fit.
    pub fn fold(&mut self, position: i64, mut changes: Vec<(Word, E)>) -> Result<(), FoldError> {
        if self.stamp.has(position) {
            return Ok(());
        }
        if !self.entries.takes(&changes) {
            return Err(FoldError::overflow(&self.stamp.id));
        }
        for (id, change) in &mut changes {
            self.entries.add(self.entries.hash(id), id, change);
        }
        self.stamp.position = position;
        Ok(())
    }
}

impl<E: Entry> Stored for Page<E> {
    const NEEDS_CONTENT: bool = false;

    fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    fn stamp_mut(&mut self) -> &mut Stamp {
        &mut self.stamp
    }

    fn changed(&self, update: &mut Update) -> Result<(), EncodeError> {
        self.entries.changed("e", update)
    }

    fn settle(&mut self) {
        self.entries.settle();
    }

    fn loaded(&mut self) {
        self.entries.loaded();
    }

    fn scattered(&self) -> Option<u32> {
        self.entries.scattered()
    }

    fn gather(&mut self, stored: Self) -> bool {
        self.entries.gather(stored.entries)
    }

    fn each_entry(&self, entry: &mut dyn FnMut(String, &dyn fmt::Debug)) {
        self.entries.iter().for_each(|(id, one)| entry(format!("entries[{id}]"), one));
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.stamp.id.len() + self.entries.heap_bytes()
    }
}

/// The kinds of entries that a report can have pages of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Items,
    Stores,
}

impl Section {
    /// The letter of the section in the ids of pages.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::Items => 'i',
            Self::Stores => 's',
        }
    }

    /// The id of a page.
    #[must_use]
    pub fn page_id(self, head_id: &str, page: u32) -> String {
        format!("{head_id}{SEPARATOR}{}{SEPARATOR}{page:02}", self.letter())
    }

    /// The page on which an entry stands if it is not inline.
    #[must_use]
    pub fn page_of(self, head_id: &str, entry_id: &str) -> String {
        format!("{head_id}{SEPARATOR}{}{SEPARATOR}{:02}", self.letter(), slot::page(entry_id, PAGES))
    }
}

/// The entries of a report that stand in its head. Of which ids they are stays known for as long as the head is in memory, while its
/// store trades: see [`crate::by_id`].
#[derive(Clone, Debug, Default)]
pub struct Inline<E> {
    /// All of them in a document that was just read; those that changed in one that is written again and again.
    pub entries: Entries<E>,
    /// Of stores. Not worked out yet in a document that was just read: then it is what `entries` say.
    sold: Option<Sold>,
}

/// What was sold in the stores of a head.
#[derive(Clone, Debug, Default)]
struct Sold {
    /// Lines by the hash of the store's id.
    lines: HashMap<u64, i64, BuildHasherDefault<Hashed>>,
    /// In how many stores something was sold.
    selling: i64,
    /// What no store's lines exceed, whatever their sign: while a change cannot bring this beyond 64 bits, none has to be looked at.
    most: u64,
}

impl Sold {
    /// That of a document that was just read.
    fn of<E: Entry>(entries: &Entries<E>) -> Self {
        let mut sold = Self::default();
        for (id, entry) in entries.iter() {
            sold.add(entries.hash(id), entry.lines_sold());
        }
        sold
    }

    fn lines(&self, hash: u64) -> i64 {
        self.lines.get(&hash).copied().unwrap_or(0)
    }

    fn add(&mut self, hash: u64, lines_sold: i64) {
        self.most = self.most.saturating_add(lines_sold.unsigned_abs());
        let sum = self.lines.entry(hash).or_default();
        let before = mem::replace(sum, sum.saturating_add(lines_sold));
        self.selling += i64::from(*sum > 0) - i64::from(before > 0);
    }

    fn heap_bytes(&self) -> usize {
        self.lines.capacity() * (size_of::<(u64, i64)>() + 1)
    }
}

impl<E: Entry> Inline<E> {
    /// How many of the stores had something sold, once something was added.
    #[must_use]
    pub fn selling(&self) -> i64 {
        self.sold.as_ref().map_or(0, |sold| sold.selling)
    }

    /// How many entries there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.known()
    }

    /// True if changes of different entries fit.
    pub(crate) fn takes(&self, section: Section, changes: &[(Word, E)]) -> bool {
        if !self.entries.takes(changes) {
            return false;
        }
        // What `entries` hold of a document that was just read is all that was sold.
        let Some(sold) = self.sold.as_ref().filter(|_| section == Section::Stores) else { return true };
        let more = changes.iter().fold(sold.most, |most, (_, change)| {
            let lines_sold: i64 = change.lines_sold();
            most.saturating_add(lines_sold.unsigned_abs())
        });
        let fits =
            |(id, change): &(Word, E)| sold.lines(self.entries.hash(id)).checked_add(change.lines_sold()).is_some();
        i64::try_from(more).is_ok() || changes.iter().all(fits)
    }

    /// Adds changes that fit and that the head does not have yet, and answers what belongs on pages. New entries are taken in
    /// while there are fewer than `limit`.
    pub(crate) fn add(
        &mut self,
        head_id: &str,
        section: Section,
        limit: usize,
        changes: &mut [(Word, E)],
    ) -> Vec<Spilled<E>> {
        let mut sold = match section {
            Section::Items => None,
            Section::Stores => Some(self.sold.get_or_insert_with(|| Sold::of(&self.entries))),
        };
        let mut beyond = Vec::new();
        for (id, change) in changes {
            let (hash, lines_sold) = (self.entries.hash(id), change.lines_sold());
            if self.entries.add_within(limit, hash, id, change) {
                if let Some(sold) = &mut sold {
                    sold.add(hash, lines_sold);
                }
            } else {
                beyond.push((mem::take(id), mem::take(change)));
            }
        }
        sort(head_id, section, beyond)
    }

    /// What of changes that the head has already belongs on pages.
    pub(crate) fn spilled(&self, head_id: &str, section: Section, changes: Vec<(Word, E)>) -> Vec<Spilled<E>> {
        let is_inline = |id: &str| self.entries.knows(self.entries.hash(id));
        sort(head_id, section, changes.into_iter().filter(|(id, _)| !is_inline(id)).collect())
    }

    pub(crate) fn changed(&self, map: &str, update: &mut Update) -> Result<(), EncodeError> {
        self.entries.changed(map, update)
    }

    pub(crate) fn settle(&mut self) {
        self.entries.settle_known();
    }

    /// Takes note that this is what is stored.
    pub(crate) fn loaded(&mut self, section: Section) {
        if section == Section::Stores {
            self.sold.get_or_insert_with(|| Sold::of(&self.entries));
        }
        self.entries.loaded_known();
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.entries.heap_bytes() + self.sold.as_ref().map_or(0, Sold::heap_bytes)
    }
}

fn sort<E>(head_id: &str, section: Section, entries: Vec<(Word, E)>) -> Vec<Spilled<E>> {
    if entries.is_empty() {
        return Vec::new();
    }
    let mut pages: BTreeMap<String, Vec<(Word, E)>> = BTreeMap::new();
    for (id, entry) in entries {
        pages.entry(section.page_of(head_id, &id)).or_default().push((id, entry));
    }
    pages.into_iter().map(|(page, entries)| Spilled { page, entries }).collect()
}

impl<E: PartialEq> PartialEq for Inline<E> {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl<E: Entry> Serialize for Inline<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.entries.serialize(serializer)
    }
}

impl<'de, E: Entry> Deserialize<'de> for Inline<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { entries: Entries::deserialize(deserializer)?, sold: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{figures::SupplierFigures, supplier_entry::SupplierEntry};

    fn sold(store_id: &str, lines_sold: i64) -> [(Word, SupplierEntry); 1] {
        let figures = SupplierFigures { lines_sold, ..SupplierFigures::default() };
        [(store_id.into(), SupplierEntry::of_row(["", "", "USD"], &figures.figures()).unwrap())]
    }

    #[test]
    fn a_store_that_would_have_sold_too_much_is_refused_also_once_its_entry_is_stored() {
        let mut stores = Inline::default();
        for (store_id, lines_sold) in [("1", i64::MAX - 1), ("2", 5)] {
            assert!(stores.takes(Section::Stores, &sold(store_id, lines_sold)));
            stores.add("id", Section::Stores, 10, &mut sold(store_id, lines_sold));
            stores.settle();
        }
        let takes = |store_id, lines_sold| stores.takes(Section::Stores, &sold(store_id, lines_sold));
        assert_eq!((takes("1", 1), takes("1", 2)), (true, false));
        assert_eq!((takes("2", 2), takes("3", i64::MAX), takes("1", -2)), (true, true, true));
        assert_eq!(stores.selling(), 2);
    }
}
