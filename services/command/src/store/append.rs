//! Appending a batch in one statement.

use bytes::Bytes;
use daybook_chassis::trace;
use daybook_write_model::Effects;
use deadpool_postgres::GenericClient;
use jiff::{Timestamp, civil::Date};
use tokio_postgres::{Row, Statement, types::ToSql};
use uuid::Uuid;

use super::{Connection, StoreError, bounded, reference, stock};
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
    /// True if it is to be looked first which events are there already. Otherwise they are a [`StoreError::Conflict`].
    pub looks: bool,
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

pub(super) const APPEND: &str = include_str!("append.sql");

/// Looks for events that are there already under a request id or a place in a stream that a batch wants to take.
const SEEN: &str = "SELECT position, request_id, stream_id, stream_version, fingerprint, request_events, event_type,
        schema_version, payload
    FROM events WHERE request_id = ANY ($1::uuid[])
    UNION
    SELECT e.position, e.request_id, e.stream_id, e.stream_version, e.fingerprint, e.request_events, e.event_type,
        e.schema_version, e.payload
    FROM unnest($2::uuid[], $3::integer[]) AS wanted (stream_id, stream_version)
    JOIN events e USING (stream_id, stream_version)";

/// Looks for commands that would be refused but may have been accepted before.
const LOOK_UP: &str = "SELECT position, request_id, stream_id, stream_version, fingerprint, request_events, event_type,
        schema_version, payload
    FROM events WHERE request_id = ANY ($1::uuid[])
    UNION
    SELECT position, request_id, stream_id, stream_version, fingerprint, request_events, event_type,
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
                reference::append(client, batch).await
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

pub(super) async fn write<C: GenericClient>(
    client: &C,
    statement: &Statement,
    batch: &Batch,
) -> Result<Appended, StoreError> {
    let Columns { event_ids, stream_ids, stream_versions, .. } = &batch.columns;
    let columns = &batch.columns;
    if batch.looks {
        let request_ids: Vec<Uuid> = columns.request_ids.iter().copied().flatten().collect();
        let looking = client.prepare_cached(SEEN).await?;
        let rows = client.query(&looking, &[&request_ids, stream_ids, stream_versions]).await?;
        if !rows.is_empty() {
            return Ok(Appended::Seen(rows.iter().map(seen).collect::<Result<_, _>>()?));
        }
    }
    let (mut stores, mut items, mut on_hand, mut unsellable) = (vec![], vec![], vec![], vec![]);
    for (store_id, item_id, change) in batch.effects.stock.rows() {
        stores.push(store_id);
        items.push(item_id);
        on_hand.push(change.on_hand_milli);
        unsellable.push(change.unsellable_milli);
    }
    let unsellable = stock::unless_zero(unsellable);
    let parameters: [&(dyn ToSql + Sync); 21] = [
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
    Ok(match client.query_opt(statement, &parameters).await? {
        Some(row) => Appended::Written { base: row.try_get(0)?, recorded_at: row.try_get(1)? },
        None => Appended::Changed,
    })
}

fn seen(row: &Row) -> Result<SeenEvent, StoreError> {
    let first = match (row.try_get(1)?, row.try_get(4)?, row.try_get(5)?) {
        (Some(request_id), Some(fingerprint), Some(events)) => Some(FirstEvent { request_id, fingerprint, events }),
        _ => None,
    };
    Ok(SeenEvent {
        position: row.try_get(0)?,
        stream_id: row.try_get(2)?,
        stream_version: row.try_get(3)?,
        event_type: row.try_get(6)?,
        schema_version: row.try_get(7)?,
        payload: Bytes::copy_from_slice(row.try_get(8)?),
        first,
    })
}
