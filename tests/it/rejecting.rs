//! The `daybook` program as a process, with rows that are not right: it tells them, leaves them out, takes the rest, and
//! says so with its exit code.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output},
};

use daybook::query::v1::GetStoreDayRequest;

use crate::{
    given::sale::SOLD_ON,
    kills::process::own_program,
    world::{in_world, whole::WholeWorld},
};

/// Files in which some rows are wrong. The comment in front of each wrong row says what is.
const FILES: &[(&str, &[&str])] = &[
    (
        "suppliers.csv",
        &[
            "supplier_id,name",
            "69,Bakery",
            "2224,Farm",
            // 4: a blank in the id
            "6 9,Nobody",
        ],
    ),
    (
        "stores.csv",
        &[
            "store_id,name,time_zone,currency",
            "443,Store 443,America/New_York,USD",
            // 3: a zone of nowhere
            "444,Store 444,Mars/Base,USD",
        ],
    ),
    (
        "items.csv",
        &[
            "item_id,name,supplier_id,department,uom",
            "27334,Bread,69,GROCERY,EA",
            "CHEESE,Cheese,2224,DAIRY,KGM",
            // 4: a supplier that nobody knows
            "MILK,Milk,999,DAIRY,EA",
            // 5: a cell too few
            "EGG,Egg,69,DAIRY",
            // 6: a unit that nobody knows
            "HAM,Ham,69,MEAT,ELEPHANT",
        ],
    ),
    (
        "deliveries.csv",
        &[
            "store_id,supplier_id,delivery_note,delivered_at,item_id,quantity,unit_cost",
            "443,69,D-1,2017-01-02T09:00:00Z,27334,10,1.20",
            // 3: no number
            "443,69,D-2,2017-01-02T09:00:00Z,27334,ten,1.20",
            // 4: a day that is not
            "443,69,D-3,2017-02-30T09:00:00Z,27334,1,1.20",
            // 5: a supplier that nobody knows
            "443,999,D-4,2017-01-02T09:00:00Z,27334,1,1.20",
            // 6: a store that nobody knows
            "445,69,D-5,2017-01-02T09:00:00Z,27334,1,1.20",
            "443,2224,D-6,2017-01-02T09:00:00Z,CHEESE,5.5,8.99",
        ],
    ),
    (
        "sales.csv",
        &[
            "store_id,register_id,receipt_no,sold_at,item_id,quantity,gross_amount,discount_amount",
            "443,3,R-1,2017-01-02T15:30:00Z,27334,2,5.00,0.50",
            "443,3,R-1,2017-01-02T15:30:00Z,CHEESE,0.333,2.99,0.00",
            // 4: a tenth of a cent
            "443,3,R-2,2017-01-02T15:31:00Z,27334,1,2.505,0.00",
            // 5: a discount of more than the price
            "443,3,R-3,2017-01-02T15:32:00Z,27334,1,2.50,3.00",
            "443,3,R-4,2017-01-02T15:33:00Z,NEW,1,1.00,0.00",
            // 7: a store that nobody knows
            "446,3,R-5,2017-01-02T15:34:00Z,27334,1,2.50,0.00",
            // 8: paid 2.00 instead of 2.50
            "443,3,R-6,2017-01-02T15:35:00Z,27334,1,2.50,0.00",
            // 9: less than nothing
            "443,3,R-7,2017-01-02T15:36:00Z,27334,-1,2.50,0.00",
        ],
    ),
    (
        "tenders.csv",
        &[
            "store_id,receipt_no,tender,amount",
            "443,R-1,CARD,7.49",
            "443,R-4,CARD,1.00",
            "443,R-6,CARD,2.00",
            // 5: of a receipt that is not
            "443,R-9,CARD,1.00",
        ],
    ),
];

/// The rows of which each must be told with what is wrong.
const WRONG: &[(&str, &[u64])] = &[
    ("suppliers.csv", &[4]),
    ("stores.csv", &[3]),
    ("items.csv", &[4, 5, 6]),
    ("deliveries.csv", &[3, 4, 5, 6]),
    ("sales.csv", &[4, 5, 7, 8, 9]),
    ("tenders.csv", &[5]),
];

fn write(directory: &Path) {
    fs::create_dir(directory).unwrap();
    for (file, rows) in FILES {
        fs::write(directory.join(file), rows.join("\n") + "\n").unwrap();
    }
}

/// Runs the program to its end, in a directory.
async fn daybook(world: &WholeWorld, directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(own_program("daybook"));
    command.current_dir(directory).args(arguments);
    command.env("DAYBOOK_COMMAND_ENDPOINT", world.command.endpoint());
    command.env("DAYBOOK_QUERY_ENDPOINT", world.query.endpoint());
    let output = tokio::task::spawn_blocking(move || command.output()).await;
    output.expect("it does not panic").expect("the program can be started")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn rows_that_are_not_right_are_told_by_file_and_line_and_the_program_ends_with_two() {
    in_world(async |world| {
        let directory = tempfile::tempdir().unwrap();
        write(&directory.path().join("in"));
        let import = ["import", "in", "--rejects", "rejects.csv", "--format", "csv"];
        let ended = daybook(world, directory.path(), &import).await;
        assert_eq!(ended.status.code(), Some(2), "{}", errors(&ended));

        let mut rejects = csv::Reader::from_path(directory.path().join("rejects.csv")).unwrap();
        assert_eq!(rejects.headers().unwrap(), vec!["file", "line", "field", "reason", "message", "row"]);
        let mut told: BTreeSet<(String, u64)> = BTreeSet::new();
        for record in rejects.records() {
            let record = record.unwrap();
            assert!(!record[3].is_empty() && !record[4].is_empty(), "it says what would be right: {record:?}");
            told.insert((record[0].to_owned(), record[1].parse().unwrap()));
        }
        for (file, lines) in WRONG {
            for line in *lines {
                assert!(told.contains(&((*file).to_owned(), *line)), "{file}:{line} is told: {told:?}");
                assert!(errors(&ended).contains(&format!("{file}:{line}")), "{file}:{line}: {}", errors(&ended));
            }
        }
        let wrong: BTreeSet<(String, u64)> =
            WRONG.iter().flat_map(|(file, lines)| lines.iter().map(|line| ((*file).to_owned(), *line))).collect();
        // What else is told belongs to a receipt of which one row is wrong: the payment of R-6.
        let beside: Vec<_> = told.difference(&wrong).cloned().collect();
        assert!(beside.is_empty() || beside == [("tenders.csv".to_owned(), 4)], "{beside:?}");

        let head = world.head().await;
        assert_eq!(head, 2 + 1 + 2 + 2 + 2, "suppliers, store, items, deliveries, sales");
        let request = GetStoreDayRequest {
            store_id: "443".to_owned(),
            business_date: SOLD_ON.to_owned(),
            at_least_position: head,
        };
        let day = world.queries().store_days.get_store_day(request).await.unwrap().into_inner().store_day.unwrap();
        let sales = day.sales.unwrap();
        assert_eq!((sales.transactions, sales.lines, sales.net_minor, day.unknown_item_lines), (2, 3, 849, 1));
        assert_eq!(day.receiving.unwrap().received_cost_minor, 1_200 + 4_944);

        let again = daybook(world, directory.path(), &import).await;
        assert_eq!((again.status.code(), world.head().await), (Some(2), head), "nothing is recorded twice");
    });
}

#[test]
fn a_header_that_lacks_a_column_is_told_and_the_program_ends_with_two() {
    in_world(async |world| {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("in")).unwrap();
        fs::write(directory.path().join("in/suppliers.csv"), "supplier,title\n69,Bakery\n").unwrap();
        let ended = daybook(world, directory.path(), &["import", "in"]).await;
        assert_eq!(ended.status.code(), Some(2), "{}", errors(&ended));
        assert!(errors(&ended).contains("suppliers.csv:1"), "{}", errors(&ended));
        assert!(errors(&ended).contains("supplier_id"), "it says which column is missing: {}", errors(&ended));
        assert_eq!(world.head().await, 0);
    });
}

#[test]
fn a_clean_import_and_an_export_end_with_zero() {
    in_world(async |world| {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("in")).unwrap();
        fs::write(directory.path().join("in/suppliers.csv"), "supplier_id,name\n69,Bakery\n").unwrap();
        let imported = daybook(world, directory.path(), &["import", "in"]).await;
        assert_eq!((imported.status.code(), world.head().await), (Some(0), 1), "{}", errors(&imported));
        let exported = daybook(world, directory.path(), &["export", "out"]).await;
        assert_eq!(exported.status.code(), Some(0), "{}", errors(&exported));
        assert!(directory.path().join("out/stock.csv").exists());
        assert!(!directory.path().join("daybook-rejects.csv").exists(), "nothing was rejected");
    });
}
