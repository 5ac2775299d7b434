//! The sample day of the repository, and parts of it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use csv::StringRecord;

/// The files that are imported.
pub(crate) const IMPORTED: [&str; 6] =
    ["suppliers.csv", "stores.csv", "items.csv", "deliveries.csv", "sales.csv", "tenders.csv"];

/// The directory of the sample day.
pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sample/grocery-day")
}

/// One file as rows of named cells.
#[derive(Debug)]
pub(crate) struct Rows {
    headers: StringRecord,
    records: Vec<StringRecord>,
}

impl Rows {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Self {
        let mut reader =
            csv::Reader::from_path(path).unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()));
        let headers = reader.headers().expect("a header").clone();
        Self { headers, records: reader.records().map(|record| record.expect("a row")).collect() }
    }

    /// The cells of some columns, row by row.
    pub(crate) fn cells<const N: usize>(&self, columns: [&str; N]) -> impl Iterator<Item = [&str; N]> {
        let places = columns.map(|column| self.headers.iter().position(|name| name == column).expect("the column"));
        self.records.iter().map(move |record| places.map(|place| &record[place]))
    }

    /// Only the rows whose cell of a column is one of some.
    fn keep(&mut self, column: &str, wanted: &BTreeSet<String>) {
        let place = self.headers.iter().position(|name| name == column).expect("the column");
        self.records.retain(|record| wanted.contains(&record[place]));
    }

    fn all(&self, column: &str) -> BTreeSet<String> {
        self.cells([column]).map(|[cell]| cell.to_owned()).collect()
    }

    fn write(&self, path: &Path) {
        let mut writer = csv::Writer::from_path(path).expect("a file can be written");
        writer.write_record(&self.headers).expect("a row");
        self.records.iter().for_each(|record| writer.write_record(record).expect("a row"));
        writer.flush().expect("a file can be written");
    }
}

/// Writes what the sample day has of some stores to a directory: their receipts and deliveries, and what these name.
pub(crate) fn cut(stores: &[&str], into: &Path) {
    fs::create_dir_all(into).expect("a directory can be made");
    let wanted: BTreeSet<String> = stores.iter().map(|store| (*store).to_owned()).collect();
    let [mut suppliers, mut shops, mut items, mut deliveries, mut sales, mut tenders] =
        IMPORTED.map(|file| Rows::read(&directory().join(file)));
    for rows in [&mut shops, &mut deliveries, &mut sales, &mut tenders] {
        rows.keep("store_id", &wanted);
    }
    items.keep("item_id", &deliveries.all("item_id").union(&sales.all("item_id")).cloned().collect());
    suppliers.keep("supplier_id", &deliveries.all("supplier_id").union(&items.all("supplier_id")).cloned().collect());
    for (rows, file) in [suppliers, shops, items, deliveries, sales, tenders].iter().zip(IMPORTED) {
        rows.write(&into.join(file));
    }
}
