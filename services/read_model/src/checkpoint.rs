//! How far documents have followed the log, and which of them are served. All of it stands in one small collection,
//! [`crate::collections::META`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::SEPARATOR;

/// The layout of documents that this version reads and writes: which entry stands in which document, and under which
/// names. To be raised with every change after which older documents would be read wrongly; they are then folded anew.
pub const LAYOUT: i32 = 3;

/// `_id` of the pointer.
pub const LIVE: &str = "live";

/// Which generation is served. `_id` is `live`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    #[serde(rename = "_id")]
    pub id: String,
    pub generation: i64,
    /// The generation that was served before, for going back.
    #[serde(default)]
    pub previous: Option<i64>,
}

impl Live {
    /// The pointer to a generation.
    #[must_use]
    pub fn to(generation: i64) -> Self {
        Self { id: LIVE.into(), generation, previous: None }
    }
}

/// `_id` of what is under way.
pub const NEXT: &str = "next";

/// What is under way towards another generation. `_id` is `next`; there is one at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    #[serde(rename = "_id")]
    pub id: String,
    pub generation: i64,
    /// True if the generation was served before.
    pub is_rollback: bool,
    /// The reports that are folded from the first event on.
    pub reports: Vec<String>,
    /// The reports that may differ from what is served.
    pub expected: Vec<String>,
    /// True if it was compared and differs where that was not expected.
    pub is_refused: bool,
    pub compared: i64,
    pub different: i64,
    pub examples: Vec<String>,
}

/// A generation of documents. `_id` is `g{generation}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    #[serde(rename = "_id")]
    pub id: String,
    pub generation: i64,
    /// Drawn anew whenever the generation begins from nothing: documents and checkpoints of another life do not count.
    pub epoch: i64,
    /// See [`LAYOUT`].
    #[serde(default)]
    pub layout: i32,
}

impl Generation {
    /// The generation in a new life.
    #[must_use]
    pub fn new(generation: i64, epoch: i64) -> Self {
        Self { id: Self::id_of(generation), generation, epoch, layout: LAYOUT }
    }

    /// `_id` of a generation.
    #[must_use]
    pub fn id_of(generation: i64) -> String {
        format!("g{generation}")
    }
}

/// How far one shard of a generation has followed the log: all events up to the position are in its documents. `_id` is
/// `g{generation}/{shard}of{shards}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    #[serde(rename = "_id")]
    pub id: String,
    pub generation: i64,
    pub epoch: i64,
    pub shard: i32,
    pub shards: i32,
    pub position: i64,
    /// When the log took the event at the position, in microseconds since 1970 (BSON's own instants have milliseconds, and
    /// would lie before the event); `None` at position 0.
    pub recorded_at_micros: Option<i64>,
    /// The id of that event in hexadecimal, so that a log which has another one there is found out; empty at position 0, and
    /// where an earlier version wrote the checkpoint.
    #[serde(default)]
    pub event_id: String,
    /// The reports of which this is true.
    #[serde(default)]
    pub reports: Vec<String>,
    /// Reports that are new, by name: they are folded from the log so far, beside the others, and then join those. One that
    /// is among [`Checkpoint::reports`] counts as one of them, whatever stands here.
    #[serde(default)]
    pub catching_up: BTreeMap<String, CatchingUp>,
    /// In a generation that is not served yet: true while its shard is written together with the one that is served, event
    /// by event and before that one.
    #[serde(default)]
    pub following: bool,
}

impl Checkpoint {
    /// The checkpoint of a shard that has followed nothing yet.
    #[must_use]
    pub fn start(generation: &Generation, shard: i32, shards: i32) -> Self {
        let id = Self::id_of(generation.generation, shard, shards);
        let (generation, epoch) = (generation.generation, generation.epoch);
        Self {
            id,
            generation,
            epoch,
            shard,
            shards,
            position: 0,
            recorded_at_micros: None,
            event_id: String::new(),
            reports: Vec::new(),
            catching_up: BTreeMap::new(),
            following: false,
        }
    }

    /// `_id` of a shard's checkpoint.
    #[must_use]
    pub fn id_of(generation: i64, shard: i32, shards: i32) -> String {
        format!("g{generation}/{shard}of{shards}")
    }
}

/// How far a report that is new has followed the log. The position stands first: two of them are compared in MongoDB, too,
/// field by field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CatchingUp {
    /// All events up to here are in the documents of the report.
    pub position: i64,
    /// As in [`Checkpoint`].
    pub recorded_at_micros: Option<i64>,
}

/// Which documents of a generation lack events that could not be folded. `_id` is `parked/g{generation}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedMarks {
    #[serde(rename = "_id")]
    pub id: String,
    /// How many events are parked.
    pub events: i64,
    /// True if there are more marks than are kept here: then any document may lack something.
    pub overflows: bool,
    pub marks: Vec<Mark>,
}

/// A document of a report that lacks an event; an id that ends with the separator stands for all that begin so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub report: String,
    pub document: String,
}

impl ParkedMarks {
    /// Most marks of a generation.
    pub const MAX_MARKS: usize = 2_000;

    /// `_id` of a generation's marks.
    #[must_use]
    pub fn id_of(generation: i64) -> String {
        format!("parked/g{generation}")
    }

    /// True if the document may lack an event.
    #[must_use]
    pub fn has(&self, report: &str, id: &str) -> bool {
        let is_marked = |mark: &Mark| {
            let all = mark.document.ends_with(SEPARATOR) && id.starts_with(&mark.document);
            mark.report == report && (all || mark.document == id)
        };
        self.overflows || self.marks.iter().any(is_marked)
    }
}

/// What the self-audit of a shard has found so far, over all generations. `_id` is `audit/{shard}of{shards}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Audit {
    /// Documents that were compared with a fresh fold of the log.
    pub audited: i64,
    /// Of these, documents that were not what the log says.
    pub different: i64,
    /// Of these, documents that were then repaired.
    pub repaired: i64,
    /// Documents that could not be compared: too long a history, or never still.
    pub skipped: i64,
    /// The document that differed last, and how; empty if none did.
    pub last_difference: String,
}

impl Audit {
    /// How all ids begin.
    pub const PREFIX: &str = "audit/";

    /// `_id` of a shard's audit.
    #[must_use]
    pub fn id_of(shard: i32, shards: i32) -> String {
        format!("{}{shard}of{shards}", Self::PREFIX)
    }

    /// Both together; of the texts the other one, if it says anything.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let later = if other.last_difference.is_empty() { self.last_difference } else { other.last_difference };
        Self {
            audited: self.audited.saturating_add(other.audited),
            different: self.different.saturating_add(other.different),
            repaired: self.repaired.saturating_add(other.repaired),
            skipped: self.skipped.saturating_add(other.skipped),
            last_difference: later,
        }
    }
}

/// `_id` of the count of mendings.
pub const MENDED: &str = "mended";

/// How often documents changed without a new event, over all generations: they were repaired, or it was settled what becomes of
/// events that were parked. Whoever keeps what he has read of documents keeps it only for as long as the count is the same. `_id` is
/// `mended`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mended {
    #[serde(rename = "_id")]
    pub id: String,
    pub times: i64,
}

/// How far the documents of a generation have followed the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    pub position: i64,
    pub recorded_at_micros: Option<i64>,
    /// As in [`Checkpoint`].
    pub event_id: String,
    /// The reports of which this is true.
    pub reports: Vec<String>,
    /// How far each report is that is new: as far as the shard that is hindmost in it.
    pub catching_up: BTreeMap<String, CatchingUp>,
}

impl Applied {
    /// How far one report has all events; `None` if it is not built.
    #[must_use]
    pub fn of(&self, report: &str) -> Option<CatchingUp> {
        if self.reports.iter().any(|known| known == report) {
            return Some(CatchingUp { position: self.position, recorded_at_micros: self.recorded_at_micros });
        }
        self.catching_up.get(report).copied()
    }
}

/// How far a generation has all events: as far as its hindmost shard, if every shard of one number of shards has a
/// checkpoint of this life. While the number changes, checkpoints of several numbers stand there; the one that is furthest
/// counts, because its documents are the same ones.
#[must_use]
pub fn applied(generation: &Generation, checkpoints: &[Checkpoint]) -> Option<Applied> {
    let mine = |checkpoint: &&Checkpoint| {
        checkpoint.generation == generation.generation && checkpoint.epoch == generation.epoch
    };
    let of = |shards: i32| {
        let group = || checkpoints.iter().filter(mine).filter(move |checkpoint| checkpoint.shards == shards);
        let all_there = (0..shards).all(|shard| group().any(|checkpoint| checkpoint.shard == shard));
        let hindmost = group().min_by_key(|checkpoint| checkpoint.position).filter(|_| all_there)?;
        let everywhere = |report: &&String| group().all(|checkpoint| checkpoint.reports.contains(report));
        Some(Applied {
            position: hindmost.position,
            recorded_at_micros: hindmost.recorded_at_micros,
            event_id: hindmost.event_id.clone(),
            reports: hindmost.reports.iter().filter(everywhere).cloned().collect(),
            catching_up: catching_up(&group().collect::<Vec<_>>()),
        })
    };
    checkpoints.iter().filter(mine).filter_map(|checkpoint| of(checkpoint.shards)).max_by_key(|best| best.position)
}

/// How far reports are that some of the shards are still catching up with, if all of them know the report.
fn catching_up(shards: &[&Checkpoint]) -> BTreeMap<String, CatchingUp> {
    let of = |checkpoint: &Checkpoint, report: &String| {
        let (position, recorded_at_micros) = (checkpoint.position, checkpoint.recorded_at_micros);
        let is_built = checkpoint.reports.contains(report);
        let built = is_built.then_some(CatchingUp { position, recorded_at_micros });
        built.or_else(|| checkpoint.catching_up.get(report).copied())
    };
    let mut hindmost = BTreeMap::new();
    for report in shards.iter().flat_map(|checkpoint| checkpoint.catching_up.keys()) {
        let all: Option<Vec<CatchingUp>> = shards.iter().map(|checkpoint| of(checkpoint, report)).collect();
        if let Some(least) = all.and_then(|all| all.into_iter().min())
            && !shards.iter().all(|checkpoint| checkpoint.reports.contains(report))
        {
            hindmost.insert(report.clone(), least);
        }
    }
    hindmost
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(shard: i32, shards: i32, position: i64) -> Checkpoint {
        Checkpoint { position, ..Checkpoint::start(&Generation::new(1, 9), shard, shards) }
    }

    #[test]
    fn the_hindmost_shard_counts_once_all_are_there() {
        let generation = Generation::new(1, 9);
        let position = |checkpoints: &[Checkpoint]| applied(&generation, checkpoints).map(|best| best.position);
        assert_eq!(position(&[]), None);
        assert_eq!(position(&[checkpoint(0, 1, 7)]), Some(7));
        assert_eq!(position(&[checkpoint(0, 2, 7)]), None);
        assert_eq!(position(&[checkpoint(0, 2, 7), checkpoint(1, 2, 5)]), Some(5));
        assert_eq!(position(&[checkpoint(0, 1, 6), checkpoint(0, 2, 7), checkpoint(1, 2, 5)]), Some(6));
        assert_eq!(applied(&Generation::new(1, 8), &[checkpoint(0, 1, 7)]), None);
        assert_eq!(applied(&Generation::new(2, 9), &[checkpoint(0, 1, 7)]), None);
    }

    #[test]
    fn a_mark_stands_for_a_document_or_for_all_that_begin_so() {
        let mark = |document: &str| Mark { report: "supplier_days".into(), document: document.into() };
        let marks = ParkedMarks { marks: vec![mark("2017-01-02|"), mark("2017-01-03|69")], ..ParkedMarks::default() };
        assert!(marks.has("supplier_days", "2017-01-02|7") && marks.has("supplier_days", "2017-01-03|69"));
        assert!(!marks.has("supplier_days", "2017-01-03|699") && !marks.has("store_days", "2017-01-02|7"));
        assert!(ParkedMarks { overflows: true, ..ParkedMarks::default() }.has("stock", "443|00"));
    }

    #[test]
    fn a_report_counts_once_every_shard_has_it() {
        let with = |shard, reports: &[&str]| Checkpoint {
            reports: reports.iter().map(|&report| report.to_owned()).collect(),
            ..checkpoint(shard, 2, 7)
        };
        let found = applied(&Generation::new(1, 9), &[with(0, &["a", "b"]), with(1, &["b"])]);
        assert_eq!(found.unwrap().reports, ["b"]);
    }

    #[test]
    fn a_report_that_is_new_is_as_far_as_the_shard_that_is_hindmost_in_it() {
        let at = |position| CatchingUp { position, recorded_at_micros: None };
        let with = |shard, reports: &[&str], catching_up: &[(&str, i64)]| Checkpoint {
            reports: reports.iter().map(|&report| report.to_owned()).collect(),
            catching_up: catching_up.iter().map(|&(report, position)| (report.to_owned(), at(position))).collect(),
            ..checkpoint(shard, 2, 7)
        };
        let of = |checkpoints: &[Checkpoint], report| applied(&Generation::new(1, 9), checkpoints).unwrap().of(report);
        let both = [with(0, &["a"], &[("b", 3)]), with(1, &["a"], &[("b", 5)])];
        assert_eq!((of(&both, "a"), of(&both, "b"), of(&both, "c")), (Some(at(7)), Some(at(3)), None));
        // One shard has caught up, then the other; what it left behind does not count any more.
        let one = [with(0, &["a", "b"], &[]), with(1, &["a"], &[("b", 5)])];
        assert_eq!(of(&one, "b"), Some(at(5)));
        let all = [with(0, &["a", "b"], &[]), with(1, &["a", "b"], &[("b", 5)])];
        assert_eq!(of(&all, "b"), Some(at(7)));
        // A shard that does not know the report has none of it.
        assert_eq!(of(&[with(0, &["a"], &[]), with(1, &["a"], &[("b", 5)])], "b"), None);
    }
}
