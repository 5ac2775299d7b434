//! Rows 3 to 8: PostgreSQL dies, stands still, is cut off, keeps an append open, and becomes read-only.

use std::time::{Duration, Instant};

use daybook::{command::v1::RegisterSupplierRequest, event::v1::FollowEventsRequest};
use daybook_faults::{
    Outcome,
    cluster::Part,
    drive::recovery::{COMMANDS_WITHIN, NOTICED_WITHIN},
    fault::{kill_session, read_only},
    proxy::{
        Cut, Mode,
        trap::{Awaits, Then, Trap},
    },
    seed,
    shop::{draw::Expected, message::Message},
    trial::{Setup, Stretch, Trial},
    until::until,
};
use fastrand::Rng;
use tokio_util::sync::CancellationToken;

use crate::{Patient as _, run};

/// Every attempt is answered within its deadline of 10 seconds; the rest is the machine.
const ANSWERED_WITHIN_MILLIS: u64 = 10_500;

/// Connections of one command service: 16 for readers, 3 for appends, the watchdog and adding up stock.
const CONNECTIONS: i64 = 19;

/// How long a trap may wait for its message under load.
const TRAP_PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn row_03_the_answer_to_a_commit_is_swallowed() {
    run(async {
        let mut trial = Trial::begin(Setup::new("row 3", 3)).await?;
        let mut rng = Rng::with_seed(trial.seed);
        let lasting = seed::lasting(Duration::from_secs(6))?;
        let (begun, mut swallowed) = (Instant::now(), 0);
        while begun.elapsed() < lasting || swallowed < 10 {
            // A connection that falls silent costs the time until its answer is given up.
            let thens = [Then::Cut(Cut::Reset), Then::Cut(Cut::Close), Then::Cut(Cut::Reset), Then::Forget];
            let then = if swallowed == 5 {
                Then::Forget
            } else {
                rng.choice(thens.get(..3).unwrap_or_default()).copied().unwrap_or(Then::Forget)
            };
            let (trap, sprung) = Trap::new(Awaits::Committed, then);
            trial.cluster.links.postgres.arm(trap);
            tokio::time::timeout(TRAP_PATIENCE, sprung).await??;
            swallowed += 1;
            tokio::time::sleep(Duration::from_millis(rng.u64(0..300))).await;
        }
        println!("row 3: {swallowed} answers were swallowed");
        trial.recovered().await?;
        trial.end().await.map(drop)
    });
}

/// A registration is recorded and its answer lost; when it is decided again, it looks like a second one, and whether it is
/// can just then not be asked. It must not be called absent.
#[test]
fn row_03_a_registration_whose_answer_is_lost_twice_is_not_said_to_be_absent() {
    run(async {
        let mut trial = Trial::begin(Setup { registers: 0, readers: 0, ..Setup::new("row 3b", 3) }).await?;
        let mut office = trial.load.office(trial.cluster.links.front.port())?;
        let message = supplier(office.request_id(), "lost");
        let only_once = CancellationToken::new();
        only_once.cancel();
        let (first, committed) = Trap::new(Awaits::Committed, Then::Cut(Cut::Reset));
        let question = b"stream_id = ANY ($2::uuid[]) AND stream_version = 1".to_vec();
        let (second, asked) = Trap::new(Awaits::Request(question), Then::Cut(Cut::Reset));
        trial.cluster.links.postgres.arm(first.followed_by(second));
        let losing = async {
            tokio::time::timeout(TRAP_PATIENCE, committed).await??;
            tokio::time::timeout(TRAP_PATIENCE, asked).await??;
            Outcome::Ok(())
        };
        let (sent, lost) = tokio::join!(office.bring(message, Expected::Recorded, &only_once), losing);
        sent?;
        lost?;
        trial.recovered().await?;
        trial.end().await.map(drop)
    });
}

/// Found by a soak with seed 101: a command is sent again after its acknowledgement, and just then an answer is lost. It is
/// still a repetition.
#[test]
fn row_03_a_repetition_whose_answer_is_lost_is_still_called_one() {
    run(async {
        let mut trial = Trial::begin(Setup { registers: 0, readers: 0, ..Setup::new("row 3c", 101) }).await?;
        let mut office = trial.load.office(trial.cluster.links.front.port())?;
        let stop = CancellationToken::new();
        let message = office.sale();
        office.bring(message.clone(), Expected::Recorded, &stop).await?;
        let number = trial.journal.last();
        for then in [Then::Cut(Cut::Reset), Then::Cut(Cut::Close)] {
            // What says that the sale is there already.
            let (trap, sprung) = Trap::new(Awaits::Answer(b"sale_recorded".to_vec()), then);
            trial.cluster.links.postgres.arm(trap);
            let again = office.bring(message.clone(), Expected::Repeated(number), &stop);
            let (sent, sprung) = tokio::join!(again, tokio::time::timeout(TRAP_PATIENCE, sprung));
            sent?;
            sprung??;
        }
        trial.recovered().await?;
        trial.end().await.map(drop)
    });
}

#[test]
fn row_04_sessions_of_postgres_and_the_whole_server_are_killed() {
    run(async {
        let mut trial = Trial::begin(Setup::new("row 4", 4)).await?;
        let mut rng = Rng::with_seed(trial.seed);
        let lasting = seed::lasting(Duration::from_secs(10))?;
        let (begun, mut turn) = (Instant::now(), 0);
        while begun.elapsed() < lasting || turn < 4 {
            tokio::time::sleep(Duration::from_millis(rng.u64(200..1_000))).await;
            if turn % 2 == 0 {
                // The server ends all other sessions and recovers.
                kill_session(&trial.cluster).await?;
            } else {
                trial.cluster.kill(Part::Postgres)?;
                trial.cluster.start_again(Part::Postgres).await?;
            }
            trial.cluster.answering(Part::Postgres).await?;
            trial.recovered().await?;
            turn += 1;
        }
        trial.end().await.map(drop)
    });
}

#[test]
fn row_05_postgres_stands_still_under_saturation() {
    run(async {
        let setup = Setup { registers: 32, ..Setup::new("row 5", 5) }.patient();
        let mut trial = Trial::begin(setup).await?;
        trial.load.more(200).await?;
        let from = trial.journal.millis();
        trial.cluster.process(Part::Postgres)?.pause()?;
        tokio::time::sleep(seed::lasting(Duration::from_secs(14))?).await;
        let answered = away(&trial, from).await?;
        trial.cluster.process(Part::Postgres)?.resume()?;
        trial.recovered().await?;
        println!("row 5: {answered:?}");
        // No connection is wedged: those that were given up are gone, and there are not more than there may be.
        trial.load.more(500).await?;
        let sql = trial.cluster.sql().await?;
        until(COMMANDS_WITHIN, "the service has not more connections than it may", async || {
            let text = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'daybook-command'";
            let count: i64 = sql.query_one(text, &[]).await?.try_get(0)?;
            Ok((count <= CONNECTIONS).then_some(()))
        })
        .await?;
        trial.end().await.map(drop)
    });
}

/// What attempts came to while PostgreSQL was away: each was answered in time, and told when to come back.
async fn away(trial: &Trial, from: u64) -> Outcome<Stretch> {
    let answered = Duration::from_millis(ANSWERED_WITHIN_MILLIS);
    until(answered, "an attempt is answered while PostgreSQL is away", async || {
        let found = trial.stretch(from, u64::MAX)?;
        Ok((found.not_now + found.unknown > 0).then_some(()))
    })
    .await?;
    let found = trial.stretch(from, u64::MAX)?;
    if found.without_wait + found.late > 0 || found.longest_millis > ANSWERED_WITHIN_MILLIS {
        return Err(format!("while PostgreSQL is away attempts must be answered in time: {found:?}").into());
    }
    Ok(found)
}

#[test]
fn row_06_the_link_to_postgres_is_dropped_without_a_word() {
    run(async {
        let mut trial = Trial::begin(Setup { registers: 16, ..Setup::new("row 6", 6) }.patient()).await?;
        trial.load.more(200).await?;
        for turn in 0..2 {
            let from = trial.journal.millis();
            let begun = Instant::now();
            trial.cluster.links.postgres.set(Mode::HELD);
            until(NOTICED_WITHIN, "command says that it does not serve", async || {
                Ok((!trial.cluster.serves(Part::Command).await).then_some(()))
            })
            .await?;
            println!("row 6: noticed after {} ms", begun.elapsed().as_millis());
            tokio::time::sleep(seed::lasting(Duration::from_secs(5))?).await;
            let answered = away(&trial, from).await?;
            // What was under way is lost for ever: only new connections come through. Then once more, where the old
            // connections live on.
            if turn == 0 {
                trial.cluster.links.postgres.forget();
            }
            trial.cluster.links.postgres.set(Mode::OPEN);
            let recovery = trial.recovered().await?;
            println!("row 6: {answered:?}; {recovery:?}");
            trial.load.more(100).await?;
        }
        trial.end().await.map(drop)
    });
}

#[test]
fn row_06_a_session_whose_link_is_lost_in_the_middle_of_a_transaction_holds_up_nobody_for_long() {
    run(async {
        let mut trial = Trial::begin(Setup::new("row 6b", 6)).await?;
        let mut office = trial.load.office(trial.cluster.links.front.port())?;
        let stop = CancellationToken::new();
        for turn in 0..2 {
            // The lock of the log is taken; the server waits for what comes next, and nothing comes.
            let (trap, sprung) = Trap::new(Awaits::Request(b"COMMIT".to_vec()), Then::Forget);
            trial.cluster.links.postgres.arm(trap);
            let message = supplier(office.request_id(), &format!("lost-{turn}"));
            let (registered, sprung) = tokio::join!(
                office.bring(message, Expected::Recorded, &stop),
                tokio::time::timeout(TRAP_PATIENCE, sprung),
            );
            sprung??;
            registered?;
            trial.recovered().await?;
        }
        trial.end().await.map(drop)
    });
}

#[test]
fn row_07_an_append_is_held_uncommitted_beside_many_writers() {
    run(async {
        let mut setup = Setup { registers: 64, ..Setup::new("row 7", 7) };
        setup.habits.pause = Duration::from_millis(100);
        let mut trial = Trial::begin(setup).await?;
        trial.cluster.start_again(Part::SecondCommand).await?;
        trial.cluster.answering(Part::SecondCommand).await?;
        let mut log = trial.cluster.commands(Part::Command)?.log;
        let mut follower = log.follow_events(FollowEventsRequest::default()).await?.into_inner();
        let following = tokio::spawn(async move {
            let mut next = 1;
            while let Ok(Some(page)) = follower.message().await {
                for event in page.events {
                    if event.position != next {
                        return Err(format!("followed {} where {next} is next", event.position));
                    }
                    next += 1;
                }
            }
            Ok(next - 1)
        });
        let mut office = trial.load.office(trial.cluster.port(Part::SecondCommand))?;
        // The last one is held for longer than a statement of the others may wait.
        for (turn, held) in [300, 1_500, 3_000, 6_500].into_iter().enumerate() {
            let (trap, sprung) = Trap::new(Awaits::Request(b"COMMIT".to_vec()), Then::Hold);
            trial.cluster.links.second_postgres.arm(trap);
            let message = supplier(office.request_id(), &format!("late-{turn}"));
            let stop = CancellationToken::new();
            let held_open = async {
                tokio::time::timeout(TRAP_PATIENCE, sprung).await??;
                tokio::time::sleep(Duration::from_millis(held)).await;
                trial.cluster.links.second_postgres.set(Mode::OPEN);
                Outcome::Ok(())
            };
            let (registered, held_open) = tokio::join!(office.bring(message, Expected::Recorded, &stop), held_open);
            held_open?;
            registered?;
            trial.recovered().await?;
        }
        trial.cluster.kill(Part::SecondCommand)?;
        trial.load.end().await?;
        trial.cluster.kill(Part::Command)?;
        let followed = following.await??;
        trial.cluster.start_again(Part::Command).await?;
        trial.cluster.answering(Part::Command).await?;
        let findings = trial.end().await?;
        println!("row 7: followed up to {followed} of {}", findings.events);
        Ok(())
    });
}

#[test]
fn row_08_postgres_becomes_read_only() {
    run(async {
        let mut trial = Trial::begin(Setup::new("row 8", 8).patient()).await?;
        for _ in 0..2 {
            let from = trial.journal.millis();
            read_only(&trial.cluster, true).await?;
            tokio::time::sleep(seed::lasting(Duration::from_secs(4))?).await;
            let answered = away(&trial, from).await?;
            read_only(&trial.cluster, false).await?;
            let recovery = trial.recovered().await?;
            println!("row 8: {answered:?}; {recovery:?}");
            // Nobody meets a connection that is still read-only.
            let from = trial.journal.millis();
            trial.load.more(200).await?;
            let after = trial.stretch(from, u64::MAX)?;
            if after.not_now + after.unknown > 0 {
                return Err(format!("a connection is still read-only: {after:?}").into());
            }
        }
        trial.end().await.map(drop)
    });
}

/// A command that changes reference data, so that it is written in a transaction.
fn supplier(request_id: String, id: &str) -> Message {
    let (supplier_id, name) = (id.to_owned(), "Late".to_owned());
    Message::Supplier(RegisterSupplierRequest { request_id, supplier_id, name, ..Default::default() })
}
