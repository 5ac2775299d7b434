//! Figures that are summed event by event. In a document each is a subdocument of short names, without the zeros, and
//! numbers that fit into 32 bits are stored in 32: a report has many of them.

use serde::Serializer;

/// Figures that can be added up exactly.
pub trait Sum: Clone + Default + PartialEq {
    /// Both together; `None` if a figure does not fit.
    fn plus(&self, other: &Self) -> Option<Self>;
}

/// Adds up changes of the same key; the result is in order of the keys. `None` if a figure does not fit.
pub(crate) fn merge<S: Sum>(mut changes: Vec<(Box<str>, S)>) -> Option<Vec<(Box<str>, S)>> {
    // Stable: what is not a sum, such as a name, is taken from the last.
    changes.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut merged: Vec<(Box<str>, S)> = Vec::with_capacity(changes.len());
    for (key, change) in changes {
        match merged.last_mut() {
            Some((last, sum)) if *last == key => *sum = sum.plus(&change)?,
            _ => merged.push((key, change)),
        }
    }
    Some(merged)
}

/// The later of two texts, if it says anything.
pub(crate) fn later<'a>(before: &'a str, after: &'a str) -> &'a str {
    if after.is_empty() { before } else { after }
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

/// Figures as a type: texts that describe them, of which the later one counts, and amounts that are added up, each with its
/// short name in documents.
macro_rules! sums {
    ($(
        $(#[$attribute:meta])* $name:ident {
            $([$($text:ident = $text_short:literal),*])?
            $($(#[$field_doc:meta])* $field:ident = $short:literal,)*
        }
    )*) => {$(
        $(#[$attribute])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $name {
            $($(
                #[serde(rename = $text_short, skip_serializing_if = "str::is_empty")]
                pub $text: Box<str>,
            )*)?
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

            /// Of the amounts in their order, without texts; `None` if there are more or fewer.
            #[must_use]
            pub fn of_figures(figures: &[i64]) -> Option<Self> {
                let [$($field),*] = figures else { return None };
                Some(Self { $($($text: Box::default(),)*)? $($field: *$field,)* })
            }

            /// The same with the other sign; `None` if an amount does not fit.
            #[must_use]
            pub fn negated(self) -> Option<Self> {
                Some(Self { $($($text: self.$text,)*)? $($field: self.$field.checked_neg()?,)* })
            }
        }

        impl $crate::sum::Sum for $name {
            fn plus(&self, other: &Self) -> Option<Self> {
                Some(Self {
                    $($($text: $crate::sum::later(&self.$text, &other.$text).into(),)*)?
                    $($field: self.$field.checked_add(other.$field)?,)*
                })
            }
        }
    )*};
}

pub(crate) use sums;
