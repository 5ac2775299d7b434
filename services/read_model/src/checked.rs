//! Reading events for the folds: what they hold was checked before it was recorded, but a fold must not go wrong, or grow
//! without bounds, on one that was not.

use std::borrow::Cow;

use daybook::{
    business_day::parse_date,
    event::v1::{BusinessDay, RecordedEvent, event::Kind},
    money::Currency,
};

use crate::{error::FoldError, text::Word};

/// Largest amount or quantity of one line: ten trillion dollars, a trillion pieces. Several thousand such lines still fit
/// into one sum.
const MAX_FIGURE: i64 = 1_000_000_000_000_000;

/// Longest key, in bytes: four times the longest identifier, because names of categories are free.
const MAX_KEY_BYTES: usize = 256;

/// Latest hour of a business day: 25 hours, and a day more for a zone that skipped one.
const MAX_HOUR: i32 = 48;

pub(crate) fn kind(event: &RecordedEvent) -> Result<Cow<'_, Kind>, FoldError> {
    event.kind().map_err(FoldError::Event)
}

/// The business day of an event, with a date that is one.
pub(crate) fn day(day: Option<&BusinessDay>) -> Result<&BusinessDay, FoldError> {
    let day = day.ok_or(FoldError::Missing { field: "business_day" })?;
    parse_date(&day.date).map_err(|_| FoldError::malformed("business_day.date", &day.date))?;
    hour(day.hour)?;
    Ok(day)
}

pub(crate) fn hour(hour: i32) -> Result<(), FoldError> {
    if (0..=MAX_HOUR).contains(&hour) { Ok(()) } else { Err(FoldError::malformed("business_day.hour", hour)) }
}

pub(crate) fn currency<T: for<'t> From<&'t str>>(code: &str) -> Result<T, FoldError> {
    Currency::parse(code)
        .map(|currency| currency.code().into())
        .map_err(|_| FoldError::malformed("currency_code", code))
}

#[inline]
pub(crate) fn key<T: for<'t> From<&'t str>>(field: &'static str, key: &str) -> Result<T, FoldError> {
    if key.len() > MAX_KEY_BYTES { Err(FoldError::malformed(field, key)) } else { Ok(key.into()) }
}

/// The same of a text that is one of an entry already.
#[inline]
pub(crate) fn word(field: &'static str, word: &Word) -> Result<Word, FoldError> {
    if word.len() > MAX_KEY_BYTES { Err(FoldError::malformed(field, word)) } else { Ok(word.clone()) }
}

#[inline]
pub(crate) fn figure(field: &'static str, figure: i64) -> Result<i64, FoldError> {
    if (-MAX_FIGURE..=MAX_FIGURE).contains(&figure) { Ok(figure) } else { Err(FoldError::malformed(field, figure)) }
}
