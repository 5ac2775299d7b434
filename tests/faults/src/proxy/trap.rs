//! Something that waits for a certain message, swallows it, and breaks the connection on which it came.

use tokio::sync::oneshot;

use super::Cut;

/// What to wait for, and what to do then.
#[derive(Debug)]
pub struct Trap {
    pub(super) awaits: Awaits,
    then: Then,
    tell: oneshot::Sender<()>,
    /// What is armed at the moment when this one springs.
    next: Option<Box<Trap>>,
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
        (Self { awaits, then, tell, next: None }, told)
    }

    /// The same trap; when it springs another one is armed, so that nothing passes between the two.
    #[must_use]
    pub fn followed_by(self, next: Trap) -> Self {
        Self { next: Some(Box::new(next)), ..self }
    }

    /// What it asks for, and the trap that is armed in its place.
    pub(super) fn spring(self) -> (Sprung, Option<Trap>) {
        // Nobody need listen.
        let _ = self.tell.send(());
        (self.then, self.next.map(|next| *next))
    }
}

/// True if the bytes stand in the piece.
pub(super) fn holds(piece: &[u8], bytes: &[u8]) -> bool {
    !bytes.is_empty() && piece.windows(bytes.len()).any(|window| window == bytes)
}
