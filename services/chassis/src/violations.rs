//! Very many faults of one message in the room that an answer has.
//!
//! Details of an error travel in HTTP/2 trailers, of which common clients take no more than 8 KiB. So where there are more
//! faults than can stand one by one, those of the same kind are told together: one entry names the first field, says what
//! would be right there, and lists where else it is so.

use std::{collections::HashMap, fmt::Write as _};

use crate::answer::Violation;

/// Most entries in one answer.
pub const MAX_VIOLATIONS: usize = 50;

/// Most bytes of the lists of further places, all together: with the entries they stay below 6 KiB, which trailers carry as
/// 8 KiB of text.
const PLACES_BYTES: usize = 2_000;

/// Faults of one kind: the same reason at the same field of several entries of a list.
struct Kind {
    first: Violation,
    /// Where else, as indexes of the list.
    places: Vec<usize>,
}

/// The same faults in at most [`MAX_VIOLATIONS`] entries. Only if even that is not enough is something left out, and the last
/// entry says how many there are in all.
#[must_use]
pub fn in_few(violations: Vec<Violation>) -> Vec<Violation> {
    let all = violations.len();
    if all <= MAX_VIOLATIONS {
        return violations;
    }
    let mut kinds: Vec<Kind> = Vec::new();
    let mut known: HashMap<(String, &'static str), usize> = HashMap::new();
    for violation in violations {
        let (pattern, index) = generalised(&violation.field);
        let next = kinds.len();
        match (*known.entry((pattern, violation.reason)).or_insert(next), index) {
            (at, Some(index)) if at < next => kinds[at].places.push(index),
            // The same field twice: both entries stay.
            _ => kinds.push(Kind { first: violation, places: Vec::new() }),
        }
    }
    let is_too_much = kinds.len() > MAX_VIOLATIONS;
    kinds.truncate(if is_too_much { MAX_VIOLATIONS - 1 } else { MAX_VIOLATIONS });
    let (mut room, mut told) = (PLACES_BYTES, 0);
    let mut few: Vec<Violation> = Vec::with_capacity(MAX_VIOLATIONS);
    for Kind { first, places } in kinds {
        let (list, listed) = ranges(&places, room);
        room -= list.len().min(room);
        told += 1 + listed;
        let description = match places.len() - listed {
            _ if places.is_empty() => first.description,
            0 => format!("{}; a fault of this kind also at index {list}", first.description),
            more => format!("{}; a fault of this kind also at index {list} and {more} more", first.description),
        };
        few.push(Violation { description, ..first });
    }
    if is_too_much {
        let description = format!("{all} violations in all; {} are not listed", all - told);
        few.push(Violation { field: String::new(), reason: "OUT_OF_BOUNDS", description });
    }
    few
}

/// The path of a field without its first index, and that index: `lines[3].item_id` is `lines[].item_id` and 3.
fn generalised(field: &str) -> (String, Option<usize>) {
    let split = field.split_once('[').and_then(|(list, rest)| {
        let (index, rest) = rest.split_once(']')?;
        Some((format!("{list}[]{rest}"), index.parse().ok()?))
    });
    split.map_or_else(|| (field.to_owned(), None), |(pattern, index)| (pattern, Some(index)))
}

/// Indexes in order as text, `5, 7–12`, as many as fit, and how many those are.
fn ranges(places: &[usize], room: usize) -> (String, usize) {
    let (mut text, mut listed, mut at) = (String::new(), 0, 0);
    while let Some(&from) = places.get(at) {
        let run = places[at..].iter().zip(from..).take_while(|(place, expected)| *place == expected).count();
        let mut part = if text.is_empty() { from.to_string() } else { format!(", {from}") };
        if run > 1 {
            let _ = write!(part, "–{}", from + run - 1);
        }
        if text.len() + part.len() > room {
            break;
        }
        text.push_str(&part);
        listed += run;
        at += run;
    }
    (text, listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(field: String) -> Violation {
        Violation { field, reason: "INVALID_VALUE", description: "must be more than 0".into() }
    }

    #[test]
    fn few_faults_stand_one_by_one() {
        let violations: Vec<_> = (0..MAX_VIOLATIONS).map(|index| at(format!("lines[{index}].item_id"))).collect();
        assert_eq!(in_few(violations.clone()), violations);
    }

    #[test]
    fn many_faults_of_one_kind_are_all_named_in_one_entry() {
        let mut violations: Vec<_> = (0..5_000).map(|index| at(format!("lines[{index}].quantity_milli"))).collect();
        violations.remove(7);
        violations.push(at("store_id".into()));
        let few = in_few(violations);
        let description = "must be more than 0; a fault of this kind also at index 1–6, 8–4999";
        assert_eq!(few.len(), 2);
        assert_eq!((few[0].field.as_str(), few[0].description.as_str()), ("lines[0].quantity_milli", description));
        assert_eq!(few[1], at("store_id".into()));
    }

    #[test]
    fn kinds_differ_by_field_and_reason() {
        let other = |index| Violation { reason: "REQUIRED", ..at(format!("lines[{index}].item_id")) };
        let violations = (0..30).flat_map(|index| [at(format!("lines[{index}].item_id")), other(index)]);
        let few = in_few(violations.collect());
        let told: Vec<_> = few.iter().map(|violation| (violation.reason, violation.field.as_str())).collect();
        assert_eq!(told, [("INVALID_VALUE", "lines[0].item_id"), ("REQUIRED", "lines[0].item_id")]);
        assert!(few.iter().all(|violation| violation.description.ends_with("at index 1–29")), "{few:?}");
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let scattered: Vec<_> = (0..5_000).map(|index| at(format!("lines[{}].item_id", 2 * index))).collect();
        let few = in_few(scattered);
        assert_eq!(few.len(), 1);
        assert!(few[0].description.len() < PLACES_BYTES + 100 && few[0].description.ends_with(" more"), "{few:?}");

        let kinds: Vec<_> = (0..5_000).map(|index| at(format!("field_{index}"))).collect();
        let few = in_few(kinds);
        assert_eq!(few.len(), MAX_VIOLATIONS);
        assert_eq!(few[MAX_VIOLATIONS - 1].description, "5000 violations in all; 4951 are not listed");
    }
}
