//! Events that follow each other, found by whom they concern.

use std::{collections::VecDeque, sync::Arc};

use ahash::RandomState;
use daybook::event::encoded;
use daybook_read_model::suppliers::each_supplier;
use prost::{DecodeError, bytes::Bytes};
use prost_types::Timestamp;

use super::{After, RecentEvent};

/// Events that are kept at most: more than the documents are behind while the projector keeps up. What was worked out of each,
/// for who asked, takes up to some 3 kB more.
pub(super) const MAX_EVENTS: usize = 12_000;

/// Bytes of events that are kept at most.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Memory of an event beside its payload: what it is found by, and room for what is worked out of it.
const EVENT_OVERHEAD_BYTES: usize = 600;

/// Which events to look for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Touching<'a> {
    /// Those of a store.
    Store(&'a str),
    /// Those with goods of a supplier.
    Supplier(&'a str),
}

/// The end of the log.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// Position of the last event before the first one here.
    base: i64,
    /// When that was recorded, if it was here.
    base_recorded_at: Option<Timestamp>,
    /// Id of the last event, if it is known.
    last_id: Vec<u8>,
    events: VecDeque<Kept>,
    bytes: usize,
    /// Keyed, so that nobody can make up ids that clash; ids that do are told apart when the event is folded.
    hasher: RandomState,
}

/// An event, and what it is found by.
#[derive(Debug)]
struct Kept {
    position: i64,
    recorded_at: Option<Timestamp>,
    /// Hash of its store; `None` for an event of no store.
    store: Option<u64>,
    suppliers: Box<[u64]>,
    bytes: usize,
    event: Arc<RecentEvent>,
}

impl Tail {
    /// Position of the last event.
    pub(super) fn end(&self) -> i64 {
        self.events.back().map_or(self.base, |event| event.position)
    }

    /// True if there is no event.
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Id of the last event; empty if it is not known.
    pub(super) fn last_id(&self) -> &[u8] {
        &self.last_id
    }

    /// Begins after an event, of which the id may be known.
    pub(super) fn begin(&mut self, base: i64, id: Vec<u8>) {
        *self = Self { base, last_id: id, ..Self::default() };
    }

    /// Takes in the next events; false if they are not the next ones, or one cannot be decoded.
    pub(super) fn push(&mut self, events: Vec<encoded::RecordedEvent>) -> bool {
        for event in events {
            if event.position != self.end() + 1 {
                return false;
            }
            let last_id = event.event_id.clone();
            let Ok(kept) = self.keep(event) else { return false };
            self.last_id.clear();
            self.last_id.extend_from_slice(&last_id);
            self.bytes += kept.bytes;
            self.events.push_back(kept);
        }
        while self.events.len() > MAX_EVENTS || self.bytes > MAX_BYTES {
            self.forget_first();
        }
        true
    }

    fn keep(&self, event: encoded::RecordedEvent) -> Result<Kept, DecodeError> {
        let mut hashes: Vec<u64> = Vec::new();
        each_supplier(&event, |id| hashes.push(self.hasher.hash_one(id)))?;
        hashes.sort_unstable();
        hashes.dedup();
        Ok(Kept {
            position: event.position,
            recorded_at: event.recorded_at,
            store: (!event.store_id.is_empty()).then(|| self.hasher.hash_one(event.store_id.as_str())),
            suppliers: hashes.into(),
            bytes: event.event.len() + event.business_date.len() + EVENT_OVERHEAD_BYTES,
            event: Arc::new(RecentEvent::new(without_the_rest(event))),
        })
    }

    /// Lets go of what is in the documents.
    pub(super) fn forget(&mut self, until: i64) {
        while self.events.front().is_some_and(|event| event.position <= until) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some(event) = self.events.pop_front() {
            self.base = event.position;
            self.base_recorded_at = event.recorded_at;
            self.bytes -= event.bytes;
        }
    }

    /// When the event after a position was recorded, if it is here.
    pub(super) fn recorded_after(&self, position: i64) -> Option<Timestamp> {
        let known = usize::try_from(position.checked_sub(self.base)?).ok()?;
        self.events.get(known)?.recorded_at
    }

    /// What came after a position, if all of it is here.
    pub(super) fn after(&self, position: i64, wanted: Touching<'_>) -> Option<After> {
        let known = usize::try_from(position.checked_sub(self.base)?).ok()?;
        if known > self.events.len() {
            return None;
        }
        let mut events = Vec::new();
        let hash = match wanted {
            Touching::Store(id) | Touching::Supplier(id) => self.hasher.hash_one(id),
        };
        for event in self.events.range(known..) {
            let is_wanted = match wanted {
                Touching::Store(_) => event.store.is_none_or(|store| store == hash),
                Touching::Supplier(_) => event.suppliers.binary_search(&hash).is_ok(),
            };
            if is_wanted {
                events.push(Arc::clone(&event.event));
            }
        }
        let recorded_at = self.events.back().map_or(self.base_recorded_at, |event| event.recorded_at);
        Some(After { position: self.end(), recorded_at, events })
    }
}

/// What folds need of an event, in memory of its own: it came in one piece with many others, which would stay as long as one of
/// them.
fn without_the_rest(event: encoded::RecordedEvent) -> encoded::RecordedEvent {
    let payload = Bytes::copy_from_slice(&event.event);
    encoded::RecordedEvent {
        event_id: Bytes::new(),
        stream_id: Bytes::new(),
        metadata: Bytes::new(),
        event: payload,
        ..event
    }
}

#[cfg(test)]
mod tests {
    use daybook::event::v1::{DeliveryRecorded, Event, RecordedEvent, event::Kind};
    use prost::Message as _;

    use super::*;

    fn event(position: i64) -> RecordedEvent {
        let supplier_id = (position % 2).to_string();
        let delivery = DeliveryRecorded { supplier_id, ..DeliveryRecorded::default() };
        RecordedEvent {
            position,
            event_type: "delivery_recorded".to_owned(),
            schema_version: 1,
            recorded_at: Some(Timestamp { seconds: position, nanos: 0 }),
            store_id: if position % 10 == 0 { String::new() } else { (position % 3).to_string() },
            event: Some(Event { kind: Some(Kind::DeliveryRecorded(delivery)) }),
            ..RecordedEvent::default()
        }
    }

    fn encoded(event: &RecordedEvent) -> encoded::RecordedEvent {
        encoded::RecordedEvent::decode(event.encode_to_vec().as_slice()).unwrap()
    }

    fn events(positions: std::ops::RangeInclusive<i64>) -> Vec<encoded::RecordedEvent> {
        positions.map(|position| encoded(&event(position))).collect()
    }

    fn after(tail: &Tail, position: i64, wanted: Touching<'_>) -> Option<(i64, Vec<i64>)> {
        let after = tail.after(position, wanted)?;
        let as_it_was = |found: &RecentEvent| *found.event() == encoded(&event(found.position()));
        assert!(after.events.iter().all(|found| as_it_was(found)), "as they were");
        Some((after.position, after.events.iter().map(|event| event.position()).collect()))
    }

    #[test]
    fn only_what_follows_without_a_gap_is_taken() {
        let mut tail = Tail::default();
        tail.begin(7, Vec::new());
        assert!(tail.push(events(8..=9)));
        assert!(!tail.push(events(11..=12)), "event 10 is missing");
        assert!(!tail.push(events(9..=9)), "event 9 is there");
        let broken = encoded::RecordedEvent { event: vec![0xff].into(), ..encoded(&event(10)) };
        assert!(!tail.push(vec![broken]), "nobody could say whom it concerns");
        assert_eq!(tail.end(), 9);
    }

    #[test]
    fn what_came_after_a_position_is_answered_only_if_all_of_it_is_here() {
        let mut tail = Tail::default();
        tail.begin(7, Vec::new());
        let store = Touching::Store("2");
        assert_eq!(after(&tail, 7, store), Some((7, vec![])));
        assert!(tail.push(events(8..=12)));
        assert_eq!(after(&tail, 7, store), Some((12, vec![8, 10, 11])), "10 is of no store, so it might be of any");
        assert_eq!(after(&tail, 7, Touching::Supplier("1")), Some((12, vec![9, 11])));
        assert_eq!(after(&tail, 7, Touching::Supplier("3")), Some((12, vec![])));
        assert_eq!(after(&tail, 10, store), Some((12, vec![11])));
        assert_eq!(after(&tail, 12, store), Some((12, vec![])));
        assert_eq!((tail.recorded_after(8), tail.recorded_after(12)), (event(9).recorded_at, None));
        assert_eq!(after(&tail, 13, store), None, "the documents are further");
        assert_eq!(after(&tail, 6, store), None, "event 7 is not here");
        tail.forget(9);
        assert_eq!(after(&tail, 8, store), None);
        assert_eq!(after(&tail, 9, store), Some((12, vec![10, 11])));
        tail.forget(99);
        assert_eq!((tail.end(), tail.is_empty(), tail.bytes), (12, true, 0));
        let recorded_at = tail.after(12, store).and_then(|after| after.recorded_at);
        assert_eq!(recorded_at, event(12).recorded_at, "of an event that is not here any more");
    }

    #[test]
    fn memory_is_bounded() {
        let mut tail = Tail::default();
        let most = i64::try_from(MAX_EVENTS).unwrap();
        assert!(tail.push(events(1..=most + 5)));
        assert_eq!((tail.events.len(), tail.base, tail.end()), (MAX_EVENTS, 5, most + 5));
        let large = RecordedEvent { business_date: "x".repeat(MAX_BYTES), ..event(most + 6) };
        assert!(tail.push(vec![encoded(&large)]));
        assert_eq!((tail.events.len(), tail.base, tail.bytes), (0, most + 6, 0));
    }
}
