//! One log: every command has its place in it, and the tables beside it say the same.

use std::collections::{BTreeMap, BTreeSet};

use daybook::{
    client::CallPolicy,
    command::v1::Accepted,
    event::v1::{Disposition, StockState},
};
use futures_util::future::join_all;

use super::ledger;
use crate::{
    given::{
        catalogue::{self, BAKER, BERLIN, BREAD, CHEESE, FARMER, FUEL, MILK, NEW_YORK, UNHEARD_OF},
        goods::{adjustment, delivery, with_goods},
        sale::{Sale, key_of, void},
        sale_return::Return,
    },
    world::in_write_side,
};

#[test]
fn sixty_four_sales_at_once_stand_in_the_log_without_a_gap_and_stock_is_exact() {
    in_write_side(async |world| {
        let commands = world.commands();
        let head = catalogue::register(&commands).await;
        let goods = with_goods(delivery(BAKER, "DN-1"), BREAD, 500_000, 0, 120);
        commands.deliver(with_goods(goods, MILK, 300_000, 5_000, 55)).await.unwrap();
        let sales = (0..64_i64).map(|nth| {
            let commands = world.commands();
            let store = if nth % 4 == 0 { BERLIN } else { NEW_YORK };
            let sale = Sale::new(&format!("R-{nth}")).in_store(store).line(BREAD, 1_000 * (1 + nth % 3), 250);
            let sale = if nth % 2 == 0 { sale.line(CHEESE, 101 + nth, 199) } else { sale.line(MILK, 2_000, 178) };
            async move {
                let sale = sale.build();
                (sale.request_id.clone(), commands.sell(sale).await.unwrap())
            }
        });
        let answers: BTreeMap<String, Accepted> = join_all(sales).await.into_iter().collect();
        let events = world.log().await;
        ledger::assert_gapless(&events);
        assert_eq!(events.len(), usize::try_from(head + 1 + 64).unwrap());
        let positions: BTreeSet<i64> = answers.values().map(|answer| answer.position).collect();
        assert_eq!(positions, (head + 2..=head + 65).collect());
        for event in &events {
            let request_id = &event.metadata.as_ref().unwrap().request_id;
            if let Some(answer) = answers.get(request_id) {
                assert_eq!(answer.position, event.position, "the answer names the event of its own command");
            }
        }
        assert_eq!(ledger::of_table(&world.database).await, ledger::of_log(&events));
    });
}

#[test]
fn whatever_happens_at_once_the_stock_table_is_the_fold_of_the_log() {
    in_write_side(async |world| {
        catalogue::register(&world.commands()).await;
        let shops = (0..8_i64).map(|shop| {
            let (commands, client) = (world.commands(), world.client().sales);
            async move {
                for nth in 0..4 {
                    let name = format!("{shop}-{nth}");
                    let goods = with_goods(delivery(FARMER, &name), CHEESE, 12_345 + shop, 655, 899);
                    commands.deliver(with_goods(goods, FUEL, 1_000_003, 0, 31)).await.unwrap();
                    let sale = Sale::new(&name).line(CHEESE, 751, 676).line(FUEL, 9_337, 2_230);
                    commands.sell(sale.line(UNHEARD_OF, 1_000, 50).build()).await.unwrap();
                    let broken = adjustment(&name, CHEESE, 77, StockState::OnHand, StockState::Unsellable);
                    commands.adjust(broken).await.unwrap();
                    let back = Return::new(&format!("B-{name}")).of(key_of(&name));
                    if nth % 2 == 0 {
                        let back =
                            back.line(1, 250, 200, Disposition::ToSupplier).line(3, 1_000, 50, Disposition::ToStock);
                        let policy = CallPolicy { attempts: 50, ..CallPolicy::default() };
                        let send = |request| {
                            let mut client = client.clone();
                            async move { client.record_return(request).await }
                        };
                        policy.call(&back.build(), send).await.unwrap();
                    } else {
                        commands.void(void(key_of(&name))).await.unwrap();
                    }
                }
            }
        });
        join_all(shops).await;
        let events = world.log().await;
        ledger::assert_gapless(&events);
        let stock = ledger::of_table(&world.database).await;
        assert_eq!(stock, ledger::of_log(&events));
        // 32 deliveries, 32 sales of which half were voided, 32 adjustments, 16 returns of a quarter kilogramme.
        let delivered: i64 = (0..8).map(|shop| 4 * (12_345 + shop)).sum();
        let cheese = (delivered - 16 * 751 - 32 * 77, 32 * 77 + 16 * 250);
        assert_eq!(stock[&(NEW_YORK.to_owned(), CHEESE.to_owned())], cheese);
        assert_eq!(stock[&(NEW_YORK.to_owned(), UNHEARD_OF.to_owned())], (0, 0));
    });
}
