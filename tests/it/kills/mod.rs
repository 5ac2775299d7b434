//! Each process is killed in the middle of an import, several times, and started again: in the end the log has everything
//! once, and the reports are right in every cell.

pub(crate) mod cluster;
pub(crate) mod part;
pub(crate) mod ports;
pub(crate) mod process;
mod programs;

use std::time::Duration;

use daybook_operator::{
    Endpoints, Notices,
    export::{ExportOptions, export},
    import::{ImportOptions, import},
};
use futures_util::FutureExt as _;

use crate::{
    tables,
    world::{gate::Gate, run, until::until_within},
};
use cluster::{Cluster, Victim};
use part::Part;

/// Every so many-th store takes part: enough for the import to be under way when the kills come.
const EVERY_NTH_STORE: usize = 9;

/// Shares of the log, in percent, after which the process is killed.
const KILLS_AT_PERCENT: [i64; 3] = [15, 50, 85];

/// What an export gets before the process is killed: some hundred rows.
const EXPORTED_BEFORE_BYTES: usize = 48 * 1024;

/// How long a step may take on a machine where all tests run at once.
const PATIENCE: Duration = Duration::from_secs(150);

#[test]
fn killing_command_during_an_import_loses_and_doubles_nothing() {
    survives(Victim::Command);
}

#[test]
fn killing_the_projector_during_an_import_leaves_the_reports_right() {
    survives(Victim::Projector);
}

#[test]
fn killing_query_during_an_import_and_an_export_leaves_the_export_right() {
    survives(Victim::Query);
}

#[test]
fn killing_postgres_during_an_import_loses_and_doubles_nothing() {
    survives(Victim::Postgres);
}

#[test]
fn killing_nats_during_an_import_leaves_the_reports_right() {
    survives(Victim::Nats);
}

#[test]
fn killing_mongodb_during_an_import_leaves_the_reports_right() {
    survives(Victim::Mongod);
}

fn survives(victim: Victim) {
    run(async {
        let part = Part::of_the_day(EVERY_NTH_STORE);
        let mut cluster = Cluster::start().await;
        let endpoints = cluster.endpoints();
        let options = ImportOptions {
            rejects: cluster.directory().join("rejects.csv"),
            patience: PATIENCE,
            ..ImportOptions::of(part.directory())
        };
        let (background, at) = (options.clone(), endpoints.clone());
        let importing =
            tokio::spawn(
                async move { import(&at, &background, &Notices::kept()).await.map_err(|error| error.to_string()) },
            );
        for percent in KILLS_AT_PERCENT {
            let position = part.events() * percent / 100;
            let what = format!("the log reaches position {position}");
            until_within(PATIENCE, &what, async || {
                assert!(!importing.is_finished() || cluster.head().await >= Some(position), "the import ended early");
                cluster.head().await.filter(|head| *head >= position)
            })
            .await;
            cluster.kill_and_restart(victim).await;
        }
        let summary = importing.await.unwrap().expect("the import goes on after each kill");
        assert_eq!(summary.rejected(), 0, "{summary:?}");
        let head = until_within(PATIENCE, "the log answers", async || cluster.head().await).await;
        assert_eq!(head, part.events(), "each event is in the log once");

        let again = import(&endpoints, &options, &Notices::kept()).await.expect("the day can be imported again");
        assert!(again.kinds.iter().all(|kind| kind.accepted == 0 && kind.rejected == 0), "{again:?}");
        assert_eq!(cluster.head().await, Some(head));

        let out = cluster.directory().join("out");
        let options = ExportOptions { patience: PATIENCE, ..ExportOptions::to(&out) };
        // It gets some rows and no more until it is said so: that is when query is killed.
        let gate = Gate::before(cluster.port(Victim::Query), EXPORTED_BEFORE_BYTES).await;
        let endpoints = Endpoints { query: Some(gate.endpoint()), ..endpoints };
        let exporting = tokio::spawn(async move {
            export(&endpoints, &options, &Notices::kept()).await.map_err(|error| error.to_string())
        });
        until_within(PATIENCE, "the export is under way", async || gate.holds().now_or_never()).await;
        if victim == Victim::Query {
            cluster.kill_and_restart(victim).await;
        }
        assert!(!exporting.is_finished());
        gate.open();
        exporting.await.unwrap().expect("the export goes on after each kill");
        tables::assert_same(&tables::read(&out), part.expected());
    });
}
