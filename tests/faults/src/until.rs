//! Waiting for something to become true, for a stated time at most.

use std::time::Duration;

use tokio::time::Instant;

use crate::Outcome;

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

/// Waits until the condition gives a value.
///
/// # Errors
/// What was waited for, when the time is over, or the error of the condition.
pub async fn until<T>(
    patience: Duration,
    what: &str,
    mut condition: impl AsyncFnMut() -> Outcome<Option<T>>,
) -> Outcome<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(value) = condition().await? {
            return Ok(value);
        }
        if Instant::now() >= deadline {
            return Err(format!("within {patience:?} it did not come about that {what}").into());
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
