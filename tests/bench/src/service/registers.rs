//! Registers that record each sale with a call of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use daybook::client::Link;
use daybook::{
    client::{Credentials, asked_wait, link},
    command::v1::{Accepted, sale_service_client::SaleServiceClient},
};
use daybook_chassis::BoxError;
use tonic::{Code, Request};

use super::Instance;
use crate::load::{Sale, World};

/// Deadline of one call, as a register would set it.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// A sale that is refused for want of room is sent again so often.
const ATTEMPTS: u32 = 100;

/// Several registers over a few connections.
#[derive(Clone, Debug)]
pub(crate) struct Registers {
    clients: Arc<[SaleServiceClient<Link>]>,
    world: &'static World,
    next: Arc<AtomicUsize>,
    refused: Arc<AtomicU64>,
}

impl Registers {
    /// Registers over so many connections, which are used in turn.
    ///
    /// # Errors
    /// If the endpoint is none.
    pub(crate) fn open(instance: &Instance, world: &'static World, connections: usize) -> Result<Self, BoxError> {
        Self::over(&[instance.command_endpoint()], instance.credentials(), world, connections)
    }

    /// Registers that call several command services of one log in turn.
    ///
    /// # Errors
    /// If an endpoint is none.
    pub(crate) fn over(
        endpoints: &[String],
        credentials: &Credentials,
        world: &'static World,
        connections: usize,
    ) -> Result<Self, BoxError> {
        let endpoints = endpoints.iter().cycle().take(connections.max(1));
        let clients = endpoints.map(|endpoint| link(endpoint, credentials).map(SaleServiceClient::new));
        let clients = clients.collect::<Result<Vec<_>, _>>()?.into();
        Ok(Self { clients, world, next: Arc::default(), refused: Arc::default() })
    }

    /// Records a sale; answers the position of its event.
    ///
    /// # Errors
    /// If it was not accepted, or not for the first time.
    pub(crate) async fn sell(&self, sale: &Sale) -> Result<i64, BoxError> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.clients.len();
        let client = self.clients.get(turn).ok_or("there is no connection")?;
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let mut request = Request::new(sale.request(self.world));
            request.set_timeout(CALL_TIMEOUT);
            match client.clone().record_sale(request).await {
                Ok(answer) => return position(answer.into_inner().accepted, last.is_some()),
                Err(status) if status.code() == Code::ResourceExhausted => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(asked_wait(&status)).await;
                    last = Some(status);
                }
                Err(status) => return Err(status.into()),
            }
        }
        Err(last.map_or_else(|| "no call was made".into(), Into::into))
    }

    /// How often a call was refused for want of room and made again.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// Where a sale stands; one that counts as a repetition, or with a warning, is not what was to be measured.
pub(super) fn position(accepted: Option<Accepted>, repeated: bool) -> Result<i64, BoxError> {
    let accepted = accepted.ok_or("an answer without a result")?;
    if accepted.duplicate && !repeated {
        return Err(format!("{} was there already", accepted.stream).into());
    }
    match accepted.warnings.first() {
        None => Ok(accepted.position),
        Some(warning) => Err(format!("{}: {}", accepted.stream, warning.message).into()),
    }
}
