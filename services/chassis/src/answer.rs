//! Errors as callers get them: a code that says what to do, a stable reason, every field at fault, when to try again.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::violations;

/// Domain of all reasons, for google.rpc.ErrorInfo.
const DOMAIN: &str = "daybook";

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    /// Stable, for machines.
    pub reason: &'static str,
    pub message: String,
    pub violations: Vec<Violation>,
    /// If the same call can be sent again, after how long.
    pub retry_after: Option<Duration>,
    /// True if a limit of the caller is used up (google.rpc.QuotaFailure).
    pub is_over_quota: bool,
    /// Further facts by name.
    pub metadata: Vec<(&'static str, String)>,
}

/// A field at fault and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path into the request, for example `lines[3].quantity_milli`.
    pub field: String,
    pub reason: &'static str,
    pub description: String,
}

impl Refusal {
    /// A refusal without further details.
    #[must_use]
    pub fn new(code: Code, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            violations: Vec::new(),
            retry_after: None,
            is_over_quota: false,
            metadata: Vec::new(),
        }
    }

    /// With the fields at fault.
    #[must_use]
    pub fn with_violations(mut self, violations: Vec<Violation>) -> Self {
        self.violations = violations::in_few(violations);
        self
    }

    /// With the time after which the same call can be sent again.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// With a further fact.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.metadata.push((name, value.into()));
        self
    }

    /// The status that a caller gets; `request_id` may be empty.
    #[must_use]
    pub fn into_status(self, request_id: &str) -> Status {
        let metadata: HashMap<String, String> =
            self.metadata.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let mut details = ErrorDetails::with_error_info(self.reason, DOMAIN, metadata);
        if !self.violations.is_empty() {
            let fields = self.violations.into_iter().map(|violation| {
                let description = format!("{}: {}", violation.reason, violation.description);
                tonic_types::FieldViolation::new(violation.field, description)
            });
            details.set_bad_request(fields.collect::<Vec<_>>());
        }
        if let Some(wait) = self.retry_after {
            details.set_retry_info(Some(wait));
        }
        if self.is_over_quota {
            details.add_quota_failure_violation("caller", self.message.clone());
        }
        if !request_id.is_empty() {
            details.set_request_info(request_id.chars().take(64).collect::<String>(), "");
        }
        Status::with_error_details(self.code, self.message, details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_carries_all_that_the_refusal_says() {
        let violation = Violation { field: "name".into(), reason: "REQUIRED", description: "must not be empty".into() };
        let status = Refusal::new(Code::InvalidArgument, "INVALID_REQUEST", "1 field is wrong")
            .with_violations(vec![violation])
            .with_retry_after(Duration::from_secs(1))
            .with("head", "7")
            .into_status("id");
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "INVALID_REQUEST");
        assert_eq!(details.error_info().unwrap().metadata["head"], "7");
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, "name");
        assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_secs(1)));
        assert_eq!(details.request_info().unwrap().request_id, "id");
    }
}
