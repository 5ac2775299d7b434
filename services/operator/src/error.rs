//! What can go wrong, said so that a person can act on it, and the exit code that a script gets.

use std::{error::Error as _, fmt::Write as _, io, time::Duration};

use thiserror::Error as ThisError;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// Most field violations of one refused call that are told.
const MAX_TOLD_VIOLATIONS: usize = 10;

/// Why a command of the program failed.
#[derive(Debug, ThisError)]
pub enum Error {
    /// The command line, the settings or the files given cannot be right.
    #[error("{0}")]
    Usage(String),
    /// The operating system refused something.
    #[error("{what}: {cause}")]
    Io {
        /// What was being done.
        what: String,
        cause: io::Error,
    },
    /// A call to a service failed.
    #[error("the {service} service {}", told(.status))]
    Call {
        service: Service,
        /// What it answered.
        status: Box<Status>,
    },
    /// A service stayed away or did not move on for longer than the patience.
    #[error("{what} for {} s: {}", .patience.as_secs(), told_cause(.status))]
    GaveUp {
        /// A sentence up to its time: `the command service did not answer`.
        what: String,
        patience: Duration,
        /// What it answered last.
        status: Box<Status>,
    },
    /// A service answered what the contract does not allow, or what cannot be written in the form that was asked for.
    #[error("{0}")]
    Unexpected(String),
    /// The operator pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// Whoever read the output has closed it.
    #[error("the output was closed")]
    OutputClosed,
}

/// One of the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Command,
    Projector,
    Query,
}

impl Service {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Projector => "projector",
            Self::Query => "query",
        }
    }
}

impl std::fmt::Display for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Error {
    /// 0 for an output that was closed, 2 for what was rejected or wrongly used, 1 for the rest.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Usage(_) => 2,
            Self::Call { status, .. } if is_refusal(status.code()) => 2,
            Self::Io { .. } | Self::Call { .. } | Self::GaveUp { .. } | Self::Unexpected(_) | Self::Interrupted => 1,
        }
    }

    /// True for what needs no word: nobody reads on.
    pub(crate) fn is_quiet(&self) -> bool {
        matches!(self, Self::OutputClosed)
    }

    pub(crate) fn io(what: impl Into<String>, cause: io::Error) -> Self {
        Self::Io { what: what.into(), cause }
    }

    /// An error of writing to the standard output.
    pub(crate) fn output(cause: io::Error) -> Self {
        if cause.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::io("cannot write the output", cause)
        }
    }

    pub(crate) fn call(service: Service, status: Status) -> Self {
        Self::Call { service, status: Box::new(status) }
    }
}

/// True if the service understood the call and said no: the caller must change something.
fn is_refusal(code: Code) -> bool {
    match code {
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unauthenticated => true,
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Unimplemented
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => false,
    }
}

/// A status as the end of a sentence that begins with the service.
fn told(status: &Status) -> String {
    match status.code() {
        Code::Unavailable => format!("cannot be reached or is not ready: {}", told_cause(status)),
        Code::DeadlineExceeded | Code::Cancelled => format!("did not answer in time: {}", told_cause(status)),
        Code::ResourceExhausted => format!("is overloaded: {}", told_cause(status)),
        code if is_refusal(code) => format!("refused: {}", told_cause(status)),
        _ => format!("failed: {}", told_cause(status)),
    }
}

/// What a status says, with the fields at fault, and what lies below a broken connection.
pub(crate) fn told_cause(status: &Status) -> String {
    let mut text = status.message().to_owned();
    if text.is_empty() {
        text = format!("{:?}", status.code());
    }
    if let Some(deepest) = deepest_cause(status)
        && !text.contains(&deepest)
    {
        let _ = write!(text, ": {deepest}");
    }
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    for violation in violations.iter().take(MAX_TOLD_VIOLATIONS) {
        let _ = write!(text, "\n  {}: {}", violation.field, violation.description);
    }
    if violations.len() > MAX_TOLD_VIOLATIONS {
        let _ = write!(text, "\n  … and {} more", violations.len() - MAX_TOLD_VIOLATIONS);
    }
    text
}

fn deepest_cause(status: &Status) -> Option<String> {
    let mut cause = status.source()?;
    while let Some(below) = cause.source() {
        cause = below;
    }
    Some(cause.to_string())
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn a_refusal_names_the_fields_and_exits_with_2() {
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("dates.to_date", "must not be before from_date");
        let status = Status::with_error_details(Code::InvalidArgument, "the request is not right", details);
        let error = Error::call(Service::Query, status);
        assert_eq!(
            error.to_string(),
            "the query service refused: the request is not right\n  dates.to_date: must not be before from_date"
        );
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn a_service_that_is_away_exits_with_1_and_a_closed_pipe_with_0() {
        let away = Error::call(Service::Command, Status::unavailable("no connection"));
        assert_eq!(away.exit_code(), 1);
        assert_eq!(away.to_string(), "the command service cannot be reached or is not ready: no connection");
        let closed = Error::output(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((closed.exit_code(), closed.is_quiet()), (0, true));
    }
}
