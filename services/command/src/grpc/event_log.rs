//! EventLogService: reading and following the log.

use std::{pin::Pin, sync::Arc, time::Duration};

use daybook::{
    access::STORES,
    business_day::parse_date,
    event::{
        EventType,
        encoded::{
            RecordedEvent,
            v1::{
                FollowEventsResponse, GetStreamResponse, ReadEventsResponse, event_log_service_server::EventLogService,
            },
        },
        v1::{
            EventFilter, FollowEventsRequest, GetLogStatusRequest, GetLogStatusResponse, GetStreamRequest,
            ReadEventsRequest,
        },
    },
    reason, stream,
};
use daybook_chassis::{
    CancellationToken,
    access::{Narrowed, refuse::Denial},
    answer::Refusal,
    metrics::{self, Counter, Shed},
};
use futures_util::Stream;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::{Instant, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use super::origin::{Origin, split};
use crate::{
    append::stopping,
    domain::check::{self, Check},
    lineage::Bookmark,
    recent::Log,
    relay::Published,
    status,
    store::{
        Store, StoreError,
        events::{Page, StoredEvent, timestamp},
    },
};

const DEFAULT_PAGE_EVENTS: i32 = 1_000;
const MAX_PAGE_EVENTS: i32 = 5_000;

/// Entries of a filter.
const MAX_FILTER_TYPES: usize = 32;
const MAX_FILTER_STORES: usize = 256;
const MAX_FILTER_DATES: usize = 32;

/// Longest name of a stream: four identifiers, a date and their separators.
const MAX_STREAM_LEN: usize = 320;

/// Pages that may wait for a slow follower; it is not read ahead of him any further.
const FOLLOW_PAGES: usize = 2;

/// Events of the first message to a follower; each message that is full is followed by one of twice as many, up to the most.
/// Who begins streams only to leave them has little read for him.
const FIRST_FOLLOW_EVENTS: usize = 16;
const FOLLOW_EVENTS: usize = 500;

/// The log is looked at so often even if nobody says that it grew: another process may have appended.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// A follower hears at least so often how far the log was looked at.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);

/// How long a call waits for its turn to read.
const PLACE_TIMEOUT: Duration = Duration::from_secs(3);

/// When to come back if there are too many readers.
const OVERLOAD_WAIT: Duration = Duration::from_millis(500);

/// Places for those who read the log at the same time, of so many connections: some are left for commands, which look up
/// what they depend on.
#[must_use]
pub fn places(connections: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new((connections * 3 / 4).max(1)))
}

/// The log's readers.
#[derive(Clone, Debug)]
pub struct EventLog {
    pub store: Store,
    pub log: Log,
    pub places: Arc<Semaphore>,
    /// Counts those for whom there was no place.
    pub sent_away: Counter,
    pub published: watch::Receiver<Published>,
    pub shutdown: CancellationToken,
}

#[tonic::async_trait]
impl EventLogService for EventLog {
    type FollowEventsStream = Pin<Box<dyn Stream<Item = Result<FollowEventsResponse, Status>> + Send>>;

    async fn read_events(&self, request: Request<ReadEventsRequest>) -> Result<Response<ReadEventsResponse>, Status> {
        let (origin, request) = split(request)?;
        let mut filter = request.filter.unwrap_or_default();
        let mut check = Check::default();
        check_position(&mut check, "after_position", request.after_position);
        check_position(&mut check, "until_position", request.until_position);
        let limit = check_page_size(&mut check, request.page_size);
        check_filter(&mut check, &filter);
        let after_id = check_event_id(&mut check, &request.after_event_id);
        finish(check)?;
        narrow(&origin, &mut filter)?;
        let _place = self.place().await?;
        let page = self.store.read(request.after_position, after_id, request.until_position, limit, &filter).await;
        let Page { events, scanned, head } = page.map_err(|error| failed(&error))?;
        let events = recorded(events);
        Ok(Response::new(ReadEventsResponse { events, scanned_position: scanned, head_position: head }))
    }

    async fn follow_events(
        &self,
        request: Request<FollowEventsRequest>,
    ) -> Result<Response<Self::FollowEventsStream>, Status> {
        let (origin, request) = split(request)?;
        let mut filter = request.filter.unwrap_or_default();
        let mut check = Check::default();
        check_position(&mut check, "after_position", request.after_position);
        check_filter(&mut check, &filter);
        let after_id = check_event_id(&mut check, &request.after_event_id);
        finish(check)?;
        narrow(&origin, &mut filter)?;
        // What is in memory does not say what a caller has read before.
        if let Some(event_id) = after_id {
            self.holds(Bookmark { position: request.after_position, event_id }).await?;
        }
        let (sender, receiver) = mpsc::channel(FOLLOW_PAGES);
        let event_log = self.clone();
        tokio::spawn(async move { event_log.follow(request.after_position, after_id, filter, sender).await });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn get_stream(&self, request: Request<GetStreamRequest>) -> Result<Response<GetStreamResponse>, Status> {
        let (origin, request) = split(request)?;
        let mut check = Check::default();
        let named = !request.stream.is_empty() && request.stream.len() <= MAX_STREAM_LEN;
        check.that(named, "stream", reason::REQUIRED, || {
            "must be the name of a stream, such as sale/443/3/2017-01-02/31198892591".to_owned()
        });
        check_position(&mut check, "after_version", i64::from(request.after_version));
        let limit = check_page_size(&mut check, request.page_size);
        finish(check)?;
        let id = stream::id_of(&request.stream);
        let fetch = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let _place = self.place().await?;
        let mut events =
            self.store.read_stream(id, request.after_version, fetch).await.map_err(|error| failed(&error))?;
        // A stream that is not the caller's looks like one that does not exist.
        let is_foreign = |event: &StoredEvent| {
            let store = event.store_id.as_deref().unwrap_or_default();
            origin.caller.speaks_for(&[(STORES, store)]).is_err()
        };
        if events.iter().any(is_foreign) {
            events.clear();
        }
        if events.is_empty() && (request.after_version == 0 || origin.caller.is_bound()) {
            let message = format!("there is no stream {}", request.stream);
            return Err(Refusal::new(Code::NotFound, reason::NOT_FOUND, message).into_status(""));
        }
        let more = events.len() > limit;
        events.truncate(limit);
        let events = recorded(events);
        Ok(Response::new(GetStreamResponse { events, more }))
    }

    async fn get_log_status(&self, _: Request<GetLogStatusRequest>) -> Result<Response<GetLogStatusResponse>, Status> {
        let head = self.store.head().await.map_err(|error| failed(&error))?;
        let published = *self.published.borrow();
        let published_recorded_at = if published.position == head.position {
            Some(head.recorded_at)
        } else {
            self.store.recorded_at(published.position).await.map_err(|error| failed(&error))?
        };
        Ok(Response::new(GetLogStatusResponse {
            head_position: head.position,
            head_recorded_at: (head.position > 0).then(|| timestamp(head.recorded_at)),
            published_position: published.position,
            published_recorded_at: published_recorded_at.filter(|_| published.position > 0).map(timestamp),
            relay_healthy: published.healthy,
        }))
    }
}

impl EventLog {
    /// Waits for its turn to read.
    async fn place(&self) -> Result<OwnedSemaphorePermit, Status> {
        match timeout(PLACE_TIMEOUT, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) => Err(stopping().into_status("")),
            Err(_) => {
                self.sent_away.inc();
                metrics::shed(Shed::LogReaders);
                let message = "too many read the log; ask again after the stated delay";
                let refusal = Refusal::new(Code::ResourceExhausted, reason::OVERLOADED, message);
                Err(refusal.with_retry_after(OVERLOAD_WAIT).into_status(""))
            }
        }
    }

    /// Refuses to go on after an event that the log does not hold.
    async fn holds(&self, bookmark: Bookmark) -> Result<(), Status> {
        let found = self.store.look(bookmark).await.map_err(|error| failed(&error))?;
        if found.holds {
            return Ok(());
        }
        Err(failed(&StoreError::Replaced { position: bookmark.position, head: found.head }))
    }

    async fn follow(
        self,
        mut after: i64,
        mut after_id: Option<Uuid>,
        filter: EventFilter,
        sender: mpsc::Sender<Result<FollowEventsResponse, Status>>,
    ) {
        let mut heads = self.log.heads();
        let mut told = Instant::now();
        let mut limit = FIRST_FOLLOW_EVENTS;
        loop {
            // A follower who has gone away leaves the queue at once.
            let place = tokio::select! {
                () = sender.closed() => return,
                place = Arc::clone(&self.places).acquire_owned() => place,
            };
            // Marked as seen before the log is read: growth after that wakes the wait below.
            heads.mark_unchanged();
            if self.log.lineage().is_gone() {
                let message = "the log lacks events that were read from it";
                let refusal = Refusal::new(Code::FailedPrecondition, reason::LOG_REPLACED, message);
                let _ = sender.send(Err(refusal.into_status(""))).await;
                return;
            }
            let page = match self.log.read(after, after_id, 0, limit, &filter).await {
                Ok(page) => page,
                Err(error) => {
                    let _ = sender.send(Err(failed(&error))).await;
                    return;
                }
            };
            drop(place);
            let (scanned, head) = (page.scanned.max(after), page.head);
            // A filter may have left out the event at the position: then its id is not known.
            let last = page.events.last().filter(|last| last.position == scanned).map(|last| last.event_id);
            if page.events.len() == limit {
                limit = (limit * 2).min(FOLLOW_EVENTS);
            }
            if !page.events.is_empty() || told.elapsed() >= PROGRESS_INTERVAL {
                let events = recorded(page.events);
                let message = FollowEventsResponse { events, scanned_position: scanned, head_position: head };
                if sender.send(Ok(message)).await.is_err() {
                    return;
                }
                told = Instant::now();
            }
            let moved = scanned > after;
            if moved {
                (after, after_id) = (scanned, last);
            }
            if moved && after < head && !self.shutdown.is_cancelled() {
                continue;
            }
            tokio::select! {
                () = self.shutdown.cancelled() => {
                    let _ = sender.send(Err(stopping().into_status(""))).await;
                    return;
                }
                () = sender.closed() => return,
                changed = heads.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
        }
    }
}

/// Leaves of a filter what the caller may read.
fn narrow(origin: &Origin, filter: &mut EventFilter) -> Result<(), Status> {
    match origin.caller.narrow(STORES, std::mem::take(&mut filter.store_ids)) {
        Narrowed::To(stores) => filter.store_ids = stores,
        Narrowed::Nothing => return Err(Denial::NotOwn(STORES.to_owned()).refusal().into_status("")),
    }
    Ok(())
}

fn recorded(events: Vec<StoredEvent>) -> Vec<RecordedEvent> {
    events.into_iter().map(RecordedEvent::from).collect()
}

fn failed(error: &StoreError) -> Status {
    status::refusal(error).into_status("")
}

fn check_position(check: &mut Check, field: &str, position: i64) {
    check.that(position >= 0, field, reason::INVALID_VALUE, || format!("must be 0 or more, not {position}"));
}

fn check_event_id(check: &mut Check, id: &[u8]) -> Option<Uuid> {
    if id.is_empty() {
        return None;
    }
    let id = Uuid::from_slice(id).ok();
    check.that(id.is_some(), "after_event_id", reason::INVALID_VALUE, || {
        "must be the 16 bytes of an event's id".to_owned()
    });
    id
}

fn check_page_size(check: &mut Check, page_size: i32) -> usize {
    check.that(page_size >= 0, "page_size", reason::INVALID_VALUE, || "must be 0 or more".to_owned());
    let size = if page_size == 0 { DEFAULT_PAGE_EVENTS } else { page_size.min(MAX_PAGE_EVENTS) };
    usize::try_from(size).unwrap_or(0)
}

/// Checks a filter.
pub fn check_filter(check: &mut Check, filter: &EventFilter) {
    if check.count("filter.event_types", filter.event_types.len(), 0..=MAX_FILTER_TYPES) {
        for (index, name) in filter.event_types.iter().enumerate() {
            let field = format!("filter.event_types[{index}]");
            check.that(EventType::parse(name).is_some(), field, reason::INVALID_VALUE, || {
                let known: Vec<_> = EventType::ALL.iter().map(|known| known.as_str()).collect();
                format!("must be one of {}", known.join(", "))
            });
        }
    }
    if check.count("filter.store_ids", filter.store_ids.len(), 0..=MAX_FILTER_STORES) {
        for (index, store) in filter.store_ids.iter().enumerate() {
            check.id(format!("filter.store_ids[{index}]"), store, daybook::ids::StoreId::check);
        }
    }
    if check.count("filter.business_dates", filter.business_dates.len(), 0..=MAX_FILTER_DATES) {
        for (index, date) in filter.business_dates.iter().enumerate() {
            let field = format!("filter.business_dates[{index}]");
            check.that(parse_date(date).is_ok(), field, reason::INVALID_VALUE, || {
                "must be an ISO 8601 date, such as 2017-01-02".to_owned()
            });
        }
    }
}

fn finish(check: Check) -> Result<(), Status> {
    if check.is_clean() { Ok(()) } else { Err(check::refusal(check.violations()).into_status("")) }
}
