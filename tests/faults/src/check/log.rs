//! The whole log, and what must be true of it by itself.

use std::collections::HashMap;

use daybook::{
    client::CommandClient,
    event::v1::{ItemRegistered, ReadEventsRequest, RecordedEvent, event::Kind},
};

use super::Findings;
use crate::Outcome;

/// Events of one page.
const PAGE_EVENTS: i32 = 2_000;

/// All events in order, and where what is asked for stands in them.
#[derive(Debug)]
pub struct Log {
    pub events: Vec<RecordedEvent>,
    /// Places of a command's events, by its request id.
    by_request: HashMap<String, Vec<usize>>,
    /// Items with the position of their registration.
    items: HashMap<String, (i64, ItemRegistered)>,
}

impl Log {
    /// Reads the log from its first event to its end.
    ///
    /// # Errors
    /// If the service does not answer.
    pub async fn read(client: &CommandClient) -> Outcome<Self> {
        let mut client = client.log.clone();
        let (mut events, mut after_position) = (Vec::new(), 0);
        loop {
            let request = ReadEventsRequest { after_position, page_size: PAGE_EVENTS, ..Default::default() };
            let page = client.read_events(request).await?.into_inner();
            events.extend(page.events);
            after_position = page.scanned_position;
            if after_position >= page.head_position {
                return Ok(Self::of(events));
            }
        }
    }

    fn of(events: Vec<RecordedEvent>) -> Self {
        let mut by_request: HashMap<String, Vec<usize>> = HashMap::new();
        let mut items = HashMap::new();
        for (place, event) in events.iter().enumerate() {
            let request_id = event.metadata.as_ref().map(|metadata| metadata.request_id.clone());
            by_request.entry(request_id.unwrap_or_default()).or_default().push(place);
            if let Ok(Kind::ItemRegistered(item)) = event.kind().as_deref() {
                items.insert(item.item_id.clone(), (event.position, item.clone()));
            }
        }
        Self { events, by_request, items }
    }

    /// The events of a command.
    #[must_use]
    pub fn of_request(&self, request_id: &str) -> Vec<&RecordedEvent> {
        let places = self.by_request.get(request_id).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|place| self.events.get(*place)).collect()
    }

    /// The request ids of all events.
    pub fn requests(&self) -> impl Iterator<Item = &str> {
        self.by_request.keys().map(String::as_str)
    }

    /// An item as it was registered before a position.
    #[must_use]
    pub fn item_before(&self, item_id: &str, position: i64) -> Option<&ItemRegistered> {
        self.items.get(item_id).filter(|(at, _)| *at < position).map(|(_, item)| item)
    }

    /// Position of the last event.
    #[must_use]
    pub fn head(&self) -> i64 {
        self.events.last().map_or(0, |event| event.position)
    }

    /// Checks that positions, and versions within each stream, run on from 1 without a gap, that time never goes back, and
    /// that no receipt was recorded twice.
    pub fn check(&self, findings: &mut Findings) {
        findings.events = self.events.len();
        let mut versions: HashMap<&[u8], i32> = HashMap::new();
        let mut receipts: HashMap<(String, String, String), i64> = HashMap::new();
        let mut recorded_at = (0, 0);
        for (position, event) in (1..).zip(&self.events) {
            if event.position != position {
                findings.note(format!("position {} stands at place {position}", event.position));
            }
            let version = versions.entry(&event.stream_id).or_default();
            *version += 1;
            if event.stream_version != *version {
                findings.note(format!("version {} at position {position}, not {version}", event.stream_version));
            }
            let at = event.recorded_at.map(|at| (at.seconds, at.nanos)).unwrap_or_default();
            if at < recorded_at {
                findings.note(format!("time goes back at position {position}"));
            }
            recorded_at = at;
            match event.kind().as_deref() {
                Err(error) => findings.note(format!("position {position}: {error}")),
                Ok(Kind::SaleRecorded(sale)) => {
                    let Some(it) = &sale.receipt else { continue };
                    // Registers never use a number twice, not on another day either.
                    let key = (it.store_id.clone(), it.register_id.clone(), it.receipt_number.clone());
                    if let Some(first) = receipts.insert(key, position) {
                        findings.doubled += 1;
                        findings.note(format!("receipt {it:?} stands at {first} and at {position}"));
                    }
                }
                Ok(_) => {}
            }
        }
    }
}
