//! A service that runs inside the test's own process.

use std::{future::Future, net::Ipv4Addr, time::Duration};

use daybook::client::{Credentials, Link};
use daybook_chassis::{
    BoxError, CancellationToken,
    server::{Listeners, SHUTDOWN_BUDGET},
};
use daybook_operator::metrics::{Samples, scrape};
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::until::until;

/// How much longer than its budget a service may take to end before the test calls it stuck.
const GRACE: Duration = Duration::from_secs(10);

/// A running service and the port that it was given.
#[derive(Debug)]
pub(crate) struct Service {
    name: &'static str,
    port: u16,
    /// How the service is reached: with a certificate of this root and this token, or without either.
    credentials: Credentials,
    metrics_port: u16,
    shutdown: CancellationToken,
    running: JoinHandle<Result<(), BoxError>>,
}

impl Service {
    /// Starts a service on free ports.
    pub(crate) async fn start<F, Fut>(name: &'static str, run: F) -> Self
    where
        F: FnOnce(Listeners, CancellationToken) -> Fut,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let (calls, port) = listener().await;
        let (metrics, metrics_port) = listener().await;
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(run(Listeners { calls, metrics: Some(metrics) }, shutdown.clone()));
        Self { name, port, credentials: Credentials::default(), metrics_port, shutdown, running }
    }

    /// The same, for callers with credentials.
    pub(crate) fn reached_with(self, credentials: Credentials) -> Self {
        Self { credentials, ..self }
    }

    /// What the service tells of itself in numbers.
    pub(crate) async fn numbers(&self) -> Samples {
        until("the metrics can be read", async || scrape(&self.metrics_endpoint()).await.ok()).await
    }

    /// Where that is read.
    pub(crate) fn metrics_endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.metrics_port)
    }

    /// Where the service is.
    pub(crate) fn endpoint(&self) -> String {
        let scheme = if self.credentials.ca_file.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A connection of its own to the service.
    pub(crate) fn channel(&self) -> Link {
        self.channel_with(&self.credentials)
    }

    /// A connection to the service with other credentials.
    pub(crate) fn channel_with(&self, credentials: &Credentials) -> Link {
        daybook::client::link(&self.endpoint(), credentials).expect("the endpoint is a URI")
    }

    /// What the service says of its health; an empty name asks for the whole process. `None` if it does not answer.
    pub(crate) async fn health(&self, of: &str) -> Option<ServingStatus> {
        let request = HealthCheckRequest { service: of.to_owned() };
        let answer = HealthClient::new(self.channel()).check(request).await.ok()?;
        Some(answer.into_inner().status())
    }

    /// Waits until the service says that it serves.
    pub(crate) async fn serving(&self) {
        until(&format!("{} serves", self.name), async || {
            assert!(!self.running.is_finished(), "{} ended while it was starting", self.name);
            self.health("").await.filter(|status| *status == ServingStatus::Serving)
        })
        .await;
    }

    /// Tells the service to stop, without waiting for it.
    pub(crate) fn tell_to_stop(&self) {
        self.shutdown.cancel();
    }

    /// Waits until a service that was told to stop has ended.
    pub(crate) async fn ended(&self) {
        until(&format!("{} ends", self.name), async || self.running.is_finished().then_some(())).await;
    }

    /// Ends the service in the middle of whatever it does.
    pub(crate) async fn kill(self) {
        self.running.abort();
        // That it did not end by itself is known.
        let _ = self.running.await;
    }

    /// Stops the service. It must end in time and without an error.
    pub(crate) async fn stop(self) -> Result<(), String> {
        let name = self.name;
        self.shutdown.cancel();
        match timeout(SHUTDOWN_BUDGET + GRACE, self.running).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => Err(format!("{name} ended with an error: {error}")),
            Ok(Err(panic)) => Err(format!("{name} panicked: {panic}")),
            Err(_) => Err(format!("{name} did not end")),
        }
    }
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
    let port = listener.local_addr().expect("the listener has an address").port();
    (listener, port)
}
