//! One page of entries (items, stores, stock) that stand in a row of documents, each document in order of its entries' ids.

mod beyond;
mod gathered;

use std::time::Duration;

use daybook_read_model::{document::Key, error::FoldError, registry, spill::Page};
use tokio::time::Instant;

use self::beyond::Beyond;
pub(crate) use self::gathered::Gathered;
use crate::{
    call::Frame,
    fresh::{Fresh, up_to_date},
    list::Listed as Answer,
    live::Look,
    page::{Cursor, Listing},
    report::{
        HeadOf, Listed, ListedEntry, Report, beginning_after, beginning_from, not_found, section_prefix, view_entry,
        with_entries,
    },
    status::QueryError,
    store::{Select, StoreError},
    validate::PageSize,
};

/// How many entries a page has.
pub(crate) const PAGE_SIZE: PageSize = PageSize { default: 100, max: 1_000 };

/// Documents that are read at once, at most. The first read asks for one, each further one for twice as many: one document
/// may hold a thousand entries, or one.
pub(crate) const DOCUMENTS_PER_READ: u32 = 16;

/// Events that are folded in for one page, at most: some 10 ms. Of more it is cheaper to wait until they are stored.
const FOLDED_EVENTS: usize = 1_000;

/// How long the first page waits for documents to hold what the log says, if those are more: longer than it takes while the
/// projector keeps up.
const STORED_SOON: Duration = Duration::from_secs(2);

/// Which entries of which report to list.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) key: Key,
    pub(crate) page_size: u32,
    pub(crate) cursor: Option<Cursor>,
    pub(crate) at_least: i64,
    /// Makes the token of the next page.
    pub(crate) listing: Listing,
}

impl Frame {
    /// Reads one page of the entries of a report.
    ///
    /// Each answer by itself holds everything up to its position, because each document does. A report that changes
    /// between two pages of a list shows on the second page what is new there; only a stream shows a whole report as of
    /// one position.
    ///
    /// # Errors
    /// If there is no such report, the position is not reached, or MongoDB does not answer in time.
    pub(crate) async fn list_entries<L: Listed>(
        &self,
        wanted: Wanted,
        until: Instant,
    ) -> Result<Answer<L::View>, QueryError> {
        let Wanted { key, page_size, cursor, at_least, listing } = wanted;
        // What the page before showed, this one holds as well.
        let at_least = at_least.max(cursor.as_ref().map_or(0, |cursor| cursor.position));
        let is_first = cursor.is_none();
        let head_id = key.id();
        let pages = section_prefix(&head_id, L::SECTION);
        let in_pages = cursor.as_ref().is_some_and(|cursor| cursor.document.starts_with(&pages));
        if cursor.as_ref().is_some_and(|cursor| !in_pages && cursor.document != head_id) {
            return Err(QueryError::PageToken);
        }
        let _room = self.list_place(until).await?;
        let mut gathered = Gathered::after(cursor, page_size);
        let begin = match (is_first, in_pages) {
            (true, _) => Begin::First,
            (false, false) => Begin::InHead,
            (false, true) => Begin::OnPages,
        };
        let Sources { look, head, mut beyond } = self.sources::<L>(&key, at_least, begin, until).await?;
        if !in_pages {
            let head = head.ok_or_else(|| not_found::<L::Report>(&key, &look.as_of))?;
            gathered.take(&head_id, L::inline(&head), |id, entry| view_entry::<L>(&head_id, id, entry))?;
            if gathered.is_whole() || !L::has_pages(&head) {
                return Ok(gathered.answer(&listing, look.as_of));
            }
        }
        let from = if in_pages { gathered.document() } else { &pages };
        beyond.begin_from(from);
        let mut filter = beginning_from(&pages, from);
        let mut documents = 1;
        let take = |gathered: &mut Gathered<L::View>, page: &Page<ListedEntry<L>>| {
            let id = &page.stamp.id;
            gathered.take(id, &page.entries, |entry_id, entry| view_entry::<L>(id, entry_id, entry))
        };
        let unfit = |error: FoldError| StoreError::Broken { what: head_id.to_string(), cause: error.to_string() };
        loop {
            let found = look.live.pages::<L::Report>(Select::first(documents, filter), until).await?;
            let all_read = found.len() < usize::try_from(documents).unwrap_or(usize::MAX);
            for page in found.decode::<Page<ListedEntry<L>>>() {
                let mut page = page?;
                while !gathered.is_whole()
                    && let Some(new) = beyond.next_before(Some(&page.stamp.id), &head_id).map_err(unfit)?
                {
                    take(&mut gathered, &new)?;
                }
                if gathered.is_whole() {
                    break;
                }
                beyond.complete(&mut page).map_err(unfit)?;
                take(&mut gathered, &page)?;
            }
            while all_read
                && !gathered.is_whole()
                && let Some(new) = beyond.next_before(None, &head_id).map_err(unfit)?
            {
                take(&mut gathered, &new)?;
            }
            if all_read || gathered.is_whole() {
                return Ok(gathered.answer(&listing, look.as_of));
            }
            filter = beginning_after(&pages, gathered.document());
            documents = (documents * 2).min(DOCUMENTS_PER_READ);
        }
    }

    /// What a page is read from: as new as the log, or, if more happened since the documents were written than is folded in for
    /// one page, as new as those; for the first page then once they hold what the log says now.
    async fn sources<L: Listed>(
        &self,
        key: &Key,
        at_least: i64,
        begin: Begin,
        until: Instant,
    ) -> Result<Sources<L>, QueryError> {
        let (reports, id) = (<L::Report as registry::Report>::HEADS, key.id());
        let Fresh { look, events } = self.look_fresh(reports, at_least, until, L::Report::touching(key)).await?;
        let Some(last) = events.last().map(|event| event.position()) else {
            let head = match begin {
                Begin::OnPages => None,
                Begin::First | Begin::InHead => self.stored_head::<L>(&look, &id, until).await?,
            };
            return Ok(Sources { look, head, beyond: Beyond::default() });
        };
        if events.len() <= FOLDED_EVENTS {
            let (stored, mut beyond) = (self.stored_head::<L>(&look, &id, until).await?, Beyond::default());
            if let Ok(head) = up_to_date::<L::Report>(stored, key, &events, |at, part| beyond.add(at, part)) {
                beyond.keep_section(&section_prefix(&id, L::SECTION));
                return Ok(Sources { look, head, beyond });
            }
        }
        let newest = if begin == Begin::First { last.max(at_least) } else { at_least };
        let look = match self.look(reports, newest, until.min(Instant::now() + STORED_SOON)).await {
            Err(QueryError::PositionNotReached { .. }) => self.look(reports, at_least, until).await?,
            look => look?,
        };
        let head = self.stored_head::<L>(&look, &id, until).await?;
        Ok(Sources { look, head, beyond: Beyond::default() })
    }

    /// The head with the entries that are listed, as it is stored.
    async fn stored_head<L: Listed>(
        &self,
        look: &Look,
        id: &str,
        until: Instant,
    ) -> Result<Option<HeadOf<L>>, QueryError> {
        let head = look.live.head::<L::Report>(id, with_entries::<L>(), until).await?;
        if head.is_none() {
            self.confirm(<L::Report as registry::Report>::HEADS, look, until).await?;
        }
        Ok(head)
    }
}

/// Where a page of a list begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begin {
    First,
    InHead,
    OnPages,
}

/// What a page of a list is read from.
struct Sources<L: Listed> {
    look: Look,
    /// None if there is no such report, or if nothing of it is needed.
    head: Option<HeadOf<L>>,
    /// What is not on the pages yet.
    beyond: Beyond<ListedEntry<L>>,
}
