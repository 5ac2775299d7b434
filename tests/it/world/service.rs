//! A service that runs inside the test's own process.

use std::{future::Future, net::Ipv4Addr, time::Duration};

use daybook_chassis::{BoxError, CancellationToken, server::SHUTDOWN_BUDGET};
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tonic::transport::Channel;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::until::until;

/// How much longer than its budget a service may take to end before the test calls it stuck.
const GRACE: Duration = Duration::from_secs(10);

/// A running service and the port that it was given.
#[derive(Debug)]
pub(crate) struct Service {
    name: &'static str,
    port: u16,
    shutdown: CancellationToken,
    running: JoinHandle<Result<(), BoxError>>,
}

impl Service {
    /// Starts a service on a free port.
    pub(crate) async fn start<F, Fut>(name: &'static str, run: F) -> Self
    where
        F: FnOnce(TcpListener, CancellationToken) -> Fut,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let port = listener.local_addr().expect("the listener has an address").port();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(run(listener, shutdown.clone()));
        Self { name, port, shutdown, running }
    }

    /// Where the service is.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A connection of its own to the service.
    pub(crate) fn channel(&self) -> Channel {
        daybook::client::channel(&self.endpoint()).expect("the endpoint is a URI")
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
