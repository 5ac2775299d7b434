//! The checkpoint, the generation and the pointer to the one that is served.

use daybook::ids::RequestId;
use daybook_read_model::{
    checkpoint::{Audit, CatchingUp, Checkpoint, Generation, LAYOUT, LIVE, Live, MENDED, applied},
    event::Event,
    event_id, registry,
};
use mongodb::{
    bson::{Document, doc},
    error::{Error, ErrorKind, WriteFailure},
    options::{ReadConcern, WriteConcern},
};
use tracing::{info, warn};

use crate::{
    config::Shard,
    log::Bookmark,
    parked::recorded_at_micros,
    store::{DUPLICATE_KEY, Store, StoreError, in_time},
};

/// The first generation.
const FIRST_GENERATION: i64 = 1;

/// Checkpoints that are read at most: those of every number of shards that a generation ever had.
const MAX_CHECKPOINTS: i64 = 1_000;

/// Where projecting goes on.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) generation: Generation,
    pub(crate) checkpoint: Checkpoint,
}

/// Up to where documents were folded: the position of the last event, when it was recorded, and its id.
#[derive(Clone, Debug)]
pub(crate) struct Reached {
    pub(crate) position: i64,
    pub(crate) recorded_at_micros: Option<i64>,
    pub(crate) event_id: String,
}

impl Reached {
    /// Up to an event.
    pub(crate) fn of(event: &Event) -> Self {
        let Bookmark { position, event_id } = Bookmark::of(event);
        Self { position, recorded_at_micros: recorded_at_micros(event), event_id: event_id::to_text(&event_id) }
    }
}

/// Finds where to go on, and makes what is not there yet.
pub(crate) async fn find(store: &Store, shard: Shard) -> Result<Place, StoreError> {
    let live = found_or(store, LIVE.to_owned(), Live::to(FIRST_GENERATION)).await?;
    let id = Generation::id_of(live.generation);
    let new = Generation::new(live.generation, new_epoch());
    let mut generation = found_or(store, id, new.clone()).await?;
    if generation.layout != LAYOUT {
        warn!(found = generation.layout, wanted = LAYOUT, "the documents have another layout: folding them anew");
        let filter = doc! { "_id": &generation.id, "epoch": generation.epoch };
        replace(store, filter, &new).await?;
        generation = find_one(store, new.id.clone()).await?.ok_or(StoreError::Answer("the generation"))?;
    }
    let start = begin(store, &generation, shard).await?;
    let mut checkpoint = found_or(store, start.id.clone(), start.clone()).await?;
    if checkpoint.epoch != generation.epoch {
        // The checkpoint outlived its generation: it tells of documents that are gone.
        warn!(position = checkpoint.position, "the checkpoint is of another life of the generation: beginning anew");
        let filter = doc! { "_id": &checkpoint.id, "epoch": checkpoint.epoch, "position": checkpoint.position };
        replace(store, filter, &start).await?;
        checkpoint = start;
    } else if checkpoint.position < start.position {
        // Shards of another number went on while there were none of this one.
        info!(from = checkpoint.position, to = start.position, "others have folded up to here");
        let filter = doc! { "_id": &checkpoint.id, "epoch": checkpoint.epoch, "position": checkpoint.position };
        replace(store, filter, &start).await?;
        checkpoint = start;
    }
    Ok(Place { generation, checkpoint })
}

/// Where a shard begins: where all documents stand, whichever number of shards brought them there.
pub(crate) async fn begin(store: &Store, generation: &Generation, shard: Shard) -> Result<Checkpoint, StoreError> {
    let (index, count) = shard.numbers();
    let mut start = Checkpoint::start(generation, index, count);
    if let Some(applied) = applied(generation, &checkpoints(store, generation).await?) {
        start.position = applied.position;
        start.recorded_at_micros = applied.recorded_at_micros;
        start.event_id = applied.event_id;
        start.reports = applied.reports;
    }
    Ok(start)
}

/// The checkpoints of a generation.
pub(crate) async fn checkpoints(store: &Store, generation: &Generation) -> Result<Vec<Checkpoint>, StoreError> {
    let collection = store.meta::<Checkpoint>();
    let filter = doc! { "generation": generation.generation, "epoch": generation.epoch, "shard": { "$exists": true } };
    in_time(async move {
        let find = collection.find(filter).limit(MAX_CHECKPOINTS).read_concern(ReadConcern::majority());
        let mut cursor = find.await?;
        let mut checkpoints = Vec::new();
        while cursor.advance().await? {
            checkpoints.push(cursor.deserialize_current()?);
        }
        Ok(checkpoints)
    })
    .await
}

/// Moves the checkpoint on, of the reports that it tells of. False if it is not where it was left: somebody else moved it, or
/// added a report to it, or the database was dropped.
pub(crate) async fn advance(store: &Store, checkpoint: &mut Checkpoint, reached: Reached) -> Result<bool, StoreError> {
    let Reached { position, recorded_at_micros, event_id } = reached;
    let update = doc! { "$set": {
        "position": position,
        "recorded_at_micros": recorded_at_micros,
        "event_id": &event_id,
    } };
    let done = change(store, with_reports(checkpoint), update).await?;
    if done {
        checkpoint.position = position;
        checkpoint.recorded_at_micros = recorded_at_micros;
        checkpoint.event_id = event_id;
    }
    Ok(done)
}

/// Says of which reports a checkpoint tells: of those that this version knows, and before the first event of all that there
/// are. False if it is not where it was left.
pub(crate) async fn claim(store: &Store, checkpoint: &mut Checkpoint) -> Result<bool, StoreError> {
    let is_known = |name: &&&str| checkpoint.position == 0 || checkpoint.reports.iter().any(|known| known == **name);
    let known: Vec<String> = registry::NAMES.iter().filter(is_known).map(|&name| name.to_owned()).collect();
    if known == checkpoint.reports {
        return Ok(true);
    }
    let following = checkpoint.following;
    describe(store, checkpoint, following, known).await
}

/// Takes note of how far new reports are, unless it is known already that they are further. False if they are new no more, or
/// the database was dropped.
pub(crate) async fn catching_up(
    store: &Store,
    checkpoint: &Checkpoint,
    reports: &[&str],
    reached: CatchingUp,
) -> Result<bool, StoreError> {
    let filter = doc! { "_id": &checkpoint.id, "epoch": checkpoint.epoch, "reports": { "$nin": reports } };
    let reached = doc! { "position": reached.position, "recorded_at_micros": reached.recorded_at_micros };
    let fields = reports.iter().map(|report| (format!("catching_up.{report}"), reached.clone().into()));
    change(store, filter, doc! { "$max": fields.collect::<Document>() }).await
}

/// Adds new reports to those that a checkpoint tells of: their documents have come to its position. False if it is not where
/// it was left.
pub(crate) async fn join(store: &Store, checkpoint: &mut Checkpoint, new: &[&str]) -> Result<bool, StoreError> {
    let is_there = |name: &&&str| new.contains(name) || checkpoint.reports.iter().any(|known| known == **name);
    let all: Vec<String> = registry::NAMES.iter().filter(is_there).map(|&name| name.to_owned()).collect();
    let update = doc! { "$set": { "reports": &all }, "$unset": { "catching_up": "" } };
    let done = change(store, with_reports(checkpoint), update).await?;
    if done {
        checkpoint.reports = all;
        checkpoint.catching_up.clear();
    }
    Ok(done)
}

/// The filter for a checkpoint as it was left.
fn with_reports(checkpoint: &Checkpoint) -> Document {
    let Checkpoint { id, epoch, position, reports, .. } = checkpoint;
    doc! { "_id": id, "epoch": epoch, "position": position, "reports": reports }
}

/// Changes a checkpoint that matches; false if none does.
async fn change(store: &Store, filter: Document, update: Document) -> Result<bool, StoreError> {
    let collection = store.meta::<Checkpoint>();
    let done = in_time(async move { collection.update_one(filter, update).write_concern(durable()).await }).await?;
    Ok(done.matched_count == 1)
}

/// A checkpoint as it stands in the database now, if it is of the same life of its generation.
pub(crate) async fn stored(store: &Store, checkpoint: &Checkpoint) -> Result<Option<Checkpoint>, StoreError> {
    let found: Option<Checkpoint> = find_one(store, checkpoint.id.clone()).await?;
    Ok(found.filter(|found| found.epoch == checkpoint.epoch))
}

/// Where a checkpoint is.
pub(crate) async fn position(store: &Store, id: &str) -> Result<Option<i64>, StoreError> {
    let found: Option<Checkpoint> = find_one(store, id.to_owned()).await?;
    Ok(found.map(|found| found.position))
}

/// Adds to what the audit of a shard has found.
pub(crate) async fn count(store: &Store, shard: Shard, counts: &Audit) -> Result<(), StoreError> {
    let (index, count) = shard.numbers();
    let collection = store.meta::<Document>();
    let Audit { audited, different, repaired, skipped, last_difference } = counts;
    let mut update = doc! {
        "$inc": { "audited": audited, "different": different, "repaired": repaired, "skipped": skipped },
    };
    if !last_difference.is_empty() {
        update.insert("$set", doc! { "last_difference": last_difference });
    }
    in_time(async move {
        let update = collection.update_one(doc! { "_id": Audit::id_of(index, count) }, update);
        update.upsert(true).await.map(drop)
    })
    .await
}

/// Counts that documents were changed without a new event, once they are and before anything says so.
pub(crate) async fn mended(store: &Store) -> Result<(), StoreError> {
    let collection = store.meta::<Document>();
    in_time(async move {
        let update = collection.update_one(doc! { "_id": MENDED }, doc! { "$inc": { "times": 1_i64 } });
        update.upsert(true).write_concern(durable()).await.map(drop)
    })
    .await
}

/// The pointer to what is served.
pub(crate) async fn live(store: &Store) -> Result<Option<Live>, StoreError> {
    find_one(store, LIVE.to_owned()).await
}

/// A generation, if there is one of that number.
pub(crate) async fn generation(store: &Store, number: i64) -> Result<Option<Generation>, StoreError> {
    find_one(store, Generation::id_of(number)).await
}

/// Where a shard of a generation goes on; `start` is where it begins if it never did.
pub(crate) async fn place(store: &Store, generation: Generation, start: Checkpoint) -> Result<Place, StoreError> {
    let checkpoint = found_or(store, start.id.clone(), start).await?;
    Ok(Place { generation, checkpoint })
}

/// Says whether a shard is written together with the generation that is served, and which reports it has.
pub(crate) async fn describe(
    store: &Store,
    checkpoint: &mut Checkpoint,
    following: bool,
    reports: Vec<String>,
) -> Result<bool, StoreError> {
    let filter = doc! { "_id": &checkpoint.id, "epoch": checkpoint.epoch, "position": checkpoint.position };
    let update = doc! { "$set": { "following": following, "reports": &reports } };
    let done = change(store, filter, update).await?;
    (checkpoint.following, checkpoint.reports) = (following, reports);
    Ok(done)
}

/// True if the checkpoint is where it was left.
pub(crate) async fn is_there(store: &Store, checkpoint: &Checkpoint) -> Result<bool, StoreError> {
    let found = stored(store, checkpoint).await?;
    Ok(found.is_some_and(|found| found.position == checkpoint.position))
}

/// How what must not be lost is written.
pub(crate) fn durable() -> WriteConcern {
    let mut concern = WriteConcern::majority();
    concern.journal = Some(true);
    concern
}

pub(crate) async fn found_or<T>(store: &Store, id: String, new: T) -> Result<T, StoreError>
where
    T: serde::Serialize + serde::de::DeserializeOwned + Clone + Unpin + Send + Sync + 'static,
{
    if let Some(found) = find_one(store, id.clone()).await? {
        return Ok(found);
    }
    let collection = store.meta::<T>();
    let document = new.clone();
    let inserted = in_time(async move {
        match collection.insert_one(document).write_concern(durable()).await {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(error),
        }
    });
    if inserted.await? {
        info!(id, "made");
        return Ok(new);
    }
    // Another projector was first.
    find_one(store, id).await?.ok_or(StoreError::Answer("a document that is there"))
}

pub(crate) async fn find_one<T>(store: &Store, id: String) -> Result<Option<T>, StoreError>
where
    T: serde::de::DeserializeOwned + Send + Sync + 'static,
{
    let collection = store.meta::<T>();
    in_time(async move { collection.find_one(doc! { "_id": id }).read_concern(ReadConcern::majority()).await }).await
}

/// Replaces a document, unless somebody else did.
pub(crate) async fn replace<T>(store: &Store, filter: Document, new: &T) -> Result<(), StoreError>
where
    T: serde::Serialize + Clone + Send + Sync + 'static,
{
    let collection = store.meta::<T>();
    let new = new.clone();
    in_time(async move { collection.replace_one(filter, new).write_concern(durable()).await }).await?;
    Ok(())
}

pub(crate) fn is_duplicate(error: &Error) -> bool {
    matches!(&*error.kind, ErrorKind::Write(WriteFailure::WriteError(error)) if error.code == DUPLICATE_KEY)
}

/// A number that no other life of a generation has.
pub(crate) fn new_epoch() -> i64 {
    let (high, _) = RequestId::random().uuid().as_u64_pair();
    i64::from_be_bytes(high.to_be_bytes())
}
