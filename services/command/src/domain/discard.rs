//! Discarding an event that the reports cannot take in: they count as complete without it.

use daybook::{
    command::v1::DiscardEventRequest,
    event::v1::{EventDiscarded, event::Kind},
    reason, stream,
};
use daybook_chassis::answer::Refusal;
use jiff::Timestamp;
use tonic::Code;

use super::{
    check::{self, Check},
    decision::NewEvent,
};

/// A well-formed DiscardEvent.
#[derive(Clone, Debug)]
pub struct DiscardEvent {
    event: EventDiscarded,
    occurred_at: Option<Timestamp>,
}

impl DiscardEvent {
    /// Checks the message.
    ///
    /// # Errors
    /// All its faults.
    pub fn parse(message: DiscardEventRequest) -> Result<Self, Refusal> {
        let mut check = Check::default();
        let occurred_at = check.optional_instant("occurred_at", message.occurred_at);
        let DiscardEventRequest { position, reason: why, .. } = message;
        check.that(position > 0, "position", reason::INVALID_VALUE, || "must be a position of the log".to_owned());
        check.text("reason", &why);
        if !check.is_clean() {
            return Err(check::refusal(check.violations()));
        }
        Ok(Self { event: EventDiscarded { position, reason: why }, occurred_at })
    }

    /// Decides it: the event is the first of its stream, so that an event is discarded once.
    #[must_use]
    pub fn decide(&self) -> Vec<NewEvent> {
        vec![NewEvent::first(&self.stream(), self.occurred_at, Kind::EventDiscarded(self.event.clone()))]
    }

    /// The refusal where the event was discarded before, for another reason.
    #[must_use]
    pub fn clash(&self) -> Refusal {
        let message = format!("the event at {} was discarded before", self.event.position);
        Refusal::new(Code::AlreadyExists, reason::ALREADY_REGISTERED, message)
    }

    /// The stream that it begins.
    #[must_use]
    pub fn stream(&self) -> String {
        stream::discard(self.event.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_no_reason_when_an_event_is_discarded_then_it_is_refused() {
        let refusal = DiscardEvent::parse(DiscardEventRequest::default()).unwrap_err();
        let fields: Vec<_> = refusal.violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["position", "reason"]);
    }

    #[test]
    fn given_a_reason_when_an_event_is_discarded_then_that_is_an_event() {
        let message = DiscardEventRequest { position: 7, reason: "a test sale".into(), ..Default::default() };
        let events = DiscardEvent::parse(message).unwrap().decide();
        assert!(matches!(&events[0].kind, Kind::EventDiscarded(event) if event.position == 7));
    }
}
