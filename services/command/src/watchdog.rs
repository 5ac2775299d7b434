//! Looks after the write store: whether it answers, where the log ends even if another process appends, and whether it is
//! still the log that it was.

use std::time::Duration;

use daybook_chassis::{BoxError, CancellationToken, health::Health, process::chain};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::{lineage::Lineage, recent::Log, store::Store};

/// How often Postgres is asked.
const INTERVAL: Duration = Duration::from_secs(1);

/// Keeps the log's end and `healthy` current until the token is cancelled.
pub(crate) async fn run(
    store: Store,
    log: Log,
    healthy: watch::Sender<bool>,
    shutdown: CancellationToken,
) -> Result<(), BoxError> {
    let (mut first, mut told) = (true, false);
    while !shutdown.is_cancelled() {
        let lineage = log.lineage();
        let last = lineage.last();
        match store.look(last).await {
            Ok(found) if !found.holds => lineage.gone(last.position),
            Ok(found) => {
                lineage.saw(found.last);
                log.ends_at(found.head);
                if first {
                    lineage.first_look().await;
                }
                first = false;
                if healthy.send_if_modified(|healthy| !std::mem::replace(healthy, true)) {
                    info!(position = found.head, "Postgres answers");
                }
            }
            Err(error) => {
                if healthy.send_if_modified(|healthy| std::mem::replace(healthy, false)) || !told {
                    warn!(error = %chain(&error), "Postgres does not answer");
                }
                told = true;
            }
        }
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
    lineage: Lineage,
    shutdown: CancellationToken,
) -> Result<(), BoxError> {
    let mut changes = lineage.changes();
    loop {
        changes.mark_unchanged();
        let serving = *healthy.borrow_and_update() && lineage.is_sound() && !shutdown.is_cancelled();
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
            _ = changes.changed() => {}
        }
    }
}
