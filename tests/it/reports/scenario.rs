//! A day of two stores in which everything happens once. All figures in the tests beside it are added up by hand from
//! here.

use daybook::event::v1::{Disposition, StockState, TenderType};

use crate::{
    given::{
        catalogue::{self, BAKER, BERLIN, BREAD, CHEESE, FARMER, FUEL, MILK, UNHEARD_OF},
        goods::{adjustment, delivery, with_goods},
        receipt,
        sale::{Sale, key_of, void},
        sale_return::Return,
    },
    world::World,
};

/// The business date of everything.
pub(crate) const DAY: &str = "2017-01-02";

/// Lets the day happen. Answers the position of its last event.
pub(crate) async fn happen(world: &World) -> i64 {
    let commands = world.commands();
    catalogue::register(&commands).await;

    let bakery = with_goods(delivery(BAKER, "D-1"), BREAD, 10_000, 2_000, 120);
    commands.deliver(with_goods(bakery, MILK, 6_000, 0, 55)).await.expect("a delivery");
    // 5.5 at 8.99 is 49.445, which goes to the even cent; 1,000.005 at 0.03 is 30.00015.
    let farm = with_goods(delivery(FARMER, "D-2"), CHEESE, 5_500, 0, 899);
    commands.deliver(with_goods(farm, FUEL, 1_000_005, 0, 3)).await.expect("a delivery");

    // 10:30 local: 7.83 in all, 10.00 given, 2.17 back.
    let sale = Sale::new("R-A").by("3", "anna").line(BREAD, 2_000, 500).less(50).taxed("STD", 75_000, 34);
    let sale = sale.line(CHEESE, 333, 299).paid(TenderType::Cash, 1_000);
    commands.sell(sale.build()).await.expect("a sale");

    // 11:05 local: 7.47 in all, the same item on two lines.
    let sale = Sale::new("R-B").by("4", "").at("2017-01-02T16:05:00Z").line(MILK, 3_000, 267).taxed("RED", 20_000, 5);
    let sale = sale.line(BREAD, 1_000, 250).line(BREAD, 1_000, 250).less(25);
    commands.sell(sale.paid(TenderType::ManufacturerCoupon, 50).build()).await.expect("a sale");

    // 11:10 local: voided, so that nothing of it remains but the void.
    let sale = Sale::new("R-C").by("4", "bert").at("2017-01-02T16:10:00Z").line(FUEL, 9_337, 2_230);
    let mut sale = sale.line(UNHEARD_OF, 1_000, 99).taxed("STD", 75_000, 7).build();
    sale.claimed_business_date = "2017-01-03".to_owned();
    commands.sell(sale).await.expect("a sale");
    commands.void(void(receipt(catalogue::NEW_YORK, "4", DAY, "R-C"))).await.expect("a void");

    // 23:59 local: the register believes that it is tomorrow.
    let sale = Sale::new("R-D").by("3", "anna").at("2017-01-03T04:59:00Z").line(FUEL, 10_000, 2_390);
    let mut sale = sale.line(UNHEARD_OF, 2_000, 198).paid(TenderType::GiftCard, 2_588).build();
    sale.claimed_business_date = "2017-01-03".to_owned();
    commands.sell(sale).await.expect("a sale");

    // 15:10 local: 3.61 in cash for a part of the first sale, 0.89 for milk that has no receipt.
    let back = Return::new("B-A").of(key_of("R-A")).line(1, 1_000, 225, Disposition::ToStock).taxed(17);
    commands.take_back(back.line(2, 133, 119, Disposition::ToSupplier).build()).await.expect("a return");
    let back = Return::new("B-B").item(MILK, 1_000, 89, Disposition::WriteOff);
    commands.take_back(back.build()).await.expect("a return");

    let lost = adjustment("A-1", BREAD, 1_000, StockState::OnHand, StockState::Outside);
    commands.adjust(lost).await.expect("an adjustment");
    let spoilt = adjustment("A-2", CHEESE, 200, StockState::OnHand, StockState::Unsellable);
    commands.adjust(spoilt).await.expect("an adjustment");

    // In Berlin it is three in the morning, which still is the day before.
    let sale = Sale::new("R-A").in_store(BERLIN).at("2017-01-03T02:00:00Z").line(BREAD, 1_000, 210);
    commands.sell(sale.build()).await.expect("a sale").position
}
