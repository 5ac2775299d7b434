//! Looks after the write store: whether it answers, and where the log ends even if another process appends.

use std::time::Duration;

use daybook_chassis::{BoxError, CancellationToken, health::Health, process::chain};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::{recent::Log, store::Store};

/// How often Postgres is asked.
const INTERVAL: Duration = Duration::from_secs(1);

/// Keeps the log's end and `healthy` current until the token is cancelled.
pub(crate) async fn run(
    store: Store,
    log: Log,
    healthy: watch::Sender<bool>,
    shutdown: CancellationToken,
) -> Result<(), BoxError> {
    let mut first = true;
    while !shutdown.is_cancelled() {
        match store.head().await {
            Ok(found) => {
                log.ends_at(found.position);
                if healthy.send_if_modified(|healthy| !std::mem::replace(healthy, true)) {
                    info!(position = found.position, "Postgres answers");
                }
            }
            Err(error) => {
                if healthy.send_if_modified(|healthy| std::mem::replace(healthy, false)) || first {
                    warn!(error = %chain(&error), "Postgres does not answer");
                }
            }
        }
        first = false;
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
    Ok(())
}

/// Tells the health service what is known, and NOT_SERVING while draining.
pub(crate) async fn report(
    health: Health,
    services: &'static [&'static str],
    mut healthy: watch::Receiver<bool>,
    shutdown: CancellationToken,
) -> Result<(), BoxError> {
    loop {
        let serving = *healthy.borrow_and_update() && !shutdown.is_cancelled();
        health.set_all(services, serving).await;
        if shutdown.is_cancelled() {
            return Ok(());
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            changed = healthy.changed() => {
                if changed.is_err() {
                    shutdown.cancelled().await;
                }
            }
        }
    }
}
