//! Rows 15 and 16: callers that go away, read slowly, or talk nonsense. The others hardly notice.

mod http2;

use std::time::{Duration, Instant};

use daybook::{
    command::v1::RecordSaleRequest,
    event::v1::FollowEventsRequest,
    query::v1::{DateRange, GetStoreDayRequest, StreamStoreDaysRequest},
};
use daybook_faults::{
    Outcome,
    cluster::Part,
    seed,
    trial::{Setup, Trial},
};
use fastrand::Rng;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};
use tonic::{Code, Request};

use crate::{Patient as _, run};

/// Watches that are begun and cancelled, and how many at once.
const CANCELLED_WATCHES: usize = 10_000;
const AT_ONCE: usize = 64;

/// Readers that take nothing of what they are sent.
const SLOW_READERS: usize = 32;

/// The others are answered within so long, 99 of 100 times.
const P99: Duration = Duration::from_millis(1_500);

/// One watch in so many of each kind is cancelled once it is answered, the others at any moment.
const ANSWERED_PART: usize = 4;

/// How long such a watch may take to be answered.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// Descriptors beside the usual ones: slow readers and callers that say nothing.
const FURTHER_DESCRIPTORS: u64 = 600;

#[test]
fn row_15_ten_thousand_cancelled_watches_and_slow_readers() {
    run(async {
        let mut setup = Setup::new("row 15", 15).patient();
        setup.descriptors += FURTHER_DESCRIPTORS;
        let mut trial = Trial::begin(setup).await?;
        trial.load.more(200).await?;
        let mut slow = Vec::new();
        for _ in 0..SLOW_READERS {
            let mut log = trial.cluster.commands(Part::Command)?.log;
            slow.push((log.follow_events(FollowEventsRequest::default()).await?.into_inner(), log));
        }
        let from = trial.journal.millis();
        let (command, query) = (trial.cluster.commands(Part::Command)?, trial.cluster.queries()?);
        let mut watches = JoinSet::new();
        let (mut times, mut answered) = (Vec::new(), 0);
        for number in 0..CANCELLED_WATCHES {
            let (mut log, mut store_days) = (command.log.clone(), query.store_days.clone());
            watches.spawn(async move {
                let patience = match (number / 2) % ANSWERED_PART {
                    0 => ANSWERED_WITHIN,
                    _ => Duration::from_millis((number % 8) as u64),
                };
                if number % 2 == 0 {
                    let watch = log.follow_events(FollowEventsRequest::default());
                    tokio::time::timeout(patience, watch).await.is_ok_and(|answer| answer.is_ok())
                } else {
                    let days = DateRange { from_date: "2017-01-01".to_owned(), to_date: "2017-01-05".to_owned() };
                    let watch = store_days.stream_store_days(StreamStoreDaysRequest {
                        dates: Some(days),
                        include_items: true,
                        ..Default::default()
                    });
                    tokio::time::timeout(patience, watch).await.is_ok_and(|answer| answer.is_ok())
                }
            });
            while watches.len() >= AT_ONCE
                && let Some(was_answered) = watches.join_next().await
            {
                answered += usize::from(was_answered?);
            }
            if number % 50 == 0 {
                times.push(asked(&trial).await?);
            }
        }
        while let Some(was_answered) = watches.join_next().await {
            answered += usize::from(was_answered?);
        }
        times.sort_unstable();
        let p99 = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
        println!("row 15: {answered} watches were answered, p99 of {} questions {} ms", times.len(), p99.as_millis());
        if answered < CANCELLED_WATCHES / ANSWERED_PART / 2 {
            return Err(format!("only {answered} watches were answered before they were cancelled").into());
        }
        if p99 > P99 {
            return Err(format!("questions took {p99:?} meanwhile").into());
        }
        crate::unaffected(&trial, from)?;
        drop(slow);
        trial.recovered().await?;
        trial.end().await.map(drop)
    });
}

/// How long a question takes.
async fn asked(trial: &Trial) -> Outcome<Duration> {
    let mut client = trial.cluster.queries()?.store_days;
    let begun = Instant::now();
    let (store_id, business_date) = ("101".to_owned(), "2017-01-02".to_owned());
    let mut request = Request::new(GetStoreDayRequest { store_id, business_date, at_least_position: 0 });
    request.set_timeout(ANSWERED_WITHIN);
    client.get_store_day(request).await?;
    Ok(begun.elapsed())
}

/// Connections that stay silent.
const SILENT_CONNECTIONS: usize = 200;

/// Streams that are opened and reset at once on one connection.
const RESETS: u32 = 20_000;

#[test]
fn row_16_large_messages_garbage_silence_and_a_flood_of_resets() {
    run(async {
        let mut setup = Setup::new("row 16", 16).patient();
        setup.descriptors += FURTHER_DESCRIPTORS;
        let mut trial = Trial::begin(setup).await?;
        let mut rng = Rng::with_seed(trial.seed);
        let port = trial.cluster.port(Part::Command);
        let from = trial.journal.millis();
        let mut silent = Vec::new();
        for _ in 0..SILENT_CONNECTIONS {
            silent.push(TcpStream::connect(("127.0.0.1", port)).await?);
        }
        let begun = Instant::now();
        let lasting = seed::lasting(Duration::from_secs(5))?;
        while begun.elapsed() < lasting {
            too_large(&trial).await?;
            garbage(port, &mut rng).await?;
            http2::flood(port, "/daybook.command.v1.SaleService/RecordSale", RESETS).await?;
        }
        crate::unaffected(&trial, from)?;
        trial.recovered().await?;
        drop(silent);
        trial.end().await.map(drop)
    });
}

/// A message of 5 MB is refused.
async fn too_large(trial: &Trial) -> Outcome {
    let mut sales = trial.cluster.commands(Part::Command)?.sales;
    let message = RecordSaleRequest { operator_id: "x".repeat(5_000_000), ..Default::default() };
    match sales.record_sale(message).await {
        Err(status) if matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted) => Ok(()),
        // The connection may end before all of the message was sent.
        Err(status) if matches!(status.code(), Code::Unknown | Code::Unavailable | Code::Cancelled) => Ok(()),
        other => Err(format!("a message of 5 MB was answered {other:?}").into()),
    }
}

/// Bytes that are no HTTP/2, and bytes that begin like it.
async fn garbage(port: u16, rng: &mut Rng) -> Outcome {
    for begins_well in [false, true] {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let mut bytes: Vec<u8> = if begins_well { http2::PREFACE.to_vec() } else { Vec::new() };
        let count = rng.usize(1..20_000);
        bytes.extend(std::iter::repeat_with(|| rng.u8(..)).take(count));
        // The service may close the connection at any byte.
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut bytes)).await;
    }
    Ok(())
}
