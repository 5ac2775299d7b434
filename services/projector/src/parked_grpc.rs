//! ParkedService: what operators ask about parked events.

use daybook::{
    projector::v1::{
        GetParkedEventRequest, GetParkedEventResponse, ListParkedEventsRequest, ListParkedEventsResponse, ParkedEvent,
        ParkedReport, RetryParkedEventRequest, RetryParkedEventResponse, parked_service_server::ParkedService,
    },
    reason,
};
use daybook_chassis::answer::{Refusal, Violation};
use daybook_read_model::checkpoint::Generation;
use mongodb::bson::doc;
use prost_types::Timestamp;
use tonic::{Code, Request, Response, Status, async_trait};

use crate::{
    grpc::failed,
    meta,
    parked::{self, Parked},
    store::{Store, StoreError},
};

const DEFAULT_PAGE_EVENTS: i64 = 100;
const MAX_PAGE_EVENTS: i64 = 1_000;

/// Answers about parked events.
#[derive(Clone, Debug)]
pub(crate) struct ParkedEvents(pub(crate) Store);

#[async_trait]
impl ParkedService for ParkedEvents {
    async fn list_parked_events(
        &self,
        request: Request<ListParkedEventsRequest>,
    ) -> Result<Response<ListParkedEventsResponse>, Status> {
        let ListParkedEventsRequest { page_size, page_token } = request.into_inner();
        let size = match i64::from(page_size) {
            0 => DEFAULT_PAGE_EVENTS,
            size if size > 0 => size.min(MAX_PAGE_EVENTS),
            _ => return Err(invalid("page_size", "must not be negative")),
        };
        let after: i64 = match page_token.as_str() {
            "" => 0,
            token => token.parse().map_err(|_| invalid("page_token", "must be the next_page_token of an answer"))?,
        };
        let Some(generation) = self.generation().await.map_err(|error| failed(&error))? else {
            return Ok(Response::new(ListParkedEventsResponse::default()));
        };
        let found = parked::list(&self.0, &generation, doc! { "_id": { "$gt": after } }, size + 1).await;
        let mut found = found.map_err(|error| failed(&error))?;
        let more = i64::try_from(found.len()).is_ok_and(|found| found > size);
        found.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        let last = found.last().map_or(0, |last| last.position);
        let next_page_token = if more { last.to_string() } else { String::new() };
        let events = found.into_iter().map(told).collect();
        Ok(Response::new(ListParkedEventsResponse { events, next_page_token }))
    }

    async fn get_parked_event(
        &self,
        request: Request<GetParkedEventRequest>,
    ) -> Result<Response<GetParkedEventResponse>, Status> {
        let position = request.into_inner().position;
        let found = match self.generation().await.map_err(|error| failed(&error))? {
            Some(generation) => parked::list(&self.0, &generation, doc! { "_id": position }, 1).await,
            None => Ok(Vec::new()),
        };
        let found = found.map_err(|error| failed(&error))?.pop().ok_or_else(|| not_parked(position))?;
        Ok(Response::new(GetParkedEventResponse { event: Some(told(found)) }))
    }

    async fn retry_parked_event(
        &self,
        request: Request<RetryParkedEventRequest>,
    ) -> Result<Response<RetryParkedEventResponse>, Status> {
        let position = request.into_inner().position;
        let asked = match self.generation().await.map_err(|error| failed(&error))? {
            Some(generation) => parked::ask_retry(&self.0, &generation, position).await,
            None => Ok(false),
        };
        if asked.map_err(|error| failed(&error))? {
            Ok(Response::new(RetryParkedEventResponse {}))
        } else {
            Err(not_parked(position))
        }
    }
}

impl ParkedEvents {
    /// The generation that is served.
    async fn generation(&self) -> Result<Option<Generation>, StoreError> {
        let Some(live) = meta::live(&self.0).await? else { return Ok(None) };
        meta::generation(&self.0, live.generation).await
    }
}

fn told(parked: Parked) -> ParkedEvent {
    let mut touched = parked.touched;
    let reports = parked.errors.into_iter().map(|(report, error)| {
        let documents = touched.remove(&report).unwrap_or_default();
        ParkedReport { report, error, documents }
    });
    ParkedEvent {
        position: parked.position,
        event_type: parked.event_type,
        schema_version: parked.schema_version,
        recorded_at: parked.recorded_at_micros.map(|micros| Timestamp {
            seconds: micros.div_euclid(1_000_000),
            nanos: i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or(0),
        }),
        reports: reports.collect(),
        is_retrying: parked.retry,
    }
}

fn not_parked(position: i64) -> Status {
    Refusal::new(Code::NotFound, reason::NOT_FOUND, format!("the event at {position} is not parked")).into_status("")
}

fn invalid(field: &str, description: &str) -> Status {
    Refusal::new(Code::InvalidArgument, reason::INVALID_VALUE, format!("{field} {description}"))
        .with_violations(vec![Violation {
            field: field.to_owned(),
            reason: reason::INVALID_VALUE,
            description: description.to_owned(),
        }])
        .into_status("")
}
