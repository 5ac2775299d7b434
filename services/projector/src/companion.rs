//! A second generation beside the one that is served. It is built from the log in a task of its own; once it has caught up
//! it is written together with the other one, event by event and before it, so that switching to it never goes back.

use std::time::Duration;

use daybook_read_model::{
    checkpoint::{Checkpoint, Transition, applied},
    collections::in_generation,
    document,
    registry::{self, Report, Visitor},
};
use mongodb::bson::{Document, doc};
use tracing::{info, warn};

use crate::{
    backfill,
    compare::{self, Compared},
    generations, guard,
    meta::{self, Place},
    projection::{self, Projection},
    session::{Projector, SessionError},
    store::{Store, StoreError},
};

/// Copying a report into another generation takes some minutes for millions of documents.
const COPY_TIMEOUT: Duration = Duration::from_secs(3_600);

/// Events that the session folds at once when it takes over a generation: a fraction of a second.
const HANDOVER_EVENTS: i64 = 500;

/// The second generation while it is written together with the first.
pub(crate) struct Companion {
    pub(crate) place: Place,
    pub(crate) projections: Vec<Box<dyn Projection>>,
}

type Task<T> = tokio_util::task::AbortOnDropHandle<Result<T, SessionError>>;

/// How far a transition is in this process.
#[derive(Default)]
pub(crate) struct Side {
    transition: Option<Transition>,
    building: Option<Task<Companion>>,
    comparing: Option<Task<Compared>>,
    pub(crate) companion: Option<Companion>,
}

impl Side {
    /// True while there is a transition.
    pub(crate) fn is_at_work(&self) -> bool {
        self.transition.is_some()
    }

    /// Looks at what is asked for, and does the next thing about it. Answers [`SessionError::Moved`] once another generation
    /// is served.
    pub(crate) async fn tend(&mut self, projector: &Projector, place: &Place) -> Result<(), SessionError> {
        let store = &projector.store;
        let served = place.generation.generation;
        let live = meta::live(store).await.map_err(SessionError::Store)?;
        if live.is_none_or(|live| live.generation != served) {
            return Err(SessionError::Moved);
        }
        let next = generations::next(store).await.map_err(SessionError::Store)?;
        let same = |known: &Transition| next.as_ref().is_some_and(|next| next.generation == known.generation);
        if !self.transition.as_ref().is_some_and(same) {
            *self = Self::default();
        }
        self.transition.clone_from(&next);
        let Some(next) = next else { return Ok(()) };
        if next.generation == served {
            // It was switched to, but the process ended before it could say so.
            return generations::finish(store, served).await.map_err(SessionError::Store);
        }
        if self.companion.is_none() {
            return self.build(projector, place, &next).await;
        }
        if projector.shard.numbers().0 == 0 && !next.is_refused {
            return self.decide(projector, place, next).await;
        }
        Ok(())
    }

    /// Builds the second generation, and takes it over once it has caught up.
    async fn build(&mut self, projector: &Projector, place: &Place, next: &Transition) -> Result<(), SessionError> {
        let Some(building) = self.building.take_if(|building| building.is_finished()) else {
            if self.building.is_none() {
                let (twin, place, next) = (projector.twin(), place.clone(), next.clone());
                let task = tokio::spawn(async move { build(&twin, &place, &next).await });
                self.building = Some(tokio_util::task::AbortOnDropHandle::new(task));
            }
            return Ok(());
        };
        let mut companion = match building.await {
            Ok(Ok(companion)) => companion,
            Ok(Err(error)) => {
                warn!(error = %error, "building a generation is interrupted");
                return Ok(());
            }
            Err(panic) => return Err(SessionError::Store(StoreError::Task(panic))),
        };
        // The last events; from here on both are written together.
        projector.catch_up(&mut companion.place, &mut companion.projections, place.checkpoint.position).await?;
        let reports = companion.place.checkpoint.reports.clone();
        describe(&projector.store, &mut companion.place.checkpoint, true, reports).await?;
        info!(generation = companion.place.generation.generation, "the second generation has caught up");
        self.companion = Some(companion);
        Ok(())
    }

    /// Compares the generations once all shards write both, and switches if nothing differs that should not.
    async fn decide(&mut self, projector: &Projector, place: &Place, mut next: Transition) -> Result<(), SessionError> {
        let (store, Some(companion)) = (&projector.store, &self.companion) else { return Ok(()) };
        let (from, to) = (place.generation.clone(), companion.place.generation.clone());
        if let Some(comparing) = self.comparing.take_if(|comparing| comparing.is_finished()) {
            let compared = match comparing.await {
                Ok(outcome) => outcome?,
                Err(panic) => return Err(SessionError::Store(StoreError::Task(panic))),
            };
            let Compared { documents, different, unexpected, examples } = compared;
            (next.compared, next.different, next.examples) = (documents, different, examples);
            next.is_refused = unexpected > 0;
            generations::note(store, &next).await.map_err(SessionError::Store)?;
            if next.is_refused {
                warn!(different, unexpected, "the new generation differs: what is served stays");
                return Ok(());
            }
            generations::switch(store, from.generation, to.generation).await.map_err(SessionError::Store)?;
            return Err(SessionError::Moved);
        }
        if self.comparing.is_some() || !self.all_follow(projector).await? {
            return Ok(());
        }
        if next.is_rollback {
            // What is gone back from may be wrong: nothing to compare with.
            generations::switch(store, from.generation, to.generation).await.map_err(SessionError::Store)?;
            return Err(SessionError::Moved);
        }
        // A report that is still new in what is served has nothing to be compared with.
        let checkpoints = meta::checkpoints(store, &from).await.map_err(SessionError::Store)?;
        let built = applied(&from, &checkpoints).map(|applied| applied.reports).unwrap_or_default();
        let store = store.clone();
        let task = tokio::spawn(async move {
            compare::generations(&store, &from, &to, &built, &next.expected).await.map_err(SessionError::Store)
        });
        self.comparing = Some(tokio_util::task::AbortOnDropHandle::new(task));
        Ok(())
    }

    async fn all_follow(&self, projector: &Projector) -> Result<bool, SessionError> {
        let Some(companion) = &self.companion else { return Ok(false) };
        let (_, shards) = projector.shard.numbers();
        let checkpoints = meta::checkpoints(&projector.store, &companion.place.generation).await;
        let checkpoints = checkpoints.map_err(SessionError::Store)?;
        let follows =
            |shard: i32| checkpoints.iter().any(|one| one.shards == shards && one.shard == shard && one.following);
        Ok((0..shards).all(follows))
    }
}

/// Builds a shard of a generation up to the end of the log. Killed at any point, it goes on from its own checkpoint.
async fn build(projector: &Projector, live: &Place, next: &Transition) -> Result<Companion, SessionError> {
    let store = &projector.store;
    let generation = meta::generation(store, next.generation).await.map_err(SessionError::Store)?;
    let generation = generation.ok_or(SessionError::Store(StoreError::Answer("the generation")))?;
    guard::ensure(store, &generation).await.map_err(SessionError::Store)?;
    let taken = takes_over(next, live);
    let start = if next.is_rollback {
        meta::begin(store, &generation, projector.shard).await.map_err(SessionError::Store)?
    } else {
        let (index, count) = projector.shard.numbers();
        let start = Checkpoint::start(&generation, index, count);
        if taken.is_empty() {
            start
        } else {
            // What is taken over holds at least what is served now: written down before the first document is.
            let Checkpoint { position, recorded_at_micros, event_id, .. } = live.checkpoint.clone();
            Checkpoint { position, recorded_at_micros, event_id, ..start }
        }
    };
    let mut place = meta::place(store, generation, start).await.map_err(SessionError::Store)?;
    let reports = place.checkpoint.reports.clone();
    describe(store, &mut place.checkpoint, false, reports).await?;
    if !next.is_rollback && !taken.is_empty() && place.checkpoint.reports.is_empty() {
        for collection in collections_of(&taken) {
            copy(store, live, &place, projector, collection).await.map_err(SessionError::Store)?;
        }
        describe(store, &mut place.checkpoint, false, taken).await?;
    }
    if !meta::claim(store, &mut place.checkpoint).await.map_err(SessionError::Store)? {
        return Err(SessionError::Moved);
    }
    backfill::at_once(projector, &mut place).await?;
    let mut projections = projection::of(&place.generation, projector.shard, &place.checkpoint.reports);
    // Under load the end of the log is never reached: the session takes over what is left.
    loop {
        let head = projector.head().await?;
        if head - place.checkpoint.position <= HANDOVER_EVENTS {
            break;
        }
        projector.catch_up(&mut place, &mut projections, head).await?;
    }
    Ok(Companion { place, projections })
}

async fn describe(
    store: &Store,
    checkpoint: &mut Checkpoint,
    following: bool,
    reports: Vec<String>,
) -> Result<(), SessionError> {
    let done = meta::describe(store, checkpoint, following, reports).await.map_err(SessionError::Store)?;
    if done { Ok(()) } else { Err(SessionError::Moved) }
}

/// The reports that are not folded anew; one that is still being folded from the log so far cannot be taken over.
fn takes_over(next: &Transition, live: &Place) -> Vec<String> {
    let built = live.checkpoint.reports.iter();
    built.filter(|name| !next.reports.contains(name)).cloned().collect()
}

fn collections_of(reports: &[String]) -> Vec<&'static str> {
    struct Collections<'a>(&'a [String], Vec<&'static str>);
    impl Visitor for Collections<'_> {
        fn visit<R: Report>(&mut self) {
            if self.0.iter().any(|report| report == R::HEADS) {
                self.1.push(R::HEADS);
                self.1.extend(R::PAGES);
            }
        }
    }
    let mut collections = Collections(reports, Vec::new());
    registry::each(&mut collections);
    collections.1
}

/// Copies the documents of the share into the other generation; those that are there already stay.
async fn copy(
    store: &Store,
    live: &Place,
    place: &Place,
    projector: &Projector,
    collection: &str,
) -> Result<(), StoreError> {
    let (index, count) = projector.shard.numbers();
    let from = store.collection::<Document>(&in_generation(live.generation.generation, collection));
    let into = in_generation(place.generation.generation, collection);
    let pipeline = [
        doc! { "$match": { "epoch": live.generation.epoch, "slot": { "$mod": [count, index] } } },
        // What the last update of it claimed was of the other generation.
        doc! { "$set": { "epoch": place.generation.epoch } },
        doc! { "$unset": document::CLAIM },
        doc! { "$merge": { "into": &into, "whenMatched": "keepExisting", "whenNotMatched": "insert" } },
    ];
    info!(collection = into, "taking documents over");
    let copying = tokio::spawn(async move { from.aggregate(pipeline).await.map(drop) });
    match tokio::time::timeout(COPY_TIMEOUT, copying).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(error))) => Err(StoreError::Driver(Box::new(error))),
        Ok(Err(panic)) => Err(StoreError::Task(panic)),
        Err(_) => Err(StoreError::Silent),
    }
}
