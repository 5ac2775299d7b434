//! Choosing documents at random, each with the same chance: those with the smallest keyed hashes of their ids.

use std::{
    collections::{BTreeSet, HashSet},
    hash::{BuildHasher as _, DefaultHasher, Hash as _, Hasher as _, RandomState},
    time::Duration,
};

use daybook::{
    client::CommandClient,
    event::v1::{EventFilter, RecordedEvent},
};
use daybook_read_model::registry::{self, Report, Visitor};

use super::{log::Log, scope::Document};
use crate::{error::Error, notices::Notices};

/// A seed that nobody chose.
pub(super) fn random_seed() -> u64 {
    RandomState::new().hash_one(0)
}

/// Chooses so many of the documents that the log touches.
pub(super) async fn choose(
    client: &CommandClient,
    head: i64,
    size: u32,
    seed: u64,
    patience: Duration,
    notices: &Notices,
) -> Result<HashSet<Document>, Error> {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let mut log = Log::new(client, EventFilter::default(), patience);
    let bar = notices.positions("choosing", u64::try_from(head).unwrap_or(0));
    let mut choice = Choice { seed, size, smallest: BTreeSet::new() };
    while let Some(events) = log.next(head).await? {
        for event in &events {
            registry::each(&mut Touched { event, choice: &mut choice });
        }
        bar.set_position(u64::try_from(log.position).unwrap_or(0));
    }
    bar.finish_and_clear();
    Ok(choice.smallest.into_iter().map(|(_, report, id)| (report, id)).collect())
}

struct Choice {
    seed: u64,
    size: usize,
    smallest: BTreeSet<(u64, &'static str, String)>,
}

impl Choice {
    fn offer(&mut self, report: &'static str, id: String) {
        let mut hasher = DefaultHasher::new();
        (self.seed, report, &id).hash(&mut hasher);
        let entry = (hasher.finish(), report, id);
        if self.smallest.len() < self.size {
            self.smallest.insert(entry);
        } else if self.smallest.last().is_some_and(|last| entry < *last) && self.smallest.insert(entry) {
            self.smallest.pop_last();
        }
    }
}

struct Touched<'a> {
    event: &'a RecordedEvent,
    choice: &'a mut Choice,
}

impl Visitor for Touched<'_> {
    fn visit<R: Report>(&mut self) {
        // What cannot be read touches nothing that could be verified.
        for (key, _) in R::changes(self.event).unwrap_or_default() {
            self.choice.offer(R::HEADS, key.id().into_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_chosen_once_however_often_it_is_offered_and_by_the_seed_alone() {
        let chosen = |seed, times: usize| {
            let mut choice = Choice { seed, size: 10, smallest: BTreeSet::new() };
            for _ in 0..times {
                (0..1_000).for_each(|id| choice.offer("store_days", id.to_string()));
            }
            choice.smallest
        };
        assert_eq!(chosen(7, 1), chosen(7, 3));
        assert_eq!(chosen(7, 1).len(), 10);
        assert_ne!(chosen(7, 1), chosen(8, 1));
    }
}
