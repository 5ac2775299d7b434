//! Why an event cannot be folded. Such an event is parked; it never stops the others.

use daybook::event::EventError;
use thiserror::Error;

/// Why an event cannot be folded into a document.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FoldError {
    #[error("the event cannot be read: {0}")]
    Event(#[source] EventError),
    #[error("{field} is missing")]
    Missing { field: &'static str },
    #[error("{field} is wrong: {value:?}")]
    Malformed { field: &'static str, value: String },
    #[error("a figure of {document} would not fit into 64 bits")]
    Overflow { document: String },
    #[error("the amounts of {document} are in {currency}, not {other}")]
    OtherCurrency { document: String, currency: String, other: String },
}

impl FoldError {
    pub(crate) fn malformed(field: &'static str, value: impl ToString) -> Self {
        // An error stands in logs and parked events: it shows the beginning only.
        Self::Malformed { field, value: value.to_string().chars().take(64).collect() }
    }

    pub(crate) fn overflow(document: &str) -> Self {
        Self::Overflow { document: document.to_owned() }
    }
}
