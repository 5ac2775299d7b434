//! The crates cqrs-es and postgres-es: a sale is an aggregate of its own, which takes one command and keeps one event, as
//! JSON. There is no stock and no report here, and one aggregate loads nothing from another.

use std::{collections::HashMap, str::FromStr as _};

use cqrs_es::{Aggregate, AggregateError, DomainEvent, event_sink::EventSink};
use daybook_chassis::BoxError;
use postgres_es::{PostgresCqrs, postgres_cqrs};
use serde::{Deserialize, Serialize};
use sqlx::{
    Pool, Postgres,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::database::Database;
use crate::load::{CURRENCY, Line, Sale, World};

const DATABASE: &str = "bench_cqrs_es";

/// The table of events, as the crate gives it.
const TABLE: &str = "
    CREATE TABLE events (
        aggregate_type text NOT NULL,
        aggregate_id text NOT NULL,
        sequence bigint CHECK (sequence >= 0) NOT NULL,
        event_type text NOT NULL,
        event_version text NOT NULL,
        payload json NOT NULL,
        metadata json NOT NULL,
        PRIMARY KEY (aggregate_type, aggregate_id, sequence)
    )";

/// The framework, ready to sell.
pub(crate) struct CqrsEs {
    framework: PostgresCqrs<Receipt>,
    world: World,
    #[cfg(test)]
    database: Database,
}

impl CqrsEs {
    /// Sales that are written at once; each has a connection.
    pub(crate) const CONCURRENCY: usize = 16;

    /// Makes the database anew, on the server of the URL (as superuser).
    pub(crate) async fn open(postgres_url: &str, world: &World) -> Result<Self, BoxError> {
        Self::open_as(DATABASE, postgres_url, world).await
    }

    pub(super) async fn open_as(name: &str, postgres_url: &str, world: &World) -> Result<Self, BoxError> {
        let database = Database::fresh(postgres_url, name, 1).await?;
        database.connection().await?.batch_execute(TABLE).await?;
        let connections = u32::try_from(Self::CONCURRENCY)?;
        let options = PgConnectOptions::from_str(postgres_url)?.database(name);
        let pool: Pool<Postgres> = PgPoolOptions::new()
            .min_connections(connections)
            .max_connections(connections)
            // Its default asks the server before each use whether the connection is alive.
            .test_before_acquire(false)
            .connect_with(options)
            .await?;
        Ok(Self {
            framework: postgres_cqrs(pool, Vec::new(), ()),
            world: world.clone(),
            #[cfg(test)]
            database,
        })
    }

    /// Records a sale; it is durable when this returns.
    pub(crate) async fn sell(&self, sale: &Sale) -> Result<(), BoxError> {
        let store_id = &self.world.stores[sale.store].store_id;
        let aggregate_id = format!("{store_id}/{}/{}/{}", sale.register, sale.date, sale.receipt);
        let metadata = HashMap::from([("request_id".to_owned(), sale.request_id.to_string())]);
        let command = Content::of(sale, &self.world);
        match self.framework.execute_with_metadata(&aggregate_id, command, metadata).await {
            // It was recorded before, or is at this moment.
            Ok(()) | Err(AggregateError::UserError(AlreadyRecorded) | AggregateError::AggregateConflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(test)]
    pub(super) fn database(&self) -> &Database {
        &self.database
    }
}

impl std::fmt::Debug for CqrsEs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CqrsEs").finish_non_exhaustive()
    }
}

/// A receipt: nothing is decided by it but whether it is there.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Receipt {
    recorded: bool,
}

/// What is refused.
#[derive(Debug, thiserror::Error)]
#[error("the receipt is recorded already")]
struct AlreadyRecorded;

/// What happens to a receipt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum ReceiptEvent {
    SaleRecorded(Content),
}

impl DomainEvent for ReceiptEvent {
    fn event_type(&self) -> String {
        "SaleRecorded".to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Aggregate for Receipt {
    const TYPE: &'static str = "sale";
    type Command = Content;
    type Event = ReceiptEvent;
    type Error = AlreadyRecorded;
    type Services = ();

    async fn handle(&mut self, content: Content, (): &(), sink: &EventSink<Self>) -> Result<(), AlreadyRecorded> {
        if self.recorded {
            return Err(AlreadyRecorded);
        }
        sink.write(ReceiptEvent::SaleRecorded(content), self).await;
        Ok(())
    }

    fn apply(&mut self, event: ReceiptEvent) {
        match event {
            ReceiptEvent::SaleRecorded(_) => self.recorded = true,
        }
    }
}

/// What a sale is made of: the same as Daybook's event has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Content {
    store_id: String,
    register_id: String,
    business_date: String,
    receipt_number: String,
    occurred_at: String,
    operator_id: String,
    currency_code: String,
    lines: Vec<ContentLine>,
    tenders: Vec<ContentTender>,
    gross_minor: i64,
    discount_minor: i64,
    tax_minor: i64,
    total_minor: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ContentLine {
    sequence: u32,
    item_id: String,
    supplier_id: String,
    category: String,
    unit_code: String,
    quantity_milli: i64,
    gross_minor: i64,
    discount_minor: i64,
    tax_minor: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ContentTender {
    r#type: String,
    amount_minor: i64,
}

impl Content {
    fn of(sale: &Sale, world: &World) -> Self {
        Self {
            store_id: world.stores[sale.store].store_id.clone(),
            register_id: sale.register.to_string(),
            business_date: sale.date.to_string(),
            receipt_number: sale.receipt.to_string(),
            occurred_at: sale.occurred_at.to_string(),
            operator_id: sale.operator.to_string(),
            currency_code: CURRENCY.to_owned(),
            lines: (1..).zip(&sale.lines).map(|(sequence, line)| ContentLine::of(sequence, line, world)).collect(),
            tenders: vec![ContentTender { r#type: "CARD".to_owned(), amount_minor: sale.total_minor }],
            gross_minor: sale.sum(|line| line.gross_minor),
            discount_minor: sale.sum(|line| line.discount_minor),
            tax_minor: sale.sum(|line| line.tax_minor),
            total_minor: sale.total_minor,
        }
    }
}

impl ContentLine {
    fn of(sequence: u32, line: &Line, world: &World) -> Self {
        let item = &world.items[line.item];
        Self {
            sequence,
            item_id: item.item_id.clone(),
            supplier_id: world.suppliers[item.supplier].supplier_id.clone(),
            category: item.category.clone(),
            unit_code: item.unit_code.to_owned(),
            quantity_milli: line.quantity_milli,
            gross_minor: line.gross_minor,
            discount_minor: line.discount_minor,
            tax_minor: line.tax_minor,
        }
    }
}
