//! A database of a peer.

use std::{str::FromStr as _, time::Duration};

use daybook_chassis::BoxError;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, QueueMode, RecyclingMethod, Runtime};
use tokio_postgres::{Client, Config, NoTls};

/// How long making a connection, or waiting for a free one, may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Settings of every session, for short statements on a busy server: none is compiled, or divided among workers, before it is
/// run. Whether a plan with workers is kept depends on which stores a connection asks for first; a store-day takes 16 ms with
/// them and 5 ms without.
const SESSION: &str = "-c jit=off -c max_parallel_workers_per_gather=0";

/// A database, and a pool of connections to it.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    config: Config,
    pool: Pool,
}

impl Database {
    /// A new empty database on the server of the URL; one of the same name is dropped.
    pub(crate) async fn fresh(server_url: &str, name: &str, connections: usize) -> Result<Self, BoxError> {
        let server = connect(&Config::from_str(server_url)?).await?;
        server.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
        server.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).await?;
        Self::existing(server_url, name, connections)
    }

    /// A database that is there.
    fn existing(server_url: &str, name: &str, connections: usize) -> Result<Self, BoxError> {
        let mut config = Config::from_str(server_url)?;
        config.dbname(name).connect_timeout(CONNECT_TIMEOUT).options(SESSION);
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(config.clone(), NoTls, manager))
            .max_size(connections)
            .wait_timeout(Some(CONNECT_TIMEOUT))
            .create_timeout(Some(CONNECT_TIMEOUT))
            // The connection used last has its statements prepared and its plans warm.
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .build()?;
        Ok(Self { config, pool })
    }

    /// A connection of the pool.
    pub(crate) async fn pooled(&self) -> Result<Object, BoxError> {
        Ok(self.pool.get().await?)
    }

    /// A connection beside the pool.
    pub(crate) async fn connection(&self) -> Result<Client, BoxError> {
        connect(&self.config).await
    }

    /// Drops the database.
    #[cfg(test)]
    pub(crate) async fn discard(self, server_url: &str) -> Result<(), BoxError> {
        let server = connect(&Config::from_str(server_url)?).await?;
        let name = self.config.get_dbname().ok_or("the database has a name")?;
        Ok(server.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?)
    }
}

/// A connection, driven until its client is dropped.
pub(crate) async fn connect(config: &Config) -> Result<Client, BoxError> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
