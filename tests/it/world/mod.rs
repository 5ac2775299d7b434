//! The world of one test: stores under names of its own, services on free ports. It is taken down after the test however
//! that ends.

pub(crate) mod database;
pub(crate) mod doors;
pub(crate) mod environment;
pub(crate) mod gate;
pub(crate) mod service;
pub(crate) mod stream;
pub(crate) mod until;
pub(crate) mod whole;

use std::{panic::AssertUnwindSafe, sync::Once};

use daybook::{
    client::CommandClient,
    event::v1::{GetLogStatusRequest, GetLogStatusResponse, ReadEventsRequest, RecordedEvent},
};
use daybook_chassis::{config::Secret, door::DoorConfig};
use daybook_command::config::{Config as CommandConfig, Nats, Postgres};
use futures_util::FutureExt as _;
use uuid::Uuid;

use crate::given::commands::Commands;
use database::Database;
use doors::Doors;
use service::Service;
use stream::Stream;
pub(crate) use whole::{in_guarded_world, in_world};

/// Connections to PostgreSQL of one command service: tests run side by side, and the server's connections are counted.
const POSTGRES_CONNECTIONS: usize = 6;

/// Disk that the stream of a test may take.
const STREAM_BYTES: i64 = 256 * 1024 * 1024;

/// What one test runs in.
#[derive(Debug)]
pub(crate) struct World {
    /// What tells this world from others: the name of its databases.
    pub(crate) id: String,
    pub(crate) database: Database,
    pub(crate) stream: Stream,
    pub(crate) command: Service,
    /// Certificates and tokens; none where the services stand open.
    pub(crate) doors: Option<Doors>,
}

/// Runs a test in a world of its own with the write side: PostgreSQL, NATS and the command service.
pub(crate) fn in_write_side(test: impl AsyncFnOnce(&World)) {
    run(async {
        let world = World::write_side(None).await;
        let outcome = AssertUnwindSafe(test(&world)).catch_unwind().await;
        let ended = world.end().await;
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
        ended.expect("the services end well");
    });
}

/// Runs a test on a runtime of its own.
pub(crate) fn run(test: impl Future<Output = ()>) {
    static LOGS: Once = Once::new();
    LOGS.call_once(|| {
        // Silent unless asked: `DAYBOOK_LOG=debug` shows what the services of all running tests do.
        if let Ok(filter) = tracing_subscriber::EnvFilter::try_from_env("DAYBOOK_LOG") {
            tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
        }
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime can be started").block_on(test);
}

impl World {
    async fn write_side(doors: Option<Doors>) -> Self {
        let id = format!("it_{}", &Uuid::new_v4().simple().to_string()[..12]);
        let database = Database::create(environment::postgres_url(), environment::app_password(), &id).await;
        let stream = Stream::of(environment::nats_url(), &id).await;
        let command = start_command(&database, &stream, doors.as_ref()).await;
        Self { id, database, stream, command, doors }
    }

    /// Starts another command service on the same log.
    pub(crate) async fn another_command(&self) -> Service {
        start_command(&self.database, &self.stream, self.doors.as_ref()).await
    }

    /// Starts another command service on the same log, with another broker.
    pub(crate) async fn command_with_broker(&self, url: String) -> Service {
        start_command(&self.database, &Stream { url, ..self.stream.clone() }, self.doors.as_ref()).await
    }

    /// PostgreSQL as the command service connects to it.
    pub(crate) fn postgres(&self) -> Postgres {
        postgres(&self.database)
    }

    /// Clients of the command service.
    pub(crate) fn client(&self) -> CommandClient {
        CommandClient::new(self.command.channel())
    }

    /// Commands, sent to the command service.
    pub(crate) fn commands(&self) -> Commands {
        Commands::to(&self.command)
    }

    /// Where the log ends and how far it is published.
    pub(crate) async fn log_status(&self) -> GetLogStatusResponse {
        self.client().log.get_log_status(GetLogStatusRequest {}).await.expect("the log answers").into_inner()
    }

    /// Position of the last event.
    pub(crate) async fn head(&self) -> i64 {
        self.log_status().await.head_position
    }

    /// All events of the log.
    pub(crate) async fn log(&self) -> Vec<RecordedEvent> {
        let mut client = self.client().log;
        let (mut events, mut after_position) = (Vec::new(), 0);
        loop {
            let request = ReadEventsRequest { after_position, page_size: 5_000, ..Default::default() };
            let page = client.read_events(request).await.expect("the log answers").into_inner();
            events.extend(page.events);
            after_position = page.scanned_position;
            if after_position >= page.head_position {
                return events;
            }
        }
    }

    async fn end(self) -> Result<(), String> {
        let ended = self.command.stop().await;
        self.database.drop().await;
        self.stream.delete().await;
        ended
    }
}

fn postgres(database: &Database) -> Postgres {
    Postgres { url: Secret::new(database.app_url()), connections: POSTGRES_CONNECTIONS }
}

async fn start_command(database: &Database, stream: &Stream, doors: Option<&Doors>) -> Service {
    let postgres = postgres(database);
    let nats = Nats {
        url: stream.url.clone(),
        stream: stream.name.clone(),
        subjects: stream.subjects.clone(),
        replicas: 1,
        max_bytes: STREAM_BYTES,
    };
    let door = doors.map_or_else(DoorConfig::default, Doors::config);
    let service = Service::start("command", |listeners, shutdown| async move {
        let listen = listeners.calls.local_addr()?;
        let config = CommandConfig { listen, door, metrics_listen: None, postgres, nats };
        daybook_command::run(config, listeners, shutdown).await
    })
    .await;
    let service = service.reached_with(doors.map(Doors::operator).unwrap_or_default());
    service.serving().await;
    service
}
