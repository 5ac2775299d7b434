//! What is asked for and decided about generations, as it stands in the database: one document says what is under way.

use daybook_read_model::{
    checkpoint::{Generation, LAYOUT, LIVE, Live, NEXT, ParkedMarks, Transition},
    registry,
};
use mongodb::bson::{Document, doc};
use thiserror::Error;
use tracing::info;

use crate::{
    meta::{self, durable},
    store::{Store, StoreError, in_time},
};

/// Why something about generations cannot be done.
#[derive(Debug, Error)]
pub(crate) enum TransitionError {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0:?} is not a report: there are {list}", list = registry::NAMES.join(", "))]
    NoReport(String),
    #[error("{0}")]
    Refused(&'static str),
}

/// What is under way.
pub(crate) async fn next(store: &Store) -> Result<Option<Transition>, StoreError> {
    meta::find_one(store, NEXT.to_owned()).await
}

/// What is under way and not done yet: a process may have ended between the pointer and what follows.
async fn under_way(store: &Store) -> Result<Option<Transition>, StoreError> {
    let (next, live) = (next(store).await?, meta::live(store).await?);
    let is_done = |next: &Transition| live.as_ref().is_some_and(|live| live.generation == next.generation);
    if let Some(next) = next.as_ref().filter(|next| is_done(next)) {
        finish(store, next.generation).await?;
        return Ok(None);
    }
    Ok(next)
}

/// Begins a new generation, or tells of the one that is being built.
pub(crate) async fn start_rebuild(
    store: &Store,
    reports: Vec<String>,
    expected: Vec<String>,
) -> Result<Transition, TransitionError> {
    let unknown = reports.iter().chain(&expected).find(|report| !registry::NAMES.contains(&report.as_str()));
    if let Some(unknown) = unknown {
        return Err(TransitionError::NoReport(unknown.clone()));
    }
    if let Some(mut under_way) = under_way(store).await? {
        if under_way.is_rollback {
            return Err(TransitionError::Refused("a rollback is under way"));
        }
        if under_way.is_refused {
            under_way.expected.extend(expected);
            under_way.is_refused = false;
            note(store, &under_way).await?;
        }
        return Ok(under_way);
    }
    let live = meta::live(store).await?.ok_or(TransitionError::Refused("there are no documents yet"))?;
    clean(store, &live).await?;
    let generation = Generation::new(last(store).await? + 1, meta::new_epoch());
    let generation = meta::found_or(store, generation.id.clone(), generation).await?;
    let all = || registry::NAMES.iter().map(|&name| name.to_owned()).collect();
    let reports = if reports.is_empty() { all() } else { reports };
    let number = generation.generation;
    info!(generation = number, ?reports, "a new generation is built");
    let transition = Transition { id: NEXT.into(), generation: number, reports, expected, ..Transition::default() };
    Ok(meta::found_or(store, NEXT.to_owned(), transition).await?)
}

/// Begins going back.
pub(crate) async fn start_rollback(store: &Store) -> Result<Transition, TransitionError> {
    if let Some(under_way) = under_way(store).await? {
        let refusal = TransitionError::Refused("a rebuild is under way: abandon it first");
        return if under_way.is_rollback { Ok(under_way) } else { Err(refusal) };
    }
    let live = meta::live(store).await?.ok_or(TransitionError::Refused("there are no documents yet"))?;
    let none = TransitionError::Refused("there is no generation to go back to");
    let Some(previous) = live.previous else { return Err(none) };
    let Some(generation) = meta::generation(store, previous).await? else { return Err(none) };
    if generation.layout != LAYOUT {
        return Err(TransitionError::Refused("the generation before has a layout that this version does not write"));
    }
    info!(generation = previous, "going back to the generation before");
    let transition = Transition { id: NEXT.into(), generation: previous, is_rollback: true, ..Transition::default() };
    Ok(meta::found_or(store, NEXT.to_owned(), transition).await?)
}

/// Gives up what is under way. What is served stays; what was built is dropped when the next one begins.
pub(crate) async fn abandon(store: &Store) -> Result<(), StoreError> {
    let collection = store.meta::<Document>();
    in_time(async move { collection.delete_one(doc! { "_id": NEXT }).write_concern(durable()).await }).await?;
    Ok(())
}

/// Ends the transition to a generation, now that it is served. One that was begun since stays.
pub(crate) async fn finish(store: &Store, generation: i64) -> Result<(), StoreError> {
    let collection = store.meta::<Document>();
    let done = doc! { "_id": NEXT, "generation": generation };
    in_time(async move { collection.delete_one(done).write_concern(durable()).await }).await?;
    Ok(())
}

/// Writes down what became of a comparison.
pub(crate) async fn note(store: &Store, transition: &Transition) -> Result<(), StoreError> {
    meta::replace(store, doc! { "_id": NEXT, "generation": transition.generation }, transition).await
}

/// Switches what is served: one write, unless somebody else switched before.
pub(crate) async fn switch(store: &Store, from: i64, to: i64) -> Result<(), StoreError> {
    let live = Live { previous: Some(from), ..Live::to(to) };
    meta::replace(store, doc! { "_id": LIVE, "generation": from }, &live).await?;
    info!(from, to, "another generation is served");
    finish(store, to).await
}

/// The highest number of any generation.
async fn last(store: &Store) -> Result<i64, StoreError> {
    Ok(numbers(store).await?.into_iter().max().unwrap_or(0))
}

async fn numbers(store: &Store) -> Result<Vec<i64>, StoreError> {
    let collection = store.meta::<Document>();
    in_time(async move {
        let mut cursor = collection.find(doc! { "layout": { "$exists": true } }).await?;
        let mut numbers = Vec::new();
        while cursor.advance().await? {
            numbers.extend(cursor.deserialize_current()?.get_i64("generation").ok());
        }
        Ok(numbers)
    })
    .await
}

/// Drops the generations that are neither served nor were served before that.
async fn clean(store: &Store, live: &Live) -> Result<(), StoreError> {
    for number in numbers(store).await? {
        if number == live.generation || live.previous == Some(number) {
            continue;
        }
        let names = store.collections(&format!("g{number}_")).await?;
        for name in names {
            let collection = store.collection::<Document>(&name);
            in_time(async move { collection.drop().await }).await?;
        }
        let marks = store.meta::<Document>();
        let id = ParkedMarks::id_of(number);
        in_time(async move { marks.delete_one(doc! { "_id": id }).await }).await?;
        let collection = store.meta::<Document>();
        let filter = doc! { "generation": number, "epoch": { "$exists": true } };
        in_time(async move { collection.delete_many(filter).write_concern(durable()).await }).await?;
        info!(generation = number, "an old generation was dropped");
    }
    Ok(())
}
