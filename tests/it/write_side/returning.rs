//! What customers bring back: never more than was sold, never more than was paid, to where it is said.

use daybook::{client::CallPolicy, event::v1::Disposition, reason};
use futures_util::future::join_all;
use tonic::Code;

use super::ledger;
use crate::{
    given::{
        answer::refused,
        catalogue::{self, BERLIN, BREAD, CHEESE, MILK, NEW_YORK},
        sale::{Sale, key_of, void},
        sale_return::Return,
    },
    world::in_write_side,
};

#[test]
fn returns_at_once_never_exceed_what_was_sold() {
    in_write_side(async |world| {
        let commands = world.commands();
        catalogue::register(&commands).await;
        let head = commands.sell(Sale::new("R-1").line(BREAD, 10_000, 2_500).build()).await.unwrap().position;
        let returns = (0..24).map(|nth| {
            let client = world.client().sales;
            let back = Return::new(&format!("B-{nth}")).of(key_of("R-1")).line(1, 1_000, 0, Disposition::ToStock);
            async move {
                // All of them want the next place in the stream of the one sale: who loses tries again.
                let policy = CallPolicy { attempts: 100, ..CallPolicy::default() };
                policy
                    .call(&back.build(), |request| {
                        let mut client = client.clone();
                        async move { client.record_return(request).await }
                    })
                    .await
            }
        });
        let (accepted, others): (Vec<_>, Vec<_>) = join_all(returns).await.into_iter().partition(Result::is_ok);
        assert_eq!(accepted.len(), 10);
        for other in others {
            let refused = refused(other);
            assert_eq!(refused.why(), (Code::FailedPrecondition, reason::RETURN_EXCEEDS_SOLD));
            assert_eq!(refused.fields, ["lines[0].quantity_milli"]);
        }
        assert_eq!(world.head().await, head + 20, "each return is noted in its own stream and in that of the sale");
        let stock = ledger::of_table(&world.database).await;
        assert_eq!(stock[&(NEW_YORK.to_owned(), BREAD.to_owned())], (0, 0));
    });
}

#[test]
fn goods_go_where_the_return_says() {
    in_write_side(async |world| {
        let commands = world.commands();
        catalogue::register(&commands).await;
        commands.sell(Sale::new("R-1").line(BREAD, 6_000, 1_500).line(CHEESE, 1_250, 999).build()).await.unwrap();
        let back = Return::new("B-1")
            .of(key_of("R-1"))
            .line(1, 1_000, 250, Disposition::ToStock)
            .line(1, 2_000, 500, Disposition::ToSupplier)
            .line(1, 3_000, 750, Disposition::WriteOff)
            .line(2, 250, 199, Disposition::ToStock)
            .build();
        commands.take_back(back).await.unwrap();
        let found = Return::new("B-2")
            .item(MILK, 1_000, 89, Disposition::ToSupplier)
            .item(CHEESE, 125, 100, Disposition::WriteOff)
            .build();
        commands.take_back(found).await.unwrap();
        let stock = ledger::of_table(&world.database).await;
        let of = |item: &str| stock[&(NEW_YORK.to_owned(), item.to_owned())];
        assert_eq!([of(BREAD), of(CHEESE), of(MILK)], [(-5_000, 2_000), (-1_000, 0), (0, 1_000)]);
        assert_eq!(stock, ledger::of_log(&world.log().await));
    });
}

#[test]
fn a_sale_can_be_returned_in_another_store_of_the_same_currency_only() {
    in_write_side(async |world| {
        let commands = world.commands();
        catalogue::register(&commands).await;
        commands.register_store(catalogue::store("444", "America/Chicago", 0, "USD")).await.unwrap();
        commands.sell(Sale::new("R-1").line(BREAD, 2_000, 500).build()).await.unwrap();
        let back = |store: &str| {
            let mut back = Return::new("B-1").of(key_of("R-1")).line(1, 1_000, 250, Disposition::ToStock).build();
            back.store_id = store.to_owned();
            back
        };
        let foreign = refused(commands.take_back(back(BERLIN)).await);
        assert_eq!(foreign.why(), (Code::FailedPrecondition, reason::CURRENCY_MISMATCH));
        assert_eq!(foreign.fields, ["original_receipt"]);
        let elsewhere = commands.take_back(back("444")).await.unwrap();
        assert_eq!(elsewhere.stream, "return/444/3/2017-01-02/B-1");
        let stock = ledger::of_table(&world.database).await;
        assert_eq!(stock[&("444".to_owned(), BREAD.to_owned())], (1_000, 0), "where the goods are now");
        assert_eq!(stock[&(NEW_YORK.to_owned(), BREAD.to_owned())], (-2_000, 0));
    });
}

#[test]
fn what_cannot_be_returned_is_refused_with_every_field_and_nothing_is_recorded() {
    in_write_side(async |world| {
        let commands = world.commands();
        catalogue::register(&commands).await;
        let sale = Sale::new("R-1").line(BREAD, 2_000, 500).less(100).line(MILK, 1_000, 89).taxed("STD", 70_000, 6);
        commands.sell(sale.build()).await.unwrap();
        commands.sell(Sale::new("R-2").line(BREAD, 2_000, 500).build()).await.unwrap();
        let head = commands.void(void(key_of("R-2"))).await.unwrap().position;
        let of = |number: &str| Return::new("B-1").of(key_of(number));
        let stock = Disposition::ToStock;

        // 400 were paid for the bread, 95 for the milk.
        let too_dear = refused(commands.take_back(of("R-1").line(1, 1_000, 401, stock).build()).await);
        assert_eq!(too_dear.why(), (Code::FailedPrecondition, reason::REFUND_EXCEEDS_PAID));
        let in_parts = of("R-1").line(2, 500, 50, stock).line(2, 500, 40, stock).taxed(6);
        let too_dear = refused(commands.take_back(in_parts.build()).await);
        assert_eq!(
            (too_dear.reason.as_str(), &*too_dear.fields[0]),
            (reason::REFUND_EXCEEDS_PAID, "lines[1].net_minor")
        );
        let in_parts = of("R-1").line(1, 1_000, 0, stock).line(1, 1_001, 0, stock);
        let too_many = refused(commands.take_back(in_parts.build()).await);
        assert_eq!(
            (too_many.reason.as_str(), &*too_many.fields[0]),
            (reason::RETURN_EXCEEDS_SOLD, "lines[1].quantity_milli")
        );
        let no_line = refused(commands.take_back(of("R-1").line(3, 1_000, 0, stock).build()).await);
        assert_eq!(no_line.why(), (Code::FailedPrecondition, reason::UNKNOWN_LINE));
        assert_eq!(no_line.fields, ["lines[0].original_sequence"]);
        let voided = refused(commands.take_back(of("R-2").line(1, 1_000, 250, stock).build()).await);
        assert_eq!(voided.why(), (Code::FailedPrecondition, reason::ALREADY_VOIDED));
        let no_sale = refused(commands.take_back(of("R-3").line(1, 1_000, 250, stock).build()).await);
        assert_eq!(no_sale.why(), (Code::FailedPrecondition, reason::UNKNOWN_SALE));
        assert_eq!(no_sale.fields, ["original_receipt"]);
        assert_eq!(world.head().await, head);

        let all = of("R-1").line(1, 2_000, 400, stock).line(2, 1_000, 89, stock).taxed(6).build();
        commands.take_back(all).await.expect("exactly what was paid can be given back");
    });
}
