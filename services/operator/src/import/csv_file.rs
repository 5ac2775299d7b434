//! Reads a CSV file row by row, with the line of each.
//!
//! The form is that of RFC 4180, with one restriction: a row is one line, so quotes cannot hold the end of a line. A quote
//! that is never closed then spoils its own row and no other, and a row's place in the file is exact. A byte order mark
//! and CRLF are allowed; empty lines are passed over. Columns are found by the names in the first line.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    sync::Arc,
};

use indicatif::ProgressBar;

use super::{
    fault::{Fault, MALFORMED_HEADER},
    row::{Cells, Row},
};
use crate::error::Error;

/// Longest row that is read: far above any real one, so that a file without line ends cannot fill the memory.
const MAX_ROW_BYTES: usize = 64 * 1024;

/// Progress is drawn at most after so many bytes; drawing it for every row would cost more than reading the row.
const PROGRESS_STEP_BYTES: u64 = 64 * 1024;

/// The columns of a file.
#[derive(Debug)]
pub(crate) struct Layout {
    pub file: &'static str,
    pub required: &'static [&'static str],
    pub optional: &'static [&'static str],
}

/// An open file, behind its header.
pub(crate) struct CsvFile {
    layout: &'static Layout,
    input: Box<dyn BufRead + Send>,
    columns: Arc<Columns>,
    line: u64,
    unreported_bytes: u64,
    progress: ProgressBar,
}

/// Where each column of a layout stands.
#[derive(Debug)]
pub(crate) struct Columns {
    pub file: &'static str,
    /// Names of the header, in its order.
    names: Vec<&'static str>,
}

impl Columns {
    /// Place of a column; `None` for an optional one that the file lacks.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| *known == name)
    }

    pub(crate) fn count(&self) -> usize {
        self.names.len()
    }
}

impl CsvFile {
    /// Opens a file of a directory and reads its header. `Ok(None)` if there is no such file; the inner error is a header
    /// that is not right.
    pub(crate) fn open(
        directory: &Path,
        layout: &'static Layout,
        progress: ProgressBar,
    ) -> Result<Option<Result<Self, Fault>>, Error> {
        let path = directory.join(layout.file);
        match File::open(&path) {
            Ok(file) => Self::begin(Box::new(BufReader::with_capacity(256 * 1024, file)), layout, progress).map(Some),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(Error::io(format!("cannot open {}", path.display()), cause)),
        }
    }

    /// Reads the header of an input.
    pub(crate) fn begin(
        input: Box<dyn BufRead + Send>,
        layout: &'static Layout,
        progress: ProgressBar,
    ) -> Result<Result<Self, Fault>, Error> {
        let columns = Arc::new(Columns { file: layout.file, names: Vec::new() });
        let mut file = Self { layout, input, columns, line: 0, unreported_bytes: 0, progress };
        let first = file.next_line()?.unwrap_or_default();
        let header = String::from_utf8_lossy(&first.bytes).into_owned();
        Ok(match names_of_header(layout, header.strip_prefix('\u{feff}').unwrap_or(&header)) {
            Ok(names) => {
                file.columns = Arc::new(Columns { file: layout.file, names });
                Ok(file)
            }
            Err(message) => Err(Fault {
                file: layout.file,
                line: 1,
                field: Box::default(),
                reason: MALFORMED_HEADER.into(),
                message,
                row: header,
                beside: false,
            }),
        })
    }

    /// The next row; `None` at the end of the file.
    pub(crate) fn next_row(&mut self) -> Result<Option<Row>, Error> {
        loop {
            let Some(line) = self.next_line()? else {
                self.progress.inc(std::mem::take(&mut self.unreported_bytes));
                return Ok(None);
            };
            if !line.bytes.is_empty() {
                return Ok(Some(self.row(line)));
            }
        }
    }

    fn row(&self, line: Line) -> Row {
        let cut = line.cut;
        let (text, mut problem) = match String::from_utf8(line.bytes) {
            Ok(text) => (text, None),
            Err(error) => {
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                (text, Some("the row must be UTF-8 text".to_owned()))
            }
        };
        if cut {
            problem = Some(format!("a row must have at most {MAX_ROW_BYTES} bytes"));
        }
        let cells = Cells::split(&text).unwrap_or_else(|(cells, message)| {
            problem.get_or_insert(message.to_owned());
            cells
        });
        let (has, needs) = (cells.count(), self.columns.count());
        if has != needs {
            problem.get_or_insert_with(|| format!("the row must have {needs} fields as the header has, not {has}"));
        }
        Row { columns: Arc::clone(&self.columns), line: self.line, text, cells, problem }
    }

    /// The next line without its end. Of a line that is too long only the beginning is kept.
    fn next_line(&mut self) -> Result<Option<Line>, Error> {
        let mut bytes = Vec::new();
        let limit = MAX_ROW_BYTES as u64 + 2;
        let read =
            (&mut self.input).take(limit).read_until(b'\n', &mut bytes).map_err(|cause| self.unreadable(cause))?;
        if read == 0 {
            return Ok(None);
        }
        self.line += 1;
        self.progressed(read as u64);
        let ended = bytes.last() == Some(&b'\n');
        if ended {
            bytes.pop();
        }
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        let cut = bytes.len() > MAX_ROW_BYTES;
        if cut {
            bytes.truncate(MAX_ROW_BYTES);
            if !ended {
                self.skip_line()?;
            }
        }
        Ok(Some(Line { bytes, cut }))
    }

    fn skip_line(&mut self) -> Result<(), Error> {
        loop {
            let (skipped, ended) = {
                let buffer = self.input.fill_buf().map_err(|cause| unreadable(self.layout, self.line, cause))?;
                match buffer.iter().position(|byte| *byte == b'\n') {
                    Some(place) => (place + 1, true),
                    None => (buffer.len(), buffer.is_empty()),
                }
            };
            self.input.consume(skipped);
            self.progressed(skipped as u64);
            if ended {
                return Ok(());
            }
        }
    }

    fn progressed(&mut self, bytes: u64) {
        self.unreported_bytes += bytes;
        if self.unreported_bytes >= PROGRESS_STEP_BYTES {
            self.progress.inc(std::mem::take(&mut self.unreported_bytes));
        }
    }

    fn unreadable(&self, cause: io::Error) -> Error {
        unreadable(self.layout, self.line, cause)
    }
}

fn unreadable(layout: &Layout, line: u64, cause: io::Error) -> Error {
    Error::io(format!("cannot read {} after line {line}", layout.file), cause)
}

#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    cut: bool,
}

/// The header's columns, or everything that is wrong with it.
fn names_of_header(layout: &Layout, header: &str) -> Result<Vec<&'static str>, String> {
    let known = || layout.required.iter().chain(layout.optional).copied();
    let mut wrong = Vec::new();
    let mut names: Vec<&'static str> = Vec::new();
    let cells = Cells::split(header).unwrap_or_else(|(cells, message)| {
        wrong.push(message.to_owned());
        cells
    });
    for cell in cells.iter() {
        match known().find(|name| *name == cell) {
            Some(name) if names.contains(&name) => wrong.push(format!("the column {name} stands twice")),
            Some(name) => names.push(name),
            None => wrong.push(format!("there is no column {:?}", cell.chars().take(32).collect::<String>())),
        }
    }
    let missing: Vec<_> = layout.required.iter().copied().filter(|name| !names.contains(name)).collect();
    if !missing.is_empty() {
        wrong.push(format!("missing: {}", missing.join(", ")));
    }
    if wrong.is_empty() {
        return Ok(names);
    }
    let mut right = layout.required.join(",");
    if !layout.optional.is_empty() {
        right = format!("{right} and may have {}", layout.optional.join(","));
    }
    Err(format!("the header must have {right} ({})", wrong.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout { file: "stores.csv", required: &["store_id", "name"], optional: &["day_cut_off"] };
    static STORES: Layout = LAYOUT;

    fn open(text: &'static [u8]) -> Result<CsvFile, Fault> {
        CsvFile::begin(Box::new(text), &STORES, ProgressBar::hidden()).unwrap()
    }

    fn rows(text: &'static [u8]) -> Vec<Row> {
        let mut file = open(text).unwrap_or_else(|fault| panic!("{fault}"));
        std::iter::from_fn(|| file.next_row().unwrap()).collect()
    }

    fn problem(text: &'static [u8]) -> String {
        let row = rows(text).pop().unwrap();
        row.problem().unwrap_or_else(|| panic!("{row:?}")).to_string()
    }

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let rows = rows(b"\xef\xbb\xbfday_cut_off,name,store_id\r\n04:00,\"Main, \"\"St\"\"\",443\r\n\r\n,x,7");
        let cells = |row: &Row| [row.cell("store_id"), row.cell("name"), row.cell("day_cut_off")].map(str::to_owned);
        assert_eq!(cells(&rows[0]), ["443", "Main, \"St\"", "04:00"]);
        assert_eq!(cells(&rows[1]), ["7", "x", ""]);
        assert_eq!((rows[0].line, rows[1].line), (2, 4));
        assert_eq!(rows[0].text, "04:00,\"Main, \"\"St\"\"\",443");
        assert!(rows.iter().all(|row| row.problem().is_none()));
    }

    #[test]
    fn an_optional_column_may_be_missing() {
        assert_eq!(rows(b"store_id,name\n443,Main\n")[0].cell("day_cut_off"), "");
    }

    #[test]
    fn a_wrong_header_says_everything_that_is_wrong() {
        let Err(fault) = open(b"store_id,nam,store_id\n1,2,3\n") else { panic!("the header was taken") };
        assert_eq!(
            fault.to_string(),
            "stores.csv:1: the header must have store_id,name and may have day_cut_off (there is no column \"nam\"; \
             the column store_id stands twice; missing: name)"
        );
        assert_eq!(&*fault.reason, MALFORMED_HEADER);
        assert!(open(b"").is_err());
    }

    #[test]
    fn a_malformed_row_is_named_and_the_next_one_is_read() {
        assert_eq!(
            problem(b"store_id,name\n443\n"),
            "stores.csv:2: the row must have 2 fields as the header has, not 1"
        );
        assert_eq!(
            problem(b"store_id,name\n443,\"Main\n"),
            "stores.csv:2: a field that begins with a quote must end with one in the same line"
        );
        assert_eq!(problem(b"store_id,name\n443,\xff\n"), "stores.csv:2: the row must be UTF-8 text");
        let both = rows(b"store_id,name\n443,\"Main\n7,x\n");
        assert_eq!((both[1].cell("store_id"), both[1].line), ("7", 3));
        assert!(both[1].problem().is_none());
    }

    #[test]
    fn a_row_without_end_does_not_fill_the_memory() {
        let text: &'static [u8] = Vec::leak([b"store_id,name\n1,".as_slice(), &[b'x'; 200_000], b"\n7,y\n"].concat());
        let rows = rows(text);
        assert_eq!(rows[0].problem().unwrap().to_string(), "stores.csv:2: a row must have at most 65536 bytes");
        assert_eq!(rows[0].text.len(), MAX_ROW_BYTES);
        assert_eq!((rows[1].cell("store_id"), rows[1].line), ("7", 3));
    }
}
