//! Row 13: MongoDB dies, stands still, and loses its database. Commands never notice, and no answer is silently stale.

use std::time::{Duration, Instant};

use daybook::query::v1::{GetProjectionStatusRequest, GetStoreDayRequest};
use daybook_faults::{
    Outcome,
    check::documents::DATABASE,
    cluster::Part,
    drive::recovery::NOTICED_WITHIN,
    proxy::{
        Mode,
        trap::{Awaits, Then, Trap},
    },
    seed,
    trial::{Setup, Trial},
    until::until,
};
use tonic::{Code, Request};

use crate::{Patient as _, run};

/// How the reading of store-days begins on the wire: a text element `find` of 14 bytes.
const FIND_STORE_DAY: &[u8] = b"\x02find\0\x0e\0\0\0g1_store_days\0";

#[test]
fn row_13_mongodb_is_killed_stands_still_and_loses_its_database() {
    run(async {
        let setup = Setup { readers: 6, ..Setup::new("row 13", 13) }.patient();
        let mut trial = Trial::begin(setup).await?;

        let from = trial.journal.millis();
        trial.cluster.kill(Part::Mongod)?;
        is_noticed(&trial).await?;
        trial.cluster.start_again(Part::Mongod).await?;
        trial.recovered().await?;
        crate::unaffected(&trial, from)?;

        let from = trial.journal.millis();
        trial.cluster.process(Part::Mongod)?.pause()?;
        is_noticed(&trial).await?;
        tokio::time::sleep(seed::lasting(Duration::from_secs(4))?).await;
        trial.cluster.process(Part::Mongod)?.resume()?;
        trial.recovered().await?;
        crate::unaffected(&trial, from)?;

        for _ in 0..2 {
            let from = trial.journal.millis();
            trial.cluster.documents().await?.database(DATABASE).drop().await?;
            trial.recovered().await?;
            crate::unaffected(&trial, from)?;
            trial.load.more(50).await?;
        }
        let (answers, failures) = trial.reader_failures();
        println!("row 13: {answers} answers, and {failures:?}");
        let honest = |code: &str| ["Unavailable", "DeadlineExceeded", "ResourceExhausted"].contains(&code);
        if let Some(code) = failures.keys().find(|code| !honest(code)) {
            return Err(format!("a reader was answered {code}").into());
        }
        trial.end().await.map(drop)
    });
}

/// Found by a soak with seed 201: a reader is told that a report is not there, because the documents were dropped between the
/// look at the checkpoint and the reading of the report.
#[test]
fn row_13_a_report_that_is_dropped_while_it_is_read_is_not_said_to_be_absent() {
    run(async {
        let mut trial = Trial::begin(Setup { readers: 0, ..Setup::new("row 13b", 201) }).await?;
        trial.load.more(300).await?;
        trial.recovered().await?;
        trial.load.end().await?;
        for _ in 0..3 {
            let (trap, sprung) = Trap::new(Awaits::Request(FIND_STORE_DAY.to_vec()), Then::Hold);
            trial.cluster.links.mongod.arm(trap);
            let mut store_days = trial.cluster.queries()?.store_days;
            let (store_id, business_date) = ("101".to_owned(), "2017-01-02".to_owned());
            let mut request = Request::new(GetStoreDayRequest { store_id, business_date, at_least_position: 0 });
            request.set_timeout(NOTICED_WITHIN);
            let asked = tokio::spawn(async move { store_days.get_store_day(request).await });
            tokio::time::timeout(NOTICED_WITHIN, sprung).await??;
            trial.cluster.documents().await?.database(DATABASE).drop().await?;
            trial.cluster.links.mongod.set(Mode::OPEN);
            match asked.await? {
                Err(status) if status.code() == Code::NotFound => {
                    return Err(format!("a report that was dropped is said to be absent: {status}").into());
                }
                Ok(_) | Err(_) => {}
            }
            trial.recovered().await?;
        }
        trial.end().await.map(drop)
    });
}

/// Queries end in UNAVAILABLE, and both services say so.
async fn is_noticed(trial: &Trial) -> Outcome {
    let begun = Instant::now();
    until(NOTICED_WITHIN, "query says that it does not serve", async || {
        Ok((!trial.cluster.serves(Part::Query).await).then_some(()))
    })
    .await?;
    let mut request = Request::new(GetProjectionStatusRequest { at_least_position: 0 });
    request.set_timeout(NOTICED_WITHIN);
    let answer = trial.cluster.queries()?.projection.get_projection_status(request).await;
    println!("row 13: noticed after {} ms", begun.elapsed().as_millis());
    match answer {
        Err(status) if status.code() == Code::Unavailable => {}
        other => return Err(format!("a question to a dead store was answered {other:?}").into()),
    }
    until(NOTICED_WITHIN, "the projector says that it does not serve", async || {
        Ok((!trial.cluster.serves(Part::Projector).await).then_some(()))
    })
    .await
}
