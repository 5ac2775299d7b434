//! Following the log, and whether documents and log are of one past: see [`Follower::compare`].

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use daybook::{
    client::{self, Credentials, Link},
    event::{
        encoded::v1::{ReadEventsResponse, event_log_service_client::EventLogServiceClient},
        v1::{FollowEventsRequest, ReadEventsRequest},
    },
    reason,
};
use daybook_chassis::{BoxError, process::chain};
use futures_util::future::{Fuse, FusedFuture as _, FutureExt as _};
use thiserror::Error;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use tracing::{debug, error, info, warn};

use super::{Followed, Recent, tail::MAX_EVENTS};
use crate::{
    call::Frame,
    fresh::Shown,
    heads::Heads,
    position::{Applied, Positions},
};

/// How long a call may take, and looking for where the documents are.
const CALL_TIMEOUT: Duration = Duration::from_secs(3);

/// A follower hears of the log every 10 seconds, whatever happens; one that hears nothing for longer has lost its link.
const SILENCE: Duration = Duration::from_secs(15);

/// How often events that the documents hold are let go.
const FORGET_INTERVAL: Duration = Duration::from_millis(500);

/// First and longest wait before the log is followed again.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Where following begins if the documents are far behind: so many events before the end of the log.
const HEAD_START: i64 = 2_000;

/// Keeps the end of the log in memory.
#[derive(Debug)]
pub(crate) struct Follower {
    log: EventLogServiceClient<Link>,
    recent: Recent,
    positions: Positions,
    heads: Heads,
    shown: Shown,
}

/// Why following ended.
#[derive(Debug, Error)]
enum Broken {
    #[error("the command service does not answer: {}", .0.message())]
    Away(#[from] Status),
    #[error("nothing was heard of the log for {} seconds", SILENCE.as_secs())]
    Silent,
    #[error(
        "the documents hold events up to position {0} that the log lacks: it lost its end, or is another one; no report is \
         answered (docs/operations.md, \"The log has lost its end\")"
    )]
    Foreign(i64),
    #[error("events are missing between {end} and {next}")]
    Gap { end: i64, next: i64 },
}

impl Follower {
    /// A follower of the log behind an endpoint, which is connected to later.
    ///
    /// # Errors
    /// If the endpoint cannot be used.
    pub(crate) fn new(endpoint: &str, credentials: &Credentials, frame: &Frame) -> Result<Self, BoxError> {
        let log = EventLogServiceClient::new(client::link(endpoint, credentials)?);
        let Frame { recent, positions, heads, shown, .. } = frame.clone();
        Ok(Self { log: log.max_decoding_message_size(client::MAX_ANSWER_BYTES), recent, positions, heads, shown })
    }

    /// Follows until the token is cancelled.
    ///
    /// # Errors
    /// None: the command service may come and go.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) -> Result<(), BoxError> {
        let backoff = ExponentialBuilder::default()
            .with_min_delay(FIRST_WAIT)
            .with_max_delay(LONGEST_WAIT)
            .with_jitter()
            .without_max_times();
        let mut waits = backoff.build();
        let (mut told, mut foreign) = (false, false);
        loop {
            let begun = Instant::now();
            let broken = tokio::select! {
                broken = self.follow() => broken,
                () = shutdown.cancelled() => break,
            };
            let was_connected = self.recent.followed.borrow().connected;
            self.recent.followed.send_modify(|followed| followed.connected = false);
            if let (Broken::Foreign(_), false) = (&broken, foreign) {
                error!(error = %broken, "no report is answered");
                told = false;
            } else if was_connected || !told {
                warn!(error = %chain(&broken), "the log is not followed: reports are answered as they are stored");
                told = true;
            } else {
                debug!(error = %chain(&broken), "the log is still not followed");
            }
            foreign = matches!(broken, Broken::Foreign(_));
            if begun.elapsed() > LONGEST_WAIT {
                waits = backoff.build();
            }
            tokio::select! {
                () = tokio::time::sleep(waits.next().unwrap_or(LONGEST_WAIT)) => {}
                () = shutdown.cancelled() => break,
            }
        }
        Ok(())
    }

    /// Follows until something breaks.
    async fn follow(&mut self) -> Broken {
        match self.try_follow().await {
            Ok(never) => match never {},
            Err(broken) => broken,
        }
    }

    async fn try_follow(&mut self) -> Result<std::convert::Infallible, Broken> {
        let (after, after_event_id, head) = self.compare().await?;
        let request = Request::new(FollowEventsRequest { after_position: after, after_event_id, filter: None });
        let mut events = in_time(self.log.follow_events(request)).await?.into_inner();
        info!(after, head, "following the log");
        self.recent.followed.send_replace(Followed { position: after, connected: after >= head });
        let mut heard_at = Instant::now();
        let mut forget = interval(FORGET_INTERVAL);
        forget.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut in_documents = 0;
        let looking = Fuse::terminated();
        tokio::pin!(looking);
        loop {
            let heard = tokio::select! {
                heard = timeout_at(heard_at + SILENCE, events.message()) => heard.map_err(|_| Broken::Silent)??,
                _ = forget.tick(), if looking.is_terminated() && !self.recent.read().is_empty() => {
                    // What was there at the last look: whoever has looked since still finds the rest.
                    self.recent.change(|tail| tail.forget(in_documents));
                    // Beside the log, which goes on meanwhile.
                    looking.set(self.positions.reach(None, 0, Instant::now() + CALL_TIMEOUT).fuse());
                    continue;
                }
                applied = &mut looking => {
                    in_documents = applied.map_or(in_documents, |applied| applied.position);
                    continue;
                }
            };
            let Some(message) = heard else { return Err(Status::unavailable("the stream has ended").into()) };
            heard_at = Instant::now();
            let next = message.events.first().map_or(0, |event| event.position);
            let end = self.recent.change(|tail| (tail.push(message.events), tail.end()));
            let (true, position) = end else { return Err(Broken::Gap { end: end.1, next }) };
            // Only from the end of the log on is it worth waiting for what comes next.
            let connected = self.recent.followed.borrow().connected || message.scanned_position >= head;
            self.recent.followed.send_replace(Followed { position, connected });
        }
    }

    /// Compares documents and log, forgets what is here if it is not the log's any more, and answers where to follow from (with
    /// the id of the event there, if it is known) and where the log ends.
    ///
    /// Ids of events are drawn at random: if the log has the event to which the documents have come, they are of one past.
    async fn compare(&mut self) -> Result<(i64, Vec<u8>, i64), Broken> {
        // Asked before the log, which therefore has all that they hold.
        let applied = self.positions.reach(None, 0, Instant::now() + CALL_TIMEOUT).await.ok();
        let (position, id) = applied.as_ref().map_or((0, &[][..]), |applied| (applied.position, &applied.event_id));
        let Some(head) = self.end_after(position, id).await? else { return Err(self.refuse(applied)) };
        if head < position {
            return Err(self.refuse(applied));
        }
        if applied.is_some() && self.recent.foreign.send_replace(None).is_some() {
            info!(position, "documents and log are of one past again");
        }
        let (end, last_id) = self.recent.change(|tail| (tail.end(), tail.last_id().to_vec()));
        let is_held = end <= head && (end == 0 || self.end_after(end, &last_id).await?.is_some());
        if !is_held {
            error!(end, head, "the log has lost its end: what was read of it is forgotten");
            self.heads.clear();
            self.shown.forget();
        }
        let from = position.max(head - HEAD_START).min(head);
        let most = i64::try_from(MAX_EVENTS).unwrap_or(i64::MAX);
        let (after, after_id) = self.recent.change(|tail| {
            if !is_held || end == 0 || from - end > most {
                tail.begin(from, if from == position { id.to_vec() } else { Vec::new() });
            }
            (tail.end(), tail.last_id().to_vec())
        });
        Ok((after, after_id, head))
    }

    /// Where the log ends; `None` if it does not hold the event at a position.
    async fn end_after(&mut self, after_position: i64, id: &[u8]) -> Result<Option<i64>, Broken> {
        let message = ReadEventsRequest {
            after_position,
            after_event_id: id.to_vec(),
            page_size: 1,
            ..ReadEventsRequest::default()
        };
        let mut request = Request::new(message);
        request.set_timeout(CALL_TIMEOUT);
        match in_time(self.log.read_events(request)).await.map(tonic::Response::into_inner) {
            Ok(ReadEventsResponse { head_position, .. }) => Ok(Some(head_position)),
            Err(status) if is_replaced(&status) => Ok(None),
            Err(status) => Err(status.into()),
        }
    }

    fn refuse(&self, applied: Option<Applied>) -> Broken {
        let position = applied.as_ref().map_or(0, |applied| applied.position);
        self.recent.foreign.send_replace(applied.and_then(|applied| applied.generation));
        Broken::Foreign(position)
    }
}

/// True if a call was refused because the log does not hold what was read from it.
fn is_replaced(status: &Status) -> bool {
    let reason = || status.get_details_error_info().is_some_and(|info| info.reason == reason::LOG_REPLACED);
    status.code() == Code::FailedPrecondition && reason()
}

async fn in_time<T>(call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    match timeout(CALL_TIMEOUT, call).await {
        Ok(answer) => answer,
        Err(_) => Err(Status::deadline_exceeded("no answer in time")),
    }
}
