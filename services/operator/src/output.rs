//! The forms of a result: a table for reading, JSON and CSV for programs.

use std::io::{self, BufWriter, Stdout, Write};

use clap::ValueEnum;
use comfy_table::{CellAlignment, Table, presets};

use crate::error::Error;

/// How a result is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For reading: amounts and quantities in whole units with their decimals.
    #[default]
    Table,
    /// Fields as in the API: amounts in minor units (`_minor`), quantities in thousandths (`_milli`).
    Json,
    /// A header and rows: amounts and quantities in whole units with their decimals.
    Csv,
}

/// The standard output, written in large pieces.
pub(crate) fn stdout() -> BufWriter<Stdout> {
    BufWriter::new(io::stdout())
}

/// Columns and rows.
#[derive(Debug)]
pub(crate) struct Sheet {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

/// A column: its name, and whether it holds numbers, which stand on the right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    name: &'static str,
    is_number: bool,
}

impl Column {
    pub(crate) fn name(self) -> &'static str {
        self.name
    }
}

/// A column of text.
pub(crate) const fn text(name: &'static str) -> Column {
    Column { name, is_number: false }
}

/// A column of numbers.
pub(crate) const fn number(name: &'static str) -> Column {
    Column { name, is_number: true }
}

impl Sheet {
    /// An empty sheet.
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; it has a cell for each column.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.columns.len(), "{cells:?}");
        self.rows.push(cells);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes it as a table.
    pub(crate) fn write_table(&self, out: &mut impl Write) -> Result<(), Error> {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header(self.columns.iter().map(|column| column.name.replace('_', " ")));
        for row in &self.rows {
            table.add_row(row);
        }
        for (column, drawn) in self.columns.iter().zip(table.column_iter_mut()) {
            if column.is_number {
                drawn.set_cell_alignment(CellAlignment::Right);
            }
        }
        writeln!(out, "{}", table.trim_fmt()).map_err(Error::output)
    }

    /// Writes it as CSV, with the header or only the rows of a further page.
    pub(crate) fn write_csv(&self, out: &mut impl Write, with_header: bool) -> Result<(), Error> {
        let mut writer = csv::Writer::from_writer(out);
        if with_header {
            writer.write_record(self.columns.iter().map(|column| column.name)).map_err(csv_error)?;
        }
        for row in &self.rows {
            writer.write_record(row).map_err(csv_error)?;
        }
        writer.flush().map_err(Error::output)
    }
}

fn csv_error(error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(cause) => Error::output(cause),
        kind => Error::Unexpected(format!("cannot be written as CSV: {kind:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        let mut sheet = Sheet::new(&[text("store_id"), number("net_sales")]);
        sheet.row(vec!["443".into(), "1.50".into()]);
        sheet.row(vec!["a, b".into(), "-1234.50".into()]);
        sheet
    }

    #[test]
    fn numbers_stand_on_the_right_of_a_table() {
        let mut out = Vec::new();
        sheet().write_table(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("│ 443      ┆      1.50 │"), "{text}");
        assert!(text.contains("store id"), "{text}");
    }

    #[test]
    fn a_further_page_of_csv_has_no_header() {
        let mut out = Vec::new();
        sheet().write_csv(&mut out, true).unwrap();
        sheet().write_csv(&mut out, false).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "store_id,net_sales\n443,1.50\n\"a, b\",-1234.50\n443,1.50\n\"a, b\",-1234.50\n");
    }
}
