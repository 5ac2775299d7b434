//! A log in memory behind the RPC that the projector reads.

use std::{
    net::SocketAddr,
    ops::Range,
    sync::{Arc, Mutex},
};

use daybook::access;
use daybook::event::v1::{
    FollowEventsRequest, FollowEventsResponse, GetLogStatusRequest, GetLogStatusResponse, GetStreamRequest,
    GetStreamResponse, ReadEventsRequest, ReadEventsResponse, RecordedEvent,
    event_log_service_server::{EventLogService, EventLogServiceServer},
};
use daybook::reason;
use daybook_chassis::{
    CancellationToken,
    access::Policy,
    answer::Refusal,
    door::{Door, DoorConfig},
    metrics::calls::Calls,
};
use tonic::{Code, Request, Response, Status};

#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    events: Arc<Mutex<Vec<RecordedEvent>>>,
    held: Arc<Mutex<Option<Held>>>,
    /// The positions after which was read.
    reads: Arc<Mutex<Vec<i64>>>,
}

/// The next read after one of these positions is to wait until it is let go.
#[derive(Clone, Debug)]
struct Held {
    after: Range<i64>,
    /// Not only the first one.
    all: bool,
    is_taken: bool,
    free: CancellationToken,
}

impl Log {
    pub(crate) async fn serve(&self, shutdown: CancellationToken) -> SocketAddr {
        let listener = daybook_chassis::server::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = tonic::service::Routes::new(EventLogServiceServer::new(self.clone()));
        let policy =
            Policy { methods: access::methods(), scopes: access::SCOPES, whole: access::WHOLE, kinds: access::KINDS };
        let door = Door::open(&DoorConfig::default(), address, &policy).unwrap();
        tokio::spawn(daybook_chassis::server::serve(
            listener,
            routes,
            door,
            Calls::default(),
            shutdown,
            std::time::Duration::ZERO,
        ));
        address
    }

    pub(crate) fn append(&self, events: Vec<RecordedEvent>) {
        let mut log = self.events.lock().unwrap();
        for event in events {
            let position = log.len() as i64 + 1;
            log.push(RecordedEvent { position, ..event });
        }
    }

    /// Changes an event that is there.
    pub(crate) fn change(&self, position: i64, change: impl FnOnce(&mut RecordedEvent)) {
        change(&mut self.events.lock().unwrap()[position as usize - 1]);
    }

    /// Lets the next read after one of these positions wait for [`Log::release`]; others pass.
    pub(crate) fn hold_next(&self, after: Range<i64>) {
        self.reads.lock().unwrap().clear();
        *self.held.lock().unwrap() = Some(Held { after, all: false, is_taken: false, free: CancellationToken::new() });
    }

    /// Lets all reads after these positions wait for [`Log::release`].
    pub(crate) fn hold_all(&self, after: Range<i64>) {
        self.hold_next(after);
        if let Some(held) = self.held.lock().unwrap().as_mut() {
            held.all = true;
        }
    }

    /// True once a read waits, or has waited.
    pub(crate) fn is_held(&self) -> bool {
        self.held.lock().unwrap().as_ref().is_some_and(|held| held.is_taken)
    }

    pub(crate) fn release(&self) {
        if let Some(held) = self.held.lock().unwrap().take() {
            held.free.cancel();
        }
    }

    /// The positions after which was read since a read was held last.
    pub(crate) fn reads(&self) -> Vec<i64> {
        self.reads.lock().unwrap().clone()
    }

    /// What a read has to wait for.
    fn gate(&self, after: i64) -> Option<CancellationToken> {
        self.reads.lock().unwrap().push(after);
        let mut held = self.held.lock().unwrap();
        let held = held.as_mut().filter(|held| held.after.contains(&after) && (held.all || !held.is_taken))?;
        held.is_taken = true;
        Some(held.free.clone())
    }

    pub(crate) fn truncate(&self, len: usize) {
        self.events.lock().unwrap().truncate(len);
    }

    /// Lets the log go on in another way after so many events.
    pub(crate) fn replace_from(&self, len: usize, events: Vec<RecordedEvent>) {
        // At once, so that nobody sees it shorter.
        let mut log = self.events.lock().unwrap();
        log.truncate(len);
        log.extend(events);
    }

    pub(crate) fn all(&self) -> Vec<RecordedEvent> {
        self.events.lock().unwrap().clone()
    }

    pub(crate) fn head(&self) -> i64 {
        self.events.lock().unwrap().len() as i64
    }
}

#[tonic::async_trait]
impl EventLogService for Log {
    async fn read_events(&self, request: Request<ReadEventsRequest>) -> Result<Response<ReadEventsResponse>, Status> {
        let request = request.into_inner();
        // The audit reads with a filter, and whenever it likes.
        let gate = if request.filter.is_none() { self.gate(request.after_position) } else { None };
        if let Some(free) = gate {
            free.cancelled().await;
        }
        let log = self.events.lock().unwrap();
        let after = (request.after_position as usize).min(log.len());
        if !request.after_event_id.is_empty() {
            let held = after.checked_sub(1).map(|before| &log[before]);
            if held
                .is_none_or(|held| held.position != request.after_position || held.event_id != request.after_event_id)
            {
                let replaced = Refusal::new(Code::FailedPrecondition, reason::LOG_REPLACED, "another log");
                return Err(replaced.into_status(""));
            }
        }
        let events: Vec<RecordedEvent> = log[after..].iter().take(request.page_size as usize).cloned().collect();
        let scanned_position = events.last().map_or(request.after_position, |event| event.position);
        Ok(Response::new(ReadEventsResponse { events, scanned_position, head_position: log.len() as i64 }))
    }

    async fn get_log_status(&self, _: Request<GetLogStatusRequest>) -> Result<Response<GetLogStatusResponse>, Status> {
        let head_position = self.head();
        Ok(Response::new(GetLogStatusResponse { head_position, ..GetLogStatusResponse::default() }))
    }

    type FollowEventsStream = futures_util::stream::Empty<Result<FollowEventsResponse, Status>>;

    async fn follow_events(
        &self,
        _: Request<FollowEventsRequest>,
    ) -> Result<Response<Self::FollowEventsStream>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn get_stream(&self, _: Request<GetStreamRequest>) -> Result<Response<GetStreamResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }
}
