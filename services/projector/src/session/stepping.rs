//! From batch to documents: folded, written, the checkpoint moved on, and memory given back.
//!
//! Near the end of the log each batch is written. Far behind it, several are folded before documents are written, because most
//! of them change in every batch. What is folded and not written is in memory only: the checkpoint is moved after it was written.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use daybook_chassis::trace;
use tokio::task::JoinSet;
use tracing::debug;

use super::{Projector, SessionError};
use crate::{
    batch::Batch,
    meta::{self, Place, Reached},
    parked::{self, Failures},
    projection::Projection,
    store::StoreError,
};

/// What is folded and not written yet.
#[derive(Debug, Default)]
pub(crate) struct Unwritten {
    events: usize,
    reached: Option<Reached>,
}

impl Unwritten {
    /// True if everything is written.
    pub(crate) fn is_empty(&self) -> bool {
        self.reached.is_none()
    }
}

impl Projector {
    /// One step: folds a batch into all reports. If it is time, or if it must be so, writes them and moves the checkpoint on.
    pub(crate) async fn step(
        &self,
        place: &mut Place,
        projections: &mut Vec<Box<dyn Projection>>,
        batch: &Batch,
        unwritten: &mut Unwritten,
        at_once: bool,
    ) -> Result<(), SessionError> {
        let Some(last) = batch.last() else { return Ok(()) };
        let begun = Instant::now();
        let write = at_once || self.is_due(place, projections, batch, unwritten);
        unwritten.events += batch.events.len();
        unwritten.reached = Some(Reached::of(last));
        self.settle(place, projections, batch, unwritten, write).await?;
        debug!(
            first = batch.events.first().map(|event| event.position),
            last = last.position,
            events = batch.events.len(),
            bytes = batch.bytes,
            micros = begun.elapsed().as_micros(),
            written = write,
            requests = ?batch.requests(),
            "projected"
        );
        Ok(())
    }

    /// Writes what is folded and not written yet.
    pub(super) async fn write(
        &self,
        place: &mut Place,
        projections: &mut Vec<Box<dyn Projection>>,
        unwritten: &mut Unwritten,
    ) -> Result<(), SessionError> {
        if unwritten.is_empty() {
            return Ok(());
        }
        self.settle(place, projections, &Batch::of(Vec::new(), 0), unwritten, true).await
    }

    async fn settle(
        &self,
        place: &mut Place,
        projections: &mut Vec<Box<dyn Projection>>,
        batch: &Batch,
        unwritten: &mut Unwritten,
        write: bool,
    ) -> Result<(), SessionError> {
        if let Err(error) = self.fold(place, projections, batch, write).await {
            if matches!(error, SessionError::Unwritten) {
                // Up to here each batch is written by itself the next time: then what cannot be written is known by its event.
                let until = unwritten.reached.as_ref().map_or(0, |reached| reached.position);
                self.careful_until.fetch_max(until, Ordering::Relaxed);
            }
            return Err(error);
        }
        if !write {
            return Ok(());
        }
        let Unwritten { reached, .. } = std::mem::take(unwritten);
        let Some(reached) = reached else { return Ok(()) };
        if !meta::advance(&self.store, &mut place.checkpoint, reached).await.map_err(SessionError::Store)? {
            return Err(SessionError::Moved);
        }
        self.shrink(projections);
        Ok(())
    }

    /// True if a batch is to be written: unless much comes after it, and there is room for more in memory.
    fn is_due(&self, place: &Place, projections: &[Box<dyn Projection>], batch: &Batch, unwritten: &Unwritten) -> bool {
        let most = self.bounds.unwritten_events;
        let is_near = usize::try_from(batch.behind()).unwrap_or(0) <= most;
        let bytes: usize = projections.iter().map(|projection| projection.bytes()).sum();
        is_near
            || unwritten.events + batch.events.len() >= most
            || bytes >= self.bounds.cache_bytes
            || place.checkpoint.position < self.careful_until.load(Ordering::Relaxed)
    }

    /// Folds a batch into some reports, and writes them if it is time.
    pub(crate) async fn fold(
        &self,
        place: &Place,
        projections: &mut Vec<Box<dyn Projection>>,
        batch: &Batch,
        write: bool,
    ) -> Result<(), SessionError> {
        // Each report in a task of its own, so that one is folded while the database writes another.
        let mut tasks = JoinSet::new();
        for mut projection in projections.drain(..) {
            let (store, events) = (self.store.clone(), Arc::clone(&batch.events));
            tasks.spawn(trace::carried(async move {
                let outcome = projection.project(&store, &events, write).await;
                (projection, outcome)
            }));
        }
        let mut failures = Failures::new();
        while let Some(done) = tasks.join_next().await {
            let (projection, outcome) = done.map_err(|panic| SessionError::Store(StoreError::Task(panic)))?;
            projections.push(projection);
            let outcome = outcome.map_err(|error| match error {
                StoreError::Unwritten { .. } => SessionError::Unwritten,
                error => SessionError::Store(error),
            });
            for (position, errors) in outcome? {
                failures.entry(position).or_default().extend(errors);
            }
        }
        parked::park(&self.store, &place.generation, &batch.events, &failures).await.map_err(SessionError::Store)
    }

    /// Lets documents go until as many are left as may be kept.
    pub(crate) fn shrink(&self, projections: &mut [Box<dyn Projection>]) {
        let mut bytes: usize = projections.iter().map(|projection| projection.bytes()).sum();
        while bytes > self.bounds.cache_bytes {
            // The largest gives what is too much.
            let Some(largest) = projections.iter_mut().max_by_key(|projection| projection.bytes()) else { return };
            let before = largest.bytes();
            largest.shrink(before.saturating_sub(bytes - self.bounds.cache_bytes));
            bytes = bytes.saturating_sub(before - largest.bytes());
            if before == largest.bytes() {
                return;
            }
        }
    }
}
