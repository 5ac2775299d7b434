//! Documents from and to the database: loaded, brought into one segment, written.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

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

/// Documents of one report on their way to the database.
#[derive(Debug)]
pub(crate) struct Load {
    report: &'static str,
    /// By collection. Each is written when the one before has arrived.
    parts: Vec<(String, Vec<Job>)>,
}

impl Load {
    pub(super) fn new(report: &'static str) -> Self {
        Self { report, parts: Vec::new() }
    }

    /// Adds what changed of these documents, to be written after all that was added before.
    pub(super) async fn add<D: Stored>(
        &mut self,
        store: &Store,
        collection: &str,
        cache: &mut Cache<D>,
        ids: &[Text],
    ) -> Result<(), StoreError> {
        gather(store, collection, cache, ids).await?;
        let mut jobs = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(document) = cache.get(id) else { continue };
            if let Some(job) = job(document)? {
                document::stored(document);
                jobs.push(job);
            }
            cache.weigh(id);
        }
        self.parts.push((collection.to_owned(), jobs));
        Ok(())
    }

    /// The ids of the documents.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().flat_map(|(_, jobs)| jobs).map(|job| job.id.as_str())
    }

    /// Writes the documents, all of them.
    pub(crate) async fn arrive(self, store: &Store) -> Result<(), StoreError> {
        let Self { report, parts } = self;
        for (collection, jobs) in parts {
            let Written { stored, missed, impossible } = write::all(store, &collection, jobs).await?;
            store.counts().written(report, stored.len(), missed.len());
            if !missed.is_empty() || !impossible.is_empty() {
                let first = missed.first().or(impossible.first().map(|(id, _)| id));
                let (missed, impossible) = (missed.len(), impossible.len());
                warn!(collection, missed, impossible, first, "not all documents could be written");
                return Err(StoreError::Unwritten { collection });
            }
        }
        Ok(())
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
async fn gather<D: Stored>(
    store: &Store,
    collection: &str,
    cache: &mut Cache<D>,
    ids: &[Text],
) -> Result<(), StoreError> {
    let wanting = ids.iter().filter_map(|id| Some((document::wants_gathering(cache.get(id)?)?, id.as_str())));
    for part in most_scattered(wanting.collect(), ids.len()).chunks(GATHERED_AT_ONCE) {
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

/// Which of the documents that want to be one segment have their turn, of so many that are written: those of most segments.
fn most_scattered(mut wanting: Vec<(u32, &str)>, written: usize) -> Vec<&str> {
    wanting.sort_unstable_by_key(|(segments, _)| Reverse(*segments));
    wanting.truncate(written.div_ceil(GATHERED_PART));
    wanting.into_iter().map(|(_, id)| id).collect()
}

/// What changed of a document, if anything did.
fn job<D: Stored>(document: &D) -> Result<Option<Job>, StoreError> {
    let id = &document.stamp().id;
    let write = document::write(document).map_err(|cause| StoreError::Encode { id: id.clone(), cause })?;
    Ok(write.map(|write| Job { id: id.clone(), version: document.stamp().version(), write }))
}

/// Writes what changed of these documents; false if somebody else wrote some, which are then forgotten.
pub(super) async fn save<R: Report, D: Stored>(
    store: &Store,
    collection: &str,
    cache: &mut Cache<D>,
    ids: &[Text],
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_of_most_segments_have_their_turn() {
        let wanting = vec![(16, "a"), (19, "b"), (17, "c"), (18, "d")];
        assert_eq!(most_scattered(wanting.clone(), 2 * GATHERED_PART), ["b", "d"]);
        assert_eq!(most_scattered(wanting.clone(), 1), ["b"]);
        assert_eq!(most_scattered(wanting, 100 * GATHERED_PART).len(), 4);
    }
}
