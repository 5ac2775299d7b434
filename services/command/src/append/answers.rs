//! Answers of commands that are recorded already, and of those that are given up.

use std::time::Duration;

use daybook::{event, reason};
use daybook_chassis::answer::Refusal;
use tonic::Code;
use tracing::error;
use uuid::Uuid;

use super::{Answer, Queued, plan::Accepted};
use crate::{domain::decision, store::append::SeenEvent};

/// When callers should come back while Postgres is away.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// When callers should come back while an operator must decide.
const REPLACED_RETRY: Duration = Duration::from_secs(10);

/// Answers the commands whose request id or place in a stream is taken, and gives back the others.
pub(super) fn answer_seen(accepted: Vec<Accepted>, seen: &[SeenEvent]) -> Vec<Queued> {
    let mut rest = Vec::with_capacity(accepted.len());
    for Accepted { queued, places, .. } in accepted {
        if let Some(answer) = repetition(&queued, None, seen) {
            queued.answer(answer);
            continue;
        }
        let is_taken = |place: &(Uuid, i32)| seen.iter().any(|seen| (seen.stream_id, seen.stream_version) == *place);
        let place = places.iter().position(is_taken);
        match place {
            None => rest.push(queued),
            // The stream that the command would begin exists.
            Some(0) => {
                let first = places.first();
                let existing =
                    seen.iter().find(|seen| first.is_some_and(|(stream_id, _)| seen.stream_id == *stream_id));
                let answer = match (existing, queued.submission.command.clash()) {
                    (Some(existing), Some(clash)) => {
                        same_content(&queued, existing, true).unwrap_or(Answer::Refused(clash))
                    }
                    _ => Answer::Again,
                };
                queued.answer(answer);
            }
            Some(_) => queued.answer(Answer::Again),
        }
    }
    rest
}

/// The answer to a command whose request id was used before, or which begins a stream that has begun with the
/// same content.
///
/// If the command was sent before, what stands under its request id beyond where the log ended then was most likely written
/// by the round whose answer was lost: then it is the first answer.
pub(super) fn repetition(queued: &Queued, begins: Option<Uuid>, seen: &[SeenEvent]) -> Option<Answer> {
    let submission = &queued.submission;
    let of_request = seen
        .iter()
        .find(|seen| seen.first.as_ref().is_some_and(|first| first.request_id == submission.request_id.uuid()));
    if let Some(seen) = of_request {
        let message = format!("request id {} was used for another command", submission.request_id);
        let reused = Refusal::new(Code::AlreadyExists, reason::REQUEST_ID_REUSED, message);
        return Some(
            same_content(queued, seen, queued.sent_after.is_none_or(|end| seen.position <= end))
                .unwrap_or(Answer::Refused(reused)),
        );
    }
    let stream = begins?;
    let registered = seen.iter().find(|seen| seen.stream_id == stream && seen.stream_version == 1)?;
    same_content(queued, registered, true)
}

/// The first answer again, if the content is the same.
fn same_content(queued: &Queued, seen: &SeenEvent, duplicate: bool) -> Option<Answer> {
    let first = seen.first.as_ref()?;
    if first.fingerprint != queued.submission.fingerprint {
        return None;
    }
    Some(match event::decode(&seen.event_type, seen.schema_version, &seen.payload) {
        Ok(kind) => {
            let last = seen.position + i64::from(first.events) - 1;
            Answer::Accepted(decision::accepted(&kind, last, duplicate))
        }
        Err(error) => {
            error!(position = seen.position, error = %error, "the log holds something unreadable");
            Answer::Refused(internal())
        }
    })
}

/// The refusal while Postgres is away; `sent` if the command may have been written.
pub(super) fn away(sent: bool) -> Refusal {
    let (reason, message) = if sent {
        (reason::OUTCOME_UNKNOWN, "whether it was recorded is not known; send it again with the same request id")
    } else {
        (reason::DEPENDENCY_UNAVAILABLE, "the log cannot be written at the moment; send it again")
    };
    Refusal::new(Code::Unavailable, reason, message).with_retry_after(RETRY_AFTER)
}

/// The refusal while the log is not the one that others have read; `sent` if the command may have been written.
pub(super) fn replaced(sent: bool) -> Refusal {
    if sent {
        return away(true).with_retry_after(REPLACED_RETRY);
    }
    let message = "the log lacks events that were read from it; nothing is recorded until an operator has decided";
    Refusal::new(Code::Unavailable, reason::LOG_REPLACED, message).with_retry_after(REPLACED_RETRY)
}

/// The refusal after too many rounds.
pub(super) fn overtaken() -> Refusal {
    let message = "others changed the same things again and again; send it again";
    Refusal::new(Code::Aborted, reason::CONCURRENT_CHANGE, message).with_retry_after(RETRY_AFTER)
}

/// The refusal of what cannot be recorded or read.
pub(super) fn internal() -> Refusal {
    Refusal::new(Code::Internal, reason::INTERNAL, "the command cannot be recorded; the request id finds the cause")
}
