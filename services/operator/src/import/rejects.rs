//! What did not go in: all of it in a CSV file, the beginning of it on the screen.

use std::{
    fs::File,
    io::{self, BufWriter},
    path::{Path, PathBuf},
};

use super::fault::{Fault, Refused};
use crate::{error::Error, notices::Notices};

/// Where rejected rows are written if nothing else is asked for; below the working directory.
pub(crate) const DEFAULT_FILE: &str = "daybook-rejects.csv";

/// Most faults that are told on the screen; the file has all of them.
const MAX_TOLD_FAULTS: u64 = 20;

const HEADER: [&str; 6] = ["file", "line", "field", "reason", "message", "row"];

/// The rejected rows of an import.
pub(crate) struct Rejects<'n> {
    path: PathBuf,
    /// Made with the first rejected row, so that an import without any leaves no file.
    writer: Option<csv::Writer<BufWriter<File>>>,
    /// Faults, without the rows that are only beside one.
    faults: u64,
    notices: &'n Notices,
}

impl<'n> Rejects<'n> {
    /// Rejects that are going to be written to a file. It must not be one of those that are imported.
    pub(crate) fn new(path: &Path, inputs: &[PathBuf], notices: &'n Notices) -> Result<Self, Error> {
        let is_same = |input: &PathBuf| matches!((input.canonicalize(), path.canonicalize()), (Ok(a), Ok(b)) if a == b);
        if let Some(input) = inputs.iter().find(|input| is_same(input)) {
            let message = format!("the rejects cannot be written to {}, which is imported", input.display());
            return Err(Error::Usage(message));
        }
        Ok(Self { path: path.to_owned(), writer: None, faults: 0, notices })
    }

    /// Writes the rows of something that did not go in.
    pub(crate) fn add(&mut self, refused: &Refused) -> Result<(), Error> {
        for fault in &refused.faults {
            self.write(fault)?;
            if fault.beside {
                continue;
            }
            self.faults += 1;
            if self.faults <= MAX_TOLD_FAULTS {
                self.notices.say(&fault.to_string());
            }
        }
        Ok(())
    }

    /// Ends the file and answers where it is, if anything was rejected.
    pub(crate) fn finish(mut self) -> Result<Option<PathBuf>, Error> {
        let Some(mut writer) = self.writer.take() else { return Ok(None) };
        writer.flush().map_err(|cause| self.unwritable(cause))?;
        let path = self.path.display();
        if self.faults > MAX_TOLD_FAULTS {
            self.notices.say(&format!("… and {} more in {path}", self.faults - MAX_TOLD_FAULTS));
        } else {
            self.notices.say(&format!("the rejected rows are in {path}"));
        }
        Ok(Some(self.path))
    }

    fn write(&mut self, fault: &Fault) -> Result<(), Error> {
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => {
                let file = File::create(&self.path).map_err(|cause| self.unwritable(cause))?;
                let mut writer = csv::Writer::from_writer(BufWriter::new(file));
                writer.write_record(HEADER).map_err(|error| self.unwritable(error.into()))?;
                writer
            }
        };
        let line = fault.line.to_string();
        let record = [fault.file, &line, &fault.field, &fault.reason, &fault.message, &fault.row];
        writer.write_record(record).map_err(|error| self.unwritable(error.into()))?;
        self.writer = Some(writer);
        Ok(())
    }

    fn unwritable(&self, cause: io::Error) -> Error {
        Error::io(format!("cannot write the rejected rows to {}", self.path.display()), cause)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn fault(line: u64, beside: bool) -> Fault {
        Fault {
            file: "sales.csv",
            line,
            field: "quantity".into(),
            reason: "INVALID_VALUE".into(),
            message: "must be a quantity, not \"x\"".to_owned(),
            row: "443,\"a, b\",x".to_owned(),
            beside,
        }
    }

    #[test]
    fn all_rows_are_in_the_file_and_the_first_faults_on_the_screen() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rejects.csv");
        let notices = Notices::kept();
        let mut rejects = Rejects::new(&path, &[], &notices).unwrap();
        for line in 2..25 {
            rejects.add(&Refused::rows("sales.csv", vec![fault(line, false), fault(line, true)])).unwrap();
        }
        assert_eq!(rejects.finish().unwrap(), Some(path.clone()));
        let said = notices.take();
        assert_eq!(said.len(), 21);
        assert_eq!(said[0], "sales.csv:2: quantity: must be a quantity, not \"x\"");
        assert_eq!(said[20], format!("… and 3 more in {}", path.display()));
        let text = fs::read_to_string(path).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap(), &HEADER[..]);
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 46);
        assert_eq!(&rows[0][5], "443,\"a, b\",x");
    }

    #[test]
    fn without_rejects_there_is_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rejects.csv");
        let notices = Notices::kept();
        assert_eq!(Rejects::new(&path, &[], &notices).unwrap().finish().unwrap(), None);
        assert!(!path.exists() && notices.take().is_empty());
    }

    #[test]
    fn an_imported_file_is_not_written_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sales.csv");
        fs::write(&path, "").unwrap();
        let other_name = directory.path().join(".").join("sales.csv");
        let notices = Notices::kept();
        assert!(Rejects::new(&other_name, std::slice::from_ref(&path), &notices).is_err());
    }
}
