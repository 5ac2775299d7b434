//! Figures that are summed event by event. At the top of a document each is a subdocument of short names, without the zeros (those of
//! entries and breakdowns are packed: see [`crate::segment`]), and
//! numbers that fit into 32 bits are stored in 32: a report has many of them.

use serde::Serializer;

use crate::{checked, error::FoldError, text::Word};

/// Figures that can be added up exactly.
pub trait Sum: Clone + Default + PartialEq {
    /// Adds the other; false if a figure does not fit, and then nothing of the sum is of use.
    #[must_use]
    fn add(&mut self, other: &Self) -> bool;

    /// What no figure exceeds, whatever its sign; less than twice the largest.
    fn weight(&self) -> u64;

    /// Both together; `None` if a figure does not fit.
    fn plus(&self, other: &Self) -> Option<Self> {
        let mut sum = self.clone();
        sum.add(other).then_some(sum)
    }
}

/// What no figure of some sums exceeds. While a change cannot bring any of them beyond 64 bits, none has to be looked at
/// before it is added.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Headroom(u64);

impl Headroom {
    /// Of the sums that there are.
    pub(crate) fn of<'a, S: Sum + 'a>(sums: impl Iterator<Item = &'a S>) -> Self {
        Self(sums.map(Sum::weight).max().unwrap_or(0))
    }

    /// True if these changes fit, to whatever sums they are added.
    pub(crate) fn takes<S: Sum>(self, changes: &[(Word, S)]) -> bool {
        let weight = changes.iter().fold(self.0, |weight, (_, change)| weight.saturating_add(change.weight()));
        i64::try_from(weight).is_ok()
    }

    /// Takes note that this was added to one of the sums.
    pub(crate) fn took<S: Sum>(&mut self, change: &S) {
        self.0 = self.0.saturating_add(change.weight());
    }
}

/// Adds up changes of the same key; the result is in order of the keys. `None` if a figure does not fit.
pub(crate) fn merge<S: Sum>(mut changes: Vec<(Word, S)>) -> Option<Vec<(Word, S)>> {
    if changes.is_sorted_by(|(a, _), (b, _)| a < b) {
        return Some(changes);
    }
    // Stable: what is not a sum, such as a name, is taken from the last.
    changes.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut merged: Vec<(Word, S)> = Vec::with_capacity(changes.len());
    for (key, change) in changes {
        match merged.last_mut() {
            Some((last, sum)) if *last == key => {
                if !sum.add(&change) {
                    return None;
                }
            }
            _ => merged.push((key, change)),
        }
    }
    Some(merged)
}

/// What lines change, added up by a key of theirs; the result is in order of the keys. As [`merge`], but the lines are sorted
/// where they are: what they change is some times as large as a reference to one.
///
/// # Errors
/// If a line cannot be read, its key is too long, or a figure does not fit.
pub(crate) fn sum_lines<L, S: Sum>(
    lines: &[L],
    field: &'static str,
    key: impl Fn(&L) -> &str,
    change: impl Fn(&L) -> Result<S, FoldError>,
) -> Result<Vec<(Word, S)>, FoldError> {
    let mut lines: Vec<&L> = lines.iter().collect();
    lines.sort_by(|one, other| key(one).cmp(key(other)));
    let mut sums = Vec::with_capacity(lines.len());
    for of_key in lines.chunk_by(|one, next| key(one) == key(next)) {
        let [first, others @ ..] = of_key else { continue };
        let mut sum = change(first)?;
        for line in others {
            if !sum.add(&change(line)?) {
                return Err(FoldError::overflow("the event's own sums"));
            }
        }
        sums.push((checked::key(field, key(first))?, sum));
    }
    Ok(sums)
}

/// Takes the later of two texts, if it says anything.
pub(crate) fn later(text: &mut Word, after: &Word) {
    if !after.is_empty() && text != after {
        text.clone_from(after);
    }
}

pub(crate) fn compact<S: Serializer>(figure: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    match i32::try_from(*figure) {
        Ok(small) => serializer.serialize_i32(small),
        Err(_) => serializer.serialize_i64(*figure),
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
pub(crate) fn is_zero(figure: &i64) -> bool {
    *figure == 0
}

/// Figures as a type: amounts that are added up, each with its short name in documents.
macro_rules! sums {
    ($(
        $(#[$attribute:meta])* $name:ident {
            $($(#[$field_doc:meta])* $field:ident = $short:literal,)*
        }
    )*) => {$(
        $(#[$attribute])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $name {
            $(
                $(#[$field_doc])*
                #[serde(
                    rename = $short,
                    serialize_with = "crate::sum::compact",
                    skip_serializing_if = "crate::sum::is_zero"
                )]
                pub $field: i64,
            )*
        }

        impl $name {
            /// How many amounts there are.
            pub const FIGURES: usize = [$($short),*].len();

            /// The amounts in their order.
            #[must_use]
            pub fn figures(&self) -> [i64; Self::FIGURES] {
                [$(self.$field),*]
            }

            /// Of the amounts in their order; `None` if there are more or fewer.
            #[must_use]
            pub fn of_figures(figures: &[i64]) -> Option<Self> {
                let [$($field),*] = figures else { return None };
                Some(Self { $($field: *$field,)* })
            }

            /// The same with the other sign; `None` if an amount does not fit.
            #[must_use]
            pub fn negated(self) -> Option<Self> {
                Some(Self { $($field: self.$field.checked_neg()?,)* })
            }
        }

        impl $crate::sum::Sum for $name {
            fn add(&mut self, other: &Self) -> bool {
                let mut is_too_much = false;
                $(
                    let (sum, overflows) = self.$field.overflowing_add(other.$field);
                    self.$field = sum;
                    is_too_much |= overflows;
                )*
                !is_too_much
            }

            fn weight(&self) -> u64 {
                // Not the largest: this needs no comparison, and is asked of each line of each event.
                0 $(| self.$field.unsigned_abs())*
            }
        }
    )*};
}

pub(crate) use sums;
