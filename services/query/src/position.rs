//! How far the reports have followed the log, and waiting until they have come further.
//!
//! One task reads the checkpoints for the whole process. A read answers everybody who asked before it began: a thousand
//! callers at once cost two reads (the one under way, and the next). While some wait for a position that is not reached,
//! the task reads again every [`POLL`]; otherwise it rests.
//!
//! What an answer says is true as of the position that was read before its documents: the projector has written
//! everything up to a checkpoint before it writes the checkpoint, so documents that are read later hold all of it.

use std::{future::Future, sync::Arc, time::Duration};

use daybook_chassis::BoxError;
use daybook_read_model::checkpoint::Generation;
use prost_types::Timestamp;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{status::QueryError, store::StoreError};

/// How often the checkpoints are read while somebody waits: a tenth of what a caller notices, and a light read.
const POLL: Duration = Duration::from_millis(5);

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
    /// When that event was recorded; `None` if there is none yet.
    pub(crate) recorded_at: Option<Timestamp>,
    /// The reports of which this is true; one that is new is still being built.
    pub(crate) reports: Arc<[String]>,
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
    position: i64,
}

/// One who asks, and is answered once the position is reached.
#[derive(Debug)]
struct Caller {
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

    /// What is applied, from a read that began after this call; once it is at least the position (0 does not wait).
    ///
    /// # Errors
    /// If the position is not reached by the deadline, MongoDB does not answer, too many wait, or the service stops.
    pub(crate) async fn reach(&self, at_least: i64, deadline: Instant) -> Result<Applied, QueryError> {
        let called = Instant::now();
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Caller { at_least, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => QueryError::Overloaded("queries"),
            mpsc::error::TrySendError::Closed(_) => QueryError::ShuttingDown,
        })?;
        match timeout_at(deadline, answered).await {
            Ok(Ok(applied)) => applied,
            Ok(Err(_)) => Err(QueryError::ShuttingDown),
            Err(_) => Err(self.not_reached(at_least, called)),
        }
    }

    /// Tells a position that was not reached from checkpoints that could not be read.
    fn not_reached(&self, asked: i64, called: Instant) -> QueryError {
        match &*self.last.borrow() {
            Some(seen) if seen.begun >= called && seen.position < asked => {
                QueryError::PositionNotReached { asked, applied: seen.position }
            }
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
                seen.send_replace(Some(Seen { begun, position: applied.position }));
                waiting = answer(waiting, waited, &applied);
            }
            Err(error) => {
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
        if applied.position >= caller.at_least {
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
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;

    /// Checkpoints as a test sets them.
    #[derive(Clone, Debug, Default)]
    struct Fake {
        position: Arc<AtomicI64>,
        reads: Arc<AtomicUsize>,
        away: Arc<AtomicBool>,
        hung: Arc<AtomicBool>,
    }

    impl ReadApplied for Fake {
        async fn read(&self) -> Result<Applied, StoreError> {
            let position = self.position.load(Ordering::SeqCst);
            self.reads.fetch_add(1, Ordering::SeqCst);
            sleep(Duration::from_millis(1)).await;
            if self.hung.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            if self.away.load(Ordering::SeqCst) {
                return Err(StoreError::Late("a test"));
            }
            Ok(Applied { generation: None, position, recorded_at: None, reports: Arc::default() })
        }
    }

    fn start(fake: &Fake) -> (Positions, CancellationToken) {
        let shutdown = CancellationToken::new();
        let (positions, task) = Positions::new(fake.clone(), shutdown.clone());
        tokio::spawn(task);
        (positions, shutdown)
    }

    fn in_ms(ms: u64) -> Instant {
        Instant::now() + Duration::from_millis(ms)
    }

    #[tokio::test(start_paused = true)]
    async fn many_callers_cost_two_reads() {
        let fake = Fake::default();
        fake.position.store(7, Ordering::SeqCst);
        let (positions, _shutdown) = start(&fake);
        let answers = join_all((0..1_000).map(|_| positions.reach(0, in_ms(1_000)))).await;
        assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|applied| applied.position == 7)));
        assert!(fake.reads.load(Ordering::SeqCst) <= 2, "{fake:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_had_begun_before_the_call_does_not_answer_it() {
        let fake = Fake::default();
        let (positions, _shutdown) = start(&fake);
        let first = tokio::spawn({
            let positions = positions.clone();
            async move { positions.reach(0, in_ms(1_000)).await }
        });
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        fake.position.store(5, Ordering::SeqCst);
        assert_eq!(positions.reach(0, in_ms(1_000)).await.unwrap().position, 5);
        assert!(first.await.unwrap().unwrap().position <= 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_is_answered_when_its_position_is_reached() {
        let fake = Fake::default();
        let (positions, _shutdown) = start(&fake);
        let begun = Instant::now();
        let later = fake.position.clone();
        tokio::spawn(async move {
            sleep(Duration::from_millis(50)).await;
            later.store(9, Ordering::SeqCst);
        });
        assert_eq!(positions.reach(9, in_ms(1_000)).await.unwrap().position, 9);
        assert!(begun.elapsed() < Duration::from_millis(60), "{:?}", begun.elapsed());
        let reads = fake.reads.load(Ordering::SeqCst);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(fake.reads.load(Ordering::SeqCst), reads, "nobody waits, but the checkpoints are read");
    }

    #[tokio::test(start_paused = true)]
    async fn a_position_that_is_not_reached_is_told_with_the_one_that_is() {
        let fake = Fake::default();
        fake.position.store(8, Ordering::SeqCst);
        let (positions, _shutdown) = start(&fake);
        let refused = positions.reach(9, in_ms(100)).await;
        assert!(matches!(refused, Err(QueryError::PositionNotReached { asked: 9, applied: 8 })), "{refused:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn checkpoints_that_cannot_be_read_are_not_taken_for_a_late_position() {
        let fake = Fake::default();
        let (positions, _shutdown) = start(&fake);
        fake.away.store(true, Ordering::SeqCst);
        assert!(matches!(positions.reach(9, in_ms(100)).await, Err(QueryError::Store(_))));
        fake.hung.store(true, Ordering::SeqCst);
        assert!(matches!(positions.reach(9, in_ms(100)).await, Err(QueryError::Store(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_wait_and_the_others_are_still_answered() {
        let fake = Fake::default();
        let (positions, _shutdown) = start(&fake);
        let waiting = join_all((0..WAITING_CALLERS + 10).map(|_| positions.reach(9, in_ms(100))));
        let (waited, at_once) = tokio::join!(waiting, positions.reach(0, in_ms(50)));
        assert!(at_once.is_ok());
        let refused = waited.iter().filter(|answer| matches!(answer, Err(QueryError::Overloaded(_)))).count();
        assert_eq!(refused, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_went_away_leave_their_places() {
        let fake = Fake::default();
        let (positions, _shutdown) = start(&fake);
        for _ in 0..20 {
            join_all((0..WAITING_CALLERS).map(|_| positions.reach(9, in_ms(20)))).await;
        }
        assert!(matches!(positions.reach(9, in_ms(20)).await, Err(QueryError::PositionNotReached { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn a_shutdown_answers_those_who_wait() {
        let fake = Fake::default();
        let (positions, shutdown) = start(&fake);
        let stop = async {
            sleep(Duration::from_millis(20)).await;
            shutdown.cancel();
        };
        let (refused, ()) = tokio::join!(positions.reach(9, in_ms(1_000)), stop);
        assert!(matches!(refused, Err(QueryError::ShuttingDown)));
        assert!(matches!(positions.reach(9, in_ms(100)).await, Err(QueryError::ShuttingDown)));
        assert!(positions.reach(0, in_ms(100)).await.is_ok(), "what is in hand is finished");
    }
}
