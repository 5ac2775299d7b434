//! Bringing one document to what the log says. It is written whole, by compare-and-set on what was found.

use std::collections::BTreeMap;

use daybook_read_model::{
    checkpoint::Generation,
    collections::in_generation,
    document::{Stamp, Stored, Write},
    registry::Report,
};
use mongodb::bson::{RawDocumentBuf, deserialize_from_slice, doc, rawdoc, serialize_to_raw_document_buf};
use thiserror::Error;
use tonic::Status;

use crate::{
    fresh::{self, Fresh},
    log::Log,
    meta::durable,
    store::{Store, StoreError, in_time},
    write::{self, Job},
};

/// What became of a repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repaired {
    Done,
    /// Somebody else wrote the document meanwhile, or the server does not take it.
    Missed,
    /// Its history is too long.
    TooLong,
    /// The event for whose sake it was to be repaired still cannot be folded; nothing was written.
    Unfolded,
}

/// Why a repair was given up.
#[derive(Debug, Error)]
pub(crate) enum RepairError {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("the log cannot be read: {}", .0.message())]
    Log(#[from] Status),
}

/// Writes a document and its pages as they should be, as of a position or whatever later one is stored, if a certain event
/// can be folded now. Nobody may have
/// them in memory.
pub(crate) async fn repair<R: Report>(
    store: &Store,
    log: &Log,
    generation: &Generation,
    id: &str,
    position: i64,
    event: Option<i64>,
) -> Result<Repaired, RepairError> {
    let heads_in = in_generation(generation.generation, R::HEADS);
    let heads = stamps(store, &heads_in, &[id.to_owned()]).await?;
    let pages_in = R::PAGES.map(|pages| in_generation(generation.generation, pages));
    let pages = match &pages_in {
        Some(pages_in) => stamps(store, pages_in, &fresh::page_ids(id)).await?,
        None => BTreeMap::new(),
    };
    let mine = |stamp: &&Stamp| stamp.epoch == generation.epoch;
    let stored = heads.values().chain(pages.values()).filter(mine).map(|stamp| stamp.position).max();
    let until = stored.unwrap_or(0).max(position);
    let Fresh::Folded(folded, failed) = fresh::fold::<R>(log, generation, id, until, 0).await? else {
        return Ok(Repaired::TooLong);
    };
    if event.is_some_and(|event| failed.contains(&event)) {
        return Ok(Repaired::Unfolded);
    }
    // A head never says more than its pages hold.
    let pages_done = match pages_in {
        Some(pages_in) => put(store, &pages_in, &folded.pages, &pages).await?,
        None => true,
    };
    let done = pages_done && put(store, &heads_in, &folded.heads, &heads).await?;
    Ok(if done { Repaired::Done } else { Repaired::Missed })
}

async fn stamps(store: &Store, collection: &str, ids: &[String]) -> Result<BTreeMap<String, Stamp>, StoreError> {
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut stamps = BTreeMap::new();
    for stored in store.find(collection, &ids, false).await? {
        let stamp: Stamp =
            deserialize_from_slice(stored.as_bytes()).map_err(|_| StoreError::Answer("the stamp of a document"))?;
        stamps.insert(stamp.id.clone(), stamp);
    }
    Ok(stamps)
}

/// Replaces what is stored by what should be; false if something was written meanwhile.
async fn put<D: Stored>(
    store: &Store,
    collection: &str,
    wanted: &BTreeMap<String, D>,
    stored: &BTreeMap<String, Stamp>,
) -> Result<bool, StoreError> {
    let mut jobs = Vec::with_capacity(wanted.len());
    for (id, document) in wanted {
        let whole = whole(id, document)?;
        let write = match stored.get(id) {
            None => Write::Insert(whole),
            Some(stamp) => Write::Update {
                filter: rawdoc! { "_id": id.as_str(), "epoch": stamp.epoch, "position": stamp.position },
                update: whole,
            },
        };
        jobs.push(Job { id: id.clone(), version: document.stamp().version(), write });
    }
    let expected = jobs.len();
    let written = if jobs.is_empty() { 0 } else { write::all(store, collection, jobs).await?.stored.len() };
    let mut done = written == expected;
    for (id, stamp) in stored.iter().filter(|(id, _)| !wanted.contains_key(*id)) {
        let documents = store.collection::<mongodb::bson::Document>(collection);
        let filter = doc! { "_id": id, "epoch": stamp.epoch, "position": stamp.position };
        let deleted = in_time(async move { documents.delete_one(filter).write_concern(durable()).await }).await?;
        done &= deleted.deleted_count == 1;
    }
    Ok(done)
}

fn whole<D: Stored>(id: &str, document: &D) -> Result<RawDocumentBuf, StoreError> {
    serialize_to_raw_document_buf(document).map_err(|error| StoreError::Encode {
        id: id.to_owned(),
        cause: daybook_read_model::update::EncodeError(error.to_string()),
    })
}
