//! The end of the log in memory. What this process has just committed is what its relay and its followers want next: they
//! get it from here, and Postgres is asked only for what is older or what another process appended.
//!
//! Only events whose commit was seen to end are here, in the order of the log and without a gap.

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError, RwLock},
};

use daybook::event::v1::EventFilter;
use jiff::Timestamp;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    lineage::{Bookmark, Lineage},
    store::{
        Store, StoreError,
        append::Columns,
        events::{Head, Look, PAGE_BYTES, Page, StoredEvent},
    },
};

/// Events that are kept: some seconds of a busy chain.
const RECENT_EVENTS: usize = 20_000;

/// Bytes of events that are kept.
const RECENT_BYTES: usize = 16 * 1024 * 1024;

/// The log as its readers in this process see it.
#[derive(Clone, Debug)]
pub struct Log {
    store: Store,
    head: watch::Sender<i64>,
    recent: Arc<RwLock<Recent>>,
    lineage: Lineage,
}

#[derive(Debug, Default)]
struct Recent {
    events: VecDeque<StoredEvent>,
    bytes: usize,
}

impl Log {
    /// A log of which nothing is known yet.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let (head, _) = watch::channel(0);
        Self { store, head, recent: Arc::default(), lineage: Lineage::default() }
    }

    /// Whether it is still the log that others have read.
    #[must_use]
    pub fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// Tells whenever the log has grown, as far as this process knows: at once for what it appended itself, within a
    /// second for others.
    #[must_use]
    pub fn heads(&self) -> watch::Receiver<i64> {
        self.head.subscribe()
    }

    /// Takes note of where the log ends.
    pub fn ends_at(&self, position: i64) {
        self.head.send_if_modified(|head| {
            let grew = *head < position;
            *head = position.max(*head);
            grew
        });
    }

    /// Takes in a batch that was committed: its first event has the position after `base`.
    pub fn appended(&self, base: i64, recorded_at: Timestamp, columns: Columns) {
        let events = stored(base, recorded_at, columns);
        let head = events.last().map_or(base, |event| event.position);
        if let Some(last) = events.last() {
            self.lineage.saw(Bookmark { position: last.position, event_id: last.event_id });
        }
        self.recent.write().unwrap_or_else(PoisonError::into_inner).push(events);
        self.ends_at(head);
    }

    /// Reads a page of the log: at most `limit` events after a position and up to another (0: the end). `after_id` is the id of
    /// the event at the position, if it was read.
    ///
    /// # Errors
    /// If Postgres is asked and away, or the log does not hold that event.
    pub async fn read(
        &self,
        after: i64,
        after_id: Option<Uuid>,
        until: i64,
        limit: usize,
        filter: &EventFilter,
    ) -> Result<Page, StoreError> {
        match self.recent(after, until, limit, filter) {
            Some(page) => Ok(page),
            None => self.store.read(after, after_id, until, limit, filter).await,
        }
    }

    /// A page out of memory, if the event after the position is there. What is here follows on what this process saw in the
    /// log; once that is gone, nothing counts any more.
    #[must_use]
    pub fn recent(&self, after: i64, until: i64, limit: usize, filter: &EventFilter) -> Option<Page> {
        if self.lineage.is_gone() {
            return None;
        }
        let recent = self.recent.read().unwrap_or_else(PoisonError::into_inner);
        recent.page(after, until, limit, filter, *self.head.borrow())
    }

    /// Where the log ends, and whether it holds an event.
    ///
    /// # Errors
    /// If Postgres is away.
    pub async fn look(&self, bookmark: Bookmark) -> Result<Look, StoreError> {
        self.store.look(bookmark).await
    }

    /// Where the log ends, as Postgres says.
    ///
    /// # Errors
    /// If Postgres is away.
    pub async fn head(&self) -> Result<Head, StoreError> {
        self.store.head().await
    }
}

impl Recent {
    fn push(&mut self, events: Vec<StoredEvent>) {
        let follows = self.events.back().map(|last| last.position + 1) == events.first().map(|first| first.position);
        if !follows {
            // Another process appended in between, or an answer was lost.
            self.events.clear();
            self.bytes = 0;
        }
        self.bytes += events.iter().map(StoredEvent::bytes).sum::<usize>();
        self.events.extend(events);
        while self.events.len() > RECENT_EVENTS || self.bytes > RECENT_BYTES {
            let Some(oldest) = self.events.pop_front() else { return };
            self.bytes -= oldest.bytes();
        }
    }

    fn page(&self, after: i64, until: i64, limit: usize, filter: &EventFilter, head: i64) -> Option<Page> {
        let first = self.events.front()?.position;
        let start = usize::try_from(after.checked_add(1)?.checked_sub(first)?).ok()?;
        if start >= self.events.len() {
            return None;
        }
        // Events come here a moment before the end of the log is told, and that may be far behind where another process appends,
        // too: a page must not say that the log ends before what it shows.
        let head = head.max(self.events.back()?.position);
        let mut page = Page { events: Vec::new(), scanned: after, head };
        let mut bytes = 0;
        for event in self.events.range(start..) {
            if page.events.len() >= limit || (until > 0 && event.position > until) {
                break;
            }
            if matches(filter, event) {
                bytes += event.bytes();
                if bytes > PAGE_BYTES && !page.events.is_empty() {
                    break;
                }
                page.events.push(event.clone());
            }
            page.scanned = event.position;
        }
        Some(page)
    }
}

fn matches(filter: &EventFilter, event: &StoredEvent) -> bool {
    let type_matches = filter.event_types.is_empty() || filter.event_types.contains(&event.event_type);
    let of_store = || event.store_id.as_ref().is_some_and(|store| filter.store_ids.contains(store));
    let on_date = || {
        let date = event.business_date.map(|date| date.to_string());
        date.is_some_and(|date| filter.business_dates.contains(&date))
    };
    type_matches && (filter.store_ids.is_empty() || of_store()) && (filter.business_dates.is_empty() || on_date())
}

fn stored(base: i64, recorded_at: Timestamp, columns: Columns) -> Vec<StoredEvent> {
    let mut stores = columns.store_ids.into_iter();
    let mut payloads = columns.payloads.into_iter();
    let mut metadata = columns.metadata.into_iter();
    let rest = columns.stream_ids.iter().zip(&columns.stream_versions).zip(&columns.event_types);
    let rest = rest.zip(&columns.schema_versions).zip(&columns.business_dates).zip(&columns.occurred_at);
    let mut events = Vec::with_capacity(columns.event_ids.len());
    for (position, (event_id, rest)) in (base + 1..).zip(columns.event_ids.iter().zip(rest)) {
        let (((((stream_id, stream_version), event_type), schema_version), business_date), occurred_at) = rest;
        events.push(StoredEvent {
            position,
            event_id: *event_id,
            stream_id: *stream_id,
            stream_version: *stream_version,
            event_type: (*event_type).to_owned(),
            schema_version: *schema_version,
            store_id: stores.next().flatten(),
            business_date: *business_date,
            occurred_at: *occurred_at,
            recorded_at,
            payload: payloads.next().unwrap_or_default().into(),
            metadata: metadata.next().unwrap_or_default().into(),
        });
    }
    events
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn events(positions: std::ops::RangeInclusive<i64>) -> Vec<StoredEvent> {
        let one = |position| StoredEvent {
            position,
            event_id: Uuid::nil(),
            stream_id: Uuid::nil(),
            stream_version: 1,
            event_type: if position % 2 == 0 { "sale_recorded" } else { "sale_voided" }.to_owned(),
            schema_version: 1,
            store_id: Some((position % 3).to_string()),
            business_date: Some(jiff::civil::date(2017, 1, i8::try_from(position % 9 + 1).unwrap())),
            occurred_at: Timestamp::UNIX_EPOCH,
            recorded_at: Timestamp::UNIX_EPOCH,
            payload: vec![0; 100].into(),
            metadata: vec![0; 10].into(),
        };
        positions.map(one).collect()
    }

    fn read(recent: &Recent, after: i64, until: i64, limit: usize, filter: &EventFilter) -> Option<(Vec<i64>, i64)> {
        let page = recent.page(after, until, limit, filter, 99)?;
        Some((page.events.iter().map(|event| event.position).collect(), page.scanned))
    }

    #[test]
    fn what_is_here_is_read_from_here_and_nothing_else() {
        let mut recent = Recent::default();
        let all = EventFilter::default();
        assert_eq!(read(&recent, 0, 0, 10, &all), None);
        recent.push(events(11..=13));
        recent.push(events(14..=15));
        assert_eq!(read(&recent, 9, 0, 10, &all), None, "event 10 is not here");
        assert_eq!(read(&recent, 10, 0, 10, &all), Some((vec![11, 12, 13, 14, 15], 15)));
        assert_eq!(read(&recent, 12, 0, 2, &all), Some((vec![13, 14], 14)));
        assert_eq!(read(&recent, 10, 12, 9, &all), Some((vec![11, 12], 12)));
        assert_eq!(read(&recent, 15, 0, 10, &all), None, "the log may have gone on elsewhere");
        assert_eq!(read(&recent, i64::MAX, 0, 10, &all), None);
    }

    #[test]
    fn a_page_never_says_that_the_log_ends_before_what_is_here() {
        let mut recent = Recent::default();
        recent.push(events(101..=110));
        let head = |after, known| recent.page(after, 0, 5, &EventFilter::default(), known).map(|page| page.head);
        assert_eq!((head(100, 50), head(105, 108), head(100, 120)), (Some(110), Some(110), Some(120)));
    }

    #[test]
    fn a_filter_leaves_out_but_looks_on() {
        let mut recent = Recent::default();
        recent.push(events(1..=9));
        let sales = EventFilter { event_types: vec!["sale_recorded".into()], ..EventFilter::default() };
        assert_eq!(read(&recent, 0, 0, 3, &sales), Some((vec![2, 4, 6], 6)));
        let of_store = EventFilter { store_ids: vec!["0".into()], ..sales };
        assert_eq!(read(&recent, 0, 0, 9, &of_store), Some((vec![6], 9)));
        let on_date = EventFilter { business_dates: vec!["2017-01-06".into()], ..EventFilter::default() };
        assert_eq!(read(&recent, 0, 0, 9, &on_date), Some((vec![5], 9)));
    }

    #[test]
    fn a_gap_begins_anew() {
        let mut recent = Recent::default();
        recent.push(events(1..=3));
        recent.push(events(5..=6));
        let all = EventFilter::default();
        assert_eq!(read(&recent, 0, 0, 10, &all), None);
        assert_eq!(read(&recent, 4, 0, 10, &all), Some((vec![5, 6], 6)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut recent = Recent::default();
        let last = i64::try_from(RECENT_EVENTS).unwrap() + 5;
        recent.push(events(1..=last));
        assert_eq!(recent.events.len(), RECENT_EVENTS);
        let mut large = events(last + 1..=last + 1);
        large[0].payload = vec![0; RECENT_BYTES / 2].into();
        recent.push(large);
        assert!(recent.bytes <= RECENT_BYTES, "{}", recent.bytes);
        assert_eq!(recent.bytes, recent.events.iter().map(StoredEvent::bytes).sum::<usize>());
        assert_eq!(recent.events.back().map(|event| event.position), Some(last + 1));
    }
}
