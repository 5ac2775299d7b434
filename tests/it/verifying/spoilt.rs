//! What was spoilt behind Daybook's back is found, named and nothing else.

use daybook_operator::verify::{Difference, VerifyOptions};
use jiff::civil::date;
use mongodb::bson::{Document, doc};

use super::{assert_equal, documents, spoil, verified};
use crate::{
    given::catalogue::{BAKER, BERLIN, BREAD, FARMER, NEW_YORK},
    reports::scenario::{self, DAY},
    world::in_world,
};

fn found(report: &str, document: &str, field: &str, expected: &str, found: &str) -> Difference {
    let text = str::to_owned;
    Difference {
        report: text(report),
        document: text(document),
        field: text(field),
        expected: text(expected),
        found: text(found),
    }
}

#[test]
fn documents_and_tables_are_what_the_log_says() {
    in_world(async |world| {
        let position = scenario::happen(world).await;
        let summary = verified(world, &VerifyOptions::all()).await;
        assert_equal(&summary);
        assert_eq!(summary.position, position);
        // Two stores, three suppliers and nobody's, and all that moved.
        let equal = |report: &str| summary.compared[report].equal;
        assert_eq!((equal("store_days"), equal("supplier_days"), equal("stock")), (2, 3, 6));
        assert!(equal("table rows") > 15, "{summary:?}");
    });
}

#[test]
fn a_spoilt_document_is_named_with_its_field_and_no_other_is() {
    in_world(async |world| {
        scenario::happen(world).await;
        assert_equal(&verified(world, &VerifyOptions::all()).await);

        let berlin = format!("{DAY}|{BERLIN}");
        spoil(world, "g1_store_days", &berlin, doc! { "$inc": { "sales.g": 1 } }).await;
        let summary = verified(world, &VerifyOptions::all()).await;
        assert_eq!(summary.differences, [found("store_days", &berlin, "sales.gross_minor", "210", "211")]);
        assert_eq!(summary.compared["store_days"].different, 1);

        // Other scopes do not have it; its own do.
        let other = VerifyOptions { store: Some(NEW_YORK.to_owned()), ..VerifyOptions::all() };
        assert_equal(&verified(world, &other).await);
        let supplier = VerifyOptions { supplier: Some(BAKER.to_owned()), ..VerifyOptions::all() };
        assert_equal(&verified(world, &supplier).await);
        let later = VerifyOptions { from: Some(date(2017, 1, 3)), ..VerifyOptions::all() };
        assert_equal(&verified(world, &later).await);
        let store = VerifyOptions { store: Some(BERLIN.to_owned()), ..VerifyOptions::all() };
        assert_eq!(verified(world, &store).await.differences.len(), 1);
        let sample = VerifyOptions { sample: Some(1_000), ..VerifyOptions::all() };
        assert_eq!(verified(world, &sample).await.differences.len(), 1);
    });
}

#[test]
fn documents_that_are_missing_or_should_not_be_there_are_found() {
    in_world(async |world| {
        scenario::happen(world).await;
        assert_equal(&verified(world, &VerifyOptions::all()).await);
        let documents = documents(world).await;

        let days = documents.collection::<Document>("g1_supplier_days");
        let farmer = format!("{DAY}|{FARMER}");
        let mut day = days.find_one_and_delete(doc! { "_id": &farmer }).await.unwrap().expect("the day is there");
        day.insert("_id", "2017-01-05|2224");
        day.insert("date", "2017-01-05");
        days.insert_one(day).await.unwrap();

        let summary = verified(world, &VerifyOptions::all()).await;
        let expected = [
            found("supplier_days", "2017-01-05|2224", "", "absent", "present"),
            found("supplier_days", &farmer, "", "present", "absent"),
        ];
        let mut differences = summary.differences;
        differences.sort_by(|a, b| b.document.cmp(&a.document));
        assert_eq!(differences, expected);
    });
}

#[test]
fn a_document_that_cannot_be_read_is_named() {
    in_world(async |world| {
        let position = scenario::happen(world).await;
        world.reported(position).await;
        let berlin = format!("{DAY}|{BERLIN}");
        spoil(world, "g1_store_days", &berlin, doc! { "$set": { "sales": "none" } }).await;
        let summary = verified(world, &VerifyOptions::all()).await;
        let [difference] = summary.differences.as_slice() else { panic!("{summary:#?}") };
        assert_eq!((difference.document.as_str(), difference.expected.as_str()), (berlin.as_str(), "an answer"));
        assert_eq!(summary.compared["store_days"].equal, 1);
    });
}

#[test]
fn a_spoilt_row_is_named() {
    in_world(async |world| {
        scenario::happen(world).await;
        let owner = world.database.owner().await;
        let sql = format!("INSERT INTO stock VALUES ('{BERLIN}', '{BREAD}', 1, 0)");
        owner.batch_execute(&sql).await.unwrap();
        owner.batch_execute("DELETE FROM items WHERE item_id = '6534178'").await.unwrap();
        let summary = verified(world, &VerifyOptions::all()).await;
        let row = format!("{BERLIN}|{BREAD}");
        assert_eq!(
            summary.differences,
            [
                found("table stock", &row, "on_hand_milli", "-1000", "-999"),
                found("table items", "6534178", "", "present", "absent"),
            ]
        );
    });
}
