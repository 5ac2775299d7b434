//! What the reports of an imported day must say, added up from its CSV files in whole cents and thousandths.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{
    sample::{IMPORTED, Rows},
    sheets::{Sheet, Sheets},
};

/// The business date of the whole sample day.
const DATE: &str = "2017-01-02";

/// What is added up, of whatever.
#[derive(Debug, Default)]
struct Sum<'a> {
    receipts: BTreeSet<(&'a str, &'a str)>,
    selling_stores: BTreeSet<&'a str>,
    lines: i64,
    sold_milli: i64,
    gross: i64,
    discount: i64,
    coupons: i64,
    documents: BTreeSet<(&'a str, &'a str)>,
    received_milli: i64,
    cost: i64,
}

/// The tables of the export of a directory, and how many events its import makes.
pub(crate) fn of(directory: &Path) -> (Sheets, i64) {
    let [suppliers, stores, items, deliveries, sales, tenders] =
        IMPORTED.map(|file| Rows::read(&directory.join(file)));
    let supplier_of: BTreeMap<&str, &str> =
        items.cells(["item_id", "supplier_id"]).map(|[item, supplier]| (item, supplier)).collect();
    let mut of_store: BTreeMap<&str, Sum<'_>> = BTreeMap::new();
    let mut of_store_item: BTreeMap<(&str, &str), Sum<'_>> = BTreeMap::new();
    let mut of_supplier: BTreeMap<&str, Sum<'_>> = BTreeMap::new();
    let mut of_supplier_item: BTreeMap<(&str, &str), Sum<'_>> = BTreeMap::new();

    let columns = ["store_id", "register_id", "receipt_no", "item_id", "quantity", "gross_amount", "discount_amount"];
    for [store, register, receipt, item, quantity, gross, discount] in sales.cells(columns) {
        let supplier = supplier_of[item];
        for sum in [
            of_store.entry(store).or_default(),
            of_store_item.entry((store, item)).or_default(),
            of_supplier.entry(supplier).or_default(),
            of_supplier_item.entry((supplier, item)).or_default(),
        ] {
            sum.receipts.insert((register, receipt));
            sum.selling_stores.insert(store);
            sum.lines += 1;
            sum.sold_milli += scaled(quantity, 3);
            sum.gross += scaled(gross, 2);
            sum.discount += scaled(discount, 2);
        }
    }
    for [store, tender, amount] in tenders.cells(["store_id", "tender", "amount"]) {
        if tender == "MANUFACTURER_COUPON" {
            of_store.entry(store).or_default().coupons += scaled(amount, 2);
        }
    }
    let columns = ["store_id", "supplier_id", "delivery_note", "item_id", "quantity", "unit_cost"];
    for [store, supplier, document, item, quantity, unit_cost] in deliveries.cells(columns) {
        let cost = half_even(scaled(quantity, 3) * scaled(unit_cost, 2), 1_000);
        for sum in [
            of_store.entry(store).or_default(),
            of_store_item.entry((store, item)).or_default(),
            of_supplier.entry(supplier).or_default(),
            of_supplier_item.entry((supplier, item)).or_default(),
        ] {
            sum.documents.insert((supplier, document));
            sum.received_milli += scaled(quantity, 3);
            sum.cost += cost;
        }
    }
    let receipts: usize = of_store.values().map(|sum| sum.receipts.len()).sum();
    let documents: usize = of_supplier.values().map(|sum| sum.documents.len()).sum();
    let registered = [&suppliers, &items].map(|rows| rows.cells([]).count()).iter().sum::<usize>();
    let events = registered + stores.cells([]).count() + receipts + documents;
    let sheets = BTreeMap::from([
        ("store_days.csv", store_days(&of_store)),
        ("store_day_items.csv", store_day_items(&of_store_item)),
        ("supplier_days.csv", supplier_days(&of_supplier)),
        ("supplier_day_items.csv", supplier_day_items(&of_supplier_item)),
        ("stock.csv", stock(&of_store_item)),
    ]);
    (sheets, i64::try_from(events).expect("not many"))
}

fn store_days(sums: &BTreeMap<&str, Sum<'_>>) -> Sheet {
    let mut sheet = Sheet::new(&[
        "store_id", "business_date", "transactions", "line_count", "gross_sales", "discounts", "net_sales",
        "coupon_tender", "deliveries", "received_cost",
    ]);
    for (store, sum) in sums {
        sheet.add(vec![
            (*store).to_owned(),
            DATE.to_owned(),
            sum.receipts.len().to_string(),
            sum.lines.to_string(),
            amount(sum.gross),
            amount(sum.discount),
            amount(sum.gross - sum.discount),
            amount(sum.coupons),
            sum.documents.len().to_string(),
            amount(sum.cost),
        ]);
    }
    sheet
}

fn store_day_items(sums: &BTreeMap<(&str, &str), Sum<'_>>) -> Sheet {
    let mut sheet = Sheet::new(&[
        "store_id", "business_date", "item_id", "quantity_sold", "gross_sales", "discounts", "net_sales",
        "quantity_received",
    ]);
    for ((store, item), sum) in sums {
        sheet.add(vec![
            (*store).to_owned(),
            DATE.to_owned(),
            (*item).to_owned(),
            quantity(sum.sold_milli),
            amount(sum.gross),
            amount(sum.discount),
            amount(sum.gross - sum.discount),
            quantity(sum.received_milli),
        ]);
    }
    sheet
}

fn supplier_days(sums: &BTreeMap<&str, Sum<'_>>) -> Sheet {
    let mut sheet = Sheet::new(&[
        "supplier_id", "business_date", "selling_stores", "quantity_sold", "gross_sales", "discounts", "net_sales",
        "deliveries", "quantity_received", "received_cost",
    ]);
    for (supplier, sum) in sums {
        sheet.add(vec![
            (*supplier).to_owned(),
            DATE.to_owned(),
            sum.selling_stores.len().to_string(),
            quantity(sum.sold_milli),
            amount(sum.gross),
            amount(sum.discount),
            amount(sum.gross - sum.discount),
            sum.documents.len().to_string(),
            quantity(sum.received_milli),
            amount(sum.cost),
        ]);
    }
    sheet
}

fn supplier_day_items(sums: &BTreeMap<(&str, &str), Sum<'_>>) -> Sheet {
    let mut sheet = Sheet::new(&[
        "supplier_id", "business_date", "item_id", "quantity_sold", "net_sales", "quantity_received", "received_cost",
    ]);
    for ((supplier, item), sum) in sums {
        sheet.add(vec![
            (*supplier).to_owned(),
            DATE.to_owned(),
            (*item).to_owned(),
            quantity(sum.sold_milli),
            amount(sum.gross - sum.discount),
            quantity(sum.received_milli),
            amount(sum.cost),
        ]);
    }
    sheet
}

fn stock(sums: &BTreeMap<(&str, &str), Sum<'_>>) -> Sheet {
    let mut sheet = Sheet::new(&["store_id", "item_id", "on_hand"]);
    for ((store, item), sum) in sums {
        sheet.add(vec![(*store).to_owned(), (*item).to_owned(), quantity(sum.received_milli - sum.sold_milli)]);
    }
    sheet
}

/// A plain decimal number as a whole number of its smallest places.
fn scaled(text: &str, places: usize) -> i64 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    assert!(fraction.len() <= places, "{text} has more than {places} places");
    sign * format!("{whole}{fraction:0<places$}").parse::<i64>().expect("a number")
}

/// Cents with both places: 5 is `0.05`.
fn amount(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100)
}

/// Thousandths without zeros at the end: 9530 is `9.53`.
fn quantity(milli: i64) -> String {
    let sign = if milli < 0 { "-" } else { "" };
    let text = format!("{sign}{}.{:03}", milli.abs() / 1_000, milli.abs() % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The quotient of two numbers of which neither is below 0, a half to the even neighbour.
fn half_even(dividend: i64, divisor: i64) -> i64 {
    let (floor, rest) = (dividend / divisor, dividend % divisor);
    let up = rest * 2 > divisor || (rest * 2 == divisor && floor % 2 == 1);
    floor + i64::from(up)
}
