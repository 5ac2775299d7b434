//! The currencies of the stores, as the service has them: amounts cannot be read without.

use std::{collections::HashMap, time::Duration};

use daybook::{
    client::CommandClient,
    command::v1::{ListStoresRequest, Store},
    money::Currency,
    reason,
};

use super::{fault::Fault, row::Row};
use crate::{
    calls,
    error::{Error, Service},
};

/// Stores on one page; the most that the service gives.
const PAGE_STORES: i32 = 1_000;

/// Most stores that are held, some 100 bytes each: ten times the largest chain of the world.
const MAX_STORES: usize = 1_000_000;

/// Every registered store with its currency.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stores(HashMap<String, Currency>);

impl Stores {
    /// Asks the service for all of them.
    pub(crate) async fn fetch(client: &CommandClient, patience: Duration) -> Result<Self, Error> {
        let mut stores = Self::default();
        let mut page_token = String::new();
        loop {
            let message = ListStoresRequest { page_size: PAGE_STORES, page_token };
            let page = calls::ask_patiently(Service::Command, patience, message, |request| {
                let mut catalogue = client.catalogue.clone();
                async move { catalogue.list_stores(request).await }
            })
            .await?;
            for store in page.stores {
                stores.add(store)?;
            }
            if page.next_page_token.is_empty() {
                return Ok(stores);
            }
            page_token = page.next_page_token;
        }
    }

    fn add(&mut self, store: Store) -> Result<(), Error> {
        let currency = Currency::parse(&store.currency_code)
            .map_err(|cause| Error::Unexpected(format!("the service says of store {}: {cause}", store.store_id)))?;
        if self.0.len() >= MAX_STORES {
            return Err(Error::Unexpected(format!("the service has more than {MAX_STORES} stores")));
        }
        self.0.insert(store.store_id, currency);
        Ok(())
    }

    /// The currency of a row's store.
    pub(crate) fn currency(&self, row: &Row) -> Result<Currency, Fault> {
        self.0.get(row.cell("store_id")).copied().ok_or_else(|| {
            let message = format!(
                "must be a registered store, not {}: add it to stores.csv",
                super::row::told(row.cell("store_id"))
            );
            row.fault("store_id", reason::UNKNOWN_STORE, message)
        })
    }

    /// These stores and their currencies.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn of(stores: &[(&str, &str)]) -> Self {
        let known = |(id, code): &(&str, &str)| Some(((*id).to_owned(), Currency::parse(code).ok()?));
        Self(stores.iter().filter_map(known).collect())
    }
}
