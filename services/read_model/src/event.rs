//! An event of the log as it is folded into many documents: nearly all are sales, and of those only what reports need is read.

use daybook::event::{
    encoded,
    v1::{Metadata, RecordedEvent, event::Kind},
};
use prost::{DecodeError, Message as _};

use crate::{
    document::Key,
    error::FoldError,
    registry::{ChangeOf, Report},
    sale::Sale,
};

/// An event that was read. Its payload also stays as it came, for whoever keeps what cannot be folded.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub recorded: encoded::RecordedEvent,
    what: What,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    Sale(Box<Sale>),
    Decoded(Box<RecordedEvent>),
}

impl Event {
    /// Reads an event.
    ///
    /// # Errors
    /// If it cannot be decoded.
    pub fn read(recorded: encoded::RecordedEvent) -> Result<Self, DecodeError> {
        let what = match Sale::of_encoded(&recorded) {
            Some(sale) => What::Sale(Box::new(sale)),
            None => What::Decoded(Box::new(recorded.decoded()?)),
        };
        Ok(Self { recorded, what })
    }

    #[must_use]
    pub fn position(&self) -> i64 {
        self.recorded.position
    }

    /// What the event changes in the documents of a report: see [`Report::changes`].
    ///
    /// # Errors
    /// If the event cannot be read.
    pub fn changes<R: Report>(&self) -> Result<Vec<(Key, ChangeOf<R>)>, FoldError> {
        match &self.what {
            What::Sale(sale) => R::sold(self.position(), sale),
            What::Decoded(event) => R::changes(event),
        }
    }

    /// The position of the event that this one discards, if it does.
    #[must_use]
    pub fn discards(&self) -> Option<i64> {
        let What::Decoded(event) = &self.what else { return None };
        match event.kind().as_deref() {
            Ok(Kind::EventDiscarded(discarded)) => Some(discarded.position),
            _ => None,
        }
    }

    /// By whom and for what it was recorded; nothing if there is nothing that can be read.
    #[must_use]
    pub fn metadata(&self) -> Option<Metadata> {
        let bytes = &self.recorded.metadata;
        if bytes.is_empty() { None } else { Metadata::decode(&**bytes).ok() }
    }
}
