//! Rows 1 and 2: the command service is killed, and told to stop.

use std::time::{Duration, Instant};

use daybook::{event::v1::FollowEventsRequest, query::v1::GetProjectionStatusRequest};
use daybook_chassis::server::SHUTDOWN_BUDGET;
use daybook_faults::{
    cluster::Part,
    seed,
    trial::{Setup, Trial},
};
use fastrand::Rng;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tonic::Request;

use crate::run;

/// How much longer than the budget of its connections a service may take: its queue is drained after them.
const GRACE: Duration = Duration::from_secs(6);

#[test]
fn row_01_command_is_killed_again_and_again() {
    run(async {
        let mut trial = Trial::begin(Setup::new("row 1", 1)).await?;
        let mut rng = Rng::with_seed(trial.seed);
        let lasting = seed::lasting(Duration::from_secs(10))?;
        let begun = Instant::now();
        while begun.elapsed() < lasting {
            tokio::time::sleep(Duration::from_millis(rng.u64(300..2_500))).await;
            trial.cluster.kill(Part::Command)?;
            trial.cluster.start_again(Part::Command).await?;
            trial.recovered().await?;
        }
        trial.end().await.map(drop)
    });
}

#[test]
fn row_02_told_to_stop_with_live_streams_and_silent_connections_every_service_ends_in_time() {
    run(async {
        let mut trial = Trial::begin(Setup::new("row 2", 2)).await?;
        for service in [Part::Command, Part::Query, Part::Projector] {
            let mut log = trial.cluster.commands(Part::Command)?.log;
            let mut follower = log.follow_events(FollowEventsRequest::default()).await?.into_inner();
            follower.message().await?;
            let mut projection = trial.cluster.queries()?.projection;
            let mut request = Request::new(GetProjectionStatusRequest { at_least_position: i64::MAX });
            request.set_timeout(Duration::from_secs(50));
            let waiting = tokio::spawn(async move { projection.get_projection_status(request).await });
            // One says nothing at all, one begins to speak.
            let silent = TcpStream::connect(("127.0.0.1", trial.cluster.port(service))).await?;
            let mut stalled = TcpStream::connect(("127.0.0.1", trial.cluster.port(service))).await?;
            stalled.write_all(b"PRI * HTTP/2.0\r\n").await?;
            trial.load.more(50).await?;

            let begun = Instant::now();
            let ended_well = trial.cluster.end(service, SHUTDOWN_BUDGET + GRACE).await?;
            println!("row 2: {service:?} ended after {} ms", begun.elapsed().as_millis());
            if !ended_well {
                return Err(format!("{service:?} did not end well").into());
            }
            drop((silent, stalled, follower));
            waiting.abort();
            trial.cluster.start_again(service).await?;
            trial.recovered().await?;
        }
        trial.end().await.map(drop)
    });
}
