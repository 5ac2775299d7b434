//! A report folded in memory from the first event on: what the documents must hold.

use std::collections::BTreeMap;

use daybook::event::v1::RecordedEvent;

use crate::{
    document::{Head, Key, SEPARATOR, Stored},
    error::FoldError,
    registry::{ChangeOf, EntryOf, Report},
    spill::Page,
};

/// All documents of a report, or those that a choice of events touches.
#[derive(Debug)]
pub struct Folded<R: Report> {
    pub heads: BTreeMap<String, R::Head>,
    pub pages: BTreeMap<String, Page<EntryOf<R>>>,
}

impl<R: Report> Default for Folded<R> {
    fn default() -> Self {
        Self { heads: BTreeMap::new(), pages: BTreeMap::new() }
    }
}

impl<R: Report> Folded<R> {
    /// Folds an event into all documents that it touches. If it cannot be folded into one, the others have it.
    ///
    /// # Errors
    /// The first one.
    pub fn fold(&mut self, event: &RecordedEvent) -> Result<(), FoldError> {
        self.fold_some(event, |_| true)
    }

    /// Folds an event into those documents that are wanted, by the ids of their heads.
    ///
    /// # Errors
    /// The first one.
    pub fn fold_some(&mut self, event: &RecordedEvent, wanted: impl Fn(&str) -> bool) -> Result<(), FoldError> {
        self.take(event.position, R::changes(event)?, wanted)
    }

    /// The same, of what the event at a position changes.
    ///
    /// # Errors
    /// The first one.
    pub fn take(
        &mut self,
        position: i64,
        changes: Vec<(Key, ChangeOf<R>)>,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<(), FoldError> {
        let mut outcome = Ok(());
        for (key, change) in changes {
            let id = key.id();
            if !wanted(&id) {
                continue;
            }
            let head = self.heads.entry(id.to_string()).or_insert_with(|| R::Head::open(&key));
            match head.fold(position, change) {
                Ok(spilled) => {
                    for part in spilled {
                        let page = self.pages.entry(part.page.clone()).or_insert_with(|| Page::open(part.page, &id));
                        outcome = outcome.and(page.fold(position, part.entries));
                    }
                }
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome
    }

    /// The pages of a head, in order.
    pub fn pages_of(&self, head_id: &str) -> impl Iterator<Item = &Page<EntryOf<R>>> {
        let prefix = format!("{head_id}{SEPARATOR}");
        let from = self.pages.range(prefix.clone()..);
        from.take_while(move |(id, _)| id.starts_with(&prefix)).map(|(_, page)| page)
    }

    /// Forgets all documents but those that are wanted, by the ids of their heads.
    pub fn retain(&mut self, wanted: impl Fn(&str) -> bool) {
        self.heads.retain(|id, _| wanted(id));
        self.pages.retain(|id, _| wanted(head_of(id)));
    }

    /// Memory that the documents use, roughly, in bytes.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let heads: usize = self.heads.values().map(Stored::heap_bytes).sum();
        heads + self.pages.values().map(Stored::heap_bytes).sum::<usize>()
    }
}

/// The id of a page's head: that of the page without its section and number. A head is its own.
#[must_use]
pub fn head_of(page_id: &str) -> &str {
    page_id.match_indices(SEPARATOR).nth(1).map_or(page_id, |(end, _)| page_id.get(..end).unwrap_or(page_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_knows_its_head() {
        assert_eq!(head_of("2017-01-02|443|i|07"), "2017-01-02|443");
        assert_eq!(head_of("443|01"), "443|01");
    }
}
