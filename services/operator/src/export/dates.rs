//! Ranges of business dates, as long as the API takes them.

use daybook::{business_day::parse_date, query::v1::DateRange};
use jiff::{ToSpan as _, civil::Date};

use crate::error::Error;

/// Days between the first and the last date of one request, at most.
const MAX_RANGE_DAYS: i64 = 3_660;

/// If no dates are asked for: all on which a Daybook can have recorded anything.
const FIRST: Date = Date::constant(1970, 1, 1);
const LAST: Date = Date::constant(2099, 12, 31);

/// A date on the command line.
pub(crate) fn date(text: &str) -> Result<Date, String> {
    parse_date(text).map_err(|error| error.to_string())
}

/// The dates from `from` to `to`, in order, in ranges that the API takes.
pub(crate) fn ranges(from: Option<Date>, to: Option<Date>) -> Result<Vec<DateRange>, Error> {
    let (mut from, last) = (from.unwrap_or(FIRST), to.unwrap_or(LAST));
    if from > last {
        return Err(Error::Usage(format!("the first date, {from}, must not be after the last one, {last}")));
    }
    let mut ranges = Vec::new();
    loop {
        let to = from.checked_add(MAX_RANGE_DAYS.days()).unwrap_or(last).min(last);
        ranges.push(DateRange { from_date: from.to_string(), to_date: to.to_string() });
        match to.tomorrow() {
            Ok(next) if to < last => from = next,
            _ => return Ok(ranges),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_days_are_in_exactly_one_range() {
        let ranges = ranges(None, None).unwrap();
        assert_eq!(ranges[0].from_date, "1970-01-01");
        assert_eq!(ranges.last().unwrap().to_date, "2099-12-31");
        for pair in ranges.windows(2) {
            assert_eq!(date(&pair[0].to_date).unwrap().tomorrow().unwrap().to_string(), pair[1].from_date);
        }
        for range in &ranges {
            let days = date(&range.to_date).unwrap().since(date(&range.from_date).unwrap()).unwrap().get_days();
            assert!(i64::from(days) <= MAX_RANGE_DAYS);
        }
    }

    #[test]
    fn one_day_is_one_range_and_no_day_is_an_error() {
        let day = date("2017-01-02").unwrap();
        let range = DateRange { from_date: "2017-01-02".into(), to_date: "2017-01-02".into() };
        assert_eq!(ranges(Some(day), Some(day)).unwrap(), [range]);
        assert!(ranges(Some(day), Some(day.yesterday().unwrap())).is_err());
        assert_eq!(date("2017-1-2").unwrap_err(), "\"2017-1-2\" is not an ISO 8601 date such as 2017-01-02");
    }
}
