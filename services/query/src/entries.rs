//! One page of entries (items, stores, stock) that stand in a row of documents, each document in order of its entries' ids.

use std::time::Duration;

use daybook::query::v1::AsOf;
use daybook_read_model::{
    document::Key,
    entries::{Entries, Entry},
    registry,
    spill::Page,
};
use tokio::time::Instant;

use crate::{
    call::Frame,
    fresh::{Fresh, up_to_date},
    list::Listed as Answer,
    live::Look,
    page::{Cursor, Listing},
    report::{
        HeadOf, Listed, ListedEntry, Report, beginning_after, beginning_from, beginning_with, not_found,
        section_prefix, view_entry, with_entries,
    },
    status::QueryError,
    store::{Select, StoreError},
    validate::PageSize,
};

/// How many entries a page has.
pub(crate) const PAGE_SIZE: PageSize = PageSize { default: 100, max: 1_000 };

/// Documents that are read at once, at most. The first read asks for one, each further one for twice as many: one document
/// may hold a thousand entries, or one.
pub(crate) const DOCUMENTS_PER_READ: u32 = 16;

/// How long the first page waits for documents to hold what the log says: longer than it takes while the projector keeps up.
const STORED_SOON: Duration = Duration::from_secs(2);

/// Which entries of which report to list.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) key: Key,
    pub(crate) page_size: u32,
    pub(crate) cursor: Option<Cursor>,
    pub(crate) at_least: i64,
    /// Makes the token of the next page.
    pub(crate) listing: Listing,
}

/// Entries of a page as they are gathered.
#[derive(Debug)]
pub(crate) struct Gathered<V> {
    size: usize,
    views: Vec<V>,
    last: Cursor,
    more: bool,
}

impl<V> Gathered<V> {
    /// A page that goes on after a cursor.
    #[must_use]
    pub(crate) fn after(cursor: Option<Cursor>, page_size: u32) -> Self {
        let size = usize::try_from(page_size).unwrap_or(usize::MAX);
        Self { size, views: Vec::new(), last: cursor.unwrap_or_default(), more: false }
    }

    /// True if there is an entry for which the page has no room: it is whole.
    #[must_use]
    pub(crate) fn is_whole(&self) -> bool {
        self.more
    }

    /// The document that the last entry came from.
    #[must_use]
    pub(crate) fn document(&self) -> &str {
        &self.last.document
    }

    /// Takes the entries of a document that come after the cursor, as long as there is room.
    ///
    /// # Errors
    /// The first error of a view.
    pub(crate) fn take<E: Entry>(
        &mut self,
        document: &str,
        entries: &Entries<E>,
        view: impl Fn(&str, &E) -> Result<V, StoreError>,
    ) -> Result<(), StoreError> {
        if self.last.document != document {
            self.last = Cursor { document: document.to_owned(), ..Cursor::default() };
        }
        for (id, entry) in entries.sorted() {
            if id <= self.last.after.as_str() {
                continue;
            }
            if self.views.len() == self.size {
                self.more = true;
                break;
            }
            self.views.push(view(id, entry)?);
            id.clone_into(&mut self.last.after);
        }
        Ok(())
    }

    /// The answer, with the token of the next page if there is one.
    #[must_use]
    pub(crate) fn answer(self, listing: &Listing, as_of: AsOf) -> Answer<V> {
        let last = Cursor { position: as_of.position, ..self.last };
        let next_page_token = if self.more { listing.token(last) } else { String::new() };
        Answer { entries: self.views, next_page_token, as_of }
    }
}

impl Frame {
    /// Reads one page of the entries of a report.
    ///
    /// Each answer by itself holds everything up to its position, because each document does. A report that changes
    /// between two pages of a list shows on the second page what is new there; only a stream shows a whole report as of
    /// one position.
    ///
    /// # Errors
    /// If there is no such report, the position is not reached, or MongoDB does not answer in time.
    pub(crate) async fn list_entries<L: Listed>(
        &self,
        wanted: Wanted,
        until: Instant,
    ) -> Result<Answer<L::View>, QueryError> {
        let Wanted { key, page_size, cursor, at_least, listing } = wanted;
        // What the page before showed, this one holds as well.
        let at_least = at_least.max(cursor.as_ref().map_or(0, |cursor| cursor.position));
        let is_first = cursor.is_none();
        let head_id = key.id();
        let pages = section_prefix(&head_id, L::SECTION);
        let in_pages = cursor.as_ref().is_some_and(|cursor| cursor.document.starts_with(&pages));
        if cursor.as_ref().is_some_and(|cursor| !in_pages && cursor.document != head_id) {
            return Err(QueryError::PageToken);
        }
        let _room = self.list_place(until).await?;
        let mut gathered = Gathered::after(cursor, page_size);
        let look = if in_pages {
            self.look(<L::Report as registry::Report>::HEADS, at_least, until).await?
        } else {
            let (look, head) = self.head_with_entries::<L>(&key, at_least, is_first, until).await?;
            gathered.take(&head_id, L::inline(&head), |id, entry| view_entry::<L>(&head_id, id, entry))?;
            if gathered.is_whole() || !L::has_pages(&head) {
                return Ok(gathered.answer(&listing, look.as_of));
            }
            look
        };
        let mut documents = 1;
        let mut filter = if in_pages { beginning_from(&pages, gathered.document()) } else { beginning_with(&pages) };
        loop {
            let found = look.live.pages::<L::Report>(Select::first(documents, filter), until).await?;
            let all_read = found.len() < usize::try_from(documents).unwrap_or(usize::MAX);
            for page in found.decode::<Page<ListedEntry<L>>>() {
                let page = page?;
                let id = &page.stamp.id;
                gathered.take(id, &page.entries, |entry_id, entry| view_entry::<L>(id, entry_id, entry))?;
                if gathered.is_whole() {
                    break;
                }
            }
            if all_read || gathered.is_whole() {
                return Ok(gathered.answer(&listing, look.as_of));
            }
            filter = beginning_after(&pages, gathered.document());
            documents = (documents * 2).min(DOCUMENTS_PER_READ);
        }
    }

    /// The head of a report, as new as the log if all of its entries are in it; otherwise as new as its documents, for the first
    /// page once they hold what the log says of it now.
    async fn head_with_entries<L: Listed>(
        &self,
        key: &Key,
        at_least: i64,
        is_first: bool,
        until: Instant,
    ) -> Result<(Look, HeadOf<L>), QueryError> {
        let (reports, id) = (<L::Report as registry::Report>::HEADS, key.id());
        let Fresh { mut look, events } = self.look_fresh(reports, at_least, until, L::Report::touching(key)).await?;
        let stored = look.live.head::<L::Report>(&id, with_entries::<L>(), until).await?;
        if stored.is_none() {
            self.confirm(reports, &look, until).await?;
        }
        let has_pages = |head: &Option<HeadOf<L>>| head.as_ref().is_some_and(|head| L::has_pages(head));
        let whole = match events.last() {
            None => Some(stored),
            Some(_) if has_pages(&stored) => None,
            // Pages may begin with these events: what is to stand on them is in no document yet.
            Some(_) => up_to_date::<L::Report>(stored, key, &events).ok().filter(|head| !has_pages(head)),
        };
        let head = match whole {
            Some(head) => head,
            None => {
                let soon = until.min(Instant::now() + STORED_SOON);
                let last = events.last().map_or(0, |event| event.position);
                let newest = if is_first { last.max(at_least) } else { at_least };
                look = match self.look(reports, newest, soon).await {
                    Err(QueryError::PositionNotReached { .. }) => self.look(reports, at_least, until).await?,
                    stored => stored?,
                };
                look.live.head::<L::Report>(&id, with_entries::<L>(), until).await?
            }
        };
        let head = head.ok_or_else(|| not_found::<L::Report>(key, &look.as_of))?;
        Ok((look, head))
    }
}

#[cfg(test)]
mod tests {
    use daybook_read_model::stock::StockEntry;

    use super::*;

    fn entries(ids: &[&str]) -> Entries<StockEntry> {
        ids.iter().map(|&id| (id.into(), StockEntry::default())).collect()
    }

    /// Lists all entries page by page, and answers the pages.
    fn pages(documents: &[(&str, &[&str])], size: u32) -> Vec<Vec<String>> {
        let (mut cursor, mut pages) = (None, Vec::new());
        loop {
            let mut gathered = Gathered::after(cursor.clone(), size);
            let from = cursor.map_or(String::new(), |cursor: Cursor| cursor.document);
            for (document, ids) in documents.iter().filter(|(document, _)| *document >= from.as_str()) {
                gathered.take(document, &entries(ids), |id, _| Ok(id.to_owned())).unwrap();
                if gathered.is_whole() {
                    break;
                }
            }
            let listing = Listing::of("test");
            let answer = gathered.answer(&listing, AsOf::default());
            pages.push(answer.entries);
            cursor = listing.cursor(&answer.next_page_token).unwrap();
            if cursor.is_none() {
                return pages;
            }
        }
    }

    #[test]
    fn pages_run_over_documents_and_hold_each_entry_once() {
        let documents: &[(&str, &[&str])] = &[("a", &["3", "1", "2"]), ("b", &[]), ("c", &["0", "9"]), ("d", &["5"])];
        assert_eq!(pages(documents, 2), [vec!["1", "2"], vec!["3", "0"], vec!["9", "5"]]);
        assert_eq!(pages(documents, 3), [vec!["1", "2", "3"], vec!["0", "9", "5"]]);
        assert_eq!(pages(documents, 6), [vec!["1", "2", "3", "0", "9", "5"]]);
        assert_eq!(pages(documents, 1).len(), 6);
        assert_eq!(pages(&[("a", &[])], 5), [Vec::<String>::new()]);
    }
}
