//! What the service is told from outside.
//!
//! - `DAYBOOK_QUERY_LISTEN`: address and port of the gRPC server (default `127.0.0.1:7403`; port 0 takes a free one);
//! - how it is reached, and by whom: see [`daybook_chassis::door`];
//! - `DAYBOOK_TOKEN_FILE`, `DAYBOOK_CA_FILE`, `DAYBOOK_CLIENT_CERT_FILE`, `DAYBOOK_CLIENT_KEY_FILE`: what it shows to the
//!   command service, and whom it believes;
//! - `DAYBOOK_QUERY_METRICS_LISTEN`: address where Prometheus reads its numbers; without it nobody can;
//! - `DAYBOOK_COMMAND_ENDPOINT`: the command service, such as `http://127.0.0.1:7401`; without it, reports are answered as
//!   they are stored, and wait for that where a position is asked for;
//! - `DAYBOOK_MONGODB_URL`: where MongoDB is, with credentials and the name of the replica set; required;
//! - `DAYBOOK_MONGODB_DATABASE`: the database with the reports (default `daybook`).

use std::net::{Ipv4Addr, SocketAddr};

use daybook::client::Credentials;
use daybook_chassis::{
    config::{ConfigErrors, Env, Secret},
    door::DoorConfig,
};

/// Port on which the service listens unless it is told otherwise.
const DEFAULT_PORT: u16 = 7403;

/// Configuration of the service.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: SocketAddr,
    pub door: DoorConfig,
    pub metrics_listen: Option<SocketAddr>,
    pub command_endpoint: Option<String>,
    /// What is shown to the command service.
    pub credentials: Credentials,
    pub mongodb_url: Secret<String>,
    pub mongodb_database: String,
}

impl Config {
    /// Reads the environment of the process.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn from_environment() -> Result<Self, ConfigErrors> {
        Self::read(Env::process())
    }

    fn read(mut env: Env) -> Result<Self, ConfigErrors> {
        let listen = env.or("DAYBOOK_QUERY_LISTEN", SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)));
        let metrics_listen = env.optional("DAYBOOK_QUERY_METRICS_LISTEN");
        let command_endpoint = env.optional("DAYBOOK_COMMAND_ENDPOINT");
        let mongodb_url = env.required("DAYBOOK_MONGODB_URL");
        let mongodb_database = env.or("DAYBOOK_MONGODB_DATABASE", "daybook".to_owned());
        let door = DoorConfig::read(&mut env);
        let credentials = Credentials::from_settings(|name| env.optional(name));
        let config = mongodb_url.map(|mongodb_url| Self {
            listen,
            door,
            metrics_listen,
            command_endpoint,
            credentials,
            mongodb_url,
            mongodb_database,
        });
        env.finish(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_leave_only_the_url_to_be_told() {
        let config = Config::read(Env::of([("DAYBOOK_MONGODB_URL", "mongodb://user:secret@db/")])).unwrap();
        assert_eq!(config.listen, "127.0.0.1:7403".parse().unwrap());
        assert_eq!(config.command_endpoint, None);
        assert_eq!(config.mongodb_database, "daybook");
        assert!(!format!("{config:?}").contains("secret"));
    }

    #[test]
    fn mistakes_are_told_together() {
        let mistakes = Config::read(Env::of([("DAYBOOK_QUERY_LISTEN", "here")])).unwrap_err().to_string();
        assert!(mistakes.contains("DAYBOOK_QUERY_LISTEN") && mistakes.contains("DAYBOOK_MONGODB_URL"), "{mistakes}");
    }
}
