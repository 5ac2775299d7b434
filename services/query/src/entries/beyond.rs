//! What the newest events bring to the pages of a report: folded into pages as they are read, until it stands in them.

use std::collections::BTreeMap;

use daybook_read_model::{
    entries::Entry,
    error::FoldError,
    spill::{Page, Spilled},
    text::Word,
};

/// Changes of one page, each with the position of its event, in order.
type Changes<E> = Vec<(i64, Vec<(Word, E)>)>;

/// Changes by page, in order of the pages' ids.
#[derive(Debug)]
pub(crate) struct Beyond<E> {
    pages: BTreeMap<String, Changes<E>>,
}

impl<E> Default for Beyond<E> {
    fn default() -> Self {
        Self { pages: BTreeMap::new() }
    }
}

impl<E: Entry> Beyond<E> {
    /// Takes what an event brings to a page.
    pub(crate) fn add(&mut self, position: i64, Spilled { page, entries }: Spilled<E>) {
        self.pages.entry(page).or_default().push((position, entries));
    }

    /// Leaves only the pages of a section, by how their ids begin.
    pub(crate) fn keep_section(&mut self, prefix: &str) {
        self.pages.retain(|id, _| id.starts_with(prefix));
    }

    /// Leaves only pages from an id on.
    pub(crate) fn begin_from(&mut self, id: &str) {
        self.pages = self.pages.split_off(id);
    }

    /// A page that was read, with what it lacks.
    ///
    /// # Errors
    /// If a figure would not fit.
    pub(crate) fn complete(&mut self, page: &mut Page<E>) -> Result<(), FoldError> {
        let changes = self.pages.remove(&page.stamp.id).unwrap_or_default();
        changes.into_iter().try_for_each(|(position, entries)| page.fold(position, entries))
    }

    /// The first page that nobody has stored yet, if its id comes before that of one that was read; `None` for all.
    ///
    /// # Errors
    /// If a figure would not fit.
    pub(crate) fn next_before(&mut self, id: Option<&str>, head_id: &str) -> Result<Option<Page<E>>, FoldError> {
        let is_before = |first: &str| id.is_none_or(|id| first < id);
        let Some(first) = self.pages.keys().next().filter(|first| is_before(first)).cloned() else { return Ok(None) };
        let mut page = Page::open(first, head_id);
        self.complete(&mut page)?;
        Ok(Some(page))
    }
}

#[cfg(test)]
mod tests {
    use daybook_read_model::{figures::ItemSales, store_day_item::StoreDayItem};

    use super::*;

    fn change(page: &str, item: &str) -> Spilled<StoreDayItem> {
        let sold = ItemSales { transactions: 1, ..ItemSales::default() };
        let item = (Word::from(item), StoreDayItem { sold, ..StoreDayItem::default() });
        Spilled { page: page.to_owned(), entries: vec![item] }
    }

    fn found(page: &Page<StoreDayItem>) -> (&str, Vec<(&str, i64)>) {
        (&page.stamp.id, page.entries.sorted().into_iter().map(|(id, item)| (id, item.sold.transactions)).collect())
    }

    #[test]
    fn a_page_gets_what_it_lacks_and_pages_that_nobody_stored_come_in_their_place() {
        let mut beyond = Beyond::default();
        for (position, page, item) in [(7, "d|i|03", "a"), (8, "d|i|03", "b"), (9, "d|i|01", "c"), (9, "d|i|05", "d")] {
            beyond.add(position, change(page, item));
        }
        let mut stored = Page::open("d|i|03".to_owned(), "d");
        stored.fold(7, change("d|i|03", "a").entries).unwrap();

        let first = beyond.next_before(Some("d|i|03"), "d").unwrap().unwrap();
        assert_eq!(found(&first), ("d|i|01", vec![("c", 1)]));
        assert!(beyond.next_before(Some("d|i|03"), "d").unwrap().is_none());
        beyond.complete(&mut stored).unwrap();
        assert_eq!(found(&stored), ("d|i|03", vec![("a", 1), ("b", 1)]), "7 was there");
        let last = beyond.next_before(None, "d").unwrap().unwrap();
        assert_eq!(found(&last), ("d|i|05", vec![("d", 1)]));
        assert!(beyond.next_before(None, "d").unwrap().is_none());
    }

    #[test]
    fn a_list_that_goes_on_begins_where_it_was() {
        let mut beyond = Beyond::default();
        for page in ["d|i|01", "d|i|02", "d|i|03"] {
            beyond.add(7, change(page, "a"));
        }
        beyond.begin_from("d|i|02");
        let first = beyond.next_before(None, "d").unwrap().unwrap();
        assert_eq!(found(&first).0, "d|i|02");
    }
}
