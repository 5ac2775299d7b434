//! Verifying one share: folds the log, then compares what is answered.

use std::time::Duration;

use daybook::client::{CommandClient, QueryClient};
use daybook_read_model::registry::{CategoryDays, StoreDays, SupplierDays};

use super::{
    Difference, VerifySummary,
    fold::Fold,
    log::Log,
    scope::Scope,
    share::{Share, Shares},
};
use crate::{error::Error, notices::Notices};

/// What a comparison says.
#[derive(Debug)]
pub(super) enum Verdict {
    Equal,
    Differs(Vec<Difference>),
    /// The answer is older than the fold, or its parts are of several moments: to be asked for again.
    Unclear,
}

/// The verification of one share.
pub(super) struct Run<'a> {
    pub(super) command: &'a CommandClient,
    pub(super) query: &'a QueryClient,
    pub(super) scope: &'a Scope,
    pub(super) notices: &'a Notices,
    pub(super) patience: Duration,
    pub(super) summary: &'a mut VerifySummary,
    pub(super) fold: Fold<'a>,
    log: Log<'a>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        command: &'a CommandClient,
        query: &'a QueryClient,
        scope: &'a Scope,
        share: Share,
        notices: &'a Notices,
        patience: Duration,
        summary: &'a mut VerifySummary,
    ) -> Self {
        let log = Log::new(command, scope.filter(), patience);
        Self { command, query, scope, notices, patience, summary, fold: Fold::new(scope, share), log }
    }

    /// Folds the log up to a position. If that takes too much memory, half of the documents are left for later.
    pub(super) async fn fold_to(&mut self, head: i64, memory: usize, shares: &mut Shares) -> Result<(), Error> {
        let bar = self.notices.positions("log", u64::try_from(head).unwrap_or(0));
        while let Some(events) = self.log.next(head).await? {
            events.iter().for_each(|event| self.fold.take(event));
            while self.fold.heap_bytes() > memory {
                let Some(half) = shares.divide(self.fold.share) else { break };
                self.fold.keep(half);
            }
            bar.set_prefix(self.fold.share.name());
            bar.set_position(u64::try_from(self.log.position).unwrap_or(0));
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// How far the log is folded.
    pub(super) fn position(&self) -> i64 {
        self.log.position
    }

    /// Folds on to a position; false if the log ends before.
    pub(super) async fn reach(&mut self, position: i64) -> Result<bool, Error> {
        while let Some(events) = self.log.next(position).await? {
            events.iter().for_each(|event| self.fold.take(event));
        }
        Ok(self.log.position >= position)
    }

    /// Compares all reports and tables that are in the scope.
    pub(super) async fn compare(&mut self) -> Result<(), Error> {
        self.days::<StoreDays>().await?;
        self.days::<SupplierDays>().await?;
        self.days::<CategoryDays>().await?;
        self.stock().await?;
        if self.scope.has_tables() {
            self.tables().await?;
        }
        self.summary.position = self.summary.position.max(self.position());
        self.summary.unfolded.extend(&self.fold.unfolded);
        Ok(())
    }
}
