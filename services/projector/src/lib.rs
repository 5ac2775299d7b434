//! The projector folds the event log into the documents of reports. It alone writes MongoDB, and it knows no Postgres.
//!
//! - [`feed`]: events in order and without a gap, from JetStream where it delivers, else from the log itself;
//! - [`session`]: from a checkpoint on, batch by batch, until something fails; then again from the checkpoint;
//! - [`projection`]: one report: loads documents, folds a batch, writes what changed;
//! - [`backfill`]: reports that are new, folded from the log so far beside the others;
//! - [`audit`]: one document after the other is compared with the log, and repaired ([`fresh`], [`repair`]);
//! - [`generations`], [`companion`], [`compare`]: a second generation beside the one that is served; [`grpc`] is how
//!   operators ask for it;
//! - [`store`], [`meta`], [`parked`]: MongoDB.

use std::time::Duration;

use daybook::{
    access,
    projector::v1::{generation_service_server::GenerationServiceServer, parked_service_server::ParkedServiceServer},
};
use daybook_chassis::{
    BoxError, CancellationToken,
    access::Policy,
    door::Door,
    health::Health,
    metrics::{Metrics, endpoint},
    server::{self, Listeners, SHUTDOWN_BUDGET},
    tasks::Tasks,
};
use futures_util::future::BoxFuture;
use tonic::service::Routes;
use tracing::info;

use crate::{
    config::Config,
    grpc::Generations,
    metrics::Counts,
    parked_grpc::ParkedEvents,
    serving::{Part, Serving},
    store::Store,
};

mod audit;
mod backfill;
mod batch;
mod cache;
mod companion;
mod compare;
pub mod config;
mod feed;
mod fresh;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod generations;
mod grpc;
mod guard;
mod jetstream;
mod log;
mod meta;
mod metrics;
mod parked;
mod parked_grpc;
mod projection;
mod repair;
mod serving;
mod session;
mod store;
mod write;

/// Name of the service in health checks.
pub const SERVICE: &str = "daybook.projector";

/// Largest request: some names.
const REQUEST_BYTES: usize = 64 * 1024;

/// What is in hand may take so long after a shutdown was asked for: less than the whole budget, so that a batch that hangs
/// still leaves time to say so.
const BATCH_BUDGET: Duration = Duration::from_secs(9);

/// Serves health on the listener and projects until the token is cancelled; then finishes the batch in hand.
///
/// # Errors
/// If the configuration cannot be used or a part of the process fails. Servers that are away are waited for.
///
/// Boxed here and not generic: otherwise whoever calls it compiles all of the service once more.
pub fn run(
    config: Config,
    listeners: Listeners,
    shutdown: CancellationToken,
) -> BoxFuture<'static, Result<(), BoxError>> {
    Box::pin(serve(config, listeners, shutdown))
}

async fn serve(config: Config, listeners: Listeners, shutdown: CancellationToken) -> Result<(), BoxError> {
    let Listeners { calls: listener, metrics: metrics_listener } = listeners;
    let policy =
        Policy { methods: access::methods(), scopes: access::SCOPES, whole: access::WHOLE, kinds: access::KINDS };
    let door = Door::open(&config.door, listener.local_addr()?, &policy)?;
    let metrics = Metrics::new("projector", daybook::FILE_DESCRIPTOR_SET)?;
    let (health, health_service) = Health::new(&[SERVICE]).await;
    let store = Store::open(&config.mongodb, Counts::new(&metrics)).await?;
    let routes = Routes::new(health_service)
        .add_service(GenerationServiceServer::new(Generations(store.clone())).max_decoding_message_size(REQUEST_BYTES));
    let routes = routes
        .add_service(ParkedServiceServer::new(ParkedEvents(store.clone())).max_decoding_message_size(REQUEST_BYTES));
    let routes = server::add_reflection(routes, daybook::FILE_DESCRIPTOR_SET)?;
    let serving = Serving::new(health).watched(&metrics);
    info!(database = config.mongodb.database, stream = config.source.nats_stream, "projector starts");

    let mut tasks = Tasks::new(shutdown.clone());
    tasks.spawn("projection", session::forever(config, store, serving.clone(), shutdown.clone()));
    tasks.spawn("draining", drain(serving, shutdown.clone()));
    tasks.spawn("door", door.clone().watch(shutdown.clone()));
    let counted = metrics.calls();
    if let Some(listener) = metrics_listener {
        tasks.spawn("metrics", endpoint::serve(listener, metrics, shutdown.clone()));
    }
    tasks.spawn("server", server::serve(listener, routes, door, counted, shutdown, SHUTDOWN_BUDGET));
    tasks.join(BATCH_BUDGET).await
}

/// Deletes all documents with their checkpoints. MongoDB holds nothing of its own: the projector folds the log anew.
///
/// # Errors
/// If MongoDB does not answer.
pub async fn drop_documents(config: &Config) -> Result<(), BoxError> {
    Store::open(&config.mongodb, Counts::new(&Metrics::new("projector", daybook::FILE_DESCRIPTOR_SET)?))
        .await?
        .drop()
        .await?;
    info!(database = config.mongodb.database, "the documents are deleted");
    Ok(())
}

/// Says that the process is about to end as soon as it is.
async fn drain(serving: Serving, shutdown: CancellationToken) -> Result<(), BoxError> {
    shutdown.cancelled().await;
    serving.set(Part::Documents, false).await;
    Ok(())
}
