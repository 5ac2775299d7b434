//! The three services as processes of their own, which can be killed and started again in their places.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use daybook::{
    client::{CommandClient, QueryClient},
    event::v1::GetLogStatusRequest,
    query::v1::GetProjectionStatusRequest,
};
use daybook_chassis::server::SHUTDOWN_BUDGET;
use tempfile::TempDir;
use tonic::{Request, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use uuid::Uuid;

use super::{child::Child, port::free_port};
use crate::world::{database::Database, environment, stream::Stream, until::until_within};

/// How long a service may take to serve.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// How long one question to a service that may be away may take.
const QUESTION: Duration = Duration::from_secs(2);

/// Where the servers of a deployment are.
#[derive(Clone, Debug)]
pub(crate) struct Servers {
    pub(crate) postgres_url: String,
    pub(crate) nats_url: String,
    pub(crate) mongodb_url: String,
}

impl Servers {
    /// Those that all tests share.
    pub(crate) fn shared() -> Self {
        Self {
            postgres_url: environment::postgres_url(),
            nats_url: environment::nats_url(),
            mongodb_url: environment::mongodb_url(),
        }
    }
}

/// One of the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Command,
    Projector,
    Query,
}

const PARTS: [Part; 3] = [Part::Command, Part::Projector, Part::Query];

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Projector => "projector",
            Self::Query => "query",
        }
    }
}

/// Running services with databases of their own.
#[derive(Debug)]
pub(crate) struct Deployment {
    id: String,
    pub(crate) database: Database,
    stream: Stream,
    mongodb_url: String,
    ports: [u16; 3],
    children: [Option<Child>; 3],
    directory: TempDir,
}

impl Deployment {
    /// Starts the services on servers and waits until all of them serve.
    pub(crate) async fn start(servers: Servers) -> Self {
        let id = format!("it_{}", &Uuid::new_v4().simple().to_string()[..12]);
        let database = Database::create(servers.postgres_url, environment::app_password(), &id).await;
        let stream = Stream::of(servers.nats_url, &id).await;
        let directory = tempfile::Builder::new().prefix("daybook-it-").tempdir().expect("a directory can be made");
        let ports = [free_port(), free_port(), free_port()];
        let children = [None, None, None];
        let mut this = Self { id, database, stream, mongodb_url: servers.mongodb_url, ports, children, directory };
        for part in PARTS {
            this.start_part(part).await;
        }
        this
    }

    /// Kills a service and starts it again.
    pub(crate) async fn kill_and_restart(&mut self, part: Part) {
        self.child(part).kill();
        self.start_part(part).await;
    }

    /// Starts a service that does not run, and waits until it serves.
    pub(crate) async fn start_part(&mut self, part: Part) {
        let child = Child::start(part.name(), self.command_of(part), self.directory.path());
        self.children[part as usize] = Some(child);
        until_within(START_PATIENCE, &format!("{} serves", part.name()), async || {
            let ended = self.child(part).ended();
            assert!(ended.is_none(), "{} ended while it was starting: {ended:?}", part.name());
            let mut request = Request::new(HealthCheckRequest::default());
            request.set_timeout(QUESTION);
            let answer = HealthClient::new(self.channel(part)).check(request).await.ok()?;
            (answer.into_inner().status() == ServingStatus::Serving).then_some(())
        })
        .await;
    }

    /// The process of a service.
    pub(crate) fn child(&mut self, part: Part) -> &mut Child {
        self.children[part as usize].as_mut().expect("the service was started")
    }

    /// Where a service is.
    pub(crate) fn endpoint(&self, part: Part) -> String {
        format!("http://127.0.0.1:{}", self.ports[part as usize])
    }

    /// A connection of its own to a service.
    pub(crate) fn channel(&self, part: Part) -> Channel {
        daybook::client::channel(&self.endpoint(part)).expect("the endpoint is a URI")
    }

    /// A directory for what the test writes; it goes with the deployment.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Position of the last event; `None` while the service is away.
    pub(crate) async fn head(&self) -> Option<i64> {
        let mut request = Request::new(GetLogStatusRequest {});
        request.set_timeout(QUESTION);
        let mut log = CommandClient::new(self.channel(Part::Command)).log;
        Some(log.get_log_status(request).await.ok()?.into_inner().head_position)
    }

    /// Position up to which the reports are; `None` while the service is away.
    pub(crate) async fn projected(&self) -> Option<i64> {
        let mut request = Request::new(GetProjectionStatusRequest::default());
        request.set_timeout(QUESTION);
        let mut projection = QueryClient::new(self.channel(Part::Query)).projection;
        Some(projection.get_projection_status(request).await.ok()?.into_inner().as_of?.position)
    }

    /// Asks all services to stop, checks that each does in time and well, and deletes everything.
    pub(crate) async fn end(mut self) {
        for part in [Part::Query, Part::Projector, Part::Command] {
            self.child(part).terminate();
            let status = self.child(part).end(SHUTDOWN_BUDGET * 2).await;
            assert!(status.success(), "{} ended with {status}", part.name());
        }
        let client = mongodb::Client::with_uri_str(&self.mongodb_url).await.expect("a MongoDB address");
        client.database(&self.id).drop().await.expect("the reports can be deleted");
        self.stream.delete().await;
        self.database.drop().await;
    }

    fn command_of(&self, part: Part) -> Command {
        let mut command = Command::new(binary(&format!("daybook-{}", part.name())));
        command.current_dir(self.directory.path());
        let listen = format!("127.0.0.1:{}", self.ports[part as usize]);
        command.env(format!("DAYBOOK_{}_LISTEN", part.name().to_uppercase()), listen);
        command.env("DAYBOOK_NATS_URL", &self.stream.url).env("DAYBOOK_NATS_STREAM", &self.stream.name);
        command.env("DAYBOOK_MONGODB_URL", &self.mongodb_url).env("DAYBOOK_MONGODB_DATABASE", &self.id);
        match part {
            Part::Command => command
                .env("DAYBOOK_POSTGRES_URL", self.database.app_url())
                .env("DAYBOOK_POSTGRES_CONNECTIONS", "6")
                .env("DAYBOOK_NATS_SUBJECTS", &self.stream.subjects),
            Part::Projector => command.env("DAYBOOK_COMMAND_ENDPOINT", self.endpoint(Part::Command)),
            Part::Query => &mut command,
        };
        command
    }
}

/// A program of the workspace, built beside the tests.
pub(crate) fn binary(name: &str) -> PathBuf {
    let tests = env::current_exe().expect("this program has a path");
    let directory = tests.parent().and_then(Path::parent).expect("tests are built below the programs");
    let path = directory.join(name);
    assert!(path.exists(), "{} is not there: `cargo build --workspace --bins` makes it", path.display());
    path
}
