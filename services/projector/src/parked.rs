//! Events that cannot be folded. They are kept with their error, the documents that lack them are marked, and the others go
//! on.

use std::collections::BTreeMap;

use daybook_read_model::{
    checkpoint::{Generation, Mark, ParkedMarks},
    collections::{PARKED, in_generation},
    event::Event,
};
use mongodb::{
    bson::{Binary, Bson, Document, doc, spec::BinarySubtype},
    options::UpdateModifications,
};
use prost::Message as _;
use serde::Deserialize;
use tracing::{error, info};

use crate::{
    config::Shard,
    meta::{self, durable},
    store::{Store, StoreError, in_time},
};

/// Most bytes of an event that are kept with it; the whole one is in the log.
const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// Longest text of an error, in characters.
const MAX_ERROR_CHARACTERS: usize = 512;

/// Parked events of which the documents are marked one by one; if there are more, all documents are.
const MAX_MARKED_EVENTS: i64 = 1_000;

/// How often marks are written because something was parked meanwhile; then the batch is folded again.
const MAX_MARKINGS: usize = 20;

/// Events that are folded again in one go.
const RETRIES_AT_ONCE: i64 = 10;

/// Why an event could not be folded into a report, and the documents that lack it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failure {
    pub(crate) cause: String,
    pub(crate) touched: Vec<String>,
}

/// What could not be folded, by position of the event, then by report.
pub(crate) type Failures = BTreeMap<i64, BTreeMap<&'static str, Failure>>;

/// A parked event as it is stored.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Parked {
    #[serde(rename = "_id")]
    pub(crate) position: i64,
    pub(crate) event_type: String,
    pub(crate) schema_version: i32,
    pub(crate) recorded_at_micros: Option<i64>,
    /// By report.
    pub(crate) errors: BTreeMap<String, String>,
    pub(crate) touched: BTreeMap<String, Vec<String>>,
    pub(crate) retry: bool,
    /// Shards that have folded it again.
    retried: Vec<String>,
}

/// Writes down what could not be folded. An event that was parked before keeps one entry.
pub(crate) async fn park(
    store: &Store,
    generation: &Generation,
    events: &[Event],
    failures: &Failures,
) -> Result<(), StoreError> {
    for (position, errors) in failures {
        let Some(event) = events.iter().find(|event| event.position() == *position) else { continue };
        for (report, Failure { cause, .. }) in errors {
            error!(
                position,
                event_type = event.recorded.event_type,
                report,
                error = cause,
                "an event cannot be folded: parked"
            );
        }
        let mut touched = Document::new();
        for (report, failure) in errors.iter().filter(|(_, failure)| !failure.touched.is_empty()) {
            touched.insert(format!("touched.{report}"), doc! { "$each": failure.touched.clone() });
        }
        let mut update = doc! { "$set": entry(event, errors) };
        if !touched.is_empty() {
            update.insert("$addToSet", touched);
        }
        let parked = collection(store, generation);
        let filter = doc! { "_id": position };
        let update = UpdateModifications::Document(update);
        in_time(async move { parked.update_one(filter, update).upsert(true).write_concern(durable()).await }).await?;
    }
    store.counts().parked(failures.len());
    let discarded: Vec<i64> = events.iter().filter_map(Event::discards).collect();
    if !discarded.is_empty() {
        settle(store, generation, &discarded).await?;
        info!(?discarded, "events were discarded");
    } else if !failures.is_empty() {
        mark(store, generation).await?;
    }
    Ok(())
}

/// Takes the marks of events away that are folded or discarded, and then the events: whoever sees that one is parked no more finds
/// no report that still says it lacks something. Those that are `settled` have no marks any more.
async fn settle(store: &Store, generation: &Generation, positions: &[i64]) -> Result<(), StoreError> {
    let filter = doc! { "_id": { "$in": positions } };
    let (parked, these, settled) =
        (collection(store, generation), filter.clone(), doc! { "$set": { "settled": true } });
    in_time(async move { parked.update_many(these, settled).await }).await?;
    meta::mended(store).await?;
    mark(store, generation).await?;
    let parked = collection(store, generation);
    in_time(async move { parked.delete_many(filter).write_concern(durable()).await }).await?;
    Ok(())
}

/// Brings the marks of the documents to what is parked. Several may do so at once, each having parked something: whoever
/// writes looks again afterwards, so that the last one to write has seen all of it.
pub(crate) async fn mark(store: &Store, generation: &Generation) -> Result<(), StoreError> {
    let mut marks = marks(store, generation).await?;
    for _ in 0..MAX_MARKINGS {
        let (meta, written) = (store.meta::<ParkedMarks>(), marks.clone());
        let filter = doc! { "_id": &marks.id };
        in_time(async move { meta.replace_one(filter, written).upsert(true).write_concern(durable()).await }).await?;
        let now = self::marks(store, generation).await?;
        if now == marks {
            return Ok(());
        }
        marks = now;
    }
    Err(StoreError::Contended { collection: in_generation(generation.generation, PARKED) })
}

/// The marks as they should be.
async fn marks(store: &Store, generation: &Generation) -> Result<ParkedMarks, StoreError> {
    let parked = list(store, generation, doc! { "settled": { "$ne": true } }, MAX_MARKED_EVENTS + 1).await?;
    let mut marks: Vec<Mark> = Vec::new();
    for (report, documents) in parked.iter().flat_map(|parked| &parked.touched) {
        marks.extend(documents.iter().map(|document| Mark { report: report.clone(), document: document.clone() }));
    }
    marks.sort_by(|a, b| (&a.report, &a.document).cmp(&(&b.report, &b.document)));
    marks.dedup();
    let events = i64::try_from(parked.len()).unwrap_or(i64::MAX);
    let overflows = marks.len() > ParkedMarks::MAX_MARKS || events > MAX_MARKED_EVENTS;
    marks.truncate(ParkedMarks::MAX_MARKS);
    Ok(ParkedMarks { id: ParkedMarks::id_of(generation.generation), events, overflows, marks })
}

/// Parked events in order of their positions.
pub(crate) async fn list(
    store: &Store,
    generation: &Generation,
    filter: Document,
    limit: i64,
) -> Result<Vec<Parked>, StoreError> {
    let parked = store.collection::<Parked>(&in_generation(generation.generation, PARKED));
    in_time(async move {
        let find = parked.find(filter).sort(doc! { "_id": 1 }).projection(doc! { "event": 0 }).limit(limit);
        let mut cursor = find.await?;
        let mut found = Vec::new();
        while cursor.advance().await? {
            found.push(cursor.deserialize_current()?);
        }
        Ok(found)
    })
    .await
}

/// Asks for folding an event again; false if it is not parked.
pub(crate) async fn ask_retry(store: &Store, generation: &Generation, position: i64) -> Result<bool, StoreError> {
    let parked = collection(store, generation);
    let update = doc! { "$set": { "retry": true, "retried": [] } };
    let done = in_time(async move { parked.update_one(doc! { "_id": position }, update).await }).await?;
    Ok(done.matched_count == 1)
}

/// The positions of events that a shard is to fold again. Also those of which only the end is left to do, because whoever
/// was at it did not get there: to fold them once more changes nothing.
pub(crate) async fn to_retry(store: &Store, generation: &Generation, shard: Shard) -> Result<Vec<i64>, StoreError> {
    let open = [doc! { "retried": { "$ne": shard.to_string() } }, doc! { "settled": true }];
    let filter = doc! { "retry": true, "$or": open.to_vec() };
    let found = list(store, generation, filter, RETRIES_AT_ONCE).await?;
    Ok(found.into_iter().map(|parked| parked.position).collect())
}

/// Takes note that a shard has folded an event again, or why it could not. When all have, it is parked no more.
pub(crate) async fn retried(
    store: &Store,
    generation: &Generation,
    shard: Shard,
    position: i64,
    errors: BTreeMap<&'static str, String>,
) -> Result<(), StoreError> {
    let parked = collection(store, generation);
    let update = if errors.is_empty() {
        doc! { "$addToSet": { "retried": shard.to_string() } }
    } else {
        let errors = errors.into_iter().map(|(report, cause)| (format!("errors.{report}"), text(&cause)));
        let mut set: Document = errors.collect();
        set.insert("retry", false);
        doc! { "$set": set }
    };
    in_time(async move { parked.update_one(doc! { "_id": position }, update).await }).await?;
    let found = list(store, generation, doc! { "_id": position }, 1).await?;
    let Some(parked) = found.first() else { return Ok(()) };
    if parked.retry && (0..shard.count()).all(|index| parked.retried.contains(&format!("{index}/{}", shard.count()))) {
        settle(store, generation, &[position]).await?;
        info!(position, "a parked event is folded");
    }
    Ok(())
}

fn collection(store: &Store, generation: &Generation) -> mongodb::Collection<Document> {
    store.collection(&in_generation(generation.generation, PARKED))
}

fn entry(event: &Event, errors: &BTreeMap<&'static str, Failure>) -> Document {
    let mut bytes = event.recorded.encode_to_vec();
    bytes.truncate(MAX_EVENT_BYTES);
    let mut entry = doc! {
        "event_type": &event.recorded.event_type,
        "schema_version": event.recorded.schema_version,
        "recorded_at_micros": recorded_at_micros(event),
        "event": Binary { subtype: BinarySubtype::Generic, bytes },
        "settled": false,
    };
    for (report, Failure { cause, .. }) in errors {
        entry.insert(format!("errors.{report}"), text(cause));
    }
    entry
}

fn text(cause: &str) -> Bson {
    Bson::String(cause.chars().take(MAX_ERROR_CHARACTERS).collect())
}

/// When the log took an event, in microseconds since 1970.
pub(crate) fn recorded_at_micros(event: &Event) -> Option<i64> {
    let recorded = event.recorded.recorded_at.as_ref()?;
    recorded.seconds.checked_mul(1_000_000)?.checked_add(i64::from(recorded.nanos) / 1_000)
}
