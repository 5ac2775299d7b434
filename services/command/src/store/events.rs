//! Reading the log.

use bytes::Bytes;
use daybook::event::v1::EventFilter;
use daybook_chassis::trace;
use jiff::{Timestamp, civil::Date};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Store, StoreError, bounded};
use crate::lineage::Bookmark;

/// Where the log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub position: i64,
    pub recorded_at: Timestamp,
}

/// What a look at the log shows.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub head: i64,
    /// The last event.
    pub last: Bookmark,
    /// True if the log holds the event that was asked for.
    pub holds: bool,
}

/// An event as it is stored.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    pub position: i64,
    pub event_id: Uuid,
    pub stream_id: Uuid,
    pub stream_version: i32,
    pub event_type: String,
    pub schema_version: i32,
    pub store_id: Option<String>,
    pub business_date: Option<Date>,
    pub occurred_at: Timestamp,
    pub recorded_at: Timestamp,
    pub payload: Bytes,
    pub metadata: Bytes,
}

/// A page of the log.
#[derive(Debug)]
pub struct Page {
    pub events: Vec<StoredEvent>,
    /// All events up to here have been looked at.
    pub scanned: i64,
    pub head: i64,
}

/// Bytes of events after which a page ends. An answer of 3 MiB and one event more stays below what clients take.
pub const PAGE_BYTES: usize = 3 * 1024 * 1024;

/// Positions that one page looks at: with a filter that matches little, a page must still end soon.
const PAGE_POSITIONS: i64 = 50_000;

/// Events fetched at once from Postgres while a page is filled.
const FETCH_EVENTS: i64 = 1_000;

const COLUMNS: &str = "position, event_id, stream_id, stream_version, event_type, schema_version, store_id,
    business_date, occurred_at, recorded_at, payload, metadata";

impl Store {
    /// Where the log ends.
    ///
    /// # Errors
    /// If Postgres is away.
    pub async fn head(&self) -> Result<Head, StoreError> {
        let mut connection = self.connection().await?;
        let client = connection.client()?;
        let result = bounded(async {
            let statement = client.prepare_cached("SELECT position, recorded_at FROM log_head").await?;
            let row = client.query_one(&statement, &[]).await?;
            Ok(Head { position: row.try_get(0)?, recorded_at: row.try_get(1)? })
        })
        .await;
        connection.finish(result)
    }

    /// Where the log ends, and whether it holds an event.
    ///
    /// # Errors
    /// If Postgres is away.
    pub async fn look(&self, bookmark: Bookmark) -> Result<Look, StoreError> {
        let mut connection = self.connection().await?;
        let client = connection.client()?;
        let result = bounded(async {
            // One statement, so one moment.
            let sql = "SELECT h.position, e.event_id,
                    $1::bigint = 0 OR EXISTS (SELECT FROM events WHERE position = $1 AND event_id = $2::uuid)
                FROM log_head h LEFT JOIN events e ON e.position = h.position";
            let statement = client.prepare_cached(sql).await?;
            let row = client.query_one(&statement, &[&bookmark.position, &bookmark.event_id]).await?;
            let (position, event_id): (i64, Option<Uuid>) = (row.try_get(0)?, row.try_get(1)?);
            let last = event_id.map(|event_id| Bookmark { position, event_id }).unwrap_or_default();
            Ok(Look { head: position, last, holds: row.try_get(2)? })
        })
        .await;
        connection.finish(result)
    }

    /// When an event was recorded; `None` if there is no such position.
    ///
    /// # Errors
    /// If Postgres is away.
    pub async fn recorded_at(&self, position: i64) -> Result<Option<Timestamp>, StoreError> {
        let mut connection = self.connection().await?;
        let client = connection.client()?;
        let result = bounded(async {
            let row = client.query_opt("SELECT recorded_at FROM events WHERE position = $1", &[&position]).await?;
            row.map(|row| Ok(row.try_get(0)?)).transpose()
        })
        .await;
        connection.finish(result)
    }

    /// Reads a page of the log: at most `limit` events after a position and up to another (0: the end). `after_id` is the id of
    /// the event at the position, if it was read.
    ///
    /// # Errors
    /// If Postgres is away, or the log does not hold that event.
    pub async fn read(
        &self,
        after: i64,
        after_id: Option<Uuid>,
        until: i64,
        limit: usize,
        filter: &EventFilter,
    ) -> Result<Page, StoreError> {
        let _span = trace::child("postgres read", trace::Kind::Client);
        let mut connection = self.connection().await?;
        let client = connection.client()?;
        let result = bounded(async {
            let sql = "SELECT h.position, e.event_id FROM log_head h LEFT JOIN events e ON e.position = $1";
            let statement = client.prepare_cached(sql).await?;
            let row = client.query_one(&statement, &[&after]).await?;
            let (head, found): (i64, Option<Uuid>) = (row.try_get(0)?, row.try_get(1)?);
            if after_id.is_some() && found != after_id {
                return Err(StoreError::Replaced { position: after, head });
            }
            let end = if until == 0 { head } else { until.min(head) };
            let end = end.min(after.saturating_add(PAGE_POSITIONS));
            let sql = format!(
                "SELECT {COLUMNS} FROM events
                WHERE position > $1 AND position <= $2
                    AND (cardinality($3::text[]) = 0 OR event_type = ANY ($3))
                    AND (cardinality($4::text[]) = 0 OR store_id = ANY ($4))
                    AND (cardinality($5::date[]) = 0 OR business_date = ANY ($5))
                ORDER BY position LIMIT $6"
            );
            let statement = client.prepare_cached(&sql).await?;
            // They were checked when the request came.
            let dates: Vec<Date> = filter.business_dates.iter().filter_map(|date| date.parse().ok()).collect();
            let mut page = Page { events: Vec::new(), scanned: after, head };
            let mut bytes = 0;
            loop {
                let wanted = i64::try_from(limit - page.events.len()).unwrap_or(FETCH_EVENTS).min(FETCH_EVENTS);
                let rows = client
                    .query(&statement, &[&page.scanned, &end, &filter.event_types, &filter.store_ids, &dates, &wanted])
                    .await?;
                let all = i64::try_from(rows.len()).unwrap_or(wanted) < wanted;
                for row in &rows {
                    let event = stored(row)?;
                    bytes += event.bytes();
                    if bytes > PAGE_BYTES && !page.events.is_empty() {
                        return Ok(page);
                    }
                    page.scanned = event.position;
                    page.events.push(event);
                }
                if all {
                    page.scanned = end.max(page.scanned);
                    return Ok(page);
                }
                if page.events.len() >= limit {
                    return Ok(page);
                }
            }
        })
        .await;
        connection.finish(result)
    }

    /// Reads events of one stream after a version, in order.
    ///
    /// # Errors
    /// If Postgres is away.
    pub async fn read_stream(&self, stream: Uuid, after: i32, limit: i64) -> Result<Vec<StoredEvent>, StoreError> {
        let _span = trace::child("postgres read stream", trace::Kind::Client);
        let mut connection = self.connection().await?;
        let client = connection.client()?;
        let result = bounded(async {
            let sql = format!(
                "SELECT {COLUMNS} FROM events WHERE stream_id = $1 AND stream_version > $2
                    ORDER BY stream_version LIMIT $3"
            );
            let statement = client.prepare_cached(&sql).await?;
            client.query(&statement, &[&stream, &after, &limit]).await?.iter().map(stored).collect()
        })
        .await;
        connection.finish(result)
    }
}

/// What an envelope takes besides payload and metadata, at most.
const ENVELOPE_BYTES: usize = 256;

fn stored(row: &Row) -> Result<StoredEvent, StoreError> {
    Ok(StoredEvent {
        position: row.try_get(0)?,
        event_id: row.try_get(1)?,
        stream_id: row.try_get(2)?,
        stream_version: row.try_get(3)?,
        event_type: row.try_get(4)?,
        schema_version: row.try_get(5)?,
        store_id: row.try_get(6)?,
        business_date: row.try_get(7)?,
        occurred_at: row.try_get(8)?,
        recorded_at: row.try_get(9)?,
        payload: Bytes::copy_from_slice(row.try_get(10)?),
        metadata: Bytes::copy_from_slice(row.try_get(11)?),
    })
}

impl StoredEvent {
    /// How large the event is, roughly.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.payload.len() + self.metadata.len() + ENVELOPE_BYTES
    }
}

/// An instant as messages carry it.
#[must_use]
pub fn timestamp(instant: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: instant.as_second(), nanos: instant.subsec_nanosecond() }
}
