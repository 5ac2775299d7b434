//! From batch to documents: folded, written, the checkpoint moved on, and memory given back.
//!
//! A batch is folded in memory as it comes. What is folded is written by turns, while folding goes on: most documents change
//! again and again, and a statement costs the database the same whatever it changes. What is written next departs only after
//! that before has arrived, so there is one write of a document at a time. The checkpoint is moved to the end of the last batch
//! of which all has arrived; documents may be further than that.
//!
//! Events that departed are not at hand any more. If something of them cannot be written, because somebody else wrote the document
//! or it became too large, all is forgotten and begun again at the checkpoint, this time batch by batch up to there: then it is
//! known by its event what cannot be written.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use daybook_chassis::trace::{self, Span};
use daybook_read_model::event::Event;
use futures_util::future::BoxFuture;
use tokio::task::{JoinError, JoinSet};
use tracing::debug;

use super::{Pending, Projector, SessionError};
use crate::{
    batch::Batch,
    meta::{self, Place, Reached},
    parked::{self, Failures},
    projection::{Load, Projection, Turn},
    store::{Store, StoreError},
};

/// From so many events on a batch is folded into all reports at the same time. Fewer are folded into one after the other, and so take
/// one processor at most: with two at work at once, a register whose sale is being recorded waits for some milliseconds, on a
/// machine that it shares with the projector, whenever something for it is to be done.
const TOGETHER_EVENTS: usize = 1_000;

/// Far behind the end of the log documents may take so many times the memory: nearly all of them change all the time, so the more
/// events are folded between two writes of them, the fewer writes there are. More than twice as much brought nothing.
const FAR_CACHES: usize = 2;

/// What is done with a batch of events and one report.
type Work = for<'a> fn(&'a mut dyn Projection, &'a Store, &'a [Event]) -> BoxFuture<'a, Result<Failures, StoreError>>;

impl Projector {
    /// One step: folds a batch into all reports, and writes what it is time to write. With `at_once` all is written, and the
    /// checkpoint moved, before the step is done.
    pub(crate) async fn step(
        &self,
        place: &mut Place,
        projections: &mut Vec<Box<dyn Projection>>,
        batch: &Batch,
        span: Option<Arc<Span>>,
        pending: &mut Pending,
        at_once: bool,
    ) -> Result<(), SessionError> {
        let Some(last) = batch.last() else { return Ok(()) };
        let begun = Instant::now();
        let is_careful = place.checkpoint.position < self.careful_until.load(Ordering::Relaxed);
        if at_once || is_careful {
            self.write(place, projections, pending).await?;
            self.project(place, projections, batch).await?;
            self.advance(place, Reached::of(last)).await?;
            shrink(projections, self.bounds.cache_bytes);
        } else {
            self.fold(place, projections, batch, |projection, store, events| projection.fold(store, events)).await?;
            pending.folded(batch.events.len(), Reached::of(last), span);
            pending.behind = batch.behind();
            shrink(projections, self.most_bytes(pending));
            if self.is_full(projections, pending) {
                self.land(place, projections, pending).await?;
                self.depart(projections, pending, Turn::ALL).await?;
            }
            self.depart_if_due(projections, pending).await?;
        }
        debug!(
            first = batch.events.first().map(Event::position),
            last = last.position(),
            events = batch.events.len(),
            bytes = batch.bytes,
            micros = begun.elapsed().as_micros(),
            written = place.checkpoint.position,
            requests = ?batch.requests(),
            "projected"
        );
        Ok(())
    }

    /// Writes all that is folded and not written yet.
    pub(super) async fn write(
        &self,
        place: &mut Place,
        projections: &mut Vec<Box<dyn Projection>>,
        pending: &mut Pending,
    ) -> Result<(), SessionError> {
        self.land(place, projections, pending).await?;
        self.depart(projections, pending, Turn::ALL).await?;
        self.land(place, projections, pending).await
    }

    /// Waits for the documents that are on their way, if there are any.
    async fn land(
        &self,
        place: &mut Place,
        projections: &mut [Box<dyn Projection>],
        pending: &mut Pending,
    ) -> Result<(), SessionError> {
        if pending.flies() {
            let arrived = pending.arrive().await;
            self.landed(place, projections, pending, arrived).await?;
        }
        Ok(())
    }

    /// Moves the checkpoint to where documents have arrived.
    pub(super) async fn landed(
        &self,
        place: &mut Place,
        projections: &mut [Box<dyn Projection>],
        pending: &Pending,
        arrived: Result<Option<Reached>, StoreError>,
    ) -> Result<(), SessionError> {
        match arrived {
            Ok(reached) => {
                projections.iter_mut().for_each(|projection| projection.arrived());
                match reached {
                    Some(reached) => self.advance(place, reached).await,
                    None => Ok(()),
                }
            }
            Err(StoreError::Unwritten { .. }) => {
                // Up to here each batch is written by itself the next time.
                let until = pending.last_folded().unwrap_or(place.checkpoint.position);
                self.careful_until.fetch_max(until, Ordering::Relaxed);
                Err(SessionError::Unwritten)
            }
            Err(error) => Err(SessionError::Store(error)),
        }
    }

    /// Writes what is folded, if it is time and nothing else is on its way.
    pub(super) async fn depart_if_due(
        &self,
        projections: &mut Vec<Box<dyn Projection>>,
        pending: &mut Pending,
    ) -> Result<(), SessionError> {
        let is_due = self.due(pending).is_some_and(|due| due <= Instant::now());
        if is_due { self.depart(projections, pending, pending.turn()).await } else { Ok(()) }
    }

    /// When that which is folded shall be written. Far behind the end of the log only memory says so.
    pub(super) fn due(&self, pending: &Pending) -> Option<Instant> {
        pending.due().filter(|_| !self.is_far(pending))
    }

    fn is_far(&self, pending: &Pending) -> bool {
        usize::try_from(pending.behind).unwrap_or(0) > self.bounds.unwritten_events
    }

    /// How large all documents in memory may be.
    fn most_bytes(&self, pending: &Pending) -> usize {
        self.bounds.cache_bytes.saturating_mul(if self.is_far(pending) { FAR_CACHES } else { 1 })
    }

    /// True if no more may be folded before something is written.
    fn is_full(&self, projections: &[Box<dyn Projection>], pending: &Pending) -> bool {
        let bytes: usize = projections.iter().map(|projection| projection.bytes()).sum();
        pending.events >= self.bounds.unwritten_events.max(1) || bytes >= self.most_bytes(pending)
    }

    /// Sends what has its turn of what is folded on its way to the database.
    async fn depart(
        &self,
        projections: &mut Vec<Box<dyn Projection>>,
        pending: &mut Pending,
        turn: Turn,
    ) -> Result<(), SessionError> {
        if !pending.waits() {
            return Ok(());
        }
        let span = pending.span();
        trace::within(span.as_deref(), async {
            let loads = self.loads(projections, turn).await?;
            let oldest = projections.iter().filter_map(|projection| projection.oldest()).min();
            pending.depart(&self.store, loads, oldest);
            Ok(())
        })
        .await
    }

    /// What has its turn of what is folded and not written.
    async fn loads(&self, projections: &mut Vec<Box<dyn Projection>>, turn: Turn) -> Result<Vec<Load>, SessionError> {
        with_each(projections, turn == Turn::ALL, |mut projection| {
            let store = self.store.clone();
            async move {
                let load = projection.depart(&store, turn).await;
                (projection, load)
            }
        })
        .await
    }

    async fn advance(&self, place: &mut Place, reached: Reached) -> Result<(), SessionError> {
        if meta::advance(&self.store, &mut place.checkpoint, reached).await.map_err(SessionError::Store)? {
            Ok(())
        } else {
            Err(SessionError::Moved)
        }
    }

    /// Folds a batch into some reports, and writes it at once. Nothing else may be folded and not written.
    pub(crate) async fn project(
        &self,
        place: &Place,
        projections: &mut Vec<Box<dyn Projection>>,
        batch: &Batch,
    ) -> Result<(), SessionError> {
        self.fold(place, projections, batch, |projection, store, events| projection.project(store, events)).await
    }

    /// Does something with a batch and each report. What could not be folded is parked.
    async fn fold(
        &self,
        place: &Place,
        projections: &mut Vec<Box<dyn Projection>>,
        batch: &Batch,
        work: Work,
    ) -> Result<(), SessionError> {
        let outcomes = with_each(projections, batch.events.len() >= TOGETHER_EVENTS, |mut projection| {
            let (store, events) = (self.store.clone(), Arc::clone(&batch.events));
            async move {
                let outcome = work(&mut *projection, &store, &events).await;
                (projection, outcome)
            }
        });
        let mut failures = Failures::new();
        for (position, errors) in outcomes.await?.into_iter().flatten() {
            failures.entry(position).or_default().extend(errors);
        }
        parked::park(&self.store, &place.generation, &batch.events, &failures).await.map_err(SessionError::Store)
    }
}

/// Lets documents go until they have so many bytes, but none of which the database lacks something.
pub(crate) fn shrink(projections: &mut [Box<dyn Projection>], most_bytes: usize) {
    let mut bytes: usize = projections.iter().map(|projection| projection.bytes()).sum();
    while bytes > most_bytes {
        // The largest gives what is too much.
        let Some(largest) = projections.iter_mut().max_by_key(|projection| projection.bytes()) else { return };
        let before = largest.bytes();
        largest.shrink(before.saturating_sub(bytes - most_bytes));
        bytes = bytes.saturating_sub(before - largest.bytes());
        if before == largest.bytes() {
            return;
        }
    }
}

/// A report that something was done with, and what came of it.
type Done<T> = (Box<dyn Projection>, Result<T, StoreError>);

/// Does something with each report in a task of its own: with all at the same time, so that one is folded while the database works
/// for another, or with one after the other. The first failure ends it: each waits for some seconds for a database that is away.
async fn with_each<T, F>(
    projections: &mut Vec<Box<dyn Projection>>,
    together: bool,
    work: impl Fn(Box<dyn Projection>) -> F,
) -> Result<Vec<T>, SessionError>
where
    T: Send + 'static,
    F: Future<Output = Done<T>> + Send + 'static,
{
    let (mut tasks, mut outcomes) = (JoinSet::new(), Vec::new());
    for projection in std::mem::take(projections) {
        tasks.spawn(trace::carried(work(projection)));
        while !together && let Some(done) = tasks.join_next().await {
            take(done, projections, &mut outcomes)?;
        }
    }
    while let Some(done) = tasks.join_next().await {
        take(done, projections, &mut outcomes)?;
    }
    Ok(outcomes)
}

/// Takes back what a task worked with, and what came of it.
fn take<T>(
    done: Result<Done<T>, JoinError>,
    projections: &mut Vec<Box<dyn Projection>>,
    outcomes: &mut Vec<T>,
) -> Result<(), SessionError> {
    let (projection, outcome) = done.map_err(|panic| SessionError::Store(StoreError::Task(panic)))?;
    projections.push(projection);
    outcomes.push(outcome.map_err(SessionError::Store)?);
    Ok(())
}
