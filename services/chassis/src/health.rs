//! What the health service (grpc.health.v1) answers. A service is NOT_SERVING until it says otherwise, while something
//! that it needs is away, and while it drains.

use tonic_health::{
    ServingStatus,
    pb::health_server::{Health as HealthApi, HealthServer},
    server::HealthReporter,
};

/// Sets the health of a process and of each of its services.
#[derive(Clone, Debug)]
pub struct Health {
    reporter: HealthReporter,
}

impl Health {
    /// Health of a process whose services are not serving yet, and the service that tells it.
    pub async fn new(services: &[&str]) -> (Self, HealthServer<impl HealthApi>) {
        let (reporter, server) = tonic_health::server::health_reporter();
        let health = Self { reporter };
        health.set_all(services, false).await;
        (health, server)
    }

    /// Says whether a service, or with an empty name the whole process, is serving.
    pub async fn set(&self, service: &str, serving: bool) {
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.reporter.set_service_status(service, status).await;
    }

    /// Says the same of several services and of the whole process.
    pub async fn set_all(&self, services: &[&str], serving: bool) {
        for service in services.iter().chain(&[""]) {
            self.set(service, serving).await;
        }
    }
}
