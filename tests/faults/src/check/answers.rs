//! What readers were told while things were broken: each answer is true as of the position that it says, and not staler
//! than was asked for.

use std::collections::HashMap;

use daybook_read_model::{document::Stored as _, folded::Folded, registry::StoreDays};

use super::{Findings, log::Log};
use crate::drive::reader::{Figures, Told};

/// A store-day as it stood from a position on.
#[derive(Clone, Copy, Debug)]
struct State {
    position: i64,
    figures: Figures,
}

/// Checks what readers were told of store-days.
pub fn check(told: &[Told], log: &Log, findings: &mut Findings) {
    let mut states: HashMap<String, Vec<State>> = HashMap::new();
    let mut folded = Folded::<StoreDays>::default();
    for event in &log.events {
        // What cannot be folded is found elsewhere.
        let _ = folded.fold(event);
        let id = format!("{}|{}", event.business_date, event.store_id);
        let Some(head) = folded.heads.get(&id).filter(|head| head.stamp().position == event.position) else {
            continue;
        };
        let sales = &head.sales;
        let figures =
            Figures { transactions: sales.transactions, net_minor: sales.net_minor, tax_minor: sales.tax_minor };
        states.entry(id).or_default().push(State { position: event.position, figures });
    }
    findings.answers = told.len();
    for answer in told {
        let states = states.get(&answer.id).map(Vec::as_slice).unwrap_or_default();
        if let Some(problem) = problem(answer, states) {
            findings.wrong_answers += 1;
            findings.note(format!("{problem}: {answer:?}"));
        }
    }
}

fn problem(answer: &Told, states: &[State]) -> Option<&'static str> {
    let Some((position, figures)) = answer.found else {
        let was_there = states.first().is_some_and(|state| state.position <= answer.asked);
        return was_there.then_some("a report was not found that must be there");
    };
    if answer.as_of < answer.asked {
        return Some("an answer is older than was asked for");
    }
    let place = states.partition_point(|state| state.position < position);
    match states.get(place) {
        Some(state) if state.position == position && state.figures == figures => {}
        _ => return Some("an answer is not what the log says at its position"),
    }
    let next = states.get(place + 1).map_or(i64::MAX, |state| state.position);
    (next <= answer.as_of).then_some("an answer lacks what it says it has")
}
