//! A database of the tests' own that understands the updates which documents are written by, and a projector that may
//! crash between any two of them.

use std::collections::{BTreeMap, HashMap};

use daybook::event::v1::RecordedEvent;
use mongodb::bson::{Bson, Document, RawDocument, RawDocumentBuf, doc};

use crate::{
    document::{self, Head, Stored, Write},
    registry::{EntryOf, Report},
    spill::{Page, Spilled},
};

/// Documents by id.
#[derive(Debug, Default)]
pub(super) struct Database {
    pub(super) documents: BTreeMap<String, Document>,
}

/// The outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Done,
    Missed,
}

impl Database {
    pub(super) fn write(&mut self, write: Write) -> Written {
        match write {
            Write::Insert(document) => {
                let document = parsed(&document);
                let id = document.get_str("_id").unwrap().to_owned();
                if self.documents.contains_key(&id) {
                    return Written::Missed;
                }
                self.documents.insert(id, document);
                Written::Done
            }
            Write::Update { filter, update } => {
                let filter = parsed(&filter);
                let found = self.documents.get_mut(filter.get_str("_id").unwrap());
                let Some(found) =
                    found.filter(|found| filter.iter().all(|(name, value)| number(&found[name]) == number(value)))
                else {
                    return Written::Missed;
                };
                let update = parsed(&update);
                if !update.keys().any(|name| name.starts_with('$')) {
                    *found = update;
                    return Written::Done;
                }
                let mut changed = found.clone();
                for (path, value) in update.get_document("$inc").unwrap() {
                    let sum = changed.get_i64(path).unwrap() + value.as_i64().unwrap();
                    changed.insert(path, sum);
                }
                for (path, value) in update.get_document("$set").unwrap() {
                    *at(&mut changed, path) = value.clone();
                }
                // What the validator of the collection asks.
                let claim = changed.get_array("claim").unwrap();
                if *claim != [changed["epoch"].clone(), changed["position"].clone()] {
                    return Written::Missed;
                }
                *found = changed;
                Written::Done
            }
        }
    }

    fn load<D: Stored>(&self, id: &str, epoch: i64, fresh: impl Fn() -> D) -> D {
        let Some(stored) = self.documents.get(id) else { return document::begin(fresh(), epoch) };
        let mut stored = stored.clone();
        if !D::NEEDS_CONTENT {
            let stamp = ["_id", "slot", "epoch", "position"];
            let next = stored.get_document("e").unwrap().get_i32("n").unwrap();
            stored = stored.into_iter().filter(|(name, _)| stamp.contains(&name.as_str())).collect();
            stored.insert("e", doc! { "n": next });
        }
        let bytes = RawDocumentBuf::try_from(&stored).unwrap();
        document::load(&bytes, epoch, fresh).unwrap()
    }

    pub(super) fn decoded<D: Stored>(&self) -> BTreeMap<String, D> {
        let decode = |stored: &Document| {
            let bytes = RawDocumentBuf::try_from(stored).unwrap();
            document::decode(RawDocument::from_bytes(bytes.as_bytes()).unwrap()).unwrap()
        };
        self.documents.iter().map(|(id, stored)| (id.clone(), decode(stored))).collect()
    }
}

fn parsed(raw: &RawDocumentBuf) -> Document {
    Document::try_from(raw).unwrap()
}

fn number(value: &Bson) -> Bson {
    match value {
        Bson::Int32(small) => Bson::Int64((*small).into()),
        other => other.clone(),
    }
}

fn at<'a>(document: &'a mut Document, path: &str) -> &'a mut Bson {
    assert!(!path.split('.').any(str::is_empty), "{path}");
    match path.split_once('.') {
        None => document.entry(path.to_owned()).or_insert(Bson::Null),
        Some((name, rest)) => {
            let inner = document.entry(name.to_owned()).or_insert_with(|| Bson::Document(Document::new()));
            at(inner.as_document_mut().unwrap(), rest)
        }
    }
}

/// Folds events and writes documents as the service does: heads, then pages, then both are written in any order.
#[derive(Debug)]
pub(super) struct Projector<R: Report> {
    pub(super) epoch: i64,
    heads: HashMap<String, R::Head>,
    pages: HashMap<String, Page<EntryOf<R>>>,
}

impl<R: Report> Projector<R> {
    pub(super) fn new(epoch: i64) -> Self {
        Self { epoch, heads: HashMap::new(), pages: HashMap::new() }
    }

    /// Folds a batch and writes at most so many documents; answers if all were written.
    pub(super) fn batch(
        &mut self,
        heads: &mut Database,
        pages: &mut Database,
        events: &[RecordedEvent],
        writes: usize,
        pages_first: bool,
    ) -> bool {
        let mut spilled: Vec<(i64, String, Spilled<EntryOf<R>>)> = Vec::new();
        for event in events {
            for (key, change) in R::changes(event).unwrap() {
                let id = key.id().to_string();
                let epoch = self.epoch;
                let head =
                    self.heads.entry(id.clone()).or_insert_with(|| heads.load(&id, epoch, || R::Head::open(&key)));
                let parts = head.fold(event.position, change).unwrap();
                spilled.extend(parts.into_iter().map(|part| (event.position, id.clone(), part)));
            }
        }
        for (position, head_id, part) in spilled {
            let epoch = self.epoch;
            let fresh = || Page::open(part.page.clone(), &head_id);
            let page = self.pages.entry(part.page.clone()).or_insert_with(|| pages.load(&part.page, epoch, fresh));
            page.fold(position, part.entries).unwrap();
        }
        let mut left = writes;
        if pages_first && !write_all(pages, &mut self.pages, &mut left) {
            return false;
        }
        write_all(heads, &mut self.heads, &mut left) && write_all(pages, &mut self.pages, &mut left)
    }
}

fn write_all<D: Stored>(database: &mut Database, documents: &mut HashMap<String, D>, left: &mut usize) -> bool {
    let mut missed = Vec::new();
    for (id, document) in documents.iter_mut() {
        if document::wants_gathering(document).is_some() {
            let stored = RawDocumentBuf::try_from(&database.documents[id]).unwrap();
            document::gather(document, &stored).unwrap();
        }
        let Some(write) = document::write(document).unwrap() else { continue };
        if *left == 0 {
            return false;
        }
        *left -= 1;
        match database.write(write) {
            Written::Done => document::stored(document),
            Written::Missed => missed.push(id.clone()),
        }
    }
    assert!(missed.is_empty(), "nobody else writes: {missed:?}");
    true
}
