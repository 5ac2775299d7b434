//! Payments: tenders.csv, found by receipt in whatever order it stands.

use std::path::Path;

use daybook::{
    event::v1::{Tender, TenderType},
    reason,
};
use indicatif::ProgressBar;

use super::{
    csv_file::{CsvFile, Layout},
    fault::{Fault, Refused},
    group::{Fingerprint, fingerprint},
    row::{Row, told},
    stores::Stores,
};
use crate::{error::Error, figures};

pub(crate) static LAYOUT: Layout =
    Layout { file: "tenders.csv", required: &["store_id", "receipt_no", "tender", "amount"], optional: &[] };

/// Most rows: each is held in 32 bytes until its sale is read, so that the file may stand in any order. A year of 138
/// stores has 165,000.
const MAX_TENDERS: usize = 10_000_000;

/// The payments of a directory.
#[derive(Debug)]
pub(crate) enum Payments {
    /// There is no tenders.csv: every sale was paid, but it is not known how.
    Unrecorded,
    Recorded(Tenders),
}

/// All rows of tenders.csv, in order of receipt.
#[derive(Debug, Default)]
pub(crate) struct Tenders(Vec<Entry>);

#[derive(Clone, Copy, Debug)]
struct Entry {
    receipt: Fingerprint,
    amount_minor: i64,
    line: u32,
    /// Number of the [`TenderType`]; 0 for a row that is not right.
    kind: u8,
    has_sale: bool,
}

/// The kind of a row that is not right.
const WRONG: u8 = 0;

/// The payments of one receipt.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Paid {
    pub tenders: Vec<Tender>,
    pub lines: Vec<u64>,
}

impl Paid {
    /// What they come to; `None` if that does not fit.
    pub(crate) fn sum(&self) -> Option<i64> {
        self.tenders.iter().try_fold(0_i64, |sum, tender| sum.checked_add(tender.amount_minor))
    }
}

impl Payments {
    /// Reads tenders.csv of a directory. `None` if its header is not right: then no sale can go in either.
    pub(crate) fn read(
        directory: &Path,
        stores: &Stores,
        progress: &ProgressBar,
        refuse: &mut dyn FnMut(Refused) -> Result<(), Error>,
    ) -> Result<Option<Self>, Error> {
        let mut file = match CsvFile::open(directory, &LAYOUT, progress.clone())? {
            None => return Ok(Some(Self::Unrecorded)),
            Some(Err(fault)) => return refuse(Refused::row(fault)).map(|()| None),
            Some(Ok(file)) => file,
        };
        let mut entries = Vec::new();
        while let Some(row) = file.next_row()? {
            let (kind, amount_minor) = match parse(&row, stores) {
                Ok((kind, amount_minor)) => (u8::try_from(i32::from(kind)).unwrap_or(WRONG), amount_minor),
                Err(fault) => refuse(Refused::row(fault)).map(|()| (WRONG, 0))?,
            };
            if entries.len() == MAX_TENDERS {
                let message =
                    format!("tenders.csv has more than {MAX_TENDERS} rows: split it over several directories");
                return Err(Error::Usage(message));
            }
            entries.push(Entry {
                receipt: fingerprint(row.cell("store_id"), row.cell("receipt_no")),
                amount_minor,
                line: u32::try_from(row.line).unwrap_or(u32::MAX),
                kind,
                has_sale: false,
            });
        }
        entries.sort_unstable_by_key(|entry| (entry.receipt, entry.line));
        Ok(Some(Self::Recorded(Tenders(entries))))
    }
}

impl Tenders {
    /// The payments of a receipt; the error is the line of one that is not right.
    pub(crate) fn take(&mut self, store_id: &str, receipt_no: &str) -> Result<Paid, u64> {
        let receipt = fingerprint(store_id, receipt_no);
        let start = self.0.partition_point(|entry| entry.receipt < receipt);
        let mut paid = Paid::default();
        let mut wrong = None;
        for entry in self.0.iter_mut().skip(start).take_while(|entry| entry.receipt == receipt) {
            entry.has_sale = true;
            if entry.kind == WRONG {
                wrong.get_or_insert(u64::from(entry.line));
            }
            paid.tenders.push(Tender { r#type: i32::from(entry.kind), amount_minor: entry.amount_minor });
            paid.lines.push(u64::from(entry.line));
        }
        wrong.map_or(Ok(paid), Err)
    }

    /// Refuses the rows whose receipt no sale has. They are read again, because only their place was kept.
    pub(crate) fn refuse_orphans(
        &self,
        directory: &Path,
        refuse: &mut dyn FnMut(Refused) -> Result<(), Error>,
    ) -> Result<(), Error> {
        // Rows that are not right have been refused already.
        let is_orphan = |entry: &&Entry| !entry.has_sale && entry.kind != WRONG;
        let mut orphans: Vec<u64> = self.0.iter().filter(is_orphan).map(|entry| u64::from(entry.line)).collect();
        if orphans.is_empty() {
            return Ok(());
        }
        orphans.sort_unstable();
        let Some(Ok(mut file)) = CsvFile::open(directory, &LAYOUT, ProgressBar::hidden())? else {
            return Err(Error::Unexpected("tenders.csv was changed while it was read".to_owned()));
        };
        while let Some(row) = file.next_row()? {
            if orphans.binary_search(&row.line).is_ok() {
                let message = "must be a receipt of the same store that stands in sales.csv";
                refuse(Refused::row(row.fault("receipt_no", reason::UNKNOWN_SALE, message)))?;
            }
        }
        Ok(())
    }
}

fn parse(row: &Row, stores: &Stores) -> Result<(TenderType, i64), Fault> {
    if let Some(fault) = row.problem() {
        return Err(fault);
    }
    let currency = stores.currency(row)?;
    let cell = row.cell("tender");
    let kind = TenderType::from_str_name(&format!("TENDER_TYPE_{cell}"))
        .filter(|kind| *kind != TenderType::Unspecified)
        .ok_or_else(|| {
            let message = format!("must be one of {}, not {}", names().join(", "), told(cell));
            row.fault("tender", reason::INVALID_VALUE, message)
        })?;
    Ok((kind, row.amount("amount", currency)?))
}

fn names() -> Vec<&'static str> {
    (1..).map_while(|number| TenderType::try_from(number).ok()).map(figures::tender).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::testing::directory, *};

    fn load(rows: &str) -> (Option<Payments>, Vec<String>) {
        let directory = directory(&[("tenders.csv", &format!("store_id,receipt_no,tender,amount\n{rows}"))]);
        let stores = Stores::of(&[("443", "USD"), ("7", "JPY")]);
        let mut faults = Vec::new();
        let mut refuse = |refused: Refused| {
            faults.extend(refused.faults.iter().map(ToString::to_string));
            Ok(())
        };
        let mut payments = Payments::read(directory.path(), &stores, &ProgressBar::hidden(), &mut refuse).unwrap();
        if let Some(Payments::Recorded(tenders)) = &mut payments {
            let _ = tenders.take("443", "A");
            tenders.refuse_orphans(directory.path(), &mut refuse).unwrap();
        }
        (payments, faults)
    }

    fn take(
        payments: Option<Payments>,
        store_id: &str,
        receipt_no: &str,
    ) -> Result<Vec<(&'static str, i64, u64)>, u64> {
        let Some(Payments::Recorded(mut tenders)) = payments else { panic!("{payments:?}") };
        let paid = tenders.take(store_id, receipt_no)?;
        let told = |(tender, line): (&Tender, &u64)| (figures::tender(tender.r#type()), tender.amount_minor, *line);
        Ok(paid.tenders.iter().zip(&paid.lines).map(told).collect())
    }

    #[test]
    fn an_entry_is_as_small_as_the_bound_says() {
        assert_eq!(size_of::<Entry>(), 32);
    }

    #[test]
    fn payments_are_found_by_receipt_in_the_order_of_the_file() {
        let rows = "443,A,CARD,1.50\n7,A,CASH,12\n443,A,MANUFACTURER_COUPON,0.25\n";
        assert_eq!(take(load(rows).0, "443", "A"), Ok(vec![("CARD", 150, 2), ("MANUFACTURER_COUPON", 25, 4)]));
        assert_eq!(take(load(rows).0, "7", "A"), Ok(vec![("CASH", 12, 3)]));
        assert_eq!(take(load(rows).0, "7", "B"), Ok(vec![]));
    }

    #[test]
    fn a_payment_of_no_sale_is_named() {
        let (_, faults) = load("443,A,CARD,1.50\n443,B,CARD,2.00\n");
        assert_eq!(faults, ["tenders.csv:3: receipt_no: must be a receipt of the same store that stands in sales.csv"]);
    }

    #[test]
    fn a_wrong_row_is_named_and_spoils_its_receipt() {
        let (payments, faults) = load("443,A,CARD,1.50\n443,A,BEER,1\n9,B,CASH,1\n443,A,CASH,x\n443,A\n");
        assert_eq!(
            faults,
            [
                "tenders.csv:3: tender: must be one of CASH, CARD, MANUFACTURER_COUPON, GIFT_CARD, VOUCHER, MOBILE, \
                 CHECK, ACCOUNT, OTHER, UNRECORDED, not \"BEER\"",
                "tenders.csv:4: store_id: must be a registered store, not \"9\": add it to stores.csv",
                "tenders.csv:5: amount: must be an amount in USD, 0 or more, with at most 2 decimals, such as 12.34, \
                 not \"x\"",
                "tenders.csv:6: the row must have 4 fields as the header has, not 2",
            ]
        );
        assert_eq!(take(payments, "443", "A"), Err(3));
    }

    #[test]
    fn without_the_file_payments_are_unrecorded_and_with_a_wrong_header_they_are_unknown() {
        let stores = Stores::default();
        let bar = ProgressBar::hidden();
        let none = directory(&[]);
        let read = |path: &Path| Payments::read(path, &stores, &bar, &mut |_| Ok(())).unwrap();
        assert!(matches!(read(none.path()), Some(Payments::Unrecorded)));
        assert!(read(directory(&[("tenders.csv", "store,amount\n")]).path()).is_none());
    }
}
