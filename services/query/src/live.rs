//! The generation of documents that is served: how far it has followed the log, and reading from it.

use std::sync::Arc;

use daybook::query::v1::AsOf;
use daybook_read_model::{
    checkpoint::{Checkpoint, Generation, LIVE, Live as Pointer, MENDED, Mended, ParkedMarks, applied},
    collections::{META, in_generation},
    event_id,
};
use mongodb::bson::Document;
use prost_types::Timestamp;
use tokio::time::Instant;

use crate::{
    call::Frame,
    fresh::Shown,
    heads::Edition,
    position::{Applied, ReadApplied},
    status::QueryError,
    store::{Documents, Select, Store, StoreError},
};

/// Documents about checkpoints that are read at most: some generations of some hundred shards.
const META_DOCUMENTS: u32 = 1_000;

/// Documents of the generation that is served.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    store: Store,
    generation: Generation,
    parked: Arc<ParkedMarks>,
    mended: i64,
    shown: Shown,
}

/// A look at the reports: where they stood when it began, and reading from there on.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) live: Live,
    pub(crate) as_of: AsOf,
}

impl Frame {
    /// Looks at the reports of a kind (the name of its collection) once they hold at least the position. What is read
    /// afterwards holds everything up to that of the look.
    ///
    /// # Errors
    /// If the position is not reached in time or cannot be known, or there are no such reports yet.
    pub(crate) async fn look(&self, report: &'static str, at_least: i64, until: Instant) -> Result<Look, QueryError> {
        self.look_of(report, self.positions.reach(Some(report), at_least, until).await?)
    }

    /// Looks at the reports of a kind as they stood a moment ago.
    ///
    /// # Errors
    /// As [`Frame::look`].
    pub(crate) async fn glance(&self, report: &'static str, until: Instant) -> Result<Look, QueryError> {
        self.look_of(report, self.positions.glance(until).await?)
    }

    fn look_of(&self, report: &str, applied: Applied) -> Result<Look, QueryError> {
        let as_of = applied.as_of_report(report).ok_or(QueryError::NoReports)?;
        let generation = applied.generation.ok_or(QueryError::NoReports)?;
        if self.recent.refuses(&generation) {
            return Err(QueryError::LogReplaced);
        }
        let Applied { parked, mended, .. } = applied;
        Ok(Look {
            live: Live { store: self.store.clone(), generation, parked, mended, shown: self.shown.clone() },
            as_of,
        })
    }
}

impl Frame {
    /// Looks again for the next part of an answer, which stays in its generation: if another one is served meanwhile, the
    /// documents of the old one still are what the last look said.
    ///
    /// # Errors
    /// As [`Frame::look`].
    pub(crate) async fn look_again(
        &self,
        last: Look,
        report: &'static str,
        until: Instant,
    ) -> Result<Look, QueryError> {
        let now = self.look(report, 0, until).await?;
        Ok(if now.live.is_same(&last.live) { now } else { last })
    }

    /// Fails if other documents are served than at the look: its own may have been dropped since, and then it means nothing
    /// that something was not found.
    ///
    /// # Errors
    /// If they are, or it cannot be known.
    pub(crate) async fn confirm(&self, report: &'static str, look: &Look, until: Instant) -> Result<(), QueryError> {
        let now = self.look(report, 0, until).await?;
        if now.live.is_same(&look.live) { Ok(()) } else { Err(QueryError::Unsettled) }
    }
}

impl Live {
    /// What a document that was read says for as long as it is the same, but for events.
    pub(crate) fn edition(&self) -> Edition {
        Edition { generation: self.generation.generation, epoch: self.generation.epoch, mended: self.mended }
    }

    /// True if a document of a report may lack an event.
    pub(crate) fn is_incomplete(&self, report: &str, id: &str) -> bool {
        self.parked.has(report, id)
    }

    /// True if both are the same life of the same generation.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.generation == other.generation
    }

    /// Reads documents of a collection (its name without that of the generation).
    ///
    /// # Errors
    /// If MongoDB does not answer in time.
    pub(crate) async fn read(
        &self,
        collection: &'static str,
        mut select: Select,
        until: Instant,
    ) -> Result<Documents, StoreError> {
        // What another life of the generation has left behind counts as absent.
        select.filter.insert("epoch", self.generation.epoch);
        let name = in_generation(self.generation.generation, collection);
        let found = self.store.read(&name, select, until).await?;
        let newest = found.iter().filter_map(|(_, document)| document.get_i64("position").ok()).max();
        self.shown.saw(newest.unwrap_or(0));
        Ok(found)
    }
}

impl Applied {
    /// As answers say it.
    #[must_use]
    pub(crate) fn as_of(&self) -> AsOf {
        AsOf { position: self.position, recorded_at: self.recorded_at }
    }

    /// As answers from a report say it; `None` if it is not built.
    #[must_use]
    pub(crate) fn as_of_report(&self, report: &str) -> Option<AsOf> {
        // Before the first event there is nothing to build.
        if self.position == 0 || self.reports.iter().any(|built| built == report) {
            return Some(self.as_of());
        }
        let new = self.catching_up.get(report)?;
        Some(AsOf { position: new.position, recorded_at: new.recorded_at_micros.map(timestamp) })
    }
}

impl ReadApplied for Store {
    async fn read(&self) -> Result<Applied, StoreError> {
        let documents = self.read_control(META, Select::first(META_DOCUMENTS, Document::new())).await?;
        let mut live: Option<Pointer> = None;
        let mut marks: Vec<ParkedMarks> = Vec::new();
        let mut mended = Mended::default();
        let (mut generations, mut checkpoints): (Vec<Generation>, Vec<Checkpoint>) = (Vec::new(), Vec::new());
        for (id, document) in documents.iter() {
            match kind_of(id) {
                Kind::Pointer => live = Some(documents.decode_as(document)?),
                Kind::Generation => generations.push(documents.decode_as(document)?),
                Kind::Checkpoint => checkpoints.push(documents.decode_as(document)?),
                Kind::Marks => marks.push(documents.decode_as(document)?),
                Kind::Mended => mended = documents.decode_as(document)?,
                Kind::Other => {}
            }
        }
        let mut parked = Arc::default();
        let generation: Option<Generation> =
            live.and_then(|live| generations.into_iter().find(|generation| generation.generation == live.generation));
        if let Some(generation) = &generation {
            let id = ParkedMarks::id_of(generation.generation);
            parked = marks.into_iter().find(|marks| marks.id == id).map(Arc::new).unwrap_or_default();
        }
        let mut furthest = generation.as_ref().and_then(|generation| applied(generation, &checkpoints));
        Ok(Applied {
            position: furthest.as_ref().map_or(0, |furthest| furthest.position),
            event_id: furthest.as_ref().map(|furthest| event_id::from_text(&furthest.event_id)).unwrap_or_default(),
            recorded_at: furthest.as_ref().and_then(|furthest| furthest.recorded_at_micros).map(timestamp),
            catching_up: furthest
                .as_mut()
                .map(|furthest| Arc::new(std::mem::take(&mut furthest.catching_up)))
                .unwrap_or_default(),
            reports: furthest.map(|furthest| furthest.reports.into()).unwrap_or_default(),
            generation,
            parked,
            mended: mended.times,
        })
    }
}

/// What a document of the collection is, by its id: `live`, `g1`, `g1/0of1`.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Pointer,
    Generation,
    Checkpoint,
    Marks,
    Mended,
    Other,
}

fn kind_of(id: &str) -> Kind {
    let Some(number) = id.strip_prefix('g') else {
        return match id {
            LIVE => Kind::Pointer,
            MENDED => Kind::Mended,
            id if id.starts_with("parked/") => Kind::Marks,
            _ => Kind::Other,
        };
    };
    let (number, shard) = number.split_once('/').map_or((number, None), |(number, shard)| (number, Some(shard)));
    match (number.parse::<i64>(), shard) {
        (Ok(_), None) => Kind::Generation,
        (Ok(_), Some(_)) => Kind::Checkpoint,
        (Err(_), _) => Kind::Other,
    }
}

fn timestamp(micros: i64) -> Timestamp {
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or(0);
    Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_told_apart_by_their_ids() {
        assert_eq!((kind_of(LIVE), kind_of(MENDED)), (Kind::Pointer, Kind::Mended));
        assert_eq!(kind_of(&Generation::id_of(12)), Kind::Generation);
        assert_eq!(kind_of(&Checkpoint::id_of(12, 0, 3)), Kind::Checkpoint);
        assert_eq!(["", "g", "gold", "other"].map(kind_of), [Kind::Other, Kind::Other, Kind::Other, Kind::Other]);
    }

    #[test]
    fn instants_before_1970_have_positive_nanos() {
        assert_eq!(timestamp(1_500_001), Timestamp { seconds: 1, nanos: 500_001_000 });
        assert_eq!(timestamp(-1), Timestamp { seconds: -1, nanos: 999_999_000 });
    }
}
