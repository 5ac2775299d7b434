//! CRUD as usually written: a transaction for each sale, a statement for each of its lines, stock updated in place.

use daybook_chassis::BoxError;
use tokio_postgres::error::SqlState;

use super::{
    database::Database,
    schema,
    sold::{Keys, Sold},
};
use crate::load::{Sale, World};

const DATABASE: &str = "bench_crud";

/// Two sales that deadlock are tried again; that is rare, since items are taken in order.
const ATTEMPTS: usize = 5;

/// The receipt decides: what is there already is not sold again.
const SALE: &str = "
    INSERT INTO sales (store_id, register_id, business_date, receipt_number, occurred_at, operator_id,
        gross_minor, discount_minor, tax_minor, total_minor)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (store_id, business_date, register_id, receipt_number) DO NOTHING
    RETURNING sale_id";

/// The line and its stock.
const LINE: &str = "
    WITH written AS (
        INSERT INTO sale_lines (sale_id, line, item_id, supplier_id, business_date, quantity_milli, gross_minor,
            discount_minor, tax_minor)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    )
    INSERT INTO stock AS s (store_id, item_id, on_hand_milli) VALUES ($10, $3, -$6)
    ON CONFLICT (store_id, item_id) DO UPDATE SET on_hand_milli = s.on_hand_milli + excluded.on_hand_milli";

/// The tables, ready to sell.
#[derive(Debug)]
pub(crate) struct Crud {
    database: Database,
    keys: Keys,
}

impl Crud {
    /// Sales that are written at once; each has a connection.
    pub(crate) const CONCURRENCY: usize = 16;

    /// Makes the database anew, on the server of the URL (as superuser), with the chain in it.
    pub(crate) async fn open(postgres_url: &str, world: &World) -> Result<Self, BoxError> {
        Self::open_as(DATABASE, postgres_url, world).await
    }

    pub(super) async fn open_as(name: &str, postgres_url: &str, world: &World) -> Result<Self, BoxError> {
        let database = Database::fresh(postgres_url, name, Self::CONCURRENCY).await?;
        let keys = Keys::of(world)?;
        schema::create(&database.connection().await?, world, &keys).await?;
        Ok(Self { database, keys })
    }

    /// Writes a sale; it is durable when this returns.
    pub(crate) async fn sell(&self, sale: &Sale) -> Result<(), BoxError> {
        let sold = self.keys.sold(sale)?;
        for _ in 1..ATTEMPTS {
            match self.write(&sold).await {
                Err(error) if is_deadlock(&error) => {}
                result => return result,
            }
        }
        self.write(&sold).await
    }

    async fn write(&self, sold: &Sold) -> Result<(), BoxError> {
        let mut client = self.database.pooled().await?;
        let insert_sale = client.prepare_cached(SALE).await?;
        let insert_line = client.prepare_cached(LINE).await?;
        let transaction = client.transaction().await?;
        let row = transaction
            .query_opt(
                &insert_sale,
                &[
                    &sold.store_id,
                    &sold.register_id,
                    &sold.business_date,
                    &sold.receipt_number,
                    &sold.occurred_at,
                    &sold.operator_id,
                    &sold.gross_minor,
                    &sold.discount_minor,
                    &sold.tax_minor,
                    &sold.total_minor,
                ],
            )
            .await?;
        let Some(row) = row else { return Ok(transaction.rollback().await?) };
        let sale_id: i64 = row.try_get(0)?;
        for line in &sold.lines {
            transaction
                .execute(
                    &insert_line,
                    &[
                        &sale_id,
                        &line.line,
                        &line.item_id,
                        &line.supplier_id,
                        &sold.business_date,
                        &line.quantity_milli,
                        &line.gross_minor,
                        &line.discount_minor,
                        &line.tax_minor,
                        &sold.store_id,
                    ],
                )
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    #[cfg(test)]
    pub(super) fn database(&self) -> &Database {
        &self.database
    }
}

/// True if the server ended a transaction because it and another waited for each other.
pub(super) fn is_deadlock(error: &BoxError) -> bool {
    let code = error.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::code);
    code == Some(&SqlState::T_R_DEADLOCK_DETECTED)
}
