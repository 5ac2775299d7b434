//! NATS subjects of events: `daybook.event.<type>.<store_id>`.

/// The subject under which an event is published. `_` stands where the event has no store.
#[must_use]
pub fn of_event(prefix: &str, event_type: &str, store_id: &str) -> String {
    // A point would be read as the end of the token.
    let store = if store_id.is_empty() { "_".to_owned() } else { store_id.replace('.', "%2E") };
    format!("{prefix}.{event_type}.{store}")
}

/// The prefix of all subjects of one log; the last token tells logs on one broker apart.
pub const DEFAULT_PREFIX: &str = "daybook.event";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_has_one_token_for_the_store() {
        assert_eq!(of_event(DEFAULT_PREFIX, "sale_recorded", "443"), "daybook.event.sale_recorded.443");
        assert_eq!(of_event(DEFAULT_PREFIX, "item_registered", ""), "daybook.event.item_registered._");
        assert_eq!(of_event(DEFAULT_PREFIX, "sale_recorded", "a.b"), "daybook.event.sale_recorded.a%2Eb");
    }
}
