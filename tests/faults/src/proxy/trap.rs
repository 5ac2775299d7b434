//! Something that waits for a certain message, swallows it, and breaks the connection on which it came.

use tokio::sync::oneshot;

use super::Cut;

/// What to wait for, and what to do then.
#[derive(Debug)]
pub struct Trap {
    pub(super) awaits: Awaits,
    then: Then,
    tell: oneshot::Sender<()>,
}

/// The message that is swallowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Awaits {
    /// The answer of PostgreSQL that says that an append is committed.
    Committed,
    /// A message on its way to the server that holds these bytes.
    Request(Vec<u8>),
    /// An answer of the server that holds these bytes.
    Answer(Vec<u8>),
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It is cut.
    Cut(Cut),
    /// It stays open without a word.
    Forget,
    /// The message is not swallowed: it, and everything else to the server, is held until the mode changes.
    Hold,
}

/// What a trap that has sprung asks for.
pub(super) type Sprung = Then;

impl Trap {
    /// A trap, and what tells when it has sprung.
    #[must_use]
    pub fn new(awaits: Awaits, then: Then) -> (Self, oneshot::Receiver<()>) {
        let (tell, told) = oneshot::channel();
        (Self { awaits, then, tell }, told)
    }

    pub(super) fn spring(self) -> Sprung {
        // Nobody need listen.
        let _ = self.tell.send(());
        self.then
    }
}

/// True if the bytes stand in the piece.
pub(super) fn holds(piece: &[u8], bytes: &[u8]) -> bool {
    !bytes.is_empty() && piece.windows(bytes.len()).any(|window| window == bytes)
}
