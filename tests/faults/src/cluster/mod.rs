//! Servers and services as processes of their own, for one trial to break, with a proxy on every link between them.
//!
//! - [`environment`]: what is told from outside;
//! - [`postgres`], [`nats`], [`mongod`]: the servers;
//! - [`part`]: the names of all that runs; [`links`]: the proxies;
//! - [`ports`]: where all of it listens.

mod environment;
mod links;
mod mongod;
mod nats;
mod part;
mod ports;
mod postgres;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use daybook::client::{CommandClient, QueryClient};
use tempfile::TempDir;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use self::{links::Ports, postgres::START_PATIENCE};
pub use self::{
    links::{Link, Links},
    part::Part,
};
use crate::{Outcome, process::Process, until::until};

/// How long a health check may take.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(1);

/// The numbers of the processes that run, for whoever watches them.
pub type Pids = Arc<Mutex<BTreeMap<Part, u32>>>;

/// Everything that runs.
#[derive(Debug)]
pub struct Cluster {
    // Services go before the servers that they use: they come first in order.
    parts: BTreeMap<Part, Process>,
    pids: Pids,
    /// The proxies.
    pub links: Links,
    ports: Ports,
    /// Kept for whoever looks for the cause, unless all was well.
    directory: Option<TempDir>,
    all_was_well: bool,
}

impl Cluster {
    /// Starts everything and waits until all of it serves.
    ///
    /// # Errors
    /// If something does not start.
    pub async fn start() -> Outcome<Self> {
        let directory = postgres::directory()?;
        let data = postgres::copied(directory.path()).await?;
        let ports = Ports::free()?;
        let links = Links::open(&ports).await?;
        let place = directory.path().to_owned();
        let mut cluster = Self {
            parts: BTreeMap::new(),
            pids: Pids::default(),
            links,
            ports,
            directory: Some(directory),
            all_was_well: false,
        };
        cluster.add(Part::Postgres, postgres::server(&data, ports.postgres)?);
        cluster.add(Part::Nats, nats::server(&place, ports.nats)?);
        cluster.add(Part::Mongod, mongod::server(&place, ports.mongod)?);
        for service in [Part::Command, Part::SecondCommand, Part::Projector, Part::SecondProjector, Part::Query] {
            cluster.add(service, cluster.service(service)?);
        }
        for server in [Part::Postgres, Part::Nats, Part::Mongod] {
            cluster.start_process(server)?;
        }
        cluster.answering(Part::Postgres).await?;
        mongod::initiate(&cluster.documents().await?, cluster.links.mongod.port(), START_PATIENCE).await?;
        for service in [Part::Command, Part::Projector, Part::Query] {
            cluster.start_process(service)?;
        }
        for service in [Part::Command, Part::Projector, Part::Query] {
            cluster.answering(service).await?;
        }
        Ok(cluster)
    }

    fn add(&mut self, part: Part, command: Command) {
        let log = self.place().join(format!("{part:?}.log"));
        self.parts.insert(part, Process::new(command, log));
    }

    fn service(&self, part: Part) -> Outcome<Command> {
        let mut command = Command::new(environment::own_program(part.name())?);
        command.env_clear().envs(self.links.environment(part, &self.ports));
        Ok(command)
    }

    /// The directory of the trial.
    #[must_use]
    pub fn place(&self) -> PathBuf {
        self.directory.as_ref().map_or_else(std::env::temp_dir, |directory| directory.path().to_owned())
    }

    /// One of the processes.
    ///
    /// # Errors
    /// None: every part is known.
    pub fn process(&mut self, part: Part) -> Outcome<&mut Process> {
        self.parts.get_mut(&part).ok_or_else(|| format!("{part:?} is not known").into())
    }

    /// The processes that run, kept up to date.
    #[must_use]
    pub fn pids(&self) -> Pids {
        Arc::clone(&self.pids)
    }

    fn start_process(&mut self, part: Part) -> Outcome {
        let process = self.process(part)?;
        process.start()?;
        let pid = process.pid();
        self.know(part, pid);
        Ok(())
    }

    fn know(&self, part: Part, pid: Option<u32>) {
        let mut pids = self.pids.lock().unwrap_or_else(PoisonError::into_inner);
        match pid {
            Some(pid) => pids.insert(part, pid),
            None => pids.remove(&part),
        };
    }

    /// Kills a process without a warning.
    ///
    /// # Errors
    /// If it has ended by itself before.
    pub fn kill(&mut self, part: Part) -> Outcome {
        self.process(part)?.check_running()?;
        self.know(part, None);
        self.process(part)?.kill()
    }

    /// Starts a process that was killed or has ended; it need not answer yet.
    ///
    /// # Errors
    /// If it cannot be started.
    pub async fn start_again(&mut self, part: Part) -> Outcome {
        if part == Part::Postgres {
            let data = self.place().join("postgres");
            let ended = async || Ok((!postgres::in_use(&data)).then_some(()));
            until(START_PATIENCE, "the sessions of PostgreSQL end", ended).await?;
            let _ = fs::remove_file(data.join("postmaster.pid"));
        }
        self.start_process(part)
    }

    /// Asks a service to end and waits until it has; answers if it ended well.
    ///
    /// # Errors
    /// If it does not end in time.
    pub async fn end(&mut self, part: Part, patience: Duration) -> Outcome<bool> {
        self.know(part, None);
        let process = self.process(part)?;
        process.terminate()?;
        Ok(process.ended(patience).await?.success())
    }

    /// Waits until a part answers: a service that serves, a server that takes connections.
    ///
    /// # Errors
    /// If it does not within [`START_PATIENCE`], or ends.
    pub async fn answering(&mut self, part: Part) -> Outcome {
        let ports = self.ports;
        until(START_PATIENCE, &format!("{part:?} answers"), async || {
            self.process(part)?.check_running()?;
            let answers = match part {
                Part::Postgres => postgres::connect(ports.postgres).await.is_ok(),
                Part::Nats => tokio::net::TcpStream::connect(("127.0.0.1", ports.nats)).await.is_ok(),
                Part::Mongod => true,
                service => serves(ports.of(service)).await,
            };
            Ok(answers.then_some(()))
        })
        .await
    }

    /// Fails if one of the processes that should run has ended by itself.
    ///
    /// # Errors
    /// The end of its log.
    pub fn check_running(&mut self) -> Outcome {
        Part::FIRST.into_iter().try_for_each(|part| self.process(part)?.check_running())
    }

    /// True if a service says that it serves.
    pub async fn serves(&self, service: Part) -> bool {
        serves(self.ports.of(service)).await
    }

    /// PostgreSQL itself, as its owner, past the proxy.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn sql(&self) -> Outcome<tokio_postgres::Client> {
        postgres::connect(self.ports.postgres).await
    }

    /// MongoDB itself, past the proxy.
    ///
    /// # Errors
    /// If its address is not understood.
    pub async fn documents(&self) -> Outcome<mongodb::Client> {
        mongod::client(self.ports.mongod).await
    }

    /// NATS itself, past the proxy.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn broker(&self) -> Outcome<async_nats::jetstream::Context> {
        let client = async_nats::connect(format!("nats://127.0.0.1:{}", self.ports.nats)).await?;
        Ok(async_nats::jetstream::new(client))
    }

    /// Where NATS keeps its streams.
    #[must_use]
    pub fn broker_store(&self) -> PathBuf {
        nats::store(&self.place())
    }

    /// Commands to a service, past the proxy.
    ///
    /// # Errors
    /// If its address is not understood.
    pub fn commands(&self, service: Part) -> Outcome<CommandClient> {
        Ok(CommandClient::new(channel(self.ports.of(service))?))
    }

    /// Questions to the query service, past the proxy.
    ///
    /// # Errors
    /// If its address is not understood.
    pub fn queries(&self) -> Outcome<QueryClient> {
        Ok(QueryClient::new(channel(self.ports.query)?))
    }

    /// The port of a part itself.
    #[must_use]
    pub fn port(&self, part: Part) -> u16 {
        self.ports.of(part)
    }

    /// Says that the files of the trial are not needed any more.
    pub fn all_was_well(&mut self) {
        self.all_was_well = true;
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.parts.clear();
        let directory = self.directory.take().filter(|_| !self.all_was_well);
        if let Some(directory) = directory {
            eprintln!("logs, journal and data are kept in {}", directory.keep().display());
        }
    }
}

/// A channel to a port of loopback, connected when it is first used.
///
/// # Errors
/// If the address is not understood.
pub fn channel(port: u16) -> Outcome<daybook::client::Link> {
    Ok(daybook::client::channel(&format!("http://127.0.0.1:{port}"))?)
}

async fn serves(port: u16) -> bool {
    let Ok(channel) = channel(port) else { return false };
    let mut client = HealthClient::new(channel);
    let check = client.check(HealthCheckRequest::default());
    let answer = tokio::time::timeout(HEALTH_TIMEOUT, check).await;
    answer.is_ok_and(|answer| answer.is_ok_and(|it| it.into_inner().status() == ServingStatus::Serving))
}

/// Removes what a killed server left in a directory.
///
/// # Errors
/// If it cannot be removed.
pub fn wipe(directory: &Path) -> Outcome {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    Ok(())
}
