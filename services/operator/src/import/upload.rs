//! Sends what was read over one bidirectional stream, and over the next one if that breaks.
//!
//! Every command keeps its request id, so sending it again is always safe. What is unanswered when a stream breaks is sent
//! again in order, after a wait; so is what the service puts off. Only patience ends that.

use std::time::{Duration, Instant};

use daybook::{
    client::{CommandClient, is_worth_repeating},
    command::v1::{Rejection, outcome::Result as Answered},
};
use tokio::{
    sync::mpsc,
    time::{sleep, sleep_until, timeout},
};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tonic::{Code, Status};

use super::{
    flight::Flight,
    ledger::Ledger,
    source::{Parsed, Reading},
    uplink::Upload,
};
use crate::{
    calls::{self, PATIENT},
    error::{Error, Service},
};

/// A stream must be open within this time.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// If nothing is answered for so long, the stream is given up and another one tried. A commit that waits for a slow disk
/// takes much less.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// How long the end of a stream on which everything was answered is waited for.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Sends everything that is read, and enters every answer into the ledger.
///
/// # Errors
/// If a file cannot be read, the service refuses the stream as a whole, or nothing was answered for as long as `patience`
/// although it was tried again and again.
pub(crate) async fn upload<M: Upload>(
    client: &CommandClient,
    mut reading: Reading<M>,
    ledger: &mut Ledger<'_>,
    patience: Duration,
) -> Result<(), Error> {
    let mut uploading = Uploading { flight: Flight::default(), trouble: Trouble::new(patience) };
    loop {
        // No stream is opened before there is something to send.
        while uploading.flight.is_empty() {
            match reading.next().await {
                Some(Parsed::Command(command)) => uploading.flight.add(command),
                Some(Parsed::Refused(refused)) => ledger.refuse(&refused)?,
                None => return reading.outcome().await,
            }
        }
        match uploading.one_stream(client, &mut reading, ledger).await? {
            End::Done => return reading.outcome().await,
            End::Broken(status) => {
                uploading.flight.land();
                let wait = uploading.trouble.wait_after(status, uploading.flight.len())?;
                sleep(wait).await;
            }
        }
    }
}

/// How one stream ended.
enum End {
    /// Everything was read, sent and answered.
    Done,
    /// Something is unanswered.
    Broken(Status),
}

struct Uploading<M> {
    flight: Flight<M>,
    trouble: Trouble,
}

impl<M: Upload> Uploading<M> {
    async fn one_stream(
        &mut self,
        client: &CommandClient,
        reading: &mut Reading<M>,
        ledger: &mut Ledger<'_>,
    ) -> Result<End, Error> {
        let (sender, messages) = mpsc::channel(Flight::<M>::MAX_MESSAGES);
        // The first messages are sent with the opening: a service may answer only once it has seen one.
        self.send_waiting(&sender);
        let mut answers = match timeout(OPEN_TIMEOUT, M::open(client.clone(), ReceiverStream::new(messages))).await {
            Err(_) => return Ok(End::Broken(Status::deadline_exceeded("the stream was not opened in time"))),
            Ok(Err(status)) => return broken(status),
            Ok(Ok(answers)) => answers,
        };
        let mut everything_read = false;
        // Until when nothing is sent, because the service asked for a rest.
        let mut rest: Option<tokio::time::Instant> = None;
        let mut last_answer = tokio::time::Instant::now();
        loop {
            if rest.is_none() && self.send_waiting(&sender) {
                last_answer = tokio::time::Instant::now();
            }
            if everything_read && self.flight.is_empty() {
                drop(sender);
                // Read to its end, so that the service does not take it for given up.
                let _ = timeout(CLOSE_TIMEOUT, answers.next()).await;
                return Ok(End::Done);
            }
            let may_read = rest.is_none() && !everything_read && self.flight.has_room();
            let has_unanswered = self.flight.has_unanswered();
            tokio::select! {
                answer = answers.next(), if has_unanswered => {
                    last_answer = tokio::time::Instant::now();
                    match answer {
                        Some(Ok(answer)) => {
                            if let Some(put_off) = self.settle(M::outcome(answer), ledger)? {
                                // Of all that is put off together only the first makes the waits longer.
                                let mut wait = put_off.asked_wait;
                                if rest.is_none() {
                                    wait = wait.max(self.trouble.wait_after(put_off.status, self.flight.len())?);
                                }
                                let until = tokio::time::Instant::now() + wait;
                                rest = Some(rest.map_or(until, |before| before.max(until)));
                            }
                        }
                        Some(Err(status)) => return broken(status),
                        None => return Ok(End::Broken(Status::unavailable("the stream ended"))),
                    }
                }
                next = reading.next(), if may_read => match next {
                    Some(Parsed::Command(command)) => self.flight.add(command),
                    Some(Parsed::Refused(refused)) => ledger.refuse(&refused)?,
                    None => everything_read = true,
                },
                () = rest_over(rest), if !has_unanswered => {
                    rest = None;
                    self.flight.land();
                }
                () = sleep_until(last_answer + ANSWER_TIMEOUT), if has_unanswered => {
                    return Ok(End::Broken(Status::deadline_exceeded("nothing was answered")));
                }
            }
        }
    }

    /// Sends what waits, as far as the bounds allow; true if that was the first that is unanswered.
    fn send_waiting(&mut self, sender: &mpsc::Sender<M>) -> bool {
        let was_idle = !self.flight.has_unanswered();
        while let Some(message) = self.flight.next_to_send() {
            // The channel has room for all messages that may be unanswered. If the stream is gone, that is noticed where
            // the answers are read.
            let _ = sender.try_send(message);
        }
        was_idle && self.flight.has_unanswered()
    }

    /// Enters an answer. A command that the service puts off waits again.
    fn settle(
        &mut self,
        outcome: Option<daybook::command::v1::Outcome>,
        ledger: &mut Ledger<'_>,
    ) -> Result<Option<PutOff>, Error> {
        let outcome = outcome.unwrap_or_default();
        let Some(sent) = self.flight.answered() else {
            return Err(Error::Unexpected("the command service answered what it was not asked".to_owned()));
        };
        let asked = sent.command.message.request_id();
        if outcome.request_id != asked {
            let answered = outcome.request_id;
            return Err(Error::Unexpected(format!(
                "the command service answered {answered:?} where {asked:?} was next"
            )));
        }
        match outcome.result {
            Some(Answered::Accepted(accepted)) => {
                ledger.accept(&sent.command.origin, &accepted, sent.was_resent);
            }
            Some(Answered::Rejected(rejection)) => match put_off(&rejection) {
                Some(put_off) => {
                    self.flight.put_back(sent);
                    return Ok(Some(put_off));
                }
                None => ledger.reject(&sent.command.origin, &rejection)?,
            },
            None => return Err(Error::Unexpected(format!("the command service left {asked} without a result"))),
        }
        self.trouble.is_over();
        Ok(None)
    }
}

async fn rest_over(rest: Option<tokio::time::Instant>) {
    match rest {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// A status that ends the stream: for now, or for good.
fn broken(status: Status) -> Result<End, Error> {
    if calls::may_pass(&status) { Ok(End::Broken(status)) } else { Err(Error::call(Service::Command, status)) }
}

/// A rejection for now.
struct PutOff {
    status: Status,
    asked_wait: Duration,
}

/// The rejection, if the same command can be sent again.
fn put_off(rejection: &Rejection) -> Option<PutOff> {
    let status = Status::new(Code::from_i32(rejection.code), rejection.message.clone());
    let asked_wait = Duration::from_millis(u64::try_from(rejection.retry_after_millis).unwrap_or(0));
    (!asked_wait.is_zero() || is_worth_repeating(&status)).then_some(PutOff { status, asked_wait })
}

/// How long nothing has gone well.
struct Trouble {
    patience: Duration,
    since: Option<Instant>,
    waits: Box<dyn Iterator<Item = Duration> + Send>,
}

impl Trouble {
    fn new(patience: Duration) -> Self {
        Self { patience, since: None, waits: Box::new(PATIENT.waits()) }
    }

    /// Something was answered for good.
    fn is_over(&mut self) {
        if self.since.take().is_some() {
            self.waits = Box::new(PATIENT.waits());
        }
    }

    /// How long to wait before the next attempt; an error once the patience is at its end.
    fn wait_after(&mut self, status: Status, unanswered: usize) -> Result<Duration, Error> {
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() >= self.patience {
            let what = format!("the upload, with commands unanswered ({unanswered}), did not move on");
            return Err(Error::GaveUp { what, patience: self.patience, status: Box::new(status) });
        }
        Ok(calls::pause(&mut self.waits, &status))
    }
}

#[cfg(test)]
mod tests;
