//! A row that is not right: where it stands, and what would be right.

use std::fmt;

/// A row, or a field of one, that did not go in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Name of the file.
    pub file: &'static str,
    /// Line of the file, from 1.
    pub line: u64,
    /// The column; empty where it is the whole row.
    pub field: Box<str>,
    /// Stable, for machines: one of [`daybook::reason`] or of this module.
    pub reason: Box<str>,
    /// For people: what would be right.
    pub message: String,
    /// The row as it stands in the file.
    pub row: String,
    /// True for a row that is right in itself but was rejected with others of its receipt or delivery.
    pub beside: bool,
}

/// The row cannot be taken apart.
pub(crate) const MALFORMED_ROW: &str = "MALFORMED_ROW";
/// The first line is not the header that the file must have.
pub(crate) const MALFORMED_HEADER: &str = "MALFORMED_HEADER";
/// The rows of one receipt contradict each other or do not stand together.
pub(crate) const CONTRADICTORY_RECEIPT: &str = "CONTRADICTORY_RECEIPT";
/// The rows of one delivery note contradict each other or do not stand together.
pub(crate) const CONTRADICTORY_DELIVERY: &str = "CONTRADICTORY_DELIVERY";
/// The row is right, but others of the same receipt or delivery are not.
pub(crate) const REJECTED_TOGETHER: &str = "REJECTED_TOGETHER";

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, field, message, .. } = self;
        if field.is_empty() {
            write!(f, "{file}:{line}: {message}")
        } else {
            write!(f, "{file}:{line}: {field}: {message}")
        }
    }
}

/// One thing (an item, a receipt, a delivery) that did not go in, with all its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The file under which it is counted.
    pub file: &'static str,
    pub faults: Vec<Fault>,
    /// False for further rows of what has been counted already.
    pub counted: bool,
}

impl Refused {
    /// Something of one row.
    pub(crate) fn row(fault: Fault) -> Self {
        Self { file: fault.file, faults: vec![fault], counted: true }
    }

    /// Something of several rows.
    pub(crate) fn rows(file: &'static str, faults: Vec<Fault>) -> Self {
        Self { file, faults, counted: true }
    }
}
