//! Reading the relational tables as of one position, for verification.

use daybook::command::v1::{ItemRow, ReadTablesResponse, StockRow, StoreRow, SupplierRow, UnassignedSalesRow};
use deadpool_postgres::Transaction;
use jiff::{Timestamp, civil::Date};
use tokio_postgres::{IsolationLevel, Row, types::ToSql};

use super::{Store, StoreError, bounded, catalogue, events::timestamp};

/// Rows of one message: some 100 kB.
const ROWS: i64 = 1_000;
const PAGE_ROWS: i32 = 1_000;

/// Takes the messages of a reading; what it answers ends the reading early.
pub trait Reader {
    /// Takes a message; false if nobody wants more.
    fn take(&mut self, message: ReadTablesResponse) -> impl Future<Output = bool> + Send;
}

/// How long a reader may take for a page, a little longer than the service waits for him. His snapshot keeps old rows from
/// being cleaned up, so not for ever.
const READER_SECONDS: u32 = 65;

impl Store {
    /// Reads all tables in one transaction, page by page, and gives them to the reader. First comes the position alone.
    ///
    /// # Errors
    /// If Postgres is away.
    pub async fn read_tables(&self, reader: &mut (impl Reader + Send)) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        let result = read(&mut connection, reader).await;
        connection.finish(result)
    }
}

async fn read(connection: &mut super::Connection, reader: &mut (impl Reader + Send)) -> Result<(), StoreError> {
    let client = connection.client()?;
    let transaction = bounded(async {
        let begin = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
        let transaction = begin.start().await?;
        // It holds up nobody, so a reader may take his time between two pages.
        let patience = format!("SET LOCAL idle_in_transaction_session_timeout = '{READER_SECONDS}s'");
        transaction.batch_execute(&patience).await?;
        Ok(transaction)
    })
    .await?;
    // The first statement takes the snapshot that all others read.
    let position =
        bounded(async { Ok(transaction.query_one("SELECT position FROM log_head", &[]).await?.try_get::<_, i64>(0)?) })
            .await?;
    let empty = ReadTablesResponse { position, ..ReadTablesResponse::default() };
    if !reader.take(empty.clone()).await {
        return Ok(());
    }
    let mut after = String::new();
    loop {
        let page = rows(&transaction, SUPPLIERS, &[&after, &ROWS], supplier).await?;
        let Some(last) = page.last().and_then(|row| row.supplier.as_ref()) else { break };
        after.clone_from(&last.supplier_id);
        if !reader.take(ReadTablesResponse { suppliers: page, ..empty.clone() }).await {
            return Ok(());
        }
    }
    after.clear();
    loop {
        let page = rows(&transaction, STORES, &[&after, &ROWS], store).await?;
        let Some(last) = page.last().and_then(|row| row.store.as_ref()) else { break };
        after.clone_from(&last.store_id);
        if !reader.take(ReadTablesResponse { stores: page, ..empty.clone() }).await {
            return Ok(());
        }
    }
    after.clear();
    loop {
        let page = rows(&transaction, ITEMS, &[&after, &ROWS], item).await?;
        let Some(last) = page.last().and_then(|row| row.item.as_ref()) else { break };
        after.clone_from(&last.item_id);
        if !reader.take(ReadTablesResponse { items: page, ..empty.clone() }).await {
            return Ok(());
        }
    }
    for store_id in rows(&transaction, STOCK_STORES, &[], |row| Ok(row.try_get::<_, String>(0)?)).await? {
        if !read_stock(&transaction, &store_id, &empty, reader).await? {
            return Ok(());
        }
    }
    // No id is empty, so whatever date stands here is before all rows.
    let mut after = (String::new(), String::new(), Date::constant(1970, 1, 1));
    loop {
        let page = rows(&transaction, UNASSIGNED_SALES, &[&after.0, &after.1, &after.2, &ROWS], unassigned).await?;
        let Some((last, date)) = page.last() else { break };
        after = (last.item_id.clone(), last.store_id.clone(), *date);
        let unassigned_sales = page.into_iter().map(|(row, _)| row).collect();
        if !reader.take(ReadTablesResponse { unassigned_sales, ..empty.clone() }).await {
            return Ok(());
        }
    }
    bounded(async { Ok(transaction.commit().await?) }).await
}

/// Reads the stock of a store, which is added up once for all of its pages. False if nobody wants more.
async fn read_stock(
    transaction: &Transaction<'_>,
    store_id: &str,
    empty: &ReadTablesResponse,
    reader: &mut (impl Reader + Send),
) -> Result<bool, StoreError> {
    let portal = bounded(async {
        let statement = transaction.prepare_cached(STOCK).await?;
        Ok(transaction.bind(&statement, &[&store_id]).await?)
    })
    .await?;
    loop {
        let page = bounded(async { Ok(transaction.query_portal(&portal, PAGE_ROWS).await?) }).await?;
        if page.is_empty() {
            return Ok(true);
        }
        let page = page.iter().map(stock).collect::<Result<_, _>>()?;
        if !reader.take(ReadTablesResponse { stock: page, ..empty.clone() }).await {
            return Ok(false);
        }
    }
}

async fn rows<T>(
    transaction: &Transaction<'_>,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
    read: fn(&Row) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    bounded(async {
        let statement = transaction.prepare_cached(sql).await?;
        transaction.query(&statement, parameters).await?.iter().map(read).collect()
    })
    .await
}

const SUPPLIERS: &str =
    "SELECT supplier_id, name, gln, position FROM suppliers WHERE supplier_id > $1 ORDER BY 1 LIMIT $2";

const STORES: &str =
    "SELECT store_id, name, time_zone, cut_off_minutes, currency_code, negative_stock_allowed, position
    FROM stores WHERE store_id > $1 ORDER BY 1 LIMIT $2";

const ITEMS: &str = "SELECT item_id, name, gtin, category, unit_code, decimals, supplier_id, supplier_since, position
    FROM items WHERE item_id > $1 ORDER BY 1 LIMIT $2";

/// Stores that have stock, as far as the parts of `stock_on_hand` say.
const STOCK_STORES: &str = "SELECT store_id FROM stock_runs
    UNION SELECT store_id FROM stock_batches, unnest(store_ids) AS store_id
    UNION SELECT store_id FROM stock
    ORDER BY store_id";

const STOCK: &str = "SELECT store_id, item_id, on_hand_milli, unsellable_milli
    FROM stock_on_hand WHERE store_id = $1 ORDER BY item_id";

const UNASSIGNED_SALES: &str = "SELECT item_id, store_id, business_date, lines_sold, quantity_sold_milli, gross_minor,
        discount_minor, tax_minor, quantity_returned_milli, returns_net_minor
    FROM unassigned_sales WHERE (item_id, store_id, business_date) > ($1, $2, $3)
    ORDER BY item_id, store_id, business_date LIMIT $4";

fn supplier(row: &Row) -> Result<SupplierRow, StoreError> {
    Ok(SupplierRow { supplier: Some(catalogue::supplier(row)?), position: row.try_get(3)? })
}

fn store(row: &Row) -> Result<StoreRow, StoreError> {
    Ok(StoreRow { store: Some(catalogue::store(row)?), position: row.try_get(6)? })
}

fn item(row: &Row) -> Result<ItemRow, StoreError> {
    let supplier_since = Some(timestamp(row.try_get::<_, Timestamp>(7)?));
    Ok(ItemRow { item: Some(catalogue::item(row)?), supplier_since, position: row.try_get(8)? })
}

fn stock(row: &Row) -> Result<StockRow, StoreError> {
    Ok(StockRow {
        store_id: row.try_get(0)?,
        item_id: row.try_get(1)?,
        on_hand_milli: row.try_get(2)?,
        unsellable_milli: row.try_get(3)?,
    })
}

fn unassigned(row: &Row) -> Result<(UnassignedSalesRow, Date), StoreError> {
    let date: Date = row.try_get(2)?;
    let row = UnassignedSalesRow {
        item_id: row.try_get(0)?,
        store_id: row.try_get(1)?,
        business_date: date.to_string(),
        lines_sold: row.try_get(3)?,
        quantity_sold_milli: row.try_get(4)?,
        gross_minor: row.try_get(5)?,
        discount_minor: row.try_get(6)?,
        tax_minor: row.try_get(7)?,
        quantity_returned_milli: row.try_get(8)?,
        returns_net_minor: row.try_get(9)?,
    };
    Ok((row, date))
}
