//! The relational tables: folded from the log, and compared with the rows that the command service reads as of one
//! position.

use std::{collections::BTreeMap, time::Duration};

use daybook::{
    command::v1::{
        Item, ItemRow, ReadTablesRequest, ReadTablesResponse, StockRow, Store, StoreRow, Supplier, SupplierRow,
        UnassignedSalesRow,
    },
    event::v1::RecordedEvent,
};
use daybook_write_model::{Effects, Place as EventPlace, UnassignedSales};
use prost::Message;
use tokio::time::timeout;

use super::{
    compare::{Place, differences},
    run::{Run, Verdict},
    share::Share,
};
use crate::error::{Error, Service};

/// If the stream brings nothing for so long, it is given up.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// Memory of a row, roughly, in bytes.
const ROW_BYTES: usize = 250;

/// Rows by their keys, of the keys of a share.
#[derive(Debug, Default)]
pub(super) struct Tables {
    suppliers: BTreeMap<String, SupplierRow>,
    stores: BTreeMap<String, StoreRow>,
    items: BTreeMap<String, ItemRow>,
    stock: BTreeMap<String, StockRow>,
    unassigned_sales: BTreeMap<String, UnassignedSalesRow>,
}

impl Tables {
    /// Takes in what an event does to the rows of a share.
    pub(super) fn take(&mut self, event: &RecordedEvent, share: Share) {
        let Ok(kind) = event.kind() else { return };
        let mut effects = Effects::default();
        let business_date = event.business_date.parse().ok();
        let store_id = Some(event.store_id.as_str()).filter(|store_id| !store_id.is_empty());
        effects.add(1, EventPlace { store_id, business_date }, &kind);
        let position = event.position;
        for (_, registered) in effects.suppliers {
            let (supplier_id, name, gln) = (registered.supplier_id, registered.name, registered.gln);
            let row =
                SupplierRow { supplier: Some(Supplier { supplier_id: supplier_id.clone(), name, gln }), position };
            insert(&mut self.suppliers, share, supplier_id, row);
        }
        for (_, registered) in effects.stores {
            let key = registered.store_id.clone();
            let store = Store {
                store_id: registered.store_id,
                name: registered.name,
                time_zone: registered.time_zone,
                cut_off_minutes: registered.cut_off_minutes,
                currency_code: registered.currency_code,
                negative_stock_allowed: registered.negative_stock_allowed,
            };
            insert(&mut self.stores, share, key, StoreRow { store: Some(store), position });
        }
        for (_, registered) in effects.items {
            let key = registered.item_id.clone();
            let item = Item {
                item_id: registered.item_id,
                name: registered.name,
                gtin: registered.gtin,
                category: registered.category,
                unit_code: registered.unit_code,
                decimals: registered.decimals,
                supplier_id: registered.supplier_id,
            };
            let row = ItemRow { item: Some(item), supplier_since: event.occurred_at, position };
            insert(&mut self.items, share, key, row);
        }
        for (store_id, item_id, change) in effects.stock.rows() {
            let key = format!("{store_id}|{item_id}");
            if share.has(&key) {
                let row = self.stock.entry(key).or_insert_with(|| StockRow {
                    store_id: store_id.to_owned(),
                    item_id: item_id.to_owned(),
                    ..StockRow::default()
                });
                row.on_hand_milli += change.on_hand_milli;
                row.unsellable_milli += change.unsellable_milli;
            }
        }
        for ((item_id, _, _), sold) in effects.unassigned {
            self.add_unassigned(share, item_id, sold);
        }
    }

    fn add_unassigned(&mut self, share: Share, item_id: String, sold: UnassignedSales) {
        let (store_id, business_date) = (sold.store_id, sold.business_date.to_string());
        let key = format!("{item_id}|{store_id}|{business_date}");
        if !share.has(&key) {
            return;
        }
        let row = self.unassigned_sales.entry(key).or_insert_with(|| UnassignedSalesRow {
            item_id,
            store_id,
            business_date,
            ..UnassignedSalesRow::default()
        });
        row.lines_sold += sold.lines_sold;
        row.quantity_sold_milli += sold.quantity_sold_milli;
        row.gross_minor += sold.gross_minor;
        row.discount_minor += sold.discount_minor;
        row.tax_minor += sold.tax_minor;
        row.quantity_returned_milli += sold.quantity_returned_milli;
        row.returns_net_minor += sold.returns_net_minor;
    }

    /// Keeps the rows of a smaller share only.
    pub(super) fn keep(&mut self, share: Share) {
        self.suppliers.retain(|key, _| share.has(key));
        self.stores.retain(|key, _| share.has(key));
        self.items.retain(|key, _| share.has(key));
        self.stock.retain(|key, _| share.has(key));
        self.unassigned_sales.retain(|key, _| share.has(key));
    }

    /// Memory in use, roughly, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        let catalogue = self.suppliers.len() + self.stores.len() + self.items.len();
        (catalogue + self.stock.len() + self.unassigned_sales.len()) * ROW_BYTES
    }
}

fn insert<T>(rows: &mut BTreeMap<String, T>, share: Share, key: String, row: T) {
    if share.has(&key) {
        rows.insert(key, row);
    }
}

impl Run<'_> {
    /// Compares the tables with the fold, which is brought to exactly their position.
    pub(super) async fn tables(&mut self) -> Result<(), Error> {
        let bar = self.notices.count("tables");
        let failed = |status| Error::call(Service::Command, status);
        let mut tables = self.command.tables.clone();
        let mut stream = tables.read_tables(ReadTablesRequest {}).await.map_err(failed)?.into_inner();
        let mut expected: Option<Tables> = None;
        loop {
            let message = timeout(MESSAGE_TIMEOUT, stream.message()).await;
            let message = message.map_err(|_| Error::Unexpected("the tables were not answered in time".to_owned()))?;
            let Some(ReadTablesResponse { position, suppliers, stores, items, stock, unassigned_sales }) =
                message.map_err(failed)?
            else {
                break;
            };
            if expected.is_none() {
                if !self.reach(position).await? || self.position() != position {
                    let read = self.position();
                    return Err(Error::Unexpected(format!("the tables are as of {position}, but the log of {read}")));
                }
                expected = Some(std::mem::take(&mut self.fold.tables));
            }
            let Some(expected) = &mut expected else { break };
            let rows = suppliers.into_iter().map(|row| (key_of(row.supplier.as_ref(), |it| &it.supplier_id), row));
            self.rows("suppliers", "SupplierRow", &mut expected.suppliers, rows)?;
            let rows = stores.into_iter().map(|row| (key_of(row.store.as_ref(), |it| &it.store_id), row));
            self.rows("stores", "StoreRow", &mut expected.stores, rows)?;
            let rows = items.into_iter().map(|row| (key_of(row.item.as_ref(), |it| &it.item_id), row));
            self.rows("items", "ItemRow", &mut expected.items, rows)?;
            let rows = stock.into_iter().map(|row| (format!("{}|{}", row.store_id, row.item_id), row));
            self.rows("stock", "StockRow", &mut expected.stock, rows)?;
            let key = |row: &UnassignedSalesRow| format!("{}|{}|{}", row.item_id, row.store_id, row.business_date);
            let rows = unassigned_sales.into_iter().map(|row| (key(&row), row));
            self.rows("unassigned_sales", "UnassignedSalesRow", &mut expected.unassigned_sales, rows)?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        // What was not taken out has no row.
        let Some(expected) = expected else {
            return Err(Error::Unexpected("the tables were not answered".to_owned()));
        };
        self.missing("suppliers", expected.suppliers.into_keys());
        self.missing("stores", expected.stores.into_keys());
        self.missing("items", expected.items.into_keys());
        self.missing("stock", expected.stock.into_keys());
        self.missing("unassigned_sales", expected.unassigned_sales.into_keys());
        Ok(())
    }

    fn rows<T: Message + PartialEq>(
        &mut self,
        table: &'static str,
        message: &str,
        expected: &mut BTreeMap<String, T>,
        rows: impl Iterator<Item = (String, T)>,
    ) -> Result<(), Error> {
        let report = format!("table {table}");
        for (key, found) in rows.filter(|(key, _)| self.fold.share.has(key)).collect::<Vec<_>>() {
            let place = Place { report: &report, document: &key, path: "" };
            let message = format!("daybook.command.v1.{message}");
            let all = differences(place, &message, expected.remove(&key).as_ref(), Some(&found))?;
            let verdict = if all.is_empty() { Verdict::Equal } else { Verdict::Differs(all) };
            match verdict {
                Verdict::Differs(all) => self.summary.differs(TABLES, all),
                Verdict::Equal | Verdict::Unclear => self.summary.equal(TABLES),
            }
        }
        Ok(())
    }

    fn missing(&mut self, table: &str, keys: impl Iterator<Item = String>) {
        let report = format!("table {table}");
        for key in keys {
            let place = Place { report: &report, document: &key, path: "" };
            self.summary.differs(TABLES, vec![place.difference("", "present", "absent")]);
        }
    }
}

/// As which rows of all tables are counted.
const TABLES: &str = "table rows";

fn key_of<T>(of: Option<&T>, key: fn(&T) -> &String) -> String {
    of.map(|of| key(of).clone()).unwrap_or_default()
}
