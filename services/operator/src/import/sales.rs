//! Sales: rows of one receipt are one sale.

use std::path::Path;

use daybook::{
    command::v1::{LineDiscount, RecordSaleLine, RecordSaleRequest, UploadSalesRequest},
    event::v1::{Tender, TenderType},
    money::Currency,
    reason,
};
use indicatif::ProgressBar;

use super::{
    csv_file::Layout,
    fault::{CONTRADICTORY_RECEIPT, Fault, MALFORMED_HEADER, Refused},
    group::Rows,
    grouped::{self, Kind, Made},
    row::Row,
    source::{Parsed, Sink, TenderLine, request_id},
    stores::Stores,
    tenders::{self, Paid, Payments},
};
use crate::{error::Error, figures};

pub(crate) static LAYOUT: Layout = Layout {
    file: "sales.csv",
    required: &[
        "store_id",
        "register_id",
        "receipt_no",
        "sold_at",
        "item_id",
        "quantity",
        "gross_amount",
        "discount_amount",
    ],
    optional: &[],
};

static RECEIPTS: Kind = Kind {
    layout: &LAYOUT,
    key: ["store_id", "receipt_no"],
    noun: "receipt",
    contradiction: CONTRADICTORY_RECEIPT,
    shared: &["register_id", "sold_at"],
};

/// Reads tenders.csv, then sales.csv.
pub(crate) fn sales(
    directory: &Path,
    stores: &Stores,
    progress: &ProgressBar,
    sink: Sink<'_, UploadSalesRequest>,
) -> Result<(), Error> {
    let payments = Payments::read(directory, stores, progress, &mut |refused| sink(Parsed::Refused(refused)))?;
    let Some(mut payments) = payments else { return sink(Parsed::Refused(left_out(directory))) };
    grouped::each_command(directory, &RECEIPTS, progress, sink, |rows, faults| {
        sale(rows, faults, stores, &mut payments)
    })?;
    match payments {
        Payments::Recorded(tenders) => tenders.refuse_orphans(directory, &mut |refused| sink(Parsed::Refused(refused))),
        Payments::Unrecorded => Ok(()),
    }
}

fn left_out(directory: &Path) -> Refused {
    let rows = if directory.join(LAYOUT.file).exists() { 1 } else { 0 };
    let fault = Fault {
        file: LAYOUT.file,
        line: 1,
        field: Box::default(),
        reason: MALFORMED_HEADER.into(),
        message: "all sales are left out, because tenders.csv, which says how they were paid, cannot be read"
            .to_owned(),
        row: String::new(),
        beside: false,
    };
    Refused { file: LAYOUT.file, faults: vec![fault; rows], counted: rows > 0 }
}

fn sale(
    rows: &Rows,
    mut faults: Vec<Fault>,
    stores: &Stores,
    payments: &mut Payments,
) -> Result<Made<UploadSalesRequest>, Vec<Fault>> {
    // Taken first: these tenders have a sale, even if it is not right.
    let paid = match payments {
        Payments::Recorded(tenders) => Some(tenders.take(&rows.first_key, &rows.second_key)),
        Payments::Unrecorded => None,
    };
    let Some(first) = rows.rows.first().filter(|_| faults.is_empty()) else { return Err(faults) };
    let occurred_at = first.instant("sold_at").map_err(|fault| faults.push(fault)).ok();
    let currency = stores.currency(first).map_err(|fault| faults.push(fault)).ok();
    let lines: Vec<_> =
        (1..).zip(&rows.rows).map(|(sequence, row)| line(row, sequence, currency, &mut faults)).collect();
    // Amounts that could not be read say nothing about each other.
    if let Some(currency) = currency.filter(|_| faults.is_empty()) {
        faults.extend(rows.rows.iter().zip(&lines).filter_map(|(row, line)| excessive_discount(row, line, currency)));
    }
    let Some(total_minor) = total(&lines) else {
        faults.push(first.fault("gross_amount", reason::OUT_OF_BOUNDS, "the sum of the receipt is too large"));
        return Err(faults);
    };
    if let Some(Err(line)) = paid {
        let message = format!("the receipt's payment at {}:{line} is not right", tenders::LAYOUT.file);
        faults.push(first.fault("receipt_no", CONTRADICTORY_RECEIPT, message));
    }
    let Some(currency) = currency.filter(|_| faults.is_empty()) else { return Err(faults) };
    let paid = match paid {
        Some(paid) => paid.unwrap_or_default(),
        None => unrecorded(total_minor),
    };
    if paid.sum() != Some(total_minor) {
        return Err(vec![mismatch(first, &paid, total_minor, currency)]);
    }
    let tender_lines = told(rows, &paid, currency);
    let mut sale = RecordSaleRequest {
        occurred_at,
        store_id: rows.first_key.clone(),
        register_id: first.cell("register_id").to_owned(),
        receipt_number: rows.second_key.clone(),
        currency_code: currency.code().to_owned(),
        lines,
        tenders: paid.tenders,
        total_minor,
        ..RecordSaleRequest::default()
    };
    sale.request_id = request_id("sale", &sale);
    Ok((UploadSalesRequest { sale: Some(sale) }, tender_lines))
}

/// A row as a line; what of it is not right goes to the faults.
fn line(row: &Row, sequence: i32, currency: Option<Currency>, faults: &mut Vec<Fault>) -> RecordSaleLine {
    let mut number = |read: Result<i64, Fault>| {
        read.unwrap_or_else(|fault| {
            faults.push(fault);
            0
        })
    };
    let quantity_milli = number(row.quantity("quantity"));
    let (mut gross_minor, mut discount_minor) = (0, 0);
    if let Some(currency) = currency {
        gross_minor = number(row.amount("gross_amount", currency));
        discount_minor = number(row.amount("discount_amount", currency));
    }
    let discount = LineDiscount { amount_minor: discount_minor, reason_code: String::new() };
    RecordSaleLine {
        sequence,
        item_id: row.cell("item_id").to_owned(),
        quantity_milli,
        gross_minor,
        discounts: if discount_minor > 0 { vec![discount] } else { Vec::new() },
        taxes: Vec::new(),
    }
}

fn excessive_discount(row: &Row, line: &RecordSaleLine, currency: Currency) -> Option<Fault> {
    let discount = line.discounts.first()?.amount_minor;
    (discount > line.gross_minor).then(|| {
        let message = format!("must not be more than the gross amount, {}", currency.format(line.gross_minor));
        row.fault("discount_amount", reason::INVALID_VALUE, message)
    })
}

fn mismatch(first: &Row, paid: &Paid, total_minor: i64, currency: Currency) -> Fault {
    let (file, total) = (tenders::LAYOUT.file, currency.format(total_minor));
    let message = match (paid.sum(), paid.lines.first()) {
        (Some(sum), Some(line)) => {
            let sum = currency.format(sum);
            format!("contradictory receipt: its payments ({file}:{line}) must come to {total}, not {sum}")
        }
        (None, Some(line)) => format!("contradictory receipt: its payments ({file}:{line}) must come to {total}"),
        (_, None) => format!("contradictory receipt: it must have payments of {total} in {file}, not none"),
    };
    first.fault("receipt_no", reason::TENDER_MISMATCH, message)
}

fn total(lines: &[RecordSaleLine]) -> Option<i64> {
    lines.iter().try_fold(0_i64, |sum, line| {
        let discount = line.discounts.first().map_or(0, |discount| discount.amount_minor);
        sum.checked_add(line.gross_minor)?.checked_sub(discount)
    })
}

/// One payment of the total, of which nothing else is known; a receipt that comes to nothing needs none.
fn unrecorded(total_minor: i64) -> Paid {
    let tender = Tender { r#type: TenderType::Unrecorded.into(), amount_minor: total_minor };
    let tenders = if total_minor > 0 { vec![tender] } else { Vec::new() };
    Paid { tenders, lines: Vec::new() }
}

fn told(rows: &Rows, paid: &Paid, currency: Currency) -> Vec<TenderLine> {
    let text = |tender: &Tender| {
        let (kind, amount) = (figures::tender(tender.r#type()), currency.format(tender.amount_minor));
        format!("{},{},{kind},{amount}", rows.first_key, rows.second_key)
    };
    paid.lines.iter().zip(&paid.tenders).map(|(line, tender)| TenderLine { line: *line, text: text(tender) }).collect()
}

#[cfg(test)]
mod tests;
