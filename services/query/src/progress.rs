//! How far the reports are, for whoever watches: among the metrics, whether anybody asks for a report or not.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use daybook_chassis::{
    BoxError,
    metrics::{Metrics, value},
};
use prost_types::Timestamp;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{
    position::{Applied, Positions},
    recent::Recent,
};

/// How often it is looked how far the reports are: one light read.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How long one look may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);

/// What was known last.
type Known = Arc<RwLock<Option<Applied>>>;

/// Tells of the reports among the metrics. The task keeps that current until the token is cancelled.
///
/// # Errors
/// None: MongoDB may come and go, and what was known last then stays.
pub(crate) fn watch(
    metrics: &Metrics,
    positions: Positions,
    recent: Option<Recent>,
    shutdown: CancellationToken,
) -> impl Future<Output = Result<(), BoxError>> + Send + 'static {
    let known = Known::default();
    let look = |of: fn(&Applied) -> i64| {
        let known = known.clone();
        move || read(&known, of).map(value)
    };
    let help = "Position up to which the reports hold the log";
    metrics.watch("daybook_reports_position", help, look(|applied| applied.position));
    let help = "Events that could not be folded into the reports and wait for an operator";
    metrics.watch("daybook_reports_parked_events", help, look(|applied| applied.parked.events));
    let generation = |applied: &Applied| applied.generation.as_ref().map_or(0, |served| served.generation);
    metrics.watch("daybook_reports_generation", "Which generation of the reports is served", look(generation));
    if let Some(recent) = recent {
        let (seen, followed) = (known.clone(), recent.clone());
        let help = "Events of the log that the reports do not hold yet";
        metrics.watch("daybook_reports_lag_events", help, move || {
            let applied = read(&seen, |applied| applied.position)?;
            Some(value(followed.followed().0.saturating_sub(applied).max(0)))
        });
        let (seen, followed) = (known.clone(), recent.clone());
        let help = "How long the first event that the reports do not hold has been waiting; 0 if they hold all";
        metrics.watch("daybook_reports_lag_seconds", help, move || {
            let applied = seen.read().unwrap_or_else(PoisonError::into_inner).clone()?;
            lag_seconds(&applied, &followed)
        });
        let followed = recent.clone();
        let help = "Position up to which the log is followed in memory";
        metrics.watch("daybook_log_followed_position", help, move || Some(value(followed.followed().0)));
        metrics.dependency("command", move || recent.followed().1);
    }
    keep_current(known, positions, shutdown)
}

fn read<T>(known: &Known, of: impl Fn(&Applied) -> T) -> Option<T> {
    known.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(of)
}

fn lag_seconds(applied: &Applied, recent: &Recent) -> Option<f64> {
    if recent.followed().0 <= applied.position {
        return Some(0.0);
    }
    // If the first one that waits is not in memory any more, it has waited almost as long as the last one that does not.
    let since = recent.recorded_after(applied.position).or(applied.recorded_at)?;
    Some(age(since).as_secs_f64())
}

fn age(at: Timestamp) -> Duration {
    let at = Duration::new(u64::try_from(at.seconds).unwrap_or(0), u32::try_from(at.nanos).unwrap_or(0));
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(at)
}

async fn keep_current(known: Known, positions: Positions, shutdown: CancellationToken) -> Result<(), BoxError> {
    let mut ticks = interval(LOOK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            _ = ticks.tick() => {}
        }
        if let Ok(applied) = positions.reach(None, 0, Instant::now() + LOOK_TIMEOUT).await {
            *known.write().unwrap_or_else(PoisonError::into_inner) = Some(applied);
        }
    }
}
