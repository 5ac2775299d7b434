//! Stock is kept as lists of changes that are added up now and then: whatever is added up when, it is that of the log.

use std::time::Duration;

use daybook::event::v1::StockState;
use daybook_command::store::{Store, StoreError};
use futures_util::future::join;
use tokio::time::timeout;
use tokio_postgres::Client;

use super::ledger;
use crate::{
    given::{
        catalogue::{self, BAKER, BERLIN, BREAD, CHEESE, MILK, NEW_YORK},
        goods::{adjustment, delivery, with_goods},
        sale::Sale,
    },
    world::{World, database::Database, environment, in_write_side, run},
};

/// Runs of a store at one level are merged when there are so many.
const FAN_IN: i64 = 16;

/// Sales that are made while it is added up.
const SALES: i64 = 150;

/// How long that may take.
const PATIENCE: Duration = Duration::from_secs(60);

fn store(world: &World) -> Store {
    Store::for_appends(&world.postgres()).expect("the address can be read")
}

/// Adds up, also if the service does so at the moment.
async fn add_up(store: &Store) {
    while store.compact_stock().await.expect("the lists can be added up").is_none() {
        tokio::task::yield_now().await;
    }
}

async fn counted(owner: &Client, sql: &str) -> i64 {
    owner.query_one(sql, &[]).await.expect("rows can be counted").get(0)
}

#[test]
fn stock_is_that_of_the_log_however_often_it_is_added_up() {
    in_write_side(async |world| {
        let (commands, store, owner) = (world.commands(), store(world), world.database.owner().await);
        catalogue::register(&commands).await;
        let goods = with_goods(delivery(BAKER, "DN-1"), BREAD, 500_000, 0, 120);
        commands.deliver(with_goods(goods, MILK, 300_000, 5_000, 55)).await.unwrap();
        // One more than it takes for a run at the top, twice over.
        for nth in 0..2 * FAN_IN * FAN_IN + 1 {
            let sold = if nth % 3 == 0 { MILK } else { CHEESE };
            let place = if nth % 2 == 0 { NEW_YORK } else { BERLIN };
            let sale = Sale::new(&format!("R-{nth}")).in_store(place).line(BREAD, 1_000 + nth, 250);
            commands.sell(sale.line(sold, 1_000, 178).build()).await.unwrap();
            if nth % 20 == 0 {
                let broken = adjustment(&format!("A-{nth}"), BREAD, 1_000, StockState::OnHand, StockState::Unsellable);
                commands.adjust(broken).await.unwrap();
            }
            add_up(&store).await;
            if nth % 50 == 0 {
                assert_eq!(ledger::of_table(&world.database).await, ledger::of_log(&world.log().await));
            }
        }
        assert_eq!(ledger::of_table(&world.database).await, ledger::of_log(&world.log().await));
        assert_eq!(counted(&owner, "SELECT count(*) FROM stock_batches").await, 0);
        let most = "SELECT max(runs) FROM (SELECT count(*) AS runs FROM stock_runs GROUP BY store_id, level) levels";
        assert!(counted(&owner, most).await <= FAN_IN);
        // Levels change while others are merged; what has reached the top stays there.
        let tops =
            "SELECT max(runs) FROM (SELECT count(*) AS runs FROM stock_runs WHERE level = 2 GROUP BY store_id) top";
        assert_eq!(counted(&owner, tops).await, 1);
        let twice = "SELECT count(*) FROM (SELECT FROM stock_runs, unnest(item_ids) AS item_id
            GROUP BY store_id, level, position, item_id HAVING count(*) > 1) twice";
        assert_eq!(counted(&owner, twice).await, 0, "a run has each item once");
    });
}

#[test]
fn two_add_up_while_it_is_sold_and_nothing_counts_twice_or_not_at_all() {
    in_write_side(async |world| {
        catalogue::register(&world.commands()).await;
        let selling = async {
            for nth in 0..SALES {
                let sale = Sale::new(&format!("R-{nth}")).line(BREAD, 1_000, 250).line(MILK, 2_000 + nth, 178).build();
                world.commands().sell(sale).await.unwrap();
            }
        };
        let adding_up = async {
            let (one, other) = (store(world), store(world));
            let (mut seen, mut steps) = (0, 0);
            while seen < SALES {
                let (one, other) = join(one.compact_stock(), other.compact_stock()).await;
                steps += [one, other].into_iter().filter_map(|step| step.expect("it is added up")).count();
                // At every moment each sale counts once, however many there are.
                let stock = ledger::of_table(&world.database).await;
                let sold = stock.get(&(NEW_YORK.to_owned(), BREAD.to_owned())).map_or(0, |bread| -bread.0 / 1_000);
                assert!((seen..=SALES).contains(&sold), "{sold} after {seen}");
                seen = sold;
            }
            assert!(steps > 1, "{steps}");
        };
        timeout(PATIENCE, join(selling, adding_up)).await.expect("all sales are in the stock");
        assert_eq!(ledger::of_table(&world.database).await, ledger::of_log(&world.log().await));
    });
}

#[test]
fn a_damaged_list_is_neither_added_up_nor_lost() {
    in_write_side(async |world| {
        catalogue::register(&world.commands()).await;
        let owner = world.database.owner().await;
        let position = 1_000_000_i64;
        let cut = "INSERT INTO stock_batches VALUES ($1, 2, ARRAY['443', '443'], ARRAY['9', '10'], ARRAY[1000], NULL)";
        owner.execute(cut, &[&position]).await.unwrap();
        let damaged = store(world).compact_stock().await;
        assert!(matches!(damaged, Err(StoreError::DamagedStock { position: at }) if at == position), "{damaged:?}");
        assert_eq!(counted(&owner, "SELECT count(*) FROM stock_batches WHERE changes = 2").await, 1);
        // Nobody who sells hears of it.
        world.commands().sell(Sale::new("R-1").line(BREAD, 1_000, 250).build()).await.unwrap();
    });
}

mod migrations {
    refinery::embed_migrations!("../../services/command/migrations");
}

#[test]
fn stock_of_the_version_before_is_kept_and_what_that_version_still_writes_counts() {
    run(async {
        let name = format!("it_{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
        let database = Database::bare(environment::postgres_url(), environment::app_password(), &name).await;
        let mut owner = database.owner().await;
        let before = migrations::migrations::runner().set_target(refinery::Target::Version(2));
        before.run_async(&mut owner).await.expect("the tables of before can be made");
        let sql = "INSERT INTO stock VALUES ('443', '9', -2000, 0), ('443', '10', 500, 70), ('1000', '9', 1, 0)";
        owner.batch_execute(sql).await.unwrap();
        daybook_command::store::migrate::migrate(&database.owner_url()).await.expect("the tables can be brought on");
        let key = |store: &str, item: &str| (store.to_owned(), item.to_owned());
        let mut expected: ledger::Stock =
            [(key("443", "9"), (-2_000, 0)), (key("443", "10"), (500, 70)), (key("1000", "9"), (1, 0))].into();
        assert_eq!(ledger::of_table(&database).await, expected);
        // As a service of before does it, until it is replaced.
        let app = database.app().await;
        let sold = "INSERT INTO stock AS s VALUES ('443', '9', -1000, 0), ('443', '11', -3000, 0)
            ON CONFLICT (store_id, item_id) DO UPDATE SET on_hand_milli = s.on_hand_milli + excluded.on_hand_milli";
        app.batch_execute(sold).await.unwrap();
        expected.insert(key("443", "9"), (-3_000, 0));
        expected.insert(key("443", "11"), (-3_000, 0));
        assert_eq!(ledger::of_table(&database).await, expected);
        drop((owner, app));
        database.drop().await;
    });
}
