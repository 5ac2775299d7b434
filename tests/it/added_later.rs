//! A report that is added when the documents of the others are there already: the committed day by category.

use std::{collections::BTreeMap, time::Duration};

use daybook::{
    client::QueryClient,
    query::v1::{
        CategoryDay, CategoryFigures, DateRange, GetCategoryDayRequest, GetProjectionStatusRequest, GetStoreDayRequest,
        ReportStatus, StreamCategoryDaysRequest,
    },
};
use daybook_operator::{
    Endpoints, Format,
    report::{At, CategoryDayOptions, WhichReport, report},
    verify::VerifyOptions,
};
use mongodb::bson::{Document, doc};
use prost::Message as _;
use tonic::{Code, Request};

use crate::{
    day::{imported, sample},
    verifying::{assert_equal, documents, verified},
    world::{
        gate::Gate,
        in_world,
        until::{answered, until},
        whole::WholeWorld,
    },
};

const NEW: &str = "category_days";
const DATE: &str = "2017-01-02";

/// How far each report is.
async fn reports(queries: &QueryClient) -> BTreeMap<String, ReportStatus> {
    let status = queries.projection.clone().get_projection_status(GetProjectionStatusRequest::default()).await;
    let reports = status.expect("the status").into_inner().reports;
    reports.into_iter().map(|report| (report.report.clone(), report)).collect()
}

fn position(report: &ReportStatus) -> i64 {
    report.as_of.map_or(0, |as_of| as_of.position)
}

/// All days by category, and the least position that they are true as of.
async fn streamed(queries: &QueryClient, at_least: i64) -> (Vec<CategoryDay>, i64) {
    let request = StreamCategoryDaysRequest {
        dates: Some(DateRange { from_date: DATE.to_owned(), to_date: DATE.to_owned() }),
        store_ids: Vec::new(),
        at_least_position: at_least,
    };
    let mut stream = queries.category_days.clone().stream_category_days(request).await.expect("days").into_inner();
    let (mut days, mut as_of) = (Vec::new(), i64::MAX);
    while let Some(answer) = stream.message().await.expect("days") {
        as_of = as_of.min(answer.as_of.expect("an answer says as of when").position);
        days.push(answer.category_day.expect("a day"));
    }
    (days, as_of)
}

/// Makes the documents look as they did before there was the report.
async fn forget(world: &WholeWorld) {
    let documents = documents(world).await;
    documents.collection::<Document>("g1_category_days").drop().await.expect("it can be dropped");
    let checkpoints = documents.collection::<Document>("daybook_meta");
    let update = doc! { "$pull": { "reports": NEW } };
    let done = checkpoints.update_many(doc! { "reports": NEW }, update).await.expect("MongoDB takes it");
    assert_eq!(done.modified_count, 1, "the report is followed");
}

/// A row: store and category, then quantity, gross, discount and net, as they are written in the files.
type Rows = BTreeMap<(String, String), [i64; 4]>;

/// What the independently computed totals of the items say, by the department of each item.
fn expected() -> Rows {
    let rows = |path: &str| -> Vec<BTreeMap<String, String>> {
        csv::Reader::from_path(sample().join(path)).unwrap().deserialize().map(|row| row.unwrap()).collect()
    };
    let items = rows("items.csv").into_iter().map(|mut row| (row.remove("item_id"), row.remove("department")));
    let departments: BTreeMap<_, _> = items.collect();
    let mut sums = Rows::new();
    for row in rows("expected/store_day_items.csv") {
        assert_eq!(row["business_date"], DATE);
        let department = departments[&Some(row["item_id"].clone())].clone().expect("an item has a department");
        let sum = sums.entry((row["store_id"].clone(), department)).or_default();
        for (sum, (name, decimals)) in
            sum.iter_mut().zip([("quantity_sold", 3), ("gross_sales", 2), ("discounts", 2), ("net_sales", 2)])
        {
            *sum += scaled(&row[name], decimals);
        }
    }
    // Where nothing was sold there is no report.
    sums.retain(|_, sum| *sum != [0; 4]);
    sums
}

fn scaled(text: &str, decimals: usize) -> i64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<decimals$}").parse().unwrap()
}

fn found(days: &[CategoryDay]) -> Rows {
    let mut rows = Rows::new();
    for day in days {
        assert_eq!((day.business_date.as_str(), day.currency_code.as_str(), day.incomplete), (DATE, "USD", false));
        for figures in &day.categories {
            let CategoryFigures { category, quantity_sold_milli, gross_minor, discount_minor, net_minor, .. } = figures;
            let key = (day.store_id.clone(), category.clone());
            rows.insert(key, [*quantity_sold_milli, *gross_minor, *discount_minor, *net_minor]);
        }
    }
    rows
}

#[test]
fn a_report_that_is_added_later_is_folded_from_the_log_and_right_to_the_cent() {
    in_world(async |world| {
        let scratch = tempfile::tempdir().unwrap();
        let (summary, notices) = imported(world, &sample(), &scratch.path().join("rejects.csv")).await;
        assert_eq!(summary.rejected(), 0, "{notices:?}");
        let (head, queries) = (summary.last_position, world.queries());
        world.reported(head).await;
        assert_eq!(found(&streamed(&queries, head).await.0), expected());

        world.projector.tell_to_stop();
        world.projector.ended().await;
        forget(world).await;
        // It is not known how far a report is that nobody follows: so it is not answered.
        let stored = world.another_query_of_documents_only().await;
        let queries = QueryClient::new(stored.channel());
        assert!(!reports(&queries).await.contains_key(NEW));
        let asked = || GetCategoryDayRequest {
            store_id: "443".to_owned(),
            business_date: DATE.to_owned(),
            at_least_position: 0,
        };
        let refused = queries.category_days.clone().get_category_day(asked()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable, "{refused}");

        // Killed in the middle, it stays where it is, and says so. It gets half of the log, so that it is not through before.
        let log: usize = world.log().await.iter().map(|event| event.encoded_len()).sum();
        let gate = Gate::before(world.command.port(), log / 2).await;
        let killed = world.projector_behind(&gate).await;
        until("the new report is on its way", async || {
            reports(&queries).await.remove(NEW).filter(|report| position(report) > 0)
        })
        .await;
        killed.kill().await;
        let halfway = reports(&queries).await;
        let reached = position(&halfway[NEW]);
        assert!(halfway[NEW].is_catching_up && (1..head).contains(&reached), "{halfway:?}");
        assert!(
            halfway
                .values()
                .filter(|report| report.report != NEW)
                .all(|report| { position(report) == head && !report.is_catching_up })
        );
        // The others are answered as ever; this one as of where it is, and not before it is where it is asked for.
        let day =
            GetStoreDayRequest { store_id: "443".to_owned(), business_date: DATE.to_owned(), at_least_position: head };
        queries.store_days.clone().get_store_day(day).await.expect("store-days are served");
        let (days, as_of) = streamed(&queries, 0).await;
        assert!(days.is_empty() || (reached..head).contains(&as_of), "{as_of}");
        let waiting = async || {
            let mut request = Request::new(GetCategoryDayRequest { at_least_position: head, ..asked() });
            request.set_timeout(Duration::from_secs(3));
            queries.category_days.clone().get_category_day(request).await
        };
        let refused = answered(waiting).await.unwrap_err();
        assert_eq!(refused.code(), Code::DeadlineExceeded, "{refused}");

        let projector = world.another_projector_in_small_batches().await;
        // A verification waits for it.
        assert_equal(&verified(world, &VerifyOptions::all()).await);
        assert!(!reports(&queries).await[NEW].is_catching_up);
        let (days, as_of) = streamed(&queries, head).await;
        assert_eq!((found(&days), as_of), (expected(), head));
        let endpoints = Endpoints {
            command: Some(world.command.endpoint()),
            query: Some(world.query.endpoint()),
            ..Endpoints::default()
        };
        let status = daybook_operator::status::status(&endpoints).await.expect("the status");
        assert!(status.reports.iter().all(|report| report.position == head && !report.is_catching_up), "{status:?}");
        let options = CategoryDayOptions {
            store: "443".to_owned(),
            date: "2017-01-02".parse().unwrap(),
            at: At { at_least_position: head },
        };
        let mut out = Vec::new();
        let which = WhichReport::CategoryDay(options);
        report(&endpoints, &which, Format::Csv, &mut out).await.expect("a report");
        let rows = String::from_utf8(out).unwrap();
        let of_store = expected().into_keys().filter(|(store, _)| store == "443").map(|(_, category)| category);
        let written: Vec<_> = rows.lines().skip(1).map(|row| row.split(',').next().unwrap().to_owned()).collect();
        assert_eq!(written, of_store.collect::<Vec<_>>(), "{rows}");
        projector.stop().await.unwrap();
        stored.stop().await.unwrap();
    });
}
