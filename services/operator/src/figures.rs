//! Amounts, quantities and instants as they are written for people and in CSV.

use daybook::{event::v1::TenderType, money::Currency, quantity};
use jiff::Timestamp;

use crate::error::Error;

/// The currency of a report.
pub(crate) fn currency(code: &str) -> Result<Currency, Error> {
    Currency::parse(code).map_err(|cause| Error::Unexpected(format!("the query service answered a report in {cause}")))
}

/// A quantity without trailing zeros.
pub(crate) fn quantity(milli: i64) -> String {
    quantity::format(milli)
}

/// A number of things.
pub(crate) fn count(number: i64) -> String {
    number.to_string()
}

/// A rate in percent: 75000 millionths are `7.5`.
pub(crate) fn percent(ppm: i32) -> String {
    // Ten thousand millionths are one percent, ten millionths a thousandth of it.
    let (thousandths, rest) = (ppm / 10, ppm % 10);
    if rest == 0 { quantity::format(i64::from(thousandths)) } else { format!("{ppm} ppm") }
}

/// An instant as RFC 3339 text in UTC; empty where there is none.
pub(crate) fn instant(at: Option<&prost_types::Timestamp>) -> String {
    at.and_then(|at| Timestamp::new(at.seconds, at.nanos).ok()).map(|at| at.to_string()).unwrap_or_default()
}

/// A way of payment, as in tenders.csv.
pub(crate) fn tender(kind: TenderType) -> &'static str {
    let name = kind.as_str_name();
    name.strip_prefix("TENDER_TYPE_").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_exact() {
        assert_eq!(percent(75_000), "7.5");
        assert_eq!(percent(190_000), "19");
        assert_eq!(percent(1), "1 ppm");
    }

    #[test]
    fn instants_are_in_utc() {
        let at = prost_types::Timestamp { seconds: 1_483_333_554, nanos: 0 };
        assert_eq!(instant(Some(&at)), "2017-01-02T05:05:54Z");
        assert_eq!(instant(None), "");
    }
}
