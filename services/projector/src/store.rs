//! MongoDB: one client, bounded in connections and in time.

use std::time::Duration;

use daybook_chassis::BoxError;
use daybook_read_model::{collections, update::EncodeError};
use mongodb::{
    Client, Database,
    bson::{Document, RawDocumentBuf, doc},
    options::{ClientOptions, ReadConcern},
    results::CollectionSpecification,
};
use thiserror::Error;

use crate::{config::Mongodb, metrics::Counts};

/// A server that cannot be found in this time is away.
const SELECTION_TIMEOUT: Duration = Duration::from_secs(5);

/// A server that takes no connection in this time is away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The server is asked so often whether it is there; with the time above this tells when a hung one is noticed.
const HEARTBEAT: Duration = Duration::from_secs(3);

/// An operation that takes longer is given up (it may still happen): a hung server is then noticed, whatever the driver
/// thinks of it. The largest batch takes a fraction.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(8);

/// Connections: each report reads and writes one thing at a time; the driver itself takes some.
const MAX_CONNECTIONS: u32 = 10;

/// Documents of one `find` that are read whole: each may have some 100 kB.
const WHOLE_DOCUMENTS: usize = 100;

/// Documents of one `find` of which only the stamp is read.
const STAMPS: usize = 1_000;

/// The server's code for a document that is there already.
pub(crate) const DUPLICATE_KEY: i32 = 11_000;

/// The server's code for a document that the validator of its collection refuses.
pub(crate) const INVALID_DOCUMENT: i32 = 121;

/// The documents' database.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    database: Database,
    counts: Counts,
}

/// Why the database could not do something.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    #[error("MongoDB: {0}")]
    Driver(#[source] Box<mongodb::error::Error>),
    #[error("MongoDB did not answer within {} s", OPERATION_TIMEOUT.as_secs())]
    Silent,
    #[error("an operation on MongoDB failed: {0}")]
    Task(#[source] tokio::task::JoinError),
    #[error("MongoDB refused to write to {collection}: {message} (code {code})")]
    Refused { collection: String, code: i32, message: String },
    #[error("the answer of MongoDB lacks {0}")]
    Answer(&'static str),
    #[error("document {id}: {cause}")]
    Encode { id: String, cause: EncodeError },
    #[error("{collection}: documents are written by somebody else again and again")]
    Contended { collection: String },
    #[error("{collection}: not all that several batches changed can be written")]
    Unwritten { collection: String },
}

impl Store {
    /// A store that is connected to when it is first used.
    pub(crate) async fn open(config: &Mongodb, counts: Counts) -> Result<Self, BoxError> {
        let mut options = ClientOptions::parse(config.url.expose()).await?;
        options.app_name = Some("daybook-projector".into());
        options.server_selection_timeout = Some(SELECTION_TIMEOUT);
        options.connect_timeout = Some(CONNECT_TIMEOUT);
        options.heartbeat_freq = Some(HEARTBEAT);
        options.max_pool_size = Some(MAX_CONNECTIONS);
        Ok(Self { database: Client::with_options(options)?.database(&config.database), counts })
    }

    /// Counts of what is done with the documents.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Reads documents by id, whole or only their stamps; those that are not there are left out.
    pub(crate) async fn find(
        &self,
        collection: &str,
        ids: &[&str],
        whole: bool,
    ) -> Result<Vec<RawDocumentBuf>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(if whole { WHOLE_DOCUMENTS } else { STAMPS }) {
            let collection = self.database.collection::<RawDocumentBuf>(collection);
            let filter = doc! { "_id": { "$in": ids } };
            found.extend(
                in_time(async move {
                    let find = collection.find(filter).read_concern(ReadConcern::majority());
                    // With the number of the next segment, which a page has in `e`.
                    let stamp = doc! { "_id": 1, "slot": 1, "epoch": 1, "position": 1, "e.n": 1 };
                    let mut cursor = if whole { find.await? } else { find.projection(stamp).await? };
                    let mut documents = Vec::new();
                    while cursor.advance().await? {
                        documents.push(cursor.current().to_owned());
                    }
                    Ok(documents)
                })
                .await?,
            );
        }
        Ok(found)
    }

    /// Runs a command and answers what the server said; what it says about single statements is for the caller.
    pub(crate) async fn run(&self, command: RawDocumentBuf) -> Result<Document, StoreError> {
        let database = self.database.clone();
        in_time(async move { database.run_raw_command(command).await }).await
    }

    /// What is known of those of these collections that are there.
    pub(crate) async fn specifications(&self, names: &[String]) -> Result<Vec<CollectionSpecification>, StoreError> {
        let database = self.database.clone();
        let filter = doc! { "name": { "$in": names } };
        in_time(async move {
            let mut cursor = database.list_collections().filter(filter).await?;
            let mut specifications = Vec::new();
            while cursor.advance().await? {
                specifications.push(cursor.deserialize_current()?);
            }
            Ok(specifications)
        })
        .await
    }

    /// Deletes the database.
    pub(crate) async fn drop(&self) -> Result<(), StoreError> {
        let database = self.database.clone();
        in_time(async move { database.drop().await }).await
    }

    /// The database itself.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// The collection of checkpoints and pointers.
    pub(crate) fn meta<T: Send + Sync>(&self) -> mongodb::Collection<T> {
        self.database.collection(collections::META)
    }

    /// The names of the collections that begin so.
    pub(crate) async fn collections(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let database = self.database.clone();
        let mut names = in_time(async move { database.list_collection_names().await }).await?;
        names.retain(|name| name.starts_with(prefix));
        Ok(names)
    }

    /// Any collection.
    pub(crate) fn collection<T: Send + Sync>(&self, name: &str) -> mongodb::Collection<T> {
        self.database.collection(name)
    }
}

/// Waits for an operation, in a task of its own: the driver's futures must not be dropped half way.
pub(crate) async fn in_time<T, F>(operation: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: Future<Output = mongodb::error::Result<T>> + Send + 'static,
{
    match tokio::time::timeout(OPERATION_TIMEOUT, tokio::spawn(operation)).await {
        Ok(Ok(Ok(value))) => Ok(value),
        Ok(Ok(Err(error))) => Err(StoreError::Driver(Box::new(error))),
        Ok(Err(panic)) => Err(StoreError::Task(panic)),
        Err(_) => Err(StoreError::Silent),
    }
}
