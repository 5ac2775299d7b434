//! Stock: one item of a store, and lists over the stock of stores.

use daybook::{
    ids::{ItemId, StoreId},
    query::v1::Stock,
};
use daybook_read_model::{
    collections::STOCK,
    document::SEPARATOR,
    registry,
    stock::{STOCK_PAGES, StockPage, document_key},
};
use mongodb::bson::{Document, doc};
use tokio::time::Instant;

use crate::{
    call::Frame,
    entries::{DOCUMENTS_PER_READ, Gathered},
    fresh::{Fresh, up_to_date},
    list::Listed as Answer,
    live::Look,
    page::{Cursor, Listing},
    recent::{Touching, Unfoldable},
    status::QueryError,
    store::Select,
    view,
};

/// Ids that are looked for in one read: some milliseconds of work for MongoDB.
const IDS_PER_READ: usize = 1_000;

/// Which stock to list.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// In order; empty for all.
    pub(crate) stores: Vec<String>,
    /// True if the caller may read none of what it asked for.
    pub(crate) nothing: bool,
    pub(crate) page_size: u32,
    pub(crate) cursor: Option<Cursor>,
    pub(crate) at_least: i64,
    /// Makes the token of the next page.
    pub(crate) listing: Listing,
}

impl Frame {
    /// What a store has of an item.
    ///
    /// # Errors
    /// If nothing ever moved the item there, the position is not reached, or MongoDB does not answer in time.
    pub(crate) async fn stock_of(
        &self,
        store: &StoreId,
        item: &ItemId,
        at_least: i64,
        until: Instant,
    ) -> Result<(Stock, Look), QueryError> {
        let Fresh { mut look, events } =
            self.look_fresh(STOCK, at_least, until, Touching::Store(store.as_str())).await?;
        let key = document_key(store.as_str(), item.as_str());
        let stored = look.live.read(STOCK, Select::one(&key.id()), until).await?.decode_one()?;
        if stored.is_none() {
            self.confirm(STOCK, &look, until).await?;
        }
        let page: Option<StockPage> = match up_to_date::<registry::Stock>(stored, &key, &events, |_, _| ()) {
            Ok(page) => page,
            Err(Unfoldable) => {
                look = self.look(STOCK, at_least, until).await?;
                look.live.read(STOCK, Select::one(&key.id()), until).await?.decode_one()?
            }
        };
        let entry = page.as_ref().and_then(|page| page.entries.get(item.as_str()));
        let Some(entry) = entry else {
            let what = format!("stock of item {item} in store {store}");
            return Err(QueryError::NotFound { what, applied: look.as_of.position });
        };
        let mut stock = view::stock::stock(store.as_str(), item.as_str(), entry);
        stock.incomplete = look.live.is_incomplete(STOCK, &key.id());
        Ok((stock, look))
    }

    /// One page of the stock of stores.
    ///
    /// # Errors
    /// If the position is not reached, or MongoDB does not answer in time.
    pub(crate) async fn list_stock(&self, wanted: Wanted, until: Instant) -> Result<Answer<Stock>, QueryError> {
        let Wanted { stores, nothing, page_size, cursor, at_least, listing } = wanted;
        let mut walk = Walk::new(&stores, cursor.as_ref().map(|cursor| cursor.document.as_str()));
        let look = self.look(STOCK, at_least, until).await?;
        if nothing {
            return Ok(Answer { entries: Vec::new(), next_page_token: String::new(), as_of: look.as_of });
        }
        let _room = self.list_place(until).await?;
        let mut gathered = Gathered::after(cursor, page_size);
        let mut documents = 1;
        while let Some(filter) = walk.filter() {
            let found = look.live.read(STOCK, Select::first(documents, filter), until).await?;
            let all_found = found.len() < usize::try_from(documents).unwrap_or(usize::MAX);
            walk.go_on_after(found.last_id().filter(|_| !all_found));
            for page in found.decode::<StockPage>() {
                let page = page?;
                let store = page.stamp.id.split_once(SEPARATOR).map_or("", |(store, _)| store);
                let incomplete = look.live.is_incomplete(STOCK, &page.stamp.id);
                gathered.take(&page.stamp.id, &page.entries, |item, entry| {
                    Ok(Stock { incomplete, ..view::stock::stock(store, item, entry) })
                })?;
                if gathered.is_whole() {
                    return Ok(gathered.answer(&listing, look.as_of));
                }
            }
            documents = (documents * 2).min(DOCUMENTS_PER_READ);
        }
        self.confirm(STOCK, &look, until).await?;
        Ok(gathered.answer(&listing, look.as_of))
    }
}

/// A walk over documents of stock in the order of their ids.
#[derive(Debug)]
enum Walk {
    /// Of all stores.
    All { from: String, seen: bool, done: bool },
    /// Of some: the ids that are left, the next one last.
    Some(Vec<String>),
}

impl Walk {
    fn new(stores: &[String], from: Option<&str>) -> Self {
        let from = from.unwrap_or("");
        if stores.is_empty() {
            return Self::All { from: from.to_owned(), seen: false, done: false };
        }
        let pages = 0..i32::try_from(STOCK_PAGES).unwrap_or(i32::MAX);
        let ids = stores.iter().flat_map(|store| pages.clone().map(|page| page_id(store, page)));
        let mut left: Vec<String> = ids.filter(|id| id.as_str() >= from).collect();
        left.sort_unstable_by(|a, b| b.cmp(a));
        Self::Some(left)
    }

    /// What to read next; `None` at the end.
    fn filter(&self) -> Option<Document> {
        match self {
            Self::All { done: true, .. } => None,
            Self::All { from, seen: false, .. } => Some(doc! { "_id": { "$gte": from } }),
            Self::All { from, seen: true, .. } => Some(doc! { "_id": { "$gt": from } }),
            Self::Some(left) if left.is_empty() => None,
            Self::Some(left) => {
                let ids: Vec<&String> = left.iter().rev().take(IDS_PER_READ).collect();
                Some(doc! { "_id": { "$in": ids } })
            }
        }
    }

    /// Takes note of what was read: up to a document, or all that was looked for.
    fn go_on_after(&mut self, last: Option<&str>) {
        match (self, last) {
            (Self::All { from, seen, .. }, Some(last)) => {
                last.clone_into(from);
                *seen = true;
            }
            (Self::All { done, .. }, None) => *done = true,
            (Self::Some(left), Some(last)) => {
                let read = left.iter().rev().take_while(|id| id.as_str() <= last).count();
                left.truncate(left.len() - read);
            }
            (Self::Some(left), None) => left.truncate(left.len().saturating_sub(IDS_PER_READ)),
        }
    }
}

fn page_id(store: &str, page: i32) -> String {
    format!("{store}{SEPARATOR}{page:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(walk: &Walk) -> usize {
        let filter = walk.filter().unwrap();
        filter.get_document("_id").unwrap().get_array("$in").unwrap().len()
    }

    #[test]
    fn some_stores_are_walked_page_by_page() {
        let stores: Vec<String> = (0..600).map(|store| store.to_string()).collect();
        let mut walk = Walk::new(&stores, None);
        assert_eq!(wanted(&walk), IDS_PER_READ);
        walk.go_on_after(None);
        assert_eq!(wanted(&walk), 200);
        walk.go_on_after(Some("99|00"));
        assert_eq!(wanted(&walk), 1 + 2, "store 9 comes after 99: the separator is above all digits");
        walk.go_on_after(None);
        assert!(walk.filter().is_none());

        let walk = Walk::new(&stores, Some("9|01"));
        assert_eq!(walk.filter().unwrap(), doc! { "_id": { "$in": ["9|01"] } });
    }

    #[test]
    fn all_stores_are_walked_from_the_cursor() {
        let mut walk = Walk::new(&[], Some("31|07"));
        assert_eq!(walk.filter().unwrap(), doc! { "_id": { "$gte": "31|07" } });
        walk.go_on_after(Some("443|02"));
        assert_eq!(walk.filter().unwrap(), doc! { "_id": { "$gt": "443|02" } });
        walk.go_on_after(None);
        assert!(walk.filter().is_none());
    }
}
