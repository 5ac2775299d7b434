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

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    document::{SEPARATOR, Stamp, Stored},
    entries::{self, Entries, Entry},
    error::FoldError,
    slot,
    update::{EncodeError, Update},
};

/// Number of pages on which the entries beyond the head stand. 60,000 items make pages of about 1,000, so that a page is as
/// large as a head.
pub const PAGES: u32 = 64;

/// Memory of a known id beside its text, roughly, in bytes.
const KNOWN_OVERHEAD_BYTES: usize = 40;

/// What belongs on one page of a report.
#[derive(Debug)]
pub struct Spilled<E> {
    /// Id of the page.
    pub page: String,
    pub entries: Vec<(Box<str>, E)>,
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
    pub fn fold(&mut self, position: i64, changes: Vec<(Box<str>, E)>) -> Result<(), FoldError> {
        if self.stamp.has(position) {
            return Ok(());
        }
        let planned = self.entries.plan(&self.stamp.id, changes)?;
        self.entries.commit(planned);
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
    /// All ids that are inline, with the lines sold of each.
    known: HashMap<Box<str>, i64>,
    /// Of how many of them something was sold.
    selling: i64,
}

/// Changes sorted by where they belong.
#[derive(Debug)]
pub(crate) struct Planned<E> {
    inline: entries::Planned<E>,
    lines_sold: Vec<(Box<str>, i64)>,
    spilled: Vec<Spilled<E>>,
}

impl<E: Entry> Inline<E> {
    /// How many of the entries had something sold.
    #[must_use]
    pub fn selling(&self) -> i64 {
        self.selling
    }

    /// How many entries there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.known.len()
    }

    /// Plans changes that the head does not have yet; new entries are taken in while there are fewer than `limit`.
    pub(crate) fn plan(
        &self,
        head_id: &str,
        section: Section,
        limit: usize,
        changes: Vec<(Box<str>, E)>,
    ) -> Result<Planned<E>, FoldError> {
        let mut room = limit.saturating_sub(self.known.len());
        let (mut inline, mut lines_sold, mut beyond) = (Vec::with_capacity(changes.len()), Vec::new(), Vec::new());
        for (id, change) in changes {
            let known = self.known.get(&id);
            if known.is_none() && room == 0 {
                beyond.push((id, change));
                continue;
            }
            room -= usize::from(known.is_none());
            let sold = known.copied().unwrap_or(0).checked_add(change.lines_sold());
            lines_sold.push((id.clone(), sold.ok_or_else(|| FoldError::overflow(head_id))?));
            inline.push((id, change));
        }
        Ok(Planned { inline: self.entries.plan(head_id, inline)?, lines_sold, spilled: sort(head_id, section, beyond) })
    }

    pub(crate) fn commit(&mut self, planned: Planned<E>) -> Vec<Spilled<E>> {
        self.entries.commit(planned.inline);
        for (id, sold) in planned.lines_sold {
            let before = self.known.insert(id, sold).unwrap_or(0);
            self.selling += i64::from(sold > 0) - i64::from(before > 0);
        }
        planned.spilled
    }

    /// What of changes that the head has already belongs on pages.
    pub(crate) fn spilled(&self, head_id: &str, section: Section, changes: Vec<(Box<str>, E)>) -> Vec<Spilled<E>> {
        sort(head_id, section, changes.into_iter().filter(|(id, _)| !self.known.contains_key(id)).collect())
    }

    pub(crate) fn changed(&self, map: &str, update: &mut Update) -> Result<(), EncodeError> {
        self.entries.changed(map, update)
    }

    pub(crate) fn settle(&mut self) {
        self.entries.settle();
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.entries.heap_bytes()
            + self.known.capacity() * (size_of::<(Box<str>, i64)>() + 1)
            + self.known.len() * KNOWN_OVERHEAD_BYTES
    }
}

fn sort<E>(head_id: &str, section: Section, entries: Vec<(Box<str>, E)>) -> Vec<Spilled<E>> {
    let mut pages: BTreeMap<String, Vec<(Box<str>, E)>> = BTreeMap::new();
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
        let entries: Entries<E> = Entries::deserialize(deserializer)?;
        let known: HashMap<Box<str>, i64> =
            entries.iter().map(|(id, entry)| (Box::from(id), entry.lines_sold())).collect();
        let selling = known.values().map(|sold| i64::from(*sold > 0)).sum();
        Ok(Self { entries, known, selling })
    }
}
