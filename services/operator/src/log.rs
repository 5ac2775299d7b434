//! `daybook log`: the event log as JSON lines, read to its end, by stream, or followed.

use std::{io::Write, time::Duration};

use clap::builder::PossibleValuesParser;
use daybook::{
    client::CommandClient,
    event::{
        EventType,
        v1::{
            EventFilter, FollowEventsRequest, FollowEventsResponse, GetStreamRequest, ReadEventsRequest, RecordedEvent,
        },
    },
};
use serde::Serialize;
use tonic::Status;
use uuid::Uuid;

use crate::{
    calls::{self, PATIENT},
    endpoints::Endpoints,
    error::{Error, Service, told_cause},
    figures,
    json::{self, Json},
    notices::Notices,
};

/// Events on one page: few calls, and a page ends at 3 MiB anyway.
const PAGE_EVENTS: i32 = 1_000;

/// The service tells of progress at least every 10 seconds; silence for so long is a dead stream.
const FOLLOW_TIMEOUT: Duration = Duration::from_secs(30);

const AFTER_HELP: &str = "\
Each line is a JSON object: position, event_id, stream_id, stream_version, type, schema_version, store_id, \
business_date, occurred_at, recorded_at, metadata and content (the event itself, as in daybook.event.v1: amounts in \
minor units, quantities in thousandths).

With --follow what is there is written first, then what is appended, until Ctrl-C; a broken connection is taken up \
again without a gap or a double.";

/// Which events.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct LogOptions {
    /// Only events after this position
    #[arg(long, value_name = "POSITION", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    pub after: i64,
    /// No event after this position
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(i64).range(1..), conflicts_with = "follow")]
    pub until: Option<i64>,
    /// Only this stream, for example store/443 or sale/443/3/2017-01-02/31198892591
    #[arg(long, value_name = "NAME", conflicts_with_all = ["after", "until", "store", "type", "follow"])]
    pub stream: Option<String>,
    /// Only events of this store; can be given several times
    #[arg(long, value_name = "ID")]
    pub store: Vec<String>,
    /// Only events of this type; can be given several times
    #[arg(long = "type", id = "type", value_name = "TYPE", value_parser = types())]
    pub types: Vec<String>,
    /// Go on with what is appended, until Ctrl-C
    #[arg(long)]
    pub follow: bool,
    /// At most so many events
    #[arg(long, value_name = "NUMBER")]
    pub limit: Option<u64>,
}

fn types() -> PossibleValuesParser {
    PossibleValuesParser::new(EventType::ALL.iter().map(|known| known.as_str()))
}

/// Writes events as JSON lines.
///
/// # Errors
/// If the command service refuses or stays away (followed events are waited for), or the output cannot be written.
pub async fn log(endpoints: &Endpoints, options: &LogOptions, out: &mut impl Write) -> Result<(), Error> {
    let client = endpoints.command_client()?;
    let mut lines = Lines { out, left: options.limit.unwrap_or(u64::MAX) };
    if lines.left == 0 {
        return Ok(());
    }
    match &options.stream {
        Some(stream) => by_stream(&client, stream, &mut lines).await,
        None if options.follow => follow(&client, options, &mut lines).await,
        None => by_position(&client, options, &mut lines).await,
    }
}

async fn by_position<W: Write>(
    client: &CommandClient,
    options: &LogOptions,
    lines: &mut Lines<'_, W>,
) -> Result<(), Error> {
    let mut after = options.after;
    let mut until = options.until.unwrap_or(0);
    loop {
        let message = ReadEventsRequest {
            after_position: after,
            until_position: until,
            page_size: lines.page_size(),
            filter: Some(filter(options)),
            ..Default::default()
        };
        let page = calls::ask(Service::Command, message, |request| {
            let mut log = client.log.clone();
            async move { log.read_events(request).await }
        })
        .await?;
        if until == 0 {
            // The log as it is now: reading does not run after a log that grows.
            until = page.head_position;
        }
        let goes_on = lines.write(&page.events)?;
        let stuck = page.scanned_position <= after;
        after = page.scanned_position;
        if !goes_on || stuck || after >= until {
            return Ok(());
        }
    }
}

async fn by_stream<W: Write>(client: &CommandClient, stream: &str, lines: &mut Lines<'_, W>) -> Result<(), Error> {
    let mut after_version = 0;
    loop {
        let message = GetStreamRequest { stream: stream.to_owned(), after_version, page_size: lines.page_size() };
        let page = calls::ask(Service::Command, message, |request| {
            let mut log = client.log.clone();
            async move { log.get_stream(request).await }
        })
        .await?;
        let goes_on = lines.write(&page.events)?;
        match page.events.last() {
            Some(last) if goes_on && page.more => after_version = last.stream_version,
            _ => return Ok(()),
        }
    }
}

async fn follow<W: Write>(client: &CommandClient, options: &LogOptions, lines: &mut Lines<'_, W>) -> Result<(), Error> {
    let notices = Notices::stderr();
    let mut after = options.after;
    let mut waits = PATIENT.waits();
    let mut is_told = false;
    loop {
        let before = after;
        let Some(status) = follow_once(client, options, &mut after, lines).await? else { return Ok(()) };
        if !calls::may_pass(&status) {
            return Err(Error::call(Service::Command, status));
        }
        if after > before {
            (waits, is_told) = (PATIENT.waits(), false);
        }
        if !std::mem::replace(&mut is_told, true) {
            notices.say(&format!("daybook: following goes on after position {after}: {}", told_cause(&status)));
        }
        tokio::time::sleep(calls::pause(&mut waits, &status)).await;
    }
}

/// Follows over one stream; answers why it broke, or nothing if the limit is reached.
async fn follow_once<W: Write>(
    client: &CommandClient,
    options: &LogOptions,
    after: &mut i64,
    lines: &mut Lines<'_, W>,
) -> Result<Option<Status>, Error> {
    let silent = || Ok(Some(Status::deadline_exceeded("the stream brought nothing")));
    let request = FollowEventsRequest { after_position: *after, filter: Some(filter(options)), ..Default::default() };
    let mut log = client.log.clone();
    let mut stream = match tokio::time::timeout(FOLLOW_TIMEOUT, log.follow_events(request)).await {
        Err(_) => return silent(),
        Ok(Err(status)) => return Ok(Some(status)),
        Ok(Ok(response)) => response.into_inner(),
    };
    loop {
        match tokio::time::timeout(FOLLOW_TIMEOUT, stream.message()).await {
            Err(_) => return silent(),
            Ok(Err(status)) => return Ok(Some(status)),
            Ok(Ok(None)) => return Ok(Some(Status::unavailable("the stream ended"))),
            Ok(Ok(Some(FollowEventsResponse { events, scanned_position, .. }))) => {
                if !lines.write(&events)? {
                    return Ok(None);
                }
                let last = events.last().map_or(0, |event| event.position);
                *after = (*after).max(scanned_position).max(last);
            }
        }
    }
}

fn filter(options: &LogOptions) -> EventFilter {
    EventFilter { event_types: options.types.clone(), store_ids: options.store.clone(), ..EventFilter::default() }
}

/// Where the lines go, and how many more are wanted.
struct Lines<'a, W> {
    out: &'a mut W,
    left: u64,
}

impl<W: Write> Lines<'_, W> {
    /// Writes events; false once no more are wanted.
    fn write(&mut self, events: &[RecordedEvent]) -> Result<bool, Error> {
        for event in events {
            if self.left == 0 {
                break;
            }
            writeln!(self.out, "{}", line_of(event)?).map_err(Error::output)?;
            self.left -= 1;
        }
        self.out.flush().map_err(Error::output)?;
        Ok(self.left > 0)
    }

    fn page_size(&self) -> i32 {
        i32::try_from(self.left).map_or(PAGE_EVENTS, |left| left.min(PAGE_EVENTS))
    }
}

/// An event as an object; the names are stable.
#[derive(Serialize)]
struct Line<'a> {
    position: i64,
    event_id: String,
    stream_id: String,
    stream_version: i32,
    #[serde(rename = "type")]
    event_type: &'a str,
    schema_version: i32,
    store_id: &'a str,
    business_date: &'a str,
    occurred_at: String,
    recorded_at: String,
    metadata: Option<Json>,
    /// Absent for a type that this version does not know.
    content: Option<Json>,
}

fn line_of(event: &RecordedEvent) -> Result<String, Error> {
    let metadata =
        event.metadata.as_ref().map(|metadata| Json::of("daybook.event.v1.Metadata", metadata)).transpose()?;
    let content = event.event.as_ref().map(|event| Json::of("daybook.event.v1.Event", event)).transpose()?;
    json::line(&Line {
        position: event.position,
        event_id: uuid(&event.event_id),
        stream_id: uuid(&event.stream_id),
        stream_version: event.stream_version,
        event_type: &event.event_type,
        schema_version: event.schema_version,
        store_id: &event.store_id,
        business_date: &event.business_date,
        occurred_at: figures::instant(event.occurred_at.as_ref()),
        recorded_at: figures::instant(event.recorded_at.as_ref()),
        metadata,
        content: content.as_ref().and_then(Json::only_field),
    })
}

fn uuid(bytes: &[u8]) -> String {
    Uuid::from_slice(bytes).map(|uuid| uuid.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use daybook::event::v1::{Event, Metadata, SupplierRegistered, event::Kind};

    use super::*;

    fn event(position: i64) -> RecordedEvent {
        let registered = SupplierRegistered { supplier_id: "69".into(), name: "M".into(), gln: String::new() };
        RecordedEvent {
            position,
            event_id: vec![1; 16].into(),
            stream_id: vec![2; 16].into(),
            stream_version: 1,
            event_type: "supplier_registered".into(),
            schema_version: 1,
            recorded_at: Some(prost_types::Timestamp { seconds: 1_483_333_554, nanos: 500_000_000 }),
            metadata: Some(Metadata { actor: "anonymous".into(), ..Metadata::default() }),
            event: Some(Event { kind: Some(Kind::SupplierRegistered(registered)) }),
            ..RecordedEvent::default()
        }
    }

    #[test]
    fn an_event_is_one_line_of_json() {
        assert_eq!(
            line_of(&event(7)).unwrap(),
            "{\"position\":7,\"event_id\":\"01010101-0101-0101-0101-010101010101\",\
             \"stream_id\":\"02020202-0202-0202-0202-020202020202\",\"stream_version\":1,\
             \"type\":\"supplier_registered\",\"schema_version\":1,\"store_id\":\"\",\"business_date\":\"\",\
             \"occurred_at\":\"\",\"recorded_at\":\"2017-01-02T05:05:54.5Z\",\
             \"metadata\":{\"actor\":\"anonymous\",\"request_id\":\"\",\"correlation_id\":\"\",\"causation_id\":\"\",\
             \"traceparent\":\"\",\"key_id\":\"\",\"scopes\":[]},\"content\":{\"supplier_id\":\"69\",\"name\":\"M\",\"gln\":\"\"}}"
        );
    }

    #[test]
    fn an_event_of_a_later_version_still_has_its_envelope() {
        let unknown = RecordedEvent { event: Some(Event { kind: None }), ..event(8) };
        assert!(line_of(&unknown).unwrap().ends_with("\"content\":null}"));
    }

    #[test]
    fn no_more_than_asked_for_is_written() {
        let mut out = Vec::new();
        let mut lines = Lines { out: &mut out, left: 3 };
        assert_eq!(lines.page_size(), 3);
        assert!(lines.write(&[event(1), event(2)]).unwrap());
        assert!(!lines.write(&[event(3), event(4)]).unwrap());
        assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 3);
    }
}
