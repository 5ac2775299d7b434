//! The seed from which everything random of a trial is drawn, and how long the trial lasts.
//!
//! - `DAYBOOK_FAULTS_SEED`: a number to draw from instead of the one that stands in the test;
//! - `DAYBOOK_FAULTS_SECONDS`: how long the part of a trial lasts in which faults come, instead of the short form.

use std::{env, time::Duration};

use crate::Outcome;

/// The seed of a trial: the one from outside, or the fixed one of the test.
///
/// # Errors
/// If the one from outside is no number.
pub fn seed(fixed: u64) -> Outcome<u64> {
    Ok(number("DAYBOOK_FAULTS_SEED")?.unwrap_or(fixed))
}

/// How long faults come: as long as asked from outside, or the short form.
///
/// # Errors
/// If what is asked is no number.
pub fn lasting(short: Duration) -> Outcome<Duration> {
    Ok(number("DAYBOOK_FAULTS_SECONDS")?.map_or(short, Duration::from_secs))
}

fn number(name: &str) -> Outcome<Option<u64>> {
    match env::var(name) {
        Ok(text) if !text.is_empty() => match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(format!("{name} must be a number, not {text:?}").into()),
        },
        _ => Ok(None),
    }
}
