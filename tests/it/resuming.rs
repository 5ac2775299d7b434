//! An import that is cut off in the middle, as by a closed laptop, goes on where it was when it is started again.

use std::time::Duration;

use daybook_operator::{
    Endpoints, Notices,
    export::{ExportOptions, export},
    import::{ImportOptions, KindSummary, import},
};

use crate::{
    kills::part::Part,
    tables,
    world::{in_world, until::until_within},
};

/// Every so many-th store of the day takes part.
const EVERY_NTH_STORE: usize = 20;

/// Shares of the log, in percent, after which the import is cut off.
const CUT_OFF_AT_PERCENT: [i64; 3] = [10, 40, 80];

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn an_import_that_is_cut_off_goes_on_when_it_is_started_again() {
    in_world(async |world| {
        let part = Part::of_the_day(EVERY_NTH_STORE);
        let scratch = tempfile::tempdir().unwrap();
        let endpoints = Endpoints {
            command: Some(world.command.endpoint()),
            query: Some(world.query.endpoint()),
            ..Endpoints::default()
        };
        let options =
            ImportOptions { rejects: scratch.path().join("rejects.csv"), ..ImportOptions::of(part.directory()) };
        for percent in CUT_OFF_AT_PERCENT {
            let (options, endpoints) = (options.clone(), endpoints.clone());
            let importing = tokio::spawn(async move {
                import(&endpoints, &options, &Notices::kept()).await.map_err(|error| error.to_string())
            });
            let position = part.events() * percent / 100;
            until_within(PATIENCE, &format!("the log reaches position {position}"), async || {
                (world.head().await >= position).then_some(())
            })
            .await;
            importing.abort();
        }
        let notices = Notices::kept();
        let summary = import(&endpoints, &options, &notices).await.expect("the import goes on");
        assert_eq!(summary.rejected(), 0, "{:?}", notices.take());
        // How much is left depends on what was under way at the last cut; in all it is everything, once.
        let counted = |count: fn(&KindSummary) -> u64| summary.kinds.iter().map(count).sum::<u64>();
        let (accepted, duplicate) = (counted(|kind| kind.accepted), counted(|kind| kind.duplicate));
        assert!(duplicate > 0, "{summary:?}");
        assert_eq!(i64::try_from(accepted + duplicate).unwrap(), part.events());
        assert_eq!((world.head().await, summary.last_position), (part.events(), part.events()));
        let out = scratch.path().join("out");
        export(&endpoints, &ExportOptions::to(&out), &Notices::kept()).await.expect("the reports can be exported");
        tables::assert_same(&tables::read(&out), part.expected());
    });
}
