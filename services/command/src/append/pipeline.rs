//! The task that appends.

mod moving;

pub(super) use moving::MOVES_AT_ONCE;

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError, RwLock, RwLockWriteGuard},
    time::Duration,
};

use daybook::command::v1;
use daybook_chassis::{BoxError, CancellationToken, metrics::Metrics, process::chain, trace};
use tokio::{
    sync::{mpsc, watch},
    task::yield_now,
    time::{Instant, sleep_until},
};
use tracing::{debug, error, info, warn};
use uuid::Uuid;

use super::{
    Answer, Appends, QUEUE_COMMANDS, Queued,
    answers::{answer_seen, away, internal, overtaken, repetition, replaced},
    plan::{self, Accepted, Plan, Refused},
};
use crate::{
    domain::catalogue::Catalogue,
    lineage::Bookmark,
    metrics::Appending,
    recent::Log,
    store::{
        Store, StoreError,
        append::{Appended, Batch},
    },
};

/// Commands of one batch: beyond some hundred the time of a commit is all work, and waiting only grows.
const MAX_BATCH_COMMANDS: usize = 500;

/// Bytes of messages in one batch; what Postgres gets stays below twice as much.
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// After a batch of so few commands their answers go out before anybody else hears of the events: relay and followers would be woken
/// before them, on the same thread. Of more, the next batch would wait for it.
const FEW_COMMANDS: usize = 2;

/// How long a batch may take in all while Postgres is away. What fails after that is not tried again: it, and everything
/// that waits, is answered, because callers must learn it within their deadlines.
const AWAY_BUDGET: Duration = Duration::from_secs(2);

/// For so long after a batch had events that were there already, the next ones are looked through before they are written: whoever
/// sends again what was offline mostly has more of it.
const LOOKING: Duration = Duration::from_secs(2);

/// Wait before a batch is tried again.
const AWAY_WAIT: Duration = Duration::from_millis(100);

/// How often a batch is decided again because another process came first, before its commands are sent back.
const MAX_ROUNDS: usize = 20;

/// The append pipeline of this process.
#[derive(Debug)]
pub struct Pipeline {
    store: Store,
    queue: mpsc::Receiver<Queued>,
    catalogue: Arc<RwLock<Catalogue>>,
    /// The catalogue holds something that may not be in the log, or lacks something that is.
    stale: bool,
    /// From when on sales that are left are moved.
    moves_from: Instant,
    /// Until then each batch is told which of its events are there already.
    looks_until: Instant,
    /// Commands that wait for the next batch.
    carried: VecDeque<Queued>,
    log: Log,
    healthy: watch::Sender<bool>,
    counts: Appending,
}

/// Why a batch is given up.
enum GivenUp {
    Away,
    /// The log is not the one that others have read.
    Replaced,
    Overtaken,
}

impl Pipeline {
    /// A pipeline and the way into it.
    #[must_use]
    pub fn new(store: Store, log: Log, healthy: watch::Sender<bool>, metrics: &Metrics) -> (Self, Appends) {
        let (sender, queue) = mpsc::channel(QUEUE_COMMANDS);
        let catalogue = Arc::new(RwLock::new(Catalogue::default()));
        let appends = Appends::new(sender, Arc::clone(&catalogue), metrics);
        let counts = appends.counts.clone();
        (
            Self {
                store,
                queue,
                catalogue,
                stale: true,
                moves_from: Instant::now(),
                looks_until: Instant::now(),
                carried: VecDeque::new(),
                log,
                healthy,
                counts,
            },
            appends,
        )
    }

    /// Loads the catalogue, so that the first commands find it.
    ///
    /// # Errors
    /// If Postgres is away.
    pub async fn load(&mut self) -> Result<(), StoreError> {
        if self.stale {
            let loaded = self.store.load_catalogue().await?;
            *self.lock() = loaded;
            self.stale = false;
        }
        Ok(())
    }

    /// Appends until all ways into the pipeline are gone, or the token says that nobody can be answered any more, and everything
    /// in it is answered.
    ///
    /// # Errors
    /// None today; a task of the process ends with a result.
    pub async fn run(mut self, served: CancellationToken) -> Result<(), BoxError> {
        while let Some(commands) = self.gather(&served).await {
            if !commands.is_empty() {
                self.step(commands).await;
            }
            self.move_next().await;
        }
        info!("the append pipeline is drained");
        Ok(())
    }

    /// Takes what is waiting, up to the bounds of a batch; waits only if nothing is, and no sales are to be moved. `None` when
    /// nothing can come any more.
    async fn gather(&mut self, served: &CancellationToken) -> Option<Vec<Queued>> {
        let mut batch: Vec<Queued> = Vec::new();
        let mut bytes = 0;
        while batch.len() < MAX_BATCH_COMMANDS && bytes < MAX_BATCH_BYTES {
            let next = match self.carried.pop_front() {
                Some(carried) => carried,
                None => match self.queue.try_recv() {
                    Ok(queued) => queued,
                    Err(_) if batch.is_empty() => {
                        let next_move = self.next_move();
                        tokio::select! {
                            queued = self.queue.recv() => queued?,
                            () = sleep_until(next_move.unwrap_or_else(Instant::now)), if next_move.is_some() => {
                                return Some(batch);
                            }
                            () = served.cancelled(), if !self.queue.is_closed() => {
                                // Connections that outlive the server hold ways in, but bring nothing any more.
                                self.queue.close();
                                continue;
                            }
                        }
                    }
                    Err(_) => break,
                },
            };
            bytes += next.submission.bytes;
            batch.push(next);
        }
        Some(batch)
    }

    /// Records and answers one batch.
    async fn step(&mut self, commands: Vec<Queued>) {
        let mut pending = commands;
        let (begun, head) = (Instant::now(), *self.log.heads().borrow());
        let mut is_away = false;
        let mut rounds = 0;
        while rounds < MAX_ROUNDS {
            if self.log.lineage().doubt().is_some() {
                self.stale = true;
                self.give_up(pending, &GivenUp::Replaced);
                return;
            }
            match self.round(pending).await {
                Round::Done => {
                    self.healthy.send_if_modified(|healthy| !std::mem::replace(healthy, true));
                    return;
                }
                Round::Again(rest) => {
                    self.counts.again();
                    rounds += 1;
                    pending = rest;
                }
                Round::Away { mut rest, error, sent } => {
                    for queued in rest.iter_mut().filter(|_| sent) {
                        queued.sent_after.get_or_insert(head);
                    }
                    self.stale = true;
                    if !std::mem::replace(&mut is_away, true) {
                        warn!(error = %chain(&error), commands = rest.len(), "Postgres is away");
                    }
                    if begun.elapsed() >= AWAY_BUDGET {
                        self.give_up(rest, &GivenUp::Away);
                        return;
                    }
                    pending = rest;
                    self.counts.again();
                    tokio::time::sleep(AWAY_WAIT).await;
                }
                Round::Broken { rest, error } => {
                    self.stale = true;
                    if let Some(alone) = self.isolate(rest) {
                        let trace_id = trace::id_in(&alone.submission.metadata.traceparent);
                        let request_id = &alone.submission.request_id;
                        error!(%request_id, trace_id, error = %chain(&error), "a command cannot be recorded");
                        alone.answer(Answer::Refused(internal()));
                    }
                    return;
                }
            }
        }
        self.give_up(pending, &GivenUp::Overtaken);
    }

    /// Decides and writes once.
    async fn round(&mut self, mut commands: Vec<Queued>) -> Round {
        if let Err(error) = self.load().await {
            return Round::Away { rest: commands, error, sent: false };
        }
        // Only a process that has just started waits here.
        self.log.lineage().first_look().await;
        if self.log.lineage().doubt().is_some() {
            return Round::Again(commands);
        }
        let sold_before = match self.split_at_move(&mut commands).await {
            Ok(sold_before) => sold_before,
            Err(error) => return Round::Away { rest: commands, error, sent: false },
        };
        let plan = Plan::decide(commands, &mut self.lock(), sold_before, plan::now());
        let Plan { mut batch, accepted, refused, deferred } = plan;
        batch.follows = self.log.lineage().last();
        batch.looks = Instant::now() < self.looks_until || batch.effects.has_reference_data();
        for queued in deferred.into_iter().rev() {
            self.carried.push_front(queued);
        }
        self.refuse(refused, batch.catalogue_position).await;
        if accepted.is_empty() {
            return Round::Done;
        }
        let connection = match self.store.connection().await {
            Ok(connection) => connection,
            Err(error) => return Round::Away { rest: commands_of(accepted), error, sent: false },
        };
        let asked = accepted.iter().map(|accepted| accepted.queued.submission.metadata.traceparent.as_str());
        let span = trace::joined("append", trace::Kind::Internal, asked);
        let begun = Instant::now();
        match trace::within(span.as_ref(), connection.append(&batch)).await {
            Ok(Appended::Written { base, recorded_at }) => {
                self.counts.written(batch.columns.event_ids.len(), begun.elapsed());
                if batch.touches_catalogue {
                    let events = i64::try_from(batch.columns.event_ids.len()).unwrap_or(0);
                    self.lock().position = base + events;
                }
                let few = accepted.len() <= FEW_COMMANDS;
                accept(base, accepted);
                if few {
                    yield_now().await;
                }
                self.log.appended(base, recorded_at, batch.columns);
                Round::Done
            }
            Ok(Appended::Seen(seen)) => {
                self.stale |= batch.touches_catalogue;
                self.saw(seen.iter().map(|seen| seen.position).max());
                Round::Again(answer_seen(accepted, &seen))
            }
            Ok(Appended::Changed) => {
                let rest = commands_of(accepted);
                match self.changed(batch.follows).await {
                    Ok(()) => Round::Again(rest),
                    Err(error) => Round::Away { rest, error, sent: false },
                }
            }
            Err(StoreError::Conflict) => {
                self.stale |= batch.touches_catalogue;
                self.looks_until = Instant::now() + LOOKING;
                Round::Again(commands_of(accepted))
            }
            Err(error @ StoreError::Away(_)) => Round::Away { rest: commands_of(accepted), error, sent: true },
            Err(
                error @ (StoreError::Refused(_)
                | StoreError::Replaced { .. }
                | StoreError::Unreadable { .. }
                | StoreError::DamagedStock { .. }),
            ) => Round::Broken { rest: commands_of(accepted), error },
        }
    }

    /// Nothing was written: because the catalogue has changed, or because the log does not hold what this process saw in it.
    async fn changed(&mut self, follows: Bookmark) -> Result<(), StoreError> {
        self.stale = true;
        if !self.store.look(follows).await?.holds {
            self.log.lineage().gone(follows.position);
        }
        Ok(())
    }

    /// Takes note that the log reaches a position.
    fn saw(&self, position: Option<i64>) {
        if let Some(position) = position {
            self.log.ends_at(position);
        }
    }

    /// Answers commands that were refused: with the first answer, if they had been accepted before. If the catalogue has
    /// changed since they were decided, they are decided again.
    async fn refuse(&mut self, refused: Vec<Refused>, catalogue_position: i64) {
        if refused.is_empty() {
            return;
        }
        let requests: Vec<Uuid> = refused.iter().map(|refused| refused.queued.submission.request_id.uuid()).collect();
        let streams: Vec<Uuid> = refused.iter().filter_map(|refused| refused.begins).collect();
        let found = match self.store.connection().await {
            Ok(connection) => connection.look_up(&requests, &streams).await,
            Err(error) => Err(error),
        };
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                warn!(error = %chain(&error), "Postgres is away");
                for Refused { queued, .. } in refused {
                    let refusal = away(queued.sent_after.is_some());
                    queued.answer(Answer::Refused(refusal));
                }
                return;
            }
        };
        let current = found.catalogue_position == catalogue_position;
        self.stale |= !current;
        for Refused { queued, refusal, begins } in refused.into_iter().rev() {
            match repetition(&queued, begins, &found.seen) {
                Some(answer) => queued.answer(answer),
                None if current => queued.answer(Answer::Refused(refusal)),
                None => self.carried.push_front(queued),
            }
        }
    }

    fn give_up(&mut self, commands: Vec<Queued>, why: &GivenUp) {
        if matches!(why, GivenUp::Away) {
            self.healthy.send_if_modified(|healthy| std::mem::replace(healthy, false));
        }
        for queued in commands {
            let refusal = match why {
                GivenUp::Away => away(queued.sent_after.is_some()),
                GivenUp::Replaced => replaced(queued.sent_after.is_some()),
                GivenUp::Overtaken => overtaken(),
            };
            queued.answer(Answer::Refused(refusal));
        }
        if let GivenUp::Away = why {
            // What waits behind would meet the same; it may have been sent in an earlier round.
            for queued in self.carried.drain(..) {
                let refusal = away(queued.sent_after.is_some());
                queued.answer(Answer::Refused(refusal));
            }
            while let Ok(queued) = self.queue.try_recv() {
                queued.answer(Answer::Refused(away(false)));
            }
        }
    }

    /// Something in a batch cannot be written: its commands are tried one by one, and only the one at fault is refused.
    /// Answers that one when it stands alone.
    fn isolate(&mut self, mut commands: Vec<Queued>) -> Option<Queued> {
        if commands.len() == 1 {
            return commands.pop();
        }
        // Halves are carried as batches of their own by their bytes; alone is the simplest that always ends.
        for queued in commands.into_iter().rev() {
            self.carried.push_front(Queued {
                submission: super::Submission { bytes: MAX_BATCH_BYTES, ..queued.submission },
                ..queued
            });
        }
        None
    }

    fn lock(&self) -> RwLockWriteGuard<'_, Catalogue> {
        // A panic while the catalogue was changed leaves it as it is; the next error loads it again.
        self.catalogue.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one try at a batch came to.
enum Round {
    Done,
    /// These are left; try them again at once.
    Again(Vec<Queued>),
    /// Postgres is away; `sent` if the batch may have been written.
    Away {
        rest: Vec<Queued>,
        error: StoreError,
        sent: bool,
    },
    /// Postgres refuses the batch.
    Broken {
        rest: Vec<Queued>,
        error: StoreError,
    },
}

fn accept(base: i64, accepted: Vec<Accepted>) {
    let mut position = base;
    for Accepted { queued, places, answer } in accepted {
        position += i64::try_from(places.len()).unwrap_or(0);
        let trace_id = trace::id_in(&queued.submission.metadata.traceparent);
        debug!(request_id = %queued.submission.request_id, trace_id, position, "recorded");
        queued.answer(Answer::Accepted(v1::Accepted { position, ..answer }));
    }
}

fn commands_of(accepted: Vec<Accepted>) -> Vec<Queued> {
    accepted.into_iter().map(|accepted| accepted.queued).collect()
}
