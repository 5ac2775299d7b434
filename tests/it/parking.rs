//! Events that cannot be folded: parked, told of, folded again or discarded.

use daybook::{
    event::v1::event::Kind,
    query::v1::{
        CategoryDay, DateRange, GetCategoryDayRequest, GetStoreDayRequest, ListStockRequest, ListSupplierDaysRequest,
        StoreDay,
    },
};
use daybook_operator::{
    DEFAULT_PATIENCE, Notices,
    generations::{RebuildOptions, rebuild},
    parked::{Outcome, ParkedCommand, parked},
    verify::VerifyOptions,
};

use prost::Message as _;

use crate::{
    given::{
        catalogue::{self, BERLIN, BREAD, FARMER, GROCERY, NEW_YORK, UNHEARD_OF},
        sale::Sale,
    },
    reports::scenario::{self, DAY},
    verifying::{assert_equal, endpoints, verified},
    world::{in_world, whole::WholeWorld},
};

/// Records an event of a type that nobody knows: a sale, told in another way. Answers its position.
pub(crate) async fn sing(world: &WholeWorld) -> i64 {
    record(world, "sale_sung", 1).await
}

/// Records a sale once more, under a type and schema version of the test's own. Answers its position.
async fn record(world: &WholeWorld, event_type: &str, schema_version: i32) -> i64 {
    let sql = format!(
        "BEGIN;
        UPDATE log_head SET position = position + 1;
        INSERT INTO events
        SELECT (SELECT position FROM log_head), gen_random_uuid(), gen_random_uuid(), 1, '{event_type}',
            {schema_version}, store_id, business_date, occurred_at, (SELECT recorded_at FROM log_head), NULL, NULL, NULL,
            payload, metadata
        FROM events WHERE event_type = 'sale_recorded' AND store_id = '{NEW_YORK}' ORDER BY position LIMIT 1;
        COMMIT"
    );
    world.database.owner().await.batch_execute(&sql).await.expect("the owner may do anything");
    world.head().await
}

async fn day(world: &WholeWorld, store_id: &str, position: i64) -> StoreDay {
    let request = GetStoreDayRequest {
        store_id: store_id.to_owned(),
        business_date: DAY.to_owned(),
        at_least_position: position,
    };
    let answer = world.queries().store_days.get_store_day(request).await.expect("a report").into_inner();
    answer.store_day.expect("a store-day")
}

/// Which of the days of suppliers and of the stores' stock are incomplete.
async fn incomplete(world: &WholeWorld, position: i64) -> (Vec<bool>, Vec<(String, bool)>) {
    let request = ListSupplierDaysRequest {
        dates: Some(DateRange { from_date: DAY.to_owned(), to_date: DAY.to_owned() }),
        at_least_position: position,
        ..ListSupplierDaysRequest::default()
    };
    let days = world.queries().supplier_days.list_supplier_days(request).await.expect("reports").into_inner();
    let request = ListStockRequest { at_least_position: position, ..ListStockRequest::default() };
    let stock = world.queries().stock.list_stock(request).await.expect("stock").into_inner();
    let mut stock: Vec<_> = stock.stock.into_iter().map(|stock| (stock.store_id, stock.incomplete)).collect();
    stock.sort();
    stock.dedup();
    (days.supplier_days.iter().map(|day| day.incomplete).collect(), stock)
}

async fn list(world: &WholeWorld) -> Vec<i64> {
    let Ok(Outcome::Parked(events)) = parked(&endpoints(world), &ParkedCommand::List).await else { panic!("a list") };
    events.iter().map(|event| event.position).collect()
}

#[test]
fn what_an_unknown_event_touches_is_incomplete_until_it_can_be_folded() {
    in_world(async |world| {
        scenario::happen(world).await;
        let before = day(world, NEW_YORK, world.head().await).await;
        let sung = sing(world).await;
        // The others go on.
        let sale = Sale::new("R-Z").line(BREAD, 1_000, 250).build();
        let position = world.commands().sell(sale).await.expect("a sale").position;
        let after = day(world, NEW_YORK, position).await;
        assert!(after.incomplete && !before.incomplete && !day(world, BERLIN, position).await.incomplete);
        assert_eq!(after.sales.unwrap().gross_minor, before.sales.unwrap().gross_minor + 250);
        let stock = vec![(NEW_YORK.to_owned(), true), (BERLIN.to_owned(), false)];
        assert_eq!(incomplete(world, position).await, (vec![true; 3], stock));

        assert_eq!(list(world).await, [sung]);
        let retry = ParkedCommand::Retry { position: sung };
        let Ok(Outcome::StillParked(event)) = parked(&endpoints(world), &retry).await else { panic!("still unknown") };
        assert_eq!(event.event_type, "sale_sung");
        assert!(event.reports.iter().all(|report| report.error.contains("not known")), "{event:?}");

        let owner = world.database.owner().await;
        let sql = format!("UPDATE events SET event_type = 'sale_recorded' WHERE position = {sung}");
        owner.batch_execute(&sql).await.expect("the owner may do anything");
        assert!(matches!(parked(&endpoints(world), &retry).await, Ok(Outcome::Folded)));
        let folded = day(world, NEW_YORK, position).await;
        assert_eq!(folded.sales.unwrap().transactions, after.sales.unwrap().transactions + 1);
        let stock = vec![(NEW_YORK.to_owned(), false), (BERLIN.to_owned(), false)];
        assert_eq!((folded.incomplete, incomplete(world, position).await), (false, (vec![false; 3], stock)));
        assert!(list(world).await.is_empty());
        // What is sold afterwards comes to what was folded anew.
        let sale = Sale::new("R-Y").line(BREAD, 1_000, 250).build();
        let position = world.commands().sell(sale).await.expect("a sale").position;
        world.reported(position).await;
        let store = VerifyOptions { store: Some(NEW_YORK.to_owned()), ..VerifyOptions::all() };
        assert_equal(&verified(world, &store).await);
    });
}

/// The day of a store by category.
async fn by_category(world: &WholeWorld, store_id: &str, position: i64) -> CategoryDay {
    let request = GetCategoryDayRequest {
        store_id: store_id.to_owned(),
        business_date: DAY.to_owned(),
        at_least_position: position,
    };
    let answer = world.queries().category_days.get_category_day(request).await.expect("a report").into_inner();
    answer.category_day.expect("a day")
}

#[test]
fn an_event_of_a_version_to_come_is_parked_until_a_version_reads_it() {
    in_world(async |world| {
        scenario::happen(world).await;
        let future = record(world, "sale_recorded", 3).await;
        // The others go on, in the same store and in others.
        let sale = Sale::new("R-Z").line(BREAD, 1_000, 250).build();
        world.commands().sell(sale).await.expect("a sale");
        let sale = Sale::new("R-Z").in_store(BERLIN).at("2017-01-03T02:00:00Z").line(BREAD, 1_000, 210);
        let position = world.commands().sell(sale.build()).await.expect("a sale").position;
        let (here, there) = (day(world, NEW_YORK, position).await, day(world, BERLIN, position).await);
        assert!(here.incomplete && !there.incomplete);
        assert_eq!(there.sales.unwrap().transactions, 2);
        assert!(by_category(world, NEW_YORK, position).await.incomplete);
        assert!(!by_category(world, BERLIN, position).await.incomplete);

        assert_eq!(list(world).await, [future]);
        let retry = ParkedCommand::Retry { position: future };
        let Ok(Outcome::StillParked(event)) = parked(&endpoints(world), &retry).await else { panic!("still unknown") };
        assert_eq!((event.event_type.as_str(), event.schema_version), ("sale_recorded", 3));
        let errors: Vec<&str> = event.reports.iter().map(|report| report.error.as_str()).collect();
        let expected =
            "the event cannot be read: event type sale_recorded has schema version 3; this version reads up to 1";
        assert_eq!(errors, [expected; 4]);

        // What reads the version is what the log is taken for here: one that this version knows.
        let owner = world.database.owner().await;
        let sql = format!("UPDATE events SET schema_version = 1 WHERE position = {future}");
        owner.batch_execute(&sql).await.expect("the owner may do anything");
        assert!(matches!(parked(&endpoints(world), &retry).await, Ok(Outcome::Folded)));
        let folded = day(world, NEW_YORK, position).await;
        assert_eq!(folded.sales.unwrap().transactions, here.sales.unwrap().transactions + 1);
        assert!(!folded.incomplete && !by_category(world, NEW_YORK, position).await.incomplete);
        assert!(list(world).await.is_empty());
        let store = VerifyOptions { store: Some(NEW_YORK.to_owned()), ..VerifyOptions::all() };
        assert_equal(&verified(world, &store).await);
    });
}

#[test]
fn moved_sales_of_the_first_version_count_as_those_of_the_second() {
    in_world(async |world| {
        scenario::happen(world).await;
        // The item that nobody had heard of is registered: its sales move.
        let item = catalogue::item(UNHEARD_OF, FARMER, GROCERY, "EA", 0);
        world.commands().register_item(item).await.expect("an item");
        let moved = world.log().await.pop().expect("events");
        assert_eq!((moved.event_type.as_str(), moved.schema_version), ("unassigned_sales_moved", 2));
        world.reported(moved.position).await;
        let before = (day(world, NEW_YORK, 0).await, by_category(world, NEW_YORK, 0).await);

        // As the first version wrote it: without from where.
        let mut event = moved.event.clone().expect("a payload");
        let Some(Kind::UnassignedSalesMoved(first)) = &mut event.kind else { panic!("{moved:?}") };
        (first.from_supplier_id, first.from_category) = (String::new(), String::new());
        let sql = "UPDATE events SET schema_version = 1, payload = $1 WHERE position = $2";
        let owner = world.database.owner().await;
        owner.execute(sql, &[&event.encode_to_vec(), &moved.position]).await.expect("the owner may do anything");
        // Folded afresh from that log, the reports say the same: a rebuild compares them before it switches.
        let options =
            RebuildOptions { report: "all".to_owned(), patience: DEFAULT_PATIENCE, ..RebuildOptions::default() };
        let rebuilt = rebuild(&endpoints(world), &options, &Notices::kept()).await.expect("they can be rebuilt");
        assert_eq!((rebuilt.is_refused, rebuilt.different_documents), (false, 0), "{rebuilt:?}");
        assert_eq!((day(world, NEW_YORK, 0).await, by_category(world, NEW_YORK, 0).await), before);
        assert_equal(&verified(world, &VerifyOptions::all()).await);
    });
}

#[test]
fn a_parked_event_is_discarded_for_a_reason_and_that_is_an_event() {
    in_world(async |world| {
        scenario::happen(world).await;
        let sung = sing(world).await;
        assert!(day(world, NEW_YORK, sung).await.incomplete);
        let discard = |position, reason: &str| ParkedCommand::Discard { position, reason: reason.to_owned() };
        let other = parked(&endpoints(world), &discard(sung - 1, "not parked")).await.unwrap_err();
        assert_eq!(other.exit_code(), 2, "{other}");
        assert!(parked(&endpoints(world), &discard(sung, "")).await.is_err());
        let Ok(Outcome::Discarded(position)) = parked(&endpoints(world), &discard(sung, "a joke")).await else {
            panic!("it is discarded")
        };
        let event = world.log().await.pop().expect("events");
        assert_eq!((event.position, event.event_type.as_str()), (position, "event_discarded"));
        assert!(!day(world, NEW_YORK, position).await.incomplete);
        assert!(list(world).await.is_empty());
        assert_equal(&verified(world, &VerifyOptions::all()).await);
    });
}
