//! The conversation of one connection to PostgreSQL, followed as far as is needed to know which answers say that an append
//! is committed.
//!
//! The append is a prepared statement, recognised when it is parsed. Alone it commits by itself: the next
//! `ReadyForQuery` outside a transaction says so. In a transaction `COMMIT` does.

use std::collections::HashSet;

/// What stands in the append statement and in no other.
const APPEND: &[u8] = b"UPDATE log_head";

/// Bytes of a message that are kept: the append statement's text has all that is looked for in its beginning.
const KEPT_BYTES: usize = 4_096;

/// Type and length.
const HEADER_BYTES: usize = 5;

/// What is known of a conversation.
#[derive(Debug, Default)]
pub struct Conversation {
    up: Frames,
    down: Frames,
    begun: bool,
    appends: HashSet<Vec<u8>>,
    /// An append is under way that commits by itself, or the commit of its transaction.
    commits: bool,
    /// The transaction has appended: others, which only add up stock, commit as well.
    appended: bool,
}

/// Cuts a stream of bytes into messages of which it keeps the beginnings.
#[derive(Debug, Default)]
struct Frames {
    kept: Vec<u8>,
    /// Bytes of the message that are still to come and are not kept.
    skipped: usize,
}

impl Frames {
    /// Takes a piece; hands on each message that is complete, as type and beginning of the body.
    fn take(&mut self, mut piece: &[u8], message: &mut impl FnMut(u8, &[u8])) {
        while !piece.is_empty() {
            if self.skipped > 0 {
                let gone = self.skipped.min(piece.len());
                self.skipped -= gone;
                piece = piece.get(gone..).unwrap_or_default();
                self.finish(message);
                continue;
            }
            let wanted = match self.body() {
                None => HEADER_BYTES,
                Some(body) => HEADER_BYTES + body.min(KEPT_BYTES),
            };
            let missing = wanted.saturating_sub(self.kept.len()).min(piece.len());
            let (head, rest) = piece.split_at(missing);
            self.kept.extend_from_slice(head);
            piece = rest;
            if let Some(body) = self.body()
                && self.kept.len() == HEADER_BYTES + body.min(KEPT_BYTES)
            {
                self.skipped = body.saturating_sub(KEPT_BYTES);
                self.finish(message);
            }
        }
    }

    fn finish(&mut self, message: &mut impl FnMut(u8, &[u8])) {
        if self.skipped == 0
            && let Some((kind, rest)) = self.kept.split_first()
        {
            message(*kind, rest.get(HEADER_BYTES - 1..).unwrap_or_default());
            self.kept.clear();
        }
    }

    /// Length of the body, once the header is there.
    fn body(&self) -> Option<usize> {
        let length: [u8; 4] = self.kept.get(1..HEADER_BYTES)?.try_into().ok()?;
        usize::try_from(u32::from_be_bytes(length)).ok().map(|length| length.saturating_sub(4))
    }
}

impl Conversation {
    /// Follows what the client says.
    pub fn asked(&mut self, piece: &[u8]) {
        let mut piece = piece;
        if !self.begun {
            // The first message has a length but no type; it comes alone.
            let length = piece.get(..4).and_then(|it| it.try_into().ok()).map_or(0, u32::from_be_bytes);
            piece = piece.get(usize::try_from(length).unwrap_or(usize::MAX)..).unwrap_or_default();
            self.begun = true;
        }
        let (appends, commits, appended) = (&mut self.appends, &mut self.commits, &mut self.appended);
        self.up.take(piece, &mut |kind, body| {
            let mut texts = body.split(|byte| *byte == 0);
            match kind {
                b'P' if super::trap::holds(body, APPEND) => {
                    appends.extend(texts.next().map(<[u8]>::to_vec));
                }
                b'B' if texts.nth(1).is_some_and(|name| appends.contains(name)) => (*commits, *appended) = (true, true),
                b'Q' => *commits |= *appended && body.starts_with(b"COMMIT"),
                _ => {}
            }
        });
    }

    /// Follows what the server says; true if it says with this piece that an append is committed.
    pub fn answered(&mut self, piece: &[u8]) -> bool {
        let (commits, appended, mut committed) = (&mut self.commits, &mut self.appended, false);
        self.down.take(piece, &mut |kind, body| match kind {
            // It is refused.
            b'E' => *commits = false,
            // Idle, outside a transaction; within one, the commit is still to come.
            b'Z' => {
                committed |= *commits && body == b"I";
                *appended &= body != b"I";
                *commits = false;
            }
            _ => {}
        });
        committed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[kind], length.as_slice(), body].concat()
    }

    fn begun() -> Conversation {
        let mut conversation = Conversation::default();
        conversation.asked(&[0, 0, 0, 8, 0, 3, 0, 0]);
        conversation
    }

    #[test]
    fn an_append_alone_commits_by_itself() {
        let mut conversation = begun();
        let text = [b"s3\0-- Appends\nWITH head AS (UPDATE log_head\0".as_slice(), &[0; 9_000]].concat();
        for piece in message(b'P', &text).chunks(7) {
            conversation.asked(piece);
        }
        assert!(!conversation.answered(&message(b'Z', b"I")), "it is only prepared");
        conversation.asked(&message(b'B', b"\0s3\0\0\0"));
        assert!(!conversation.answered(&message(b'2', b"")));
        assert!(conversation.answered(&[message(b'C', b"SELECT 1\0"), message(b'Z', b"I")].concat()));
        conversation.asked(&message(b'B', b"\0s4\0\0\0"));
        assert!(!conversation.answered(&message(b'Z', b"I")), "it is another statement");
    }

    #[test]
    fn in_a_transaction_the_commit_commits() {
        let mut conversation = begun();
        conversation.asked(&message(b'P', b"s1\0UPDATE log_head\0\0\0"));
        assert!(!conversation.answered(&message(b'Z', b"I")));
        conversation.asked(&message(b'B', b"\0s1\0\0\0"));
        assert!(!conversation.answered(&message(b'Z', b"T")));
        conversation.asked(&message(b'Q', b"COMMIT\0"));
        assert!(conversation.answered(&message(b'Z', b"I")));
    }

    #[test]
    fn the_commit_of_a_transaction_without_an_append_is_none() {
        let mut conversation = begun();
        for (append, committed) in [(true, true), (false, false)] {
            if append {
                conversation.asked(&message(b'P', b"s1\0UPDATE log_head\0\0\0"));
                conversation.asked(&message(b'B', b"\0s1\0\0\0"));
            }
            assert!(!conversation.answered(&message(b'Z', b"T")));
            conversation.asked(&message(b'Q', b"COMMIT\0"));
            assert_eq!(conversation.answered(&message(b'Z', b"I")), committed);
        }
    }

    #[test]
    fn a_refused_append_is_not_committed() {
        let mut conversation = begun();
        conversation.asked(&message(b'P', b"s1\0UPDATE log_head\0\0\0"));
        conversation.answered(&message(b'Z', b"I"));
        conversation.asked(&message(b'B', b"\0s1\0\0\0"));
        assert!(!conversation.answered(&[message(b'E', b"SERROR\0\0"), message(b'Z', b"I")].concat()));
    }
}
