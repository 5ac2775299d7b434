//! Waiting for positions, with checkpoints that the test sets.

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
        let new = CatchingUp { position: position / 2, recorded_at_micros: None };
        Ok(Applied {
            generation: None,
            position,
            event_id: Vec::new(),
            recorded_at: None,
            reports: ["old".to_owned()].into(),
            catching_up: Arc::new([("new".to_owned(), new)].into()),
            parked: Arc::default(),
            mended: 0,
        })
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
    let answers = join_all((0..1_000).map(|_| positions.reach(None, 0, in_ms(1_000)))).await;
    assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|applied| applied.position == 7)));
    assert!(fake.reads.load(Ordering::SeqCst) <= 2, "{fake:?}");
}

#[tokio::test(start_paused = true)]
async fn a_read_that_had_begun_before_the_call_does_not_answer_it() {
    let fake = Fake::default();
    let (positions, _shutdown) = start(&fake);
    let first = tokio::spawn({
        let positions = positions.clone();
        async move { positions.reach(None, 0, in_ms(1_000)).await }
    });
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    fake.position.store(5, Ordering::SeqCst);
    assert_eq!(positions.reach(None, 0, in_ms(1_000)).await.unwrap().position, 5);
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
    assert_eq!(positions.reach(None, 9, in_ms(1_000)).await.unwrap().position, 9);
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
    let refused = positions.reach(None, 9, in_ms(100)).await;
    assert!(matches!(refused, Err(QueryError::PositionNotReached { asked: 9, applied: 8 })), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_report_that_is_new_is_waited_for_on_its_own() {
    let fake = Fake::default();
    fake.position.store(8, Ordering::SeqCst);
    let (positions, _shutdown) = start(&fake);
    assert!(positions.reach(Some("old"), 8, in_ms(100)).await.is_ok());
    assert!(positions.reach(Some("new"), 4, in_ms(100)).await.is_ok());
    let refused = positions.reach(Some("new"), 5, in_ms(100)).await;
    assert!(matches!(refused, Err(QueryError::PositionNotReached { asked: 5, applied: 4 })), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn checkpoints_that_cannot_be_read_are_not_taken_for_a_late_position() {
    let fake = Fake::default();
    let (positions, _shutdown) = start(&fake);
    fake.away.store(true, Ordering::SeqCst);
    assert!(matches!(positions.reach(None, 9, in_ms(100)).await, Err(QueryError::Store(_))));
    fake.hung.store(true, Ordering::SeqCst);
    assert!(matches!(positions.reach(None, 9, in_ms(100)).await, Err(QueryError::Store(_))));
}

#[tokio::test(start_paused = true)]
async fn only_so_many_wait_and_the_others_are_still_answered() {
    let fake = Fake::default();
    let (positions, _shutdown) = start(&fake);
    let waiting = join_all((0..WAITING_CALLERS + 10).map(|_| positions.reach(None, 9, in_ms(100))));
    let (waited, at_once) = tokio::join!(waiting, positions.reach(None, 0, in_ms(50)));
    assert!(at_once.is_ok());
    let refused = waited.iter().filter(|answer| matches!(answer, Err(QueryError::Overloaded(_)))).count();
    assert_eq!(refused, 10);
}

#[tokio::test(start_paused = true)]
async fn those_who_went_away_leave_their_places() {
    let fake = Fake::default();
    let (positions, _shutdown) = start(&fake);
    for _ in 0..20 {
        join_all((0..WAITING_CALLERS).map(|_| positions.reach(None, 9, in_ms(20)))).await;
    }
    assert!(matches!(positions.reach(None, 9, in_ms(20)).await, Err(QueryError::PositionNotReached { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_answers_those_who_wait() {
    let fake = Fake::default();
    let (positions, shutdown) = start(&fake);
    let stop = async {
        sleep(Duration::from_millis(20)).await;
        shutdown.cancel();
    };
    let (refused, ()) = tokio::join!(positions.reach(None, 9, in_ms(1_000)), stop);
    assert!(matches!(refused, Err(QueryError::ShuttingDown)));
    assert!(matches!(positions.reach(None, 9, in_ms(100)).await, Err(QueryError::ShuttingDown)));
    assert!(positions.reach(None, 0, in_ms(100)).await.is_ok(), "what is in hand is finished");
}
