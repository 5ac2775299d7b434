//! Reads days with their items as a stream and writes them; a broken stream is taken up behind the last whole day.

use std::{
    collections::HashSet,
    future::Future,
    path::Path,
    time::{Duration, Instant},
};

use daybook::{client::QueryClient, query::v1::DateRange};
use tokio::time::{sleep, timeout};
use tonic::{Status, Streaming};

use super::{ExportedFile, file::Writing};
use crate::{
    calls::{self, PATIENT},
    error::{Error, Service},
    notices::Notices,
};

/// If a stream brings nothing for so long, another one is tried.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// What an export is about.
pub(crate) struct Scope<'a> {
    pub directory: &'a Path,
    pub client: &'a QueryClient,
    pub ranges: &'a [DateRange],
    pub position: i64,
    pub patience: Duration,
    pub notices: &'a Notices,
}

/// A file: its name and its columns.
pub(crate) struct FileOf {
    pub name: &'static str,
    pub header: &'static [&'static str],
}

/// Days of one kind, of stores or of suppliers.
pub(crate) trait Days {
    type Answer;
    const DAYS: FileOf;
    const ITEMS: FileOf;

    /// Opens the stream of the days of a range, in order of date.
    fn open(
        client: &QueryClient,
        dates: DateRange,
        position: i64,
    ) -> impl Future<Output = Result<Streaming<Self::Answer>, Status>>;

    /// A message of the stream as rows.
    fn piece(&mut self, answer: Self::Answer) -> Result<Piece, Error>;
}

/// A message of the stream.
pub(crate) enum Piece {
    /// A day begins.
    Day(Day),
    /// Items of the day that began last.
    Items(Vec<Vec<String>>),
    /// Nothing to write.
    Nothing,
}

/// A day with its row and, once they have come, those of its items.
pub(crate) struct Day {
    pub date: String,
    /// The store or supplier.
    pub id: String,
    pub row: Vec<String>,
    /// Held until the day is complete, so that half a day is never written: some 60,000 in a large store.
    pub items: Vec<Vec<String>>,
}

/// Writes both files of a kind of days.
pub(crate) async fn export<D: Days>(scope: &Scope<'_>, mut days: D) -> Result<[ExportedFile; 2], Error> {
    let begin = |file: &FileOf| Writing::begin(scope.directory, file.name, file.header, scope.notices);
    let mut book =
        Book { days: begin(&D::DAYS)?, items: begin(&D::ITEMS)?, date: String::new(), written: HashSet::new() };
    for range in scope.ranges {
        export_range(scope, &mut days, range, &mut book).await?;
    }
    Ok([book.days.finish()?, book.items.finish()?])
}

async fn export_range<D: Days>(
    scope: &Scope<'_>,
    days: &mut D,
    range: &DateRange,
    book: &mut Book,
) -> Result<(), Error> {
    let mut waits = PATIENT.waits();
    let mut trouble_since: Option<(Instant, u64)> = None;
    loop {
        let Some(status) = read(scope, days, book.rest_of(range), book).await? else { return Ok(()) };
        let rows = book.days.rows();
        // Rows since the last trouble make it a new one.
        let (since, rows_before) = *trouble_since.get_or_insert_with(|| (Instant::now(), rows));
        if rows_before != rows {
            trouble_since = Some((Instant::now(), rows));
            waits = PATIENT.waits();
            continue;
        }
        if since.elapsed() >= scope.patience {
            let what = format!("the export of {} did not move on", D::DAYS.name);
            return Err(Error::GaveUp { what, patience: scope.patience, status: Box::new(status) });
        }
        sleep(calls::pause(&mut waits, &status)).await;
    }
}

/// Reads one stream into the book; answers why it broke, if it did.
async fn read<D: Days>(
    scope: &Scope<'_>,
    days: &mut D,
    range: DateRange,
    book: &mut Book,
) -> Result<Option<Status>, Error> {
    let silent = || Some(Status::deadline_exceeded("the stream brought nothing"));
    let broken = |status: Status| {
        if calls::may_pass(&status) { Ok(Some(status)) } else { Err(Error::call(Service::Query, status)) }
    };
    let mut stream = match timeout(MESSAGE_TIMEOUT, D::open(scope.client, range, scope.position)).await {
        Err(_) => return Ok(silent()),
        Ok(Err(status)) => return broken(status),
        Ok(Ok(stream)) => stream,
    };
    let mut open: Option<Day> = None;
    loop {
        let answer = match timeout(MESSAGE_TIMEOUT, stream.message()).await {
            Err(_) => return Ok(silent()),
            Ok(Err(status)) => return broken(status),
            Ok(Ok(None)) => break,
            Ok(Ok(Some(answer))) => answer,
        };
        match days.piece(answer)? {
            Piece::Day(day) => {
                if let Some(complete) = open.replace(day) {
                    book.write(complete)?;
                }
            }
            Piece::Items(items) => match &mut open {
                Some(day) => day.items.extend(items),
                None => return Err(Error::Unexpected("the query service answered items before any day".to_owned())),
            },
            Piece::Nothing => {}
        }
    }
    open.map_or(Ok(()), |complete| book.write(complete))?;
    Ok(None)
}

/// Both files, and how far they are.
struct Book {
    days: Writing,
    items: Writing,
    /// Date of the last day that was written, and whose days of that date were.
    date: String,
    written: HashSet<String>,
}

impl Book {
    /// What is left of a range: from the date on which the last day was written.
    fn rest_of(&self, range: &DateRange) -> DateRange {
        let from_date = range.from_date.as_str().max(self.date.as_str()).to_owned();
        DateRange { from_date, to_date: range.to_date.clone() }
    }

    fn write(&mut self, mut day: Day) -> Result<(), Error> {
        if day.date != self.date {
            if day.date < self.date {
                let (date, before) = (day.date, &self.date);
                return Err(Error::Unexpected(format!("the query service answered {date} after {before}")));
            }
            self.date.clone_from(&day.date);
            self.written.clear();
        }
        if !self.written.insert(day.id) {
            return Ok(());
        }
        self.days.row(&day.row)?;
        day.items.sort_unstable();
        day.items.iter().try_for_each(|item| self.items.row(item))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn day(date: &str, id: &str, items: &[&str]) -> Day {
        let items = items.iter().map(|item| vec![id.to_owned(), (*item).to_owned()]).collect();
        Day { date: date.to_owned(), id: id.to_owned(), row: vec![id.to_owned(), date.to_owned()], items }
    }

    #[test]
    fn a_day_that_comes_again_is_written_once() {
        let directory = tempfile::tempdir().unwrap();
        let notices = Notices::kept();
        let begin = |name| Writing::begin(directory.path(), name, &["id", "what"], &notices).unwrap();
        let mut book =
            Book { days: begin("days.csv"), items: begin("items.csv"), date: String::new(), written: HashSet::new() };
        let range = DateRange { from_date: "2017-01-01".into(), to_date: "2017-01-08".into() };
        assert_eq!(book.rest_of(&range), range);
        book.write(day("2017-01-02", "443", &["b", "a"])).unwrap();
        book.write(day("2017-01-03", "443", &[])).unwrap();
        // The stream broke and begins again at the last date.
        assert_eq!(book.rest_of(&range).from_date, "2017-01-03");
        book.write(day("2017-01-03", "443", &[])).unwrap();
        book.write(day("2017-01-03", "7", &["c"])).unwrap();
        assert!(book.write(day("2017-01-02", "9", &[])).is_err());
        book.days.finish().unwrap();
        book.items.finish().unwrap();
        let text = |name| fs::read_to_string(directory.path().join(name)).unwrap();
        assert_eq!(text("days.csv"), "id,what\n443,2017-01-02\n443,2017-01-03\n7,2017-01-03\n");
        assert_eq!(text("items.csv"), "id,what\n443,a\n443,b\n7,c\n");
    }
}
