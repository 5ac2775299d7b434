//! What requests of store-days and supplier-days ask for, checked. Both kinds ask alike.

use daybook::query::v1::DateRange;
use daybook_chassis::access::Narrowed;
use daybook_read_model::document::Key;

use crate::{
    days::Days,
    entries, export, list,
    page::Listing,
    report::{Listed, Report},
    status::QueryError,
    validate::{Dates, Fields},
};

/// One report.
#[derive(Debug)]
pub(crate) struct One {
    pub(crate) key: Key,
    pub(crate) at_least: i64,
}

/// Which page to answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageOf<'a> {
    /// Name of the method: a token of one is no token of another.
    pub(crate) method: &'static str,
    pub(crate) size: i32,
    pub(crate) token: &'a str,
}

/// Checks a request for one report.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn one<R: Report>(id: &str, date: &str, at_least: i64) -> Result<One, QueryError> {
    let mut fields = Fields::default();
    let key = key::<R>(&mut fields, id, date);
    let at_least = fields.at_least(at_least);
    let (key, at_least) = fields.finish(key.zip(at_least))?;
    Ok(One { key, at_least })
}

/// Checks a request for a list of reports.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn list<R: Report>(
    dates: Option<&DateRange>,
    own: &Narrowed,
    page: PageOf<'_>,
    at_least: i64,
) -> Result<list::Wanted, QueryError> {
    let mut fields = Fields::default();
    let dates = fields.dates(dates);
    let ids = fields.ids(R::IDS_FIELD, ids_of(own), R::check_id);
    let page_size = fields.page_size(page.size, list::PAGE_SIZE);
    let at_least = fields.at_least(at_least);
    fields.token_beside_faults(page.token);
    let ((dates, ids), (page_size, at_least)) = fields.finish(dates.zip(ids).zip(page_size.zip(at_least)))?;
    let range = [dates.from.to_string(), dates.to.to_string()];
    let listing = Listing::of(page.method).with_all(&range).with_all(&ids);
    let mut days = days(own, dates, ids);
    if let Some(cursor) = listing.cursor(page.token)? {
        days.go_on_after(&cursor.document)?;
    }
    Ok(list::Wanted { days, page_size, at_least, listing })
}

/// Checks a request for a list of the entries of a report.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn entries<L: Listed>(
    id: &str,
    date: &str,
    page: PageOf<'_>,
    at_least: i64,
) -> Result<entries::Wanted, QueryError> {
    let mut fields = Fields::default();
    let key = key::<L::Report>(&mut fields, id, date);
    let page_size = fields.page_size(page.size, entries::PAGE_SIZE);
    let at_least = fields.at_least(at_least);
    fields.token_beside_faults(page.token);
    let (key, (page_size, at_least)) = fields.finish(key.zip(page_size.zip(at_least)))?;
    let listing = Listing::of(page.method).with(&key.id());
    let cursor = listing.cursor(page.token)?;
    Ok(entries::Wanted { key, page_size, cursor, at_least, listing })
}

/// Checks a request for a stream of reports.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn stream<R: Report>(
    dates: Option<&DateRange>,
    own: &Narrowed,
    with_entries: bool,
    at_least: i64,
) -> Result<export::Wanted, QueryError> {
    let mut fields = Fields::default();
    let dates = fields.dates(dates);
    let ids = fields.ids(R::IDS_FIELD, ids_of(own), R::check_id);
    let at_least = fields.at_least(at_least);
    let ((dates, ids), at_least) = fields.finish(dates.zip(ids).zip(at_least))?;
    Ok(export::Wanted { days: days(own, dates, ids), with_entries, at_least })
}

/// The ids that are left; see [`days`].
pub(crate) fn ids_of(own: &Narrowed) -> &[String] {
    match own {
        Narrowed::To(ids) => ids,
        Narrowed::Nothing => &[],
    }
}

/// No ids mean all, unless nothing is the caller's.
fn days(own: &Narrowed, dates: Dates, ids: Vec<String>) -> Days {
    match own {
        Narrowed::To(_) => Days::new(dates, ids),
        Narrowed::Nothing => Days::none(dates),
    }
}

fn key<R: Report>(fields: &mut Fields, id: &str, date: &str) -> Option<Key> {
    let checked = fields.id(R::ID_FIELD, id, R::check_id);
    let date = fields.date("business_date", date);
    checked.zip(date).map(|((), date)| Key { first: date.to_string().into(), second: id.into() })
}

#[cfg(test)]
mod tests {
    use daybook::reason;
    use daybook_read_model::registry::{StoreDays, SupplierDays};

    use super::*;
    use crate::view::supplier_day::{SupplierDayItems, SupplierDayStores};

    const PAGE: PageOf<'static> = PageOf { method: "List", size: 0, token: "" };

    fn faults<T: std::fmt::Debug>(refused: Result<T, QueryError>) -> Vec<String> {
        let QueryError::Invalid(violations) = refused.unwrap_err() else { panic!("not a matter of fields") };
        assert!(violations.iter().all(|violation| reason::ALL.contains(&violation.reason)));
        violations.into_iter().map(|violation| violation.field).collect()
    }

    #[test]
    fn all_fields_at_fault_are_named() {
        assert_eq!(faults(one::<StoreDays>("", "", -1)), ["store_id", "business_date", "at_least_position"]);
        assert_eq!(faults(one::<SupplierDays>("a|b", "2017-1-2", 0)), ["supplier_id", "business_date"]);
        let page = PageOf { size: -1, ..PAGE };
        let bad_ids = Narrowed::To(vec!["a b".to_owned()]);
        let all = ["dates", "supplier_ids[0]", "page_size", "at_least_position"];
        assert_eq!(faults(list::<SupplierDays>(None, &bad_ids, page, -1)), all);
        assert_eq!(faults(stream::<StoreDays>(None, &bad_ids, true, 0)), ["dates", "store_ids[0]"]);
        assert_eq!(
            faults(entries::<SupplierDayItems>("", "x", page, 0)),
            ["supplier_id", "business_date", "page_size"]
        );
    }

    #[test]
    fn a_report_is_found_by_date_and_id() {
        assert_eq!(one::<SupplierDays>("UNASSIGNED", "2017-01-02", 0).unwrap().key.id(), "2017-01-02|UNASSIGNED");
    }

    #[test]
    fn a_token_of_one_list_is_refused_by_another() {
        let items = entries::<SupplierDayItems>("69", "2017-01-02", PAGE, 0).unwrap();
        let token = items.listing.token(crate::page::Cursor {
            document: items.key.id().into(),
            after: "7".into(),
            position: 7,
        });
        let page = PageOf { token: &token, ..PAGE };
        assert!(entries::<SupplierDayItems>("69", "2017-01-02", page, 0).unwrap().cursor.is_some());
        let other_page = PageOf { method: "Other", ..page };
        for refused in [
            entries::<SupplierDayItems>("70", "2017-01-02", page, 0),
            entries::<SupplierDayItems>("69", "2017-01-03", page, 0),
            entries::<SupplierDayStores>("69", "2017-01-02", other_page, 0),
        ] {
            assert!(matches!(refused, Err(QueryError::PageToken)));
        }
    }
}
