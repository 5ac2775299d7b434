//! A store's day, in every figure.

use daybook::{
    event::v1::{Disposition, TenderType},
    ids::UNASSIGNED,
    query::v1::{
        GetStoreDayRequest, ListStoreDayItemsRequest, ReceivingFigures, SalesFigures, StoreDay, StoreDayItem,
        VoidFigures,
    },
};

use super::{
    expected::{at_register, by_operator, of_category, of_hour, paid, returns, rows, sales, taxed},
    scenario::{self, DAY},
};
use crate::{
    given::{
        catalogue::{BERLIN, BREAD, CHEESE, DAIRY, FUEL, GASOLINE, GROCERY, MILK, NEW_YORK, UNHEARD_OF},
        instant, receipt,
        sale_return::Return,
    },
    world::{in_world, whole::WholeWorld},
};

pub(super) async fn store_day(world: &WholeWorld, store_id: &str, at_least_position: i64) -> StoreDay {
    let request = GetStoreDayRequest { store_id: store_id.into(), business_date: DAY.into(), at_least_position };
    let answer = world.queries().store_days.get_store_day(request).await.expect("a report").into_inner();
    assert!(answer.as_of.expect("an answer says as of when").position >= at_least_position);
    ordered(answer.store_day.expect("a store-day"))
}

pub(super) async fn items(world: &WholeWorld, store_id: &str, at_least_position: i64) -> Vec<StoreDayItem> {
    let request = ListStoreDayItemsRequest {
        store_id: store_id.into(),
        business_date: DAY.into(),
        at_least_position,
        ..Default::default()
    };
    let answer = world.queries().store_days.list_store_day_items(request).await.expect("items").into_inner();
    assert_eq!(answer.next_page_token, "");
    let mut items = answer.items;
    items.sort_by(|one, other| one.item_id.cmp(&other.item_id));
    items
}

/// The report with its breakdowns in order, without rows in which nothing is left.
fn ordered(mut day: StoreDay) -> StoreDay {
    day.categories =
        rows(&day.categories, |row| row.category.clone(), |row| row.sales == Some(SalesFigures::default()));
    day.hours = rows(&day.hours, |row| row.hour, |row| row.sales == Some(SalesFigures::default()));
    day.registers =
        rows(&day.registers, |row| row.register_id.clone(), |row| row.sales == Some(SalesFigures::default()));
    day.operators =
        rows(&day.operators, |row| row.operator_id.clone(), |row| row.sales == Some(SalesFigures::default()));
    day.taxes = rows(&day.taxes, |row| row.tax_code.clone(), |row| (row.base_minor, row.amount_minor) == (0, 0));
    day.tenders =
        rows(&day.tenders, |row| row.r#type, |row| (row.count, row.received_minor, row.refunded_minor) == (0, 0, 0));
    day
}

#[test]
fn every_figure_of_a_store_day_is_what_happened() {
    in_world(async |world| {
        let position = scenario::happen(world).await;
        let found = store_day(world, NEW_YORK, position).await;
        let expected = StoreDay {
            incomplete: false,
            store_id: NEW_YORK.to_owned(),
            business_date: DAY.to_owned(),
            time_zone: "America/New_York".to_owned(),
            cut_off_minutes: 0,
            start_time: Some(instant("2017-01-02T05:00:00Z")),
            end_time: Some(instant("2017-01-03T05:00:00Z")),
            currency_code: "USD".to_owned(),
            // The last event of the day is the one before the sale in Berlin.
            position: position - 1,
            sales: Some(sales([3, 7, 19_333, 4_154, 75, 3_646, 39])),
            total_minor: 3_668,
            voids: Some(VoidFigures { voids: 1, total_minor: 2_336 }),
            returns_with_receipt: Some(returns([1, 1_133, 344, 17])),
            returns_without_receipt: Some(returns([1, 1_000, 89, 0])),
            receiving: Some(ReceivingFigures {
                deliveries: 2,
                lines: 4,
                received_milli: 1_021_505,
                rejected_milli: 2_000,
                received_cost_minor: 9_474,
            }),
            adjustments: 2,
            average_basket_minor: 1_215,
            units_per_transaction_milli: 6_444,
            categories: vec![
                of_category(DAIRY, [2, 2, 3_333, 566, 0, 358, 5]),
                of_category(GROCERY, [2, 3, 4_000, 1_000, 75, 700, 34]),
                of_category(GASOLINE, [1, 1, 10_000, 2_390, 0, 2_390, 0]),
                of_category(UNASSIGNED, [1, 1, 2_000, 198, 0, 198, 0]),
            ],
            hours: vec![
                of_hour(10, [1, 2, 2_333, 799, 50, 749, 34]),
                of_hour(11, [1, 3, 5_000, 767, 25, 742, 5]),
                of_hour(15, [0, 0, 0, 0, 0, -433, 0]),
                of_hour(23, [1, 2, 12_000, 2_588, 0, 2_588, 0]),
            ],
            registers: vec![
                at_register("3", [2, 4, 14_333, 3_387, 50, 2_904, 34]),
                at_register("4", [1, 3, 5_000, 767, 25, 742, 5]),
            ],
            operators: vec![
                by_operator("", [1, 3, 5_000, 767, 25, 309, 5]),
                by_operator("anna", [2, 4, 14_333, 3_387, 50, 3_337, 34]),
            ],
            taxes: vec![taxed("RED", 20_000, 267, 5), taxed("STD", 75_000, 450, 34)],
            tenders: vec![
                paid(TenderType::Cash, [3, 783, 450]),
                paid(TenderType::Card, [1, 697, 0]),
                paid(TenderType::ManufacturerCoupon, [1, 50, 0]),
                paid(TenderType::GiftCard, [1, 2_588, 0]),
            ],
            business_date_mismatches: 1,
            unknown_item_lines: 1,
        };
        assert_eq!(found, expected);
    });
}

#[test]
fn a_day_that_begins_at_four_has_the_hours_of_its_own_zone() {
    in_world(async |world| {
        let position = scenario::happen(world).await;
        let found = store_day(world, BERLIN, position).await;
        let sold = [1, 1, 1_000, 210, 0, 210, 0];
        assert_eq!(found.start_time, Some(instant("2017-01-02T03:00:00Z")));
        assert_eq!(found.end_time, Some(instant("2017-01-03T03:00:00Z")));
        assert_eq!((found.currency_code.as_str(), found.position), ("EUR", position));
        assert_eq!((found.sales, found.total_minor), (Some(sales(sold)), 210));
        assert_eq!(found.hours, [of_hour(23, sold)]);
        assert_eq!(found.tenders, [paid(TenderType::Card, [1, 210, 0])]);
    });
}

#[test]
fn every_item_of_a_store_day_is_what_happened_to_it() {
    in_world(async |world| {
        let position = scenario::happen(world).await;
        // Transactions, sold, gross, discount, net, tax; returned, its net; received, its cost; rejected, adjusted.
        let item = |item_id: &str, category: &str, unit_code: &str, figures: [i64; 12]| {
            let [transactions, quantity_sold_milli, gross_minor, discount_minor, net_minor, tax_minor, rest @ ..] =
                figures;
            let [quantity_returned_milli, returns_net_minor, quantity_received_milli, rest @ ..] = rest;
            let [received_cost_minor, quantity_rejected_milli, quantity_adjusted_milli] = rest;
            StoreDayItem {
                item_id: item_id.to_owned(),
                category: category.to_owned(),
                unit_code: unit_code.to_owned(),
                transactions,
                quantity_sold_milli,
                gross_minor,
                discount_minor,
                net_minor,
                tax_minor,
                quantity_returned_milli,
                returns_net_minor,
                quantity_received_milli,
                received_cost_minor,
                quantity_rejected_milli,
                quantity_adjusted_milli,
            }
        };
        let bread = [2, 4_000, 1_000, 75, 700, 34, 1_000, 225, 10_000, 1_200, 2_000, -1_000];
        let milk = [1, 3_000, 267, 0, 178, 5, 1_000, 89, 6_000, 330, 0, 0];
        let fuel = [1, 10_000, 2_390, 0, 2_390, 0, 0, 0, 1_000_005, 3_000, 0, 0];
        let cheese = [1, 333, 299, 0, 180, 0, 133, 119, 5_500, 4_944, 0, -200];
        let unheard_of = [1, 2_000, 198, 0, 198, 0, 0, 0, 0, 0, 0, 0];
        let expected = [
            item(BREAD, GROCERY, "EA", bread),
            item(MILK, DAIRY, "EA", milk),
            item(FUEL, GASOLINE, "GLL", fuel),
            item(CHEESE, DAIRY, "KGM", cheese),
            item(UNHEARD_OF, UNASSIGNED, "EA", unheard_of),
        ];
        assert_eq!(items(world, NEW_YORK, position).await, expected);
    });
}

#[test]
fn a_return_counts_on_the_day_on_which_it_is_processed() {
    in_world(async |world| {
        let position = scenario::happen(world).await;
        let before = store_day(world, NEW_YORK, position).await;
        let back = Return::new("B-C").at("2017-01-03T16:00:00Z").of(receipt(NEW_YORK, "4", DAY, "R-B"));
        let back = back.line(1, 1_000, 89, Disposition::ToStock).taxed(1).build();
        let accepted = world.commands().take_back(back).await.unwrap();
        assert_eq!(accepted.business_date, "2017-01-03");
        let request = GetStoreDayRequest {
            store_id: NEW_YORK.to_owned(),
            business_date: accepted.business_date,
            at_least_position: accepted.position,
        };
        let answer = world.queries().store_days.get_store_day(request).await.unwrap().into_inner();
        let next = ordered(answer.store_day.unwrap());
        assert_eq!(next.sales, Some(sales([0, 0, 0, 0, 0, -89, 0])));
        assert_eq!((next.total_minor, next.average_basket_minor, next.units_per_transaction_milli), (-90, 0, 0));
        assert_eq!(next.returns_with_receipt, Some(returns([1, 1_000, 89, 1])));
        assert_eq!(next.hours, [of_hour(11, [0, 0, 0, 0, 0, -89, 0])]);
        assert_eq!(next.categories, [of_category(DAIRY, [0, 0, 0, 0, 0, -89, 0])]);
        assert_eq!(store_day(world, NEW_YORK, accepted.position).await, before, "the day of the sale stays as it is");
    });
}
