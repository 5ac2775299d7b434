//! Checks the fields of a request, all of them, before anything is read.

use std::{collections::BTreeSet, fmt::Display};

use daybook::{
    business_day::parse_date,
    ids::{IdError, ItemId, StoreId},
    query::v1::DateRange,
    reason,
};
use daybook_chassis::answer::Violation;
use jiff::civil::Date;

use crate::{page::has_form_of_token, status::QueryError};

/// Most days between the ends of a range: ten years.
const MAX_RANGE_DAYS: i32 = 3_660;

/// Most stores or suppliers that a request may name: their ids still fit into one read of MongoDB.
const MAX_IDS: usize = 1_000;

/// Gathers what is wrong with a request.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    violations: Vec<Violation>,
}

/// Days from one to another, both included; in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dates {
    pub(crate) from: Date,
    pub(crate) to: Date,
}

/// How many entries a page may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageSize {
    /// If the request says 0.
    pub(crate) default: u32,
    /// If the request asks for more.
    pub(crate) max: u32,
}

impl Fields {
    /// A store's id.
    pub(crate) fn store(&mut self, field: &'static str, text: &str) -> Option<StoreId> {
        self.checked(field, text, StoreId::parse(text))
    }

    /// An item's id.
    pub(crate) fn item(&mut self, field: &'static str, text: &str) -> Option<ItemId> {
        self.checked(field, text, ItemId::parse(text))
    }

    /// A business date.
    pub(crate) fn date(&mut self, field: &'static str, text: &str) -> Option<Date> {
        self.checked(field, text, parse_date(text))
    }

    /// A range of business dates.
    pub(crate) fn dates(&mut self, range: Option<&DateRange>) -> Option<Dates> {
        let Some(range) = range else {
            self.fault("dates", reason::REQUIRED, "must be given");
            return None;
        };
        let from = self.date("dates.from_date", &range.from_date);
        let to = self.date("dates.to_date", &range.to_date);
        let (from, to) = from.zip(to)?;
        if to < from {
            self.fault("dates.to_date", reason::INVALID_VALUE, "must not be before from_date");
            return None;
        }
        let days = from.until(to).map_or(i32::MAX, |span| span.get_days());
        if days > MAX_RANGE_DAYS {
            let text = format!("must be at most {MAX_RANGE_DAYS} days after from_date, not {days}");
            self.fault("dates.to_date", reason::OUT_OF_BOUNDS, text);
            return None;
        }
        Some(Dates { from, to })
    }

    /// An id of whatever the check accepts.
    pub(crate) fn id(&mut self, field: &'static str, text: &str, check: fn(&str) -> Result<(), IdError>) -> Option<()> {
        self.checked(field, text, check(text))
    }

    /// Ids to which a request is restricted; in order, each once.
    pub(crate) fn ids(
        &mut self,
        field: &'static str,
        texts: &[String],
        check: fn(&str) -> Result<(), IdError>,
    ) -> Option<Vec<String>> {
        if texts.len() > MAX_IDS {
            let text = format!("must be at most {MAX_IDS}, not {}", texts.len());
            self.fault(field, reason::OUT_OF_BOUNDS, text);
            return None;
        }
        let before = self.violations.len();
        for (index, text) in texts.iter().enumerate() {
            if let Err(error) = check(text) {
                self.fault(format!("{field}[{index}]"), reason::INVALID_VALUE, error.to_string());
            }
        }
        let ordered: BTreeSet<&String> = texts.iter().collect();
        (self.violations.len() == before).then(|| ordered.into_iter().cloned().collect())
    }

    /// The size of a page.
    pub(crate) fn page_size(&mut self, asked: i32, bounds: PageSize) -> Option<u32> {
        match u32::try_from(asked) {
            Ok(0) => Some(bounds.default),
            Ok(size) => Some(size.min(bounds.max)),
            Err(_) => {
                self.fault("page_size", reason::INVALID_VALUE, "must not be negative");
                None
            }
        }
    }

    /// The position that the answer must have reached.
    pub(crate) fn at_least(&mut self, position: i64) -> Option<i64> {
        if position < 0 {
            self.fault("at_least_position", reason::INVALID_VALUE, "must not be negative");
            return None;
        }
        Some(position)
    }

    /// A page token, where other fields are at fault: then it is only known whether it is one at all.
    pub(crate) fn token_beside_faults(&mut self, token: &str) {
        if !self.violations.is_empty() && !has_form_of_token(token) {
            let text = "must be the next_page_token of an answer to the same request, or empty";
            self.fault("page_token", reason::INVALID_PAGE_TOKEN, text);
        }
    }

    /// The checked values, if nothing was wrong with any field.
    ///
    /// # Errors
    /// Everything that was wrong.
    pub(crate) fn finish<T>(self, values: Option<T>) -> Result<T, QueryError> {
        match values {
            Some(values) if self.violations.is_empty() => Ok(values),
            _ => Err(QueryError::Invalid(self.violations)),
        }
    }

    fn checked<T, E: Display>(&mut self, field: &'static str, text: &str, parsed: Result<T, E>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(_) if text.is_empty() => {
                self.fault(field, reason::REQUIRED, "must not be empty");
                None
            }
            Err(error) => {
                self.fault(field, reason::INVALID_VALUE, error.to_string());
                None
            }
        }
    }

    fn fault(&mut self, field: impl Into<String>, reason: &'static str, description: impl Into<String>) {
        self.violations.push(Violation { field: field.into(), reason, description: description.into() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from_date: &str, to_date: &str) -> DateRange {
        DateRange { from_date: from_date.to_owned(), to_date: to_date.to_owned() }
    }

    fn any_store(text: &str) -> Result<(), IdError> {
        StoreId::parse(text).map(drop)
    }

    fn faults(check: impl FnOnce(&mut Fields)) -> Vec<(String, &'static str)> {
        let mut fields = Fields::default();
        check(&mut fields);
        let Err(QueryError::Invalid(violations)) = fields.finish(None::<()>) else { panic!("nothing is at fault") };
        violations.into_iter().map(|violation| (violation.field, violation.reason)).collect()
    }

    #[test]
    fn every_field_at_fault_is_named() {
        let found = faults(|fields| {
            fields.store("store_id", "");
            fields.date("business_date", "2017-02-30");
            fields.page_size(-1, PageSize { default: 1, max: 2 });
            fields.at_least(-1);
            fields.ids("store_ids", &["443".into(), "a b".into(), String::new()], any_store);
        });
        let expected = [
            ("store_id", reason::REQUIRED),
            ("business_date", reason::INVALID_VALUE),
            ("page_size", reason::INVALID_VALUE),
            ("at_least_position", reason::INVALID_VALUE),
            ("store_ids[1]", reason::INVALID_VALUE),
            ("store_ids[2]", reason::INVALID_VALUE),
        ];
        assert_eq!(found, expected.map(|(field, reason)| (field.to_owned(), reason)));
    }

    #[test]
    fn a_range_has_two_dates_in_order_and_an_end() {
        let mut fields = Fields::default();
        let dates = fields.dates(Some(&range("2017-01-02", "2017-01-08"))).unwrap();
        assert_eq!((dates.from.to_string(), dates.to.to_string()), ("2017-01-02".to_owned(), "2017-01-08".to_owned()));
        assert!(fields.dates(Some(&range("2017-01-01", "2027-01-08"))).is_some());
        fields.finish(Some(())).unwrap();

        let one = |from, to| faults(|fields| assert_eq!(fields.dates(Some(&range(from, to))), None));
        assert_eq!(faults(|fields| assert_eq!(fields.dates(None), None)), [("dates".to_owned(), reason::REQUIRED)]);
        assert_eq!(one("2017-01-02", "2017-01-01"), [("dates.to_date".to_owned(), reason::INVALID_VALUE)]);
        assert_eq!(one("2017-01-01", "2027-01-10"), [("dates.to_date".to_owned(), reason::OUT_OF_BOUNDS)]);
        assert_eq!(one("", "x").len(), 2);
    }

    #[test]
    fn ids_are_taken_in_order_and_once() {
        let mut fields = Fields::default();
        let texts = ["9", "31", "9"].map(str::to_owned);
        assert_eq!(fields.ids("supplier_ids", &texts, any_store).unwrap(), ["31", "9"]);
        let many = vec!["9".to_owned(); MAX_IDS + 1];
        assert_eq!(
            faults(|fields| assert!(fields.ids("store_ids", &many, any_store).is_none()))[0].1,
            reason::OUT_OF_BOUNDS
        );
    }

    #[test]
    fn page_sizes_are_bounded() {
        let mut fields = Fields::default();
        let bounds = PageSize { default: 50, max: 500 };
        assert_eq!([0, 7, 900].map(|asked| fields.page_size(asked, bounds)), [Some(50), Some(7), Some(500)]);
    }
}
