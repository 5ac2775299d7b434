//! MongoDB, and only here: how it is connected to and how documents are read from it.
//!
//! Reads ask the primary for what a majority has (read concern majority), so what was once read is never rolled back, and
//! a document read after a checkpoint holds all that the checkpoint promises: the projector has a majority's word for its
//! documents before it writes the checkpoint.
//!
//! The driver's futures are spawned and never dropped on a caller's account: a future that is dropped in the middle of a
//! message costs its connection, and the driver warns of worse. The caller waits for the task, with a time limit; the task
//! itself ends when the driver notices that the server is gone ([`HEARTBEAT`] and [`CONNECT_TIMEOUT`], 5 seconds), at the
//! latest after [`GIVE_UP`]. The driver has no limit of its own for waiting for a connection, therefore permits stand
//! before it, as many as the pool has connections.

use std::{sync::Arc, time::Duration};

use daybook_chassis::{
    metrics::{Counter, Metrics, pools::Pool},
    trace,
};
use futures_util::StreamExt as _;
use mongodb::{
    Client, Database,
    bson::{Document, RawDocument, RawDocumentBuf, doc},
    error::ErrorKind,
    options::{ClientOptions, DatabaseOptions, ReadConcern, ReadPreference, SelectionCriteria},
};
use serde::Deserialize;
use thiserror::Error;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinError,
    time::{Instant, timeout, timeout_at},
};

/// Reads of documents that are under way at once: what a small MongoDB server has cores and cache for, several times over.
const READS_AT_ONCE: usize = 32;

/// Connections kept for checkpoints and pings, so that reading many reports does not delay either.
const CONTROL_READS_AT_ONCE: usize = 4;

/// How long one read may take, with the wait for a connection. The largest one (a page of reports) takes some 100 ms.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a ping may take before MongoDB counts as away.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// How long to look for a primary: longer than an ordinary election would let callers wait in vain.
const SELECTION_TIMEOUT: Duration = Duration::from_secs(3);

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How often the driver listens for a server's word; one that says nothing for this and [`CONNECT_TIMEOUT`] is gone.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// Connections that were not used for so long are closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// After so long a read is dropped with its connection, if the driver has still not ended it.
const GIVE_UP: Duration = Duration::from_secs(30);

/// The database with the reports, for reading.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    database: Database,
    reads: Permits,
    control: Permits,
}

/// One for each connection that may be in use.
#[derive(Clone, Debug)]
struct Permits {
    permits: Arc<Semaphore>,
    /// Counts those who got none in time.
    sent_away: Counter,
}

impl Permits {
    fn new(count: usize, pool: &'static str, metrics: &Metrics) -> Self {
        let permits = Arc::new(Semaphore::new(count));
        Self { sent_away: metrics.pool(Pool::of(pool, &permits)), permits }
    }

    async fn take(&self, until: Instant) -> Option<OwnedSemaphorePermit> {
        let taken = timeout_at(until, Arc::clone(&self.permits).acquire_owned()).await;
        if taken.is_err() {
            self.sent_away.inc();
        }
        taken.ok()?.ok()
    }
}

/// Why a read failed.
#[derive(Clone, Debug, Error)]
pub(crate) enum StoreError {
    #[error("MongoDB is away or refuses")]
    Away(#[source] mongodb::error::Error),
    #[error("{0} was not answered in time")]
    Late(&'static str),
    #[error("the task of a read ended early: {0}")]
    Lost(Arc<JoinError>),
    #[error("the document {what} is not as it should be: {cause}")]
    Broken { what: String, cause: String },
}

impl StoreError {
    /// True if asking again cannot help, because what is stored is wrong.
    #[must_use]
    pub(crate) fn is_broken(&self) -> bool {
        match self {
            Self::Broken { .. } | Self::Lost(_) => true,
            Self::Away(error) => {
                matches!(*error.kind, ErrorKind::InvalidArgument { .. } | ErrorKind::Bson(_) | ErrorKind::Custom(_))
            }
            Self::Late(_) => false,
        }
    }
}

/// Which documents of a collection to read, in the order of their ids.
#[derive(Clone, Debug)]
pub(crate) struct Select {
    pub(crate) filter: Document,
    /// Fields to read or to leave out; empty for all.
    pub(crate) fields: Document,
    pub(crate) limit: u32,
}

impl Select {
    /// The document of that id.
    #[must_use]
    pub(crate) fn one(id: &str) -> Self {
        Self { filter: doc! { "_id": id }, fields: Document::new(), limit: 1 }
    }

    /// The first documents that match.
    #[must_use]
    pub(crate) fn first(limit: u32, filter: Document) -> Self {
        Self { filter, fields: Document::new(), limit }
    }

    /// Only with these fields, or without them.
    #[must_use]
    pub(crate) fn with_fields(mut self, fields: Document) -> Self {
        self.fields = fields;
        self
    }
}

impl Store {
    /// Prepares connections; none is opened before it is needed.
    ///
    /// # Errors
    /// If the URL cannot be understood.
    pub(crate) async fn connect(url: &str, database: &str, metrics: &Metrics) -> Result<Self, mongodb::error::Error> {
        let mut options = ClientOptions::parse(url).await?;
        let connections = READS_AT_ONCE + CONTROL_READS_AT_ONCE;
        options.app_name.get_or_insert_with(|| "daybook-query".to_owned());
        options.max_pool_size = u32::try_from(connections).ok();
        options.server_selection_timeout = Some(SELECTION_TIMEOUT);
        options.connect_timeout = Some(CONNECT_TIMEOUT);
        options.heartbeat_freq = Some(HEARTBEAT);
        options.max_idle_time = Some(IDLE_TIMEOUT);
        let client = Client::with_options(options)?;
        let options = DatabaseOptions::builder()
            .read_concern(ReadConcern::majority())
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .build();
        Ok(Self {
            database: client.database_with_options(database, options),
            reads: Permits::new(READS_AT_ONCE, "mongodb_reads", metrics),
            control: Permits::new(CONTROL_READS_AT_ONCE, "mongodb_control_reads", metrics),
        })
    }

    /// Reads documents of a report.
    ///
    /// # Errors
    /// If MongoDB does not answer, at the latest when the time has come.
    pub(crate) async fn read(&self, collection: &str, select: Select, until: Instant) -> Result<Documents, StoreError> {
        let until = until.min(Instant::now() + READ_TIMEOUT);
        self.read_by(&self.reads, collection, select, until).await
    }

    /// Reads the few documents that say how far the reports have come.
    ///
    /// # Errors
    /// If MongoDB does not answer in time.
    pub(crate) async fn read_control(&self, collection: &str, select: Select) -> Result<Documents, StoreError> {
        self.read_by(&self.control, collection, select, Instant::now() + READ_TIMEOUT).await
    }

    /// Asks the primary for a sign of life.
    ///
    /// # Errors
    /// If there is none in time.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        let database = self.database.clone();
        let ping = async move { database.run_command(doc! { "ping": 1 }).await };
        within(&self.control, Instant::now() + PING_TIMEOUT, "a ping", ping).await.map(|_| ())
    }

    async fn read_by(
        &self,
        permits: &Permits,
        collection: &str,
        select: Select,
        until: Instant,
    ) -> Result<Documents, StoreError> {
        let span = trace::child("mongodb find", trace::Kind::Client);
        if let Some(span) = &span {
            span.tell("db.system.name", "mongodb");
            span.tell("db.collection.name", collection.to_owned());
        }
        let name = collection.to_owned();
        let found = self.database.collection::<Document>(collection);
        let Select { filter, fields, limit } = select;
        let reading = async move {
            // The server gives up as well. One more than the limit, so that it need not keep a cursor for the end.
            let patience = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let mut find = found.find(filter).sort(doc! { "_id": 1 }).limit(i64::from(limit)).max_time(patience);
            find = find.batch_size(limit.saturating_add(1));
            if !fields.is_empty() {
                find = find.projection(fields);
            }
            let mut batches = find.batch().await?;
            let mut documents = Vec::new();
            while let Some(batch) = batches.next().await {
                for document in batch?.doc_slices()? {
                    let document = document?.as_document().map(RawDocument::to_owned);
                    documents.extend(document);
                }
            }
            Ok(documents)
        };
        let documents = within(permits, until, "a read", reading).await?;
        Ok(Documents { collection: name, documents })
    }
}

/// Runs a driver's future to its end in a task of its own, and waits for it until the time has come.
async fn within<T, F>(permits: &Permits, until: Instant, what: &'static str, reading: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: Future<Output = mongodb::error::Result<T>> + Send + 'static,
{
    let permit = permits.take(until).await.ok_or(StoreError::Late(what))?;
    let task = tokio::spawn(async move {
        // Held until the driver is done, not only while the caller waits: the pool has no more connections than permits.
        let _permit = permit;
        timeout(GIVE_UP, reading).await
    });
    match timeout_at(until, task).await {
        Ok(Ok(Ok(read))) => read.map_err(StoreError::Away),
        Ok(Ok(Err(_))) | Err(_) => Err(StoreError::Late(what)),
        Ok(Err(lost)) => Err(StoreError::Lost(Arc::new(lost))),
    }
}

/// Documents as they were read, in the order of their ids.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    collection: String,
    documents: Vec<RawDocumentBuf>,
}

impl Documents {
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.documents.len()
    }

    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// The id of the last document.
    #[must_use]
    pub(crate) fn last_id(&self) -> Option<&str> {
        self.documents.last().and_then(|document| document.get_str("_id").ok())
    }

    /// The documents whose ids begin so, and the others.
    #[must_use]
    pub(crate) fn split_by_id(self, prefix: &str) -> (Self, Self) {
        let begins = |document: &RawDocumentBuf| document.get_str("_id").is_ok_and(|id| id.starts_with(prefix));
        let (those, others) = self.documents.into_iter().partition(begins);
        let of = |documents| Self { collection: self.collection.clone(), documents };
        (of(those), of(others))
    }

    /// Each document with its id, as it is stored.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &RawDocument)> {
        self.documents.iter().map(|document| (document.get_str("_id").unwrap_or(""), &**document))
    }

    /// Decodes a document of these.
    ///
    /// # Errors
    /// If it is not of the expected shape.
    pub(crate) fn decode_as<T: for<'d> Deserialize<'d>>(&self, document: &RawDocument) -> Result<T, StoreError> {
        decode(&self.collection, document)
    }

    /// The documents, each decoded when its turn comes, so that only one is held in both forms.
    pub(crate) fn decode<T: for<'d> Deserialize<'d>>(self) -> impl Iterator<Item = Result<T, StoreError>> {
        let Self { collection, documents } = self;
        documents.into_iter().map(move |document| decode(&collection, &document))
    }

    /// The first document, if there is one.
    ///
    /// # Errors
    /// If it is not of the expected shape.
    pub(crate) fn decode_one<T: for<'d> Deserialize<'d>>(self) -> Result<Option<T>, StoreError> {
        self.decode().next().transpose()
    }
}

fn decode<T: for<'d> Deserialize<'d>>(collection: &str, document: &RawDocument) -> Result<T, StoreError> {
    mongodb::bson::deserialize_from_slice(document.as_bytes()).map_err(|error| {
        let id = document.get_str("_id").unwrap_or("?");
        StoreError::Broken { what: format!("{collection}/{id}"), cause: error.to_string() }
    })
}
