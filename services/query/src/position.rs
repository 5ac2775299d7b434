//! How far the reports have followed the log, and waiting until they have come further.
//!
//! One task reads the checkpoints for the whole process. A read answers everybody who asked before it began: a thousand
//! callers at once cost two reads (the one under way, and the next). While some wait for a position that is not reached,
//! the task reads again every [`POLL`]; otherwise it rests.
//!
//! What an answer says is true as of the position that was read before its documents: the projector has written
//! everything up to a checkpoint before it writes the checkpoint, so documents that are read later hold all of it.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use daybook_chassis::{BoxError, trace};
use daybook_read_model::checkpoint::{CatchingUp, Generation, ParkedMarks};
use prost_types::Timestamp;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{status::QueryError, store::StoreError};

/// How often the checkpoints are read while somebody waits: a tenth of what a caller notices, and a light read.
const POLL: Duration = Duration::from_millis(5);

/// How old a look may be that will do for a glance.
const GLANCE: Duration = Duration::from_millis(100);

/// Callers that may ask at once; each unary call and each stream asks once at a time.
const QUEUE_CALLERS: usize = 1_024;

/// Callers that may wait for a position that is not reached yet. They hold their calls' places for seconds, so they must
/// leave room for the others.
const WAITING_CALLERS: usize = 256;

/// How far the documents of the live generation hold the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Applied {
    /// The generation that is served; `None` while no reports have been built.
    pub(crate) generation: Option<Generation>,
    /// Every event up to here is in the documents.
    pub(crate) position: i64,
    /// The id of that event; empty if it is not known.
    pub(crate) event_id: Vec<u8>,
    /// When that event was recorded; `None` if there is none yet.
    pub(crate) recorded_at: Option<Timestamp>,
    /// The reports of which this is true.
    pub(crate) reports: Arc<[String]>,
    /// How far those are that are new and still being folded from the log so far.
    pub(crate) catching_up: Arc<BTreeMap<String, CatchingUp>>,
    /// Documents that lack events.
    pub(crate) parked: Arc<ParkedMarks>,
    /// How often documents changed without a new event.
    pub(crate) mended: i64,
}

impl Applied {
    /// How far one report is, or all of those together that are not new.
    fn position_of(&self, report: Option<&str>) -> i64 {
        let catching_up = report.filter(|report| !self.reports.iter().any(|built| built == report));
        catching_up.and_then(|report| self.catching_up.get(report)).map_or(self.position, |new| new.position)
    }
}

/// Reads the checkpoints.
pub(crate) trait ReadApplied: Send + 'static {
    fn read(&self) -> impl Future<Output = Result<Applied, StoreError>> + Send;
}

/// Asks the task.
#[derive(Clone, Debug)]
pub(crate) struct Positions {
    queue: mpsc::Sender<Caller>,
    last: watch::Receiver<Option<Seen>>,
}

/// What was read last, and when that read began.
#[derive(Clone, Debug)]
struct Seen {
    begun: Instant,
    applied: Applied,
}

/// One who asks, and is answered once the position is reached.
#[derive(Debug)]
struct Caller {
    /// The report that is asked for; none for all.
    report: Option<&'static str>,
    at_least: i64,
    answer: oneshot::Sender<Result<Applied, QueryError>>,
}

impl Positions {
    /// The handle, and the task that must run until the token is cancelled.
    pub(crate) fn new<R: ReadApplied>(
        checkpoints: R,
        shutdown: CancellationToken,
    ) -> (Self, impl Future<Output = Result<(), BoxError>> + Send + 'static) {
        let (queue, callers) = mpsc::channel(QUEUE_CALLERS);
        let (seen, last) = watch::channel(None);
        (Self { queue, last }, watch_checkpoints(checkpoints, callers, seen, shutdown))
    }

    /// What is applied, from a read that began after this call; once it is at least the position (0 does not wait), in one
    /// report or in all that are not new.
    ///
    /// # Errors
    /// If the position is not reached by the deadline, MongoDB does not answer, too many wait, or the service stops.
    pub(crate) async fn reach(
        &self,
        report: Option<&'static str>,
        at_least: i64,
        deadline: Instant,
    ) -> Result<Applied, QueryError> {
        let _span = trace::child("wait for the checkpoint", trace::Kind::Internal);
        let called = Instant::now();
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Caller { report, at_least, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => QueryError::Overloaded("queries"),
            mpsc::error::TrySendError::Closed(_) => QueryError::ShuttingDown,
        })?;
        match timeout_at(deadline, answered).await {
            Ok(Ok(applied)) => applied,
            Ok(Err(_)) => Err(QueryError::ShuttingDown),
            Err(_) => Err(self.not_reached(report, at_least, called)),
        }
    }

    /// What was applied a moment ago, or is now.
    ///
    /// # Errors
    /// As [`Self::reach`].
    pub(crate) async fn glance(&self, deadline: Instant) -> Result<Applied, QueryError> {
        let last = self.last.borrow().as_ref().filter(|seen| seen.begun.elapsed() <= GLANCE).cloned();
        match last {
            Some(seen) => Ok(seen.applied),
            None => self.reach(None, 0, deadline).await,
        }
    }

    /// Tells a position that was not reached from checkpoints that could not be read.
    fn not_reached(&self, report: Option<&'static str>, asked: i64, called: Instant) -> QueryError {
        let seen = self.last.borrow();
        let seen = seen.as_ref().filter(|seen| seen.begun >= called);
        match seen.map(|seen| seen.applied.position_of(report)) {
            Some(applied) if applied < asked => QueryError::PositionNotReached { asked, applied },
            _ => QueryError::Store(StoreError::Late("a read of the checkpoints")),
        }
    }
}

async fn watch_checkpoints<R: ReadApplied>(
    checkpoints: R,
    mut queue: mpsc::Receiver<Caller>,
    seen: watch::Sender<Option<Seen>>,
    shutdown: CancellationToken,
) -> Result<(), BoxError> {
    let mut waiting: Vec<Caller> = Vec::new();
    let mut draining = false;
    loop {
        let arrived = tokio::select! {
            arrived = queue.recv() => match arrived {
                Some(caller) => Some(caller),
                // The server is gone, and with it everybody who could ask.
                None => return Ok(()),
            },
            () = sleep(POLL), if !waiting.is_empty() => None,
            () = shutdown.cancelled(), if !draining => {
                draining = true;
                None
            }
        };
        let waited = waiting.len();
        waiting.extend(arrived);
        take_arrived(&mut queue, &mut waiting);
        if waiting.is_empty() {
            continue;
        }
        // After the last arrival, so that the read begins after all these calls.
        let begun = Instant::now();
        match checkpoints.read().await {
            Ok(applied) => {
                seen.send_replace(Some(Seen { begun, applied: applied.clone() }));
                waiting = answer(waiting, waited, &applied);
            }
            Err(error) => {
                // Nothing is known any more.
                seen.send_replace(None);
                // Whoever came meanwhile would wait for the same, once more.
                take_arrived(&mut queue, &mut waiting);
                refuse(&mut waiting, &QueryError::Store(error));
            }
        }
        if draining {
            // What is in hand is finished, but nothing is waited for.
            refuse(&mut waiting, &QueryError::ShuttingDown);
        }
    }
}

fn take_arrived(queue: &mut mpsc::Receiver<Caller>, waiting: &mut Vec<Caller>) {
    while let Ok(caller) = queue.try_recv() {
        waiting.push(caller);
    }
}

fn refuse(waiting: &mut Vec<Caller>, error: &QueryError) {
    for caller in waiting.drain(..) {
        let _ = caller.answer.send(Err(error.clone()));
    }
}

/// Answers whose position is reached and keeps the others: those that waited before, and new ones while there is room.
fn answer(callers: Vec<Caller>, waited: usize, applied: &Applied) -> Vec<Caller> {
    let mut waiting = Vec::new();
    for (index, caller) in callers.into_iter().enumerate() {
        if caller.answer.is_closed() {
            continue;
        }
        if applied.position_of(caller.report) >= caller.at_least {
            let _ = caller.answer.send(Ok(applied.clone()));
        } else if index < waited || waiting.len() < WAITING_CALLERS {
            waiting.push(caller);
        } else {
            let _ = caller.answer.send(Err(QueryError::Overloaded("queries that wait for a position")));
        }
    }
    waiting
}

#[cfg(test)]
mod tests;
