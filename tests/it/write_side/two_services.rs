//! Two command services on one log: the log serialises them, and neither decides on what the other made stale.

use daybook::reason;
use futures_util::{StreamExt as _, TryStreamExt as _, future::join_all, stream};
use tonic::Code;

use super::ledger;
use crate::{
    given::{
        answer::{again, refused},
        catalogue::{self, BAKER, BREAD, MILK},
        commands::Commands,
        request_id,
        sale::{Sale, key_of, void},
    },
    world::in_write_side,
};

#[test]
fn two_services_keep_one_gapless_log() {
    in_write_side(async |world| {
        catalogue::register(&world.commands()).await;
        let other = world.another_command().await;
        let head = world.head().await;
        let sales = (0..96).map(|nth| {
            let commands = if nth % 2 == 0 { world.commands() } else { Commands::to(&other) };
            let sale = Sale::new(&format!("R-{nth}")).line(BREAD, 1_000, 250).line(MILK, 1_000, 89).build();
            async move { commands.sell(sale).await.unwrap().position }
        });
        let mut positions = join_all(sales).await;
        positions.sort_unstable();
        assert_eq!(positions, (head + 1..=head + 96).collect::<Vec<_>>());
        let events = world.log().await;
        ledger::assert_gapless(&events);
        assert_eq!(ledger::of_table(&world.database).await, ledger::of_log(&events));
        other.stop().await.unwrap();
    });
}

/// So many sales on the way at once keep both services appending, and both relays publishing, in turn.
const IN_FLIGHT: usize = 32;

#[test]
fn two_services_that_sell_all_the_time_never_doubt_their_log() {
    in_write_side(async |world| {
        catalogue::register(&world.commands()).await;
        let other = world.another_command().await;
        let (head, both) = (world.head().await, [world.commands(), Commands::to(&other)]);
        let sales = (0..3_000).zip(both.iter().cycle()).map(|(nth, commands)| {
            let sale = Sale::new(&format!("R-{nth}")).line(BREAD, 1_000, 250).build();
            async move { commands.sell(sale).await.map(|accepted| accepted.position) }
        });
        let selling = stream::iter(sales).buffer_unordered(IN_FLIGHT).try_collect::<Vec<_>>();
        let mut positions = selling.await.expect("nobody is refused");
        positions.sort_unstable();
        assert_eq!(positions, (head + 1..=head + 3_000).collect::<Vec<_>>());
        other.stop().await.unwrap();
    });
}

#[test]
fn what_one_service_registers_the_other_decides_by_at_once() {
    in_write_side(async |world| {
        let other = world.another_command().await;
        let (here, there) = (world.commands(), Commands::to(&other));
        catalogue::register(&here).await;
        for nth in 0..10 {
            let (store, item) = (format!("S-{nth}"), format!("I-{nth}"));
            let (registering, selling) = if nth % 2 == 0 { (&here, &there) } else { (&there, &here) };
            let early = Sale::new("R-0").in_store(&store).line(&item, 1_000, 100).build();
            let unknown = refused(selling.sell(early.clone()).await);
            assert_eq!(unknown.why(), (Code::FailedPrecondition, reason::UNKNOWN_STORE));
            registering.register_store(catalogue::store(&store, "Asia/Tokyo", 0, "JPY")).await.unwrap();
            registering.register_item(catalogue::item(&item, BAKER, "GROCERY", "EA", 0)).await.unwrap();
            let sold = selling.sell(early).await.unwrap();
            assert_eq!(
                (sold.warnings.len(), sold.business_date.as_str()),
                (0, "2017-01-03"),
                "item and zone are known"
            );
            let halved = Sale::new("R-1").in_store(&store).line(&item, 1_000, 100).build();
            let mut in_dollars = halved.clone();
            in_dollars.currency_code = "USD".to_owned();
            let wrong = refused(selling.sell(in_dollars).await);
            assert_eq!(wrong.why(), (Code::FailedPrecondition, reason::CURRENCY_MISMATCH), "the currency is known");
        }
        other.stop().await.unwrap();
    });
}

#[test]
fn a_repetition_is_found_whichever_service_took_the_first() {
    in_write_side(async |world| {
        let other = world.another_command().await;
        let (here, there) = (world.commands(), Commands::to(&other));
        catalogue::register(&here).await;
        let sale = Sale::new("R-1").line(BREAD, 1_000, 250).build();
        let first = here.sell(sale.clone()).await.unwrap();
        assert_eq!(there.sell(sale.clone()).await.unwrap(), again(&first));
        let mut other_id = sale.clone();
        other_id.request_id = request_id();
        assert_eq!(there.sell(other_id).await.unwrap(), again(&first));
        let mut reused = Sale::new("R-2").line(BREAD, 1_000, 250).build();
        reused.request_id = sale.request_id;
        assert_eq!(refused(there.sell(reused).await).why(), (Code::AlreadyExists, reason::REQUEST_ID_REUSED));
        assert!(there.register_supplier(catalogue::supplier(BAKER)).await.unwrap().duplicate);
        other.stop().await.unwrap();
    });
}

#[test]
fn of_a_race_between_services_one_wins_and_the_other_learns_it() {
    in_write_side(async |world| {
        let other = world.another_command().await;
        let (here, there) = (world.commands(), Commands::to(&other));
        catalogue::register(&here).await;
        for nth in 0..10 {
            let number = format!("R-{nth}");
            let sale = Sale::new(&number).line(BREAD, 1_000, 250).build();
            let (one, two) = tokio::join!(here.sell(sale.clone()), there.sell(sale));
            let (one, two) = (one.unwrap(), two.unwrap());
            assert_ne!(one.duplicate, two.duplicate);
            assert_eq!(one.position, two.position);
            let (one, two) = tokio::join!(here.void(void(key_of(&number))), there.void(void(key_of(&number))));
            assert_ne!(one.is_ok(), two.is_ok());
            let loser = refused(if one.is_ok() { two } else { one });
            assert_eq!(loser.why(), (Code::FailedPrecondition, reason::ALREADY_VOIDED));
            let item = format!("I-{nth}");
            let registration = catalogue::item(&item, BAKER, "GROCERY", "EA", 0);
            let (one, two) = tokio::join!(here.register_item(registration.clone()), there.register_item(registration));
            assert_ne!(one.unwrap().duplicate, two.unwrap().duplicate);
        }
        ledger::assert_gapless(&world.log().await);
        other.stop().await.unwrap();
    });
}
