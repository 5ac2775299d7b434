//! CRUD at its best: one statement for each sale, in a transaction of its own, so in one round trip. It writes the sale,
//! all its lines and their stock.

use daybook_chassis::BoxError;

use super::{
    crud::is_deadlock,
    database::Database,
    schema,
    sold::{Keys, Sold},
};
use crate::load::{Sale, World};

const DATABASE: &str = "bench_crud_set";

/// As in [`super::crud`].
const ATTEMPTS: usize = 5;

/// The receipt decides: where it is there already, `sold` has no row, and nothing is written.
const SELL: &str = "
    WITH sold AS (
        INSERT INTO sales (store_id, register_id, business_date, receipt_number, occurred_at, operator_id,
            gross_minor, discount_minor, tax_minor, total_minor)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (store_id, business_date, register_id, receipt_number) DO NOTHING
        RETURNING sale_id
    ),
    written AS (
        INSERT INTO sale_lines (sale_id, line, item_id, supplier_id, business_date, quantity_milli, gross_minor,
            discount_minor, tax_minor)
        SELECT sold.sale_id, line.line, line.item_id, line.supplier_id, $3, line.quantity_milli, line.gross_minor,
            line.discount_minor, line.tax_minor
        FROM sold, unnest($11::integer[], $12::integer[], $13::integer[], $14::bigint[], $15::bigint[], $16::bigint[],
            $17::bigint[])
            AS line (line, item_id, supplier_id, quantity_milli, gross_minor, discount_minor, tax_minor)
    )
    INSERT INTO stock AS s (store_id, item_id, on_hand_milli)
    SELECT $1, line.item_id, -line.quantity_milli
    FROM sold, unnest($12::integer[], $14::bigint[]) AS line (item_id, quantity_milli)
    ON CONFLICT (store_id, item_id) DO UPDATE SET on_hand_milli = s.on_hand_milli + excluded.on_hand_milli";

/// The tables, ready to sell.
#[derive(Debug)]
pub(crate) struct CrudSet {
    database: Database,
    keys: Keys,
}

impl CrudSet {
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
        let client = self.database.pooled().await?;
        let sell = client.prepare_cached(SELL).await?;
        client
            .execute(
                &sell,
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
                    &sold.column(|line| line.line),
                    &sold.column(|line| line.item_id),
                    &sold.column(|line| line.supplier_id),
                    &sold.column(|line| line.quantity_milli),
                    &sold.column(|line| line.gross_minor),
                    &sold.column(|line| line.discount_minor),
                    &sold.column(|line| line.tax_minor),
                ],
            )
            .await?;
        Ok(())
    }

    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }
}
