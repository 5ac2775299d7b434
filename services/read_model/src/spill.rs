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
    collections::{BTreeMap, HashMap, HashSet},
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
    text::Text,
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
    pub entries: Vec<(Text, E)>,
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
    pub fn fold(&mut self, position: i64, mut changes: Vec<(Text, E)>) -> Result<(), FoldError> {
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

/// The entries of a report that stand in its head.
#[derive(Clone, Debug, Default)]
pub struct Inline<E> {
    /// All of them in a document that was just read; those that changed in one that is written again and again.
    pub entries: Entries<E>,
    /// Not worked out yet in a document that was just read: then `entries` are all.
    known: Option<Known>,
}

/// Which entries are inline, by the hashes of their ids: a head is kept in memory for as long as its store trades. Of 4,000 ids
/// two have the same by chance in one head of some 10^12, and it would take a crash at the same moment for that to matter.
#[derive(Clone, Debug, Default)]
struct Known {
    items: HashSet<u64, BuildHasherDefault<Hashed>>,
    /// With the lines sold of each.
    stores: HashMap<u64, i64, BuildHasherDefault<Hashed>>,
    /// In how many stores something was sold.
    selling: i64,
}

impl Known {
    /// Those of a document that was just read.
    fn of<E: Entry>(entries: &Entries<E>, section: Section) -> Self {
        let mut known = Self::default();
        for (id, entry) in entries.iter() {
            known.takes(entries.hash(id), section, usize::MAX, || entry.lines_sold());
        }
        known
    }

    fn contains(&self, hash: u64) -> bool {
        self.items.contains(&hash) || self.stores.contains_key(&hash)
    }

    fn len(&self) -> usize {
        self.items.len() + self.stores.len()
    }

    fn heap_bytes(&self) -> usize {
        self.items.capacity() * (size_of::<u64>() + 1) + self.stores.capacity() * (size_of::<(u64, i64)>() + 1)
    }

    fn sold(&self, hash: u64) -> i64 {
        self.stores.get(&hash).copied().unwrap_or(0)
    }

    /// Takes in an entry that changes; false if there is no room for another.
    fn takes(&mut self, hash: u64, section: Section, limit: usize, lines_sold: impl FnOnce() -> i64) -> bool {
        if self.len() >= limit && !self.contains(hash) {
            return false;
        }
        match section {
            Section::Items => _ = self.items.insert(hash),
            Section::Stores => {
                let sum = self.stores.entry(hash).or_default();
                let before = mem::replace(sum, sum.saturating_add(lines_sold()));
                self.selling += i64::from(*sum > 0) - i64::from(before > 0);
            }
        }
        true
    }
}

impl<E: Entry> Inline<E> {
    /// How many of the stores had something sold, once something was added.
    #[must_use]
    pub fn selling(&self) -> i64 {
        self.known.as_ref().map_or(0, |known| known.selling)
    }

    /// How many entries there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.known.as_ref().map_or(self.entries.len(), Known::len)
    }

    /// True if changes of different entries fit.
    pub(crate) fn takes(&self, section: Section, changes: &[(Text, E)]) -> bool {
        if !self.entries.takes(changes) {
            return false;
        }
        // What `entries` hold of a document that was just read is all that was sold.
        let Some(known) = self.known.as_ref().filter(|_| section == Section::Stores) else { return true };
        let fits =
            |(id, change): &(Text, E)| known.sold(self.entries.hash(id)).checked_add(change.lines_sold()).is_some();
        changes.iter().all(fits)
    }

    /// Adds changes that fit and that the head does not have yet, and answers what belongs on pages. New entries are taken in
    /// while there are fewer than `limit`.
    pub(crate) fn add(
        &mut self,
        head_id: &str,
        section: Section,
        limit: usize,
        changes: &mut [(Text, E)],
    ) -> Vec<Spilled<E>> {
        let known = self.known.get_or_insert_with(|| Known::of(&self.entries, section));
        let mut beyond = Vec::new();
        for (id, change) in changes {
            let hash = self.entries.hash(id);
            if known.takes(hash, section, limit, || change.lines_sold()) {
                self.entries.add(hash, id, change);
            } else {
                beyond.push((mem::take(id), mem::take(change)));
            }
        }
        sort(head_id, section, beyond)
    }

    /// What of changes that the head has already belongs on pages.
    pub(crate) fn spilled(&self, head_id: &str, section: Section, changes: Vec<(Text, E)>) -> Vec<Spilled<E>> {
        let is_inline = |id: &str| match &self.known {
            Some(known) => known.contains(self.entries.hash(id)),
            None => self.entries.get(id).is_some(),
        };
        sort(head_id, section, changes.into_iter().filter(|(id, _)| !is_inline(id)).collect())
    }

    pub(crate) fn changed(&self, map: &str, update: &mut Update) -> Result<(), EncodeError> {
        self.entries.changed(map, update)
    }

    pub(crate) fn settle(&mut self) {
        self.entries.settle();
    }

    /// Takes note that this is what is stored.
    pub(crate) fn loaded(&mut self, section: Section) {
        self.known.get_or_insert_with(|| Known::of(&self.entries, section));
        self.entries.loaded();
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.entries.heap_bytes() + self.known.as_ref().map_or(0, Known::heap_bytes)
    }
}

fn sort<E>(head_id: &str, section: Section, entries: Vec<(Text, E)>) -> Vec<Spilled<E>> {
    if entries.is_empty() {
        return Vec::new();
    }
    let mut pages: BTreeMap<String, Vec<(Text, E)>> = BTreeMap::new();
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
        Ok(Self { entries: Entries::deserialize(deserializer)?, known: None })
    }
}
