//! Entries of a page as they are gathered from one document after the other.

use daybook::query::v1::AsOf;
use daybook_read_model::entries::{Entries, Entry};

use crate::{
    list::Listed as Answer,
    page::{Cursor, Listing},
    store::StoreError,
};

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
