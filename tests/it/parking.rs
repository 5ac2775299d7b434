//! Events that cannot be folded: parked, told of, folded again or discarded.

use daybook::query::v1::{DateRange, GetStoreDayRequest, ListStockRequest, ListSupplierDaysRequest, StoreDay};
use daybook_operator::{
    parked::{Outcome, ParkedCommand, parked},
    verify::VerifyOptions,
};

use crate::{
    given::{
        catalogue::{BERLIN, BREAD, NEW_YORK},
        sale::Sale,
    },
    reports::scenario::{self, DAY},
    verifying::{assert_equal, endpoints, verified},
    world::{in_world, whole::WholeWorld},
};

/// Records an event of a type that nobody knows: a sale, told in another way. Answers its position.
pub(crate) async fn sing(world: &WholeWorld) -> i64 {
    let sql = format!(
        "BEGIN;
        UPDATE log_head SET position = position + 1;
        INSERT INTO events
        SELECT (SELECT position FROM log_head), gen_random_uuid(), gen_random_uuid(), 1, 'sale_sung', 1, store_id,
            business_date, occurred_at, (SELECT recorded_at FROM log_head), NULL, NULL, NULL, payload, metadata
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
