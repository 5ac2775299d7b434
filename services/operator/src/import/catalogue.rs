//! Suppliers, stores and items: one command a row.

use std::path::Path;

use daybook::command::v1::{
    BulkRegisterItemsRequest, BulkRegisterStoresRequest, BulkRegisterSuppliersRequest, RegisterItemRequest,
    RegisterStoreRequest, RegisterSupplierRequest,
};
use indicatif::ProgressBar;

use super::{
    csv_file::{CsvFile, Layout},
    fault::{Fault, Refused},
    row::Row,
    source::{Command, Origin, Parsed, Sink, request_id},
};
use crate::error::Error;

pub(crate) static SUPPLIERS: Layout =
    Layout { file: "suppliers.csv", required: &["supplier_id", "name"], optional: &["gln"] };

pub(crate) static STORES: Layout =
    Layout { file: "stores.csv", required: &["store_id", "name", "time_zone", "currency"], optional: &["day_cut_off"] };

pub(crate) static ITEMS: Layout = Layout {
    file: "items.csv",
    required: &["item_id", "name", "supplier_id", "department", "uom"],
    optional: &["gtin"],
};

/// The category of an item whose department is empty: the contract asks for one.
const NO_DEPARTMENT: &str = "NO DEPARTMENT";

/// Units that goods are weighed or measured in: quantities have three decimals. All others are counted.
const MEASURED_UNITS: &[&str] = &[
    "CMK", "CMT", "FOT", "FTK", "GLI", "GLL", "GRM", "HUR", "INH", "KGM", "LBR", "LTR", "MGM", "MLT", "MMT", "MTK",
    "MTQ", "MTR", "ONZ", "OZA", "PT", "PTI", "PTL", "QT", "QTI", "QTL", "TNE", "YRD",
];

/// Reads suppliers.csv.
pub(crate) fn suppliers(
    directory: &Path,
    progress: &ProgressBar,
    sink: Sink<'_, BulkRegisterSuppliersRequest>,
) -> Result<(), Error> {
    each_row(directory, &SUPPLIERS, progress, sink, |row| {
        let mut supplier = RegisterSupplierRequest {
            request_id: String::new(),
            // The file says nothing of when: the service takes when it recorded it.
            occurred_at: None,
            supplier_id: row.cell("supplier_id").to_owned(),
            name: row.cell("name").to_owned(),
            gln: row.cell("gln").to_owned(),
        };
        supplier.request_id = request_id("supplier", &supplier);
        Ok(BulkRegisterSuppliersRequest { supplier: Some(supplier) })
    })
}

/// Reads stores.csv.
pub(crate) fn stores(
    directory: &Path,
    progress: &ProgressBar,
    sink: Sink<'_, BulkRegisterStoresRequest>,
) -> Result<(), Error> {
    each_row(directory, &STORES, progress, sink, |row| {
        let mut store = RegisterStoreRequest {
            request_id: String::new(),
            occurred_at: None,
            store_id: row.cell("store_id").to_owned(),
            name: row.cell("name").to_owned(),
            time_zone: row.cell("time_zone").to_owned(),
            cut_off_minutes: row.minutes("day_cut_off")?,
            currency_code: row.cell("currency").to_owned(),
            negative_stock_allowed: false,
        };
        store.request_id = request_id("store", &store);
        Ok(BulkRegisterStoresRequest { store: Some(store) })
    })
}

/// Reads items.csv.
pub(crate) fn items(
    directory: &Path,
    progress: &ProgressBar,
    sink: Sink<'_, BulkRegisterItemsRequest>,
) -> Result<(), Error> {
    each_row(directory, &ITEMS, progress, sink, |row| {
        let department = row.cell("department");
        let unit_code = row.cell("uom");
        let mut item = RegisterItemRequest {
            request_id: String::new(),
            occurred_at: None,
            item_id: row.cell("item_id").to_owned(),
            name: row.cell("name").to_owned(),
            gtin: row.cell("gtin").to_owned(),
            category: if department.is_empty() { NO_DEPARTMENT } else { department }.to_owned(),
            unit_code: unit_code.to_owned(),
            decimals: if MEASURED_UNITS.contains(&unit_code) { 3 } else { 0 },
            supplier_id: row.cell("supplier_id").to_owned(),
        };
        item.request_id = request_id("item", &item);
        Ok(BulkRegisterItemsRequest { item: Some(item) })
    })
}

/// Reads a file of which each row is a command.
fn each_row<M>(
    directory: &Path,
    layout: &'static Layout,
    progress: &ProgressBar,
    sink: Sink<'_, M>,
    mut message_of: impl FnMut(&Row) -> Result<M, Fault>,
) -> Result<(), Error> {
    let mut file = match CsvFile::open(directory, layout, progress.clone())? {
        None => return Ok(()),
        Some(Err(fault)) => return sink(Parsed::Refused(Refused::row(fault))),
        Some(Ok(file)) => file,
    };
    while let Some(row) = file.next_row()? {
        let message = row.problem().map_or_else(|| message_of(&row), Err);
        sink(match message {
            Ok(message) => {
                Parsed::Command(Command { message, origin: Origin { rows: vec![row], tenders: Vec::new() } })
            }
            Err(fault) => Parsed::Refused(Refused::row(fault)),
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use daybook::{ids::RequestId, quantity};

    use super::{super::testing::*, *};

    #[test]
    fn measured_units_are_units() {
        assert!(MEASURED_UNITS.is_sorted());
        assert!(MEASURED_UNITS.iter().all(|unit| quantity::is_unit_code(unit)));
    }

    #[test]
    fn an_item_gets_decimals_by_its_unit_and_a_category_always() {
        let directory = directory(&[(
            "items.csv",
            "item_id,name,supplier_id,department,uom\n1,Fuel,69,FUEL,GLL\n2,Bread,69,,EA\n",
        )]);
        let (commands, faults) = read(|sink| items(directory.path(), &ProgressBar::hidden(), sink));
        assert!(faults.is_empty());
        let of = |index: usize| commands[index].message.item.clone().unwrap();
        assert_eq!((of(0).decimals, of(0).category.as_str()), (3, "FUEL"));
        assert_eq!((of(1).decimals, of(1).category.as_str()), (0, "NO DEPARTMENT"));
    }

    #[test]
    fn the_same_row_has_the_same_request_id_wherever_it_stands() {
        let ids = |text: &str| {
            let directory = directory(&[("suppliers.csv", text)]);
            let (commands, _) = read(|sink| suppliers(directory.path(), &ProgressBar::hidden(), sink));
            commands.into_iter().map(|command| command.message.supplier.unwrap().request_id).collect::<Vec<_>>()
        };
        let one = ids("supplier_id,name\n69,M\n70,N\n");
        let other = ids("name,supplier_id\nN,70\nM,69\n");
        assert_eq!(one, [other[1].clone(), other[0].clone()]);
        assert!(RequestId::parse(&one[0]).is_ok());
        assert_ne!(one[0], ids("supplier_id,name\n69,Other\n")[0]);
    }

    #[test]
    fn a_wrong_row_is_named_and_the_rest_goes_in() {
        let text = "store_id,name,time_zone,currency,day_cut_off\n\
                    1,One,UTC,USD,4 am\n\
                    2,Two,UTC,USD\n\
                    3,Three,UTC,USD,04:00\n";
        let directory = directory(&[("stores.csv", text)]);
        let (commands, faults) = read(|sink| stores(directory.path(), &ProgressBar::hidden(), sink));
        assert_eq!(commands.len(), 1);
        assert_eq!(commands[0].message.store.clone().unwrap().cut_off_minutes, 240);
        assert_eq!(
            faults,
            [
                "stores.csv:2: day_cut_off: must be a time HH:MM from 00:00 to 23:59, not \"4 am\"",
                "stores.csv:3: the row must have 5 fields as the header has, not 4",
            ]
        );
    }

    #[test]
    fn a_missing_file_is_nothing_to_do_and_a_wrong_header_is_one_fault() {
        let directory = directory(&[("suppliers.csv", "id,name\n1,a\n2,b\n")]);
        let (commands, faults) = read(|sink| suppliers(directory.path(), &ProgressBar::hidden(), sink));
        assert!(commands.is_empty());
        assert_eq!(faults.len(), 1);
        assert!(faults[0].starts_with("suppliers.csv:1: the header must have supplier_id,name and may have gln ("));
        let (commands, faults) = read(|sink| items(directory.path(), &ProgressBar::hidden(), sink));
        assert!(commands.is_empty() && faults.is_empty());
    }
}
