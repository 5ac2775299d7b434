//! Projecting: from the checkpoint on, batch by batch. Whatever fails, documents and checkpoint in MongoDB say where to go
//! on, so the remedy is always the same: forget what is in memory and begin again from there.

mod beside;
mod error;
mod mending;
mod pending;
mod stepping;

use std::{
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use daybook_chassis::{BoxError, CancellationToken, process::chain, trace};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};
use tracing::{debug, error, info, warn};

use crate::{
    backfill::{self, Backfill},
    batch::Batch,
    companion::{Companion, Side},
    config::{Bounds, Config, Shard},
    feed::Feed,
    guard,
    jetstream::Broker,
    log::{Bookmark, Log},
    meta, parked,
    projection::{self, Projection},
    serving::{Part, Serving},
    store::Store,
};

pub(crate) use error::SessionError;
use pending::FEW_EVENTS;
pub(crate) use pending::Pending;
pub(crate) use stepping::shrink;

/// First and longest wait before another attempt after a failure: what is away is used again soon after it is back.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// After a batch of less than so many events others may gather for a while. More mean that others wait already.
const RESTED_AFTER: usize = 1_000;

/// So long: registers find the machine free, and what a batch costs whatever its size is shared by more events.
const REST: Duration = Duration::from_millis(50);

/// So long if each batch is written by itself, and it was more than a few events.
const WRITTEN_REST: Duration = Duration::from_millis(500);

/// While documents are written all the time it is looked so often whether there is other work, for which everything must be written.
const LONGEST_UNTENDED: Duration = Duration::from_secs(5);

/// While nothing happens, MongoDB is asked so often whether it is there and the checkpoint where it was left.
const CHECK_INTERVAL: Duration = Duration::from_secs(3);

/// How often it is looked whether another generation is asked for or served: readers of the one that is left see no newer
/// events only after all projectors have left it.
const TRANSITION_INTERVAL: Duration = Duration::from_secs(1);

/// Documents that wait for being repaired: the audit waits with them.
const REPAIRS: usize = 1;

/// What every session needs.
pub(crate) struct Projector {
    pub(crate) store: Store,
    log: Log,
    broker: Broker,
    pub(crate) shard: Shard,
    pub(crate) bounds: Bounds,
    serving: Serving,
    shutdown: CancellationToken,
    /// Up to here each batch is written by itself: several at once could not be.
    careful_until: Arc<AtomicI64>,
    /// The failure that was told of last, until there was a success.
    outage: Option<String>,
}

/// Projects until the token is cancelled.
///
/// # Errors
/// If the configuration cannot be used.
pub(crate) async fn forever(
    config: Config,
    store: Store,
    serving: Serving,
    shutdown: CancellationToken,
) -> Result<(), BoxError> {
    let log = Log::new(&config.source.command_endpoint, &config.source.credentials)
        .map_err(|error| format!("DAYBOOK_COMMAND_ENDPOINT cannot be used: {}", chain(&error)))?;
    let broker = Broker::new(&config.source).await?;
    let Config { shard, bounds, .. } = config;
    let mut projector = Projector {
        store,
        log,
        broker,
        shard,
        bounds,
        serving,
        shutdown: shutdown.clone(),
        careful_until: Arc::default(),
        outage: None,
    };
    let backoff = ExponentialBuilder::default()
        .with_min_delay(FIRST_WAIT)
        .with_max_delay(LONGEST_WAIT)
        .with_jitter()
        .without_max_times();
    let mut waits = backoff.build();
    while !shutdown.is_cancelled() {
        let begun = Instant::now();
        if let Err(error) = projector.session().await {
            projector.failed(&error).await;
            if begun.elapsed() > LONGEST_WAIT {
                waits = backoff.build();
            }
            tokio::select! {
                () = tokio::time::sleep(waits.next().unwrap_or(LONGEST_WAIT)) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }
    Ok(())
}

impl Projector {
    /// Projects from the checkpoint on. Ends well only when the token is cancelled.
    async fn session(&mut self) -> Result<(), SessionError> {
        let mut place = meta::find(&self.store, self.shard).await.map_err(SessionError::Store)?;
        let checkpoint = place.checkpoint.position;
        let head = self.log.head().await.map_err(SessionError::Log)?;
        if head < checkpoint {
            return Err(SessionError::Ahead { checkpoint, head });
        }
        let bookmark = Bookmark::in_checkpoint(&place.checkpoint);
        if !self.log.holds(&bookmark).await.map_err(SessionError::Log)? {
            return Err(SessionError::Differs { checkpoint });
        }
        if !meta::claim(&self.store, &mut place.checkpoint).await.map_err(SessionError::Store)? {
            return Err(SessionError::Moved);
        }
        guard::ensure(&self.store, &place.generation).await.map_err(SessionError::Store)?;
        parked::mark(&self.store, &place.generation).await.map_err(SessionError::Store)?;
        self.works().await;
        info!(position = checkpoint, head, generation = place.generation.generation, shard = %self.shard, "projecting");

        let mut projections = projection::of(&place.generation, self.shard, &place.checkpoint.reports);
        let (found, mut to_repair) = mpsc::channel(REPAIRS);
        let mut _audit = self.audit(&place, found.clone());
        let (log, broker) = (self.log.clone(), self.broker.clone());
        let mut feed = Feed::after(
            bookmark,
            log,
            broker,
            self.serving.clone(),
            self.store.counts().clone(),
            self.shutdown.clone(),
        );
        let (mut side, mut backfill) = (Side::default(), Backfill::default());
        let mut pending = Pending::default();
        let (mut tended, mut rested) = (Instant::now(), Instant::now());
        let mut transitions = interval(TRANSITION_INTERVAL);
        transitions.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut check = interval(CHECK_INTERVAL);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = self.due(&pending);
            self.store.counts().reached(place.checkpoint.position);
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return Ok(()),
                _ = transitions.tick(), if pending.is_empty() || tended.elapsed() > LONGEST_UNTENDED => {
                    tended = Instant::now();
                    if !pending.is_empty() && !self.is_asked_for_more(&side, &place).await? {
                        continue;
                    }
                    // These look at documents and at the checkpoint, which must say the same.
                    self.write(&mut place, &mut projections, &mut pending).await?;
                    side.tend(self, &place).await?;
                    if backfill.tend(self, &mut place, &mut projections).await? {
                        _audit = self.audit(&place, found.clone());
                    }
                    // A report that is new may come to a parked event only later: then it is folded again for all at once.
                    if backfill::missing(&place.checkpoint).is_empty() {
                        self.retry(&place, &mut projections).await?;
                    }
                }
                Some(found) = to_repair.recv() => {
                    self.write(&mut place, &mut projections, &mut pending).await?;
                    self.repair(&place, &mut projections, &found).await;
                }
                arrived = pending.arrive(), if pending.flies() => {
                    self.landed(&mut place, &mut projections, &pending, arrived).await?;
                    self.depart_if_due(&mut projections, &mut pending).await?;
                }
                () = at(due) => self.depart_if_due(&mut projections, &mut pending).await?,
                () = sleep_until(rested), if rested > Instant::now() => {}
                chunk = feed.next(), if rested <= Instant::now() => {
                    let Some(chunk) = chunk else { return feed.end().await.map_err(SessionError::Feed) };
                    let batch = Batch::gather(chunk, &mut feed, self.bounds);
                    let together = side.companion.is_some();
                    if let Some(Companion { place, projections }) = &mut side.companion {
                        // Before what is served, so that switching never goes back.
                        if batch.last().is_some_and(|last| last.position() > place.checkpoint.position) {
                            self.step(place, projections, &batch, None, &mut Pending::default(), true).await?;
                        }
                    }
                    let served = Instant::now();
                    let span = batch.traced().map(Arc::new);
                    let step =
                        self.step(&mut place, &mut projections, &batch, span.clone(), &mut pending, together);
                    trace::within(span.as_deref(), step).await?;
                    drop(span);
                    self.tell(&projections, &batch, served.elapsed());
                    let rest = match batch.events.len() {
                        RESTED_AFTER.. => Duration::ZERO,
                        FEW_EVENTS.. if pending.is_empty() => WRITTEN_REST,
                        _ if pending.is_empty() => Duration::ZERO,
                        _ => REST,
                    };
                    rested = Instant::now() + rest;
                    check.reset();
                }
                _ = check.tick() => {
                    // Nothing has come for a while, though the log has more.
                    self.write(&mut place, &mut projections, &mut pending).await?;
                    if !meta::is_there(&self.store, &place.checkpoint).await.map_err(SessionError::Store)? {
                        return Err(SessionError::Moved);
                    }
                }
            }
        }
    }

    /// Tells of a batch among the metrics.
    fn tell(&self, projections: &[Box<dyn Projection>], batch: &Batch, took: Duration) {
        let counts = self.store.counts();
        counts.projected(batch.events.len(), took);
        counts.cached(projections.iter().map(|projection| projection.bytes()).sum());
    }

    async fn works(&mut self) {
        self.serving.set(Part::Documents, true).await;
        if let Some(cause) = self.outage.take() {
            info!(cause, "recovered");
        }
    }

    /// Tells of a failure once, however often it comes again.
    async fn failed(&mut self, error: &SessionError) {
        if matches!(error, SessionError::Moved | SessionError::Unwritten) {
            info!(error = %error, "beginning again from the checkpoint");
            return;
        }
        self.serving.set(Part::Documents, false).await;
        let cause = chain(error);
        if self.outage.as_ref() == Some(&cause) {
            debug!(error = cause, "still failing");
            return;
        }
        match error {
            SessionError::Ahead { .. } | SessionError::Differs { .. } | SessionError::Feed(_) => {
                error!(error = cause, "projecting is impossible")
            }
            _ => warn!(error = cause, "projecting is interrupted"),
        }
        self.outage = Some(cause);
    }
}

/// Waits until then; for ever if there is no such moment.
async fn at(moment: Option<std::time::Instant>) {
    match moment {
        Some(moment) => sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}
