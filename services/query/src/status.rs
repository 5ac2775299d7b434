//! What can go wrong with a query, and what the caller is told of it: the code says what to do.
//!
//! | code | the caller should |
//! |---|---|
//! | `INVALID_ARGUMENT` | correct the fields that are named |
//! | `NOT_FOUND` | take it that nothing happened there up to the stated position |
//! | `DEADLINE_EXCEEDED` | ask again later or wait longer: the reports have not come to the position yet |
//! | `RESOURCE_EXHAUSTED` | ask again after the stated delay, or read faster |
//! | `UNAVAILABLE` | ask again after the stated delay |
//! | `INTERNAL` | report the request id |

use std::time::Duration;

use daybook::reason;
use daybook_chassis::{
    answer::{Refusal, Violation},
    metrics::{self, Shed},
    process::chain,
};
use thiserror::Error;
use tonic::{Code, Status};
use tracing::{debug, error, warn};

use crate::store::StoreError;

/// When to ask again after a refusal for want of room: calls are answered in milliseconds, so room is there soon.
const RETRY_OVERLOAD: Duration = Duration::from_millis(100);

/// When to ask again while MongoDB is away or the service stops: an election or a restart takes about a second.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(1);

/// When to ask again while an operator must decide.
const RETRY_REPLACED: Duration = Duration::from_secs(10);

/// Why a query is not answered.
#[derive(Clone, Debug, Error)]
pub(crate) enum QueryError {
    #[error("{} at fault", if .0.len() == 1 { "a field is" } else { "several fields are" })]
    Invalid(Vec<Violation>),
    #[error("the page token was not made by this service, or for another request")]
    PageToken,
    #[error("{}", .0.message)]
    Denied(Box<Refusal>),
    #[error("there is no {what}")]
    NotFound { what: String, applied: i64 },
    #[error("the reports have reached position {applied}, not yet {asked}")]
    PositionNotReached { asked: i64, applied: i64 },
    #[error("the reports hold events that the log lacks; none is answered until an operator has decided")]
    LogReplaced,
    #[error("no reports have been built yet")]
    NoReports,
    #[error("the report changes faster than all of its parts could be read as of one position")]
    Unsettled,
    #[error("too many {0} at once")]
    Overloaded(&'static str),
    #[error("the stream was not read for too long")]
    SlowReader,
    #[error("the service is stopping")]
    ShuttingDown,
    #[error("the reports cannot be read now")]
    Store(#[source] StoreError),
    #[error("something is wrong inside the service")]
    Internal(&'static str),
}

impl From<Refusal> for QueryError {
    fn from(refusal: Refusal) -> Self {
        Self::Denied(Box::new(refusal))
    }
}

impl From<StoreError> for QueryError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl QueryError {
    /// The status for the caller. The cause, where there is one that the caller must not see, goes to the log here.
    #[must_use]
    pub(crate) fn into_status(self, request_id: &str) -> Status {
        self.log();
        self.into_refusal().into_status(request_id)
    }

    fn log(&self) {
        match self {
            Self::Store(cause) if cause.is_broken() => error!(error = %chain(cause), "a stored report cannot be read"),
            Self::Store(cause) => warn!(error = %chain(cause), "MongoDB did not answer a read"),
            Self::Internal(what) => error!(what, "an assumption of the service does not hold"),
            Self::NoReports | Self::Unsettled | Self::SlowReader => warn!(error = %self, "a query was not answered"),
            // The follower has told of it.
            Self::LogReplaced => debug!(error = %self, "a query was not answered"),
            // Shedding must stay cheap when it is needed most.
            Self::Overloaded(what) => {
                metrics::shed(Shed::Queries);
                debug!(what, "too much at once: refused");
            }
            Self::Invalid(_)
            | Self::PageToken
            | Self::Denied(_)
            | Self::NotFound { .. }
            | Self::PositionNotReached { .. }
            | Self::ShuttingDown => {}
        }
    }

    fn into_refusal(self) -> Refusal {
        let message = self.to_string();
        match self {
            Self::Invalid(violations) => {
                Refusal::new(Code::InvalidArgument, reason::INVALID_REQUEST, message).with_violations(violations)
            }
            Self::Denied(refusal) => *refusal,
            Self::PageToken => Refusal::new(Code::InvalidArgument, reason::INVALID_PAGE_TOKEN, message.clone())
                .with_violations(vec![Violation {
                    field: "page_token".to_owned(),
                    reason: reason::INVALID_PAGE_TOKEN,
                    description: message,
                }]),
            Self::NotFound { applied, .. } => {
                Refusal::new(Code::NotFound, reason::NOT_FOUND, message).with("applied_position", applied.to_string())
            }
            Self::PositionNotReached { asked, applied } => {
                Refusal::new(Code::DeadlineExceeded, reason::POSITION_NOT_REACHED, message)
                    .with("at_least_position", asked.to_string())
                    .with("applied_position", applied.to_string())
            }
            Self::NoReports | Self::Unsettled => {
                Refusal::new(Code::Unavailable, reason::DEPENDENCY_UNAVAILABLE, message)
                    .with_retry_after(RETRY_UNAVAILABLE)
            }
            Self::LogReplaced => {
                Refusal::new(Code::Unavailable, reason::LOG_REPLACED, message).with_retry_after(RETRY_REPLACED)
            }
            Self::Overloaded(_) => {
                Refusal::new(Code::ResourceExhausted, reason::OVERLOADED, message).with_retry_after(RETRY_OVERLOAD)
            }
            Self::SlowReader => Refusal::new(Code::ResourceExhausted, reason::OVERLOADED, message),
            Self::ShuttingDown => {
                Refusal::new(Code::Unavailable, reason::SHUTTING_DOWN, message).with_retry_after(RETRY_UNAVAILABLE)
            }
            Self::Store(cause) if cause.is_broken() => {
                Refusal::new(Code::Internal, reason::INTERNAL, "something is wrong inside the service")
            }
            Self::Store(_) => Refusal::new(Code::Unavailable, reason::DEPENDENCY_UNAVAILABLE, message)
                .with_retry_after(RETRY_UNAVAILABLE),
            Self::Internal(_) => Refusal::new(Code::Internal, reason::INTERNAL, message),
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt as _;

    use super::*;

    fn details(error: QueryError) -> (Code, String, Option<Duration>) {
        let status = error.into_status("request");
        let details = status.get_error_details();
        assert_eq!(details.request_info().unwrap().request_id, "request");
        let retry = details.retry_info().and_then(|info| info.retry_delay);
        (status.code(), details.error_info().unwrap().reason.clone(), retry)
    }

    #[test]
    fn what_helps_when_repeated_says_when() {
        for error in [QueryError::Store(StoreError::Late("a read")), QueryError::NoReports, QueryError::Unsettled] {
            let (code, reason, retry) = details(error);
            assert_eq!((code, reason.as_str()), (Code::Unavailable, reason::DEPENDENCY_UNAVAILABLE));
            assert_eq!(retry, Some(RETRY_UNAVAILABLE));
        }
        assert_eq!(details(QueryError::Overloaded("calls")).2, Some(RETRY_OVERLOAD));
        assert_eq!(details(QueryError::ShuttingDown).0, Code::Unavailable);
    }

    #[test]
    fn a_position_that_was_not_reached_is_told_with_the_one_that_was() {
        let status = QueryError::PositionNotReached { asked: 9, applied: 7 }.into_status("");
        assert_eq!(status.code(), Code::DeadlineExceeded);
        let info = status.get_error_details().error_info().unwrap().clone();
        assert_eq!((info.reason.as_str(), info.metadata["applied_position"].as_str()), ("POSITION_NOT_REACHED", "7"));
    }

    #[test]
    fn what_is_broken_inside_is_not_shown() {
        let cause = StoreError::Broken { what: "g1_store_days/2017-01-02|443".to_owned(), cause: "secret".to_owned() };
        let status = QueryError::Store(cause).into_status("");
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains("secret") && !status.message().contains("g1"), "{}", status.message());
    }

    #[test]
    fn a_foreign_page_token_names_its_field() {
        let status = QueryError::PageToken.into_status("");
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, reason::INVALID_PAGE_TOKEN);
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, "page_token");
    }
}
