//! Where a call comes from: its caller, its trace, its deadline.

use daybook::event::v1::Metadata;
use daybook_chassis::{
    access::{Caller, Meter},
    answer::Refusal,
    deadline,
};
use tokio::time::Instant;
use tonic::{Request, Status};

/// Longest trace context that is kept; the standard's has 55 characters.
const MAX_TRACEPARENT_LEN: usize = 64;

/// What is known of a call beside its message.
#[derive(Clone, Debug)]
pub struct Origin {
    pub caller: Caller,
    /// When the answer to a unary call must be on its way.
    pub until: Instant,
    traceparent: String,
    meter: Option<Meter>,
}

/// Parts a call into where it comes from and what it says.
///
/// # Errors
/// If nobody knows who calls.
pub fn split<T>(request: Request<T>) -> Result<(Origin, T), Status> {
    let (metadata, extensions, message) = request.into_parts();
    let caller = Caller::of(&extensions).map_err(|refusal| refusal.into_status(""))?;
    let trace = metadata.get("traceparent").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let origin = Origin {
        caller,
        until: deadline::of(&metadata),
        traceparent: trace.chars().take(MAX_TRACEPARENT_LEN).collect(),
        meter: extensions.get::<Meter>().cloned(),
    };
    Ok((origin, message))
}

impl Origin {
    /// What each event says about who caused it.
    #[must_use]
    pub fn metadata(&self, request_id: String) -> Metadata {
        let caller = self.caller.identity();
        Metadata {
            actor: caller.subject.clone(),
            key_id: caller.key_id.clone(),
            scopes: caller.scopes.clone(),
            correlation_id: request_id.clone(),
            request_id,
            causation_id: String::new(),
            traceparent: self.traceparent.clone(),
        }
    }

    /// Waits until the next message of a stream may come.
    ///
    /// # Errors
    /// If the caller has used up its quota.
    pub async fn next_message(&self) -> Result<(), Refusal> {
        match &self.meter {
            Some(meter) => meter.next().await.map_err(|denial| denial.refusal()),
            None => Ok(()),
        }
    }
}
