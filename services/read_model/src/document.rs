//! What all documents have in common: their key, the position of the last event folded into them, and how they are written
//! so that a stale writer changes nothing.
//!
//! A document in memory holds the *sums since it was last stored* for its entries, and the whole for its head figures:
//! so a report of 60,000 items needs no memory for those that do not change, and a fold over events from the beginning,
//! never stored in between, is the whole document. One set of types serves live projection, rebuild, as-of reports and
//! verification.

use std::fmt::Debug;

use mongodb::bson::{
    Document, RawArrayBuf, RawDocument, RawDocumentBuf, deserialize_from_slice, doc, rawdoc,
    serialize_to_raw_document_buf,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use thiserror::Error;

use crate::{
    error::FoldError,
    slot::slot,
    spill::Spilled,
    text::Text,
    update::{EncodeError, Update},
};

/// Separates the parts of a document's id; it stands in no id and no date.
pub const SEPARATOR: char = '|';

/// The key of a document: its id is `{first}|{second}`, so that a range of dates or one store is a range of ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub first: Text,
    pub second: Text,
}

impl Key {
    /// A key of two parts.
    ///
    /// # Errors
    /// If a part is empty or holds the separator.
    pub fn new(field: &'static str, first: &str, second: &str) -> Result<Self, FoldError> {
        let bad = [first, second].into_iter().find(|part| part.is_empty() || part.contains(SEPARATOR));
        match bad {
            Some(part) => Err(FoldError::malformed(field, part)),
            None => Ok(Self { first: first.into(), second: second.into() }),
        }
    }

    /// The id of the document.
    #[must_use]
    pub fn id(&self) -> Text {
        let mut id = self.first.clone();
        id.push(SEPARATOR);
        id.push_str(&self.second);
        id
    }
}

/// What stands at the top of every document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamp {
    #[serde(rename = "_id")]
    pub id: String,
    /// See [`crate::slot`].
    pub slot: i32,
    /// The life of the generation in which the document was written; documents of another life count as absent. Without
    /// it, a document that was written while its database was being dropped would look complete afterwards.
    pub epoch: i64,
    /// The last event folded into the document.
    pub position: i64,
    /// What is stored; `None` for a document that is not stored yet.
    #[serde(skip)]
    stored: Option<Version>,
}

/// Tells the stored states of a document apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    pub epoch: i64,
    pub position: i64,
}

impl Stamp {
    /// The stamp of a document that no event has touched yet. A page has the slot of its head.
    #[must_use]
    pub fn new(id: String, head_id: &str) -> Self {
        Self { id, slot: slot(head_id), epoch: 0, position: 0, stored: None }
    }

    /// True if the event at this position was folded into the document already.
    #[must_use]
    pub fn has(&self, position: i64) -> bool {
        position <= self.position
    }

    /// Which state of the document this is.
    #[must_use]
    pub fn version(&self) -> Version {
        Version { epoch: self.epoch, position: self.position }
    }
}

/// A document of MongoDB.
pub trait Stored: Serialize + DeserializeOwned + PartialEq + Debug + Send + Sync + 'static {
    /// True if the fold needs what the stored document holds; otherwise its stamp is enough.
    const NEEDS_CONTENT: bool;

    fn stamp(&self) -> &Stamp;
    fn stamp_mut(&mut self) -> &mut Stamp;

    /// Gathers what changed since the document was stored, except its position.
    ///
    /// # Errors
    /// If it cannot be written as BSON.
    fn changed(&self, update: &mut Update) -> Result<(), EncodeError>;

    /// Takes note that all that changed is stored: sums begin again at zero.
    fn settle(&mut self);

    /// Takes note that this is what is stored: sums begin at zero.
    fn loaded(&mut self);

    /// In how many segments the entries stand, if there are so many that they should be stored as one: see [`gather`].
    fn scattered(&self) -> Option<u32>;

    /// Takes in the entries that are stored, for the next write; false if a sum would not fit.
    fn gather(&mut self, stored: Self) -> bool;

    /// Memory that the document uses, roughly, in bytes.
    fn heap_bytes(&self) -> usize;

    /// Gives each entry with its path, for telling what differs.
    fn each_entry(&self, entry: &mut dyn FnMut(String, &dyn Debug));
}

/// What a document in memory remembers beside what it says. Documents that say the same are equal, stored or not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Aside<T>(pub(crate) T);

impl<T> PartialEq for Aside<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// The document of a report that decides where the entries of the report stand.
pub trait Head: Stored {
    /// What one event changes in one report.
    type Change: Clone + Send + Sync + Debug + PartialEq;
    /// What may stand on pages of its own.
    type Entry: crate::entries::Entry;

    /// The document of a key before its first event.
    fn open(key: &Key) -> Self;

    /// Folds a change into the document, whole or not at all, and answers what belongs on pages. A change that the document
    /// already has changes nothing, but what belongs on pages is answered again: a page may be behind its head.
    ///
    /// # Errors
    /// If a figure would not fit, or the currency is another one.
    fn fold(&mut self, position: i64, change: Self::Change) -> Result<Vec<Spilled<Self::Entry>>, FoldError>;
}

/// How a document is brought to the database. Each form writes nothing if somebody else wrote the document meanwhile.
#[derive(Clone, Debug)]
pub enum Write {
    /// The first version; refused with a duplicate key if there is one already.
    Insert(RawDocumentBuf),
    /// An `update` statement of this filter and update (or whole document); refused by [`guard`] if the filter is the id alone and
    /// somebody else wrote the document.
    Update { filter: RawDocumentBuf, update: RawDocumentBuf },
}

/// Why stored bytes are not the document that they should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the stored document cannot be read: {0}")]
pub struct DecodeError(pub String);

/// Reads a stored document, or its stamp alone if the rest was not loaded. `fresh` gives the document as it is before
/// its first event; it is taken if what is stored belongs to another life of the generation, and will then replace it.
///
/// # Errors
/// If the bytes are no such document.
pub fn load<D: Stored>(stored: &RawDocument, epoch: i64, fresh: impl FnOnce() -> D) -> Result<D, DecodeError> {
    // What another life left behind may have another form: of it only the stamp is looked at.
    let version = deserialize_from_slice::<Stamp>(stored.as_bytes()).map_err(unreadable)?.version();
    let mut document = if version.epoch == epoch { decode(stored)? } else { begin(fresh(), epoch) };
    if version.epoch == epoch {
        document.loaded();
    }
    document.stamp_mut().stored = Some(version);
    Ok(document)
}

/// In how many segments its entries stand, if the document is to be written and its stored form should be given to [`gather`]
/// before that.
#[must_use]
pub fn wants_gathering<D: Stored>(document: &D) -> Option<u32> {
    let stamp = document.stamp();
    let is_behind = |stored: Version| stored.epoch == stamp.epoch && stored != stamp.version();
    document.scattered().filter(|_| stamp.stored.is_some_and(is_behind))
}

/// Gives a document its stored form, so that the next write stores its entries as one segment. If somebody else wrote it
/// meanwhile, nothing happens: the next write will find out.
///
/// # Errors
/// If the bytes are no such document, or its sums do not fit.
pub fn gather<D: Stored>(document: &mut D, stored: &RawDocument) -> Result<(), DecodeError> {
    let stored: D = decode(stored)?;
    if document.stamp().stored == Some(stored.stamp().version()) && !document.gather(stored) {
        return Err(DecodeError("a sum does not fit".to_owned()));
    }
    Ok(())
}

/// A document that nobody has stored yet.
pub fn begin<D: Stored>(mut document: D, epoch: i64) -> D {
    document.stamp_mut().epoch = epoch;
    document
}

/// Reads a stored document as it is, for a reader.
///
/// # Errors
/// If the bytes are no such document.
pub fn decode<D: Stored>(stored: &RawDocument) -> Result<D, DecodeError> {
    deserialize_from_slice(stored.as_bytes()).map_err(unreadable)
}

fn unreadable(error: impl std::fmt::Display) -> DecodeError {
    DecodeError(error.to_string())
}

/// How to bring what was folded to the database; `None` if nothing was. After it succeeded, call [`stored`].
///
/// # Errors
/// If it cannot be written as BSON.
pub fn write<D: Stored>(document: &D) -> Result<Option<Write>, EncodeError> {
    let stamp = document.stamp();
    let whole = || serialize_to_raw_document_buf(document).map_err(|error| EncodeError(error.to_string()));
    let Some(version) = stamp.stored else { return Ok(Some(Write::Insert(whole()?))) };
    if version == stamp.version() {
        return Ok(None);
    }
    if version.epoch != stamp.epoch {
        let filter = rawdoc! { "_id": stamp.id.as_str(), "epoch": version.epoch, "position": version.position };
        return Ok(Some(Write::Update { filter, update: whole()? }));
    }
    let mut update = Update::default();
    // Positions are never negative, so the difference fits.
    update.add("position", stamp.position - version.position)?;
    update.set(CLAIM, RawArrayBuf::from_iter([stamp.epoch, stamp.position]))?;
    document.changed(&mut update)?;
    Ok(Some(Write::Update { filter: rawdoc! { "_id": stamp.id.as_str() }, update: update.into_document() }))
}

/// What an update says that the document is after it: its epoch and position.
pub const CLAIM: &str = "claim";

/// The validator that each collection of documents must have: a document is what the last update of it claims.
///
/// An update finds its document by id alone, which costs the server half of what it costs with epoch and position in the filter. It
/// adds to the position what lies between the state that its writer knows and the new one, and claims the new one. If somebody
/// else wrote the document meanwhile, or it has another life, the two differ, and the server refuses the update.
#[must_use]
pub fn guard() -> Document {
    doc! { "$or": [
        { CLAIM: { "$exists": false } },
        { "$expr": { "$eq": [["$epoch", "$position"], format!("${CLAIM}")] } },
    ] }
}

/// Takes note that the document stands in the database as it is in memory.
pub fn stored<D: Stored>(document: &mut D) {
    document.settle();
    let stamp = document.stamp_mut();
    stamp.stored = Some(stamp.version());
}
