//! Whether MongoDB is there and holds the reports of the log, for the health service.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use daybook_chassis::{BoxError, health::Health, process::chain};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{recent::Recent, store::Store};

/// How often MongoDB is asked for a sign of life.
const PING_INTERVAL: Duration = Duration::from_secs(1);

/// Keeps the health of the services, and `is_alive`, up to date until the token is cancelled; then they are not serving.
///
/// # Errors
/// None: MongoDB may come and go.
pub(crate) async fn watch(
    store: Store,
    recent: Recent,
    health: Health,
    is_alive: Arc<AtomicBool>,
    services: &'static [&'static str],
    shutdown: CancellationToken,
) -> Result<(), BoxError> {
    let mut ticks = interval(PING_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut serving = None;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            _ = ticks.tick() => {}
        }
        let ping = tokio::select! {
            () = shutdown.cancelled() => break,
            ping = store.ping() => ping,
        };
        is_alive.store(ping.is_ok(), Ordering::Relaxed);
        let refused = recent.refuses_any();
        let alive = ping.is_ok() && !refused;
        if serving == Some(alive) {
            continue;
        }
        match ping {
            Ok(()) if refused => warn!("the documents are not of the log: not serving"),
            Ok(()) => info!("MongoDB is there: serving"),
            Err(error) => warn!(error = %chain(&error), "MongoDB is away: not serving"),
        }
        health.set_all(services, alive).await;
        serving = Some(alive);
    }
    health.set_all(services, false).await;
    Ok(())
}
