//! Adds up stock now and then, so that it is read from few rows: see [`crate::store::stock`].

use std::time::Duration;

use daybook_chassis::{BoxError, CancellationToken, process::chain};
use tokio::{sync::watch, time::Instant};
use tracing::{debug, info, warn};

use crate::{
    recent::Log,
    store::{
        Store, StoreError,
        stock::{Compacted, STEP_CHANGES},
    },
};

/// How often it is looked what waits, if the log has grown.
const INTERVAL: Duration = Duration::from_secs(1);

/// So many changes are added up as soon as they are seen. Who reads the stock of a store looks through all that wait, some
/// milliseconds for this many.
const ENOUGH_CHANGES: i64 = STEP_CHANGES;

/// Fewer wait at most so long.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Adds up until the token is cancelled. Tells how many changes wait.
pub(crate) async fn run(
    store: Store,
    log: Log,
    pending: watch::Sender<i64>,
    shutdown: CancellationToken,
) -> Result<(), BoxError> {
    let heads = log.heads();
    let (mut seen, mut failing, mut since) = (None, false, Instant::now());
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(INTERVAL) => {}
        }
        let head = *heads.borrow();
        if seen == Some(head) && *pending.borrow() == 0 {
            since = Instant::now();
            continue;
        }
        let stepped = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            stepped = step(&store, &pending, since.elapsed() >= LONGEST_WAIT) => stepped,
        };
        match stepped {
            Ok(done) => {
                seen = Some(head);
                if done {
                    since = Instant::now();
                }
                if std::mem::replace(&mut failing, false) {
                    info!("stock is added up again");
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    warn!(error = %chain(&error), "stock is not added up; it stays in lists, and nothing is lost");
                }
            }
        }
    }
}

/// Looks what waits and adds it up, if there is enough or it is due; true if that was done.
async fn step(store: &Store, pending: &watch::Sender<i64>, due: bool) -> Result<bool, StoreError> {
    let waiting = store.pending_stock().await?;
    pending.send_replace(waiting);
    if waiting < ENOUGH_CHANGES && !due {
        return Ok(false);
    }
    while let Some(Compacted { changes, merges }) = store.compact_stock().await? {
        debug!(changes, merges, "stock is added up");
        if changes < STEP_CHANGES {
            break;
        }
    }
    pending.send_replace(store.pending_stock().await?);
    Ok(true)
}
