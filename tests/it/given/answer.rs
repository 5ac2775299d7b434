//! Answers in a form that tests compare as a whole.

use std::{fmt::Debug, time::Duration};

use daybook::command::v1::{Accepted, Outcome, outcome};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// A refusal, as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) code: Code,
    /// The stable reason of google.rpc.ErrorInfo.
    pub(crate) reason: String,
    /// The fields of google.rpc.BadRequest, in their order.
    pub(crate) fields: Vec<String>,
    /// The id of google.rpc.RequestInfo.
    pub(crate) request_id: Option<String>,
    /// The delay of google.rpc.RetryInfo.
    pub(crate) retry_after: Option<Duration>,
}

impl Refused {
    /// What a status says.
    pub(crate) fn of(status: &Status) -> Self {
        let details = status.get_error_details();
        let fields =
            details.bad_request().map(|bad| bad.field_violations.iter().map(|one| one.field.clone()).collect());
        Self {
            code: status.code(),
            reason: details.error_info().map(|info| info.reason.clone()).unwrap_or_default(),
            fields: fields.unwrap_or_default(),
            request_id: details.request_info().map(|info| info.request_id.clone()),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
        }
    }

    /// Code and reason: what a client branches on.
    pub(crate) fn why(&self) -> (Code, &str) {
        (self.code, self.reason.as_str())
    }
}

/// The refusal of a call that must be refused.
pub(crate) fn refused<T: Debug>(result: Result<T, Status>) -> Refused {
    Refused::of(&result.expect_err("it is refused"))
}

/// The acceptance in an outcome of a stream that must be one.
pub(crate) fn accepted_in(outcome: Outcome) -> Accepted {
    match outcome.result {
        Some(outcome::Result::Accepted(accepted)) => accepted,
        other => panic!("not accepted: {other:?}"),
    }
}

/// The refusal in an outcome of a stream that must be one.
pub(crate) fn rejected_in(outcome: Outcome) -> Refused {
    match outcome.result {
        Some(outcome::Result::Rejected(rejection)) => Refused {
            code: Code::from_i32(rejection.code),
            reason: rejection.reason,
            fields: rejection.violations.into_iter().map(|one| one.field).collect(),
            request_id: Some(outcome.request_id),
            retry_after: u64::try_from(rejection.retry_after_millis)
                .ok()
                .filter(|millis| *millis > 0)
                .map(Duration::from_millis),
        },
        other => panic!("not rejected: {other:?}"),
    }
}

/// The same answer, given again.
pub(crate) fn again(first: &Accepted) -> Accepted {
    Accepted { duplicate: true, ..first.clone() }
}
