//! Commands that are made of several rows: what sales and deliveries have in common.

use std::path::Path;

use indicatif::ProgressBar;

use super::{
    csv_file::{CsvFile, Layout},
    fault::{Fault, MALFORMED_ROW, Refused},
    group::{self, Group, KeyColumns, MAX_LINES, Rows, Scattered},
    row::Row,
    source::{Command, Origin, Parsed, Sink, TenderLine},
};
use crate::error::Error;

/// What a file's groups are.
#[derive(Debug)]
pub(crate) struct Kind {
    pub layout: &'static Layout,
    pub key: KeyColumns,
    /// For messages: `receipt`.
    pub noun: &'static str,
    /// Reason of the fault if rows of a group contradict each other.
    pub contradiction: &'static str,
    /// Columns that are the same in all rows of a group.
    pub shared: &'static [&'static str],
}

/// A message and the tenders in it.
pub(crate) type Made<M> = (M, Vec<TenderLine>);

/// Reads a file group by group and makes a command of each. `make` gets the faults found so far and answers them with its
/// own. A group whose rows are not all right does not go in at all.
pub(crate) fn each_command<M>(
    directory: &Path,
    kind: &'static Kind,
    progress: &ProgressBar,
    sink: Sink<'_, M>,
    mut make: impl FnMut(&Rows, Vec<Fault>) -> Result<Made<M>, Vec<Fault>>,
) -> Result<(), Error> {
    let open = || CsvFile::open(directory, kind.layout, progress.clone());
    let scattered = match open()? {
        None => return Ok(()),
        Some(Err(fault)) => return sink(Parsed::Refused(Refused::row(fault))),
        Some(Ok(file)) => Scattered::find(file, kind.key)?,
    };
    let Some(Ok(file)) = open()? else {
        return Err(Error::Unexpected(format!("{} was changed while it was read", kind.layout.file)));
    };
    group::each(file, kind.key, |group| {
        sink(match group {
            Group::Rows(rows) => match make(&rows, check(kind, &rows, &scattered)) {
                Ok((message, tenders)) => {
                    Parsed::Command(Command { message, origin: Origin { rows: rows.rows, tenders } })
                }
                Err(faults) => Parsed::Refused(together(kind, &rows.rows, faults)),
            },
            Group::Beyond(row) => {
                let fault = row.beside(format!("the {} has more than {MAX_LINES} rows", kind.noun));
                Parsed::Refused(Refused { file: fault.file, faults: vec![fault], counted: false })
            }
            Group::Stray(row) => Parsed::Refused(Refused::row(row.problem().unwrap_or_else(|| no_key(kind, &row)))),
        })
    })
}

/// Everything that is wrong with a group whatever it means.
fn check(kind: &Kind, rows: &Rows, scattered: &Scattered) -> Vec<Fault> {
    let mut faults: Vec<Fault> = rows.rows.iter().filter_map(Row::problem).collect();
    let Some(first) = rows.rows.first() else { return faults };
    let Kind { key, noun, .. } = kind;
    if let Some(beyond) = rows.rows.get(MAX_LINES) {
        let message = format!("a {noun} must have at most {MAX_LINES} rows");
        faults.push(beyond.fault(key[1], daybook::reason::OUT_OF_BOUNDS, message));
    }
    if scattered.contains(&rows.first_key, &rows.second_key) {
        let message = format!(
            "all rows of a {noun} must stand together; there are rows of {} {} elsewhere in the file",
            key[1], rows.second_key
        );
        faults.push(first.fault(key[1], kind.contradiction, message));
    }
    if let Some(line) = rows.stray_line {
        let message = format!("line {line} in the middle of the {noun} cannot be read and may be one of its rows");
        faults.push(first.fault(key[1], MALFORMED_ROW, message));
    }
    for row in rows.rows.iter().filter(|row| row.problem.is_none()) {
        for column in kind.shared.iter().filter(|column| row.cell(column) != first.cell(column)) {
            let message = format!(
                "contradictory {noun}: must be {:?} in all rows of {} {}, as in line {}, not {:?}",
                first.cell(column),
                key[1],
                rows.second_key,
                first.line,
                row.cell(column)
            );
            faults.push(row.fault(column, kind.contradiction, message));
        }
    }
    faults
}

/// The faults, and a word about the other rows of the group.
fn together(kind: &Kind, rows: &[Row], mut faults: Vec<Fault>) -> Refused {
    let file = kind.layout.file;
    let lines: std::collections::HashSet<u64> =
        faults.iter().filter(|fault| fault.file == file).map(|fault| fault.line).collect();
    let beside = rows.iter().filter(|row| !lines.contains(&row.line));
    faults.extend(beside.map(|row| row.beside(format!("another row of the same {} is not right", kind.noun))));
    Refused::rows(file, faults)
}

fn no_key(kind: &Kind, row: &Row) -> Fault {
    let column = kind.key.into_iter().find(|column| row.cell(column).is_empty()).unwrap_or(kind.key[0]);
    row.fault(column, daybook::reason::REQUIRED, "must not be empty")
}
