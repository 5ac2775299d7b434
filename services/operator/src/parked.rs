//! `daybook parked`: events that could not be folded into the reports.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use daybook::client::Link;
use daybook::{
    command::v1::DiscardEventRequest,
    ids::RequestId,
    projector::v1::{
        GetParkedEventRequest, ListParkedEventsRequest, ParkedEvent, RetryParkedEventRequest,
        parked_service_client::ParkedServiceClient,
    },
};
use tonic::Code;

use crate::{
    calls,
    endpoints::Endpoints,
    error::{Error, Service},
    figures::instant,
    json::{self, Json},
    output::{Format, Sheet, number, text},
};

/// Events on one page.
const PAGE_EVENTS: i32 = 1_000;

/// How often it is looked whether an event is still parked.
const ASK_INTERVAL: Duration = Duration::from_millis(200);

/// How long the projectors may take to fold an event again: they look for requests once a second.
const RETRY_PATIENCE: Duration = Duration::from_secs(30);

/// What to do with parked events.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum ParkedCommand {
    /// Lists the events that could not be folded
    List,
    /// Shows one of them, with the documents that lack it
    Show {
        #[arg(value_name = "POSITION", value_parser = clap::value_parser!(i64).range(1..))]
        position: i64,
    },
    /// Folds one again, after its cause is gone
    Retry {
        #[arg(value_name = "POSITION", value_parser = clap::value_parser!(i64).range(1..))]
        position: i64,
    },
    /// Lets the reports count as complete without it; that is recorded as an event
    Discard {
        #[arg(value_name = "POSITION", value_parser = clap::value_parser!(i64).range(1..))]
        position: i64,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// These events are parked.
    Parked(Vec<ParkedEvent>),
    /// The event was folded and is parked no more.
    Folded,
    /// It was folded again in vain.
    StillParked(Box<ParkedEvent>),
    /// It was discarded by the event at this position.
    Discarded(i64),
}

/// Does something with parked events.
///
/// # Errors
/// If a service refuses or stays away, or the event is not parked.
pub async fn parked(endpoints: &Endpoints, command: &ParkedCommand) -> Result<Outcome, Error> {
    let client = ParkedServiceClient::new(endpoints.channel(Service::Projector)?);
    match command {
        ParkedCommand::List => list(&client).await.map(Outcome::Parked),
        ParkedCommand::Show { position } => Ok(Outcome::Parked(vec![show(&client, *position).await?])),
        ParkedCommand::Retry { position } => retry(&client, *position).await,
        ParkedCommand::Discard { position, reason } => {
            // Only what is parked can be discarded.
            show(&client, *position).await?;
            let message = DiscardEventRequest {
                request_id: RequestId::random().to_string(),
                occurred_at: None,
                position: *position,
                reason: reason.clone(),
            };
            let client = endpoints.command_client()?;
            let answer = calls::ask(Service::Command, message, |request| {
                let mut parking = client.parking.clone();
                async move { parking.discard_event(request).await }
            })
            .await?;
            Ok(Outcome::Discarded(answer.accepted.map_or(0, |accepted| accepted.position)))
        }
    }
}

type Client = ParkedServiceClient<Link>;

async fn list(client: &Client) -> Result<Vec<ParkedEvent>, Error> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let message = ListParkedEventsRequest { page_size: PAGE_EVENTS, page_token };
        let page = calls::ask(Service::Projector, message, |request| {
            let mut client = client.clone();
            async move { client.list_parked_events(request).await }
        })
        .await?;
        all.extend(page.events);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(all);
        }
    }
}

async fn show(client: &Client, position: i64) -> Result<ParkedEvent, Error> {
    let answer = calls::ask(Service::Projector, GetParkedEventRequest { position }, |request| {
        let mut client = client.clone();
        async move { client.get_parked_event(request).await }
    })
    .await?;
    answer.event.ok_or_else(|| Error::Unexpected("the projector answered no event".to_owned()))
}

async fn retry(client: &Client, position: i64) -> Result<Outcome, Error> {
    calls::ask(Service::Projector, RetryParkedEventRequest { position }, |request| {
        let mut client = client.clone();
        async move { client.retry_parked_event(request).await }
    })
    .await?;
    let begun = Instant::now();
    loop {
        match show(client, position).await {
            Ok(event) if !event.is_retrying => return Ok(Outcome::StillParked(Box::new(event))),
            Ok(_) => {}
            Err(Error::Call { status, .. }) if status.code() == Code::NotFound => return Ok(Outcome::Folded),
            Err(error) => return Err(error),
        }
        if begun.elapsed() >= RETRY_PATIENCE {
            let status = Box::new(tonic::Status::deadline_exceeded("no projector did so"));
            let what = format!("the event at {position} was not folded again");
            return Err(Error::GaveUp { what, patience: RETRY_PATIENCE, status });
        }
        tokio::time::sleep(ASK_INTERVAL).await;
    }
}

impl Outcome {
    /// True if what was asked for was done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        !matches!(self, Self::StillParked(_))
    }

    pub(crate) fn write(&self, out: &mut impl Write, format: Format) -> Result<(), Error> {
        let events = match self {
            Self::Parked(events) => events.as_slice(),
            Self::StillParked(event) => std::slice::from_ref(&**event),
            Self::Folded => return writeln!(out, "folded: it is parked no more").map_err(Error::output),
            Self::Discarded(position) => {
                return writeln!(out, "discarded by the event at {position}").map_err(Error::output);
            }
        };
        if format == Format::Json {
            for event in events {
                let json = Json::of("daybook.projector.v1.ParkedEvent", event)?;
                writeln!(out, "{}", json::line(&json)?).map_err(Error::output)?;
            }
            return Ok(());
        }
        let columns =
            [number("position"), text("type"), text("recorded_at"), text("report"), text("error"), text("documents")];
        let mut sheet = Sheet::new(&columns);
        for event in events {
            for report in &event.reports {
                sheet.row(vec![
                    event.position.to_string(),
                    event.event_type.clone(),
                    instant(event.recorded_at.as_ref()),
                    report.report.clone(),
                    report.error.clone(),
                    report.documents.join(" "),
                ]);
            }
        }
        if format == Format::Csv { sheet.write_csv(out, true) } else { sheet.write_table(out) }
    }
}
