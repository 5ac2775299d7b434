//! The rows of the fault matrix, each a trial of its own: a short form with a fixed seed, which another seed
//! (`DAYBOOK_FAULTS_SEED`) and length (`DAYBOOK_FAULTS_SECONDS`) replace.
//!
//! - [`command`]: rows 1 and 2; [`postgres`]: rows 3 to 8; [`nats`]: rows 9 to 11; [`projector`]: row 12;
//!   [`mongod`]: row 13; [`large`]: row 14; [`callers`]: rows 15 and 16; [`clocks`]: row 18; [`pairs`]: row 19.
//!
//! Row 17, a full disk, needs a file system of its own. Of row 16 the stalled TLS handshake is left out: the
//! services of these trials stand open; `hostile` among the end-to-end tests has it.
#![allow(clippy::large_futures, reason = "a trial is one future, polled on one thread and never moved")]

mod callers;
mod clocks;
mod command;
mod large;
mod mongod;
mod nats;
mod pairs;
mod postgres;
mod projector;

use daybook_faults::{
    Outcome,
    trial::{Setup, Trial},
};

/// Runs a trial; a failure tells everything that was found.
fn run(trial: impl Future<Output = Outcome>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(trial));
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// A setup in which every attempt has its full deadline.
trait Patient {
    fn patient(self) -> Self;
}

impl Patient for Setup {
    fn patient(mut self) -> Self {
        self.habits.hasty = false;
        self
    }
}

/// An attempt takes no longer than this while something is broken that commands do not need, however busy the machine is: one that
/// waited for it would take 5 s or more.
const UNAFFECTED_MILLIS: u64 = 4_500;

/// Checks that no command noticed anything since a moment of the journal.
fn unaffected(trial: &Trial, from: u64) -> Outcome {
    let found = trial.stretch(from, u64::MAX)?;
    // Where a probe has a short deadline, being late is a matter of the time it took, which has its bound.
    let failed = (found.not_now + found.unknown).saturating_sub(found.late);
    if found.taken == 0 || failed > 0 || found.longest_millis > UNAFFECTED_MILLIS {
        return Err(format!("commands must not be affected: {found:?}").into());
    }
    Ok(())
}
