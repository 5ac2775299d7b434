//! Appending a batch that also changes suppliers, stores, items or what was sold of unregistered items: one transaction.

use daybook_write_model::{Effects, UnassignedSales};
use deadpool_postgres::{Object, Transaction};
use jiff::civil::Date;
use tokio_postgres::types::ToSql;

use super::{
    StoreError,
    append::{self, Appended, Batch},
};

/// Appends a batch and changes the tables that its events change.
pub(super) async fn append(client: &mut Object, batch: &Batch) -> Result<Appended, StoreError> {
    let statement = client.prepare_cached(append::APPEND).await?;
    let transaction = client.transaction().await?;
    let appended = append::write(&transaction, &statement, batch).await?;
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
    add_unassigned(&transaction, effects).await?;
    transaction.commit().await?;
    Ok(Appended::Written { base, recorded_at })
}

async fn add_unassigned(transaction: &Transaction<'_>, effects: &Effects) -> Result<(), StoreError> {
    if effects.unassigned.is_empty() {
        return Ok(());
    }
    let keys = || effects.unassigned.keys();
    let items: Vec<&str> = keys().map(|(item, ..)| item.as_str()).collect();
    let stores: Vec<&str> = keys().map(|(_, store, _)| store.as_str()).collect();
    let dates: Vec<Date> = keys().map(|(.., date)| *date).collect();
    let figures = |figure: fn(&UnassignedSales) -> i64| effects.unassigned.values().map(figure).collect::<Vec<_>>();
    let lines_sold = figures(|sold| sold.lines_sold);
    let quantity_sold = figures(|sold| sold.quantity_sold_milli);
    let gross = figures(|sold| sold.gross_minor);
    let discount = figures(|sold| sold.discount_minor);
    let tax = figures(|sold| sold.tax_minor);
    let quantity_returned = figures(|sold| sold.quantity_returned_milli);
    let returns_net = figures(|sold| sold.returns_net_minor);
    let sql = "INSERT INTO unassigned_sales AS u
        SELECT * FROM unnest($1::text[], $2::text[], $3::date[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
            $8::bigint[], $9::bigint[], $10::bigint[])
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
        &items,
        &stores,
        &dates,
        &lines_sold,
        &quantity_sold,
        &gross,
        &discount,
        &tax,
        &quantity_returned,
        &returns_net,
    ];
    transaction.execute(&statement, &parameters).await?;
    Ok(())
}

async fn insert_items(transaction: &Transaction<'_>, base: i64, effects: &Effects) -> Result<(), StoreError> {
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
