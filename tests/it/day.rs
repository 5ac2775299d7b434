//! The committed trading day, in through the `daybook` program and out again.

use std::{
    fs,
    path::{Path, PathBuf},
};

use daybook_operator::{
    Endpoints, Notices,
    export::{ExportOptions, export},
    import::{ImportOptions, Summary, import},
};

use crate::{
    tables,
    world::{in_world, whole::WholeWorld},
};

/// Where the day is.
pub(crate) fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sample/grocery-day")
}

fn endpoints(world: &WholeWorld) -> Endpoints {
    Endpoints { command: Some(world.command.endpoint()), query: Some(world.query.endpoint()), ..Endpoints::default() }
}

pub(crate) async fn imported(world: &WholeWorld, directory: &Path, rejects: &Path) -> (Summary, Vec<String>) {
    let notices = Notices::kept();
    let options = ImportOptions { rejects: rejects.to_owned(), ..ImportOptions::of(directory) };
    let summary = import(&endpoints(world), &options, &notices).await.expect("the day can be imported");
    (summary, notices.take())
}

async fn exported(world: &WholeWorld, directory: &Path) -> tables::Tables {
    let notices = Notices::kept();
    export(&endpoints(world), &ExportOptions::to(directory), &notices).await.expect("the reports can be exported");
    tables::read(directory)
}

#[test]
fn the_committed_day_comes_out_right_in_every_cell_and_importing_it_again_changes_nothing() {
    in_world(async |world| {
        let scratch = tempfile::tempdir().unwrap();
        let rejects = scratch.path().join("rejects.csv");
        let (first, notices) = imported(world, &sample(), &rejects).await;
        assert_eq!(first.rejected(), 0, "{notices:?}");
        for (kind, accepted) in
            [("suppliers", 1_586), ("stores", 138), ("items", 11_971), ("deliveries", 11_487), ("sales", 394)]
        {
            let kind = first.kind(kind).unwrap();
            assert_eq!((kind.accepted, kind.duplicate), (accepted, 0), "{}", kind.kind);
        }
        let expected = tables::read(&sample().join("expected"));
        tables::assert_same(&exported(world, &scratch.path().join("first")).await, &expected);

        let head = world.head().await;
        assert_eq!(head, first.last_position);
        let (second, _) = imported(world, &sample(), &rejects).await;
        assert!(second.kinds.iter().all(|kind| (kind.accepted, kind.rejected) == (0, 0)), "{second:?}");
        assert_eq!(second.kind("sales").unwrap().duplicate, 394);
        assert_eq!(world.head().await, head);
        tables::assert_same(&exported(world, &scratch.path().join("second")).await, &expected);
        assert!(!rejects.exists());
    });
}

#[test]
fn malformed_rows_are_reported_by_file_and_line_and_the_rest_goes_in() {
    in_world(async |world| {
        let scratch = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(scratch.path().join(name), text).unwrap();
        write("suppliers.csv", "supplier_id,name\n69,Maker\n");
        write("stores.csv", "store_id,name,time_zone,currency\n1,One,America/New_York,USD\n2,Two,Mars/Base,USD\n");
        write("items.csv", "item_id,name,supplier_id,department,uom\n7,Beans,69,GROCERY,EA\n8,Peas,404,GROCERY,EA\n");
        write(
            "deliveries.csv",
            "store_id,supplier_id,delivery_note,delivered_at,item_id,quantity,unit_cost\n\
             1,69,D1,2017-01-02T09:00:00Z,7,10,1.00\n\
             1,69,D2,2017-13-02T09:00:00Z,7,10,1.00\n",
        );
        write(
            "sales.csv",
            "store_id,register_id,receipt_no,sold_at,item_id,quantity,gross_amount,discount_amount\n\
             1,1,R1,2017-01-02T15:00:00Z,7,2,3.00,0.50\n\
             1,1,R2,2017-01-02T15:01:00Z,7,x,3.00,0.00\n\
             9,1,R3,2017-01-02T15:02:00Z,7,1,1.00,0.00\n\
             1,1,R4,2017-01-02T15:03:00Z,404,1,1.00,0.00\n",
        );
        write(
            "tenders.csv",
            "store_id,receipt_no,tender,amount\n1,R1,CARD,2.50\n1,R2,CARD,3.00\n9,R3,CARD,1.00\n1,R4,CARD,1.00\n",
        );
        let rejects = scratch.path().join("rejects.csv");
        let (summary, notices) = imported(world, scratch.path(), &rejects).await;
        let counted =
            |kind: &str| summary.kind(kind).map(|kind| (kind.accepted, kind.rejected, kind.warnings)).unwrap();
        assert_eq!(counted("stores"), (1, 1, 0));
        assert_eq!(counted("items"), (1, 1, 0));
        assert_eq!(counted("deliveries"), (1, 1, 0));
        assert_eq!(counted("sales"), (2, 2, 1));
        for place in ["stores.csv:3", "items.csv:3", "deliveries.csv:3", "sales.csv:3", "sales.csv:4", "sales.csv:5"] {
            assert!(notices.iter().any(|notice| notice.contains(place)), "{place} is not named: {notices:?}");
        }
        let mut rejected = csv::Reader::from_path(&rejects).unwrap();
        let places: Vec<String> =
            rejected.records().map(|row| row.unwrap()).map(|row| format!("{}:{}", &row[0], &row[1])).collect();
        for place in ["stores.csv:3", "items.csv:3", "deliveries.csv:3", "sales.csv:3", "sales.csv:4"] {
            assert!(places.iter().any(|found| found == place), "{place} is not among the rejects: {places:?}");
        }
        let tables = exported(world, &scratch.path().join("out")).await;
        assert_eq!(tables["store_days.csv"].1, ["1,2017-01-02,2,2,4.00,0.50,3.50,0.00,1,10.00"]);
        assert_eq!(tables["stock.csv"].1, ["1,404,-1", "1,7,8"]);
    });
}
