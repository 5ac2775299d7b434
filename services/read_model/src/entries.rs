//! Maps of entries by id: the items or stores of a report.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher as _, RandomState},
    marker::PhantomData,
};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, Visitor},
    ser::SerializeMap as _,
};

use crate::{
    error::FoldError,
    field_name::{escape, unescape},
    sum::Sum,
    update::{EncodeError, Update, path},
};

/// Figures of one item or store, with the texts that describe it.
pub trait Entry: Sum + for<'de> Deserialize<'de> + Send + fmt::Debug + 'static {
    /// Short names and values of the texts. The last event that says one decides; empty ones say nothing.
    fn texts(&self) -> [(&'static str, &str); 2];

    /// How much was sold, for counting the entries of which something was.
    fn lines_sold(&self) -> i64 {
        0
    }
}

/// Memory of an entry beside its id, roughly, in bytes: the map's own bookkeeping and short texts.
const ENTRY_OVERHEAD_BYTES: usize = 64;

/// Entries by id. In a document that is written again and again these are the sums since it was last stored.
#[derive(Clone, Debug)]
pub struct Entries<E> {
    sums: HashMap<Box<str>, E>,
    /// The texts that the stored document is known to hold, by id, both hashed: the same category need not be sent again.
    /// The hash is keyed, so that nobody can make up ids that clash.
    told: HashMap<u64, u64>,
    hasher: RandomState,
}

/// New sums of some entries, which fit.
#[derive(Debug)]
pub(crate) struct Planned<E>(Vec<(Box<str>, E)>);

impl<E: Entry> Entries<E> {
    /// The entry of an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&E> {
        self.sums.get(id)
    }

    /// All entries in order of their ids.
    #[must_use]
    pub fn sorted(&self) -> Vec<(&str, &E)> {
        let mut entries: Vec<(&str, &E)> = self.sums.iter().map(|(id, entry)| (&**id, entry)).collect();
        entries.sort_unstable_by_key(|(id, _)| *id);
        entries
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &E)> {
        self.sums.iter().map(|(id, entry)| (&**id, entry))
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.sums.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sums.is_empty()
    }

    pub(crate) fn plan(&self, document: &str, changes: Vec<(Box<str>, E)>) -> Result<Planned<E>, FoldError> {
        let mut planned = changes;
        for (id, entry) in &mut planned {
            if let Some(before) = self.sums.get(id) {
                *entry = before.plus(entry).ok_or_else(|| FoldError::overflow(document))?;
            }
        }
        Ok(Planned(planned))
    }

    pub(crate) fn commit(&mut self, planned: Planned<E>) {
        self.sums.extend(planned.0);
    }

    pub(crate) fn changed(&self, map: &str, update: &mut Update) -> Result<(), EncodeError> {
        for (id, entry) in &self.sums {
            let path = path(map, id);
            let before = update.fields();
            entry.increase(&path, update)?;
            if self.told.get(&self.hasher.hash_one(id)) != Some(&self.hasher.hash_one(entry.texts())) {
                for (name, text) in entry.texts().into_iter().filter(|(_, text)| !text.is_empty()) {
                    update.set(&format!("{path}.{name}"), text)?;
                }
                if update.fields() == before {
                    update.touch(&path)?;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn settle(&mut self) {
        for (id, entry) in std::mem::take(&mut self.sums) {
            self.told.insert(self.hasher.hash_one(&id), self.hasher.hash_one(entry.texts()));
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.sums.capacity() * (size_of::<(Box<str>, E)>() + 1)
            + self.sums.len() * ENTRY_OVERHEAD_BYTES
            + self.told.capacity() * (size_of::<(u64, u64)>() + 1)
    }
}

impl<E> Default for Entries<E> {
    fn default() -> Self {
        Self { sums: HashMap::new(), told: HashMap::new(), hasher: RandomState::new() }
    }
}

impl<E: PartialEq> PartialEq for Entries<E> {
    fn eq(&self, other: &Self) -> bool {
        self.sums == other.sums
    }
}

impl<E: Entry> Serialize for Entries<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.sums.len()))?;
        for (id, entry) in self.sorted() {
            map.serialize_entry(&*escape(id), entry)?;
        }
        map.end()
    }
}

impl<'de, E: Entry> Deserialize<'de> for Entries<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let sums = deserializer.deserialize_map(Escaped(PhantomData))?;
        Ok(Self { sums, ..Self::default() })
    }
}

/// Reads a map whose keys are escaped.
pub(crate) struct Escaped<T>(pub(crate) PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Escaped<T> {
    type Value = HashMap<Box<str>, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map by escaped keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = HashMap::new();
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            let id = unescape(&name).ok_or_else(|| A::Error::custom("a field name is not an escaped key"))?;
            entries.insert(id.into(), map.next_value()?);
        }
        Ok(entries)
    }
}
