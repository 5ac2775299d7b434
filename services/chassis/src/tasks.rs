//! Background tasks. None may end before it is told to: one that does takes the others, and the process, with it.

use std::{future::Future, time::Duration};

use thiserror::Error;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::{BoxError, process::chain};

/// The tasks of one service.
#[derive(Debug)]
pub struct Tasks {
    set: JoinSet<(&'static str, Result<(), BoxError>)>,
    shutdown: CancellationToken,
}

/// A task ended though nobody had asked for it.
#[derive(Debug, Error)]
#[error("the task {0} ended before the shutdown")]
pub struct EndedEarly(&'static str);

impl Tasks {
    /// No tasks yet. The token tells them to end, and is cancelled when one ends early.
    #[must_use]
    pub fn new(shutdown: CancellationToken) -> Self {
        Self { set: JoinSet::new(), shutdown }
    }

    /// Starts a task. It must run until the token is cancelled.
    pub fn spawn<F>(&mut self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.set.spawn(async move { (name, task.await) });
    }

    /// Waits until all tasks have ended: before the shutdown for ever, after it for the budget, then they are dropped.
    ///
    /// # Errors
    /// The first task's error, or that it ended early or panicked.
    pub async fn join(mut self, budget: Duration) -> Result<(), BoxError> {
        let mut outcome = Ok(());
        let shutdown = self.shutdown.clone();
        let overrun = async {
            shutdown.cancelled().await;
            tokio::time::sleep(budget).await;
        };
        tokio::pin!(overrun);
        loop {
            let ended = tokio::select! {
                ended = self.set.join_next() => ended,
                () = &mut overrun => {
                    warn!(budget_seconds = budget.as_secs(), tasks = self.set.len(), "shutdown overran its budget");
                    return outcome;
                }
            };
            let early = !self.shutdown.is_cancelled();
            let result: Result<(), BoxError> = match ended {
                None => return outcome,
                Some(Ok((name, Ok(())))) if early => Err(EndedEarly(name).into()),
                Some(Ok((_, result))) => result,
                Some(Err(panic)) => Err(panic.into()),
            };
            if let Err(error) = result {
                error!(error = %chain(error.as_ref()), "a task failed: stopping");
                self.shutdown.cancel();
                if outcome.is_ok() {
                    outcome = Err(error);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_task_that_ends_early_ends_the_others() {
        let shutdown = CancellationToken::new();
        let mut tasks = Tasks::new(shutdown.clone());
        tasks.spawn("short", async { Ok(()) });
        let until = shutdown.clone();
        tasks.spawn("long", async move {
            until.cancelled().await;
            Ok(())
        });
        assert_eq!(tasks.join(BUDGET).await.unwrap_err().to_string(), "the task short ended before the shutdown");
    }

    #[tokio::test]
    async fn tasks_end_when_they_are_told_to() {
        let shutdown = CancellationToken::new();
        let mut tasks = Tasks::new(shutdown.clone());
        let until = shutdown.clone();
        tasks.spawn("long", async move {
            until.cancelled().await;
            Ok(())
        });
        shutdown.cancel();
        tasks.join(BUDGET).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_end_is_dropped_after_the_budget() {
        let shutdown = CancellationToken::new();
        let mut tasks = Tasks::new(shutdown.clone());
        tasks.spawn("stuck", std::future::pending());
        shutdown.cancel();
        tasks.join(BUDGET).await.unwrap();
    }
}
