//! What the tests of the import share.

use std::{fs, io::Cursor};

use indicatif::ProgressBar;
use tempfile::TempDir;

use super::{
    csv_file::{CsvFile, Layout},
    row::Row,
    source::{Command, Parsed, Sink},
};
use crate::error::Error;

/// A directory with files.
pub(crate) fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

/// A file with its header.
pub(crate) fn file(layout: &'static Layout, text: &str) -> CsvFile {
    let input = Box::new(Cursor::new(text.as_bytes().to_vec()));
    CsvFile::begin(input, layout, ProgressBar::hidden()).unwrap().unwrap_or_else(|fault| panic!("{fault}"))
}

/// A row that stands on that line.
pub(crate) fn row(layout: &'static Layout, header: &str, line: u64, text: &str) -> Row {
    let mut row = file(layout, &format!("{header}\n{text}\n")).next_row().unwrap().unwrap();
    row.line = line;
    row
}

/// Everything that is read: the commands, and the faults as they are told (those of other rows marked `beside`).
pub(crate) fn read<M>(read: impl FnOnce(Sink<'_, M>) -> Result<(), Error>) -> (Vec<Command<M>>, Vec<String>) {
    let (mut commands, mut faults) = (Vec::new(), Vec::new());
    read(&mut |parsed| {
        match parsed {
            Parsed::Command(command) => commands.push(command),
            Parsed::Refused(refused) => faults.extend(
                refused.faults.iter().map(|fault| format!("{}{fault}", if fault.beside { "beside " } else { "" })),
            ),
        }
        Ok(())
    })
    .unwrap();
    (commands, faults)
}
