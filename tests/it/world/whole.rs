//! A world with the read side too: MongoDB, the projector and the query service.

use std::{ops::Deref, panic::AssertUnwindSafe, time::Duration};

use daybook::{
    client::{Link, QueryClient},
    query::v1::{AsOf, GetProjectionStatusRequest, projection_service_client::ProjectionServiceClient},
};
use daybook_chassis::{config::Secret, door::DoorConfig};
use daybook_projector::config::{Bounds, Config as ProjectorConfig, Mongodb, Shard, Source};
use daybook_query::Config as QueryConfig;
use futures_util::FutureExt as _;
use tonic::{Code, Request, Status};

use super::{World, doors::Doors, environment, gate::Gate, run, service::Service, until::PATIENCE};

/// What one test runs in, with reports.
#[derive(Debug)]
pub(crate) struct WholeWorld {
    world: World,
    pub(crate) projector: Service,
    pub(crate) query: Service,
}

impl Deref for WholeWorld {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

/// Runs a test in a world of its own with all stores and services.
pub(crate) fn in_world(test: impl AsyncFnOnce(&WholeWorld)) {
    in_world_with(None, test);
}

/// Runs a test in a world whose services take TLS and known callers only.
pub(crate) fn in_guarded_world(test: impl AsyncFnOnce(&WholeWorld, &Doors)) {
    let doors = Doors::new();
    let same = doors.clone();
    in_world_with(Some(doors), async |world| test(world, &same).await);
}

fn in_world_with(doors: Option<Doors>, test: impl AsyncFnOnce(&WholeWorld)) {
    run(async {
        let world = WholeWorld::start(doors).await;
        let outcome = AssertUnwindSafe(test(&world)).catch_unwind().await;
        let ended = world.end().await;
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
        ended.expect("the services end well");
    });
}

impl WholeWorld {
    async fn start(doors: Option<Doors>) -> Self {
        let world = World::write_side(doors).await;
        let projector = start_projector(&world, Bounds::default().batch_events).await;
        let query = start_query(&world, true).await;
        projector.serving().await;
        query.serving().await;
        Self { world, projector, query }
    }

    /// Clients of the query service.
    pub(crate) fn queries(&self) -> QueryClient {
        QueryClient::new(self.query.channel())
    }

    /// Starts another query service on the same reports.
    pub(crate) async fn another_query(&self) -> Service {
        let query = start_query(&self.world, true).await;
        query.serving().await;
        query
    }

    /// Starts another query service on the same reports, which does not follow the log besides.
    pub(crate) async fn another_query_of_documents_only(&self) -> Service {
        let query = start_query(&self.world, false).await;
        query.serving().await;
        query
    }

    /// Starts another projector of the same reports.
    pub(crate) async fn another_projector(&self) -> Service {
        let projector = start_projector(&self.world, Bounds::default().batch_events).await;
        projector.serving().await;
        projector
    }

    /// Starts another projector of the same reports, which writes after each page of the log.
    pub(crate) async fn another_projector_in_small_batches(&self) -> Service {
        let projector = start_projector(&self.world, 1).await;
        projector.serving().await;
        projector
    }

    /// Starts one that is the same, but has the log from behind a gate.
    pub(crate) async fn projector_behind(&self, gate: &Gate) -> Service {
        projector_with(&self.world, gate.endpoint(), unaudited(1)).await
    }

    /// Starts another projector of the same reports, which audits them as fast as it can.
    pub(crate) async fn auditing_projector(&self) -> Service {
        let bounds = Bounds { audit_interval: AUDIT_INTERVAL, audit_rest_factor: 0, ..Bounds::default() };
        let projector = projector_with(&self.world, self.command.endpoint(), bounds).await;
        projector.serving().await;
        projector
    }

    /// Waits until the reports hold everything up to a position.
    pub(crate) async fn reported(&self, position: i64) -> AsOf {
        reached(&self.queries().projection, position).await
    }

    async fn end(self) -> Result<(), String> {
        // The readers go first, as in any orderly stop.
        let query = self.query.stop().await;
        let projector = self.projector.stop().await;
        let client = mongodb::Client::with_uri_str(environment::mongodb_url()).await.expect("a MongoDB address");
        client.database(&self.world.id).drop().await.expect("the reports can be deleted");
        query.and(projector).and(self.world.end().await)
    }
}

/// Waits until the reports hold everything up to a position, as long as they come any further.
pub(crate) async fn reached(projection: &ProjectionServiceClient<Link>, at_least_position: i64) -> AsOf {
    let status = async |at_least_position| {
        let mut request = Request::new(GetProjectionStatusRequest { at_least_position });
        request.set_timeout(PATIENCE);
        let status = projection.clone().get_projection_status(request).await?;
        Ok::<_, Status>(status.into_inner().as_of.expect("an answer says as of when"))
    };
    let mut before = -1;
    loop {
        let late = match status(at_least_position).await {
            Ok(as_of) => return as_of,
            Err(late) => late,
        };
        assert!(matches!(late.code(), Code::DeadlineExceeded | Code::Cancelled), "{late}");
        let now = status(0).await.expect("a status").position;
        assert!(now > before, "the reports follow the log, but are at {now}: {late}");
        before = now;
    }
}

/// Between two audits, where a test has them.
const AUDIT_INTERVAL: Duration = Duration::from_millis(5);

async fn start_projector(world: &World, batch_events: usize) -> Service {
    projector_with(world, world.command.endpoint(), unaudited(batch_events)).await
}

/// Tests spoil documents and look for them: nobody else shall repair them meanwhile.
fn unaudited(batch_events: usize) -> Bounds {
    Bounds { audit_interval: Duration::ZERO, batch_events, ..Bounds::default() }
}

async fn projector_with(world: &World, command_endpoint: String, bounds: Bounds) -> Service {
    let source = Source {
        command_endpoint,
        credentials: world.doors.as_ref().map(|doors| doors.service("projector")).unwrap_or_default(),
        nats_url: Secret::new(world.stream.url.clone()),
        nats_stream: world.stream.name.clone(),
    };
    let mongodb = Mongodb { url: Secret::new(environment::mongodb_url()), database: world.id.clone() };
    let door = world.doors.as_ref().map_or_else(DoorConfig::default, Doors::config);
    let service = Service::start("projector", |listeners, shutdown| async move {
        let listen = listeners.calls.local_addr()?;
        let config =
            ProjectorConfig { listen, door, metrics_listen: None, source, mongodb, shard: Shard::WHOLE, bounds };
        daybook_projector::run(config, listeners, shutdown).await
    })
    .await;
    service.reached_with(world.doors.as_ref().map(Doors::operator).unwrap_or_default())
}

async fn start_query(world: &World, follows: bool) -> Service {
    let command_endpoint = follows.then(|| world.command.endpoint());
    let mongodb_url = Secret::new(environment::mongodb_url());
    let mongodb_database = world.id.clone();
    let door = world.doors.as_ref().map_or_else(DoorConfig::default, Doors::config);
    let credentials = world.doors.as_ref().map(|doors| doors.service("query")).unwrap_or_default();
    let service = Service::start("query", |listeners, shutdown| async move {
        let listen = listeners.calls.local_addr()?;
        let config = QueryConfig {
            listen,
            door,
            metrics_listen: None,
            command_endpoint,
            credentials,
            mongodb_url,
            mongodb_database,
        };
        daybook_query::run(config, listeners, shutdown).await
    })
    .await;
    service.reached_with(world.doors.as_ref().map(Doors::operator).unwrap_or_default())
}
