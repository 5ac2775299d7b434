//! Waiting until the reports have reached a position of the log.

use std::time::{Duration, Instant};

use daybook::{
    client::QueryClient,
    query::v1::{GetProjectionStatusRequest, GetProjectionStatusResponse},
};
use tonic::{Code, Request, Status};

use crate::{
    calls::{self, PATIENT},
    error::{Error, Service},
    notices::Notices,
};

/// How long a service may be away, or stand still, before work is given up: longer than a restart of any part takes.
pub const DEFAULT_PATIENCE: Duration = Duration::from_secs(60);

/// One question waits so long for the position; then it is looked how far the reports are.
const ONE_WAIT: Duration = Duration::from_secs(2);

/// Waits until all events up to a position are in the reports.
///
/// # Errors
/// If the query service refuses, or the reports do not move on for as long as `patience`.
pub async fn until_reported(
    client: &QueryClient,
    position: i64,
    patience: Duration,
    notices: &Notices,
) -> Result<(), Error> {
    let bar = notices.positions("reports", u64::try_from(position).unwrap_or(0));
    let mut reached = -1;
    let mut moved = Instant::now();
    let mut waits = PATIENT.waits();
    loop {
        let status = match projection_status(client, position).await {
            Ok(_) => break,
            Err(status) if calls::may_pass(&status) => status,
            Err(status) => return Err(Error::call(Service::Query, status)),
        };
        let waited = matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled);
        if let Ok(answer) = projection_status(client, 0).await {
            let now = answer.as_of.map_or(0, |as_of| as_of.position);
            bar.set_position(u64::try_from(now).unwrap_or(0));
            if now > reached {
                (reached, moved) = (now, Instant::now());
                waits = PATIENT.waits();
            }
        }
        if moved.elapsed() >= patience {
            let what = format!("the reports (at {} of {position}) did not move on", reached.max(0));
            return Err(Error::GaveUp { what, patience, status: Box::new(status) });
        }
        if !waited {
            tokio::time::sleep(calls::pause(&mut waits, &status)).await;
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// Waits until all reports have all events up to a position, those that are new as well.
///
/// # Errors
/// As [`until_reported`].
pub(crate) async fn until_all_reported(
    client: &QueryClient,
    position: i64,
    patience: Duration,
    notices: &Notices,
) -> Result<(), Error> {
    until_reported(client, position, patience, notices).await?;
    let bar = notices.positions("new reports", u64::try_from(position).unwrap_or(0));
    let mut reached = -1;
    let mut moved = Instant::now();
    let mut waits = PATIENT.waits();
    loop {
        let status = match projection_status(client, 0).await {
            Ok(answer) => match hindmost(&answer).filter(|(_, now)| *now < position) {
                None => break,
                Some((report, now)) => {
                    bar.set_position(u64::try_from(now).unwrap_or(0));
                    if now > reached {
                        (reached, moved) = (now, Instant::now());
                        waits = PATIENT.waits();
                    }
                    Status::deadline_exceeded(format!("{report} is at {now}"))
                }
            },
            Err(status) if calls::may_pass(&status) => status,
            Err(status) => return Err(Error::call(Service::Query, status)),
        };
        if moved.elapsed() >= patience {
            let what = format!("a new report (at {} of {position}) did not move on", reached.max(0));
            return Err(Error::GaveUp { what, patience, status: Box::new(status) });
        }
        tokio::time::sleep(calls::pause(&mut waits, &status)).await;
    }
    bar.finish_and_clear();
    Ok(())
}

/// The report that is new and has the least of the log.
fn hindmost(answer: &GetProjectionStatusResponse) -> Option<(&str, i64)> {
    let new = answer.reports.iter().filter(|report| report.is_catching_up);
    let positions = new.map(|report| (report.report.as_str(), report.as_of.map_or(0, |as_of| as_of.position)));
    positions.min_by_key(|(_, position)| *position)
}

async fn projection_status(client: &QueryClient, at_least: i64) -> Result<GetProjectionStatusResponse, Status> {
    let mut request = Request::new(GetProjectionStatusRequest { at_least_position: at_least });
    request.set_timeout(ONE_WAIT);
    client.projection.clone().get_projection_status(request).await.map(tonic::Response::into_inner)
}
