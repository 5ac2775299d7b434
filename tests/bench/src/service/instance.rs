//! An instance of Daybook with stores of its own.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use daybook::{
    client::{CommandClient, Credentials, QueryClient, link},
    event::v1::{GetLogStatusRequest, GetLogStatusResponse},
    query::v1::{AsOf, GetProjectionStatusRequest},
};
use daybook_chassis::BoxError;
use tokio::time::{Instant, sleep};
use tonic::Request;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::{port, process::Process};
use crate::{
    measure::{Children, Watched},
    servers::{Place, Servers},
};

/// How long a service may take until it serves, and how long the reports may stand still.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a condition is looked at while waiting for it.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long one question may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Command, projector and query as processes, with an empty log at first.
#[derive(Debug)]
pub(crate) struct Instance {
    servers: Servers,
    place: Place,
    documents: String,
    ports: Ports,
    setup: Setup,
    // Readers go before what they read from.
    query: Option<Process>,
    projector: Option<Process>,
    /// Those that share the documents with the first one.
    further_projectors: Vec<Process>,
    command: Option<Process>,
    another_command: Option<Process>,
    pub(crate) commands: CommandClient,
    pub(crate) queries: QueryClient,
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    command: u16,
    projector: u16,
    query: u16,
}

/// How an instance differs from the usual.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    /// Further variables of its services.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// What callers show; with a root, the services are called over TLS.
    pub(crate) credentials: Credentials,
}

impl Setup {
    fn endpoint(&self, port: u16) -> String {
        let scheme = if self.credentials.ca_file.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{port}")
    }
}

impl Instance {
    /// An instance as usual.
    pub(crate) async fn start(servers: &Servers, name: &str) -> Result<Self, BoxError> {
        Self::start_as(servers, name, Setup::default()).await
    }

    /// Makes the stores, brings the tables to the version of the services, and starts everything.
    pub(crate) async fn start_as(servers: &Servers, name: &str, setup: Setup) -> Result<Self, BoxError> {
        let place = servers.place(name).await?;
        let ports = Ports { command: port::free()?, projector: port::free()?, query: port::free()? };
        let link = |port| link(&setup.endpoint(port), &setup.credentials);
        let mut instance = Self {
            servers: servers.clone(),
            documents: place.database.clone(),
            place,
            ports,
            query: None,
            projector: None,
            further_projectors: Vec::new(),
            command: None,
            another_command: None,
            commands: CommandClient::new(link(ports.command)?),
            queries: QueryClient::new(link(ports.query)?),
            setup,
        };
        instance.migrate().await?;
        instance.start_services().await?;
        Ok(instance)
    }

    async fn migrate(&self) -> Result<(), BoxError> {
        let url = [("DAYBOOK_POSTGRES_OWNER_URL", self.place.postgres_owner_url.clone())];
        let log = self.servers.logs.join("migrate.log");
        let mut migrate = Process::start(&self.program("daybook-command"), &["migrate"], &url, log)?;
        migrate.finished().await
    }

    /// Starts the services that do not run, and waits until all of them serve.
    pub(crate) async fn start_services(&mut self) -> Result<(), BoxError> {
        if self.command.is_none() {
            self.command = Some(self.service("daybook-command")?);
        }
        if self.projector.is_none() {
            self.projector = Some(self.service("daybook-projector")?);
        }
        if self.query.is_none() {
            self.query = Some(self.service("daybook-query")?);
        }
        let begun = Instant::now();
        for port in [self.ports.command, self.ports.projector, self.ports.query] {
            while !self.serves(port).await {
                self.check_running()?;
                if begun.elapsed() > PATIENCE {
                    return Err(format!("a service does not serve after {} s", PATIENCE.as_secs()).into());
                }
                sleep(LOOK_EVERY).await;
            }
        }
        Ok(())
    }

    /// Starts several projectors instead of one, each of a share of the documents, and what else does not run.
    pub(crate) async fn share_documents(&mut self, count: usize) -> Result<(), BoxError> {
        let shard = |index: usize| ("DAYBOOK_PROJECTOR_SHARD", format!("{index}/{count}"));
        self.projector = Some(self.service_with("daybook-projector", &[shard(0)])?);
        for index in 1..count {
            let listen = ("DAYBOOK_PROJECTOR_LISTEN", format!("127.0.0.1:{}", port::free()?));
            self.further_projectors.push(self.service_with("daybook-projector", &[shard(index), listen])?);
        }
        self.start_services().await
    }

    /// Starts another command service on the same log; answers where it is called.
    pub(crate) async fn start_another_command(&mut self) -> Result<String, BoxError> {
        let port = port::free()?;
        let listen = ("DAYBOOK_COMMAND_LISTEN", format!("127.0.0.1:{port}"));
        self.another_command = Some(self.service_with("daybook-command", &[listen])?);
        let begun = Instant::now();
        while !self.serves(port).await {
            self.check_running()?;
            if begun.elapsed() > PATIENCE {
                return Err("the other command service does not serve".into());
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(self.setup.endpoint(port))
    }

    fn service(&self, name: &str) -> Result<Process, BoxError> {
        self.service_with(name, &[])
    }

    /// Starts a service; what is said besides counts before the usual.
    fn service_with(&self, name: &str, besides: &[(&'static str, String)]) -> Result<Process, BoxError> {
        let log = self.servers.logs.join(format!("{}-{name}.log", self.place.database));
        let environment = [self.environment(), besides.to_vec()].concat();
        Process::start(&self.program(name), &[], &environment, log)
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let local = |port: u16| format!("127.0.0.1:{port}");
        let endpoint = |port| self.setup.endpoint(port);
        let mut variables = vec![
            ("DAYBOOK_COMMAND_LISTEN", local(self.ports.command)),
            ("DAYBOOK_PROJECTOR_LISTEN", local(self.ports.projector)),
            ("DAYBOOK_QUERY_LISTEN", local(self.ports.query)),
            ("DAYBOOK_COMMAND_ENDPOINT", endpoint(self.ports.command)),
            ("DAYBOOK_QUERY_ENDPOINT", endpoint(self.ports.query)),
            ("DAYBOOK_PROJECTOR_ENDPOINT", endpoint(self.ports.projector)),
            ("DAYBOOK_POSTGRES_URL", self.place.postgres_app_url.clone()),
            ("DAYBOOK_NATS_URL", self.servers.nats_url.clone()),
            ("DAYBOOK_NATS_STREAM", self.place.nats_stream.clone()),
            ("DAYBOOK_NATS_SUBJECTS", self.place.nats_subjects.clone()),
            ("DAYBOOK_MONGODB_URL", self.servers.mongodb_url.clone()),
            ("DAYBOOK_MONGODB_DATABASE", self.documents.clone()),
        ];
        variables.extend(self.setup.variables.iter().cloned());
        variables
    }

    async fn serves(&self, port: u16) -> bool {
        let Ok(link) = link(&self.setup.endpoint(port), &self.setup.credentials) else { return false };
        let answer = HealthClient::new(link).check(HealthCheckRequest::default()).await;
        answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving)
    }

    fn program(&self, name: &str) -> PathBuf {
        self.servers.programs.join(name)
    }

    fn check_running(&mut self) -> Result<(), BoxError> {
        let services = [&mut self.command, &mut self.projector, &mut self.query];
        let further = self.further_projectors.iter_mut().chain(&mut self.another_command);
        services.into_iter().flatten().chain(further).try_for_each(Process::check_running)
    }

    /// Starts the `daybook` program against this instance.
    pub(crate) fn operator(&self, arguments: &[&str], log: &Path) -> Result<Process, BoxError> {
        Process::start(&self.program("daybook"), arguments, &self.environment(), log.to_owned())
    }

    /// Its services, as far as they run, the servers and this program.
    pub(crate) fn watched(&self) -> Vec<Watched> {
        let services = [("command", &self.command), ("projector", &self.projector), ("query", &self.query)];
        let services = services.into_iter().filter_map(|(name, process)| process.as_ref().map(|one| (name, one)));
        let further = self.further_projectors.iter().zip(["projector 2", "projector 3", "projector 4"]);
        let further = further.map(|(process, name)| (name, process));
        let another = self.another_command.iter().map(|process| ("command 2", process));
        let services = services.chain(further).chain(another);
        let services = services.map(|(name, one)| Watched { name, pid: one.pid(), children: Children::None });
        services.chain(self.servers.watched()).collect()
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Name of the database with its documents.
    pub(crate) fn documents(&self) -> &str {
        &self.documents
    }

    pub(crate) fn command_endpoint(&self) -> String {
        self.setup.endpoint(self.ports.command)
    }

    pub(crate) fn query_endpoint(&self) -> String {
        self.setup.endpoint(self.ports.query)
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.setup.credentials
    }

    /// Where the log ends and how far it is published.
    pub(crate) async fn log_status(&self) -> Result<GetLogStatusResponse, BoxError> {
        let mut request = Request::new(GetLogStatusRequest {});
        request.set_timeout(ANSWER_TIMEOUT);
        Ok(self.commands.log.clone().get_log_status(request).await?.into_inner())
    }

    /// How far the reports are.
    pub(crate) async fn projected(&self) -> Result<AsOf, BoxError> {
        let mut request = Request::new(GetProjectionStatusRequest { at_least_position: 0 });
        request.set_timeout(ANSWER_TIMEOUT);
        let answer = self.queries.projection.clone().get_projection_status(request).await?;
        Ok(answer.into_inner().as_of.unwrap_or_default())
    }

    /// Waits until everything that is in the log now is in the reports; answers where that is.
    pub(crate) async fn caught_up(&self) -> Result<i64, BoxError> {
        let head = self.log_status().await?.head_position;
        let (mut reached, mut moved) = (-1, Instant::now());
        loop {
            let now = self.projected().await?.position;
            if now >= head {
                return Ok(head);
            }
            if now > reached {
                (reached, moved) = (now, Instant::now());
            }
            if moved.elapsed() > PATIENCE {
                return Err(format!("the reports stand still at {now} of {head}").into());
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Stops the services and starts them again, so that what they hold in memory is of what comes now.
    pub(crate) async fn restart(&mut self) -> Result<(), BoxError> {
        self.stop_services().await?;
        self.start_services().await
    }

    /// Stops the projector and the query service.
    pub(crate) async fn stop_readers(&mut self) -> Result<(), BoxError> {
        let further = std::mem::take(&mut self.further_projectors);
        for process in [self.query.take(), self.projector.take()].into_iter().flatten().chain(further) {
            process.stop().await?;
        }
        Ok(())
    }

    /// Another database for the documents, empty; counts when projector and query are started again.
    pub(crate) async fn empty_documents(&mut self, name: &str) -> Result<(), BoxError> {
        self.servers.clear_documents(name).await?;
        name.clone_into(&mut self.documents);
        Ok(())
    }

    /// Stops all services.
    pub(crate) async fn stop_services(&mut self) -> Result<(), BoxError> {
        self.stop_readers().await?;
        for process in [self.another_command.take(), self.command.take()].into_iter().flatten() {
            process.stop().await?;
        }
        Ok(())
    }

    /// Stops the services and deletes the stores.
    pub(crate) async fn discard(mut self) -> Result<(), BoxError> {
        self.stop_services().await?;
        self.servers.clear(&self.place).await?;
        self.servers.clear_documents(&self.documents).await
    }
}
