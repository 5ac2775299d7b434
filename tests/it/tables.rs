//! Exported reports as sets of rows: the order of rows is free.

use std::{collections::BTreeMap, fs, path::Path};

/// The files of an export.
pub(crate) const FILES: [&str; 5] =
    ["store_days.csv", "store_day_items.csv", "supplier_days.csv", "supplier_day_items.csv", "stock.csv"];

/// A file's header and its rows in order of their text.
pub(crate) type Table = (String, Vec<String>);

/// All files of an export by name.
pub(crate) type Tables = BTreeMap<&'static str, Table>;

/// Reads the files of an export.
pub(crate) fn read(directory: &Path) -> Tables {
    let table = |name: &str| {
        let text = fs::read_to_string(directory.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut lines = text.lines().map(str::to_owned);
        let header = lines.next().expect("a file has a header");
        let mut rows: Vec<String> = lines.collect();
        rows.sort();
        (header, rows)
    };
    FILES.into_iter().map(|name| (name, table(name))).collect()
}

/// Fails with the first rows that differ.
pub(crate) fn assert_same(found: &Tables, expected: &Tables) {
    for name in FILES {
        let ((found_header, found), (expected_header, expected)) = (&found[name], &expected[name]);
        assert_eq!(found_header, expected_header, "{name}");
        let too_much: Vec<_> = found.iter().filter(|row| expected.binary_search(row).is_err()).take(3).collect();
        let missing: Vec<_> = expected.iter().filter(|row| found.binary_search(row).is_err()).take(3).collect();
        assert!(too_much.is_empty() && missing.is_empty(), "{name}: too much: {too_much:?}, missing: {missing:?}");
        assert_eq!(found.len(), expected.len(), "{name} has rows twice");
    }
}
