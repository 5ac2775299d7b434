//! The services' numbers, as their metrics endpoints tell them.

mod load;
mod samples;
mod scrape;

pub use load::{Load, Rates};
pub use samples::{Sample, Samples};
pub use scrape::scrape;

use std::env;

use crate::{
    env_file,
    error::{Error, Service},
};

/// Where the services' numbers are read; what is not known is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct MetricsEndpoints {
    /// Where the command service's metrics are, for example http://127.0.0.1:9401
    #[arg(
        id = "command_metrics",
        long = "command-metrics",
        env = "DAYBOOK_COMMAND_METRICS_ENDPOINT",
        value_name = "URL"
    )]
    pub command: Option<String>,
    /// Where the projector's metrics are
    #[arg(
        id = "projector_metrics",
        long = "projector-metrics",
        env = "DAYBOOK_PROJECTOR_METRICS_ENDPOINT",
        value_name = "URL"
    )]
    pub projector: Option<String>,
    /// Where the query service's metrics are
    #[arg(id = "query_metrics", long = "query-metrics", env = "DAYBOOK_QUERY_METRICS_ENDPOINT", value_name = "URL")]
    pub query: Option<String>,
}

impl MetricsEndpoints {
    /// Fills in from the nearest `.daybook/env` what flags and environment left open.
    ///
    /// # Errors
    /// If that file cannot be read or is malformed.
    pub fn resolve(&self) -> Result<Self, Error> {
        let start = env::current_dir().map_err(|cause| Error::io("cannot find the working directory", cause))?;
        let mut settings = env_file::nearest(&start)?;
        let mut known = |endpoint: &Option<String>, variable: &str| {
            let found = endpoint.clone().or_else(|| settings.remove(variable));
            found.filter(|url| !url.is_empty())
        };
        Ok(Self {
            command: known(&self.command, "DAYBOOK_COMMAND_METRICS_ENDPOINT"),
            projector: known(&self.projector, "DAYBOOK_PROJECTOR_METRICS_ENDPOINT"),
            query: known(&self.query, "DAYBOOK_QUERY_METRICS_ENDPOINT"),
        })
    }

    /// Reads the numbers of all services whose endpoints are known, at once. One that does not answer is left out: its
    /// health says so.
    pub async fn loads(&self) -> Vec<Load> {
        let of = |service: Service, endpoint: &Option<String>| {
            let endpoint = endpoint.clone();
            async move {
                let samples = scrape(&endpoint?).await.ok()?;
                Some(Load::of(service.name(), &samples))
            }
        };
        let (command, projector, query) = tokio::join!(
            of(Service::Command, &self.command),
            of(Service::Projector, &self.projector),
            of(Service::Query, &self.query),
        );
        [command, projector, query].into_iter().flatten().collect()
    }
}
