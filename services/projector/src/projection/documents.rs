//! Documents from and to the database: loaded, brought into one segment, written.

use std::collections::{HashMap, HashSet};

use ahash::RandomState;
use daybook_read_model::{
    document::{self, Stored},
    folded::head_of,
    registry::Report,
    text::Text,
};
use tracing::{debug, error, warn};

use super::fail;
use crate::{
    cache::Cache,
    parked::Failures,
    store::{Store, StoreError},
    write::{self, Job, Written},
};

/// Documents whose stored form is read at once for being written as one segment: each may have some 100 kB.
const GATHERED_AT_ONCE: usize = 100;

/// With one write at most one in so many documents is written as one segment: twice as many as come to too many segments.
const GATHERED_PART: usize = 8;

/// Ids of documents.
pub(super) type Ids = HashSet<Text, RandomState>;

/// Some documents, or what is known of them, by id.
pub(super) type ById<'a, T> = HashMap<&'a str, T, RandomState>;

/// Documents of one collection on their way to the database.
#[derive(Debug)]
pub(crate) struct Load {
    report: &'static str,
    collection: String,
    jobs: Vec<Job>,
}

impl Load {
    /// The ids of the documents.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.jobs.iter().map(|job| job.id.as_str())
    }

    /// Writes the documents, all of them.
    pub(crate) async fn arrive(self, store: &Store) -> Result<(), StoreError> {
        let Self { report, collection, jobs } = self;
        let Written { stored, missed, impossible } = write::all(store, &collection, jobs).await?;
        store.counts().written(report, stored.len(), missed.len());
        if missed.is_empty() && impossible.is_empty() {
            return Ok(());
        }
        let first = missed.first().or(impossible.first().map(|(id, _)| id));
        warn!(
            collection,
            missed = missed.len(),
            impossible = impossible.len(),
            first,
            "not all documents could be written"
        );
        Err(StoreError::Unwritten { collection })
    }
}

/// Brings documents into memory that are not there; `fresh` says of each how it begins. One that is stored but cannot be
/// read stays out: its events are parked, and the others go on.
pub(super) async fn load<D: Stored, K>(
    store: &Store,
    collection: &str,
    cache: &mut Cache<D>,
    epoch: i64,
    fresh: &ById<'_, K>,
    open: impl Fn(&str, &K) -> D,
) -> Result<(), StoreError> {
    let mut missing: HashSet<&str, RandomState> = fresh.keys().copied().filter(|id| !cache.contains(id)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = missing.iter().copied().collect();
    let found = store.find(collection, &ids, D::NEEDS_CONTENT).await?;
    debug!(collection, asked = ids.len(), found = found.len(), "loaded documents");
    for stored in found {
        let id = stored.get_str("_id").map_err(|_| StoreError::Answer("_id"))?;
        let Some((id, key)) = fresh.get_key_value(id) else { continue };
        missing.remove(id);
        match document::load(&stored, epoch, || open(id, key)) {
            Ok(loaded) => cache.put((*id).into(), loaded),
            Err(error) => error!(collection, id, error = %error, "a document cannot be read"),
        }
    }
    for id in missing {
        if let Some(key) = fresh.get(id) {
            let mut document = document::begin(open(id, key), epoch);
            document.loaded();
            cache.put(id.into(), document);
        }
    }
    Ok(())
}

/// Gives documents whose entries have come to many segments their stored form, so that they are written as one. All documents that
/// are written each time come to so many at the same time: only some have their turn, the others with one of the next writes.
async fn gather<D: Stored>(store: &Store, collection: &str, cache: &mut Cache<D>, ids: &Ids) -> Result<(), StoreError> {
    let mut scattered = Vec::new();
    for id in ids {
        if cache.get(id).is_some_and(|document| document::wants_gathering(document)) {
            scattered.push(id.as_str());
        }
    }
    scattered.truncate(ids.len().div_ceil(GATHERED_PART).max(GATHERED_AT_ONCE));
    for part in scattered.chunks(GATHERED_AT_ONCE) {
        for stored in store.find(collection, part, true).await? {
            let id = stored.get_str("_id").map_err(|_| StoreError::Answer("_id"))?;
            let Some(document) = cache.get(id) else { continue };
            if let Err(error) = document::gather(document, &stored) {
                error!(collection, id, error = %error, "a document cannot be read");
            }
        }
    }
    Ok(())
}

/// What changed of a document, if anything did.
fn job<D: Stored>(document: &D) -> Result<Option<Job>, StoreError> {
    let id = &document.stamp().id;
    let write = document::write(document).map_err(|cause| StoreError::Encode { id: id.clone(), cause })?;
    Ok(write.map(|write| Job { id: id.clone(), version: document.stamp().version(), write }))
}

/// Takes what changed of these documents.
pub(super) async fn load_of<R: Report, D: Stored>(
    store: &Store,
    collection: &str,
    cache: &mut Cache<D>,
    ids: Ids,
) -> Result<Load, StoreError> {
    gather(store, collection, cache, &ids).await?;
    let mut jobs = Vec::with_capacity(ids.len());
    for id in &ids {
        let Some(document) = cache.get(id) else { continue };
        if let Some(job) = job(document)? {
            document::stored(document);
            jobs.push(job);
        }
        cache.weigh(id);
    }
    Ok(Load { report: R::HEADS, collection: collection.to_owned(), jobs })
}

/// Writes what changed of these documents; false if somebody else wrote some, which are then forgotten.
pub(super) async fn save<R: Report, D: Stored>(
    store: &Store,
    collection: &str,
    cache: &mut Cache<D>,
    ids: &Ids,
    failures: &mut Failures,
) -> Result<bool, StoreError> {
    gather(store, collection, cache, ids).await?;
    let mut jobs = Vec::with_capacity(ids.len());
    let mut positions = HashMap::new();
    for id in ids {
        let Some(job) = cache.get(id).map(|document| job(document)).transpose()?.flatten() else { continue };
        positions.insert(job.id.clone(), job.version.position);
        jobs.push(job);
    }
    if jobs.is_empty() {
        return Ok(true);
    }
    let Written { stored, missed, impossible } = write::all(store, collection, jobs).await?;
    store.counts().written(R::HEADS, stored.len(), missed.len());
    for id in &stored {
        if let Some(document) = cache.get(id) {
            document::stored(document);
        }
        cache.weigh(id);
    }
    for id in &missed {
        cache.remove(id);
    }
    if !missed.is_empty() {
        warn!(collection, documents = missed.len(), first = missed.first(), "documents were written by somebody else");
    }
    for (id, cause) in impossible {
        let position = positions.get(&id).copied().unwrap_or(0);
        cache.remove(&id);
        let head_id = head_of(&id);
        let cause = format!("{id} cannot take in the events of its batch up to here: {cause}");
        fail::<R>(failures, position, cause, head_id);
    }
    Ok(missed.is_empty())
}
