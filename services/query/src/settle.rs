//! A report with pages, as of one position.
//!
//! Pages are written with their head and before it, so that a head never says more than its pages hold; but whoever reads them
//! while they are written sees pages with an event that the head lacks. How a whole picture is still found, without a lock and
//! without a transaction:
//!
//! 1. Read the head; it is as of its own position `h`, because each event that changes a page changes the head as well. When it
//!    was written each page held all of its events up to `h`.
//! 2. Read the pages. If no page's position is beyond `h`, none holds an event after `h` either: head and pages are all
//!    exactly as of `h`.
//! 3. Otherwise they are being written just now, or were meanwhile. Begin again.
//!
//! A report is written about every 0.75 s, which takes a part of that, so that this ends soon; a report for which it does not end
//! in time is refused, not answered wrongly.

use std::time::Duration;

use daybook_read_model::document::Stored as _;
use mongodb::bson::Document;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep},
};

use crate::{
    call::Frame,
    live::Live,
    report::{REPORT_PAGES, Report, beginning_with, pages_prefix},
    status::QueryError,
    store::{Documents, Select, StoreError},
};

/// How long to look for a whole picture: a report is written some times meanwhile.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Wait before beginning again; the report is being written just now.
const RETRY_WAIT: Duration = Duration::from_millis(10);

/// A report with all of its pages, as of the head's position.
#[derive(Debug)]
pub(crate) struct Settled<H> {
    pub(crate) head: H,
    pub(crate) pages: Documents,
    /// Room in memory for as long as the pages are held.
    _room: OwnedSemaphorePermit,
}

impl Frame {
    /// Reads the pages of a head, and the head again if it has changed meanwhile, until they fit together.
    ///
    /// # Errors
    /// If they do not in time, or MongoDB does not answer.
    pub(crate) async fn settle<R: Report>(
        &self,
        live: &Live,
        mut head: R::Head,
        fields: &Document,
    ) -> Result<Settled<R::Head>, QueryError> {
        let until = Instant::now() + SETTLE_TIMEOUT;
        let room = self.large_report_place(until).await?;
        let id = head.stamp().id.clone();
        let prefix = pages_prefix(&id);
        while Instant::now() < until {
            let pages = live.pages::<R>(Select::first(REPORT_PAGES, beginning_with(&prefix)), until).await?;
            if newest(&pages)? <= head.stamp().position {
                return Ok(Settled { head, pages, _room: room });
            }
            drop(pages);
            sleep(RETRY_WAIT).await;
            head = live.head::<R>(&id, fields.clone(), until).await?.ok_or(QueryError::Unsettled)?;
        }
        Err(QueryError::Unsettled)
    }
}

/// The highest position of any of the pages.
fn newest(pages: &Documents) -> Result<i64, StoreError> {
    let mut newest = 0;
    for (id, page) in pages.iter() {
        let position = page
            .get_i64("position")
            .map_err(|error| StoreError::Broken { what: id.to_owned(), cause: error.to_string() })?;
        newest = newest.max(position);
    }
    Ok(newest)
}
