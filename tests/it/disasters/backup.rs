//! All three servers are lost; a dump of the write store brings everything back.

use daybook_operator::{
    Notices,
    export::{ExportOptions, export},
    import::{ImportOptions, import},
    verify::{VerifyOptions, verify},
};

use super::{PATIENCE, SERVICES, dump, restore, start, stop};
use crate::{
    kills::{
        cluster::{Cluster, Victim},
        part::Part,
    },
    tables::{self, Tables},
    world::run,
};

/// Every so many-th store takes part.
const EVERY_NTH_STORE: usize = 9;

async fn exported(cluster: &Cluster, name: &str) -> Tables {
    let out = cluster.directory().join(name);
    let options = ExportOptions { patience: PATIENCE, ..ExportOptions::to(&out) };
    export(&cluster.endpoints(), &options, &Notices::kept()).await.expect("the reports are exported");
    tables::read(&out)
}

#[test]
fn a_dump_of_the_write_store_brings_everything_back_when_all_servers_are_lost() {
    run(async {
        let part = Part::of_the_day(EVERY_NTH_STORE);
        let mut cluster = Cluster::start().await;
        let import_options = ImportOptions {
            rejects: cluster.directory().join("rejects.csv"),
            patience: PATIENCE,
            ..ImportOptions::of(part.directory())
        };
        let summary = import(&cluster.endpoints(), &import_options, &Notices::kept()).await.expect("an import");
        assert_eq!(summary.rejected(), 0, "{summary:?}");
        let before = exported(&cluster, "before").await;
        tables::assert_same(&before, part.expected());
        let file = dump(&cluster, "daybook.dump");

        stop(&mut cluster, &SERVICES).await;
        for server in [Victim::Postgres, Victim::Nats, Victim::Mongod] {
            cluster.lose(server).await;
        }
        for server in [Victim::Postgres, Victim::Nats, Victim::Mongod] {
            cluster.start_empty(server).await;
        }
        restore(&cluster, &file);
        start(&mut cluster, &SERVICES).await;

        tables::assert_same(&exported(&cluster, "after").await, &before);
        assert_eq!(cluster.head().await, Some(part.events()));
        let again = import(&cluster.endpoints(), &import_options, &Notices::kept()).await.expect("a second import");
        assert!(again.kinds.iter().all(|kind| kind.accepted == 0 && kind.rejected == 0), "{again:?}");
        assert_eq!(cluster.head().await, Some(part.events()));
        let options = VerifyOptions { patience: PATIENCE, ..VerifyOptions::all() };
        let verified = verify(&cluster.endpoints(), &options, &Notices::kept()).await.expect("it can be verified");
        assert!(verified.is_equal() && verified.is_decided(), "{verified:#?}");
    });
}
