//! The log itself, as the command service gives it: for catching up, and wherever JetStream does not deliver.
//!
//! What was read is remembered by a bookmark: the position of an event and its id, which is drawn at random. A log that has the
//! same event at the position is the same log up to there; so each read says what was read before it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use daybook::{
    client::{self, Credentials, EndpointError, Link},
    event::{
        encoded::{
            self,
            v1::{ReadEventsResponse, event_log_service_client::EventLogServiceClient},
        },
        v1::{EventFilter, GetLogStatusRequest, ReadEventsRequest},
    },
    reason,
};
use daybook_read_model::{checkpoint::Checkpoint, event::Event, event_id};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

/// Most events of one page. Several pages are under way at once, and a sale that was read takes some 2 kB: larger ones would be read a
/// little faster, but cost more memory.
const PAGE_EVENTS: i32 = 1_000;

/// A page takes some milliseconds; a command service that is silent for so long is away.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// An event that was read, by its position and id. At position 0, and where the id is not known, it is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bookmark {
    pub(crate) position: i64,
    pub(crate) event_id: Bytes,
}

impl Bookmark {
    /// The bookmark of an event.
    pub(crate) fn of(event: &Event) -> Self {
        Self { position: event.position(), event_id: event.recorded.event_id.clone() }
    }

    /// The bookmark that a checkpoint holds.
    pub(crate) fn in_checkpoint(checkpoint: &Checkpoint) -> Self {
        Self { position: checkpoint.position, event_id: event_id::from_text(&checkpoint.event_id).into() }
    }

    /// A position of which nothing else is known.
    pub(crate) fn at(position: i64) -> Self {
        Self { position, event_id: Bytes::new() }
    }
}

/// True if a call was refused because the log does not hold what was read from it.
pub(crate) fn is_replaced(status: &Status) -> bool {
    let reason = || status.get_details_error_info().is_some_and(|info| info.reason == reason::LOG_REPLACED);
    status.code() == Code::FailedPrecondition && reason()
}

/// Reads the log.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    client: EventLogServiceClient<Link>,
}

/// A page of the log.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) events: Vec<Event>,
    /// How large they are, encoded.
    pub(crate) bytes: usize,
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

    /// The events after one that was read.
    pub(crate) async fn read(&self, after: &Bookmark) -> Result<Page, Status> {
        self.read_some(after, PAGE_EVENTS).await
    }

    /// Whether the log holds an event.
    pub(crate) async fn holds(&self, event: &Bookmark) -> Result<bool, Status> {
        match self.read_some(event, 1).await {
            Ok(page) => Ok(page.head >= event.position),
            Err(status) if is_replaced(&status) => Ok(false),
            Err(status) => Err(status),
        }
    }

    async fn read_some(&self, after: &Bookmark, page_size: i32) -> Result<Page, Status> {
        let (after_position, after_event_id) = (after.position, after.event_id.to_vec());
        let request = ReadEventsRequest { after_position, after_event_id, page_size, ..ReadEventsRequest::default() };
        let mut client = self.client.clone();
        page(in_time(client.read_events(timed(request))).await?)
    }

    /// Some of the events after a position and up to another.
    pub(crate) async fn read_filtered(
        &self,
        after_position: i64,
        until_position: i64,
        filter: &EventFilter,
    ) -> Result<Page, Status> {
        let filter = Some(filter.clone());
        let request = ReadEventsRequest {
            after_position,
            until_position,
            page_size: PAGE_EVENTS,
            filter,
            ..ReadEventsRequest::default()
        };
        let mut client = self.client.clone();
        page(in_time(client.read_events(timed(request))).await?)
    }

    /// Where the log ends.
    pub(crate) async fn head(&self) -> Result<i64, Status> {
        let mut client = self.client.clone();
        Ok(in_time(client.get_log_status(timed(GetLogStatusRequest {}))).await?.head_position)
    }
}

/// Reads a page, event by event: so it is known how large they are without encoding them once more.
fn page(answer: ReadEventsResponse) -> Result<Page, Status> {
    let bytes = answer.events.iter().map(encoded::RecordedEvent::embedded_len).sum();
    let events = answer.events.into_iter().map(read).collect::<Result<_, _>>()?;
    Ok(Page { events, bytes, scanned: answer.scanned_position, head: answer.head_position })
}

fn read(event: encoded::RecordedEvent) -> Result<Event, Status> {
    let position = event.position;
    Event::read(event).map_err(|error| {
        let mut status = Status::data_loss(format!("the event at position {position} cannot be decoded"));
        status.set_source(Arc::new(error));
        status
    })
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

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn an_event_that_cannot_be_decoded_is_named() {
        let broken = encoded::RecordedEvent {
            position: 7,
            event: Bytes::from_static(&[0xff]),
            ..encoded::RecordedEvent::default()
        };
        let answer = ReadEventsResponse { events: vec![broken], ..ReadEventsResponse::default() };
        let status = page(answer).map(drop).unwrap_err();
        assert_eq!(status.code(), Code::DataLoss);
        assert_eq!(status.message(), "the event at position 7 cannot be decoded");
        assert!(status.source().is_some(), "the cause is for the log");
    }
}
