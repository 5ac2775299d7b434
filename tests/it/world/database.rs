//! A database of PostgreSQL that one test has for itself.

use std::str::FromStr as _;

use tokio_postgres::{Client, NoTls, config::Host};

/// The role as which the command service connects. It belongs to the whole server, so tests share it.
const APP_ROLE: &str = "daybook_app";

/// A database with the tables of the write side.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    name: String,
    server_url: String,
    app_password: String,
}

impl Database {
    /// Makes the database and brings it to today's tables.
    pub(crate) async fn create(server_url: String, app_password: String, name: &str) -> Self {
        let database = Self::bare(server_url, app_password, name).await;
        daybook_command::store::migrate::migrate(&database.owner_url()).await.expect("the tables can be made");
        database
    }

    /// Makes the database, without any table.
    pub(crate) async fn bare(server_url: String, app_password: String, name: &str) -> Self {
        let database = Self { name: name.to_owned(), server_url, app_password };
        let server = connect(&database.server_url).await;
        let role = format!(
            "DO $$ BEGIN
                IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{APP_ROLE}') THEN
                    CREATE ROLE {APP_ROLE} LOGIN PASSWORD '{}';
                END IF;
            -- Another test was quicker.
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
            END $$",
            database.app_password,
        );
        server.batch_execute(&role).await.expect("the role of the service can be made");
        // Nobody ever connects to template0, so copies of it never wait for one another.
        server
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0"))
            .await
            .expect("a database can be made");
        database
    }

    /// Deletes the database with everything that still reads it.
    pub(crate) async fn drop(&self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        connect(&self.server_url).await.batch_execute(&sql).await.expect("the database can be deleted");
    }

    /// Address of the database as its owner.
    pub(crate) fn owner_url(&self) -> String {
        let server = tokio_postgres::Config::from_str(&self.server_url).expect("DAYBOOK_TEST_POSTGRES_URL is a URL");
        let user = server.get_user().unwrap_or("postgres");
        let password = String::from_utf8_lossy(server.get_password().unwrap_or_default());
        format!("postgres://{user}:{password}@{}/{}", address(&server), self.name)
    }

    /// Address of the database as the command service uses it.
    pub(crate) fn app_url(&self) -> String {
        let server = tokio_postgres::Config::from_str(&self.server_url).expect("DAYBOOK_TEST_POSTGRES_URL is a URL");
        format!("postgres://{APP_ROLE}:{}@{}/{}", self.app_password, address(&server), self.name)
    }

    /// A connection as the owner.
    pub(crate) async fn owner(&self) -> Client {
        connect(&self.owner_url()).await
    }

    /// A connection with the rights of the command service.
    pub(crate) async fn app(&self) -> Client {
        connect(&self.app_url()).await
    }
}

fn address(server: &tokio_postgres::Config) -> String {
    let host = match server.get_hosts().first() {
        Some(Host::Tcp(host)) => host.as_str(),
        _ => "127.0.0.1",
    };
    format!("{host}:{}", server.get_ports().first().copied().unwrap_or(5432))
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("PostgreSQL can be reached");
    // Ends with the client.
    tokio::spawn(connection);
    client
}
