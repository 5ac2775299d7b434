//! Checking a message: every fault is gathered, each with its field and what would be right.

use std::fmt::{self, Display};

use daybook::{ids::IdError, money::Currency, reason};
use daybook_chassis::answer::{Refusal, Violation};
use jiff::Timestamp;
use tonic::Code;

/// Most lines of a command. A receipt or delivery note has tens or hundreds; a message of so many stays below 1 MiB.
pub const MAX_LINES: usize = 5_000;

/// Most tenders of a sale, most discounts and most taxes of a line.
pub const MAX_TENDERS: usize = 100;
pub const MAX_DISCOUNTS: usize = 20;
pub const MAX_TAXES: usize = 10;

/// Longest name or stated reason, in characters.
pub const MAX_TEXT_CHARS: usize = 200;

/// Largest amount of one field, in minor units, and largest quantity, in thousandths: far above any trade, and so far below
/// the range of i64 that the sums over 5,000 lines cannot leave it.
pub const MAX_AMOUNT_MINOR: i64 = 1_000_000_000_000;
pub const MAX_QUANTITY_MILLI: i64 = 1_000_000_000_000;

/// Instants that business can have: 1970 to 2200.
const MAX_INSTANT_SECONDS: i64 = 7_258_118_400;

/// A field of an entry of a list, such as `lines[3].item_id`. It is written out only where it is at fault.
#[derive(Clone, Copy, Debug)]
pub struct In<'a, F>(pub &'a str, pub usize, pub F);

impl<F: Display> Display for In<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(list, index, field) = self;
        write!(f, "{list}[{index}].{field}")
    }
}

/// Gathers what is wrong with one message.
#[derive(Debug, Default)]
pub struct Check {
    violations: Vec<Violation>,
}

impl Check {
    /// Notes a fault.
    pub fn fault(&mut self, field: impl Display, reason: &'static str, description: impl Into<String>) {
        self.violations.push(Violation { field: field.to_string(), reason, description: description.into() });
    }

    /// Notes a fault unless the condition holds.
    pub fn that(
        &mut self,
        holds: bool,
        field: impl Display,
        reason: &'static str,
        description: impl FnOnce() -> String,
    ) {
        if !holds {
            self.fault(field, reason, description());
        }
    }

    /// An identifier that must be there.
    pub fn id(&mut self, field: impl Display, text: &str, check: fn(&str) -> Result<(), IdError>) {
        if let Err(error) = check(text) {
            let reason = if error == IdError::Empty { reason::REQUIRED } else { reason::INVALID_VALUE };
            self.fault(field, reason, error.to_string());
        }
    }

    /// An identifier that may be empty.
    pub fn optional_id(&mut self, field: impl Display, text: &str, check: fn(&str) -> Result<(), IdError>) {
        if !text.is_empty() {
            self.id(field, text, check);
        }
    }

    /// A text of 1 to [`MAX_TEXT_CHARS`] characters without control characters.
    pub fn text(&mut self, field: &str, text: &str) {
        if text.trim().is_empty() {
            self.fault(field, reason::REQUIRED, "must not be empty");
        } else {
            self.optional_text(field, text);
        }
    }

    /// As [`Self::text`], or empty.
    pub fn optional_text(&mut self, field: impl Display, text: &str) {
        let fits = text.chars().count() <= MAX_TEXT_CHARS && !text.chars().any(char::is_control);
        self.that(fits, field, reason::INVALID_VALUE, || {
            format!("must have at most {MAX_TEXT_CHARS} characters and no control characters")
        });
    }

    /// An instant that must be there, kept to the microsecond.
    pub fn instant(&mut self, field: &str, instant: Option<prost_types::Timestamp>) -> Option<Timestamp> {
        let Some(instant) = instant else {
            self.fault(field, reason::REQUIRED, "must be set");
            return None;
        };
        let in_range =
            (0..MAX_INSTANT_SECONDS).contains(&instant.seconds) && (0..1_000_000_000).contains(&instant.nanos);
        let parsed = Timestamp::new(instant.seconds, instant.nanos / 1_000 * 1_000).ok().filter(|_| in_range);
        self.that(parsed.is_some(), field, reason::INVALID_VALUE, || {
            "must lie between the years 1970 and 2200, with nanos from 0 to 999,999,999".to_owned()
        });
        parsed
    }

    /// As [`Self::instant`], or absent.
    pub fn optional_instant(&mut self, field: &str, instant: Option<prost_types::Timestamp>) -> Option<Timestamp> {
        instant.and_then(|instant| self.instant(field, Some(instant)))
    }

    /// A currency that may be empty.
    pub fn optional_currency(&mut self, field: &str, code: &str) {
        if !code.is_empty() && Currency::parse(code).is_err() {
            self.fault(field, reason::INVALID_VALUE, "must be an ISO 4217 code such as USD");
        }
    }

    /// An amount of 0 or more.
    pub fn amount(&mut self, field: impl Display, minor: i64) {
        self.that((0..=MAX_AMOUNT_MINOR).contains(&minor), field, reason::INVALID_VALUE, || {
            format!("must lie between 0 and {MAX_AMOUNT_MINOR} minor units, not {minor}")
        });
    }

    /// A quantity of more than 0.
    pub fn quantity(&mut self, field: impl Display, milli: i64) {
        self.that((1..=MAX_QUANTITY_MILLI).contains(&milli), field, reason::INVALID_VALUE, || {
            format!("must lie between 1 and {MAX_QUANTITY_MILLI} thousandths, not {milli}")
        });
    }

    /// A quantity of 0 or more.
    pub fn quantity_or_none(&mut self, field: impl Display, milli: i64) {
        self.that((0..=MAX_QUANTITY_MILLI).contains(&milli), field, reason::INVALID_VALUE, || {
            format!("must lie between 0 and {MAX_QUANTITY_MILLI} thousandths, not {milli}")
        });
    }

    /// A number of entries within bounds.
    pub fn count(&mut self, field: impl Display, count: usize, bounds: std::ops::RangeInclusive<usize>) -> bool {
        let holds = bounds.contains(&count);
        self.that(holds, field, reason::OUT_OF_BOUNDS, || {
            format!("must have {} to {} entries, not {count}", bounds.start(), bounds.end())
        });
        holds
    }

    /// The numbers of lines: from 1, each once.
    pub fn sequences(&mut self, sequences: impl Iterator<Item = i32> + Clone) {
        // Nearly always they ascend; then no two are the same, and no set of them is needed.
        let mut before = 0;
        if sequences.clone().all(|sequence| std::mem::replace(&mut before, sequence) < sequence) {
            return;
        }
        let mut seen = std::collections::HashSet::new();
        for (index, sequence) in sequences.enumerate() {
            let field = In("lines", index, "sequence");
            if sequence < 1 {
                self.fault(field, reason::INVALID_VALUE, format!("must be 1 or more, not {sequence}"));
            } else if !seen.insert(sequence) {
                self.fault(field, reason::DUPLICATE_SEQUENCE, format!("{sequence} stands on another line too"));
            }
        }
    }

    /// What is wrong so far.
    #[must_use]
    pub fn violations(self) -> Vec<Violation> {
        self.violations
    }

    /// True if nothing is wrong so far.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }
}

/// True if the text is a GTIN (8, 12, 13 or 14 digits) with the right check digit.
#[must_use]
pub fn is_gtin(text: &str) -> bool {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    match text.len() {
        8 => gtin_validate::gtin8::check(text),
        12 => gtin_validate::gtin12::check(text),
        13 => gtin_validate::gtin13::check(text),
        14 => gtin_validate::gtin14::check(text),
        _ => false,
    }
}

/// True if the text is a GLN: 13 digits, with a check digit of the same rule as a GTIN-13.
#[must_use]
pub fn is_gln(text: &str) -> bool {
    text.len() == 13 && is_gtin(text)
}

/// Reasons that depend on what is recorded, not on the message alone.
const STATE_REASONS: &[&str] = &[
    reason::UNKNOWN_STORE,
    reason::UNKNOWN_SUPPLIER,
    reason::UNKNOWN_SALE,
    reason::UNKNOWN_LINE,
    reason::CURRENCY_MISMATCH,
    reason::RETURN_EXCEEDS_SOLD,
    reason::REFUND_EXCEEDS_PAID,
];

/// The refusal of a message with these faults. Its reason is that of the faults if they agree on one.
#[must_use]
pub fn refusal(violations: Vec<Violation>) -> Refusal {
    let state = violations.iter().all(|violation| STATE_REASONS.contains(&violation.reason));
    let code = if state { Code::FailedPrecondition } else { Code::InvalidArgument };
    let reason = match violations.split_first() {
        Some((first, rest)) if rest.iter().all(|violation| violation.reason == first.reason) => first.reason,
        _ => reason::INVALID_REQUEST,
    };
    let message = match violations.as_slice() {
        [one] => format!("{}: {}", one.field, one.description),
        many => format!("{} fields are at fault", many.len()),
    };
    Refusal::new(code, reason, message).with_violations(violations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_checked() {
        assert!(is_gtin("4006381333931") && is_gtin("036000291452") && is_gtin("96385074"));
        assert!(!is_gtin("4006381333932") && !is_gtin("") && !is_gtin("40063813339é") && !is_gtin("12345"));
        assert!(is_gln("4006381333931") && !is_gln("036000291452"));
    }

    #[test]
    fn all_faults_stand_in_one_refusal() {
        let mut check = Check::default();
        check.text("name", " ");
        check.id("store_id", "a b", daybook::ids::StoreId::check);
        check.instant("occurred_at", Some(prost_types::Timestamp { seconds: -1, nanos: 0 }));
        let refusal = refusal(check.violations());
        assert_eq!(
            (refusal.code, refusal.reason, refusal.violations.len()),
            (Code::InvalidArgument, "INVALID_REQUEST", 3)
        );
    }

    #[test]
    fn one_reason_names_the_refusal() {
        let mut check = Check::default();
        check.fault("store_id", reason::UNKNOWN_STORE, "store 1 is not registered");
        let refusal = refusal(check.violations());
        assert_eq!((refusal.code, refusal.reason), (Code::FailedPrecondition, reason::UNKNOWN_STORE));
    }
}
