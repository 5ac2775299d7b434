//! What the store's errors mean to callers.

use std::time::Duration;

use daybook::reason;
use daybook_chassis::{answer::Refusal, process::chain};
use tonic::Code;
use tracing::{error, warn};

use crate::store::StoreError;

/// When callers should come back while Postgres is away.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The refusal of a call that could not read the store. The cause goes to the log, here and only here.
#[must_use]
pub fn refusal(error: &StoreError) -> Refusal {
    match error {
        StoreError::Away(_) | StoreError::Conflict => {
            warn!(error = %chain(error), "the store cannot be read");
            Refusal::new(Code::Unavailable, reason::DEPENDENCY_UNAVAILABLE, "the log cannot be read at the moment")
                .with_retry_after(RETRY_AFTER)
        }
        StoreError::Replaced { position, head } => {
            Refusal::new(Code::FailedPrecondition, reason::LOG_REPLACED, error.to_string())
                .with("position", position.to_string())
                .with("head_position", head.to_string())
        }
        StoreError::Refused(_) | StoreError::Unreadable { .. } | StoreError::DamagedStock { .. } => {
            error!(error = %chain(error), "the store cannot be read");
            Refusal::new(Code::Internal, reason::INTERNAL, "the log cannot be read")
        }
    }
}
