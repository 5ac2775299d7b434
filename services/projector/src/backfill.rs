//! Reports that are new: folded from the log so far in a task beside the session, while the others go on and are served. Once
//! they have come to where the others are, the session takes them over.
//!
//! How far they are stands in the checkpoint, apart from the others ([`daybook_read_model::checkpoint::CatchingUp`]): so a
//! process that is killed goes on from there, and the query service says as of when such a report is true.

use daybook_read_model::{
    checkpoint::{CatchingUp, Checkpoint},
    registry,
};
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use crate::{
    batch::Batch,
    log::Bookmark,
    meta::{self, Place},
    parked::recorded_at_micros,
    projection::{self, Projection},
    session::{Projector, SessionError, shrink},
    store::StoreError,
};

/// Events that the session folds at once when it takes new reports over: a fraction of a second.
const HANDOVER_EVENTS: i64 = 500;

/// New reports, on their way.
struct Newcomers {
    projections: Vec<Box<dyn Projection>>,
    /// All events up to here are in their documents.
    position: i64,
}

/// The work on new reports in this process.
#[derive(Default)]
pub(crate) struct Backfill {
    task: Option<AbortOnDropHandle<Result<Newcomers, SessionError>>>,
}

/// The reports that a checkpoint does not tell of.
pub(crate) fn missing(checkpoint: &Checkpoint) -> Vec<&'static str> {
    let is_new = |name: &&str| !checkpoint.reports.iter().any(|known| known == name);
    registry::NAMES.iter().copied().filter(is_new).collect()
}

impl Backfill {
    /// Does the next thing about new reports; true once they have joined the others.
    pub(crate) async fn tend(
        &mut self,
        projector: &Projector,
        place: &mut Place,
        projections: &mut Vec<Box<dyn Projection>>,
    ) -> Result<bool, SessionError> {
        if missing(&place.checkpoint).is_empty() {
            return Ok(false);
        }
        let Some(task) = self.task.take_if(|task| task.is_finished()) else {
            if self.task.is_none() {
                let (twin, place) = (projector.twin(), place.clone());
                self.task = Some(AbortOnDropHandle::new(tokio::spawn(async move { beside(&twin, &place).await })));
            }
            return Ok(false);
        };
        let mut newcomers = match task.await {
            Ok(Ok(newcomers)) => newcomers,
            Ok(Err(SessionError::Moved)) => return Err(SessionError::Moved),
            Ok(Err(error)) => {
                // It begins again with the next look, from where it came to.
                warn!(error = %error, "folding the log so far is interrupted");
                return Ok(false);
            }
            Err(panic) => return Err(SessionError::Store(StoreError::Task(panic))),
        };
        if !join(projector, place, &mut newcomers).await? {
            return Ok(false);
        }
        projections.append(&mut newcomers.projections);
        Ok(true)
    }
}

/// Brings all new reports of a generation up to where its other reports are, at once.
pub(crate) async fn at_once(projector: &Projector, place: &mut Place) -> Result<(), SessionError> {
    if missing(&place.checkpoint).is_empty() {
        return Ok(());
    }
    let mut newcomers = begin(projector, place).await?;
    join(projector, place, &mut newcomers).await.map(drop)
}

/// Folds the log until little is left for the session.
async fn beside(projector: &Projector, place: &Place) -> Result<Newcomers, SessionError> {
    let mut newcomers = begin(projector, place).await?;
    loop {
        // Not beyond the other reports: then no reader's position goes back when they are joined.
        let others = meta::position(&projector.store, &place.checkpoint.id).await.map_err(SessionError::Store)?;
        let until = others.unwrap_or(0);
        if until - newcomers.position <= HANDOVER_EVENTS || projector.is_stopping() {
            return Ok(newcomers);
        }
        fold(projector, place, &mut newcomers, until).await?;
    }
}

async fn begin(projector: &Projector, place: &Place) -> Result<Newcomers, SessionError> {
    let new = missing(&place.checkpoint);
    // What is kept may be older than the checkpoint that the session holds: it is read again.
    let stored = meta::stored(&projector.store, &place.checkpoint).await.map_err(SessionError::Store)?;
    let stored = stored.ok_or(SessionError::Moved)?;
    let reached = |name: &&str| stored.catching_up.get(*name).copied().unwrap_or_default();
    // Reports may have become new one after the other; an event that one of them has already changes nothing.
    let position = new.iter().map(|name| reached(name).position).min().unwrap_or(0);
    info!(reports = ?new, from = position, until = stored.position, "new reports: folding the log so far");
    note(projector, place, &new, CatchingUp::default()).await?;
    Ok(Newcomers { projections: projection::of(&place.generation, projector.shard, &new), position })
}

/// Folds up to where the others are, and says that the reports are among them; false if the process stops before.
async fn join(projector: &Projector, place: &mut Place, newcomers: &mut Newcomers) -> Result<bool, SessionError> {
    let until = place.checkpoint.position;
    fold(projector, place, newcomers, until).await?;
    if newcomers.position < until {
        return Ok(false);
    }
    let new = missing(&place.checkpoint);
    if !meta::join(&projector.store, &mut place.checkpoint, &new).await.map_err(SessionError::Store)? {
        return Err(SessionError::Moved);
    }
    info!(reports = ?new, position = until, "new reports have caught up");
    Ok(true)
}

/// Folds the events up to a position, as long as the process is not to stop.
async fn fold(projector: &Projector, place: &Place, newcomers: &mut Newcomers, until: i64) -> Result<(), SessionError> {
    let new = missing(&place.checkpoint);
    while newcomers.position < until && !projector.is_stopping() {
        let batch = Batch::of(projector.read(Bookmark::at(newcomers.position), until).await?, until);
        let Some(last) = batch.last() else { break };
        projector.project(place, &mut newcomers.projections, &batch).await?;
        shrink(&mut newcomers.projections, projector.bounds.cache_bytes);
        let reached = CatchingUp { position: last.position(), recorded_at_micros: recorded_at_micros(last) };
        note(projector, place, &new, reached).await?;
        newcomers.position = last.position();
    }
    Ok(())
}

async fn note(projector: &Projector, place: &Place, new: &[&str], reached: CatchingUp) -> Result<(), SessionError> {
    let kept = meta::catching_up(&projector.store, &place.checkpoint, new, reached).await;
    if kept.map_err(SessionError::Store)? { Ok(()) } else { Err(SessionError::Moved) }
}
