//! Rebuilding the reports while Daybook works, and going back.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use daybook::query::v1::{DateRange, GetStoreDayRequest, StreamStoreDaysRequest};
use daybook_operator::{
    DEFAULT_PATIENCE, Notices,
    generations::{Generations, RebuildOptions, RollbackOptions, rebuild, rollback},
    verify::VerifyOptions,
};
use futures_util::future::join3;
use mongodb::bson::doc;

use crate::{
    given::{
        catalogue::{BERLIN, BREAD, NEW_YORK},
        sale::Sale,
    },
    reports::scenario::{self, DAY},
    verifying::{assert_equal, endpoints, spoil, verified},
    world::{in_world, until::until, whole::WholeWorld},
};

async fn rebuilt(world: &WholeWorld, report: &str, expected: &[&str]) -> Generations {
    let options = RebuildOptions {
        report: report.to_owned(),
        expect_difference: expected.iter().map(|&name| name.to_owned()).collect(),
        patience: DEFAULT_PATIENCE,
        ..RebuildOptions::default()
    };
    rebuild(&endpoints(world), &options, &Notices::kept()).await.expect("the reports can be rebuilt")
}

async fn gone_back(world: &WholeWorld) -> Generations {
    let options = RollbackOptions { patience: DEFAULT_PATIENCE };
    rollback(&endpoints(world), &options, &Notices::kept()).await.expect("there is a way back")
}

pub(crate) async fn gross(world: &WholeWorld, store: &str) -> i64 {
    let request = GetStoreDayRequest {
        store_id: store.to_owned(),
        business_date: DAY.to_owned(),
        at_least_position: world.head().await,
    };
    let answer = world.queries().store_days.get_store_day(request).await.expect("a report").into_inner();
    answer.store_day.and_then(|day| day.sales).expect("sales").gross_minor
}

/// Waits until Berlin's day is answered from the generation that has this sum: the query service looks a moment later which is served.
async fn is_answered(world: &WholeWorld, sum: i64) {
    until("the generation is served", async || (gross(world, BERLIN).await == sum).then_some(())).await;
}

#[test]
fn reports_are_rebuilt_and_gone_back_from_while_sales_come_in_and_readers_notice_nothing() {
    in_world(async |world| {
        scenario::happen(world).await;
        let (done, sold, looks) = (AtomicBool::new(false), AtomicI64::new(0), AtomicI64::new(0));
        let before = gross(world, NEW_YORK).await;
        let selling = async {
            let commands = world.commands();
            while !done.load(Ordering::Relaxed) {
                let number = sold.load(Ordering::Relaxed);
                let sale = Sale::new(&format!("G-{number}")).line(BREAD, 1_000, 250);
                commands.sell(sale.build()).await.expect("a sale");
                sold.store(number + 1, Ordering::Relaxed);
            }
        };
        // A reader that looks all the time: no error, never backwards, never less than it knows to be there.
        let reading = async {
            let mut last = 0;
            let mut store_days = world.queries().store_days;
            while !done.load(Ordering::Relaxed) {
                let request = GetStoreDayRequest {
                    store_id: NEW_YORK.to_owned(),
                    business_date: DAY.to_owned(),
                    at_least_position: last,
                };
                let answer = store_days.get_store_day(request).await.expect("a report").into_inner();
                let position = answer.as_of.expect("an answer says as of when").position;
                assert!(position >= last, "{position} after {last}");
                let gross = answer.store_day.and_then(|day| day.sales).expect("sales").gross_minor;
                // One more may be recorded and not counted yet.
                let known = sold.load(Ordering::Relaxed) + 1;
                assert!((gross - before) % 250 == 0 && (gross - before) / 250 <= known, "{gross}, {known}");
                last = position;
                looks.fetch_add(1, Ordering::Relaxed);
                let request = StreamStoreDaysRequest {
                    dates: Some(DateRange { from_date: DAY.to_owned(), to_date: DAY.to_owned() }),
                    include_items: true,
                    at_least_position: last,
                    ..StreamStoreDaysRequest::default()
                };
                let mut stream = store_days.stream_store_days(request).await.expect("reports").into_inner();
                while let Some(message) = stream.message().await.expect("a stream goes on") {
                    assert!(message.as_of.is_some_and(|as_of| as_of.position >= last));
                }
            }
        };
        let rebuilding = async {
            let all = rebuilt(world, "all", &[]).await;
            assert_eq!((all.live_generation, all.previous_generation, all.is_refused), (2, 1, false), "{all:?}");
            assert_equal(&verified(world, &VerifyOptions::all()).await);
            let back = gone_back(world).await;
            assert_eq!((back.live_generation, back.previous_generation), (1, 2));
            assert_equal(&verified(world, &VerifyOptions::all()).await);
            let one = rebuilt(world, "supplier_days", &[]).await;
            assert_eq!((one.live_generation, one.previous_generation, one.is_refused), (3, 1, false), "{one:?}");
            assert_equal(&verified(world, &VerifyOptions::all()).await);
            until("the reader has looked often", async || (looks.load(Ordering::Relaxed) > 20).then_some(())).await;
            done.store(true, Ordering::Relaxed);
        };
        join3(selling, reading, rebuilding).await;
        assert_eq!(gross(world, NEW_YORK).await, before + 250 * sold.load(Ordering::Relaxed));
        assert_equal(&verified(world, &VerifyOptions::all()).await);
    });
}

#[test]
fn a_generation_that_differs_is_not_served_unless_that_is_expected() {
    in_world(async |world| {
        let position = scenario::happen(world).await;
        world.reported(position).await;
        let berlin = format!("{DAY}|{BERLIN}");
        spoil(world, "g1_store_days", &berlin, doc! { "$inc": { "sales.g": 1 } }).await;
        let refused = rebuilt(world, "all", &[]).await;
        assert!(refused.is_refused && refused.live_generation == 1, "{refused:?}");
        assert_eq!(refused.different_documents, 1);
        assert_eq!(refused.examples, [format!("store_days {berlin}: sales.g: 210, not 211")]);
        assert_eq!(gross(world, BERLIN).await, 211);

        let accepted = rebuilt(world, "all", &["store_days"]).await;
        assert_eq!((accepted.live_generation, accepted.previous_generation), (2, 1), "{accepted:?}");
        is_answered(world, 210).await;
        assert_equal(&verified(world, &VerifyOptions::all()).await);
        assert_eq!(gone_back(world).await.live_generation, 1);
        is_answered(world, 211).await;

        let unknown =
            RebuildOptions { report: "profit".to_owned(), patience: DEFAULT_PATIENCE, ..RebuildOptions::default() };
        let error = rebuild(&endpoints(world), &unknown, &Notices::kept()).await.unwrap_err();
        assert_eq!(error.exit_code(), 2, "{error}");
    });
}
