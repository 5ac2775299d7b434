//! A closed loop: each of n callers does the next thing when the last one is answered.

use std::{
    future::Future,
    thread,
    time::{Duration, Instant},
};

use daybook_chassis::BoxError;
use tokio::{runtime, sync::oneshot, task::JoinSet};

use super::Run;
use crate::measure::Latency;

/// One who makes a call after the other.
pub(crate) trait Caller: Send + 'static {
    /// Prepares and makes one call; answers how long the call alone took.
    fn step(&mut self) -> impl Future<Output = Result<Duration, BoxError>> + Send;
}

/// Lets all callers work at once until the time is over.
///
/// # Errors
/// The first error of a caller; the others are stopped.
pub(crate) async fn closed<C: Caller>(time: Duration, callers: Vec<C>) -> Result<Run, BoxError> {
    let begun = Instant::now();
    let end = begun + time;
    let mut working = JoinSet::new();
    for caller in callers {
        working.spawn(calls(caller, end));
    }
    let mut run = Run::empty();
    while let Some(ended) = working.join_next().await {
        let (done, latency) = ended??;
        run.done += done;
        run.latency.add(&latency);
    }
    run.elapsed = begun.elapsed();
    Ok(run)
}

/// Lets one caller work in a thread of its own, as in a program of its own: no other task comes between an answer and the one
/// who waits for it. `open` makes the caller there, with the connections that it alone uses.
///
/// # Errors
/// If it cannot be made, or its first error.
pub(crate) async fn alone<C: Caller>(
    time: Duration,
    open: impl AsyncFnOnce() -> Result<C, BoxError> + Send + 'static,
) -> Result<Run, BoxError> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut tell, told) = oneshot::channel();
    thread::Builder::new().name("caller".to_owned()).spawn(move || {
        runtime.block_on(async {
            let worked = tokio::select! {
                worked = work_alone(time, open) => worked,
                // Nobody waits any more.
                () = tell.closed() => return,
            };
            // Whoever has left meanwhile needs no answer.
            drop(tell.send(worked));
        });
    })?;
    told.await.map_err(|_| "a caller's thread ended without a result")?
}

async fn work_alone<C: Caller>(
    time: Duration,
    open: impl AsyncFnOnce() -> Result<C, BoxError>,
) -> Result<Run, BoxError> {
    let caller = open().await?;
    let begun = Instant::now();
    let (done, latency) = calls(caller, begun + time).await?;
    Ok(Run { done, latency, elapsed: begun.elapsed(), ..Run::empty() })
}

/// One call after the other until then.
async fn calls(mut caller: impl Caller, end: Instant) -> Result<(u64, Latency), BoxError> {
    let (mut done, mut latency) = (0, Latency::new());
    while Instant::now() < end {
        latency.record(caller.step().await?);
        done += 1;
    }
    Ok((done, latency))
}
