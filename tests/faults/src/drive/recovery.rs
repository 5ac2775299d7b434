//! How long it takes after a fault until all works again.

use std::time::{Duration, Instant};

use daybook::{client::QueryClient, query::v1::GetProjectionStatusRequest};
use tonic::Request;

use super::register::Register;
use crate::{Outcome, until::until};

/// Once what was broken is back, a command is answered within so long.
pub const COMMANDS_WITHIN: Duration = Duration::from_secs(5);

/// Then reports have caught up within so long, besides the time for what had gathered.
pub const REPORTS_WITHIN: Duration = Duration::from_secs(10);

/// Something that is broken without a word is noticed within so long.
pub const NOTICED_WITHIN: Duration = Duration::from_secs(10);

/// What a projector folds at least, of what had gathered: a build without optimisation, on a shared core.
const BACKLOG_EVENTS_PER_SECOND: u64 = 300;

/// Lines of a usual sale: so many lines of a large event count as one event more.
const SALE_LINES: u64 = 9;

/// Deadline of an attempt to see whether commands are answered.
const PROBE_DEADLINE: Duration = Duration::from_secs(2);

/// How long is waited at all; longer than the bounds, so that a miss is measured.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long one question may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// What was measured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recovery {
    /// Until a command was acknowledged.
    pub commands: Duration,
    /// Until reports held that command.
    pub reports: Duration,
    /// Events that the reports lacked when the command was acknowledged.
    pub backlog: u64,
}

impl Recovery {
    /// The longer of each.
    #[must_use]
    pub fn longest(self, other: Self) -> Self {
        Self {
            commands: self.commands.max(other.commands),
            reports: self.reports.max(other.reports),
            backlog: self.backlog.max(other.backlog),
        }
    }

    /// Fails if it took longer than it may, besides a time in which something may be unnoticed, and the time for so many lines of
    /// large events that had gathered.
    ///
    /// # Errors
    /// What took too long.
    pub fn within_bounds(self, unnoticed: Duration, large_lines: u64) -> Outcome<Self> {
        let gathered = self.backlog + large_lines / SALE_LINES;
        let reports = REPORTS_WITHIN + Duration::from_secs(gathered / BACKLOG_EVENTS_PER_SECOND);
        if self.commands > unnoticed + COMMANDS_WITHIN || self.reports > unnoticed + reports {
            return Err(format!("recovery took too long: {self:?}").into());
        }
        Ok(self)
    }
}

/// Measures from now on.
///
/// # Errors
/// If it does not recover within [`PATIENCE`].
pub async fn measure(probe: &mut Register, queries: &QueryClient) -> Outcome<Recovery> {
    let begun = Instant::now();
    let position = probe.probe(PROBE_DEADLINE, PATIENCE).await?;
    let commands = begun.elapsed();
    let mut backlog = None;
    until(PATIENCE, &format!("the reports reach position {position}"), async || {
        let Ok(reached) = projected(queries).await else { return Ok(None) };
        let behind = u64::try_from(position - reached).unwrap_or(0);
        backlog.get_or_insert(behind);
        Ok((behind == 0).then_some(()))
    })
    .await?;
    Ok(Recovery { commands, reports: begun.elapsed(), backlog: backlog.unwrap_or(0) })
}

/// How far the reports are.
///
/// # Errors
/// If the query service does not answer in time.
pub async fn projected(queries: &QueryClient) -> Outcome<i64> {
    let mut request = Request::new(GetProjectionStatusRequest { at_least_position: 0 });
    request.set_timeout(ASK_TIMEOUT);
    let mut projection = queries.projection.clone();
    let answer = tokio::time::timeout(ASK_TIMEOUT, projection.get_projection_status(request)).await??;
    Ok(answer.into_inner().as_of.map_or(0, |as_of| as_of.position))
}
