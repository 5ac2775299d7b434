//! Following the log.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use daybook::{
    client,
    event::v1::{FollowEventsRequest, GetLogStatusRequest, event_log_service_client::EventLogServiceClient},
};
use daybook_chassis::{BoxError, process::chain};
use thiserror::Error;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status, transport::Channel};
use tracing::{debug, error, info, warn};

use super::{Followed, Recent, tail::MAX_EVENTS};
use crate::position::Positions;

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
    log: EventLogServiceClient<Channel>,
    recent: Recent,
    positions: Positions,
}

/// Why following ended.
#[derive(Debug, Error)]
enum Broken {
    #[error("the command service does not answer: {}", .0.message())]
    Away(#[from] Status),
    #[error("nothing was heard of the log for {} seconds", SILENCE.as_secs())]
    Silent,
    #[error("events are missing between {end} and {next}")]
    Gap { end: i64, next: i64 },
}

impl Follower {
    /// A follower of the log behind an endpoint, which is connected to later.
    ///
    /// # Errors
    /// If the endpoint cannot be used.
    pub(crate) fn new(endpoint: &str, recent: Recent, positions: Positions) -> Result<Self, BoxError> {
        let log = EventLogServiceClient::new(client::channel(endpoint)?);
        Ok(Self { log: log.max_decoding_message_size(client::MAX_ANSWER_BYTES), recent, positions })
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
        let mut told = false;
        loop {
            let begun = Instant::now();
            let broken = tokio::select! {
                broken = self.follow() => broken,
                () = shutdown.cancelled() => break,
            };
            let was_connected = self.recent.followed.borrow().connected;
            self.recent.followed.send_modify(|followed| followed.connected = false);
            if was_connected || !told {
                warn!(error = %chain(&broken), "the log is not followed: reports are answered as they are stored");
                told = true;
            } else {
                debug!(error = %chain(&broken), "the log is still not followed");
            }
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
        let mut request = Request::new(GetLogStatusRequest {});
        request.set_timeout(CALL_TIMEOUT);
        let head = in_time(self.log.get_log_status(request)).await?.into_inner().head_position;
        let after = self.begin(head).await;
        let request = Request::new(FollowEventsRequest { after_position: after, filter: None });
        let mut events = in_time(self.log.follow_events(request)).await?.into_inner();
        info!(after, head, "following the log");
        self.recent.followed.send_replace(Followed { position: after, connected: after >= head });
        let mut heard_at = Instant::now();
        let mut forget = interval(FORGET_INTERVAL);
        forget.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut in_documents = 0;
        loop {
            let heard = tokio::select! {
                heard = timeout_at(heard_at + SILENCE, events.message()) => heard.map_err(|_| Broken::Silent)??,
                _ = forget.tick(), if !self.recent.read().is_empty() => {
                    // What was there at the last look: whoever has looked since still finds the rest.
                    self.recent.change(|tail| tail.forget(in_documents));
                    if let Ok(applied) = self.positions.reach(None, 0, Instant::now() + CALL_TIMEOUT).await {
                        in_documents = applied.position;
                    }
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

    /// Where to follow from: on from what is here, or from what the documents hold.
    async fn begin(&self, head: i64) -> i64 {
        let applied =
            self.positions.reach(None, 0, Instant::now() + CALL_TIMEOUT).await.map_or(0, |applied| applied.position);
        let from = applied.max(head - HEAD_START).min(head);
        let most = i64::try_from(MAX_EVENTS).unwrap_or(i64::MAX);
        self.recent.change(|tail| {
            let end = tail.end();
            if end > head {
                error!(end, head, "the log has lost its tail: what was read of it is forgotten");
            }
            if end > head || end == 0 || from - end > most {
                tail.begin(from);
            }
            tail.end()
        })
    }
}

async fn in_time<T>(call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    match timeout(CALL_TIMEOUT, call).await {
        Ok(answer) => answer,
        Err(_) => Err(Status::deadline_exceeded("no answer in time")),
    }
}
