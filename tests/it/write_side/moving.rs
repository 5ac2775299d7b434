//! An item that was sold for years before somebody registered it: its sales are moved in bounded steps, also across a crash.

use daybook::event::{
    EventType,
    v1::{ReceiptKey, RecordedEvent, UnassignedSalesMoved, event::Kind},
};
use futures_util::{StreamExt as _, stream};
use jiff::{ToSpan as _, civil::date};

use super::ledger;
use crate::{
    given::{
        catalogue::{self, BREAD, FARMER, NEW_YORK, UNHEARD_OF},
        commands::Commands,
        sale::{Sale, key_of, void},
    },
    world::{World, in_write_side, until::until},
};

/// More than twice what is moved at once.
const DAYS: i64 = 1_200;

/// Sells one piece of the unknown item on each of many days.
async fn sell_for_years(commands: &Commands) {
    let first = date(2013, 1, 1);
    let sales = (0..DAYS).map(|day| {
        let at = format!("{}T15:00:00Z", first + day.days());
        commands.sell(Sale::new(&format!("R-{day}")).at(&at).line(UNHEARD_OF, 1_000, 250).build())
    });
    let sold: Vec<_> = stream::iter(sales).buffer_unordered(64).collect().await;
    assert!(sold.into_iter().all(|sold| sold.is_ok()));
}

/// The moves in the log, once nothing is left to be moved.
async fn all_moved(world: &World) -> Vec<UnassignedSalesMoved> {
    let owner = world.database.owner().await;
    until("everything is moved", async || {
        let left = "SELECT count(*) FROM unassigned_sales WHERE (lines_sold, gross_minor) <> (0, 0)";
        (owner.query_one(left, &[]).await.unwrap().get::<_, i64>(0) == 0).then_some(())
    })
    .await;
    let events = world.log().await;
    ledger::assert_gapless(&events);
    let registers = |event: &&RecordedEvent| matches!(&*event.kind().unwrap(), Kind::ItemRegistered(item) if item.item_id == UNHEARD_OF);
    let registration = events.iter().find(registers).unwrap();
    let of_item = events.iter().filter(|event| event.event_type == EventType::UnassignedSalesMoved.as_str());
    let moves = of_item.zip(2..).map(|(event, version)| {
        assert_eq!(event.stream_version, version, "one after the other");
        assert_eq!(event.occurred_at, registration.occurred_at);
        assert_eq!(event.metadata, registration.metadata, "whoever registered the item moved its sales");
        match event.kind().unwrap().into_owned() {
            Kind::UnassignedSalesMoved(moved) => moved,
            other => panic!("{other:?}"),
        }
    });
    moves.collect()
}

#[test]
fn what_was_sold_for_years_is_moved_step_by_step() {
    in_write_side(async |world| {
        let commands = world.commands();
        catalogue::register(&commands).await;
        sell_for_years(&commands).await;
        let head = world.head().await;
        let item = catalogue::item(UNHEARD_OF, FARMER, "NOVELTY", "EA", 0);
        let registered = commands.register_item(item.clone()).await.unwrap();
        assert_eq!(registered.position, head + 501, "the registration and the first of the moves");
        // Voided before it is moved, or after: it counts for the supplier that was found.
        let last_day = (date(2013, 1, 1) + (DAYS - 1).days()).to_string();
        commands.void(void(ReceiptKey { business_date: last_day, ..key_of("R-1199") })).await.unwrap();
        let moves = all_moved(world).await;
        assert_eq!(moves.len(), 1_200, "each day once");
        let figures = moves.iter().map(|moved| (moved.lines_sold, moved.quantity_sold_milli, moved.gross_minor));
        assert!(figures.into_iter().all(|figures| figures == (1, 1_000, 250)));
        assert!(moves.iter().all(|moved| (moved.supplier_id.as_str(), moved.store_id.as_str()) == (FARMER, NEW_YORK)));
        let again = commands.register_item(item).await.unwrap();
        assert_eq!((again.position, again.duplicate), (registered.position, true));
    });
}

#[test]
fn moving_goes_on_where_another_process_was_killed() {
    in_write_side(async |world| {
        let commands = world.commands();
        catalogue::register(&commands).await;
        sell_for_years(&commands).await;
        let other = world.another_command().await;
        let item = catalogue::item(UNHEARD_OF, FARMER, "NOVELTY", "EA", 0);
        Commands::to(&other).register_item(item).await.unwrap();
        other.kill().await;
        commands.sell(Sale::new("L-1").line(BREAD, 1_000, 250).build()).await.unwrap();
        let moves = all_moved(world).await;
        assert_eq!(moves.len(), 1_200, "each day once");
        assert_eq!(moves.iter().map(|moved| moved.gross_minor).sum::<i64>(), 300_000);
    });
}
