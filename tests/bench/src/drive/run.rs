//! What one phase came to, and what several of them did.

use std::{future::Future, time::Duration};

use daybook_chassis::BoxError;

use crate::measure::{Figure, Latency, Meter, Usage, Watched};

/// One phase.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// Sales, or whatever was done.
    pub(crate) done: u64,
    pub(crate) elapsed: Duration,
    pub(crate) latency: Latency,
    pub(crate) usage: Usage,
}

/// Measures what the processes take while something runs.
pub(crate) async fn metered(
    watched: Vec<Watched>,
    work: impl Future<Output = Result<Run, BoxError>>,
) -> Result<Run, BoxError> {
    let meter = Meter::start(watched);
    let mut run = work.await?;
    run.usage = meter.finish();
    Ok(run)
}

impl Run {
    pub(crate) fn empty() -> Self {
        Self { done: 0, elapsed: Duration::ZERO, latency: Latency::new(), usage: Usage::default() }
    }

    #[allow(clippy::cast_precision_loss, reason = "a count of minutes")]
    pub(crate) fn per_second(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { self.done as f64 / seconds } else { 0.0 }
    }
}

/// The rounds of one contender.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    pub(crate) runs: Vec<Run>,
}

impl Series {
    /// How much was done in a second.
    pub(crate) fn rate(&self) -> Option<Figure> {
        Figure::of(self.runs.iter().map(Run::per_second))
    }

    /// The medians of the rounds' own medians.
    pub(crate) fn p50_ms(&self) -> Option<Figure> {
        Figure::of(self.runs.iter().filter_map(|run| Some(run.latency.percentiles()?.p50_ms)))
    }

    /// All latencies together.
    pub(crate) fn latency(&self) -> Latency {
        let mut all = Latency::new();
        self.runs.iter().for_each(|run| all.add(&run.latency));
        all
    }

    /// What all rounds took.
    pub(crate) fn usage(&self) -> Usage {
        let mut all = Usage::default();
        self.runs.iter().for_each(|run| all.add(&run.usage));
        all
    }

    pub(crate) fn done(&self) -> u64 {
        self.runs.iter().map(|run| run.done).sum()
    }
}
