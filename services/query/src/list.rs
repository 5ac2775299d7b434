//! One page of a list of reports.

use daybook::query::v1::AsOf;
use daybook_read_model::document::Stored as _;
use prost::Message as _;
use tokio::time::Instant;

use crate::{
    call::Frame,
    days::{Days, Shelf},
    page::{Cursor, Listing},
    report::{Report, without_entries},
    status::QueryError,
    validate::PageSize,
};

/// How many reports a page has.
pub(crate) const PAGE_SIZE: PageSize = PageSize { default: 50, max: 500 };

/// A page ends when its reports have so many bytes, whatever its size: callers take 4 MiB unless told otherwise.
pub(crate) const ANSWER_BYTES: usize = 3 * 1024 * 1024;

/// Heads that are read at once: some hundred kilobytes.
const HEADS_PER_READ: u32 = 64;

/// Reads for one page. A walk over dates and stores with few reports may need many; the page then ends early, perhaps
/// without a report, and the next one goes on.
const READS_PER_PAGE: u32 = 64;

/// Which reports to list.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) days: Days,
    pub(crate) page_size: u32,
    pub(crate) at_least: i64,
    /// Makes the token of the next page.
    pub(crate) listing: Listing,
}

/// What stands on a page.
#[derive(Debug)]
pub(crate) struct Listed<V> {
    pub(crate) entries: Vec<V>,
    pub(crate) next_page_token: String,
    pub(crate) as_of: AsOf,
}

impl Frame {
    /// Reads one page of reports.
    ///
    /// # Errors
    /// If the position is not reached, or MongoDB does not answer in time.
    pub(crate) async fn list<R: Report>(&self, wanted: Wanted, until: Instant) -> Result<Listed<R::View>, QueryError> {
        let Wanted { mut days, page_size, at_least, listing } = wanted;
        let look = self.look(R::HEADS, at_least, until).await?;
        let _room = self.list_place(until).await?;
        let fields = without_entries::<R>();
        let shelf = Shelf { live: &look.live, collection: R::HEADS, fields: &fields, until };
        let size = usize::try_from(page_size).unwrap_or(usize::MAX);
        let (mut entries, mut bytes, mut last, mut reads) = (Vec::new(), 0, None, 0);
        let next = 'page: loop {
            if days.is_done() {
                break None;
            }
            if reads == READS_PER_PAGE {
                break days.place().map(str::to_owned);
            }
            reads += 1;
            // One more than there is room for, which tells whether there is a next page.
            let rest = page_size.saturating_sub(u32::try_from(entries.len()).unwrap_or(u32::MAX));
            let found = days.step(shelf, rest.saturating_add(1).min(HEADS_PER_READ)).await?;
            for head in found.decode::<R::Head>() {
                let head = head?;
                let view = look.live.view::<R>(&head, until).await?;
                bytes += view.encoded_len();
                if entries.len() == size || (bytes > ANSWER_BYTES && !entries.is_empty()) {
                    break 'page last;
                }
                last = Some(head.stamp().id.clone());
                entries.push(view);
            }
        };
        if next.is_none() {
            self.confirm(R::HEADS, &look, until).await?;
        }
        let next_page_token =
            next.map_or_else(String::new, |id| listing.token(Cursor { document: id, ..Cursor::default() }));
        Ok(Listed { entries, next_page_token, as_of: look.as_of })
    }
}
