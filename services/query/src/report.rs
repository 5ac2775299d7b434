//! What reports have in common: a head with totals, which may hold entries (items, stores), and pages with the entries
//! for which the head had no room.

use daybook::{ids::IdError, query::v1::AsOf};
use daybook_read_model::{
    document::{Head, Key, SEPARATOR, Stored as _},
    entries::Entries,
    registry::{self, ChangeOf, EntryOf},
    spill::{Page, Section},
};
use mongodb::bson::{Document, doc};
use prost::Message;
use tokio::time::Instant;

use crate::{
    heads::{Heads, Kept},
    live::Live,
    recent::{Changed, Totals, Touching},
    status::QueryError,
    store::{Documents, Select, StoreError},
};

/// Pages of one section of a report at most.
const SECTION_PAGES: u32 = daybook_read_model::spill::PAGES;

/// Pages of all sections of a report at most.
pub(crate) const REPORT_PAGES: u32 = 2 * SECTION_PAGES;

/// A report that is answered.
pub(crate) trait Report: registry::Report<Head: Head<Entry: Sync> + Clone + Sync> {
    /// The report as it is answered, without entries.
    type View: Message + Send + 'static;

    /// What people call it.
    const NAME: &'static str;
    /// The fields of requests that name one or several stores or suppliers.
    const ID_FIELD: &'static str;
    const IDS_FIELD: &'static str;

    /// The fields of the head that hold entries.
    const ENTRY_FIELDS: &'static [&'static str];
    /// Those of them that the view does not depend on, even when events are folded into the head.
    const UNCOUNTED_FIELDS: &'static [&'static str];

    /// A change without what it does to [`Self::UNCOUNTED_FIELDS`].
    fn counted_of(change: ChangeOf<Self>) -> ChangeOf<Self>;

    /// Room for what an event changes in this report.
    fn totals(totals: &Totals) -> &Changed<Self>;

    /// The heads of this report that were answered last.
    fn kept(heads: &Heads) -> &Kept<Self::Head>;

    /// Which events may change the report.
    fn touching(key: &Key) -> Touching<'_>;

    /// Checks the id of a store or supplier.
    ///
    /// # Errors
    /// If it cannot be one.
    fn check_id(text: &str) -> Result<(), IdError>;

    /// The report as far as the head tells it; `None` if a figure does not fit.
    fn view(head: &Self::Head) -> Option<Self::View>;

    /// The section whose pages hold something of the totals, if this report has such pages.
    fn counted(head: &Self::Head) -> Option<Section>;

    /// Says that the report may lack something.
    fn mark(view: &mut Self::View);

    /// Adds what such a page holds.
    fn count(view: &mut Self::View, page: &Page<EntryOf<Self>>);
}

/// Entries of a report that can be listed.
pub(crate) trait Listed: Send + Sync + 'static {
    type Report: Report;
    /// An entry as it is answered.
    type View: Message + Send + 'static;

    const SECTION: Section;
    /// The field of the head that holds them.
    const FIELD: &'static str;

    /// Those in the head.
    fn inline(head: &HeadOf<Self>) -> &Entries<ListedEntry<Self>>;

    /// True if there are more on pages.
    fn has_pages(head: &HeadOf<Self>) -> bool;

    /// An entry as it is answered; `None` if a figure does not fit.
    fn view(id: &str, entry: &ListedEntry<Self>) -> Option<Self::View>;
}

/// The head of the report of listed entries.
pub(crate) type HeadOf<L> = <<L as Listed>::Report as registry::Report>::Head;
/// A listed entry as it is stored.
pub(crate) type ListedEntry<L> = EntryOf<<L as Listed>::Report>;

/// The fields of a head without any entries.
#[must_use]
pub(crate) fn without_entries<R: Report>() -> Document {
    without(R::ENTRY_FIELDS)
}

pub(crate) fn without(fields: &[&str]) -> Document {
    fields.iter().map(|&field| (field.to_owned(), 0.into())).collect()
}

/// The fields of a head with these entries only.
#[must_use]
pub(crate) fn with_entries<L: Listed>() -> Document {
    let mut fields = without_entries::<L::Report>();
    fields.remove(L::FIELD);
    fields
}

impl Live {
    /// The head of a report, if there is one.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) async fn head<R: Report>(
        &self,
        id: &str,
        fields: Document,
        until: Instant,
    ) -> Result<Option<R::Head>, StoreError> {
        let select = Select::one(id).with_fields(fields);
        self.read(R::HEADS, select, until).await?.decode_one()
    }

    /// Pages of a report; nothing for one that has none.
    ///
    /// # Errors
    /// If MongoDB does not answer in time.
    pub(crate) async fn pages<R: Report>(&self, select: Select, until: Instant) -> Result<Documents, StoreError> {
        match R::PAGES {
            Some(pages) => self.read(pages, select, until).await,
            None => Ok(Documents::default()),
        }
    }

    /// Marks the view of a report that lacks an event.
    pub(crate) fn mark<R: Report>(&self, id: &str, view: &mut R::View) {
        if self.is_incomplete(R::HEADS, id) {
            R::mark(view);
        }
    }

    /// The whole view of a report.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) async fn view<R: Report>(&self, head: &R::Head, until: Instant) -> Result<R::View, QueryError> {
        let mut view = view_head::<R>(head)?;
        if let Some(section) = R::counted(head) {
            let prefix = section_prefix(&head.stamp().id, section);
            let pages = self.pages::<R>(Select::first(SECTION_PAGES, beginning_with(&prefix)), until).await?;
            count::<R>(&mut view, pages)?;
        }
        self.mark::<R>(&head.stamp().id, &mut view);
        Ok(view)
    }
}

/// Adds what pages hold of the totals.
///
/// # Errors
/// If a page cannot be read.
pub(crate) fn count<R: Report>(view: &mut R::View, pages: Documents) -> Result<(), StoreError> {
    for page in pages.decode::<Page<EntryOf<R>>>() {
        R::count(view, &page?);
    }
    Ok(())
}

/// The view of an entry.
///
/// # Errors
/// If a figure does not fit.
pub(crate) fn view_entry<L: Listed>(document: &str, id: &str, entry: &ListedEntry<L>) -> Result<L::View, StoreError> {
    L::view(id, entry).ok_or_else(|| StoreError::Broken {
        what: format!("{document}, entry {id}"),
        cause: "a figure does not fit".to_owned(),
    })
}

/// The view of what the head of a report tells.
///
/// # Errors
/// If a figure does not fit.
pub(crate) fn view_head<R: Report>(head: &R::Head) -> Result<R::View, StoreError> {
    R::view(head).ok_or_else(|| StoreError::Broken {
        what: format!("{}/{}", R::HEADS, head.stamp().id),
        cause: "a figure does not fit".to_owned(),
    })
}

/// The error for a report that does not exist.
#[must_use]
pub(crate) fn not_found<R: Report>(key: &Key, as_of: &AsOf) -> QueryError {
    let what = format!("{} {} of {}", R::NAME, key.first, key.second);
    QueryError::NotFound { what, applied: as_of.position }
}

/// How the ids of a report's pages begin.
#[must_use]
pub(crate) fn pages_prefix(head_id: &str) -> String {
    format!("{head_id}{SEPARATOR}")
}

/// How the ids of the pages of one section begin.
#[must_use]
pub(crate) fn section_prefix(head_id: &str, section: Section) -> String {
    format!("{head_id}{SEPARATOR}{}{SEPARATOR}", section.letter())
}

/// The filter for ids that begin so.
#[must_use]
pub(crate) fn beginning_with(prefix: &str) -> Document {
    doc! { "_id": { "$gte": prefix, "$lt": end_of(prefix) } }
}

/// The filter for ids that begin so and come after one.
#[must_use]
pub(crate) fn beginning_after(prefix: &str, after: &str) -> Document {
    doc! { "_id": { "$gt": after, "$lt": end_of(prefix) } }
}

/// The filter for ids that begin so, from one on.
#[must_use]
pub(crate) fn beginning_from(prefix: &str, from: &str) -> Document {
    doc! { "_id": { "$gte": from, "$lt": end_of(prefix) } }
}

/// The first text after all that begin so: ids have no such high character.
fn end_of(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}
