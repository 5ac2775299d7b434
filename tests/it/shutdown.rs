//! SIGTERM in the middle of work: what is in hand is finished within the budget, and nothing that was acknowledged is lost.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use daybook::{
    client::{CommandClient, QueryClient},
    command::v1::{RecordSaleRequest, UploadSalesRequest, outcome},
    event::v1::{FollowEventsRequest, ReadEventsRequest},
    query::v1::GetProjectionStatusRequest,
};
use daybook_chassis::server::SHUTDOWN_BUDGET;
use tokio::{net::TcpStream, task::JoinSet};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Request;

use crate::{
    given::{
        catalogue::{self, BREAD, CHEESE},
        commands::Commands,
        sale::Sale,
    },
    process::deployment::{Deployment, Part, Servers},
    world::{run, until::until},
};

/// How much longer than the budget of its connections a service may take: its queue is drained after them.
const GRACE: Duration = Duration::from_secs(6);

/// Callers that sell one by one, and registers that upload.
const TILLS: usize = 12;
const REGISTERS: usize = 4;

/// Acknowledged commands after which the service is told to stop.
const ENOUGH: usize = 300;

/// Request ids of what was acknowledged, with the positions that were told.
type Acknowledged = BTreeMap<String, i64>;

fn sale(number: &str) -> RecordSaleRequest {
    Sale::new(number).line(BREAD, 1_000, 250).line(CHEESE, 250, 224).build()
}

/// Sells until the service does not take any more.
async fn sell(commands: Commands, till: usize, count: Arc<AtomicUsize>) -> Acknowledged {
    let mut acknowledged = Acknowledged::new();
    for nth in 0.. {
        let sale = sale(&format!("T-{till}-{nth}"));
        let Ok(accepted) = commands.sell(sale.clone()).await else { break };
        acknowledged.insert(sale.request_id, accepted.position);
        count.fetch_add(1, Ordering::Relaxed);
    }
    acknowledged
}

/// Uploads until the service ends the stream.
async fn upload(mut client: CommandClient, register: usize, count: Arc<AtomicUsize>) -> Acknowledged {
    let (sender, receiver) = tokio::sync::mpsc::channel(64);
    let sending = tokio::spawn(async move {
        for nth in 0.. {
            let message = UploadSalesRequest { sale: Some(sale(&format!("U-{register}-{nth}"))) };
            if sender.send(message).await.is_err() {
                break;
            }
        }
    });
    let mut acknowledged = Acknowledged::new();
    let mut answers = client.sales.upload_sales(ReceiverStream::new(receiver)).await.expect("a stream").into_inner();
    while let Ok(Some(answer)) = answers.message().await {
        let outcome = answer.outcome.expect("an answer is not empty");
        if let Some(outcome::Result::Accepted(accepted)) = outcome.result {
            acknowledged.insert(outcome.request_id, accepted.position);
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
    drop(answers);
    sending.await.expect("it only sends");
    acknowledged
}

#[test]
fn command_told_to_stop_under_load_ends_in_time_and_loses_nothing_that_it_acknowledged() {
    run(async {
        let mut deployment = Deployment::start(Servers::shared()).await;
        let client = || CommandClient::new(deployment.channel(Part::Command));
        let commands = || Commands::over(deployment.channel(Part::Command));
        catalogue::register(&commands()).await;
        let count = Arc::new(AtomicUsize::new(0));
        let mut load = JoinSet::new();
        for till in 0..TILLS {
            load.spawn(sell(commands(), till, count.clone()));
        }
        for register in 0..REGISTERS {
            load.spawn(upload(client(), register, count.clone()));
        }
        // Some only listen, and one says nothing at all.
        let mut follower = client().log.follow_events(FollowEventsRequest::default()).await.unwrap().into_inner();
        assert!(follower.message().await.unwrap().is_some());
        let address = deployment.endpoint(Part::Command).trim_start_matches("http://").to_owned();
        let silent = TcpStream::connect(address).await.unwrap();
        until("there is load", async || (count.load(Ordering::Relaxed) >= ENOUGH).then_some(())).await;

        let begun = Instant::now();
        deployment.child(Part::Command).terminate();
        let status = deployment.child(Part::Command).end(SHUTDOWN_BUDGET + GRACE).await;
        assert_eq!(status.code(), Some(0), "after {:?}", begun.elapsed());
        drop(silent);
        let acknowledged: Acknowledged = load.join_all().await.into_iter().flatten().collect();
        assert!(acknowledged.len() >= ENOUGH);

        deployment.start_part(Part::Command).await;
        let mut log = CommandClient::new(deployment.channel(Part::Command)).log;
        let (mut recorded, mut after_position) = (BTreeMap::new(), 0);
        loop {
            let request = ReadEventsRequest { after_position, page_size: 5_000, ..Default::default() };
            let page = log.read_events(request).await.unwrap().into_inner();
            for event in page.events {
                let before = recorded.insert(event.metadata.unwrap().request_id, event.position);
                assert_eq!(before, None, "every command is recorded once");
            }
            after_position = page.scanned_position;
            if after_position >= page.head_position {
                break;
            }
        }
        for (request_id, position) in &acknowledged {
            assert_eq!(recorded.get(request_id), Some(position), "{request_id} was acknowledged");
        }
        deployment.end().await;
    });
}

#[test]
fn projector_and_query_told_to_stop_at_work_end_in_time() {
    run(async {
        let mut deployment = Deployment::start(Servers::shared()).await;
        let commands = Commands::over(deployment.channel(Part::Command));
        catalogue::register(&commands).await;
        let count = Arc::new(AtomicUsize::new(0));
        let selling = tokio::spawn(upload(CommandClient::new(deployment.channel(Part::Command)), 0, count.clone()));
        until("there is load", async || (count.load(Ordering::Relaxed) >= ENOUGH).then_some(())).await;
        // Waits for a position that is far away.
        let mut projection = QueryClient::new(deployment.channel(Part::Query)).projection;
        let waiting = tokio::spawn(async move {
            let mut request = Request::new(GetProjectionStatusRequest { at_least_position: i64::MAX });
            request.set_timeout(Duration::from_secs(50));
            projection.get_projection_status(request).await
        });
        for part in [Part::Projector, Part::Query] {
            let begun = Instant::now();
            deployment.child(part).terminate();
            let status = deployment.child(part).end(SHUTDOWN_BUDGET + GRACE).await;
            assert_eq!(status.code(), Some(0), "{part:?} after {:?}", begun.elapsed());
        }
        let answered = waiting.await.unwrap().expect_err("nobody can wait so long");
        assert_eq!(answered.code(), tonic::Code::Unavailable, "{answered}");
        deployment.start_part(Part::Projector).await;
        deployment.start_part(Part::Query).await;
        deployment.child(Part::Command).terminate();
        assert!(deployment.child(Part::Command).end(SHUTDOWN_BUDGET + GRACE).await.success());
        let acknowledged = selling.await.unwrap();
        deployment.start_part(Part::Command).await;
        let last = *acknowledged.values().max().unwrap();
        until("the reports have all of it", async || {
            deployment.projected().await.filter(|position| *position >= last)
        })
        .await;
        deployment.end().await;
    });
}
