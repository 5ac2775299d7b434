//! A recorded sale and what became of it: the state on which voids and returns are decided.

use std::collections::HashMap;

use daybook::event::v1::{SaleRecorded, event::Kind};

/// A sale, folded from its stream.
#[derive(Clone, Debug, PartialEq)]
pub struct SaleState {
    pub sale: SaleRecorded,
    pub voided: bool,
    /// What was returned of each line, by the line's number.
    pub returned: HashMap<i32, Returned>,
    /// Version of the last event of the stream.
    pub version: i32,
}

/// What was returned of a line so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Returned {
    pub quantity_milli: i64,
    /// Net and tax that were given back.
    pub amount_minor: i64,
}

impl SaleState {
    /// Folds a stream. `None` if it does not begin with a sale.
    #[must_use]
    pub fn fold(events: impl IntoIterator<Item = (i32, Kind)>) -> Option<Self> {
        let mut state: Option<Self> = None;
        for (version, event) in events {
            match (event, &mut state) {
                (Kind::SaleRecorded(sale), None) => {
                    state = Some(Self { sale, voided: false, returned: HashMap::new(), version });
                }
                (Kind::SaleVoided(_), Some(state)) => {
                    state.voided = true;
                    state.version = version;
                }
                (Kind::SaleReturned(note), Some(state)) => {
                    for line in note.lines {
                        let returned = state.returned.entry(line.original_sequence).or_default();
                        returned.quantity_milli = returned.quantity_milli.saturating_add(line.quantity_milli);
                        let amount = line.net_minor.saturating_add(line.tax_minor);
                        returned.amount_minor = returned.amount_minor.saturating_add(amount);
                    }
                    state.version = version;
                }
                (_, Some(state)) => state.version = version,
                (_, None) => return None,
            }
        }
        state
    }
}
