//! A batch of events into a log without gaps, in one statement. The table is like Daybook's, with the same unique indexes;
//! nothing is decided, looked up or counted.

use daybook::{
    event::v1::{BusinessDay, Event, Metadata, ReceiptKey, SaleLine, SaleRecorded, Tender, TenderType, event::Kind},
    stream,
};
use daybook_chassis::BoxError;
use jiff::{Timestamp, civil::Date};
use prost::Message as _;
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use super::super::database::Database;
use crate::load::{CURRENCY, Line, Sale, TIME_ZONE, World};

const DATABASE: &str = "bench_log";

/// The size of batch from which on a larger one gains little.
pub(crate) const LARGE_BATCH: usize = 500;

const TABLES: &str = "
    CREATE TABLE log_head (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        position bigint NOT NULL,
        recorded_at timestamptz NOT NULL
    );
    INSERT INTO log_head (position, recorded_at) VALUES (0, '1970-01-01T00:00:00Z');
    CREATE TABLE events (
        position bigint PRIMARY KEY,
        event_id uuid NOT NULL,
        stream_id uuid NOT NULL,
        stream_version integer NOT NULL,
        event_type text COLLATE \"C\" NOT NULL,
        schema_version integer NOT NULL,
        store_id text COLLATE \"C\",
        business_date date,
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        request_id uuid,
        fingerprint bytea,
        request_events integer,
        payload bytea NOT NULL,
        metadata bytea NOT NULL,
        UNIQUE (stream_id, stream_version),
        UNIQUE (request_id)
    )";

const APPEND: &str = "
    WITH head AS (
        UPDATE log_head
        SET position = position + cardinality($1::uuid[]), recorded_at = greatest(recorded_at, clock_timestamp())
        RETURNING position - cardinality($1::uuid[]) AS base, recorded_at
    )
    INSERT INTO events (position, event_id, stream_id, stream_version, event_type, schema_version, store_id,
        business_date, occurred_at, recorded_at, request_id, fingerprint, request_events, payload, metadata)
    SELECT head.base + event.number, event.event_id, event.stream_id, 1, 'sale_recorded', 1, event.store_id,
        event.business_date, event.occurred_at, head.recorded_at, event.request_id, event.fingerprint, 1,
        event.payload, event.metadata
    FROM head, unnest($1::uuid[], $2::uuid[], $3::text[], $4::date[], $5::timestamptz[], $6::uuid[], $7::bytea[],
        $8::bytea[], $9::bytea[])
        WITH ORDINALITY AS event (event_id, stream_id, store_id, business_date, occurred_at, request_id, fingerprint,
            payload, metadata, number)";

/// A log and its one writer.
#[derive(Debug)]
pub(crate) struct Log {
    client: Client,
    append: Statement,
    #[cfg(test)]
    database: Database,
}

/// Events to append, as columns; made before anything is measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    event_ids: Vec<Uuid>,
    stream_ids: Vec<Uuid>,
    store_ids: Vec<String>,
    business_dates: Vec<Date>,
    occurred_at: Vec<Timestamp>,
    request_ids: Vec<Uuid>,
    fingerprints: Vec<Vec<u8>>,
    payloads: Vec<Vec<u8>>,
    metadata: Vec<Vec<u8>>,
}

impl Log {
    /// Makes the database anew, on the server of the URL (as superuser).
    pub(crate) async fn open(postgres_url: &str) -> Result<Self, BoxError> {
        Self::open_as(DATABASE, postgres_url).await
    }

    pub(in super::super) async fn open_as(name: &str, postgres_url: &str) -> Result<Self, BoxError> {
        let database = Database::fresh(postgres_url, name, 1).await?;
        let client = database.connection().await?;
        client.batch_execute(TABLES).await?;
        let append = client.prepare(APPEND).await?;
        Ok(Self {
            client,
            append,
            #[cfg(test)]
            database,
        })
    }

    /// Appends a batch; it is durable when this returns. Answers how many events it had.
    pub(crate) async fn append(&self, batch: &Batch) -> Result<u64, BoxError> {
        let written = self
            .client
            .execute(
                &self.append,
                &[
                    &batch.event_ids,
                    &batch.stream_ids,
                    &batch.store_ids,
                    &batch.business_dates,
                    &batch.occurred_at,
                    &batch.request_ids,
                    &batch.fingerprints,
                    &batch.payloads,
                    &batch.metadata,
                ],
            )
            .await?;
        Ok(written)
    }

    /// Its database.
    #[cfg(test)]
    pub(in super::super) fn database(&self) -> &Database {
        &self.database
    }
}

impl Batch {
    /// The sales as events.
    pub(crate) fn of(sales: &[Sale], world: &World) -> Self {
        let mut batch = Self::default();
        for sale in sales {
            batch.push(sale, world);
        }
        batch
    }

    fn push(&mut self, sale: &Sale, world: &World) {
        let event = recorded(sale, world);
        let name = event.receipt.as_ref().map(stream::sale).unwrap_or_default();
        let request_id = sale.request_id.to_string();
        let metadata = Metadata {
            actor: "anonymous".to_owned(),
            correlation_id: request_id.clone(),
            request_id,
            ..Default::default()
        };
        self.event_ids.push(Uuid::now_v7());
        self.stream_ids.push(stream::id_of(&name));
        self.store_ids.push(world.stores[sale.store].store_id.clone());
        self.business_dates.push(sale.date);
        self.occurred_at.push(sale.occurred_at);
        self.request_ids.push(sale.request_id);
        // As long as a real one; nobody reads it here.
        self.fingerprints.push(sale.request_id.as_bytes().to_vec());
        self.payloads.push(Event { kind: Some(Kind::SaleRecorded(event)) }.encode_to_vec());
        self.metadata.push(metadata.encode_to_vec());
    }
}

/// The event that Daybook makes of the sale.
fn recorded(sale: &Sale, world: &World) -> SaleRecorded {
    let date = sale.date.to_string();
    SaleRecorded {
        receipt: Some(ReceiptKey {
            store_id: world.stores[sale.store].store_id.clone(),
            register_id: sale.register.to_string(),
            business_date: date.clone(),
            receipt_number: sale.receipt.to_string(),
        }),
        business_day: Some(BusinessDay { date, time_zone: TIME_ZONE.to_owned(), cut_off_minutes: 0, hour: 12 }),
        operator_id: sale.operator.to_string(),
        register_sequence: 0,
        currency_code: CURRENCY.to_owned(),
        lines: (1..).zip(&sale.lines).map(|(sequence, line)| recorded_line(sequence, line, world)).collect(),
        tenders: vec![Tender { r#type: TenderType::Card.into(), amount_minor: sale.total_minor }],
        change_minor: 0,
        gross_minor: sale.sum(|line| line.gross_minor),
        discount_minor: sale.sum(|line| line.discount_minor),
        tax_minor: sale.sum(|line| line.tax_minor),
        total_minor: sale.total_minor,
        claimed_business_date: String::new(),
    }
}

fn recorded_line(sequence: i32, line: &Line, world: &World) -> SaleLine {
    let item = &world.items[line.item];
    SaleLine {
        sequence,
        item_id: item.item_id.clone(),
        supplier_id: world.suppliers[item.supplier].supplier_id.clone(),
        category: item.category.clone(),
        unit_code: item.unit_code.to_owned(),
        quantity_milli: line.quantity_milli,
        gross_minor: line.gross_minor,
        discount_minor: line.discount_minor,
        tax_minor: line.tax_minor,
        taxes: line.taxes(),
        unknown_item: false,
    }
}
