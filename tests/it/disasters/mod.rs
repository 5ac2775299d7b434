//! Servers lose what they had, all of it or the end, and come back from backups as docs/operations.md says.

mod archive;
mod backup;
mod tail;

use std::time::Duration;

use crate::kills::cluster::{Cluster, Victim};

/// How long a step may take on a machine where all tests run at once.
const PATIENCE: Duration = Duration::from_secs(150);

/// How long a service may take to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(25);

const SERVICES: [Victim; 3] = [Victim::Command, Victim::Projector, Victim::Query];

/// Tells services to stop, and waits until they have.
async fn stop(cluster: &mut Cluster, services: &[Victim]) {
    for &service in services {
        cluster.process(service).terminate();
    }
    for &service in services {
        assert!(cluster.process(service).ended(STOP_PATIENCE).await.success(), "{service:?}");
    }
}

/// Starts services and waits until they serve.
async fn start(cluster: &mut Cluster, services: &[Victim]) {
    for &service in services {
        cluster.process(service).start();
    }
    for &service in services {
        cluster.serving(service).await;
    }
}

/// Dumps the write store into a file of the cluster's directory; answers its path.
fn dump(cluster: &Cluster, name: &str) -> String {
    let file = cluster.directory().join(name).display().to_string();
    cluster.postgres_program("pg_dump", &["--format=custom", "--file", &file]);
    file
}

/// Loads a dump into an empty write store.
fn restore(cluster: &Cluster, file: &str) {
    cluster.postgres_program("pg_restore", &["--single-transaction", "--exit-on-error", file]);
}
