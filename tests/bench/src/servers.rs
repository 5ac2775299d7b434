//! The three servers, which run before the benchmark and after it: where they are, and a fresh place on each.

use std::path::PathBuf;

use daybook_chassis::BoxError;
use tokio_postgres::NoTls;

use crate::measure::{Children, Watched};

/// Where the servers are and what the benchmark starts; `deploy/local.sh bench` sets all of it in the environment.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "What deploy/local.sh bench sets")]
pub(crate) struct Servers {
    /// PostgreSQL as a superuser
    #[arg(long, env = "DAYBOOK_BENCH_POSTGRES_URL", hide_env_values = true)]
    pub(crate) postgres_url: String,
    /// The write store as the role of the service; the name of the database is replaced
    #[arg(long, env = "DAYBOOK_BENCH_POSTGRES_APP_URL", hide_env_values = true)]
    postgres_app_url: String,
    /// The write store as its owner; the name of the database is replaced
    #[arg(long, env = "DAYBOOK_BENCH_POSTGRES_OWNER_URL", hide_env_values = true)]
    postgres_owner_url: String,
    #[arg(long, env = "DAYBOOK_BENCH_NATS_URL")]
    pub(crate) nats_url: String,
    #[arg(long, env = "DAYBOOK_BENCH_MONGODB_URL")]
    pub(crate) mongodb_url: String,
    #[arg(long, env = "DAYBOOK_BENCH_POSTGRES_PID")]
    postgres_pid: u32,
    #[arg(long, env = "DAYBOOK_BENCH_NATS_PID")]
    nats_pid: u32,
    #[arg(long, env = "DAYBOOK_BENCH_MONGODB_PID")]
    mongodb_pid: u32,
    /// Directory of the services and the daybook program
    #[arg(long, env = "DAYBOOK_BENCH_PROGRAMS")]
    pub(crate) programs: PathBuf,
    /// How they were built
    #[arg(long, env = "DAYBOOK_BENCH_BUILD", default_value = "release")]
    pub(crate) build: String,
    /// Directory for the logs of the services
    #[arg(long, env = "DAYBOOK_BENCH_LOGS")]
    pub(crate) logs: PathBuf,
}

/// A place of its own on each server for one instance of Daybook.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) postgres_app_url: String,
    pub(crate) postgres_owner_url: String,
    pub(crate) postgres_superuser_url: String,
    /// Name of the databases.
    pub(crate) database: String,
    pub(crate) nats_stream: String,
    pub(crate) nats_subjects: String,
}

/// Role and owner that `deploy/local.sh` makes.
const OWNER: &str = "daybook_owner";
const APP: &str = "daybook_app";

impl Servers {
    /// The servers and this program as processes.
    pub(crate) fn watched(&self) -> [Watched; 4] {
        [
            Watched { name: "load", pid: std::process::id(), children: Children::Ended },
            Watched { name: "postgres", pid: self.postgres_pid, children: Children::All },
            Watched { name: "nats", pid: self.nats_pid, children: Children::None },
            Watched { name: "mongodb", pid: self.mongodb_pid, children: Children::None },
        ]
    }

    /// Makes an empty place; what an earlier run left there is deleted.
    pub(crate) async fn place(&self, name: &str) -> Result<Place, BoxError> {
        let database = format!("daybook_{name}");
        let place = Place {
            postgres_app_url: with_database(&self.postgres_app_url, &database)?,
            postgres_owner_url: with_database(&self.postgres_owner_url, &database)?,
            postgres_superuser_url: with_database(&self.postgres_url, &database)?,
            nats_stream: format!("DAYBOOK_{}", name.to_uppercase()),
            nats_subjects: format!("daybook.{name}"),
            database,
        };
        self.clear(&place).await?;
        let database = &place.database;
        let admin = connect(&self.postgres_url).await?;
        admin.batch_execute(&format!("CREATE DATABASE {database} OWNER {OWNER}")).await?;
        admin.batch_execute(&format!("GRANT CONNECT ON DATABASE {database} TO {APP}")).await?;
        Ok(place)
    }

    /// Deletes everything in a place, so that it neither takes disk nor is looked after by the servers any longer.
    pub(crate) async fn clear(&self, place: &Place) -> Result<(), BoxError> {
        let admin = connect(&self.postgres_url).await?;
        admin.batch_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", place.database)).await?;
        self.clear_documents(&place.database).await?;
        let nats = async_nats::connect(&self.nats_url).await?;
        // There is none before the first run.
        let _ = async_nats::jetstream::new(nats).delete_stream(&place.nats_stream).await;
        Ok(())
    }

    /// Deletes a database of documents.
    pub(crate) async fn clear_documents(&self, database: &str) -> Result<(), BoxError> {
        Ok(self.mongodb().await?.database(database).drop().await?)
    }

    /// A client of MongoDB.
    pub(crate) async fn mongodb(&self) -> Result<mongodb::Client, BoxError> {
        Ok(mongodb::Client::with_uri_str(&self.mongodb_url).await?)
    }
}

/// A connection to PostgreSQL.
pub(crate) async fn connect(url: &str) -> Result<tokio_postgres::Client, BoxError> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // Ends with the client.
    tokio::spawn(connection);
    Ok(client)
}

/// The same URL with another database.
fn with_database(url: &str, database: &str) -> Result<String, BoxError> {
    let (server, _) = url.rsplit_once('/').ok_or("a PostgreSQL URL must name a database")?;
    Ok(format!("{server}/{database}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_is_replaced() {
        let url = with_database("postgres://user:word@127.0.0.1:5432/daybook", "daybook_main").unwrap();
        assert_eq!(url, "postgres://user:word@127.0.0.1:5432/daybook_main");
        assert!(with_database("nothing", "x").is_err());
    }
}
