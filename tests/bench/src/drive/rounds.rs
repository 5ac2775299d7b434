//! Turn by turn: each round lets every contender work once, so that a machine that grows slower does so for all of them.

use std::{fmt, time::Duration};

use daybook_chassis::BoxError;
use futures_util::future::LocalBoxFuture;

use super::{Run, Series};
use crate::progress::Progress;

/// How often and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) round: Duration,
    pub(crate) warm_up: Duration,
}

/// One that is measured against the others.
pub(crate) struct Contender<'a> {
    name: String,
    work: Box<dyn FnMut(Duration) -> LocalBoxFuture<'a, Result<Run, BoxError>> + 'a>,
}

impl fmt::Debug for Contender<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contender").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<'a> Contender<'a> {
    /// A contender that works for as long as it is told; when it returns it leaves the machine to the next one.
    pub(crate) fn new(
        name: &str,
        work: impl FnMut(Duration) -> LocalBoxFuture<'a, Result<Run, BoxError>> + 'a,
    ) -> Self {
        Self { name: name.to_owned(), work: Box::new(work) }
    }

    async fn work(&mut self, time: Duration) -> Result<Run, BoxError> {
        (self.work)(time).await.map_err(|error| format!("{}: {error}", self.name).into())
    }
}

/// Lets all contenders warm up, then work in every round; answers what each came to, in their order.
///
/// # Errors
/// The first error of a contender, with its name.
pub(crate) async fn alternate(
    progress: &Progress,
    plan: Plan,
    mut contenders: Vec<Contender<'_>>,
) -> Result<Vec<Series>, BoxError> {
    for contender in &mut contenders {
        progress.step(&format!("{}, warm-up", contender.name));
        contender.work(plan.warm_up).await?;
    }
    let mut all = vec![Series::default(); contenders.len()];
    for round in 1..=plan.rounds {
        for (contender, series) in contenders.iter_mut().zip(&mut all) {
            progress.step(&format!("{}, round {round} of {}", contender.name, plan.rounds));
            series.runs.push(contender.work(plan.round).await?);
        }
    }
    Ok(all)
}
