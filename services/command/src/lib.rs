//! The write side of Daybook: takes commands, keeps the log, publishes it.
//!
//! - [`domain`]: what commands mean; pure;
//! - [`append`]: the pipeline that every command passes through;
//! - [`mod@store`] is Postgres, and nothing else is;
//! - `compaction`: adding up stock beside it;
//! - [`recent`]: the end of the log in memory, for its readers in this process;
//! - [`lineage`]: whether it is still the log that others have read;
//! - [`lost`]: for the operator, once it is not;
//! - [`relay`]: from the log to NATS JetStream;
//! - [`metrics`]: what it tells of itself in numbers;
//! - [`grpc`]: the services.

pub mod append;
mod compaction;
pub mod config;
pub mod domain;
pub mod grpc;
pub mod lineage;
pub mod lost;
pub mod metrics;
pub mod program;
pub mod recent;
pub mod relay;
pub mod status;
pub mod store;
mod watchdog;
pub mod wire;

use daybook::{
    access,
    command::v1::{
        catalogue_service_server::CatalogueServiceServer, inventory_service_server::InventoryServiceServer,
        parking_service_server::ParkingServiceServer, sale_service_server::SaleServiceServer,
        table_service_server::TableServiceServer,
    },
    event::encoded::v1::event_log_service_server::EventLogServiceServer,
};
use daybook_chassis::{
    BoxError, CancellationToken,
    access::Policy,
    door::Door,
    health::Health,
    metrics::{Metrics, endpoint, pools::Pool},
    server::{self, Listeners},
    tasks::Tasks,
};
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tonic::service::Routes;

use append::Pipeline;
use config::Config;
use grpc::{
    catalogue::CatalogueApi,
    event_log::{EventLog, places},
    execute::Executor,
    inventory::Inventory,
    parking::Parking,
    sale::Sales,
    tables::Tables,
};
use recent::Log;
use relay::{Published, Relay};
use store::Store;

/// The services of this process, as the health service names them.
const SERVICES: &[&str] = &[
    "daybook.command.v1.CatalogueService",
    "daybook.command.v1.InventoryService",
    "daybook.command.v1.ParkingService",
    "daybook.command.v1.SaleService",
    "daybook.command.v1.TableService",
    "daybook.event.v1.EventLogService",
];

/// Serves until the token is cancelled, then finishes what is in hand.
///
/// # Errors
/// If it cannot start, or a task of it fails.
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
    let metrics = Metrics::new("command", daybook::FILE_DESCRIPTOR_SET)?;
    let store = Store::new(&config.postgres)?.counted("postgres_readers", &metrics);
    let appending = Store::for_appends(&config.postgres)?.counted("postgres_appends", &metrics);
    let (health, health_server) = Health::new(SERVICES).await;
    let log = Log::new(store.clone());
    let (published, publications) = watch::channel(Published::default());
    let (healthy, healths) = watch::channel(false);
    let (pipeline, appends) = Pipeline::new(appending.clone(), log.clone(), healthy.clone(), &metrics);
    let relay = Relay::new(log.clone(), config.nats, published).await?;

    let (pending_stock, waiting_stock) = watch::channel(0);
    metrics::watch_log(&metrics, &log, publications.clone(), healths.clone());
    metrics::watch_stock(&metrics, waiting_stock);

    let executor = Executor::new(appends, store.clone());
    let catalogue = CatalogueApi { executor: executor.clone(), store: store.clone(), shutdown: shutdown.clone() };
    let inventory = Inventory { executor: executor.clone(), shutdown: shutdown.clone() };
    let parking = Parking { executor: executor.clone(), store: store.clone() };
    let sales = Sales { executor, shutdown: shutdown.clone() };
    let tables = Tables::new(store.clone(), shutdown.clone(), &metrics);
    let places = places(config.postgres.connections);
    let event_log = EventLog {
        store,
        log: log.clone(),
        sent_away: metrics.pool(Pool::of("log_readers", &places)),
        places,
        published: publications,
        shutdown: shutdown.clone(),
    };
    let limit = server::MAX_REQUEST_BYTES;
    let routes = Routes::new(health_server)
        .add_service(CatalogueServiceServer::new(catalogue).max_decoding_message_size(limit))
        .add_service(InventoryServiceServer::new(inventory).max_decoding_message_size(limit))
        .add_service(SaleServiceServer::new(sales).max_decoding_message_size(limit))
        .add_service(ParkingServiceServer::new(parking).max_decoding_message_size(limit))
        .add_service(TableServiceServer::new(tables).max_decoding_message_size(limit))
        .add_service(EventLogServiceServer::new(event_log).max_decoding_message_size(limit));
    let routes = server::add_reflection(routes, daybook::FILE_DESCRIPTOR_SET)?;

    let mut tasks = Tasks::new(shutdown.clone());
    // The pipeline ends after the server.
    let served = CancellationToken::new();
    tasks.spawn("append pipeline", pipeline.run(served.clone()));
    tasks.spawn("relay", relay.run(shutdown.clone()));
    tasks.spawn("stock", compaction::run(appending.clone(), log.clone(), pending_stock, shutdown.clone()));
    let lineage = log.lineage().clone();
    tasks.spawn("watchdog", watchdog::run(appending, log, healthy, shutdown.clone()));
    tasks.spawn("health", watchdog::report(health, SERVICES, healths, lineage, shutdown.clone()));
    tasks.spawn("door", door.clone().watch(shutdown.clone()));
    let counted = metrics.calls();
    if let Some(listener) = metrics_listener {
        tasks.spawn("metrics", endpoint::serve(listener, metrics, shutdown.clone()));
    }
    tasks.spawn("server", async move {
        let outcome = server::serve(listener, routes, door, counted, shutdown, server::SHUTDOWN_BUDGET).await;
        served.cancel();
        outcome
    });
    tasks.join(server::SHUTDOWN_BUDGET + DRAIN_BUDGET).await
}

/// What the pipeline may still take after the server has stopped.
const DRAIN_BUDGET: std::time::Duration = std::time::Duration::from_secs(5);
