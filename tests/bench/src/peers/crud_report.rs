//! CRUD's reports, by GROUP BY over the lines. Sales are written as [`super::crud_set`] does.

use std::{pin::pin, sync::Arc};

use daybook_chassis::BoxError;
use jiff::civil::Date;
use tokio_postgres::{Client, Row, Statement, binary_copy::BinaryCopyInWriter, types::Type};

use super::{
    crud_set::CrudSet,
    schema::{NO_SUPPLIER_INDEX, SUPPLIER_INDEX},
    sold::Sold,
};
use crate::load::{Sale, Sales, World};

const DATABASE: &str = "bench_crud_report";

/// Sales that are held in memory between the two tables while they are filled.
const FILL_SALES: usize = 10_000;

/// The lines of a sale stand together, so its primary key is the way to them.
const STORE_DAY: &str = "
    SELECT line.item_id, count(*), sum(line.quantity_milli)::bigint, sum(line.gross_minor)::bigint,
        sum(line.discount_minor)::bigint, sum(line.tax_minor)::bigint
    FROM sales JOIN sale_lines AS line USING (sale_id)
    WHERE sales.store_id = $1 AND sales.business_date = $2
    GROUP BY line.item_id";

const SUPPLIER_DAY: &str = "
    SELECT item_id, count(*), sum(quantity_milli)::bigint, sum(gross_minor)::bigint, sum(discount_minor)::bigint,
        sum(tax_minor)::bigint
    FROM sale_lines
    WHERE supplier_id = $1 AND business_date = $2
    GROUP BY item_id";

/// The tables, filled, and read as reports.
#[derive(Debug)]
pub(crate) struct CrudReport {
    tables: CrudSet,
}

/// One who reads reports, over a connection beside those that write.
#[derive(Debug)]
pub(crate) struct CrudReader {
    report: Arc<CrudReport>,
    client: Client,
    store_day: Statement,
    supplier_day: Statement,
    nothing: Statement,
}

/// The report of one day of a store or a supplier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// By item, in no order.
    pub(crate) items: Vec<(i32, Figures)>,
    pub(crate) total: Figures,
}

/// What was sold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) lines: i64,
    pub(crate) quantity_milli: i64,
    pub(crate) gross_minor: i64,
    pub(crate) discount_minor: i64,
    pub(crate) tax_minor: i64,
}

impl CrudReport {
    /// Makes the database anew, on the server of the URL (as superuser), with the chain in it.
    pub(crate) async fn open(postgres_url: &str, world: &World) -> Result<Self, BoxError> {
        Self::open_as(DATABASE, postgres_url, world).await
    }

    pub(super) async fn open_as(name: &str, postgres_url: &str, world: &World) -> Result<Self, BoxError> {
        Ok(Self { tables: CrudSet::open_as(name, postgres_url, world).await? })
    }

    /// Writes a sale; it is durable when this returns.
    pub(crate) async fn sell(&self, sale: &Sale) -> Result<(), BoxError> {
        self.tables.sell(sale).await
    }

    /// Fills the tables with sales of at least so many lines, past the statements and the constraints; stock is left as
    /// it is. Answers how many sales and lines it wrote. [`Self::settle`] comes after the last filling.
    pub(crate) async fn fill(&self, sales: &mut Sales<'_>, lines: usize) -> Result<(usize, usize), BoxError> {
        let client = self.tables.database().connection().await?;
        // Foreign keys are checked by triggers; what comes from the load refers to what is there.
        client.batch_execute("SET session_replication_role = replica; SET synchronous_commit = off").await?;
        client.batch_execute(NO_SUPPLIER_INDEX).await?;
        let row = client.query_one("SELECT coalesce(max(sale_id), 0) FROM sales", &[]).await?;
        let mut last_sale_id: i64 = row.try_get(0)?;
        let (mut sales_written, mut lines_written) = (0, 0);
        while lines_written < lines {
            let mut batch = Vec::with_capacity(FILL_SALES);
            while batch.len() < FILL_SALES && lines_written < lines {
                last_sale_id += 1;
                let sold = self.tables.keys().sold(&sales.next_sale())?;
                lines_written += sold.lines.len();
                batch.push((last_sale_id, sold));
            }
            copy_sales(&client, &batch).await?;
            copy_lines(&client, &batch).await?;
            sales_written += batch.len();
        }
        client.query_one("SELECT setval(pg_get_serial_sequence('sales', 'sale_id'), $1)", &[&last_sale_id]).await?;
        Ok((sales_written, lines_written))
    }

    /// Makes the tables ready for reports: the index, statistics, and what vacuum does sooner or later anyway.
    pub(crate) async fn settle(&self) -> Result<(), BoxError> {
        let client = self.tables.database().connection().await?;
        client.batch_execute(SUPPLIER_INDEX).await?;
        client.batch_execute("VACUUM (ANALYZE) sales").await?;
        client.batch_execute("VACUUM (ANALYZE) sale_lines").await?;
        client.batch_execute("CHECKPOINT").await?;
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn tables(&self) -> &CrudSet {
        &self.tables
    }
}

impl CrudReader {
    pub(crate) async fn open(report: Arc<CrudReport>) -> Result<Self, BoxError> {
        let client = report.tables.database().connection().await?;
        let (store_day, supplier_day) = (client.prepare(STORE_DAY).await?, client.prepare(SUPPLIER_DAY).await?);
        let nothing = client.prepare("SELECT 1").await?;
        Ok(Self { report, client, store_day, supplier_day, nothing })
    }

    /// A statement that reads nothing.
    pub(crate) async fn nothing(&self) -> Result<(), BoxError> {
        self.client.query_one(&self.nothing, &[]).await?;
        Ok(())
    }

    /// What a store sold on a date, by item and in all.
    pub(crate) async fn store_day(&self, store: usize, date: Date) -> Result<Report, BoxError> {
        self.report(&self.store_day, self.report.tables.keys().stores[store], date).await
    }

    /// What was sold of a supplier's items on a date, by item and in all.
    pub(crate) async fn supplier_day(&self, supplier: usize, date: Date) -> Result<Report, BoxError> {
        self.report(&self.supplier_day, self.report.tables.keys().suppliers[supplier], date).await
    }

    async fn report(&self, statement: &Statement, id: i32, date: Date) -> Result<Report, BoxError> {
        let rows = self.client.query(statement, &[&id, &date]).await?;
        let mut report = Report { items: Vec::with_capacity(rows.len()), total: Figures::default() };
        for row in &rows {
            let figures = Figures::of(row)?;
            report.total.add(figures);
            report.items.push((row.try_get(0)?, figures));
        }
        Ok(report)
    }
}

impl Figures {
    fn of(row: &Row) -> Result<Self, BoxError> {
        Ok(Self {
            lines: row.try_get(1)?,
            quantity_milli: row.try_get(2)?,
            gross_minor: row.try_get(3)?,
            discount_minor: row.try_get(4)?,
            tax_minor: row.try_get(5)?,
        })
    }

    fn add(&mut self, other: Self) {
        self.lines += other.lines;
        self.quantity_milli += other.quantity_milli;
        self.gross_minor += other.gross_minor;
        self.discount_minor += other.discount_minor;
        self.tax_minor += other.tax_minor;
    }
}

async fn copy_sales(client: &Client, batch: &[(i64, Sold)]) -> Result<(), BoxError> {
    let columns = "sale_id, store_id, register_id, business_date, receipt_number, occurred_at, operator_id,
        gross_minor, discount_minor, tax_minor, total_minor";
    let types = [
        Type::INT8,
        Type::INT4,
        Type::INT4,
        Type::DATE,
        Type::INT8,
        Type::TIMESTAMPTZ,
        Type::INT4,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
    ];
    let sink = client.copy_in(&format!("COPY sales ({columns}) FROM STDIN BINARY")).await?;
    let mut rows = pin!(BinaryCopyInWriter::new(sink, &types));
    for (sale_id, sold) in batch {
        rows.as_mut()
            .write(&[
                sale_id,
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
            ])
            .await?;
    }
    rows.finish().await?;
    Ok(())
}

async fn copy_lines(client: &Client, batch: &[(i64, Sold)]) -> Result<(), BoxError> {
    let columns = "sale_id, line, item_id, supplier_id, business_date, quantity_milli, gross_minor, discount_minor,
        tax_minor";
    let types =
        [Type::INT8, Type::INT4, Type::INT4, Type::INT4, Type::DATE, Type::INT8, Type::INT8, Type::INT8, Type::INT8];
    let sink = client.copy_in(&format!("COPY sale_lines ({columns}) FROM STDIN BINARY")).await?;
    let mut rows = pin!(BinaryCopyInWriter::new(sink, &types));
    for (sale_id, sold) in batch {
        for line in &sold.lines {
            rows.as_mut()
                .write(&[
                    sale_id,
                    &line.line,
                    &line.item_id,
                    &line.supplier_id,
                    &sold.business_date,
                    &line.quantity_milli,
                    &line.gross_minor,
                    &line.discount_minor,
                    &line.tax_minor,
                ])
                .await?;
        }
    }
    rows.finish().await?;
    Ok(())
}
