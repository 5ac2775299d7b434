//! SIGTERM in the middle of work: what is in hand is finished within the budget, and nothing that was acknowledged is lost.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use daybook::client::Link;
use daybook::{
    client::{CommandClient, QueryClient, is_worth_repeating},
    command::v1::{RecordSaleRequest, UploadSalesRequest, outcome},
    event::v1::{FollowEventsRequest, ReadEventsRequest},
    query::v1::GetProjectionStatusRequest,
};
use daybook_chassis::server::SHUTDOWN_BUDGET;
use tokio::{net::TcpStream, task::JoinSet};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request};

use crate::{
    given::{
        catalogue::{self, BREAD, CHEESE},
        commands::Commands,
        sale::Sale,
    },
    kills::cluster::{Cluster, Victim},
    world::{run, until::until, whole::reached},
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
    let ended = loop {
        let outcome = match answers.message().await {
            Ok(Some(answer)) => answer.outcome.expect("an answer is not empty"),
            Ok(None) => panic!("the stream ended though the register had more to send"),
            Err(status) => break status,
        };
        if let Some(outcome::Result::Accepted(accepted)) = outcome.result {
            acknowledged.insert(outcome.request_id, accepted.position);
            count.fetch_add(1, Ordering::Relaxed);
        }
    };
    // Told so by the service, or by the connection that it closed a moment later: either way the client goes on elsewhere.
    assert!(is_worth_repeating(&ended), "a register sends the rest again: {ended}");
    drop(answers);
    sending.await.expect("it only sends");
    acknowledged
}

/// Where a service of the cluster is.
fn endpoint(cluster: &Cluster, service: Victim) -> String {
    let endpoints = cluster.endpoints();
    let known = if service == Victim::Query { endpoints.query } else { endpoints.command };
    known.expect("the endpoint is known")
}

fn channel(cluster: &Cluster, service: Victim) -> Link {
    daybook::client::channel(&endpoint(cluster, service)).expect("the endpoint is a URI")
}

/// Tells a service to stop; it must end in time and well.
async fn stop(cluster: &mut Cluster, service: Victim) {
    let begun = Instant::now();
    cluster.process(service).terminate();
    let status = cluster.process(service).ended(SHUTDOWN_BUDGET + GRACE).await;
    assert_eq!(status.code(), Some(0), "{service:?} after {:?}", begun.elapsed());
}

#[test]
fn command_told_to_stop_under_load_ends_in_time_and_loses_nothing_that_it_acknowledged() {
    run(async {
        let mut cluster = Cluster::start().await;
        let commands = || Commands::over(channel(&cluster, Victim::Command));
        let client = || CommandClient::new(channel(&cluster, Victim::Command));
        catalogue::register(&commands()).await;
        let count = Arc::new(AtomicUsize::new(0));
        let mut load = JoinSet::new();
        for till in 0..TILLS {
            load.spawn(sell(commands(), till, count.clone()));
        }
        for register in 0..REGISTERS {
            load.spawn(upload(client(), register, count.clone()));
        }
        // One only listens, and one says nothing at all.
        let mut follower = client().log.follow_events(FollowEventsRequest::default()).await.unwrap().into_inner();
        assert!(follower.message().await.unwrap().is_some());
        let silent = TcpStream::connect(endpoint(&cluster, Victim::Command).trim_start_matches("http://")).await;
        until("there is load", async || (count.load(Ordering::Relaxed) >= ENOUGH).then_some(())).await;
        stop(&mut cluster, Victim::Command).await;
        drop(silent.unwrap());
        let acknowledged: Acknowledged = load.join_all().await.into_iter().flatten().collect();
        assert!(acknowledged.len() >= ENOUGH);

        cluster.start_again(Victim::Command).await;
        let recorded = recorded(&cluster).await;
        for (request_id, position) in &acknowledged {
            assert_eq!(recorded.get(request_id), Some(position), "{request_id} was acknowledged");
        }
    });
}

/// Position of every command in the log, by its request id; each must be there once.
async fn recorded(cluster: &Cluster) -> BTreeMap<String, i64> {
    let mut log = CommandClient::new(channel(cluster, Victim::Command)).log;
    let (mut recorded, mut after_position) = (BTreeMap::new(), 0);
    loop {
        let request = ReadEventsRequest { after_position, page_size: 5_000, ..Default::default() };
        let page = log.read_events(request).await.expect("the log answers").into_inner();
        for event in page.events {
            let request_id = event.metadata.expect("every event says who caused it").request_id;
            assert_eq!(recorded.insert(request_id, event.position), None, "every command is recorded once");
        }
        after_position = page.scanned_position;
        if after_position >= page.head_position {
            return recorded;
        }
    }
}

#[test]
fn projector_and_query_told_to_stop_at_work_end_in_time_and_go_on_later() {
    run(async {
        let mut cluster = Cluster::start().await;
        catalogue::register(&Commands::over(channel(&cluster, Victim::Command))).await;
        let count = Arc::new(AtomicUsize::new(0));
        let selling = tokio::spawn(upload(CommandClient::new(channel(&cluster, Victim::Command)), 0, count.clone()));
        until("there is load", async || (count.load(Ordering::Relaxed) >= ENOUGH).then_some(())).await;
        // Waits for a position that is far away.
        let mut projection = QueryClient::new(channel(&cluster, Victim::Query)).projection;
        let mut request = Request::new(GetProjectionStatusRequest { at_least_position: i64::MAX });
        request.set_timeout(Duration::from_secs(50));
        let mut asking = projection.clone();
        let mut waiting = Box::pin(async move { projection.get_projection_status(request).await });
        // A later call on the same connection is answered: the service has this one.
        tokio::select! {
            biased;
            answered = &mut waiting => panic!("nothing has that position: {answered:?}"),
            answered = asking.get_projection_status(GetProjectionStatusRequest::default()) => drop(answered.expect("a status")),
        }
        let waiting = tokio::spawn(waiting);
        stop(&mut cluster, Victim::Projector).await;
        stop(&mut cluster, Victim::Query).await;
        let answered = waiting.await.unwrap().expect_err("nothing has that position");
        assert_eq!(answered.code(), Code::Unavailable, "{answered}");

        cluster.start_again(Victim::Projector).await;
        cluster.start_again(Victim::Query).await;
        stop(&mut cluster, Victim::Command).await;
        let acknowledged = selling.await.unwrap();
        cluster.start_again(Victim::Command).await;
        let last = *acknowledged.values().max().expect("something was sold");
        let projection = QueryClient::new(channel(&cluster, Victim::Query)).projection;
        let reached = reached(&projection, last).await;
        assert!(reached.position >= last);
    });
}
