//! Waiting for something to become true, for a stated time at most.

use std::{fmt::Debug, time::Duration};

use tokio::time::Instant;
use tonic::{Code, Status};

/// How long a test waits for what must come: far longer than it takes, so that only what never comes fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

/// Waits until the condition gives a value; fails with what was waited for when [`PATIENCE`] is over.
pub(crate) async fn until<T>(what: &str, condition: impl AsyncFnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, condition).await
}

/// As [`until`], within a time of its own.
pub(crate) async fn until_within<T>(
    patience: Duration,
    what: &str,
    mut condition: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < deadline, "within {patience:?} it did not come about that {what}");
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Asks what is answered only at its deadline: once more where the caller's own clock ended the call before the answer was here.
pub(crate) async fn answered<T>(mut ask: impl AsyncFnMut() -> Result<T, Status>) -> Result<T, Status> {
    until("an answer comes before its call ends", async || match ask().await {
        Err(status) if status.code() == Code::Cancelled => None,
        answer => Some(answer),
    })
    .await
}

/// Waits until nothing is missing any more; fails with what still is when [`PATIENCE`] is over.
pub(crate) async fn until_complete<T: Debug>(what: &str, mut missing: impl AsyncFnMut() -> Vec<T>) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let missing = missing().await;
        if missing.is_empty() {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "within {PATIENCE:?} it did not come about that {what}: {missing:?} is missing"
        );
        tokio::time::sleep(INTERVAL).await;
    }
}
