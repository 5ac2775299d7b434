//! What a register stored while it was offline goes in over one stream, sale by sale.

use std::time::Duration;

use daybook::{
    command::v1::{RecordSaleRequest, UploadSalesRequest, sale_service_client::SaleServiceClient},
    reason,
};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, transport::Endpoint};

use crate::{
    given::{
        answer::{accepted_in, again, rejected_in},
        catalogue::{self, BERLIN, BREAD, UNHEARD_OF},
        sale::Sale,
    },
    world::in_write_side,
};

/// A message that cannot be sent for so long is held back.
const HELD_BACK: Duration = Duration::from_secs(2);

/// Answers that may be under way to the register: what HTTP/2 allows unless somebody says otherwise.
const WINDOW_BYTES: u32 = 65_535;

/// Sales that are sent to a service whose answers nobody reads.
const SENT: usize = 6_000;

/// The most of them that the service may record: 256 are unanswered, and what fits into the windows of the connection
/// between is answered.
const RECORDED: i64 = 2_000;

#[test]
fn each_sale_of_an_upload_is_answered_on_its_own_and_in_order() {
    in_write_side(async |world| {
        let commands = world.commands();
        let head = catalogue::register(&commands).await;
        let good = |number: &str| Sale::new(number).line(BREAD, 1_000, 250).build();
        let earlier = commands.sell(good("R-0")).await.unwrap();
        let mut sales: Vec<RecordSaleRequest> = Vec::new();
        for round in 0..60 {
            let first = good(&format!("R-{round}-a"));
            let mut unpaid = good(&format!("R-{round}-b"));
            unpaid.tenders.clear();
            let mut nowhere = good(&format!("R-{round}-c"));
            nowhere.store_id = "nowhere".to_owned();
            let clash = Sale::new(&format!("R-{round}-a")).line(BREAD, 2_000, 500).build();
            let elsewhere = Sale::new("R-x").in_store(BERLIN).by(&format!("{round}"), "").line(UNHEARD_OF, 1_000, 1);
            sales.extend([first.clone(), unpaid, nowhere, first, good("R-0"), clash, elsewhere.build()]);
            sales.push(RecordSaleRequest::default());
        }
        let outcomes = commands.upload(sales.clone()).await.unwrap();
        assert_eq!(outcomes.len(), sales.len());
        for (sale, outcome) in sales.iter().zip(&outcomes) {
            assert_eq!(outcome.request_id, sale.request_id, "in the order of the messages");
        }
        let mut position = head + 1;
        for round in outcomes.chunks_exact(8) {
            let [first, unpaid, nowhere, repeated, known, clash, elsewhere, empty] = round else { unreachable!() };
            let first = accepted_in(first.clone());
            position += 1;
            assert_eq!((first.position, first.duplicate), (position, false));
            let unpaid = rejected_in(unpaid.clone());
            assert_eq!(unpaid.why(), (Code::InvalidArgument, reason::TENDER_MISMATCH));
            assert_eq!(unpaid.fields, ["tenders"]);
            let nowhere = rejected_in(nowhere.clone());
            assert_eq!(nowhere.why(), (Code::FailedPrecondition, reason::UNKNOWN_STORE));
            assert_eq!(accepted_in(repeated.clone()), again(&first));
            assert_eq!(accepted_in(known.clone()), again(&earlier));
            assert_eq!(rejected_in(clash.clone()).why(), (Code::AlreadyExists, reason::DUPLICATE_RECEIPT));
            let elsewhere = accepted_in(elsewhere.clone());
            position += 1;
            assert_eq!((elsewhere.position, elsewhere.warnings.len()), (position, 1));
            let empty = rejected_in(empty.clone());
            assert_eq!(empty.why(), (Code::InvalidArgument, reason::INVALID_REQUEST));
            let all = ["request_id", "occurred_at", "store_id", "register_id", "receipt_number", "lines"];
            assert_eq!(empty.fields, all);
        }
        assert_eq!(world.head().await, position);
    });
}

#[test]
fn an_uploader_who_reads_no_answers_is_held_back_until_he_does() {
    in_write_side(async |world| {
        let commands = world.commands();
        let head = catalogue::register(&commands).await;
        let sales: Vec<_> = (0..SENT)
            .map(|nth| {
                let lines = (0..12).fold(Sale::new(&format!("R-{nth}")), |sale, _| sale.line(BREAD, 1_000, 250));
                lines.build()
            })
            .collect();
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        let channel = Endpoint::from_shared(world.command.endpoint()).unwrap().initial_stream_window_size(WINDOW_BYTES);
        let mut client = SaleServiceClient::new(channel.connect().await.unwrap());
        let mut answers = client.upload_sales(ReceiverStream::new(receiver)).await.unwrap().into_inner();
        let mut held_back = None;
        for (sent, sale) in sales.iter().enumerate() {
            let message = UploadSalesRequest { sale: Some(sale.clone()) };
            if timeout(HELD_BACK, sender.send(message)).await.is_err() {
                held_back = Some(sent);
                break;
            }
        }
        let sent = held_back.expect("the service does not take everything from somebody who reads nothing");
        let recorded = world.head().await - head;
        assert!((256..=RECORDED).contains(&recorded), "{recorded} of {sent} sales that were sent");

        let rest: Vec<_> = sales[sent..].to_vec();
        let sending = async move {
            for sale in rest {
                sender.send(UploadSalesRequest { sale: Some(sale) }).await.expect("the stream goes on");
            }
        };
        let reading = async {
            for sale in &sales {
                let outcome = answers.message().await.unwrap().expect("an answer to each").outcome.unwrap();
                assert_eq!(outcome.request_id, sale.request_id);
                assert!(!accepted_in(outcome).duplicate);
            }
            assert!(answers.message().await.unwrap().is_none());
        };
        tokio::join!(sending, reading);
        assert_eq!(world.head().await - head, i64::try_from(SENT).unwrap());
    });
}
