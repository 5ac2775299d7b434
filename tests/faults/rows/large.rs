//! Row 14: a report grows beyond what one document of MongoDB can hold.

use std::{collections::HashSet, time::Duration};

use daybook::{
    command::v1::{RecordDeliveryLine, RecordDeliveryRequest},
    query::v1::{DateRange, StreamSupplierDaysRequest, stream_supplier_days_response::Part as Streamed},
};
use daybook_faults::{
    Outcome,
    shop::{draw::Expected, message::Message},
    trial::{Setup, Trial},
};
use prost::Message as _;
use tokio_util::sync::CancellationToken;
use tonic::Request;

use crate::run;

/// The supplier and the day of the report.
const SUPPLIER: &str = "12";
const DATE: &str = "2017-01-09";

/// Noon of that day in New York, in seconds since 1970.
const AT_SECONDS: i64 = 1_483_981_200;

/// Stores that take the goods: the stock of each stays within its documents.
const STORES: [&str; 2] = ["101", "102"];

/// The most lines of a delivery, and the deliveries.
const LINES: usize = 5_000;
const DELIVERIES: usize = 48;

/// Deliveries between two looks at how far the reports are, and their lines.
const DELIVERIES_AT_ONCE: usize = 8;
const LINES_AT_ONCE: u64 = (DELIVERIES_AT_ONCE * LINES) as u64;

/// What a document of MongoDB can hold.
const DOCUMENT_BYTES: usize = 16 * 1024 * 1024;

/// How long the whole report may take to be streamed, by a build without optimisation.
const STREAM_TIMEOUT: Duration = Duration::from_secs(60);

#[test]
fn row_14_a_report_grows_beyond_16_mb_and_is_served_whole() {
    run(async {
        let mut trial = Trial::begin(Setup { registers: 4, readers: 1, ..Setup::new("row 14", 14) }).await?;
        let mut office = trial.load.office(trial.cluster.links.front.port())?;
        let mut ids = HashSet::new();
        for number in 0..DELIVERIES {
            let message = delivery(number, office.request_id());
            ids.extend(message.lines.iter().map(|line| line.item_id.clone()));
            office.bring(Message::Delivery(message), Expected::Recorded, &CancellationToken::new()).await?;
            // The others go on meanwhile.
            if number % DELIVERIES_AT_ONCE == DELIVERIES_AT_ONCE - 1 {
                let recovery = trial.recovered_from(LINES_AT_ONCE).await?;
                println!("row 14: after {} deliveries: {recovery:?}", number + 1);
            }
        }
        let bytes: usize = ids.iter().map(String::len).sum();
        if bytes + ids.len() * size_of::<i64>() <= DOCUMENT_BYTES {
            return Err(format!("{} items are not large enough", ids.len()).into());
        }
        let recovery = trial.recovered().await?;
        let (served, encoded) = streamed(&trial).await?;
        println!("row 14: {} items, {encoded} bytes as served; {recovery:?}", served.len());
        if !ids.is_subset(&served) {
            return Err(format!("{} items were sent, {} are served", ids.len(), served.len()).into());
        }
        trial.end().await.map(drop)
    });
}

/// A delivery of goods that no other has, with ids as long as they may be.
fn delivery(number: usize, request_id: String) -> RecordDeliveryRequest {
    let lines = (1..).take(LINES).map(|sequence: i32| RecordDeliveryLine {
        sequence,
        item_id: format!("{:x<64}", format!("I{number}-{sequence}-")),
        delivered_milli: 1_000,
        accepted_milli: 1_000,
        unit_cost_minor: 10,
        ..Default::default()
    });
    RecordDeliveryRequest {
        request_id,
        occurred_at: Some(prost_types::Timestamp { seconds: AT_SECONDS, nanos: 0 }),
        store_id: STORES.get(number % STORES.len()).copied().unwrap_or_default().to_owned(),
        supplier_id: SUPPLIER.to_owned(),
        document_number: format!("LARGE-{number}"),
        currency_code: String::new(),
        lines: lines.collect(),
    }
}

/// The items of the report, each once, and the bytes of all.
async fn streamed(trial: &Trial) -> Outcome<(HashSet<String>, usize)> {
    let mut client = trial.cluster.queries()?.supplier_days;
    let mut request = Request::new(StreamSupplierDaysRequest {
        dates: Some(DateRange { from_date: DATE.to_owned(), to_date: DATE.to_owned() }),
        supplier_ids: vec![SUPPLIER.to_owned()],
        include_items: true,
        at_least_position: 0,
    });
    request.set_timeout(STREAM_TIMEOUT);
    let mut stream = client.stream_supplier_days(request).await?.into_inner();
    let (mut served, mut bytes) = (HashSet::new(), 0);
    while let Some(message) = tokio::time::timeout(STREAM_TIMEOUT, stream.message()).await?? {
        let Some(Streamed::Items(page)) = message.part else { continue };
        for item in page.items {
            bytes += item.encoded_len();
            if !served.insert(item.item_id.clone()) {
                return Err(format!("item {} is served twice", item.item_id).into());
            }
        }
    }
    Ok((served, bytes))
}
