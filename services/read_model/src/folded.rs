//! A report folded in memory from the first event on: what the documents must hold.

use std::collections::BTreeMap;

use daybook::event::v1::RecordedEvent;

use crate::{
    document::Head,
    error::FoldError,
    registry::{EntryOf, Report},
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
        let mut outcome = Ok(());
        for (key, change) in R::changes(event)? {
            let id = key.id();
            let head = self.heads.entry(id.clone()).or_insert_with(|| R::Head::open(&key));
            match head.fold(event.position, change) {
                Ok(spilled) => {
                    for part in spilled {
                        let page = self.pages.entry(part.page.clone()).or_insert_with(|| Page::open(part.page, &id));
                        outcome = outcome.and(page.fold(event.position, part.entries));
                    }
                }
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome
    }
}
