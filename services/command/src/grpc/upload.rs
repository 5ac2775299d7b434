//! Streams of commands: each is answered on its own, in the order of the messages.

use std::{future::Future, pin::Pin, time::Duration};

use daybook::command::v1::{FieldViolation, Outcome, Rejection, outcome};
use daybook_chassis::{CancellationToken, answer::Refusal};
use futures_util::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::execute::{Coming, unknown};
use crate::append::{Answer, stopping};

/// Commands of one stream that may be unanswered: the service reads on only below that, so a sender who does not read its
/// answers is held back by HTTP/2.
pub const IN_FLIGHT_COMMANDS: usize = 256;

/// How long one command of a stream may take; after it the sender is told that the outcome is not known.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Answers of a stream.
pub type Answers<R> = Pin<Box<dyn Stream<Item = Result<R, Status>> + Send>>;

/// Takes the messages of a stream one by one and answers each.
///
/// `submit` puts a message into the pipeline; `answer` wraps an outcome into the stream's response.
pub fn serve<M, R, F, Fut>(
    mut messages: Streaming<M>,
    shutdown: CancellationToken,
    mut submit: F,
    answer: fn(Outcome) -> R,
) -> Answers<R>
where
    M: Send + 'static,
    R: Send + 'static,
    F: FnMut(M) -> Fut + Send + 'static,
    Fut: Future<Output = Coming> + Send,
{
    let (sender, receiver) = mpsc::channel::<Result<Coming, Status>>(IN_FLIGHT_COMMANDS);
    tokio::spawn(async move {
        loop {
            let message = tokio::select! {
                biased;
                // What was read is answered; what was not the sender keeps.
                () = shutdown.cancelled() => {
                    let _ = sender.send(Err(stopping().into_status(""))).await;
                    return;
                }
                () = sender.closed() => return,
                message = messages.message() => message,
            };
            let coming = match message {
                Ok(Some(message)) => Ok(submit(message).await),
                Ok(None) => return,
                Err(status) => Err(status),
            };
            let broken = coming.is_err();
            if sender.send(coming).await.is_err() || broken {
                return;
            }
        }
    });
    let answers = ReceiverStream::new(receiver).then(move |coming| async move {
        match coming {
            Ok(coming) => Ok(answer(outcome(coming).await)),
            Err(status) => Err(status),
        }
    });
    Box::pin(answers)
}

async fn outcome(coming: Coming) -> Outcome {
    match coming {
        Coming::Refused { request_id, refusal } => rejected(request_id, refusal),
        Coming::Waiting { request_id, answer } => match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
            Ok(Ok(Answer::Accepted(accepted))) => {
                Outcome { request_id, result: Some(outcome::Result::Accepted(accepted)) }
            }
            Ok(Ok(Answer::Refused(refusal))) => rejected(request_id, refusal),
            // Commands of streams begin something new: they are never decided on a stream that others change.
            Ok(Ok(Answer::Again)) | Err(_) => rejected(request_id, unknown()),
            Ok(Err(_)) => rejected(request_id, stopping()),
        },
    }
}

fn rejected(request_id: String, refusal: Refusal) -> Outcome {
    let violations = refusal.violations.into_iter().map(|violation| FieldViolation {
        field: violation.field,
        reason: violation.reason.to_owned(),
        description: violation.description,
    });
    let rejection = Rejection {
        code: refusal.code.into(),
        reason: refusal.reason.to_owned(),
        message: refusal.message,
        violations: violations.collect(),
        retry_after_millis: refusal.retry_after.map_or(0, |wait| i64::try_from(wait.as_millis()).unwrap_or(0)),
    };
    Outcome { request_id, result: Some(outcome::Result::Rejected(rejection)) }
}

/// A message of a stream that lacks its command is refused like an empty command.
pub fn or_default<T: Default>(message: Option<T>) -> T {
    message.unwrap_or_default()
}
