//! Documents that are folded and not written yet, in the order in which they are to be written.

use std::collections::VecDeque;

use daybook_read_model::text::Text;

use super::documents::Ids;

/// Which of the documents that wait to be written have their turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// All that have waited since a batch that ended here, or before.
    pub(crate) since: i64,
    /// Of all that wait this part, if that is more: those that have waited longest.
    pub(crate) part: (u32, u32),
}

impl Turn {
    /// All.
    pub(crate) const ALL: Self = Self { since: i64::MAX, part: (1, 1) };

    /// How many of so many it is at least.
    fn least_of(self, all: usize) -> usize {
        let (part, whole) = self.part;
        let least = (all as u64).saturating_mul(part.into()).div_ceil(u64::from(whole.max(1)));
        usize::try_from(least).unwrap_or(usize::MAX).min(all)
    }
}

/// Documents by how long they have waited.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    /// Those that wait since a batch, by the position at its end; older batches first.
    since: VecDeque<(i64, Vec<Text>)>,
    ids: Ids,
}

impl Unwritten {
    /// True if a document waits.
    pub(super) fn contains(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// Takes note of documents in which a batch changed something; those that wait already keep their place.
    pub(super) fn add<'a>(&mut self, batch: i64, ids: impl Iterator<Item = &'a str>) {
        for id in ids {
            if self.ids.contains(id) {
                continue;
            }
            let id = Text::from(id);
            self.ids.insert(id.clone());
            match self.since.back_mut() {
                Some((last, of_batch)) if *last == batch => of_batch.push(id),
                _ => self.since.push_back((batch, vec![id])),
            }
        }
    }

    /// Takes those that have their turn.
    pub(super) fn take(&mut self, turn: Turn) -> Vec<Text> {
        let least = turn.least_of(self.ids.len());
        let mut taken = Vec::with_capacity(least);
        while let Some((batch, waiting)) = self.since.front_mut() {
            let wanted = if *batch <= turn.since { waiting.len() } else { least.saturating_sub(taken.len()) };
            if wanted == 0 {
                break;
            }
            taken.extend(waiting.drain(..wanted.min(waiting.len())));
            if waiting.is_empty() {
                self.since.pop_front();
            }
        }
        taken.iter().for_each(|id| _ = self.ids.remove(id));
        taken
    }

    /// The end of the batch since which the oldest waits.
    pub(super) fn oldest(&self) -> Option<i64> {
        self.since.front().map(|(batch, _)| *batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting() -> Unwritten {
        let mut unwritten = Unwritten::default();
        unwritten.add(10, ["a", "b"].into_iter());
        unwritten.add(20, ["b", "c", "d"].into_iter());
        unwritten.add(30, ["a", "e"].into_iter());
        unwritten
    }

    #[test]
    fn what_waits_longest_is_taken_first() {
        let mut unwritten = waiting();
        assert_eq!(unwritten.oldest(), Some(10));
        assert_eq!(unwritten.take(Turn { since: 0, part: (1, 2) }), ["a", "b", "c"]);
        assert_eq!(unwritten.oldest(), Some(20));
        assert!(!unwritten.contains("c") && unwritten.contains("d"));
        // What was taken and changes again waits behind all others.
        unwritten.add(40, ["a", "d"].into_iter());
        assert_eq!(unwritten.take(Turn::ALL), ["d", "e", "a"]);
        assert_eq!((unwritten.oldest(), unwritten.take(Turn::ALL).len()), (None, 0));
    }

    #[test]
    fn what_has_waited_long_is_taken_whatever_its_part() {
        let mut unwritten = waiting();
        assert_eq!(unwritten.take(Turn { since: 20, part: (0, 1) }), ["a", "b", "c", "d"]);
        assert_eq!(unwritten.oldest(), Some(30));
        assert!(unwritten.take(Turn { since: 29, part: (0, 1) }).is_empty());
        assert_eq!(unwritten.take(Turn { since: 29, part: (1, 1_000) }), ["e"]);
    }
}
