//! Rows 9 to 11: NATS dies, stands still, loses its stream and its store; what it acknowledges or delivers is lost.
//! Commands never notice.

use std::time::{Duration, Instant};

use daybook::event::v1::GetLogStatusRequest;
use daybook_faults::{
    Outcome,
    cluster::{Part, wipe},
    drive::recovery::NOTICED_WITHIN,
    fault::delete_consumers,
    proxy::{Cut, Mode},
    seed,
    trial::{Setup, Trial},
    until::until,
};
use fastrand::Rng;

use crate::{Patient as _, run};

/// The stream: the services' default.
const STREAM: &str = "DAYBOOK";

/// NATS forgets message ids after 10 seconds: the relay's window. Acknowledgements are lost for longer.
const LONGER_THAN_THE_WINDOW: Duration = Duration::from_secs(12);

/// How long the relay may take for what it has to publish.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(20);

#[test]
fn row_09_nats_is_killed_stands_still_and_loses_its_stream_and_its_store() {
    run(async {
        let mut trial = Trial::begin(Setup::new("row 9", 9).patient()).await?;
        let away = seed::lasting(Duration::from_secs(4))?;

        let from = trial.journal.millis();
        trial.cluster.kill(Part::Nats)?;
        is_noticed(&trial).await?;
        tokio::time::sleep(away).await;
        trial.cluster.start_again(Part::Nats).await?;
        trial.recovered().await?;
        crate::unaffected(&trial, from)?;

        let from = trial.journal.millis();
        trial.cluster.process(Part::Nats)?.pause()?;
        is_noticed(&trial).await?;
        tokio::time::sleep(away).await;
        trial.cluster.process(Part::Nats)?.resume()?;
        trial.recovered().await?;
        crate::unaffected(&trial, from)?;

        let from = trial.journal.millis();
        trial.cluster.broker().await?.delete_stream(STREAM).await?;
        trial.load.more(50).await?;
        trial.recovered().await?;
        crate::unaffected(&trial, from)?;

        let from = trial.journal.millis();
        trial.cluster.kill(Part::Nats)?;
        wipe(&trial.cluster.broker_store())?;
        trial.cluster.start_again(Part::Nats).await?;
        trial.recovered().await?;
        crate::unaffected(&trial, from)?;

        trial.load.end().await?;
        the_stream_is_the_log(&trial).await?;
        trial.end().await.map(drop)
    });
}

/// The command service says that it does not publish.
async fn is_noticed(trial: &Trial) -> Outcome {
    let begun = Instant::now();
    let log = trial.cluster.commands(Part::Command)?.log;
    until(NOTICED_WITHIN, "the log says that it is not published", async || {
        let status = log.clone().get_log_status(GetLogStatusRequest {}).await?.into_inner();
        Ok((!status.relay_healthy).then_some(()))
    })
    .await?;
    println!("row 9: noticed after {} ms", begun.elapsed().as_millis());
    Ok(())
}

#[test]
fn row_10_acknowledgements_are_lost_for_longer_than_nats_remembers_messages() {
    run(async {
        let mut trial = Trial::begin(Setup::new("row 10", 10).patient()).await?;
        for held in [LONGER_THAN_THE_WINDOW, Duration::from_secs(2)] {
            let from = trial.journal.millis();
            // What is published arrives; nobody hears of it.
            trial.cluster.links.relay.set(Mode { hold_down: true, ..Mode::OPEN });
            tokio::time::sleep(seed::lasting(held)?).await;
            trial.cluster.links.relay.cut(Cut::Reset);
            trial.cluster.links.relay.set(Mode::OPEN);
            trial.recovered().await?;
            crate::unaffected(&trial, from)?;
        }
        trial.load.end().await?;
        the_stream_is_the_log(&trial).await?;
        trial.end().await.map(drop)
    });
}

/// The stream ends where the log ends, and holds each position once.
async fn the_stream_is_the_log(trial: &Trial) -> Outcome {
    let sql = trial.cluster.sql().await?;
    let head: i64 = sql.query_one("SELECT position FROM log_head", &[]).await?.try_get(0)?;
    let broker = trial.cluster.broker().await?;
    let state = until(PUBLISHED_WITHIN, "everything is published", async || {
        let Ok(mut stream) = broker.get_stream(STREAM).await else { return Ok(None) };
        let state = stream.info().await?.state.clone();
        Ok((i64::try_from(state.last_sequence)? >= head).then_some(state))
    })
    .await?;
    let whole =
        i64::try_from(state.last_sequence)? == head && state.messages == state.last_sequence - state.first_sequence + 1;
    if whole { Ok(()) } else { Err(format!("the log ends at {head}, but the stream is {state:?}").into()) }
}

#[test]
fn row_11_consumers_are_deleted_and_deliveries_lost_while_there_is_a_backlog() {
    run(async {
        let mut trial = Trial::begin(Setup { registers: 16, ..Setup::new("row 11", 11) }).await?;
        let mut rng = Rng::with_seed(trial.seed);
        for _ in 0..2 {
            trial.cluster.process(Part::Projector)?.pause()?;
            trial.load.more(400).await?;
            trial.cluster.process(Part::Projector)?.resume()?;
            for _ in 0..6 {
                match rng.u32(..4) {
                    0 => delete_consumers(&trial.cluster).await?,
                    1 => trial.cluster.links.delivery.cut(Cut::Reset),
                    2 => trial.cluster.links.delivery.forget(),
                    // What was delivered comes late, after the log was read.
                    _ => {
                        trial.cluster.links.delivery.set(Mode { hold_down: true, ..Mode::OPEN });
                        tokio::time::sleep(Duration::from_millis(rng.u64(500..2_500))).await;
                        trial.cluster.links.delivery.set(Mode::OPEN);
                    }
                }
                tokio::time::sleep(Duration::from_millis(rng.u64(100..600))).await;
            }
            trial.recovered().await?;
        }
        trial.end().await.map(drop)
    });
}
