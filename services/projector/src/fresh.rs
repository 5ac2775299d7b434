//! One document, folded afresh from the log: what it should be.

use std::collections::BTreeSet;

use daybook::event::v1::EventFilter;
use daybook_read_model::{
    checkpoint::Generation,
    document::{SEPARATOR, Stored},
    folded::Folded,
    registry::{Of, Report},
    spill::{PAGES, Section},
};
use tokio::time::Instant;
use tonic::Status;

use crate::log::Log;

/// Most events that are folded for one document: a very busy day of a large store has some 20,000. A document with a longer
/// history (the stock of an old store) is left alone.
const MAX_EVENTS: usize = 200_000;

/// Most positions of the log that are looked at for one document. With a filter the command service answers 50,000 of them
/// in some ten milliseconds.
const MAX_POSITIONS: i64 = 5_000_000;

/// The document with its pages, as of a position.
#[derive(Debug)]
pub(crate) enum Fresh<R: Report> {
    /// With the positions of events that could not be folded.
    Folded(Box<Folded<R>>, BTreeSet<i64>),
    /// Its history is too long.
    TooLong,
}

/// Folds a document from the first event up to a position, or to the end of the log. After each page of the log there is a
/// pause of so many times as long as it took: an audit must not be felt by others.
pub(crate) async fn fold<R: Report>(
    log: &Log,
    generation: &Generation,
    id: &str,
    until: i64,
    pause_factor: u32,
) -> Result<Fresh<R>, Status> {
    let filter = filter_of::<R>(id);
    let mut folded = Folded::default();
    let mut failed = BTreeSet::new();
    let (mut position, mut events) = (0, 0);
    if until > MAX_POSITIONS && until <= log.head().await? {
        return Ok(Fresh::TooLong);
    }
    while position < until {
        let begun = Instant::now();
        let page = log.read_filtered(position, until, &filter).await?;
        events += page.events.len();
        if events > MAX_EVENTS || page.scanned > MAX_POSITIONS {
            return Ok(Fresh::TooLong);
        }
        for event in page.events.iter().filter(|event| event.position() <= until) {
            let changes = event.changes::<R>();
            if changes.and_then(|changes| folded.take(event.position(), changes, |head| head == id)).is_err() {
                // It is parked, and in no document.
                failed.insert(event.position());
            }
        }
        if page.scanned <= position {
            break;
        }
        position = page.scanned;
        if position < until && pause_factor > 0 {
            tokio::time::sleep(begun.elapsed() * pause_factor).await;
        }
    }
    folded.heads.values_mut().for_each(|head: &mut R::Head| head.stamp_mut().epoch = generation.epoch);
    folded.pages.values_mut().for_each(|page| page.stamp_mut().epoch = generation.epoch);
    Ok(Fresh::Folded(Box::new(folded), failed))
}

/// The ids of all pages that a head can have.
pub(crate) fn page_ids(head_id: &str) -> Vec<String> {
    let of = |section: Section| (0..PAGES).map(move |page| section.page_id(head_id, page));
    of(Section::Items).chain(of(Section::Stores)).collect()
}

/// Which events can touch a document at all.
fn filter_of<R: Report>(id: &str) -> EventFilter {
    let (first, second) = id.split_once(SEPARATOR).unwrap_or((id, ""));
    let mut filter = EventFilter::default();
    match R::OF {
        Of::StoreAndDate => {
            filter.business_dates.push(first.to_owned());
            filter.store_ids.push(second.to_owned());
        }
        Of::SupplierAndDate => filter.business_dates.push(first.to_owned()),
        Of::Store => filter.store_ids.push(first.to_owned()),
    }
    filter
}
