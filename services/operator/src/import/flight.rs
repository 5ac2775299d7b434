//! The commands that are on their way: waiting to be sent, or sent and unanswered.

use std::collections::VecDeque;

use prost::Message;

use super::source::Command;

/// Most bytes of messages that are unanswered: large receipts must not fill the memory of either side.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Commands in the order in which they were read.
pub(crate) struct Flight<M> {
    /// To be sent, in order.
    waiting: VecDeque<Sent<M>>,
    /// Sent, in the order of sending.
    unanswered: VecDeque<Sent<M>>,
    unanswered_bytes: usize,
    next_number: u64,
}

/// A command and what has become of it.
pub(crate) struct Sent<M> {
    pub command: Command<M>,
    /// True if it was sent more than once.
    pub was_resent: bool,
    was_sent: bool,
    bytes: usize,
    /// Place in the order in which commands were read.
    number: u64,
}

impl<M> Default for Flight<M> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), unanswered: VecDeque::new(), unanswered_bytes: 0, next_number: 0 }
    }
}

impl<M> Flight<M> {
    /// Most messages that are unanswered: the service works on 256 of them, the others are on the way to it.
    pub(crate) const MAX_MESSAGES: usize = 512;

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Commands that have no answer for good.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len() + self.unanswered.len()
    }

    pub(crate) fn has_unanswered(&self) -> bool {
        !self.unanswered.is_empty()
    }

    /// True if another command may be read.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.is_empty() && self.may_send()
    }

    /// The next answer is for this command.
    pub(crate) fn answered(&mut self) -> Option<Sent<M>> {
        let sent = self.unanswered.pop_front()?;
        self.unanswered_bytes -= sent.bytes;
        Some(sent)
    }

    /// A command that was answered, but has to be sent again.
    pub(crate) fn put_back(&mut self, sent: Sent<M>) {
        self.waiting.push_back(sent);
    }

    /// The stream is gone or at rest: what is unanswered waits to be sent again, all in the order of reading.
    pub(crate) fn land(&mut self) {
        self.waiting.append(&mut self.unanswered);
        self.unanswered_bytes = 0;
        self.waiting.make_contiguous().sort_unstable_by_key(|sent| sent.number);
    }

    fn may_send(&self) -> bool {
        self.unanswered.len() < Self::MAX_MESSAGES && self.unanswered_bytes < MAX_BYTES
    }
}

impl<M: Message + Clone> Flight<M> {
    /// Takes a command that was read.
    pub(crate) fn add(&mut self, command: Command<M>) {
        let bytes = command.message.encoded_len();
        let number = self.next_number;
        self.next_number += 1;
        self.waiting.push_back(Sent { command, was_resent: false, was_sent: false, bytes, number });
    }

    /// The next message to send now; it counts as sent.
    pub(crate) fn next_to_send(&mut self) -> Option<M> {
        if !self.may_send() {
            return None;
        }
        let mut sent = self.waiting.pop_front()?;
        sent.was_resent = sent.was_sent;
        sent.was_sent = true;
        self.unanswered_bytes += sent.bytes;
        let message = sent.command.message.clone();
        self.unanswered.push_back(sent);
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::source::Origin, *};

    fn command(text: &str) -> Command<String> {
        Command { message: text.to_owned(), origin: Origin { rows: Vec::new(), tenders: Vec::new() } }
    }

    #[test]
    fn what_is_unanswered_is_sent_again_in_order() {
        let mut flight = Flight::default();
        for text in ["a", "b", "c", "d"] {
            flight.add(command(text));
        }
        for _ in 0..3 {
            let _ = flight.next_to_send();
        }
        assert_eq!(flight.answered().unwrap().command.message, "a");
        // `b` is put off, `c` has no answer, `d` was never sent.
        let put_off = flight.answered().unwrap();
        flight.put_back(put_off);
        flight.land();
        let again: Vec<_> = std::iter::from_fn(|| flight.next_to_send()).collect();
        assert_eq!(again, ["b", "c", "d"]);
        let resent: Vec<_> = std::iter::from_fn(|| flight.answered()).map(|sent| sent.was_resent).collect();
        assert_eq!(resent, [true, true, false]);
        assert!(flight.is_empty() && flight.unanswered_bytes == 0);
    }

    #[test]
    fn only_so_much_is_unanswered() {
        let mut flight = Flight::default();
        for _ in 0..=Flight::<String>::MAX_MESSAGES {
            flight.add(command("x"));
        }
        assert_eq!(std::iter::from_fn(|| flight.next_to_send()).count(), Flight::<String>::MAX_MESSAGES);
        assert!(!flight.has_room());

        let mut flight = Flight::default();
        let large = "x".repeat(MAX_BYTES / 2);
        for _ in 0..4 {
            flight.add(command(&large));
        }
        assert_eq!(std::iter::from_fn(|| flight.next_to_send()).count(), 2);
        let _ = flight.answered();
        assert_eq!(std::iter::from_fn(|| flight.next_to_send()).count(), 1);
    }
}
