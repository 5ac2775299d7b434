//! `daybook status`: how far the log, its publication and the reports are, and whether the services are well.

use std::{io::Write, time::Duration};

use daybook::{
    client::{CommandClient, QueryClient},
    event::v1::{GetLogStatusRequest, GetLogStatusResponse},
    query::v1::{GetProjectionStatusRequest, GetProjectionStatusResponse, ReportStatus},
};
use serde::Serialize;
use tokio::time::timeout;
use tonic::{Request, Status as CallStatus};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::{
    endpoints::Endpoints,
    error::{Error, Service, told_cause},
    figures::instant,
    json,
    metrics::Load,
    output::{Format, Sheet, number, text},
};

/// Whoever asks how things are waits for no service longer than this; all are asked at once.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// How things are. What could not be found out is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Status {
    /// Position of the last event; 0 while the log is empty.
    pub head_position: Option<i64>,
    pub head_recorded_at: Option<String>,
    /// Position up to which the broker has the log.
    pub published_position: Option<i64>,
    /// True while the relay to the broker works.
    pub relay_healthy: Option<bool>,
    /// Events that the broker does not have yet, and by how many seconds it is behind the head.
    pub publish_lag_events: Option<i64>,
    pub publish_lag_seconds: Option<i64>,
    /// Position up to which the reports have the log.
    pub projected_position: Option<i64>,
    pub projected_recorded_at: Option<String>,
    /// Events that the reports do not have yet, and by how many seconds they are behind the head.
    pub lag_events: Option<i64>,
    pub lag_seconds: Option<i64>,
    /// The generation of documents that is served.
    pub generation: Option<i64>,
    /// What the self-audit compared, found different, and repaired.
    pub audited_documents: Option<i64>,
    pub different_documents: Option<i64>,
    pub repaired_documents: Option<i64>,
    pub skipped_documents: Option<i64>,
    /// The document that differed last, and how; empty if none did.
    pub last_difference: Option<String>,
    /// Events that could not be folded.
    pub parked_events: Option<i64>,
    /// How far each report is; empty if that is not known.
    pub reports: Vec<ReportLag>,
    pub services: Vec<ServiceHealth>,
    /// How busy and how full the services are whose metrics can be read.
    pub loads: Vec<Load>,
}

/// How far a report has followed the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReportLag {
    pub report: String,
    /// Position up to which it has the log.
    pub position: i64,
    /// Events that it does not have yet.
    pub lag_events: Option<i64>,
    /// True while it is new and is being folded from the log so far, beside the others.
    pub is_catching_up: bool,
}

/// How a service answers for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceHealth {
    pub service: &'static str,
    pub endpoint: Option<String>,
    /// `SERVING`, `NOT_SERVING`, `UNREACHABLE` or `NOT_CONFIGURED`.
    pub health: &'static str,
    /// Why it is not SERVING, as far as that is known.
    pub detail: String,
}

const SERVING: &str = "SERVING";
const NOT_SERVING: &str = "NOT_SERVING";
const UNREACHABLE: &str = "UNREACHABLE";
const NOT_CONFIGURED: &str = "NOT_CONFIGURED";

/// Asks all services at once.
///
/// # Errors
/// If an endpoint is not a URL. A service that is away is no error here: it is the answer.
pub async fn status(endpoints: &Endpoints) -> Result<Status, Error> {
    let command = endpoints.command.is_some().then(|| endpoints.command_client()).transpose()?;
    let query = endpoints.query.is_some().then(|| endpoints.query_client()).transpose()?;
    let (log, projection, of_command, of_projector, of_query) = tokio::join!(
        log_status(command),
        projection_status(query),
        health(endpoints, Service::Command),
        health(endpoints, Service::Projector),
        health(endpoints, Service::Query),
    );
    let mut status = measured(log, projection);
    status.services = vec![of_command?, of_projector?, of_query?];
    Ok(status)
}

async fn log_status(client: Option<CommandClient>) -> Option<GetLogStatusResponse> {
    let mut log = client?.log;
    let mut request = Request::new(GetLogStatusRequest {});
    request.set_timeout(ANSWER_TIMEOUT);
    timeout(ANSWER_TIMEOUT, log.get_log_status(request)).await.ok()?.ok().map(tonic::Response::into_inner)
}

async fn projection_status(client: Option<QueryClient>) -> Option<GetProjectionStatusResponse> {
    let mut projection = client?.projection;
    let mut request = Request::new(GetProjectionStatusRequest { at_least_position: 0 });
    request.set_timeout(ANSWER_TIMEOUT);
    timeout(ANSWER_TIMEOUT, projection.get_projection_status(request)).await.ok()?.ok().map(tonic::Response::into_inner)
}

async fn health(endpoints: &Endpoints, service: Service) -> Result<ServiceHealth, Error> {
    let endpoint = endpoints.of(service).map(ToOwned::to_owned);
    let (health, detail) = match &endpoint {
        None => (NOT_CONFIGURED, String::new()),
        Some(_) => {
            let mut client = HealthClient::new(endpoints.channel(service)?);
            let mut request = Request::new(HealthCheckRequest { service: String::new() });
            request.set_timeout(ANSWER_TIMEOUT);
            match timeout(ANSWER_TIMEOUT, client.check(request)).await {
                Err(_) => (UNREACHABLE, format!("no answer within {} s", ANSWER_TIMEOUT.as_secs())),
                Ok(Err(status)) => (UNREACHABLE, away(&status)),
                Ok(Ok(answer)) => match answer.into_inner().status() {
                    ServingStatus::Serving => (SERVING, String::new()),
                    ServingStatus::NotServing | ServingStatus::Unknown | ServingStatus::ServiceUnknown => {
                        (NOT_SERVING, "a part that it needs is away, it is starting or stopping, or the log has lost its end: its own log says which".to_owned())
                    }
                },
            }
        }
    };
    Ok(ServiceHealth { service: service.name(), endpoint, health, detail })
}

fn away(status: &CallStatus) -> String {
    told_cause(status).replace('\n', " ")
}

/// Positions and lags out of what the services answered.
fn measured(log: Option<GetLogStatusResponse>, projection: Option<GetProjectionStatusResponse>) -> Status {
    let mut status = Status::default();
    let projection = projection.map(|answer| {
        status.generation = Some(answer.generation);
        status.parked_events = Some(answer.parked_events);
        if let Some(audit) = answer.audit {
            status.audited_documents = Some(audit.audited_documents);
            status.different_documents = Some(audit.different_documents);
            status.repaired_documents = Some(audit.repaired_documents);
            status.skipped_documents = Some(audit.skipped_documents);
            status.last_difference = Some(audit.last_difference);
        }
        status.reports = answer.reports.into_iter().map(report_lag).collect();
        answer.as_of.unwrap_or_default()
    });
    if let Some(projection) = &projection {
        status.projected_position = Some(projection.position);
        status.projected_recorded_at = some_instant(projection.recorded_at.as_ref());
    }
    let Some(log) = log else { return status };
    let head = Point { position: log.head_position, recorded_at: log.head_recorded_at };
    status.head_position = Some(head.position);
    status.head_recorded_at = some_instant(head.recorded_at.as_ref());
    status.published_position = Some(log.published_position);
    status.relay_healthy = Some(log.relay_healthy);
    let published = Point { position: log.published_position, recorded_at: log.published_recorded_at };
    (status.publish_lag_events, status.publish_lag_seconds) = head.ahead_of(&published);
    if let Some(projection) = projection {
        let projected = Point { position: projection.position, recorded_at: projection.recorded_at };
        (status.lag_events, status.lag_seconds) = head.ahead_of(&projected);
    }
    for report in &mut status.reports {
        report.lag_events = Some(head.position.saturating_sub(report.position).max(0));
    }
    status
}

fn report_lag(report: ReportStatus) -> ReportLag {
    let position = report.as_of.unwrap_or_default().position;
    ReportLag { report: report.report, position, lag_events: None, is_catching_up: report.is_catching_up }
}

struct Point {
    position: i64,
    recorded_at: Option<prost_types::Timestamp>,
}

impl Point {
    /// Events and seconds by which this is ahead; both are 0 if it is not. The two sides are asked at once, so the other
    /// one may have gone on meanwhile.
    fn ahead_of(&self, other: &Self) -> (Option<i64>, Option<i64>) {
        let events = self.position.saturating_sub(other.position).max(0);
        let seconds = match (&self.recorded_at, &other.recorded_at) {
            _ if events == 0 => Some(0),
            (Some(here), Some(there)) => Some(here.seconds.saturating_sub(there.seconds).max(0)),
            _ => None,
        };
        (Some(events), seconds)
    }
}

fn none_if_empty(text: &str) -> String {
    if text.is_empty() { "none".to_owned() } else { text.to_owned() }
}

fn some_instant(at: Option<&prost_types::Timestamp>) -> Option<String> {
    at.map(|at| instant(Some(at))).filter(|text| !text.is_empty())
}

impl Status {
    /// True if all services answer SERVING; a projector whose endpoint is not known is left out.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.services.iter().all(|service| {
            let may_be_unknown = service.service == Service::Projector.name();
            service.health == SERVING || (may_be_unknown && service.health == NOT_CONFIGURED)
        })
    }

    pub(crate) fn write(&self, out: &mut impl Write, format: Format) -> Result<(), Error> {
        match format {
            Format::Json => writeln!(out, "{}", json::line(self)?).map_err(Error::output),
            Format::Csv => {
                let mut sheet = Sheet::new(&[text("name"), text("value")]);
                self.figures().into_iter().for_each(|(name, value)| sheet.row(vec![name.to_owned(), value]));
                for report in &self.reports {
                    sheet.row(vec![format!("{}_position", report.report), report.position.to_string()]);
                    sheet.row(vec![format!("{}_catching_up", report.report), report.is_catching_up.to_string()]);
                }
                for service in &self.services {
                    sheet.row(vec![format!("health_{}", service.service), service.health.to_owned()]);
                }
                sheet.write_csv(out, true)
            }
            Format::Table => {
                self.health_sheet().write_table(out)?;
                if !self.reports.is_empty() {
                    self.report_sheet().write_table(out)?;
                    writeln!(out).map_err(Error::output)?;
                }
                if !self.loads.is_empty() {
                    self.load_sheet().write_table(out)?;
                }
                let mut sheet = Sheet::new(&[text("log"), number("value")]);
                for (name, value) in self.figures() {
                    let value = if value.is_empty() { "unknown".to_owned() } else { value };
                    sheet.row(vec![name.replace('_', " "), value]);
                }
                sheet.write_table(out)
            }
        }
    }

    fn figures(&self) -> [(&'static str, String); 17] {
        let number = |value: Option<i64>| value.map(|value| value.to_string()).unwrap_or_default();
        [
            ("head_position", number(self.head_position)),
            ("head_recorded_at", self.head_recorded_at.clone().unwrap_or_default()),
            ("published_position", number(self.published_position)),
            ("relay_healthy", self.relay_healthy.map(|healthy| healthy.to_string()).unwrap_or_default()),
            ("publish_lag_events", number(self.publish_lag_events)),
            ("publish_lag_seconds", number(self.publish_lag_seconds)),
            ("projected_position", number(self.projected_position)),
            ("projected_recorded_at", self.projected_recorded_at.clone().unwrap_or_default()),
            ("lag_events", number(self.lag_events)),
            ("lag_seconds", number(self.lag_seconds)),
            ("generation", number(self.generation)),
            ("parked_events", number(self.parked_events)),
            ("audited_documents", number(self.audited_documents)),
            ("different_documents", number(self.different_documents)),
            ("repaired_documents", number(self.repaired_documents)),
            ("skipped_documents", number(self.skipped_documents)),
            ("last_difference", self.last_difference.clone().map(|text| none_if_empty(&text)).unwrap_or_default()),
        ]
    }

    fn report_sheet(&self) -> Sheet {
        let mut sheet = Sheet::new(&[text("report"), number("position"), number("lag_events"), text("state")]);
        for report in &self.reports {
            let lag = report.lag_events.map_or_else(|| "unknown".to_owned(), |lag| lag.to_string());
            let state = if report.is_catching_up { "catching up" } else { "followed" };
            sheet.row(vec![report.report.replace('_', " "), report.position.to_string(), lag, state.to_owned()]);
        }
        sheet
    }

    fn load_sheet(&self) -> Sheet {
        let mut sheet = Sheet::new(&[
            text("service"),
            number("calls"),
            number("failed"),
            number("shed"),
            number("refused"),
            text("fullest"),
            number("MiB"),
        ]);
        for load in &self.loads {
            let [calls, failed, shed, refused] =
                [load.calls, load.failed_calls, load.shed, load.refused].map(|count| format!("{count:.0}"));
            let (fullest, memory) = (load.fullest(), load.mebibytes());
            sheet.row(vec![load.service.to_owned(), calls, failed, shed, refused, fullest, memory]);
        }
        sheet
    }

    fn health_sheet(&self) -> Sheet {
        let mut sheet = Sheet::new(&[text("service"), text("endpoint"), text("health"), text("detail")]);
        for ServiceHealth { service, endpoint, health, detail } in &self.services {
            let endpoint = endpoint.clone().unwrap_or_default();
            sheet.row(vec![(*service).to_owned(), endpoint, health.replace('_', " ").to_lowercase(), detail.clone()]);
        }
        sheet
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use daybook::query::v1::AsOf;

    use super::*;

    fn at(seconds: i64) -> Option<prost_types::Timestamp> {
        Some(prost_types::Timestamp { seconds, nanos: 0 })
    }

    #[test]
    fn lags_are_measured_from_the_head() {
        let log = GetLogStatusResponse {
            head_position: 100,
            head_recorded_at: at(1_000),
            published_position: 100,
            published_recorded_at: None,
            relay_healthy: true,
        };
        let projected = |position, recorded_at| {
            let as_of = Some(AsOf { position, recorded_at });
            Some(GetProjectionStatusResponse { as_of, ..GetProjectionStatusResponse::default() })
        };
        let status = measured(Some(log), projected(90, at(993)));
        assert_eq!((status.publish_lag_events, status.publish_lag_seconds), (Some(0), Some(0)));
        assert_eq!((status.lag_events, status.lag_seconds), (Some(10), Some(7)));
        // The reports were asked a moment later and are ahead.
        let status = measured(Some(log), projected(101, at(1_001)));
        assert_eq!((status.lag_events, status.lag_seconds), (Some(0), Some(0)));
        let status = measured(None, projected(101, None));
        assert_eq!((status.projected_position, status.lag_events, status.head_position), (Some(101), None, None));
    }

    #[test]
    fn a_report_that_is_catching_up_is_told_of() {
        let as_of = |position| Some(AsOf { position, recorded_at: None });
        let report = |name: &str, position, is_catching_up| ReportStatus {
            report: name.into(),
            as_of: as_of(position),
            is_catching_up,
        };
        let projection = GetProjectionStatusResponse {
            as_of: as_of(100),
            reports: vec![report("store_days", 100, false), report("category_days", 40, true)],
            ..GetProjectionStatusResponse::default()
        };
        let log = GetLogStatusResponse { head_position: 100, ..GetLogStatusResponse::default() };
        let status = measured(Some(log), Some(projection));
        assert_eq!(status.lag_events, Some(0));
        let lags: Vec<_> = status.reports.iter().map(|report| (report.lag_events, report.is_catching_up)).collect();
        assert_eq!(lags, [(Some(0), false), (Some(60), true)]);
        let written = |format| {
            let mut out = Vec::new();
            status.write(&mut out, format).unwrap();
            String::from_utf8(out).unwrap()
        };
        let table = written(Format::Table);
        assert!(table.contains("│ category days ┆       40 ┆         60 ┆ catching up │"), "{table}");
        assert!(written(Format::Csv).contains("category_days_position,40\ncategory_days_catching_up,true\n"));
    }

    #[tokio::test]
    async fn services_that_are_away_are_told_soon() {
        let begun = Instant::now();
        let endpoints = Endpoints {
            command: Some("http://127.0.0.1:1".into()),
            query: Some("http://192.0.2.1:7402".into()),
            ..Endpoints::default()
        };
        let status = status(&endpoints).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(15), "not after some connection has given up by itself");
        assert!(!status.is_well());
        let health: Vec<_> = status.services.iter().map(|service| (service.service, service.health)).collect();
        assert_eq!(health, [("command", UNREACHABLE), ("projector", NOT_CONFIGURED), ("query", UNREACHABLE)]);
        let mut out = Vec::new();
        status.write(&mut out, Format::Table).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("not configured") && text.contains("unknown"), "{text}");
    }

    #[test]
    fn only_the_projector_may_be_unknown() {
        let health = |service, health| ServiceHealth { service, endpoint: None, health, detail: String::new() };
        let well = |of_projector, of_query| {
            let services =
                vec![health("command", SERVING), health("projector", of_projector), health("query", of_query)];
            Status { services, ..Status::default() }.is_well()
        };
        assert!(well(SERVING, SERVING) && well(NOT_CONFIGURED, SERVING));
        assert!(!well(NOT_SERVING, SERVING) && !well(SERVING, NOT_CONFIGURED));
    }
}
