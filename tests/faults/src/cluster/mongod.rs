//! MongoDB: a replica set of one member, which is known by the address of the proxy before it, so that drivers that ask the
//! set for its members stay behind the proxy.

use std::{fs, path::Path, process::Command, time::Duration};

use mongodb::{
    Client,
    bson::doc,
    options::{ClientOptions, ServerAddress},
};

use super::environment;
use crate::{Outcome, until::until};

/// Name of the replica set.
const SET: &str = "rs0";

/// How long to look for the server in one question.
const SELECTION_TIMEOUT: Duration = Duration::from_secs(2);

/// The address under which services find the set, by the port of the proxy.
pub(super) fn url(proxy: u16) -> String {
    format!("mongodb://127.0.0.1:{proxy}/?replicaSet={SET}")
}

/// A server with its data in a directory.
pub(super) fn server(directory: &Path, port: u16) -> Outcome<Command> {
    let data = directory.join("mongod");
    fs::create_dir(&data)?;
    let mut mongod = Command::new(environment::mongod_program()?);
    mongod.arg("--dbpath").arg(data).args(["--bind_ip", "127.0.0.1", "--port", &port.to_string()]);
    mongod.args(["--nounixsocket", "--replSet", SET, "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64"]);
    mongod.args(["--setParameter", "diagnosticDataCollectionEnabled=false"]);
    Ok(mongod)
}

/// A client of the server itself, past the proxy.
pub(super) async fn client(port: u16) -> Outcome<Client> {
    let mut options = ClientOptions::builder()
        .hosts(vec![ServerAddress::Tcp { host: "127.0.0.1".to_owned(), port: Some(port) }])
        .direct_connection(true)
        .server_selection_timeout(SELECTION_TIMEOUT)
        .connect_timeout(SELECTION_TIMEOUT)
        .build();
    options.app_name = Some("daybook-faults".to_owned());
    Ok(Client::with_options(options)?)
}

/// Makes the set, once, and waits until the server is its primary.
pub(super) async fn initiate(client: &Client, proxy: u16, patience: Duration) -> Outcome {
    let admin = client.database("admin");
    until(patience, "MongoDB is a primary", async || {
        let host = format!("127.0.0.1:{proxy}");
        let set = doc! { "_id": SET, "members": [{ "_id": 0, "host": host }] };
        // Refused once it is done.
        let _ = admin.run_command(doc! { "replSetInitiate": set }).await;
        let Ok(hello) = admin.run_command(doc! { "hello": 1 }).await else { return Ok(None) };
        Ok(hello.get_bool("isWritablePrimary").ok().filter(|primary| *primary))
    })
    .await?;
    Ok(())
}
