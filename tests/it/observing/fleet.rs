//! The three services as processes of their own, on the servers that all tests share: what they write and send is theirs
//! alone.

use std::{fs, process::Command};

use daybook::client::{self, Credentials, QueryClient};
use tempfile::TempDir;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use uuid::Uuid;

use daybook::client::Link;

use crate::{
    given::commands::Commands,
    kills::{
        ports::free_port,
        process::{Process, own_program},
    },
    world::{database::Database, environment, run, stream::Stream, until::until},
};

/// A name and a password in the address of NATS, which takes any where it asks for none.
pub(super) const NATS_SECRET: &str = "s3cret-of-nats";

/// The names of the programs, each behind the name of its variables.
const SERVICES: [(&str, &str); 3] =
    [("COMMAND", "daybook-command"), ("PROJECTOR", "daybook-projector"), ("QUERY", "daybook-query")];

/// The processes.
#[derive(Debug)]
pub(super) struct Fleet {
    processes: Vec<Process>,
    ports: Vec<u16>,
    /// What the processes are reached with; with a root, over TLS.
    credentials: Credentials,
    database: Database,
    pub(super) stream: Stream,
    id: String,
    directory: TempDir,
}

/// Runs a test with processes that have these variables besides; they are stopped afterwards, in any case.
pub(super) fn in_fleet(variables: &[(&str, String)], test: impl AsyncFnOnce(&Fleet)) {
    run(async {
        let fleet = Fleet::start(variables).await;
        test(&fleet).await;
        fleet.end().await;
    });
}

impl Fleet {
    async fn start(variables: &[(&str, String)]) -> Self {
        let id = format!("it_{}", &Uuid::new_v4().simple().to_string()[..12]);
        let database = Database::create(environment::postgres_url(), environment::app_password(), &id).await;
        let stream = Stream::of(environment::nats_url(), &id).await;
        let directory = tempfile::tempdir().expect("a directory can be made");
        let ports: Vec<u16> = SERVICES.iter().map(|_| free_port()).collect();
        let nats = environment::nats_url().replace("nats://", &format!("nats://daybook:{NATS_SECRET}@"));
        let mut settings = vec![
            ("DAYBOOK_POSTGRES_URL".to_owned(), database.app_url()),
            ("DAYBOOK_POSTGRES_CONNECTIONS".to_owned(), "4".to_owned()),
            ("DAYBOOK_NATS_URL".to_owned(), nats),
            ("DAYBOOK_NATS_STREAM".to_owned(), stream.name.clone()),
            ("DAYBOOK_NATS_SUBJECTS".to_owned(), stream.subjects.clone()),
            ("DAYBOOK_NATS_MAX_BYTES".to_owned(), (64 * 1024 * 1024).to_string()),
            ("DAYBOOK_MONGODB_URL".to_owned(), environment::mongodb_url()),
            ("DAYBOOK_MONGODB_DATABASE".to_owned(), id.clone()),
        ];
        let given = |name| variables.iter().find(|(given, _)| *given == name).map(|(_, value)| value.into());
        let credentials = Credentials { ca_file: given("DAYBOOK_CA_FILE"), ..Credentials::default() };
        for ((name, _), port) in SERVICES.iter().zip(&ports) {
            settings.push((format!("DAYBOOK_{name}_LISTEN"), format!("127.0.0.1:{port}")));
            settings.push((format!("DAYBOOK_{name}_ENDPOINT"), url(*port, &credentials)));
        }
        settings.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let mut processes = Vec::new();
        for (_, program) in SERVICES {
            let mut command = Command::new(own_program(program));
            command.env_clear().envs(settings.iter().cloned());
            let mut process = Process::new(command, directory.path().join(format!("{program}.log")));
            process.start();
            processes.push(process);
        }
        let mut fleet = Self { processes, ports, credentials, database, stream, id, directory };
        for index in 0..SERVICES.len() {
            fleet.serving(index).await;
        }
        fleet
    }

    async fn serving(&mut self, index: usize) {
        let channel = self.channel(index);
        until(&format!("{} serves", SERVICES[index].1), async || {
            self.processes[index].assert_running();
            let health = HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await.ok()?;
            (health.into_inner().status() == ServingStatus::Serving).then_some(())
        })
        .await;
    }

    /// A connection to the command service.
    pub(super) fn command(&self) -> Link {
        self.channel(0)
    }

    /// Commands, sent to the command service.
    pub(super) fn commands(&self) -> Commands {
        Commands::over(self.command())
    }

    /// Clients of the query service.
    pub(super) fn queries(&self) -> QueryClient {
        QueryClient::new(self.channel(2))
    }

    fn channel(&self, index: usize) -> Link {
        client::link(&url(self.ports[index], &self.credentials), &self.credentials).expect("the endpoint is a URI")
    }

    /// What the processes have logged so far, by program.
    pub(super) fn logs(&self) -> Vec<(&'static str, String)> {
        let read = |program| fs::read_to_string(self.directory.path().join(format!("{program}.log")));
        SERVICES.iter().map(|(_, program)| (*program, read(program).expect("a log can be read"))).collect()
    }

    async fn end(mut self) {
        for process in self.processes.iter().rev() {
            process.terminate();
        }
        for process in &mut self.processes {
            let ended = process.ended(std::time::Duration::from_secs(30)).await;
            assert!(ended.success(), "{ended:?}: {}", process.tail());
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // Also after a failed test nothing shall be left.
        self.processes.iter_mut().for_each(Process::kill);
        let (database, stream, id) = (self.database.clone(), self.stream.clone(), self.id.clone());
        let cleaning = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be started").block_on(async {
                database.drop().await;
                stream.delete().await;
                let client = mongodb::Client::with_uri_str(environment::mongodb_url()).await.expect("an address");
                client.database(&id).drop().await.expect("the reports can be deleted");
            });
        });
        let _ = cleaning.join();
    }
}

fn url(port: u16, credentials: &Credentials) -> String {
    let scheme = if credentials.ca_file.is_some() { "https" } else { "http" };
    format!("{scheme}://127.0.0.1:{port}")
}
