//! Reports show what the log has before their documents do.

use daybook::{
    client::QueryClient,
    ids::UNASSIGNED,
    query::v1::{GetStockRequest, GetStoreDayRequest, GetSupplierDayRequest, Stock, StoreDay, SupplierDay},
};
use tonic::{Code, Status};

use super::scenario::{self, DAY};
use crate::{
    given::{
        catalogue::{self, BAKER, BERLIN, BREAD, CHEESE, FARMER, FUEL, MILK, NEW_YORK, NOBODY, UNHEARD_OF},
        receipt,
        sale::{Sale, void},
    },
    world::{in_world, service::Service, until::until, whole::WholeWorld},
};

/// Everything that single reports say of the day.
#[derive(Debug, PartialEq)]
struct Seen {
    stores: Vec<Option<StoreDay>>,
    suppliers: Vec<Option<SupplierDay>>,
    stock: Vec<Option<Stock>>,
}

/// `None` if there is no such report.
fn found<T>(answer: Result<T, Status>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(status) => {
            assert_eq!(status.code(), Code::NotFound, "{status:?}");
            None
        }
    }
}

async fn look(queries: &QueryClient, at_least_position: i64) -> Seen {
    let mut seen = Seen { stores: Vec::new(), suppliers: Vec::new(), stock: Vec::new() };
    let business_date = DAY.to_owned();
    for store_id in [NEW_YORK, BERLIN].map(str::to_owned) {
        let asked =
            GetStoreDayRequest { store_id: store_id.clone(), business_date: business_date.clone(), at_least_position };
        let answer = found(queries.store_days.clone().get_store_day(asked).await);
        seen.stores.push(answer.and_then(|answer| {
            let answer = answer.into_inner();
            assert!(answer.as_of.is_some_and(|as_of| as_of.position >= at_least_position));
            answer.store_day
        }));
        for item_id in [BREAD, MILK, CHEESE, FUEL, UNHEARD_OF].map(str::to_owned) {
            let asked = GetStockRequest { store_id: store_id.clone(), item_id, at_least_position };
            let answer = found(queries.stock.clone().get_stock(asked).await);
            seen.stock.push(answer.and_then(|answer| answer.into_inner().stock));
        }
    }
    for supplier_id in [BAKER, FARMER, NOBODY, UNASSIGNED].map(str::to_owned) {
        let asked = GetSupplierDayRequest { supplier_id, business_date: business_date.clone(), at_least_position };
        let answer = found(queries.supplier_days.clone().get_supplier_day(asked).await);
        seen.suppliers.push(answer.and_then(|answer| answer.into_inner().supplier_day));
    }
    seen
}

/// Waits until the query service follows the log, so that it does not wait for documents.
pub(super) async fn following(world: &WholeWorld, position: i64) {
    until("the log is followed", async || {
        let asked = GetStockRequest { store_id: NEW_YORK.into(), item_id: BREAD.into(), at_least_position: position };
        let mut asked = tonic::Request::new(asked);
        asked.set_timeout(std::time::Duration::from_millis(200));
        let answer = world.queries().stock.get_stock(asked).await;
        match answer {
            // Which of the two it is depends on whether the answer comes in time.
            Err(status) if matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled) => None,
            _ => Some(()),
        }
    })
    .await;
}

/// Stops a projector, and waits until it is gone.
pub(super) async fn stopped(projector: &Service) {
    projector.tell_to_stop();
    until("the projector is gone", async || projector.health("").await.is_none().then_some(())).await;
}

#[test]
fn what_is_recorded_shows_before_it_is_in_the_documents_and_afterwards_the_same() {
    in_world(async |world| {
        let commands = world.commands();
        let first = commands.register_supplier(catalogue::supplier("FIRST")).await.unwrap().position;
        world.reported(first).await;
        stopped(&world.projector).await;

        // Documents that do not exist yet.
        let day_done = scenario::happen(world).await;
        following(world, day_done).await;
        let before = look(&world.queries(), day_done).await;
        let projector = world.another_projector().await;
        let stored = world.another_query_of_documents_only().await;
        let of_documents = QueryClient::new(stored.channel());
        assert_eq!(before, look(&of_documents, day_done).await);
        assert!(before.stores.iter().all(Option::is_some), "{before:?}");
        assert_eq!(before.suppliers.iter().filter(|report| report.is_some()).count(), 3);

        // Documents that exist already.
        world.reported(day_done).await;
        stopped(&projector).await;
        commands.void(void(receipt(NEW_YORK, "3", DAY, "R-A"))).await.expect_err("some of it was returned");
        commands.void(void(receipt(NEW_YORK, "4", DAY, "R-B"))).await.unwrap();
        let sale = Sale::new("R-E").at("2017-01-02T17:00:00Z").line(CHEESE, 500, 449).line(UNHEARD_OF, 1_000, 99);
        commands.sell(sale.build()).await.unwrap();
        let unheard_of = catalogue::item(UNHEARD_OF, BAKER, "GROCERY", "EA", 0);
        let all_done = commands.register_item(unheard_of).await.unwrap().position;
        let before = look(&world.queries(), all_done).await;
        let projector_again = world.another_projector().await;
        assert_eq!(before, look(&of_documents, all_done).await);

        for service in [projector, projector_again, stored] {
            service.stop().await.unwrap();
        }
    });
}
