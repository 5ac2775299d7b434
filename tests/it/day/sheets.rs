//! CSV files as tables whose rows have no order.

use std::{collections::BTreeMap, path::Path};

/// The files of an export.
pub(crate) const EXPORTED: [&str; 5] =
    ["store_days.csv", "store_day_items.csv", "supplier_days.csv", "supplier_day_items.csv", "stock.csv"];

/// Differences that a failed comparison shows.
const SHOWN: usize = 10;

/// A table: its columns, and its rows in order, with how often each stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sheet {
    pub(crate) columns: Vec<String>,
    rows: BTreeMap<Vec<String>, usize>,
}

/// The tables of an export, by file.
pub(crate) type Sheets = BTreeMap<&'static str, Sheet>;

impl Sheet {
    /// An empty table.
    pub(crate) fn new(columns: &[&str]) -> Self {
        Self { columns: columns.iter().map(|column| (*column).to_owned()).collect(), rows: BTreeMap::new() }
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, row: Vec<String>) {
        assert_eq!(row.len(), self.columns.len());
        *self.rows.entry(row).or_default() += 1;
    }

    fn read(path: &Path) -> Self {
        let mut reader =
            csv::Reader::from_path(path).unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()));
        let mut sheet = Self::new(&reader.headers().expect("a header").iter().collect::<Vec<_>>());
        for record in reader.records() {
            sheet.add(record.expect("a row").iter().map(str::to_owned).collect());
        }
        sheet
    }
}

/// Reads the files of an export.
pub(crate) fn read(directory: &Path) -> Sheets {
    EXPORTED.iter().map(|file| (*file, Sheet::read(&directory.join(file)))).collect()
}

/// Checks that two exports are equal in every cell, whatever the order of their rows.
pub(crate) fn assert_equal(found: &Sheets, expected: &Sheets) {
    for (file, expected) in expected {
        let found = &found[file];
        assert_eq!(found.columns, expected.columns, "columns of {file}");
        let missing: Vec<_> = expected.rows.iter().filter(|(row, times)| found.rows.get(*row) != Some(*times)).collect();
        let surplus: Vec<_> = found.rows.iter().filter(|(row, times)| expected.rows.get(*row) != Some(*times)).collect();
        let (missing_shown, surplus_shown) =
            (missing.iter().take(SHOWN).collect::<Vec<_>>(), surplus.iter().take(SHOWN).collect::<Vec<_>>());
        assert!(
            missing.is_empty() && surplus.is_empty(),
            "{file}: {} rows are not there, such as {missing_shown:#?}; {} should not be, such as {surplus_shown:#?}",
            missing.len(),
            surplus.len()
        );
    }
}
