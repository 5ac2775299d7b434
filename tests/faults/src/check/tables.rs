//! The relational tables, against the log folded once more: stock is deliveries − sales ± the rest, exactly.

use std::{collections::BTreeMap, fmt::Debug};

use daybook::{
    event::v1::{Disposition, StockState, event::Kind},
    ids::UNASSIGNED,
};
use tokio_postgres::Client;

use super::{Findings, log::Log};
use crate::Outcome;

/// On hand and unsellable, by store and item.
type Stock = BTreeMap<(String, String), (i64, i64)>;

/// Lines, quantity, gross, discount, tax, quantity returned and amount returned, by item, store and date.
type Unassigned = BTreeMap<(String, String, String), [i64; 7]>;

/// Catalogue rows by table and id, with the position of the registration and what else can be told apart.
type Registered = BTreeMap<(&'static str, String), (i64, String)>;

/// Checks the tables of the write side.
///
/// # Errors
/// If PostgreSQL does not answer.
pub async fn check(sql: &Client, log: &Log, findings: &mut Findings) -> Outcome {
    let (stock, unassigned, registered) = folded(log);
    compare("stock", &stock, &stock_of(sql).await?, findings);
    let left = |table: Unassigned| -> Unassigned { table.into_iter().filter(|(_, row)| *row != [0; 7]).collect() };
    compare("unassigned_sales", &left(unassigned), &left(unassigned_of(sql).await?), findings);
    compare("catalogue", &registered, &registered_of(sql).await?, findings);
    let head: i64 = sql.query_one("SELECT position FROM log_head", &[]).await?.try_get(0)?;
    let row = sql.query_one("SELECT count(*), coalesce(max(position), 0), count(request_id) FROM events", &[]).await?;
    let (count, last): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    if [head, count, last] != [log.head(); 3] {
        findings.wrong_rows += 1;
        findings.note(format!("head {head}, {count} rows up to {last}, but the log ends at {}", log.head()));
    }
    Ok(())
}

fn compare<K: Ord + Debug, V: PartialEq + Debug>(
    table: &str,
    expected: &BTreeMap<K, V>,
    found: &BTreeMap<K, V>,
    findings: &mut Findings,
) {
    let other = expected.iter().filter(|(key, row)| found.get(key) != Some(row)).map(|(key, _)| key);
    let more = found.keys().filter(|key| !expected.contains_key(key));
    for key in other.chain(more) {
        findings.wrong_rows += 1;
        findings.note(format!("{table} {key:?}: {:?} by the log, found {:?}", expected.get(key), found.get(key)));
    }
}

fn folded(log: &Log) -> (Stock, Unassigned, Registered) {
    let (mut stock, mut unassigned, mut registered) = (Stock::new(), Unassigned::new(), Registered::new());
    for event in &log.events {
        let store = &event.store_id;
        let mut moved = |item_id: &str, on_hand: i64, unsellable: i64| {
            let row = stock.entry((store.clone(), item_id.to_owned())).or_default();
            *row = (row.0 + on_hand, row.1 + unsellable);
        };
        let mut sold = |item_id: &str, change: [i64; 7]| {
            let key = (item_id.to_owned(), store.clone(), event.business_date.clone());
            let row = unassigned.entry(key).or_default();
            row.iter_mut().zip(change).for_each(|(figure, change)| *figure += change);
        };
        let Ok(kind) = event.kind() else { continue };
        match &*kind {
            Kind::DeliveryRecorded(it) => it.lines.iter().for_each(|line| moved(&line.item_id, line.accepted_milli, 0)),
            Kind::SaleRecorded(_) | Kind::SaleVoided(_) => {
                let (lines, sign) = match &*kind {
                    Kind::SaleRecorded(it) => (&it.lines, 1),
                    Kind::SaleVoided(it) => (&it.lines, -1),
                    _ => continue,
                };
                for line in lines {
                    moved(&line.item_id, -sign * line.quantity_milli, 0);
                    if line.supplier_id == UNASSIGNED {
                        let figures =
                            [1, line.quantity_milli, line.gross_minor, line.discount_minor, line.tax_minor, 0, 0];
                        sold(&line.item_id, figures.map(|figure| sign * figure));
                    }
                }
            }
            Kind::ReturnRecorded(it) => {
                for line in &it.lines {
                    match line.disposition() {
                        Disposition::ToStock => moved(&line.item_id, line.quantity_milli, 0),
                        Disposition::ToSupplier => moved(&line.item_id, 0, line.quantity_milli),
                        Disposition::WriteOff | Disposition::Unspecified => moved(&line.item_id, 0, 0),
                    }
                    if line.supplier_id == UNASSIGNED {
                        sold(&line.item_id, [0, 0, 0, 0, 0, line.quantity_milli, line.net_minor]);
                    }
                }
            }
            Kind::StockAdjusted(it) => {
                for line in &it.lines {
                    let of = |state: StockState| {
                        let gained = if line.to_state() == state { line.quantity_milli } else { 0 };
                        let lost = if line.from_state() == state { line.quantity_milli } else { 0 };
                        gained - lost
                    };
                    moved(&line.item_id, of(StockState::OnHand), of(StockState::Unsellable));
                }
            }
            Kind::UnassignedSalesMoved(it) => sold(
                &it.item_id,
                [
                    -it.lines_sold,
                    -it.quantity_sold_milli,
                    -it.gross_minor,
                    -it.discount_minor,
                    -it.tax_minor,
                    -it.quantity_returned_milli,
                    -it.returns_net_minor,
                ],
            ),
            Kind::SupplierRegistered(it) => {
                registered.insert(("suppliers", it.supplier_id.clone()), (event.position, it.name.clone()));
            }
            Kind::StoreRegistered(it) => {
                registered.insert(("stores", it.store_id.clone()), (event.position, it.time_zone.clone()));
            }
            Kind::ItemRegistered(it) => {
                let supplier = format!("{} {}", it.supplier_id, it.category);
                registered.insert(("items", it.item_id.clone()), (event.position, supplier));
            }
            Kind::SaleReturned(_) | Kind::EventDiscarded(_) => {}
        }
    }
    (stock, unassigned, registered)
}

async fn stock_of(sql: &Client) -> Outcome<Stock> {
    let rows = sql.query("SELECT store_id, item_id, on_hand_milli, unsellable_milli FROM stock_on_hand", &[]).await?;
    rows.iter().map(|row| Ok(((row.try_get(0)?, row.try_get(1)?), (row.try_get(2)?, row.try_get(3)?)))).collect()
}

async fn unassigned_of(sql: &Client) -> Outcome<Unassigned> {
    let text = "SELECT item_id, store_id, business_date::text, lines_sold, quantity_sold_milli, gross_minor,
        discount_minor, tax_minor, quantity_returned_milli, returns_net_minor FROM unassigned_sales";
    let mut found = Unassigned::new();
    for row in sql.query(text, &[]).await? {
        let mut figures = [0; 7];
        for (place, figure) in (3..).zip(&mut figures) {
            *figure = row.try_get(place)?;
        }
        found.insert((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?), figures);
    }
    Ok(found)
}

async fn registered_of(sql: &Client) -> Outcome<Registered> {
    let mut found = Registered::new();
    for (table, text) in [
        ("suppliers", "SELECT supplier_id, position, name FROM suppliers"),
        ("stores", "SELECT store_id, position, time_zone FROM stores"),
        ("items", "SELECT item_id, position, supplier_id || ' ' || category FROM items"),
    ] {
        for row in sql.query(text, &[]).await? {
            found.insert((table, row.try_get(0)?), (row.try_get(1)?, row.try_get(2)?));
        }
    }
    Ok(found)
}
