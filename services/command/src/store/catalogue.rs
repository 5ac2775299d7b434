//! Reading the catalogue: suppliers, stores and items.

use daybook::{
    command::v1::{Item, Store as StoreEntry, Supplier},
    event::v1::{ItemRegistered, StoreRegistered, SupplierRegistered, event::Kind},
    stream,
};
use jiff::{Timestamp, civil::Date};
use tokio_postgres::{IsolationLevel, Row};

use super::{Store, StoreError, bounded};
use crate::domain::{catalogue::Catalogue, moves::UnassignedSales};

impl Store {
    /// Loads what commands are decided against, as of one moment.
    ///
    /// # Errors
    /// If Postgres is away.
    pub async fn load_catalogue(&self) -> Result<Catalogue, StoreError> {
        let mut connection = self.connection().await?;
        let client = connection.client()?;
        let result = bounded(async {
            let transaction = client
                .build_transaction()
                .isolation_level(IsolationLevel::RepeatableRead)
                .read_only(true)
                .start()
                .await?;
            let mut catalogue = Catalogue::default();
            let head = transaction.query_one("SELECT catalogue_position FROM log_head", &[]).await?;
            catalogue.position = head.try_get(0)?;
            for row in transaction.query(SUPPLIERS, &[&"", &i64::MAX, &EVERYBODY]).await? {
                let Supplier { supplier_id, name, gln } = supplier(&row)?;
                catalogue.apply(&Kind::SupplierRegistered(SupplierRegistered { supplier_id, name, gln }));
            }
            for row in transaction.query(STORES, &[&"", &i64::MAX, &EVERYBODY]).await? {
                let store = store(&row)?;
                catalogue.apply(&Kind::StoreRegistered(StoreRegistered {
                    store_id: store.store_id,
                    name: store.name,
                    time_zone: store.time_zone,
                    cut_off_minutes: store.cut_off_minutes,
                    currency_code: store.currency_code,
                    negative_stock_allowed: store.negative_stock_allowed,
                }));
            }
            for row in transaction.query(ITEMS, &[&"", &i64::MAX, &EVERYBODY]).await? {
                let item = item(&row)?;
                catalogue.apply(&Kind::ItemRegistered(ItemRegistered {
                    item_id: item.item_id,
                    name: item.name,
                    gtin: item.gtin,
                    category: item.category,
                    unit_code: item.unit_code,
                    decimals: item.decimals,
                    supplier_id: item.supplier_id,
                }));
            }
            for row in transaction.query(UNASSIGNED_ITEMS, &[]).await? {
                let item_id = row.try_get(0)?;
                match catalogue.item(item_id) {
                    Some(_) => catalogue.note_to_move(item_id),
                    None => catalogue.note_unassigned(item_id),
                }
            }
            transaction.commit().await?;
            Ok(catalogue)
        })
        .await;
        connection.finish(result)
    }

    /// What was sold of an item that is not registered: the first store-days.
    ///
    /// # Errors
    /// If Postgres is away.
    pub async fn unassigned_sales(&self, item_id: &str, store_days: usize) -> Result<Vec<UnassignedSales>, StoreError> {
        let mut connection = self.connection().await?;
        let client = connection.client()?;
        let limit = i64::try_from(store_days).unwrap_or(i64::MAX);
        let result = bounded(async {
            let rows = client.query(UNASSIGNED_SALES, &[&item_id, &limit]).await?;
            rows.iter().map(unassigned).collect()
        })
        .await;
        connection.finish(result)
    }

    /// What is left to be moved of an item that is registered, as of one moment: the first store-days.
    ///
    /// # Errors
    /// If Postgres is away, or the item is not registered.
    pub async fn left_to_move(&self, item_id: &str, store_days: usize) -> Result<LeftToMove, StoreError> {
        let mut connection = self.connection().await?;
        let client = connection.client()?;
        let limit = i64::try_from(store_days).unwrap_or(i64::MAX);
        let stream_id = stream::id_of(&stream::item(item_id));
        let result = bounded(async {
            let transaction = client
                .build_transaction()
                .isolation_level(IsolationLevel::RepeatableRead)
                .read_only(true)
                .start()
                .await?;
            let registered = transaction.query_one(REGISTERED, &[&stream_id]).await?;
            let rows = transaction.query(UNASSIGNED_SALES, &[&item_id, &limit]).await?;
            transaction.commit().await?;
            Ok(LeftToMove {
                sold: rows.iter().map(unassigned).collect::<Result<_, _>>()?,
                stream_version: registered.try_get(0)?,
                occurred_at: registered.try_get(1)?,
                metadata: registered.try_get(2)?,
            })
        })
        .await;
        connection.finish(result)
    }

    /// Suppliers after an id, in order; only of those named, if any are.
    ///
    /// # Errors
    /// If Postgres is away.
    pub async fn list_suppliers(
        &self,
        after: &str,
        limit: i64,
        only: Option<Vec<String>>,
    ) -> Result<Vec<Supplier>, StoreError> {
        self.list(SUPPLIERS, after, limit, only, supplier).await
    }

    /// Stores after an id, in order; only of those named, if any are.
    ///
    /// # Errors
    /// If Postgres is away.
    pub async fn list_stores(
        &self,
        after: &str,
        limit: i64,
        only: Option<Vec<String>>,
    ) -> Result<Vec<StoreEntry>, StoreError> {
        self.list(STORES, after, limit, only, store).await
    }

    /// Items after an id, in order; only of the suppliers named, if any are.
    ///
    /// # Errors
    /// If Postgres is away.
    pub async fn list_items(
        &self,
        after: &str,
        limit: i64,
        only: Option<Vec<String>>,
    ) -> Result<Vec<Item>, StoreError> {
        self.list(ITEMS, after, limit, only, item).await
    }

    async fn list<T>(
        &self,
        sql: &str,
        after: &str,
        limit: i64,
        only: Option<Vec<String>>,
        read: fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut connection = self.connection().await?;
        let client = connection.client()?;
        let result = bounded(async {
            let statement = client.prepare_cached(sql).await?;
            let rows = client.query(&statement, &[&after, &limit, &only]).await?;
            rows.iter().map(read).collect()
        })
        .await;
        connection.finish(result)
    }
}

/// What is left to be moved of an item, and the stream in which that is recorded.
#[derive(Debug)]
pub struct LeftToMove {
    pub sold: Vec<UnassignedSales>,
    /// The last version of the item's stream.
    pub stream_version: i32,
    /// When the item was registered, and by whom.
    pub occurred_at: Timestamp,
    pub metadata: Vec<u8>,
}

/// No list of ids: nothing is left out.
const EVERYBODY: Option<Vec<String>> = None;

const SUPPLIERS: &str = "SELECT supplier_id, name, gln FROM suppliers
    WHERE supplier_id > $1 AND ($3::text[] IS NULL OR supplier_id = ANY($3)) ORDER BY 1 LIMIT $2";

const STORES: &str = "SELECT store_id, name, time_zone, cut_off_minutes, currency_code, negative_stock_allowed
    FROM stores WHERE store_id > $1 AND ($3::text[] IS NULL OR store_id = ANY($3)) ORDER BY 1 LIMIT $2";

const ITEMS: &str = "SELECT item_id, name, gtin, category, unit_code, decimals, supplier_id
    FROM items WHERE item_id > $1 AND ($3::text[] IS NULL OR supplier_id = ANY($3)) ORDER BY 1 LIMIT $2";

// The index `unassigned_left` has the rows of this condition.
const UNASSIGNED_ITEMS: &str = "SELECT DISTINCT item_id FROM unassigned_sales
    WHERE (lines_sold, quantity_sold_milli, gross_minor, discount_minor, tax_minor, quantity_returned_milli,
        returns_net_minor) <> (0, 0, 0, 0, 0, 0, 0)";

const UNASSIGNED_SALES: &str = "SELECT store_id, business_date, lines_sold, quantity_sold_milli, gross_minor,
        discount_minor, tax_minor, quantity_returned_milli, returns_net_minor
    FROM unassigned_sales
    WHERE item_id = $1
        AND (lines_sold, quantity_sold_milli, gross_minor, discount_minor, tax_minor, quantity_returned_milli,
            returns_net_minor) <> (0, 0, 0, 0, 0, 0, 0)
    ORDER BY business_date, store_id LIMIT $2";

const REGISTERED: &str = "SELECT (SELECT max(stream_version) FROM events WHERE stream_id = $1), occurred_at, metadata
    FROM events WHERE stream_id = $1 AND stream_version = 1";

pub(super) fn supplier(row: &Row) -> Result<Supplier, StoreError> {
    Ok(Supplier { supplier_id: row.try_get(0)?, name: row.try_get(1)?, gln: row.try_get(2)? })
}

pub(super) fn store(row: &Row) -> Result<StoreEntry, StoreError> {
    Ok(StoreEntry {
        store_id: row.try_get(0)?,
        name: row.try_get(1)?,
        time_zone: row.try_get(2)?,
        cut_off_minutes: row.try_get(3)?,
        currency_code: row.try_get(4)?,
        negative_stock_allowed: row.try_get(5)?,
    })
}

pub(super) fn item(row: &Row) -> Result<Item, StoreError> {
    Ok(Item {
        item_id: row.try_get(0)?,
        name: row.try_get(1)?,
        gtin: row.try_get(2)?,
        category: row.try_get(3)?,
        unit_code: row.try_get(4)?,
        decimals: row.try_get(5)?,
        supplier_id: row.try_get(6)?,
    })
}

fn unassigned(row: &Row) -> Result<UnassignedSales, StoreError> {
    Ok(UnassignedSales {
        store_id: row.try_get(0)?,
        business_date: row.try_get::<_, Date>(1)?,
        lines_sold: row.try_get(2)?,
        quantity_sold_milli: row.try_get(3)?,
        gross_minor: row.try_get(4)?,
        discount_minor: row.try_get(5)?,
        tax_minor: row.try_get(6)?,
        quantity_returned_milli: row.try_get(7)?,
        returns_net_minor: row.try_get(8)?,
    })
}
