//! Random pairs of faults, for as long as asked.
//!
//! Two faults that concern different things begin at drawn moments and last for drawn times, so that they mostly overlap.
//! When both are gone everything must recover within the bounds. After some pairs the load rests and all invariants are
//! checked; then other registers go on with the same log.

use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::{
    Outcome,
    check::Findings,
    cluster::Part,
    drive::recovery::{NOTICED_WITHIN, Recovery},
    fault::Fault,
    trial::{Setup, Trial},
};

/// Pairs between two checks of everything.
const PAIRS_PER_CHECK: usize = 25;

/// The second fault begins so long after the first, at most.
const BETWEEN_MILLIS: std::ops::Range<u64> = 0..800;

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    pub time: Duration,
    /// Most faults, if they are to be counted.
    pub faults: Option<usize>,
}

/// What became of it.
#[derive(Debug, Default)]
pub struct Summary {
    pub faults: usize,
    pub findings: Findings,
    pub longest: Recovery,
}

/// Draws faults from the trial's seed until the time is over; then the trial has to be ended. `tell` hears of each pair
/// before it begins.
///
/// # Errors
/// What does not hold.
pub async fn pairs(trial: &mut Trial, limit: Limit, mut tell: impl FnMut(usize, [Fault; 2])) -> Outcome<usize> {
    let mut rng = Rng::with_seed(trial.seed);
    let begun = Instant::now();
    let mut faults = 0;
    while begun.elapsed() < limit.time && limit.faults.is_none_or(|most| faults < most) {
        let pair = Fault::draw_pair(&mut rng);
        tell(faults, pair);
        let lengths = [(); 2].map(|()| Fault::draw_length(&mut rng));
        let between = Duration::from_millis(rng.u64(BETWEEN_MILLIS));
        both(trial, pair, lengths, between).await.map_err(|error| format!("{pair:?}: {error}"))?;
        faults += 2;
        let unnoticed = if pair.iter().any(|fault| fault.is_silent()) { NOTICED_WITHIN } else { Duration::ZERO };
        trial.recovered_after(unnoticed).await.map_err(|error| format!("fault {faults}, {pair:?}: {error}"))?;
        trial.check_running()?;
        if faults % (2 * PAIRS_PER_CHECK) == 0 {
            trial.rest_and_check().await.map_err(|error| format!("after fault {faults}: {error}"))?;
        }
    }
    Ok(faults)
}

/// Puts two faults in and takes them away, each at its time.
async fn both(trial: &mut Trial, pair: [Fault; 2], lengths: [Duration; 2], between: Duration) -> Outcome {
    let begun = Instant::now();
    let [first, second] = pair;
    first.begin(&mut trial.cluster).await?;
    // Whichever comes first: the first ends, or the second begins.
    let ends_before = lengths[0] <= between;
    if ends_before {
        pass(begun, lengths[0]).await;
        first.end(&mut trial.cluster).await?;
    }
    pass(begun, between).await;
    second.begin(&mut trial.cluster).await?;
    let (first_ends, second_ends) = (lengths[0], between + lengths[1]);
    if ends_before {
        pass(begun, second_ends).await;
        return second.end(&mut trial.cluster).await;
    }
    let mut ends = [(first_ends, first), (second_ends, second)];
    ends.sort_by_key(|(at, _)| *at);
    for (at, fault) in ends {
        pass(begun, at).await;
        fault.end(&mut trial.cluster).await?;
    }
    Ok(())
}

async fn pass(begun: Instant, at: Duration) {
    tokio::time::sleep(at.saturating_sub(begun.elapsed())).await;
}

/// Runs a soak from beginning to end.
///
/// # Errors
/// What does not hold.
pub async fn soak(seed: u64, limit: Limit, tell: impl FnMut(usize, [Fault; 2])) -> Outcome<Summary> {
    let mut trial = Trial::begin(Setup { registers: 6, ..Setup::new("soak", seed) }).await?;
    let faults = pairs(&mut trial, limit, tell).await?;
    trial.cluster.answering(Part::Command).await?;
    let longest = trial.longest;
    let findings = trial.end().await?;
    Ok(Summary { faults, findings, longest })
}
