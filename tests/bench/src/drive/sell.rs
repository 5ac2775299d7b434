//! Whatever records a sale: Daybook or a peer.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use daybook_chassis::BoxError;

use super::Caller;
use crate::{
    load::{Sale, Sales},
    peers::{cqrs_es::CqrsEs, crud::Crud, crud_report::CrudReport, crud_set::CrudSet},
    service::Registers,
};

/// Records sales.
pub(crate) trait Sell: Send + Sync + 'static {
    /// Records one sale; it is durable when this returns.
    fn sell(&self, sale: &Sale) -> impl Future<Output = Result<(), BoxError>> + Send;
}

impl Sell for Registers {
    async fn sell(&self, sale: &Sale) -> Result<(), BoxError> {
        self.sell(sale).await.map(drop)
    }
}

macro_rules! sells {
    ($($peer:ty),*) => {$(
        impl Sell for $peer {
            async fn sell(&self, sale: &Sale) -> Result<(), BoxError> {
                self.sell(sale).await
            }
        }
    )*};
}

sells!(Crud, CrudSet, CrudReport, CqrsEs);

/// One who records a sale after the other.
#[derive(Debug)]
pub(crate) struct Seller<P> {
    peer: Arc<P>,
    sales: Sales<'static>,
}

impl<P: Sell> Caller for Seller<P> {
    async fn step(&mut self) -> Result<Duration, BoxError> {
        let sale = self.sales.next_sale();
        let begun = Instant::now();
        self.peer.sell(&sale).await?;
        Ok(begun.elapsed())
    }
}

/// A seller for each source of sales.
pub(crate) fn sellers<P: Sell>(peer: &Arc<P>, sales: impl IntoIterator<Item = Sales<'static>>) -> Vec<Seller<P>> {
    sales.into_iter().map(|sales| Seller { peer: Arc::clone(peer), sales }).collect()
}
