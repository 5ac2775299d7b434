//! Every peer does what it is measured for. Needs a PostgreSQL server, as `deploy/local.sh test` starts it.

mod crud;
mod others;

use std::{collections::HashMap, env, process};

use daybook_chassis::BoxError;
use futures_util::{TryStreamExt as _, stream};
use jiff::civil::{Date, date};

use super::{database::Database, sold::Keys};
use crate::load::{Sale, World};

const SALES: usize = 60;
const DAY: Date = date(2017, 1, 2);

/// Address of the server, as a superuser. A test without it fails: one that is left out silently would prove nothing.
fn postgres_url() -> String {
    let told = env::var("DAYBOOK_TEST_POSTGRES_URL").unwrap_or_default();
    assert!(
        !told.is_empty(),
        "DAYBOOK_TEST_POSTGRES_URL is not set: run `deploy/local.sh test`, which starts the servers and sets it"
    );
    told
}

/// A database that no other run has.
fn name(of: &str) -> String {
    format!("bench_test_{of}_{}", process::id())
}

fn sales(world: &World, run: u64) -> Vec<Sale> {
    let mut sales = world.sales(run, DAY);
    (0..SALES).map(|_| sales.next_sale()).collect()
}

/// Sells everything, so many sales at once, and the first ones a second time: that must change nothing.
async fn sell_all<F>(sales: &[Sale], at_once: usize, sell: impl Fn(usize) -> F)
where
    F: Future<Output = Result<(), BoxError>>,
{
    for numbers in [0..sales.len(), 0..5] {
        stream::iter(numbers.map(|number| Ok(sell(number))))
            .try_buffer_unordered(at_once)
            .try_for_each(|()| async { Ok::<_, BoxError>(()) })
            .await
            .unwrap();
    }
}

/// The tables of CRUD say exactly what was sold.
async fn assert_sold(database: &Database, world: &World, sales: &[Sale]) {
    let keys = Keys::of(world).unwrap();
    let client = database.connection().await.unwrap();
    let mut stock = HashMap::new();
    let mut lines = 0_i64;
    for (sale, line) in sales.iter().flat_map(|sale| sale.lines.iter().map(move |line| (sale, line))) {
        *stock.entry((keys.stores[sale.store], keys.items[line.item])).or_insert(0) -= line.quantity_milli;
        lines += 1;
    }
    let rows = client.query("SELECT store_id, item_id, on_hand_milli FROM stock", &[]).await.unwrap();
    let found: HashMap<(i32, i32), i64> = rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect();
    assert_eq!(found, stock);

    let sql =
        "SELECT count(*), sum(gross_minor - discount_minor + tax_minor)::bigint, sum(total_minor)::bigint FROM sales";
    let row = client.query_one(sql, &[]).await.unwrap();
    let total: i64 = sales.iter().map(|sale| sale.total_minor).sum();
    assert_eq!((row.get(0), row.get(1), row.get(2)), (i64::try_from(sales.len()).unwrap(), total, total));

    let sql = "SELECT count(*), sum(line.gross_minor - line.discount_minor + line.tax_minor)::bigint
        FROM sale_lines AS line JOIN items USING (item_id, supplier_id)";
    let row = client.query_one(sql, &[]).await.unwrap();
    assert_eq!((row.get(0), row.get(1)), (lines, total));
}
