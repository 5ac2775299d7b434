//! The JetStream stream that one test has for itself.

use async_nats::{
    Client,
    jetstream::{self, message::StreamMessage, stream::State},
};

/// A stream by name; the relay makes it.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) url: String,
    pub(crate) name: String,
    pub(crate) subjects: String,
    pub(super) jetstream: jetstream::Context,
}

impl Stream {
    /// The stream of a test; it need not exist yet.
    pub(crate) async fn of(url: String, id: &str) -> Self {
        let client: Client = async_nats::connect(&url).await.expect("NATS can be reached");
        let jetstream = jetstream::new(client);
        Self { url, name: id.to_uppercase(), subjects: format!("it.{id}"), jetstream }
    }

    /// What the stream holds; `None` while it does not exist.
    pub(crate) async fn state(&self) -> Option<State> {
        let mut stream = self.jetstream.get_stream(&self.name).await.ok()?;
        Some(stream.info().await.ok()?.state.clone())
    }

    /// The message with a sequence.
    pub(crate) async fn message(&self, sequence: u64) -> StreamMessage {
        let stream = self.jetstream.get_stream(&self.name).await.expect("the stream is there");
        stream.get_raw_message(sequence).await.expect("the message is there")
    }

    /// Deletes all messages.
    pub(crate) async fn purge(&self) {
        let stream = self.jetstream.get_stream(&self.name).await.expect("the stream is there");
        stream.purge().await.expect("the stream can be emptied");
    }

    /// Deletes the stream, if it is there.
    pub(crate) async fn delete(&self) {
        // The answer does not matter: the stream may never have been made.
        let _ = self.jetstream.delete_stream(&self.name).await;
    }
}
