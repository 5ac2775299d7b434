//! What was sold of an item that nobody knew is found under its supplier and category once it is registered.

use daybook::{event::v1::Disposition, ids::UNASSIGNED, query::v1::SupplierDayFigures};

use super::{
    expected::{of_category, supplied},
    scenario,
    store_day::{items, store_day},
    supplier_day::supplier_day,
};
use crate::{
    given::{
        catalogue::{self, FARMER, NEW_YORK, UNHEARD_OF},
        receipt,
        sale::void,
        sale_return::Return,
    },
    world::{in_world, whole::WholeWorld},
};

async fn of(world: &WholeWorld, supplier_id: &str, position: i64) -> SupplierDayFigures {
    let day = supplier_day(world, supplier_id, position).await;
    let [figures] = day.figures.as_slice() else { panic!("one currency: {day:?}") };
    figures.clone()
}

#[test]
fn registering_an_item_moves_its_sales_from_nobody_to_its_supplier_in_both_reports() {
    in_world(async |world| {
        let before = scenario::happen(world).await;
        let store = store_day(world, NEW_YORK, before).await;
        let registration = catalogue::item(UNHEARD_OF, FARMER, "NOVELTY", "EA", 0);
        let position = world.commands().register_item(registration).await.unwrap().position;

        assert_eq!(of(world, UNASSIGNED, position).await, supplied("USD", [0; 12]));
        assert_eq!(supplier_day(world, UNASSIGNED, position).await.selling_stores, 0);
        let farm = [3, 12_333, 2_887, 0, 2_768, 133, 119, 1, 1_005_505, 7_944, 0, -200];
        assert_eq!(of(world, FARMER, position).await, supplied("USD", farm));

        let after = store_day(world, NEW_YORK, position).await;
        assert_eq!(after.position, position);
        assert_eq!((after.sales, after.total_minor), (store.sales, store.total_minor), "the day itself is the same");
        assert_eq!(after.unknown_item_lines, 1, "it was unknown when it was sold");
        let category = |name: &str| after.categories.iter().find(|row| row.category == name).cloned();
        assert_eq!(category("NOVELTY"), Some(of_category("NOVELTY", [1, 1, 2_000, 198, 0, 198, 0])));
        assert_eq!(category(UNASSIGNED), None);
        let items = items(world, NEW_YORK, position).await;
        let item = items.iter().find(|item| item.item_id == UNHEARD_OF).unwrap();
        assert_eq!((item.category.as_str(), item.quantity_sold_milli, item.net_minor), ("NOVELTY", 2_000, 198));
    });
}

#[test]
fn a_void_after_the_move_takes_the_sale_from_the_supplier_that_was_found() {
    in_world(async |world| {
        scenario::happen(world).await;
        let commands = world.commands();
        commands.register_item(catalogue::item(UNHEARD_OF, FARMER, "NOVELTY", "EA", 0)).await.unwrap();
        let sale = receipt(NEW_YORK, "3", scenario::DAY, "R-D");
        let position = commands.void(void(sale)).await.unwrap().position;
        let farm = [1, 333, 299, 0, 180, 133, 119, 1, 1_005_505, 7_944, 0, -200];
        assert_eq!(of(world, FARMER, position).await, supplied("USD", farm));
        assert_eq!(of(world, UNASSIGNED, position).await, supplied("USD", [0; 12]));
        let day = store_day(world, NEW_YORK, position).await;
        assert!(day.categories.iter().all(|row| ["DAIRY", "GROCERY"].contains(&row.category.as_str())), "{day:?}");
        assert_eq!((day.unknown_item_lines, day.business_date_mismatches), (0, 0));
    });
}

#[test]
fn a_return_of_an_item_that_is_still_unknown_is_moved_with_its_sale() {
    in_world(async |world| {
        scenario::happen(world).await;
        let commands = world.commands();
        let sale = receipt(NEW_YORK, "3", scenario::DAY, "R-D");
        let back = Return::new("B-D").of(sale).line(2, 500, 50, Disposition::ToStock).build();
        let returned = commands.take_back(back).await.unwrap();
        let of_nobody = [1, 2_000, 198, 0, 148, 500, 50, 0, 0, 0, 0, 0];
        assert_eq!(of(world, UNASSIGNED, returned.position).await, supplied("USD", of_nobody));
        let registration = catalogue::item(UNHEARD_OF, FARMER, "NOVELTY", "EA", 0);
        let position = commands.register_item(registration).await.unwrap().position;
        assert_eq!(of(world, UNASSIGNED, position).await, supplied("USD", [0; 12]));
        let farm = [3, 12_333, 2_887, 0, 2_718, 633, 169, 1, 1_005_505, 7_944, 0, -200];
        assert_eq!(of(world, FARMER, position).await, supplied("USD", farm));
    });
}
