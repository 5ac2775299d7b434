//! Appending a batch: one statement, or one transaction where reference data changes too.

use bytes::Bytes;
use daybook_chassis::trace;
use daybook_write_model::Effects;
use deadpool_postgres::{GenericClient, Object};
use jiff::{Timestamp, civil::Date};
use tokio_postgres::{Row, Statement, types::ToSql};
use uuid::Uuid;

use super::{Connection, StoreError, bounded};
use crate::lineage::Bookmark;

/// A batch as columns, one entry for each event.
#[derive(Debug, Default)]
pub struct Columns {
    pub event_ids: Vec<Uuid>,
    pub stream_ids: Vec<Uuid>,
    pub stream_versions: Vec<i32>,
    pub event_types: Vec<&'static str>,
    pub schema_versions: Vec<i32>,
    pub store_ids: Vec<Option<String>>,
    pub business_dates: Vec<Option<Date>>,
    pub occurred_at: Vec<Timestamp>,
    pub request_ids: Vec<Option<Uuid>>,
    pub fingerprints: Vec<Option<Vec<u8>>>,
    pub request_events: Vec<Option<i32>>,
    pub payloads: Vec<Vec<u8>>,
    pub metadata: Vec<Vec<u8>>,
}

/// A batch to append.
#[derive(Debug, Default)]
pub struct Batch {
    pub columns: Columns,
    pub effects: Effects,
    /// True if it changes what commands are decided against.
    pub touches_catalogue: bool,
    /// Position of the catalogue that it was decided against.
    pub catalogue_position: i64,
    /// An event that the log must hold.
    pub follows: Bookmark,
}

/// What became of a batch.
#[derive(Debug)]
pub enum Appended {
    /// Written: the first event has the position after `base`.
    Written { base: i64, recorded_at: Timestamp },
    /// Nothing was written, because these events are there already.
    Seen(Vec<SeenEvent>),
    /// Nothing was written, because the catalogue has changed since the batch was decided, or the log does not hold the event
    /// that it must hold.
    Changed,
}

/// An event that takes a request id or a place in a stream that a command wanted.
#[derive(Clone, Debug)]
pub struct SeenEvent {
    pub position: i64,
    pub stream_id: Uuid,
    pub stream_version: i32,
    pub event_type: String,
    pub schema_version: i32,
    pub payload: Bytes,
    /// Only on a command's first event.
    pub first: Option<FirstEvent>,
}

/// What was found for commands that are refused.
#[derive(Debug)]
pub struct Found {
    /// Position of the last event that changed the catalogue.
    pub catalogue_position: i64,
    pub seen: Vec<SeenEvent>,
}

/// What a command's first event says of the command.
#[derive(Clone, Debug)]
pub struct FirstEvent {
    pub request_id: Uuid,
    pub fingerprint: Vec<u8>,
    pub events: i32,
}

const APPEND: &str = include_str!("append.sql");

/// Looks for commands that would be refused but may have been accepted before.
const LOOK_UP: &str =
    "SELECT false, position, request_id, stream_id, stream_version, fingerprint, request_events, event_type,
        schema_version, payload
    FROM events WHERE request_id = ANY ($1::uuid[])
    UNION
    SELECT false, position, request_id, stream_id, stream_version, fingerprint, request_events, event_type,
        schema_version, payload
    FROM events WHERE stream_id = ANY ($2::uuid[]) AND stream_version = 1";

impl Connection {
    /// Appends a batch.
    ///
    /// # Errors
    /// [`StoreError::Away`] leaves open whether it was written; all others mean that nothing was.
    pub async fn append(mut self, batch: &Batch) -> Result<Appended, StoreError> {
        let span = trace::child("postgres append", trace::Kind::Client);
        let client = self.client()?;
        let result = bounded(async {
            if batch.effects.has_reference_data() {
                append_with_reference_data(client, batch).await
            } else {
                let statement = client.prepare_cached(APPEND).await?;
                write(client, &statement, batch).await
            }
        })
        .await;
        if let Some(span) = span {
            span.tell("db.system.name", "postgresql");
            span.tell("daybook.events", i64::try_from(batch.columns.event_ids.len()).unwrap_or(i64::MAX));
            if result.is_err() {
                span.fail("nothing is known to be written");
            }
        }
        self.finish(result)
    }

    /// Finds first events by request id, and first events of streams.
    ///
    /// # Errors
    /// If Postgres is away.
    pub async fn look_up(mut self, request_ids: &[Uuid], stream_ids: &[Uuid]) -> Result<Found, StoreError> {
        let client = self.client()?;
        let result = bounded(async {
            // Asked first: whatever changes later finds the catalogue at another position.
            let head = client.prepare_cached("SELECT catalogue_position FROM log_head").await?;
            let head = client.query_one(&head, &[]).await?;
            let statement = client.prepare_cached(LOOK_UP).await?;
            let rows = client.query(&statement, &[&request_ids, &stream_ids]).await?;
            let seen = rows.iter().map(seen).collect::<Result<_, _>>()?;
            Ok(Found { catalogue_position: head.try_get(0)?, seen })
        })
        .await;
        self.finish(result)
    }
}

async fn append_with_reference_data(client: &mut Object, batch: &Batch) -> Result<Appended, StoreError> {
    let statement = client.prepare_cached(APPEND).await?;
    let transaction = client.transaction().await?;
    let appended = write(&transaction, &statement, batch).await?;
    let Appended::Written { base, recorded_at } = appended else {
        transaction.rollback().await?;
        return Ok(appended);
    };
    let effects = &batch.effects;
    for (number, supplier) in &effects.suppliers {
        let sql = "INSERT INTO suppliers (supplier_id, name, gln, position) VALUES ($1, $2, $3, $4)";
        let statement = transaction.prepare_cached(sql).await?;
        let position = base + number;
        transaction.execute(&statement, &[&supplier.supplier_id, &supplier.name, &supplier.gln, &position]).await?;
    }
    for (number, store) in &effects.stores {
        let sql = "INSERT INTO stores
                (store_id, name, time_zone, cut_off_minutes, currency_code, negative_stock_allowed, position)
            VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let statement = transaction.prepare_cached(sql).await?;
        let position = base + number;
        let parameters: [&(dyn ToSql + Sync); 7] = [
            &store.store_id,
            &store.name,
            &store.time_zone,
            &store.cut_off_minutes,
            &store.currency_code,
            &store.negative_stock_allowed,
            &position,
        ];
        transaction.execute(&statement, &parameters).await?;
    }
    insert_items(&transaction, base, effects).await?;
    for ((item_id, store_id, business_date), sold) in &effects.unassigned {
        let sql = "INSERT INTO unassigned_sales AS u VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            ON CONFLICT (item_id, store_id, business_date) DO UPDATE SET
                lines_sold = u.lines_sold + excluded.lines_sold,
                quantity_sold_milli = u.quantity_sold_milli + excluded.quantity_sold_milli,
                gross_minor = u.gross_minor + excluded.gross_minor,
                discount_minor = u.discount_minor + excluded.discount_minor,
                tax_minor = u.tax_minor + excluded.tax_minor,
                quantity_returned_milli = u.quantity_returned_milli + excluded.quantity_returned_milli,
                returns_net_minor = u.returns_net_minor + excluded.returns_net_minor";
        let statement = transaction.prepare_cached(sql).await?;
        let parameters: [&(dyn ToSql + Sync); 10] = [
            item_id,
            store_id,
            business_date,
            &sold.lines_sold,
            &sold.quantity_sold_milli,
            &sold.gross_minor,
            &sold.discount_minor,
            &sold.tax_minor,
            &sold.quantity_returned_milli,
            &sold.returns_net_minor,
        ];
        transaction.execute(&statement, &parameters).await?;
    }
    transaction.commit().await?;
    Ok(Appended::Written { base, recorded_at })
}

async fn insert_items(
    transaction: &deadpool_postgres::Transaction<'_>,
    base: i64,
    effects: &Effects,
) -> Result<(), StoreError> {
    if effects.items.is_empty() {
        return Ok(());
    }
    let items = || effects.items.iter();
    let ids: Vec<&str> = items().map(|(_, item)| item.item_id.as_str()).collect();
    let names: Vec<&str> = items().map(|(_, item)| item.name.as_str()).collect();
    let gtins: Vec<&str> = items().map(|(_, item)| item.gtin.as_str()).collect();
    let categories: Vec<&str> = items().map(|(_, item)| item.category.as_str()).collect();
    let units: Vec<&str> = items().map(|(_, item)| item.unit_code.as_str()).collect();
    let decimals: Vec<i32> = items().map(|(_, item)| item.decimals).collect();
    let suppliers: Vec<&str> = items().map(|(_, item)| item.supplier_id.as_str()).collect();
    let positions: Vec<i64> = items().map(|(number, _)| base + number).collect();
    let sql =
        "INSERT INTO items (item_id, name, gtin, category, unit_code, decimals, supplier_id, supplier_since, position)
        SELECT i.item_id, i.name, i.gtin, i.category, i.unit_code, i.decimals, i.supplier_id, e.occurred_at, i.position
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::text[], $8::bigint[])
            AS i (item_id, name, gtin, category, unit_code, decimals, supplier_id, position)
        JOIN events e ON e.position = i.position";
    let statement = transaction.prepare_cached(sql).await?;
    let parameters: [&(dyn ToSql + Sync); 8] =
        [&ids, &names, &gtins, &categories, &units, &decimals, &suppliers, &positions];
    transaction.execute(&statement, &parameters).await?;
    Ok(())
}

async fn write<C: GenericClient>(client: &C, statement: &Statement, batch: &Batch) -> Result<Appended, StoreError> {
    let Columns { event_ids, stream_ids, stream_versions, .. } = &batch.columns;
    let columns = &batch.columns;
    let request_ids: Vec<Uuid> = columns.request_ids.iter().copied().flatten().collect();
    let stores: Vec<&str> = batch.effects.stock.keys().map(|(store, _)| store.as_str()).collect();
    let items: Vec<&str> = batch.effects.stock.keys().map(|(_, item)| item.as_str()).collect();
    let on_hand: Vec<i64> = batch.effects.stock.values().map(|change| change.on_hand_milli).collect();
    let unsellable: Vec<i64> = batch.effects.stock.values().map(|change| change.unsellable_milli).collect();
    let parameters: [&(dyn ToSql + Sync); 22] = [
        &request_ids,
        stream_ids,
        stream_versions,
        &batch.touches_catalogue,
        &batch.catalogue_position,
        event_ids,
        &columns.event_types,
        &columns.schema_versions,
        &columns.store_ids,
        &columns.business_dates,
        &columns.occurred_at,
        &columns.request_ids,
        &columns.fingerprints,
        &columns.request_events,
        &columns.payloads,
        &columns.metadata,
        &stores,
        &items,
        &on_hand,
        &unsellable,
        &batch.follows.position,
        &batch.follows.event_id,
    ];
    let rows = client.query(statement, &parameters).await?;
    let mut seen_events = Vec::new();
    for row in &rows {
        if row.try_get(0)? {
            return Ok(Appended::Written { base: row.try_get(1)?, recorded_at: row.try_get(10)? });
        }
        seen_events.push(seen(row)?);
    }
    Ok(if seen_events.is_empty() { Appended::Changed } else { Appended::Seen(seen_events) })
}

fn seen(row: &Row) -> Result<SeenEvent, StoreError> {
    let first = match (row.try_get(2)?, row.try_get(5)?, row.try_get(6)?) {
        (Some(request_id), Some(fingerprint), Some(events)) => Some(FirstEvent { request_id, fingerprint, events }),
        _ => None,
    };
    Ok(SeenEvent {
        position: row.try_get(1)?,
        stream_id: row.try_get(3)?,
        stream_version: row.try_get(4)?,
        event_type: row.try_get(7)?,
        schema_version: row.try_get(8)?,
        payload: Bytes::copy_from_slice(row.try_get(9)?),
        first,
    })
}
