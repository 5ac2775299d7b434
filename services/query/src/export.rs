//! Reports of a range of dates as a stream, each with its entries if they are wanted.
//!
//! Each read asks anew how far the reports have come, so a long stream says of each part as of when it is true. It stays in
//! the generation that was served when it began: what comes later is only in the one that is served then.

use std::time::Duration;

use daybook::query::v1::AsOf;
use daybook_read_model::{document::Stored as _, entries::Entries, registry, spill::Page};
use mongodb::bson::Document;
use tokio::time::Instant;

use crate::{
    call::{Call, Frame},
    days::{Days, Shelf},
    live::Look,
    report::{
        HeadOf, Listed, ListedEntry, Report, count, section_prefix, view_entry, view_head, with_entries,
        without_entries,
    },
    stream::{Closed, Outbox},
};

/// Heads without entries that are read at once: some hundred kilobytes.
const HEADS_PER_READ: u32 = 64;

/// Heads with their entries that are read at once: each has some 100 to 200 kB.
const FULL_HEADS_PER_READ: u32 = 4;

/// Most entries in a message, as the contract says.
const ENTRIES_PER_MESSAGE: usize = 1_000;

/// A message of entries ends at so many bytes, whatever their number: callers take 4 MiB unless told otherwise.
const MESSAGE_BYTES: usize = 2 * 1024 * 1024;

/// How long one step of a stream may take; the stream as a whole may take as long as its caller likes.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);

/// Which reports to stream.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) days: Days,
    pub(crate) with_entries: bool,
    pub(crate) at_least: i64,
}

/// A part of the stream.
#[derive(Debug)]
pub(crate) enum Part<V, E> {
    Report(V),
    /// Entries of the report before.
    Entries(Vec<E>),
}

/// How the parts of a report become the messages of its stream.
pub(crate) type Wrap<L, M> = fn(Part<<<L as Listed>::Report as Report>::View, <L as Listed>::View>, AsOf) -> M;

/// Sends reports in order.
#[derive(Debug)]
pub(crate) struct Export<L: Listed, M> {
    pub(crate) frame: Frame,
    pub(crate) outbox: Outbox<M>,
    pub(crate) wrap: Wrap<L, M>,
}

impl<L: Listed, M> Export<L, M> {
    /// Sends all reports that are wanted.
    ///
    /// # Errors
    /// If the position is not reached by the call's deadline, MongoDB does not answer, or nobody reads.
    pub(crate) async fn run(&self, call: &Call, wanted: Wanted) -> Result<(), Closed> {
        let Wanted { mut days, with_entries: full, at_least } = wanted;
        let (fields, limit) = if full {
            (with_entries::<L>(), FULL_HEADS_PER_READ)
        } else {
            (without_entries::<L::Report>(), HEADS_PER_READ)
        };
        let reports = <L::Report as registry::Report>::HEADS;
        let mut look = self.frame.look(reports, at_least, call.deadline).await?;
        while !days.is_done() {
            let until = Instant::now() + STEP_TIMEOUT;
            let shelf = Shelf { live: &look.live, collection: reports, fields: &fields, until };
            let found = days.step(shelf, limit).await?;
            for head in found.decode::<HeadOf<L>>() {
                if full {
                    self.send_full(&look, head?, &fields).await?;
                } else {
                    let until = Instant::now() + STEP_TIMEOUT;
                    let view = look.live.view::<L::Report>(&head?, until).await?;
                    self.send(Part::Report(view), &look).await?;
                }
            }
            look = self.frame.look_again(look, reports, Instant::now() + STEP_TIMEOUT).await?;
        }
        Ok(())
    }

    async fn send_full(&self, look: &Look, head: HeadOf<L>, fields: &Document) -> Result<(), Closed> {
        if !L::has_pages(&head) && L::Report::counted(&head).is_none() {
            let mut view = view_head::<L::Report>(&head)?;
            look.live.mark::<L::Report>(&head.stamp().id, &mut view);
            self.send(Part::Report(view), look).await?;
            let mut batch = Batch::new();
            self.add(&mut batch, look, &head.stamp().id, L::inline(&head)).await?;
            return self.flush(&mut batch, look).await;
        }
        let id = head.stamp().id.clone();
        let settled = self.frame.settle::<L::Report>(&look.live, head, fields).await?;
        let mut view = view_head::<L::Report>(&settled.head)?;
        let (listed, others) = settled.pages.split_by_id(&section_prefix(&id, L::SECTION));
        count::<L::Report>(&mut view, others)?;
        look.live.mark::<L::Report>(&id, &mut view);
        self.send(Part::Report(view), look).await?;
        let mut batch = Batch::new();
        self.add(&mut batch, look, &id, L::inline(&settled.head)).await?;
        for page in listed.decode::<Page<ListedEntry<L>>>() {
            let page = page?;
            self.add(&mut batch, look, &page.stamp.id, &page.entries).await?;
        }
        self.flush(&mut batch, look).await
    }

    async fn add(
        &self,
        batch: &mut Batch<L::View>,
        look: &Look,
        document: &str,
        entries: &Entries<ListedEntry<L>>,
    ) -> Result<(), Closed> {
        for (id, entry) in entries.sorted() {
            batch.push(view_entry::<L>(document, id, entry)?);
            if batch.is_full() {
                self.flush(batch, look).await?;
            }
        }
        Ok(())
    }

    async fn flush(&self, batch: &mut Batch<L::View>, look: &Look) -> Result<(), Closed> {
        let entries = batch.empty();
        if entries.is_empty() { Ok(()) } else { self.send(Part::Entries(entries), look).await }
    }

    async fn send(&self, part: Part<<L::Report as Report>::View, L::View>, look: &Look) -> Result<(), Closed> {
        self.outbox.send((self.wrap)(part, look.as_of)).await
    }
}

/// Sends reports that have no entries, in order.
#[derive(Debug)]
pub(crate) struct ExportHeads<R: Report, M> {
    pub(crate) frame: Frame,
    pub(crate) outbox: Outbox<M>,
    pub(crate) wrap: fn(R::View, AsOf) -> M,
}

impl<R: Report, M> ExportHeads<R, M> {
    /// Sends all reports that are wanted.
    ///
    /// # Errors
    /// As [`Export::run`].
    pub(crate) async fn run(&self, call: &Call, wanted: Wanted) -> Result<(), Closed> {
        let Wanted { mut days, at_least, .. } = wanted;
        let fields = without_entries::<R>();
        let mut look = self.frame.look(R::HEADS, at_least, call.deadline).await?;
        while !days.is_done() {
            let until = Instant::now() + STEP_TIMEOUT;
            let shelf = Shelf { live: &look.live, collection: R::HEADS, fields: &fields, until };
            for head in days.step(shelf, HEADS_PER_READ).await?.decode::<R::Head>() {
                let view = look.live.view::<R>(&head?, Instant::now() + STEP_TIMEOUT).await?;
                self.outbox.send((self.wrap)(view, look.as_of)).await?;
            }
            look = self.frame.look_again(look, R::HEADS, Instant::now() + STEP_TIMEOUT).await?;
        }
        Ok(())
    }
}

/// Entries for one message.
#[derive(Debug)]
struct Batch<V> {
    entries: Vec<V>,
    bytes: usize,
}

impl<V: prost::Message> Batch<V> {
    fn new() -> Self {
        Self { entries: Vec::new(), bytes: 0 }
    }

    fn push(&mut self, entry: V) {
        self.bytes += entry.encoded_len();
        self.entries.push(entry);
    }

    fn is_full(&self) -> bool {
        self.entries.len() >= ENTRIES_PER_MESSAGE || self.bytes >= MESSAGE_BYTES
    }

    fn empty(&mut self) -> Vec<V> {
        self.bytes = 0;
        std::mem::take(&mut self.entries)
    }
}

#[cfg(test)]
mod tests {
    use daybook::query::v1::StoreDayItem;

    use super::*;

    #[test]
    fn messages_are_bounded_in_entries_and_in_bytes() {
        let mut batch = Batch::new();
        for _ in 0..ENTRIES_PER_MESSAGE {
            assert!(!batch.is_full());
            batch.push(StoreDayItem::default());
        }
        assert!(batch.is_full());
        assert_eq!(batch.empty().len(), ENTRIES_PER_MESSAGE);
        assert!(!batch.is_full() && batch.empty().is_empty());
        batch.push(StoreDayItem { category: "x".repeat(MESSAGE_BYTES), ..StoreDayItem::default() });
        assert!(batch.is_full());
    }
}
