//! An item that nobody registered is sold all the same, and its sales are moved when it is registered.

use daybook::{
    event::v1::{Disposition, UnassignedSalesMoved, event::Kind},
    ids::UNASSIGNED,
    reason,
};

use super::ledger;
use crate::{
    given::{
        catalogue::{self, BERLIN, BREAD, FARMER, NEW_YORK, UNHEARD_OF},
        sale::{Sale, key_of, void},
        sale_return::Return,
    },
    world::in_write_side,
};

#[test]
fn a_sale_of_an_unknown_item_is_accepted_with_a_warning_under_nobody() {
    in_write_side(async |world| {
        let commands = world.commands();
        catalogue::register(&commands).await;
        let sale = Sale::new("R-1").line(BREAD, 1_000, 250).line(UNHEARD_OF, 2_500, 700).build();
        let accepted = commands.sell(sale).await.unwrap();
        let warnings: Vec<_> = accepted.warnings.iter().map(|one| (one.reason.as_str(), one.field.as_str())).collect();
        assert_eq!(warnings, [(reason::UNKNOWN_ITEM, "lines[1].item_id")]);
        let events = world.log().await;
        let kind = events.last().unwrap().kind().unwrap();
        let Kind::SaleRecorded(sale) = &*kind else { panic!("a sale") };
        let line = &sale.lines[1];
        assert_eq!((line.supplier_id.as_str(), line.category.as_str()), (UNASSIGNED, UNASSIGNED));
        assert!(line.unknown_item && !sale.lines[0].unknown_item);
        let stock = ledger::of_table(&world.database).await;
        assert_eq!(stock[&(NEW_YORK.to_owned(), UNHEARD_OF.to_owned())], (-2_500, 0));
    });
}

#[test]
fn registering_an_item_moves_what_was_sold_of_it_store_by_store_and_day_by_day() {
    in_write_side(async |world| {
        let commands = world.commands();
        catalogue::register(&commands).await;
        let first = Sale::new("R-1").line(UNHEARD_OF, 2_000, 700).less(30).taxed("STD", 70_000, 47);
        commands.sell(first.line(UNHEARD_OF, 500, 175).build()).await.unwrap();
        commands.sell(Sale::new("R-2").line(UNHEARD_OF, 9_000, 9_000).build()).await.unwrap();
        commands.void(void(key_of("R-2"))).await.unwrap();
        commands.sell(Sale::new("R-3").at("2017-01-03T15:00:00Z").line(UNHEARD_OF, 1_000, 350).build()).await.unwrap();
        commands.sell(Sale::new("R-4").in_store(BERLIN).line(UNHEARD_OF, 4_000, 1_200).build()).await.unwrap();
        let back = Return::new("B-1").of(key_of("R-1")).line(2, 250, 80, Disposition::ToStock).build();
        let head = commands.take_back(back).await.unwrap().position;

        let registered = commands.register_item(catalogue::item(UNHEARD_OF, FARMER, "NOVELTY", "EA", 3)).await.unwrap();
        assert_eq!(registered.position, head + 4, "the registration and three moves");
        let events = world.log().await;
        let moves: Vec<_> = events
            .iter()
            .filter_map(|event| match event.kind().as_deref() {
                Ok(Kind::UnassignedSalesMoved(moved)) => Some((event.stream_version, moved.clone())),
                _ => None,
            })
            .collect();
        let day = |moved: &UnassignedSalesMoved| moved.business_day.clone().unwrap().date;
        let places: Vec<_> = moves.iter().map(|(version, it)| (*version, day(it), it.store_id.as_str())).collect();
        let expected = [("2017-01-02", NEW_YORK), ("2017-01-02", BERLIN), ("2017-01-03", NEW_YORK)];
        let expected: Vec<_> =
            (2..).zip(expected).map(|(version, (date, store))| (version, date.to_owned(), store)).collect();
        assert_eq!(places, expected);
        for (_, moved) in &moves {
            assert_eq!((moved.supplier_id.as_str(), moved.category.as_str()), (FARMER, "NOVELTY"));
        }
        // Two lines of the first sale less what came back of it; nothing of the voided one.
        let UnassignedSalesMoved { lines_sold, quantity_sold_milli, gross_minor, discount_minor, tax_minor, .. } =
            moves[0].1;
        let sold = [lines_sold, quantity_sold_milli, gross_minor, discount_minor, tax_minor];
        assert_eq!(sold, [2, 2_500, 875, 30, 47]);
        assert_eq!([moves[0].1.quantity_returned_milli, moves[0].1.returns_net_minor], [250, 80]);
        assert_eq!((moves[1].1.gross_minor, moves[1].1.currency_code.as_str()), (1_200, "EUR"));
        assert_eq!((moves[2].1.gross_minor, moves[2].1.currency_code.as_str()), (350, "USD"));

        let left = "SELECT count(*) FROM unassigned_sales WHERE (lines_sold, quantity_sold_milli, gross_minor,
            discount_minor, tax_minor, quantity_returned_milli, returns_net_minor) <> (0, 0, 0, 0, 0, 0, 0)";
        let left: i64 = world.database.owner().await.query_one(left, &[]).await.unwrap().get(0);
        assert_eq!(left, 0, "nothing is left to be moved");
    });
}

#[test]
fn what_follows_a_move_counts_for_the_supplier_that_was_found() {
    in_write_side(async |world| {
        let commands = world.commands();
        catalogue::register(&commands).await;
        commands.sell(Sale::new("R-1").line(UNHEARD_OF, 2_000, 700).build()).await.unwrap();
        commands.sell(Sale::new("R-2").line(UNHEARD_OF, 3_000, 1_050).build()).await.unwrap();
        commands.register_item(catalogue::item(UNHEARD_OF, FARMER, "NOVELTY", "EA", 0)).await.unwrap();
        commands.void(void(key_of("R-1"))).await.unwrap();
        let back = Return::new("B-1").of(key_of("R-2")).line(1, 1_000, 350, Disposition::ToStock).build();
        commands.take_back(back).await.unwrap();
        let later = commands.sell(Sale::new("R-3").line(UNHEARD_OF, 1_000, 350).build()).await.unwrap();
        assert_eq!(later.warnings, []);
        let of = |event: &Kind| match event {
            Kind::SaleVoided(it) => Some((it.lines[0].supplier_id.clone(), it.lines[0].category.clone())),
            Kind::ReturnRecorded(it) => Some((it.lines[0].supplier_id.clone(), it.lines[0].category.clone())),
            Kind::SaleRecorded(it) => Some((it.lines[0].supplier_id.clone(), it.lines[0].category.clone())),
            _ => None,
        };
        let suppliers: Vec<_> = world.log().await.iter().filter_map(|event| of(&event.kind().unwrap())).collect();
        let (nobody, found) = ((UNASSIGNED, UNASSIGNED), (FARMER, "NOVELTY"));
        let expected = [nobody, nobody, found, found, found].map(|(one, other)| (one.to_owned(), other.to_owned()));
        assert_eq!(suppliers, expected);
    });
}

#[test]
fn a_sale_in_the_moment_of_the_registration_is_either_moved_or_booked_right() {
    in_write_side(async |world| {
        let commands = world.commands();
        catalogue::register(&commands).await;
        for nth in 0..8 {
            let item = format!("NEW-{nth}");
            let sales = (0..6).map(|sale| {
                let (commands, item) = (world.commands(), item.clone());
                let sale = Sale::new(&format!("R-{nth}-{sale}")).line(&item, 1_000, 100).build();
                async move { commands.sell(sale).await.unwrap() }
            });
            let registration = commands.register_item(catalogue::item(&item, FARMER, "NOVELTY", "EA", 0));
            let (_, registered) = tokio::join!(futures_util::future::join_all(sales), registration);
            registered.unwrap();
            let (mut moved, mut assigned, mut unassigned) = (0, 0, 0);
            for event in world.log().await {
                match &*event.kind().unwrap() {
                    Kind::SaleRecorded(it) if it.lines[0].item_id == item => {
                        let counter = if it.lines[0].supplier_id == FARMER { &mut assigned } else { &mut unassigned };
                        *counter += 1;
                    }
                    Kind::UnassignedSalesMoved(it) if it.item_id == item => moved += it.lines_sold,
                    _ => {}
                }
            }
            assert_eq!((unassigned, assigned + moved), (moved, 6), "of {item}");
        }
    });
}
