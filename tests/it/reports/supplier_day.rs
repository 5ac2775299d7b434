//! A supplier's day, in every figure.

use daybook::{
    ids::UNASSIGNED,
    query::v1::{
        GetSupplierDayRequest, ListSupplierDayItemsRequest, ListSupplierDayStoresRequest, SupplierDay,
        SupplierDayFigures, SupplierDayItem, SupplierDayStore,
    },
    reason,
};
use tonic::Code;

use super::{
    expected::supplied,
    scenario::{self, DAY},
};
use crate::{
    given::{
        answer::refused,
        catalogue::{BAKER, BERLIN, BREAD, CHEESE, DAIRY, FARMER, FUEL, GASOLINE, GROCERY, MILK, NEW_YORK, NOBODY},
    },
    world::{in_world, whole::WholeWorld},
};

pub(super) async fn supplier_day(world: &WholeWorld, supplier_id: &str, at_least_position: i64) -> SupplierDay {
    let (supplier_id, business_date) = (supplier_id.to_owned(), DAY.to_owned());
    let request = GetSupplierDayRequest { supplier_id, business_date, at_least_position };
    let answer = world.queries().supplier_days.get_supplier_day(request).await.expect("a report").into_inner();
    assert!(answer.as_of.expect("an answer says as of when").position >= at_least_position);
    answer.supplier_day.expect("a supplier-day")
}

async fn items(world: &WholeWorld, supplier_id: &str, at_least_position: i64) -> Vec<SupplierDayItem> {
    let (supplier_id, business_date) = (supplier_id.to_owned(), DAY.to_owned());
    let request = ListSupplierDayItemsRequest { supplier_id, business_date, at_least_position, ..Default::default() };
    let answer = world.queries().supplier_days.list_supplier_day_items(request).await.expect("items");
    let mut items = answer.into_inner().items;
    items.sort_by(|one, other| one.item_id.cmp(&other.item_id));
    items
}

async fn stores(world: &WholeWorld, supplier_id: &str, at_least_position: i64) -> Vec<SupplierDayStore> {
    let (supplier_id, business_date) = (supplier_id.to_owned(), DAY.to_owned());
    let request = ListSupplierDayStoresRequest { supplier_id, business_date, at_least_position, ..Default::default() };
    let answer = world.queries().supplier_days.list_supplier_day_stores(request).await.expect("stores");
    let mut stores = answer.into_inner().stores;
    stores.sort_by(|one, other| one.store_id.cmp(&other.store_id));
    stores
}

fn item(item_id: &str, category: &str, unit_code: &str, figures: Vec<SupplierDayFigures>) -> SupplierDayItem {
    let [item_id, category, unit_code] = [item_id, category, unit_code].map(str::to_owned);
    SupplierDayItem { item_id, category, unit_code, figures }
}

fn store(store_id: &str, figures: SupplierDayFigures) -> SupplierDayStore {
    SupplierDayStore { store_id: store_id.to_owned(), figures: Some(figures) }
}

#[test]
fn every_figure_of_a_supplier_day_is_what_happened_in_each_currency() {
    in_world(async |world| {
        let position = scenario::happen(world).await;
        let in_berlin = || supplied("EUR", [1, 1_000, 210, 0, 210, 0, 0, 0, 0, 0, 0, 0]);
        let in_new_york = supplied("USD", [4, 7_000, 1_267, 75, 878, 2_000, 314, 1, 16_000, 1_530, 2_000, -1_000]);
        let expected = SupplierDay {
            incomplete: false,
            supplier_id: BAKER.to_owned(),
            business_date: DAY.to_owned(),
            position,
            selling_stores: 2,
            figures: vec![in_berlin(), in_new_york.clone()],
        };
        assert_eq!(supplier_day(world, BAKER, position).await, expected);
        assert_eq!(stores(world, BAKER, position).await, [store(NEW_YORK, in_new_york), store(BERLIN, in_berlin())]);
        let bread = supplied("USD", [3, 4_000, 1_000, 75, 700, 1_000, 225, 1, 10_000, 1_200, 2_000, -1_000]);
        let milk = supplied("USD", [1, 3_000, 267, 0, 178, 1_000, 89, 1, 6_000, 330, 0, 0]);
        let expected = [item(BREAD, GROCERY, "EA", vec![in_berlin(), bread]), item(MILK, DAIRY, "EA", vec![milk])];
        assert_eq!(items(world, BAKER, position).await, expected);
    });
}

#[test]
fn goods_that_are_weighed_and_sales_of_nobody_have_supplier_days_too() {
    in_world(async |world| {
        let position = scenario::happen(world).await;
        let farm = supplied("USD", [2, 10_333, 2_689, 0, 2_570, 133, 119, 1, 1_005_505, 7_944, 0, -200]);
        let found = supplier_day(world, FARMER, position).await;
        assert_eq!((found.selling_stores, found.figures), (1, vec![farm]));
        let cheese = supplied("USD", [1, 333, 299, 0, 180, 133, 119, 1, 5_500, 4_944, 0, -200]);
        let fuel = supplied("USD", [1, 10_000, 2_390, 0, 2_390, 0, 0, 1, 1_000_005, 3_000, 0, 0]);
        let expected = [item(FUEL, GASOLINE, "GLL", vec![fuel]), item(CHEESE, DAIRY, "KGM", vec![cheese])];
        assert_eq!(items(world, FARMER, position).await, expected);

        let of_nobody = supplied("USD", [1, 2_000, 198, 0, 198, 0, 0, 0, 0, 0, 0, 0]);
        let found = supplier_day(world, UNASSIGNED, position).await;
        assert_eq!((found.selling_stores, found.figures), (1, vec![of_nobody]));
    });
}

#[test]
fn a_supplier_without_trade_has_no_day() {
    in_world(async |world| {
        let position = scenario::happen(world).await;
        world.reported(position).await;
        for (supplier_id, business_date) in [(NOBODY, DAY), (BAKER, "2017-01-03")] {
            let request = GetSupplierDayRequest {
                supplier_id: supplier_id.to_owned(),
                business_date: business_date.to_owned(),
                at_least_position: position,
            };
            let missing = refused(world.queries().supplier_days.get_supplier_day(request).await);
            assert_eq!(missing.why(), (Code::NotFound, reason::NOT_FOUND));
        }
    });
}
