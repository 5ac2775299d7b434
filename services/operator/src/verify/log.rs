//! Reading the log in order, as far as is wanted.

use std::time::Duration;

use daybook::{
    client::CommandClient,
    event::v1::{EventFilter, ReadEventsRequest, RecordedEvent},
};

use crate::{
    calls,
    error::{Error, Service},
};

/// Events of one page: few calls, and a page ends at 3 MiB anyway.
const PAGE_EVENTS: i32 = 2_000;

/// The log and how far it was read.
#[derive(Debug)]
pub(super) struct Log<'a> {
    client: &'a CommandClient,
    filter: EventFilter,
    patience: Duration,
    /// All events up to here were read.
    pub(super) position: i64,
}

impl<'a> Log<'a> {
    pub(super) fn new(client: &'a CommandClient, filter: EventFilter, patience: Duration) -> Self {
        Self { client, filter, patience, position: 0 }
    }

    /// The next events up to a position; `None` if that is reached, or the log ends before.
    pub(super) async fn next(&mut self, until: i64) -> Result<Option<Vec<RecordedEvent>>, Error> {
        if self.position >= until {
            return Ok(None);
        }
        let message = ReadEventsRequest {
            after_position: self.position,
            until_position: until,
            page_size: PAGE_EVENTS,
            filter: Some(self.filter.clone()),
            ..Default::default()
        };
        let page = calls::ask_patiently(Service::Command, self.patience, message, |request| {
            let mut log = self.client.log.clone();
            async move { log.read_events(request).await }
        })
        .await?;
        if page.scanned_position <= self.position {
            return Ok(None);
        }
        self.position = page.scanned_position;
        Ok(Some(page.events))
    }
}
