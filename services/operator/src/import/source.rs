//! How files are read ahead of the upload: a thread reads and checks, a bounded queue holds what is ready to be sent.

use daybook::ids::RequestId;
use prost::Message;
use tokio::{
    sync::mpsc,
    task::{self, JoinHandle},
};

use super::{fault::Refused, row::Row};
use crate::error::Error;

/// Things read ahead of the upload: enough that neither waits for the other.
const READ_AHEAD: usize = 256;

/// What was read.
#[derive(Debug)]
pub(crate) enum Parsed<M> {
    /// A command to send.
    Command(Command<M>),
    /// Something that cannot be sent.
    Refused(Refused),
}

/// A command and the rows that it was made of.
#[derive(Clone, Debug)]
pub(crate) struct Command<M> {
    pub message: M,
    pub origin: Origin,
}

/// The rows of a command: line `i + 1` of a sale or delivery is `rows[i]`.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub rows: Vec<Row>,
    /// Rows of tenders.csv, one for each tender of a sale.
    pub tenders: Vec<TenderLine>,
}

/// A row of tenders.csv, put together again from what is kept of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TenderLine {
    pub line: u64,
    pub text: String,
}

/// Where a reader puts what it reads. It answers an error once nobody wants more.
pub(crate) type Sink<'a, M> = &'a mut dyn FnMut(Parsed<M>) -> Result<(), Error>;

/// The id of a command that is known by its content; the message must not have an id yet.
pub(crate) fn request_id<M: Message>(kind: &str, message: &M) -> String {
    RequestId::of_content(kind, &message.encode_to_vec()).to_string()
}

/// What is being read ahead by a thread.
pub(crate) struct Reading<M> {
    parsed: mpsc::Receiver<Parsed<M>>,
    reader: JoinHandle<Result<(), Error>>,
}

impl<M: Send + 'static> Reading<M> {
    /// Begins to read. The thread ends when its work is done or this is dropped.
    pub(crate) fn start<F>(read: F) -> Self
    where
        F: FnOnce(Sink<'_, M>) -> Result<(), Error> + Send + 'static,
    {
        let (sender, parsed) = mpsc::channel(READ_AHEAD);
        let reader =
            task::spawn_blocking(move || read(&mut |next| sender.blocking_send(next).map_err(|_| Error::Interrupted)));
        Self { parsed, reader }
    }

    /// The next thing; `None` when everything was read. It can be cancelled without losing anything.
    pub(crate) async fn next(&mut self) -> Option<Parsed<M>> {
        self.parsed.recv().await
    }

    /// How the reading ended; to be asked after [`Self::next`] has answered `None`.
    pub(crate) async fn outcome(self) -> Result<(), Error> {
        self.reader.await.unwrap_or_else(|_| Err(Error::Unexpected("the reader of a file ended too early".to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_stops_when_nobody_wants_more() {
        let mut reading = Reading::<()>::start(|sink| {
            loop {
                sink(Parsed::Refused(Refused { file: "x", faults: Vec::new(), counted: true }))?;
            }
        });
        assert!(reading.next().await.is_some());
        let Reading { parsed, reader } = reading;
        drop(parsed);
        assert!(matches!(reader.await.unwrap(), Err(Error::Interrupted)));
    }

    #[tokio::test]
    async fn an_error_of_reading_comes_after_everything_that_was_read() {
        let mut reading = Reading::<()>::start(|sink| {
            sink(Parsed::Refused(Refused { file: "x", faults: Vec::new(), counted: true }))?;
            Err(Error::Usage("no more".to_owned()))
        });
        assert!(reading.next().await.is_some());
        assert!(reading.next().await.is_none());
        assert_eq!(reading.outcome().await.unwrap_err().to_string(), "no more");
    }
}
