//! A sale is voided as a whole, once.

use daybook::{
    event::v1::{Disposition, event::Kind},
    reason,
};
use futures_util::future::join_all;
use tonic::Code;

use super::ledger;
use crate::{
    given::{
        answer::{Refused, refused},
        catalogue::{self, BREAD, MILK, NEW_YORK},
        sale::{SOLD_ON, Sale, key_of, void},
        sale_return::Return,
    },
    world::in_write_side,
};

#[test]
fn of_many_voids_of_a_sale_at_once_exactly_one_is_accepted() {
    in_write_side(async |world| {
        let commands = world.commands();
        catalogue::register(&commands).await;
        let sold = commands.sell(Sale::new("R-1").line(BREAD, 2_000, 500).line(MILK, 1_000, 89).build()).await.unwrap();
        let voids = (0..32).map(|_| {
            let commands = world.commands();
            async move { commands.void(void(key_of("R-1"))).await }
        });
        let (accepted, others): (Vec<_>, Vec<_>) = join_all(voids).await.into_iter().partition(Result::is_ok);
        assert_eq!(accepted.len(), 1);
        let accepted = accepted.into_iter().next().unwrap().unwrap();
        assert_eq!((accepted.position, accepted.business_date.as_str()), (sold.position + 1, SOLD_ON));
        for other in others {
            assert_eq!(refused(other).why(), (Code::FailedPrecondition, reason::ALREADY_VOIDED));
        }
        assert_eq!(world.head().await, sold.position + 1);
        let stock = ledger::of_table(&world.database).await;
        assert!(stock.values().all(|goods| *goods == (0, 0)), "what was sold is back: {stock:?}");
    });
}

#[test]
fn a_void_takes_back_what_the_sale_said() {
    in_write_side(async |world| {
        let commands = world.commands();
        catalogue::register(&commands).await;
        let sale = Sale::new("R-1").by("3", "anna").line(BREAD, 2_000, 500).less(50).taxed("STD", 75_000, 34).build();
        let mut mistaken = sale.clone();
        mistaken.claimed_business_date = "2017-01-03".to_owned();
        commands.sell(mistaken).await.unwrap();
        let mut late = void(key_of("R-1"));
        late.occurred_at = Some(crate::given::instant("2017-01-04T12:00:00Z"));
        commands.void(late).await.unwrap();
        let events = world.log().await;
        let [.., sold, voided] = events.as_slice() else { panic!("two events at the end") };
        let kinds = (sold.kind().unwrap(), voided.kind().unwrap());
        let (Kind::SaleRecorded(sold), Kind::SaleVoided(back)) = (&*kinds.0, &*kinds.1) else {
            panic!("a sale and its void: {events:?}")
        };
        assert_eq!(voided.business_date, SOLD_ON, "on the sale's own day");
        assert_eq!((&back.business_day, &back.lines, &back.tenders), (&sold.business_day, &sold.lines, &sold.tenders));
        let sums = |gross, discount, tax, total| (gross, discount, tax, total);
        assert_eq!(sums(back.gross_minor, back.discount_minor, back.tax_minor, back.total_minor), (500, 50, 34, 484));
        assert_eq!((back.sale_operator_id.as_str(), back.operator_id.as_str()), ("anna", "supervisor"));
        assert!(back.date_was_claimed);
    });
}

#[test]
fn what_cannot_be_voided_is_refused_and_nothing_is_recorded() {
    in_write_side(async |world| {
        let commands = world.commands();
        catalogue::register(&commands).await;
        commands.sell(Sale::new("R-1").line(BREAD, 2_000, 500).build()).await.unwrap();
        let back = Return::new("B-1").of(key_of("R-1")).line(1, 1_000, 250, Disposition::ToStock).build();
        let head = commands.take_back(back).await.unwrap().position;

        let with_returns = refused(commands.void(void(key_of("R-1"))).await);
        assert_eq!(with_returns.why(), (Code::FailedPrecondition, reason::HAS_RETURNS));

        let mut of_nothing = void(key_of("R-9"));
        let unknown = refused(commands.void(of_nothing.clone()).await);
        let expected = Refused {
            code: Code::FailedPrecondition,
            reason: reason::UNKNOWN_SALE.to_owned(),
            fields: vec!["receipt".to_owned()],
            request_id: Some(of_nothing.request_id.clone()),
            retry_after: None,
        };
        assert_eq!(unknown, expected);
        // The key of the return is no key of a sale.
        of_nothing.receipt = Some(key_of("B-1"));
        assert_eq!(refused(commands.void(of_nothing).await).why(), (Code::FailedPrecondition, reason::UNKNOWN_SALE));

        assert_eq!(world.head().await, head);
        let stock = ledger::of_table(&world.database).await;
        assert_eq!(stock[&(NEW_YORK.to_owned(), BREAD.to_owned())], (-1_000, 0));
    });
}
