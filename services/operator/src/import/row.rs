//! One row of a file, taken apart, and its fields as numbers, amounts and instants.

use std::sync::Arc;

use daybook::{money::Currency, quantity, reason};
use jiff::Timestamp;

use super::{
    csv_file::Columns,
    fault::{Fault, MALFORMED_ROW, REJECTED_TOGETHER},
};

/// Most characters of a wrong value that are repeated in a message.
const MAX_TOLD_CHARS: usize = 40;

/// Instants that the contract can carry, in seconds: the years 0001 to 9999.
const INSTANT_SECONDS: std::ops::Range<i64> = -62_135_596_800..253_402_300_800;

/// A row of a file.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub columns: Arc<Columns>,
    /// From 1; the header is line 1.
    pub line: u64,
    /// As it stands in the file, without the end of the line.
    pub text: String,
    pub cells: Cells,
    /// Why the row could not be taken apart.
    pub problem: Option<String>,
}

impl Row {
    /// A field; empty where the file lacks the optional column.
    pub(crate) fn cell(&self, name: &str) -> &str {
        self.columns.place(name).and_then(|place| self.cells.get(place)).unwrap_or_default()
    }

    /// A fault of this row.
    pub(crate) fn fault(&self, field: &str, reason: &str, message: impl Into<String>) -> Fault {
        Fault {
            file: self.columns.file,
            line: self.line,
            field: field.into(),
            reason: reason.into(),
            message: message.into(),
            row: self.text.clone(),
            beside: false,
        }
    }

    /// The fault of a row that could not be taken apart.
    pub(crate) fn problem(&self) -> Option<Fault> {
        self.problem.as_ref().map(|message| self.fault("", MALFORMED_ROW, message.clone()))
    }

    /// The fault of a row that is right in itself, but goes with others that are not.
    pub(crate) fn beside(&self, message: impl Into<String>) -> Fault {
        Fault { beside: true, ..self.fault("", REJECTED_TOGETHER, message) }
    }

    /// An amount of a currency, 0 or more, in minor units.
    pub(crate) fn amount(&self, field: &str, currency: Currency) -> Result<i64, Fault> {
        let cell = self.cell(field);
        currency.parse_amount(cell).ok().filter(|minor| *minor >= 0).ok_or_else(|| {
            let (code, decimals) = (currency.code(), currency.decimals());
            let message = format!(
                "must be an amount in {code}, 0 or more, with at most {decimals} decimals, such as {}, not {}",
                currency.format(1_234),
                told(cell)
            );
            self.fault(field, reason::INVALID_VALUE, message)
        })
    }

    /// A quantity above 0, in thousandths.
    pub(crate) fn quantity(&self, field: &str) -> Result<i64, Fault> {
        let cell = self.cell(field);
        quantity::parse(cell).filter(|milli| *milli > 0).ok_or_else(|| {
            let message =
                format!("must be a quantity above 0 with at most 3 decimals, such as 6 or 9.53, not {}", told(cell));
            self.fault(field, reason::INVALID_VALUE, message)
        })
    }

    /// An instant with its offset from UTC.
    pub(crate) fn instant(&self, field: &str) -> Result<prost_types::Timestamp, Fault> {
        let cell = self.cell(field);
        let instant = cell.parse::<Timestamp>().ok().filter(|at| INSTANT_SECONDS.contains(&at.as_second()));
        match instant {
            Some(at) => {
                // The fraction of an instant before 1970 is negative in one form and positive in the other.
                let (mut seconds, mut nanos) = (at.as_second(), at.subsec_nanosecond());
                if nanos < 0 {
                    (seconds, nanos) = (seconds - 1, nanos + 1_000_000_000);
                }
                Ok(prost_types::Timestamp { seconds, nanos })
            }
            None => {
                let message =
                    format!("must be an instant with Z or an offset, such as 2017-01-02T05:05:54Z, not {}", told(cell));
                Err(self.fault(field, reason::INVALID_VALUE, message))
            }
        }
    }

    /// Minutes after midnight of a time HH:MM; 0 where the field is empty.
    pub(crate) fn minutes(&self, field: &str) -> Result<i32, Fault> {
        let cell = self.cell(field);
        if cell.is_empty() {
            return Ok(0);
        }
        let number = |digits: &str, limit: i32| {
            let two_digits = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse::<i32>().ok().filter(|number| two_digits && *number < limit)
        };
        cell.split_once(':')
            .and_then(|(hours, minutes)| Some(number(hours, 24)? * 60 + number(minutes, 60)?))
            .ok_or_else(|| {
                let message = format!("must be a time HH:MM from 00:00 to 23:59, not {}", told(cell));
                self.fault(field, reason::INVALID_VALUE, message)
            })
    }
}

/// A wrong value as it is repeated in a message.
pub(crate) fn told(value: &str) -> String {
    if value.is_empty() {
        return "empty".to_owned();
    }
    let mut beginning: String = value.chars().take(MAX_TOLD_CHARS).collect();
    if beginning.len() < value.len() {
        beginning.push('…');
    }
    format!("{beginning:?}")
}

/// The fields of a row, without their quotes, in one buffer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cells {
    buffer: String,
    ends: Vec<usize>,
}

impl Cells {
    /// Splits a line. A line that is not well formed gives what could be read of it and what is wrong.
    pub(crate) fn split(line: &str) -> Result<Self, (Self, &'static str)> {
        let mut cells = Self { buffer: String::with_capacity(line.len()), ends: Vec::with_capacity(8) };
        let mut rest = line;
        loop {
            let taken = match rest.strip_prefix('"') {
                Some(quoted) => cells.take_quoted(quoted),
                None => cells.take_plain(rest),
            };
            cells.ends.push(cells.buffer.len());
            match taken {
                Ok(Some(behind)) => rest = behind,
                Ok(None) => return Ok(cells),
                Err(message) => return Err((cells, message)),
            }
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, place: usize) -> Option<&str> {
        let end = *self.ends.get(place)?;
        let start = place.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.buffer.get(start..end)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.count()).filter_map(|place| self.get(place))
    }

    /// Takes a field without quotes; answers what follows the comma behind it.
    fn take_plain<'a>(&mut self, rest: &'a str) -> Result<Option<&'a str>, &'static str> {
        let (cell, behind) = rest.split_once(',').map_or((rest, None), |(cell, behind)| (cell, Some(behind)));
        self.buffer.push_str(cell);
        if cell.contains('"') {
            return Err("a field with a quote in it must stand in quotes, with the quote doubled");
        }
        Ok(behind)
    }

    /// Takes a field behind its opening quote; answers what follows the comma behind it.
    fn take_quoted<'a>(&mut self, mut rest: &'a str) -> Result<Option<&'a str>, &'static str> {
        loop {
            let Some((cell, behind)) = rest.split_once('"') else {
                self.buffer.push_str(rest);
                return Err("a field that begins with a quote must end with one in the same line");
            };
            self.buffer.push_str(cell);
            if let Some(doubled) = behind.strip_prefix('"') {
                self.buffer.push('"');
                rest = doubled;
            } else if behind.is_empty() {
                return Ok(None);
            } else if let Some(next) = behind.strip_prefix(',') {
                return Ok(Some(next));
            } else {
                return Err("behind the closing quote of a field there must be a comma or the end of the line");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::testing::row, *};

    const LAYOUT_HEADER: &str = "store_id,register_id,receipt_no,sold_at,item_id,quantity,gross_amount,discount_amount";

    fn sale(quantity: &str, gross: &str, sold_at: &str) -> Row {
        row(&super::super::sales::LAYOUT, LAYOUT_HEADER, 7, &format!("443,3,31,{sold_at},844179,{quantity},{gross},0"))
    }

    fn told_fault<T: std::fmt::Debug>(outcome: Result<T, Fault>) -> String {
        outcome.unwrap_err().to_string()
    }

    #[test]
    fn numbers_and_instants_are_read_exactly() {
        let usd = Currency::parse("USD").unwrap();
        let row = sale("9.53", "12.3", "1969-12-31T23:59:59.75Z");
        assert_eq!(row.quantity("quantity"), Ok(9_530));
        assert_eq!(row.amount("gross_amount", usd), Ok(1_230));
        let at = row.instant("sold_at").unwrap();
        assert_eq!((at.seconds, at.nanos), (-1, 750_000_000));
        let east = sale("1", "1", "2017-01-02T06:05:54+01:00").instant("sold_at");
        assert_eq!(east, sale("1", "1", "2017-01-02T05:05:54Z").instant("sold_at"));
    }

    #[test]
    fn what_is_no_number_says_what_would_be_right() {
        let usd = Currency::parse("USD").unwrap();
        assert_eq!(
            told_fault(sale("two", "1", "").quantity("quantity")),
            "sales.csv:7: quantity: must be a quantity above 0 with at most 3 decimals, such as 6 or 9.53, not \"two\""
        );
        assert!(sale("0", "1", "").quantity("quantity").is_err());
        assert!(sale("1.2345", "1", "").quantity("quantity").is_err());
        assert_eq!(
            told_fault(sale("1", "1.234", "").amount("gross_amount", usd)),
            "sales.csv:7: gross_amount: must be an amount in USD, 0 or more, with at most 2 decimals, such as 12.34, \
             not \"1.234\""
        );
        assert!(told_fault(sale("1", "", "").amount("gross_amount", usd)).ends_with("not empty"));
        assert!(sale("1", "-1", "").amount("gross_amount", usd).is_err());
    }

    #[test]
    fn an_instant_needs_its_offset() {
        for wrong in ["2017-01-02", "2017-01-02T05:05:54", "02.01.2017 05:05", "2017-02-30T00:00:00Z", ""] {
            let message = told_fault(sale("1", "1", wrong).instant("sold_at"));
            assert!(message.starts_with("sales.csv:7: sold_at: must be an instant with Z or an offset"), "{message}");
        }
    }

    #[test]
    fn a_cut_off_is_a_time_of_day() {
        let minutes = |text: &str| {
            let layout = &super::super::catalogue::STORES;
            row(layout, "store_id,name,time_zone,currency,day_cut_off", 2, &format!("1,a,UTC,USD,{text}"))
                .minutes("day_cut_off")
        };
        assert_eq!((minutes(""), minutes("04:30"), minutes("23:59")), (Ok(0), Ok(270), Ok(1_439)));
        for wrong in ["24:00", "4:30", "04:60", "0430", "+4:30", "04:3x"] {
            assert!(minutes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn quotes_are_taken_off_and_misplaced_ones_are_named() {
        let cells = |line| Cells::split(line).map(|cells| cells.iter().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(cells("a,,\"b,\"\"c\"").unwrap(), ["a", "", "b,\"c"]);
        assert_eq!(cells("").unwrap(), [""]);
        assert_eq!(cells("a,").unwrap(), ["a", ""]);
        for wrong in ["a\"b,c", "\"a\"b,c", "\"a", "a,\"b\"\""] {
            assert!(Cells::split(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_a_writer_quotes_is_read_again(fields in proptest::collection::vec("[^\r\n]{0,12}", 2..6)) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(&fields).unwrap();
            let line = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            let cells = Cells::split(line.trim_end_matches('\n')).unwrap();
            prop_assert_eq!(cells.iter().collect::<Vec<_>>(), fields);
        }

        #[test]
        fn no_line_panics(line in "[\",a\u{e4} ]{0,24}") {
            let _ = Cells::split(&line);
        }
    }
}
