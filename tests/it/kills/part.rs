//! A part of the committed day: some of its stores, and what their reports must say, summed up here with integers from
//! nothing but the rows.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::{day::sample, tables::Tables};

/// The business date of the day.
const DATE: &str = "2017-01-02";

/// Some stores of the day.
#[derive(Debug)]
pub(crate) struct Part {
    directory: TempDir,
    events: i64,
    expected: Tables,
}

type Row = HashMap<String, String>;

#[derive(Default)]
struct Sums {
    transactions: BTreeSet<String>,
    stores: BTreeSet<String>,
    deliveries: BTreeSet<String>,
    lines: i64,
    sold_milli: i64,
    gross: i64,
    discount: i64,
    coupons: i64,
    received_milli: i64,
    cost: i64,
}

impl Part {
    /// Every n-th store with all that happened there.
    pub(crate) fn of_the_day(nth: usize) -> Self {
        let stores: BTreeSet<String> =
            rows("stores.csv").into_iter().step_by(nth).map(|row| row["store_id"].clone()).collect();
        let here = |row: &Row| stores.contains(&row["store_id"]);
        let deliveries: Vec<Row> = rows("deliveries.csv").into_iter().filter(here).collect();
        let sales: Vec<Row> = rows("sales.csv").into_iter().filter(here).collect();
        let tenders: Vec<Row> = rows("tenders.csv").into_iter().filter(here).collect();
        let item_ids: BTreeSet<&str> = deliveries.iter().chain(&sales).map(|row| row["item_id"].as_str()).collect();
        let items: Vec<Row> =
            rows("items.csv").into_iter().filter(|row| item_ids.contains(row["item_id"].as_str())).collect();
        let supplier_ids: BTreeSet<&str> =
            deliveries.iter().chain(&items).map(|row| row["supplier_id"].as_str()).collect();

        let directory = tempfile::tempdir().expect("a directory can be made");
        let count = |name: &str, keep: &dyn Fn(&Row) -> bool| copy(name, directory.path(), keep);
        let suppliers = count("suppliers.csv", &|row| supplier_ids.contains(row["supplier_id"].as_str()));
        let of_stores = count("stores.csv", &here);
        let of_items = count("items.csv", &|row| item_ids.contains(row["item_id"].as_str()));
        for name in ["deliveries.csv", "sales.csv", "tenders.csv"] {
            count(name, &here);
        }
        let notes: BTreeSet<&str> = deliveries.iter().map(|row| row["delivery_note"].as_str()).collect();
        let receipts: BTreeSet<&str> = sales.iter().map(|row| row["receipt_no"].as_str()).collect();
        let events = suppliers + of_stores + of_items + notes.len() + receipts.len();
        let events = i64::try_from(events).expect("a day is small");
        let expected = expected(&items, &deliveries, &sales, &tenders);
        Self { directory, events, expected }
    }

    /// Where its files are.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Events that it makes: one for each supplier, store, item, delivery note and receipt.
    pub(crate) fn events(&self) -> i64 {
        self.events
    }

    /// What an export must give.
    pub(crate) fn expected(&self) -> &Tables {
        &self.expected
    }
}

fn path(name: &str) -> PathBuf {
    sample().join(name)
}

fn rows(name: &str) -> Vec<Row> {
    csv::Reader::from_path(path(name)).unwrap().deserialize().map(|row| row.unwrap()).collect()
}

fn copy(name: &str, to: &Path, keep: &dyn Fn(&Row) -> bool) -> usize {
    let mut reader = csv::Reader::from_path(path(name)).unwrap();
    let header = reader.headers().unwrap().clone();
    let mut writer = csv::Writer::from_path(to.join(name)).unwrap();
    writer.write_record(&header).unwrap();
    let mut count = 0;
    for record in reader.records() {
        let record = record.unwrap();
        if keep(&record.deserialize(Some(&header)).unwrap()) {
            writer.write_record(&record).unwrap();
            count += 1;
        }
    }
    writer.flush().unwrap();
    count
}

fn expected(items: &[Row], deliveries: &[Row], sales: &[Row], tenders: &[Row]) -> Tables {
    let supplier_of: HashMap<&str, &str> =
        items.iter().map(|row| (row["item_id"].as_str(), row["supplier_id"].as_str())).collect();
    let mut by_store: BTreeMap<String, Sums> = BTreeMap::new();
    let mut by_store_item: BTreeMap<(String, String), Sums> = BTreeMap::new();
    let mut by_supplier: BTreeMap<String, Sums> = BTreeMap::new();
    let mut by_supplier_item: BTreeMap<(String, String), Sums> = BTreeMap::new();
    for row in deliveries {
        let (store, item, supplier) = (&row["store_id"], &row["item_id"], &row["supplier_id"]);
        let (received, cost) = (thousandths(&row["quantity"]), cents(&row["unit_cost"]));
        for sums in [
            by_store.entry(store.clone()).or_default(),
            by_store_item.entry((store.clone(), item.clone())).or_default(),
            by_supplier.entry(supplier.clone()).or_default(),
            by_supplier_item.entry((supplier.clone(), item.clone())).or_default(),
        ] {
            sums.deliveries.insert(row["delivery_note"].clone());
            sums.received_milli += received;
            sums.cost += half_even(received * cost, 1_000);
        }
    }
    for row in sales {
        let (store, item) = (&row["store_id"], &row["item_id"]);
        let supplier = supplier_of[item.as_str()].to_owned();
        for sums in [
            by_store.entry(store.clone()).or_default(),
            by_store_item.entry((store.clone(), item.clone())).or_default(),
            by_supplier.entry(supplier.clone()).or_default(),
            by_supplier_item.entry((supplier.clone(), item.clone())).or_default(),
        ] {
            sums.transactions.insert(row["receipt_no"].clone());
            sums.stores.insert(store.clone());
            sums.lines += 1;
            sums.sold_milli += thousandths(&row["quantity"]);
            sums.gross += cents(&row["gross_amount"]);
            sums.discount += cents(&row["discount_amount"]);
        }
    }
    for row in tenders.iter().filter(|row| row["tender"] == "MANUFACTURER_COUPON") {
        by_store.entry(row["store_id"].clone()).or_default().coupons += cents(&row["amount"]);
    }
    let store_days = by_store.iter().map(|(store, sums)| {
        let (transactions, deliveries) = (sums.transactions.len(), sums.deliveries.len());
        let money = [sums.gross, sums.discount, sums.gross - sums.discount, sums.coupons].map(amount).join(",");
        format!("{store},{DATE},{transactions},{},{money},{deliveries},{}", sums.lines, amount(sums.cost))
    });
    let store_day_items = by_store_item.iter().map(|((store, item), sums)| {
        let money = [sums.gross, sums.discount, sums.gross - sums.discount].map(amount).join(",");
        format!("{store},{DATE},{item},{},{money},{}", quantity(sums.sold_milli), quantity(sums.received_milli))
    });
    let supplier_days = by_supplier.iter().map(|(supplier, sums)| {
        let money = [sums.gross, sums.discount, sums.gross - sums.discount].map(amount).join(",");
        let (sold, received) = (quantity(sums.sold_milli), quantity(sums.received_milli));
        let (stores, deliveries, cost) = (sums.stores.len(), sums.deliveries.len(), amount(sums.cost));
        format!("{supplier},{DATE},{stores},{sold},{money},{deliveries},{received},{cost}")
    });
    let supplier_day_items = by_supplier_item.iter().map(|((supplier, item), sums)| {
        let (sold, received) = (quantity(sums.sold_milli), quantity(sums.received_milli));
        let net = amount(sums.gross - sums.discount);
        format!("{supplier},{DATE},{item},{sold},{net},{received},{}", amount(sums.cost))
    });
    let stock = by_store_item
        .iter()
        .map(|((store, item), sums)| format!("{store},{item},{}", quantity(sums.received_milli - sums.sold_milli)));
    [
        ("store_days.csv", store_days.collect()),
        ("store_day_items.csv", store_day_items.collect()),
        ("supplier_days.csv", supplier_days.collect()),
        ("supplier_day_items.csv", supplier_day_items.collect()),
        ("stock.csv", stock.collect()),
    ]
    .into_iter()
    .map(|(name, mut rows): (&'static str, Vec<String>)| {
        rows.sort();
        let header = fs::read_to_string(path("expected").join(name)).unwrap();
        (name, (header.lines().next().unwrap().to_owned(), rows))
    })
    .collect()
}

fn cents(text: &str) -> i64 {
    scaled(text, 2)
}

fn thousandths(text: &str) -> i64 {
    scaled(text, 3)
}

fn scaled(text: &str, decimals: usize) -> i64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<decimals$}").parse().unwrap()
}

fn half_even(dividend: i64, divisor: i64) -> i64 {
    let (floor, rest) = (dividend / divisor, dividend % divisor);
    floor + i64::from(2 * rest > divisor || (2 * rest == divisor && floor % 2 == 1))
}

fn amount(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn quantity(milli: i64) -> String {
    let sign = if milli < 0 { "-" } else { "" };
    let text = format!("{sign}{}.{:03}", milli.abs() / 1_000, milli.abs() % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
