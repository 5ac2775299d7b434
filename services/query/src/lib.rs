//! Serves Daybook's reports over gRPC. It only reads: documents from MongoDB, and the end of the log from the command service.
//!
//! A call goes `grpc` → `validate` → `live` (how far are the reports? `position` waits if need be, `recent` knows what is newer) → `list`,
//! `entries`, `stock` or `export` → `store` (MongoDB) → `view`. Around it stand `call` and `stream`, which
//! bound what is under way, and `status`, which words what went wrong.

mod audit;
mod call;
mod config;
mod days;
mod entries;
mod export;
mod fresh;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod grpc;
mod heads;
mod health;
mod list;
mod live;
mod page;
mod places;
mod position;
mod progress;
mod recent;
mod report;
mod settle;
mod status;
mod stock;
mod store;
mod stream;
mod validate;
mod view;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use daybook::{
    FILE_DESCRIPTOR_SET, access,
    query::{
        encoded::v1::{
            category_day_service_server::CategoryDayServiceServer, store_day_service_server::StoreDayServiceServer,
            supplier_day_service_server::SupplierDayServiceServer,
        },
        v1::{projection_service_server::ProjectionServiceServer, stock_service_server::StockServiceServer},
    },
};
use daybook_chassis::{
    BoxError, CancellationToken,
    access::Policy,
    door::Door,
    health::Health,
    metrics::{Metrics, endpoint},
    server::{self, Listeners},
    tasks::Tasks,
};
use futures_util::future::BoxFuture;
use tonic::service::Routes;

pub use config::Config;
use recent::{Follower, Recent};

/// Largest request: a list of 1,000 ids has 66 kB.
const REQUEST_BYTES: usize = 256 * 1024;

/// The services as the health service names them.
const SERVICES: &[&str] = &[
    "daybook.query.v1.StoreDayService",
    "daybook.query.v1.SupplierDayService",
    "daybook.query.v1.StockService",
    "daybook.query.v1.CategoryDayService",
    "daybook.query.v1.ProjectionService",
];

/// Serves on the listener until the token is cancelled, then finishes what is in hand. MongoDB may come later.
///
/// # Errors
/// If the configuration cannot be used, or the server or one of its tasks fails.
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
    let metrics = Metrics::new("query", FILE_DESCRIPTOR_SET)?;
    let store = store::Store::connect(config.mongodb_url.expose(), &config.mongodb_database, &metrics).await?;
    let (positions, watching) = position::Positions::new(store.clone(), shutdown.clone());
    let (health, health_service) = Health::new(SERVICES).await;
    let recent = Recent::new();
    let frame = call::Frame::new(store.clone(), positions, recent.clone(), &metrics, shutdown.clone());
    let follower = match &config.command_endpoint {
        Some(endpoint) => Some(Follower::new(endpoint, &config.credentials, &frame)?),
        None => None,
    };
    let is_alive = Arc::new(AtomicBool::new(false));
    let mongodb = Arc::clone(&is_alive);
    metrics.dependency("mongodb", move || mongodb.load(Ordering::Relaxed));
    let followed = follower.is_some().then(|| recent.clone());
    let progress = progress::watch(&metrics, frame.positions.clone(), followed, shutdown.clone());
    let routes = Routes::new(health_service)
        .add_service(
            StoreDayServiceServer::new(grpc::store_day::StoreDayApi(frame.clone()))
                .max_decoding_message_size(REQUEST_BYTES),
        )
        .add_service(
            SupplierDayServiceServer::new(grpc::supplier_day::SupplierDayApi(frame.clone()))
                .max_decoding_message_size(REQUEST_BYTES),
        )
        .add_service(
            StockServiceServer::new(grpc::stock::StockApi(frame.clone())).max_decoding_message_size(REQUEST_BYTES),
        )
        .add_service(
            CategoryDayServiceServer::new(grpc::category_day::CategoryDayApi(frame.clone()))
                .max_decoding_message_size(REQUEST_BYTES),
        )
        .add_service(
            ProjectionServiceServer::new(grpc::projection::Projection(frame)).max_decoding_message_size(REQUEST_BYTES),
        );
    let routes = server::add_reflection(routes, FILE_DESCRIPTOR_SET)?;
    let mut tasks = Tasks::new(shutdown.clone());
    tasks.spawn("checkpoints", watching);
    if let Some(follower) = follower {
        tasks.spawn("follower", follower.run(shutdown.clone()));
    }
    tasks.spawn("health", health::watch(store, recent, health, is_alive, SERVICES, shutdown.clone()));
    tasks.spawn("door", door.clone().watch(shutdown.clone()));
    let counted = metrics.calls();
    if let Some(listener) = metrics_listener {
        tasks.spawn("progress", progress);
        tasks.spawn("metrics", endpoint::serve(listener, metrics, shutdown.clone()));
    }
    tasks.spawn("server", server::serve(listener, routes, door, counted, shutdown, server::SHUTDOWN_BUDGET));
    tasks.join(server::SHUTDOWN_BUDGET).await
}
