//! Comparing the stock of stores, item by item.

use std::{collections::HashSet, time::Duration};

use daybook::query::v1::{GetStockRequest, GetStockResponse, ListStockRequest, Stock};
use daybook_read_model::{
    answer,
    document::SEPARATOR,
    registry::{self, Report as _},
    stock::document_key,
};
use tonic::Code;

use super::{
    compare::{Place, differences},
    run::{Run, Verdict},
};
use crate::{
    calls,
    error::{Error, Service, told_cause},
};

/// Rows on one page; the most that the service gives.
const PAGE_ROWS: i32 = 1_000;

/// How often an item is asked for before it counts as one that cannot be compared.
const TRIES: usize = 200;

/// Wait before an item is asked for again.
const RETRY_WAIT: Duration = Duration::from_millis(50);

const REPORT: &str = registry::Stock::HEADS;
const MESSAGE: &str = "daybook.query.v1.Stock";

/// A store and an item.
type Key = (String, String);

impl Run<'_> {
    /// Compares the stock of all items that are in the scope.
    pub(super) async fn stock(&mut self) -> Result<(), Error> {
        if !self.scope.has::<registry::Stock>() {
            return Ok(());
        }
        let stores = self.stores_of_stock();
        if self.scope.chosen.is_some() && stores.is_empty() {
            return Ok(());
        }
        let bar = self.notices.count(REPORT);
        let mut seen: HashSet<Key> = HashSet::new();
        let mut again = Vec::new();
        let mut page_token = String::new();
        loop {
            let (store_ids, at_least_position) = (stores.clone(), self.position());
            let message = ListStockRequest { store_ids, page_size: PAGE_ROWS, page_token, at_least_position };
            let page = calls::ask_patiently(Service::Query, self.patience, message, |request| {
                let mut stock = self.query.stock.clone();
                async move { stock.list_stock(request).await }
            });
            let page = match page.await {
                Ok(page) => page,
                Err(Error::Call { status, .. }) => {
                    let cause = told_cause(&status);
                    self.notices.say(&format!("daybook: {REPORT} is asked for item by item: {cause}"));
                    break;
                }
                Err(error) => return Err(error),
            };
            let as_of = page.as_of.map_or(0, |as_of| as_of.position);
            for found in page.stock {
                let key = (found.store_id.clone(), found.item_id.clone());
                if !self.fold.wants::<registry::Stock>(&document_key(&key.0, &key.1).id()) || !seen.insert(key.clone())
                {
                    continue;
                }
                match self.judge_stock(&key, Some(&found), as_of).await? {
                    Verdict::Equal => self.summary.equal(REPORT),
                    Verdict::Differs(_) | Verdict::Unclear => again.push(key),
                }
                bar.inc(1);
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        for page in self.fold.stock.heads.values() {
            let store = page.stamp.id.split_once(SEPARATOR).map_or("", |(store, _)| store);
            let keys = page.entries.iter().map(|(item, _)| (store.to_owned(), item.to_owned()));
            again.extend(keys.filter(|key| !seen.contains(key)));
        }
        for key in again {
            self.settle_stock(&key).await?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// The stores to ask for; none for all.
    fn stores_of_stock(&self) -> Vec<String> {
        let Some(chosen) = &self.scope.chosen else { return self.scope.store.iter().cloned().collect() };
        let ids = chosen.iter().filter(|(report, id)| *report == REPORT && self.fold.share.has(id));
        let stores = ids.filter_map(|(_, id)| id.split_once(SEPARATOR)).map(|(store, _)| store.to_owned());
        stores.collect::<HashSet<_>>().into_iter().collect()
    }

    async fn settle_stock(&mut self, key: &Key) -> Result<(), Error> {
        let document = document_of(key);
        for _ in 0..TRIES {
            let (store_id, item_id) = key.clone();
            let message = GetStockRequest { store_id, item_id, at_least_position: self.position() };
            let answer = calls::ask_patiently(Service::Query, self.patience, message, |request| {
                let mut stock = self.query.stock.clone();
                async move { stock.get_stock(request).await }
            });
            let verdict = match answer.await {
                Ok(GetStockResponse { stock, as_of }) => {
                    let as_of = as_of.map_or(0, |as_of| as_of.position);
                    self.judge_stock(key, stock.as_ref(), as_of).await?
                }
                Err(Error::Call { status, .. }) if status.code() == Code::NotFound => {
                    self.judge_stock(key, None, self.position()).await?
                }
                Err(Error::Call { status, .. }) => {
                    let place = Place { report: REPORT, document: &document, path: "" };
                    Verdict::Differs(vec![place.difference("", "an answer", &told_cause(&status))])
                }
                Err(error) => return Err(error),
            };
            match verdict {
                Verdict::Equal => self.summary.equal(REPORT),
                Verdict::Differs(found) => self.summary.differs(REPORT, found),
                Verdict::Unclear => {
                    tokio::time::sleep(RETRY_WAIT).await;
                    continue;
                }
            }
            return Ok(());
        }
        self.summary.undecided(REPORT, &document);
        Ok(())
    }

    async fn judge_stock(&mut self, key: &Key, found: Option<&Stock>, as_of: i64) -> Result<Verdict, Error> {
        let as_of = found.map_or(as_of, |found| as_of.max(found.position));
        let is_in_log = self.reach(as_of).await?;
        let page = self.fold.stock.heads.get(&*document_key(&key.0, &key.1).id());
        let entry = page.and_then(|page| page.entries.get(&key.1));
        if is_in_log && entry.is_some_and(|entry| entry.position > as_of) {
            return Ok(Verdict::Unclear);
        }
        let expected = entry.map(|entry| Stock {
            // Whether events are parked is no matter of the fold.
            incomplete: found.is_some_and(|found| found.incomplete),
            ..answer::stock::entry(&key.0, &key.1, entry)
        });
        let document = document_of(key);
        let place = Place { report: REPORT, document: &document, path: "" };
        let all = differences(place, MESSAGE, expected.as_ref(), found)?;
        Ok(if all.is_empty() { Verdict::Equal } else { Verdict::Differs(all) })
    }
}

fn document_of((store, item): &Key) -> String {
    format!("{store}{SEPARATOR}{item}")
}
