//! The invariants, checked at the end of a trial.
//!
//! - [`log`] is I4, and the log as the other checks use it;
//! - [`commands`]: I1 to I3, command by command; [`content`]: what an event must say;
//! - [`tables`]: the relational tables;
//! - [`documents`] is I5;
//! - [`answers`]: what readers were told meanwhile.

pub mod answers;
pub mod commands;
pub mod content;
pub mod documents;
pub mod log;
pub mod tables;

use crate::Outcome;

/// Findings that are told of; the others are only counted.
const TOLD_FINDINGS: usize = 20;

/// What a trial came to.
#[derive(Debug, Default)]
pub struct Findings {
    /// Events in the log.
    pub events: usize,
    /// Commands that were acknowledged.
    pub acknowledged: usize,
    /// Commands whose outcome stayed open, and how many of them are in the log.
    pub open: usize,
    pub open_recorded: usize,
    /// Commands that were refused, or not taken, for good.
    pub refused: usize,
    /// Acknowledged commands that are not in the log.
    pub lost: usize,
    /// Commands that are in the log more than once.
    pub doubled: usize,
    /// Commands that are in the log although they were refused, or with other content, or answered wrongly.
    pub wrong_commands: usize,
    /// Rows of tables that are not what the log says.
    pub wrong_rows: usize,
    /// Documents compared, and those that are not what the log says.
    pub documents: usize,
    pub wrong_documents: usize,
    /// Answers of readers compared, and those that were not true.
    pub answers: usize,
    pub wrong_answers: usize,
    told: Vec<String>,
    count: usize,
}

impl Findings {
    /// Notes something that is not as it must be.
    pub fn note(&mut self, finding: impl Into<String>) {
        self.count += 1;
        if self.told.len() < TOLD_FINDINGS {
            self.told.push(finding.into());
        }
    }

    /// How much is not as it must be.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The first of what is not as it must be.
    #[must_use]
    pub fn told(&self) -> &[String] {
        &self.told
    }

    /// Fails if anything is not as it must be.
    ///
    /// # Errors
    /// The first of it.
    pub fn into_outcome(self, seed: u64) -> Outcome<Self> {
        if self.count == 0 {
            return Ok(self);
        }
        Err(format!("seed {seed}: {} findings:\n  {}", self.count, self.told.join("\n  ")).into())
    }

    /// What was looked at, in a line.
    #[must_use]
    pub fn summary(&self) -> String {
        format!(
            "{} events, {} commands acknowledged, {} refused, {} open ({} of them recorded); lost {}, doubled {}, wrong \
             commands {}, wrong rows {}; {} documents, wrong {}; {} answers, wrong {}",
            self.events,
            self.acknowledged,
            self.refused,
            self.open,
            self.open_recorded,
            self.lost,
            self.doubled,
            self.wrong_commands,
            self.wrong_rows,
            self.documents,
            self.wrong_documents,
            self.answers,
            self.wrong_answers,
        )
    }
}
