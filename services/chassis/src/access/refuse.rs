//! How calls are refused before they reach a service.

use std::time::Duration;

use tonic::Code;

use crate::{
    answer::Refusal,
    metrics::{self, Refused, Shed},
};

/// Stable reasons of refusals, for machines.
pub mod reason {
    pub const TOKEN_MISSING: &str = "TOKEN_MISSING";
    pub const TOKEN_INVALID: &str = "TOKEN_INVALID";
    pub const TOKEN_EXPIRED: &str = "TOKEN_EXPIRED";
    pub const SCOPE_MISSING: &str = "SCOPE_MISSING";
    pub const NOT_YOURS: &str = "NOT_YOURS";
    pub const UNKNOWN_METHOD: &str = "UNKNOWN_METHOD";
    pub const RATE_LIMITED: &str = "RATE_LIMITED";
    pub const OVERLOADED: &str = "OVERLOADED";
}

/// When to come back to a service that has too much in hand.
const OVERLOAD_WAIT: Duration = Duration::from_millis(200);

/// Why a call goes no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    NoToken,
    /// Forged, of an unknown key, for another audience, not valid yet, or no token at all: which of it is told to the log only.
    BadToken,
    Expired,
    /// The caller has none of the scopes that the method needs.
    NoScope(&'static [&'static str]),
    /// The message names something of this kind that is not the caller's, or belongs to nothing of this kind.
    NotOwn(String),
    UnknownMethod,
    TooOften {
        wait: Duration,
        limit: &'static str,
    },
    Overloaded,
}

impl Denial {
    /// What the caller is told; it is counted as well.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        self.count();
        match self {
            Self::NoToken => {
                let message = "send a token or key: `authorization: Bearer …`";
                Refusal::new(Code::Unauthenticated, reason::TOKEN_MISSING, message)
            }
            Self::BadToken => {
                let message = "the token or key is not accepted here; get another one";
                Refusal::new(Code::Unauthenticated, reason::TOKEN_INVALID, message)
            }
            Self::Expired => {
                let message = "the token or key has expired; get a new one";
                Refusal::new(Code::Unauthenticated, reason::TOKEN_EXPIRED, message)
            }
            Self::NoScope(any_of) => {
                let any_of = any_of.join(", ");
                let message = format!("the method needs one of the scopes: {any_of}");
                Refusal::new(Code::PermissionDenied, reason::SCOPE_MISSING, message).with("any_of", any_of)
            }
            Self::NotOwn(kind) => {
                let message = format!("the caller may act only for {kind} of its own");
                Refusal::new(Code::PermissionDenied, reason::NOT_YOURS, message).with("kind", kind.as_str())
            }
            Self::UnknownMethod => {
                Refusal::new(Code::Unimplemented, reason::UNKNOWN_METHOD, "there is no such method here")
            }
            Self::TooOften { wait, limit } => {
                let message = "the caller calls more often than it may; call again after the stated delay";
                let mut refusal = Refusal::new(Code::ResourceExhausted, reason::RATE_LIMITED, message);
                refusal.is_over_quota = true;
                refusal.with_retry_after(*wait).with("limit", *limit)
            }
            Self::Overloaded => {
                let message = "too much is in hand; call again after the stated delay";
                Refusal::new(Code::ResourceExhausted, reason::OVERLOADED, message).with_retry_after(OVERLOAD_WAIT)
            }
        }
    }

    /// Counts it. What is no caller's fault, such as a method that does not exist, is counted with the calls.
    fn count(&self) {
        match self {
            Self::NoToken => metrics::refused(Refused::Anonymous),
            Self::BadToken => metrics::refused(Refused::Unverified),
            Self::Expired => metrics::refused(Refused::Expired),
            Self::NoScope(_) => metrics::refused(Refused::Scope),
            Self::NotOwn(_) => metrics::refused(Refused::Object),
            Self::TooOften { .. } => metrics::shed(Shed::Caller),
            Self::Overloaded => metrics::shed(Shed::Calls),
            Self::UnknownMethod => {}
        }
    }

    /// The reason as logs name it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoToken => reason::TOKEN_MISSING,
            Self::BadToken => reason::TOKEN_INVALID,
            Self::Expired => reason::TOKEN_EXPIRED,
            Self::NoScope(_) => reason::SCOPE_MISSING,
            Self::NotOwn(_) => reason::NOT_YOURS,
            Self::UnknownMethod => reason::UNKNOWN_METHOD,
            Self::TooOften { .. } => reason::RATE_LIMITED,
            Self::Overloaded => reason::OVERLOADED,
        }
    }
}
