//! A closed loop: each of n callers does the next thing when the last one is answered.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use daybook_chassis::BoxError;
use tokio::task::JoinSet;

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
    for mut caller in callers {
        working.spawn(async move {
            let (mut done, mut latency) = (0_u64, Latency::new());
            while Instant::now() < end {
                latency.record(caller.step().await?);
                done += 1;
            }
            Ok::<_, BoxError>((done, latency))
        });
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
