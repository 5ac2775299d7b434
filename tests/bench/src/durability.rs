//! Whether the servers keep what they acknowledge: read from the servers as they run, before anything is measured.

use std::time::Duration;

use backon::{ConstantBuilder, Retryable as _};
use daybook_chassis::BoxError;
use mongodb::bson::{Bson, Document, doc};
use serde::Serialize;

use crate::servers::{Place, Servers, connect};

/// Settings on which durability rests, as they were read.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Durability {
    pub(crate) settings: Vec<Setting>,
}

/// One setting of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Setting {
    pub(crate) server: &'static str,
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Settings of PostgreSQL without which an acknowledged commit may be lost: nothing is measured when one is off.
const POSTGRES: [&str; 3] = ["synchronous_commit", "fsync", "full_page_writes"];

/// Values under which a commit waits until it is on the disk.
const DURABLE: [&str; 3] = ["on", "local", "remote_apply"];

/// How often it is looked for the stream, and how long after each other.
const LOOKS: usize = 100;
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Durability {
    /// Asks PostgreSQL and MongoDB.
    ///
    /// # Errors
    /// If a server does not answer or a commit need not be on the disk when it is acknowledged.
    pub(crate) async fn read(servers: &Servers) -> Result<Self, BoxError> {
        let mut durability = Self::default();
        durability.read_postgres(servers).await?;
        durability.read_mongodb(servers).await?;
        durability.refuse_weakened()?;
        Ok(durability)
    }

    async fn read_postgres(&mut self, servers: &Servers) -> Result<(), BoxError> {
        let client = connect(&servers.postgres_url).await?;
        for name in POSTGRES {
            let row = client.query_one("SELECT current_setting($1)", &[&name]).await?;
            self.add("postgres", name, row.try_get::<_, String>(0)?);
        }
        Ok(())
    }

    async fn read_mongodb(&mut self, servers: &Servers) -> Result<(), BoxError> {
        let admin = servers.mongodb().await?.database("admin");
        let defaults = admin.run_command(doc! { "getDefaultRWConcern": 1 }).await?;
        self.add("mongodb", "default write concern", told(&defaults, &["defaultWriteConcern", "w"], "w:1"));
        let set = admin.run_command(doc! { "replSetGetConfig": 1 }).await?;
        let journaled = told(&set, &["config", "writeConcernMajorityJournalDefault"], "true");
        self.add("mongodb", "majority is journaled", journaled);
        let options = admin.run_command(doc! { "getCmdLineOpts": 1 }).await?;
        let journal = told(&options, &["parsed", "storage", "journal", "enabled"], "true");
        self.add("mongodb", "journal", journal);
        let status = admin.run_command(doc! { "serverStatus": 1 }).await?;
        self.add("mongodb", "storage engine", told(&status, &["storageEngine", "name"], "unknown"));
        self.add("mongodb", "persistent", told(&status, &["storageEngine", "persistent"], "unknown"));
        Ok(())
    }

    /// Asks NATS about the stream of an instance, which its relay has made.
    ///
    /// # Errors
    /// If the server does not answer.
    pub(crate) async fn read_stream(&mut self, servers: &Servers, place: &Place) -> Result<(), BoxError> {
        let jetstream = async_nats::jetstream::new(async_nats::connect(&servers.nats_url).await?);
        let stream = (|| jetstream.get_stream(&place.nats_stream)).retry(looks()).await?;
        let config = &stream.cached_info().config;
        self.settings.retain(|setting| setting.server != "nats");
        self.add("nats", "storage", format!("{:?}", config.storage).to_lowercase());
        self.add("nats", "replicas", config.num_replicas.to_string());
        Ok(())
    }

    fn add(&mut self, server: &'static str, name: &str, value: String) {
        self.settings.push(Setting { server, name: name.to_owned(), value });
    }

    fn refuse_weakened(&self) -> Result<(), BoxError> {
        let weak = self.settings.iter().find(|setting| match (setting.server, setting.name.as_str()) {
            ("postgres", _) => !DURABLE.contains(&setting.value.as_str()),
            ("mongodb", "journal" | "persistent") => setting.value != "true",
            _ => false,
        });
        match weak {
            None => Ok(()),
            Some(Setting { server, name, value }) => {
                Err(format!("{server} runs with {name} = {value}: what is not durable is not measured").into())
            }
        }
    }

    /// One line for each server.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<(&str, String)> = Vec::new();
        for Setting { server, name, value } in &self.settings {
            match lines.last_mut() {
                Some((last, line)) if last == server => line.push_str(&format!(", {name} = {value}")),
                _ => lines.push((server, format!("{server}: {name} = {value}"))),
            }
        }
        lines.into_iter().map(|(_, line)| line).collect()
    }
}

/// The relay makes the stream when there is something to publish, a moment after that is recorded.
fn looks() -> ConstantBuilder {
    ConstantBuilder::default().with_delay(LOOK_EVERY).with_max_times(LOOKS)
}

/// The value at a path of a document, or what is true where it is absent.
fn told(document: &Document, path: &[&str], absent: &str) -> String {
    let Some((last, way)) = path.split_last() else { return absent.to_owned() };
    let place = way.iter().try_fold(document, |place, name| place.get_document(name).ok());
    match place.and_then(|place| place.get(last)) {
        None => absent.to_owned(),
        Some(Bson::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> Durability {
        let mut durability = Durability::default();
        durability.add("postgres", name, value.to_owned());
        durability.add("mongodb", "journal", "true".to_owned());
        durability
    }

    #[test]
    fn what_is_not_durable_is_refused() {
        assert!(with("fsync", "on").refuse_weakened().is_ok());
        assert!(with("fsync", "off").refuse_weakened().is_err());
        assert!(with("synchronous_commit", "off").refuse_weakened().is_err());
        assert!(with("synchronous_commit", "remote_write").refuse_weakened().is_err());
    }

    #[test]
    fn a_setting_that_is_absent_has_its_default() {
        let options = doc! { "parsed": { "storage": { "journal": { "enabled": false } } } };
        assert_eq!(told(&options, &["parsed", "storage", "journal", "enabled"], "true"), "false");
        assert_eq!(told(&doc! {}, &["parsed", "storage", "journal", "enabled"], "true"), "true");
    }

    #[test]
    fn each_server_has_a_line() {
        assert_eq!(with("fsync", "on").lines(), ["postgres: fsync = on", "mongodb: journal = true"]);
    }
}
