//! An open loop: sales come at their own rate, whether the last one is answered or not. A sale that has to wait because
//! those before it are late counts its waiting, since its latency begins when it was to be made.

use std::{future::Future, sync::Arc, time::Duration};

use daybook_chassis::BoxError;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::Run;
use crate::load::{Sale, Sales};

/// Sales that may be unanswered at once; one more waits for its turn, and its latency counts on.
const IN_FLIGHT_SALES: usize = 4_096;

/// How sales come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrivals {
    pub(crate) per_second: f64,
    pub(crate) time: Duration,
}

impl Arrivals {
    /// How many there are to be.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of minutes")]
    pub(crate) fn count(&self) -> u64 {
        (self.per_second * self.time.as_secs_f64()) as u64
    }

    #[allow(clippy::cast_precision_loss, reason = "a count of minutes")]
    fn after(&self, number: u64) -> Duration {
        Duration::from_secs_f64(number as f64 / self.per_second)
    }
}

/// Makes sales at a rate; `sell` gets each with its number. When the time is over no more are begun, also if fewer could
/// be made than were to be, and those under way are waited for.
///
/// # Errors
/// The first error of a sale; the others are stopped.
pub(crate) async fn open<F, Fut>(arrivals: Arrivals, mut sales: Sales<'static>, sell: F) -> Result<Run, BoxError>
where
    F: Fn(u64, Sale) -> Fut + Send,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(IN_FLIGHT_SALES));
    let mut under_way = JoinSet::new();
    let mut run = Run::empty();
    let begun = Instant::now();
    for number in 0..arrivals.count() {
        let due = begun + arrivals.after(number);
        if due > Instant::now() {
            sleep_until(due).await;
        }
        while let Some(ended) = under_way.try_join_next() {
            note(&mut run, ended??);
        }
        let place = Arc::clone(&room).acquire_owned().await?;
        if begun.elapsed() > arrivals.time {
            break;
        }
        // Boxed where it is made: a call's future is large, and is moved into the task otherwise.
        let sold = Box::pin(sell(number, sales.next_sale()));
        under_way.spawn(async move {
            sold.await?;
            drop(place);
            Ok::<_, BoxError>(due.elapsed())
        });
    }
    while let Some(ended) = under_way.join_next().await {
        note(&mut run, ended??);
    }
    run.elapsed = begun.elapsed();
    Ok(run)
}

fn note(run: &mut Run, latency: Duration) {
    run.done += 1;
    run.latency.record(latency);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sales_are_spread_over_the_time() {
        let arrivals = Arrivals { per_second: 500.0, time: Duration::from_secs(3) };
        assert_eq!(arrivals.count(), 1_500);
        assert_eq!(arrivals.after(250), Duration::from_millis(500));
    }
}
