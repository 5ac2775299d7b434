//! What log, indexes, tables and documents take on disk.

use daybook_chassis::BoxError;
use mongodb::bson::{Bson, Document, doc};

use crate::{bench::Bench, measure::Figure, report::Row, servers::connect, service::Instance};

/// Bytes in all, and how many sales there are.
#[derive(Clone, Debug)]
pub(super) struct Size {
    pub(super) sales: i64,
    parts: [(&'static str, i64); 6],
}

pub(super) async fn of(bench: &Bench, instance: &Instance) -> Result<Size, BoxError> {
    let postgres = connect(&instance.place().postgres_superuser_url).await?;
    // What is dead is given back first; otherwise it depends on when the server did that by itself.
    postgres.batch_execute("VACUUM").await?;
    let sql = "SELECT (SELECT count(*) FROM events WHERE event_type = 'sale_recorded'), pg_table_size('events'),
        pg_indexes_size('events'), 
        pg_total_relation_size('stock_batches') + pg_total_relation_size('stock_runs')";
    let row = postgres.query_one(sql, &[]).await?;
    let mongodb = bench.cli.servers.mongodb().await?;
    // What the server writes is counted when it is written out.
    mongodb.database("admin").run_command(doc! { "fsync": 1 }).await?;
    let documents = mongodb.database(instance.documents()).run_command(doc! { "dbStats": 1 }).await?;
    let parts = [
        ("events in the log", row.try_get(1)?),
        ("indexes of the log", row.try_get(2)?),
        ("stock of the write side", row.try_get(3)?),
        ("documents, as they are", number(&documents, "dataSize")),
        ("documents, on disk", number(&documents, "storageSize")),
        ("indexes of the documents", number(&documents, "indexSize")),
    ];
    Ok(Size { sales: row.try_get(0)?, parts })
}

/// What was added for each sale.
pub(super) fn rows(before: &Size, after: &Size) -> Vec<Row> {
    let sales = as_float(after.sales - before.sales).max(1.0);
    let parts = before.parts.iter().zip(&after.parts);
    let each = parts.map(|((name, before), (_, after))| (name, as_float(after - before) / sales));
    each.map(|(name, bytes)| Row::new("G1", *name, "B a sale").ours(Some(Figure::once(bytes)))).collect()
}

fn number(stats: &Document, name: &str) -> i64 {
    #[allow(clippy::cast_possible_truncation, reason = "MongoDB tells whole bytes as a double")]
    match stats.get(name) {
        Some(Bson::Int64(number)) => *number,
        Some(Bson::Int32(number)) => i64::from(*number),
        Some(Bson::Double(number)) => *number as i64,
        _ => 0,
    }
}

#[allow(clippy::cast_precision_loss, reason = "bytes and sales of one run")]
fn as_float(number: i64) -> f64 {
    number as f64
}
