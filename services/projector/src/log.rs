//! The log itself, as the command service gives it: for catching up, and wherever JetStream does not deliver.

use std::time::Duration;

use daybook::{
    client::{self, Credentials, EndpointError, Link},
    event::v1::{
        EventFilter, GetLogStatusRequest, ReadEventsRequest, RecordedEvent,
        event_log_service_client::EventLogServiceClient,
    },
};
use tonic::{Request, Status};

/// Most events of one page. Decoded, a sale takes some 5 kB, and several pages are under way at once: larger ones would be
/// read a little faster, but cost more memory than all documents.
const PAGE_EVENTS: i32 = 1_000;

/// A page takes some milliseconds; a command service that is silent for so long is away.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads the log.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    client: EventLogServiceClient<Link>,
}

/// A page of the log.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) events: Vec<RecordedEvent>,
    /// All events up to here were looked at.
    pub(crate) scanned: i64,
    /// Where the log ended when the page was read.
    pub(crate) head: i64,
}

impl Log {
    /// The log behind an endpoint, which is connected to when it is first read.
    pub(crate) fn new(endpoint: &str, credentials: &Credentials) -> Result<Self, EndpointError> {
        let client = EventLogServiceClient::new(client::link(endpoint, credentials)?);
        Ok(Self { client: client.max_decoding_message_size(client::MAX_ANSWER_BYTES) })
    }

    /// The events after a position.
    pub(crate) async fn read(&self, after_position: i64) -> Result<Page, Status> {
        let request = ReadEventsRequest { after_position, page_size: PAGE_EVENTS, ..ReadEventsRequest::default() };
        let mut client = self.client.clone();
        let page = in_time(client.read_events(timed(request))).await?;
        Ok(Page { events: page.events, scanned: page.scanned_position, head: page.head_position })
    }

    /// Some of the events after a position and up to another.
    pub(crate) async fn read_filtered(
        &self,
        after_position: i64,
        until_position: i64,
        filter: &EventFilter,
    ) -> Result<Page, Status> {
        let filter = Some(filter.clone());
        let request = ReadEventsRequest { after_position, until_position, page_size: PAGE_EVENTS, filter };
        let mut client = self.client.clone();
        let page = in_time(client.read_events(timed(request))).await?;
        Ok(Page { events: page.events, scanned: page.scanned_position, head: page.head_position })
    }

    /// Where the log ends.
    pub(crate) async fn head(&self) -> Result<i64, Status> {
        let mut client = self.client.clone();
        Ok(in_time(client.get_log_status(timed(GetLogStatusRequest {}))).await?.head_position)
    }
}

fn timed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(CALL_TIMEOUT);
    request
}

/// The deadline that is sent along binds the service; this one binds the connection, too.
async fn in_time<T>(call: impl Future<Output = Result<tonic::Response<T>, Status>>) -> Result<T, Status> {
    match tokio::time::timeout(CALL_TIMEOUT, call).await {
        Ok(answer) => answer.map(tonic::Response::into_inner),
        Err(_) => Err(Status::deadline_exceeded("the command service did not answer in time")),
    }
}
