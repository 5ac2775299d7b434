//! Walks over the reports of a range of dates, in order of date, then store or supplier, which is the order of their ids.
//!
//! Without a list of stores the walk is a range of ids. With one it looks for the ids of every date and store, many in one
//! read; where nothing is found it asks once for the next date on which there is anything, so that ten years of a chain
//! that is a week old cost a handful of reads. Each read stands alone: no cursor stays open on the server while a caller
//! takes its time, and a new primary goes on where the old one stopped.

use daybook::business_day::parse_date;
use jiff::civil::Date;
use mongodb::bson::{Document, doc};
use tokio::time::Instant;

use crate::{
    live::Live,
    status::QueryError,
    store::{Documents, Select, StoreError},
    validate::Dates,
};

/// Stands between the date and the store or supplier in an id.
const SEPARATOR: char = daybook_read_model::document::SEPARATOR;

/// Ids that are looked for in one read: some milliseconds of work for MongoDB.
const IDS_PER_READ: usize = 1_000;

/// A walk and how far it has come.
#[derive(Clone, Debug)]
pub(crate) struct Days {
    dates: Dates,
    /// In order; empty for all.
    ids: Vec<String>,
    /// The last id that was looked for or found.
    after: Option<String>,
    done: bool,
}

/// Where a walk reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shelf<'a> {
    pub(crate) live: &'a Live,
    /// Name of the collection, without that of the generation.
    pub(crate) collection: &'static str,
    /// Fields to read or to leave out; empty for all.
    pub(crate) fields: &'a Document,
    /// When there must be an answer.
    pub(crate) until: Instant,
}

impl Days {
    /// All days of a range, of all stores or suppliers or of some (in order, each once).
    #[must_use]
    pub(crate) fn new(dates: Dates, ids: Vec<String>) -> Self {
        Self { dates, ids, after: None, done: false }
    }

    /// Nothing: the caller may read none of what it asked for.
    #[must_use]
    pub(crate) fn none(dates: Dates) -> Self {
        Self { dates, ids: Vec::new(), after: None, done: true }
    }

    /// Goes on after an id.
    ///
    /// # Errors
    /// If it is not one of the walk.
    pub(crate) fn go_on_after(&mut self, id: &str) -> Result<(), QueryError> {
        let date = date_of(id).filter(|date| (self.dates.from..=self.dates.to).contains(date));
        date.ok_or(QueryError::PageToken)?;
        self.after = Some(id.to_owned());
        Ok(())
    }

    /// Where the walk goes on; `None` if it has come to its end.
    #[must_use]
    pub(crate) fn place(&self) -> Option<&str> {
        self.after.as_deref().filter(|_| !self.done)
    }

    /// True if nothing is left.
    #[must_use]
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// Reads at most so many reports further. It may find none although the walk is not done.
    ///
    /// # Errors
    /// If MongoDB does not answer in time.
    pub(crate) async fn step(&mut self, shelf: Shelf<'_>, limit: u32) -> Result<Documents, StoreError> {
        if self.ids.is_empty() { self.step_all(shelf, limit).await } else { self.step_some(shelf, limit).await }
    }

    async fn step_all(&mut self, shelf: Shelf<'_>, limit: u32) -> Result<Documents, StoreError> {
        let found = shelf.read(self.rest(), limit).await?;
        match found.last_id() {
            Some(last) if found.len() >= at_most(limit) => self.after = Some(last.to_owned()),
            _ => self.done = true,
        }
        Ok(found)
    }

    async fn step_some(&mut self, shelf: Shelf<'_>, limit: u32) -> Result<Documents, StoreError> {
        let wanted = self.wanted(IDS_PER_READ);
        let Some(last_wanted) = wanted.last().cloned() else {
            self.done = true;
            return Ok(Documents::default());
        };
        let found = shelf.read(doc! { "_id": { "$in": wanted } }, limit).await?;
        match found.last_id() {
            Some(last) if found.len() >= at_most(limit) => self.after = Some(last.to_owned()),
            Some(_) => self.after = Some(last_wanted),
            None => {
                self.after = Some(last_wanted);
                self.skip_empty_dates(shelf).await?;
            }
        }
        Ok(found)
    }

    /// Goes on at the next date on which there is a report of anybody.
    async fn skip_empty_dates(&mut self, shelf: Shelf<'_>) -> Result<(), StoreError> {
        let id_only = doc! { "_id": 1 };
        let next = Shelf { fields: &id_only, ..shelf }.read(self.rest(), 1).await?;
        let Some(date) = next.last_id().and_then(date_of) else {
            self.done = true;
            return Ok(());
        };
        if self.after.as_deref().and_then(date_of).is_some_and(|after| after < date) {
            let before = date.yesterday().ok().zip(self.ids.last()).map(|(date, id)| id_of(date, id));
            self.after = before.or(self.after.take());
        }
        Ok(())
    }

    /// The filter for everything that the walk has not seen.
    fn rest(&self) -> Document {
        // After all ids of the last date.
        let end = format!("{}{SEPARATOR}{}", self.dates.to, char::MAX);
        match &self.after {
            Some(after) => doc! { "_id": { "$gt": after, "$lt": end } },
            None => doc! { "_id": { "$gte": format!("{}{SEPARATOR}", self.dates.from), "$lt": end } },
        }
    }

    /// The next ids, of every date and every wanted store or supplier.
    fn wanted(&self, limit: usize) -> Vec<String> {
        let (mut date, mut index) = match self.after.as_deref().and_then(|after| Some((date_of(after)?, after))) {
            Some((date, after)) => {
                let id = after.split_once(SEPARATOR).map_or("", |(_, id)| id);
                (date, self.ids.partition_point(|known| known.as_str() <= id))
            }
            None => (self.dates.from, 0),
        };
        let mut wanted = Vec::new();
        while date <= self.dates.to && wanted.len() < limit {
            match self.ids.get(index) {
                Some(id) => {
                    wanted.push(id_of(date, id));
                    index += 1;
                }
                None => {
                    let Ok(tomorrow) = date.tomorrow() else { break };
                    (date, index) = (tomorrow, 0);
                }
            }
        }
        wanted
    }
}

impl Shelf<'_> {
    async fn read(&self, filter: Document, limit: u32) -> Result<Documents, StoreError> {
        let select = Select::first(limit, filter).with_fields(self.fields.clone());
        self.live.read(self.collection, select, self.until).await
    }
}

fn id_of(date: Date, id: &str) -> String {
    format!("{date}{SEPARATOR}{id}")
}

fn date_of(id: &str) -> Option<Date> {
    parse_date(id.split_once(SEPARATOR)?.0).ok()
}

fn at_most(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(from: &str, to: &str, ids: &[&str]) -> Days {
        let dates = Dates { from: parse_date(from).unwrap(), to: parse_date(to).unwrap() };
        Days::new(dates, ids.iter().map(|&id| id.to_owned()).collect())
    }

    #[test]
    fn every_date_and_store_is_wanted_once_and_in_order() {
        let mut walk = days("2017-01-31", "2017-02-02", &["31", "443"]);
        let all =
            ["2017-01-31|31", "2017-01-31|443", "2017-02-01|31", "2017-02-01|443", "2017-02-02|31", "2017-02-02|443"];
        assert_eq!(walk.wanted(100), all);
        assert_eq!(walk.wanted(3), all[..3]);
        walk.go_on_after(all[2]).unwrap();
        assert_eq!(walk.wanted(100), all[3..]);
        walk.go_on_after(all[5]).unwrap();
        assert!(walk.wanted(100).is_empty());
    }

    #[test]
    fn a_walk_goes_on_from_its_own_dates_only() {
        let mut walk = days("2017-01-31", "2017-02-02", &[]);
        for foreign in ["2017-01-30|31", "2017-02-03|31", "2017-02-01", "x|31", ""] {
            assert!(matches!(walk.go_on_after(foreign), Err(QueryError::PageToken)), "{foreign}");
        }
    }

    #[test]
    fn the_rest_is_a_range_of_ids() {
        let mut walk = days("2017-01-31", "2017-02-02", &[]);
        let end = "2017-02-02|\u{10ffff}";
        assert_eq!(walk.rest(), doc! { "_id": { "$gte": "2017-01-31|", "$lt": end } });
        walk.go_on_after("2017-02-01|443").unwrap();
        assert_eq!(walk.rest(), doc! { "_id": { "$gt": "2017-02-01|443", "$lt": end } });
    }
}
