//! Single calls: short ones that fail soon, and patient ones that outlive a restart of the service.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use daybook::client::{CallPolicy, asked_wait, is_worth_repeating};
use tonic::{Request, Response, Status};

use crate::error::{Error, Service};

/// How a question of somebody who sits in front of the program is asked: about a second of repetitions, then the truth.
pub(crate) const PROMPT: CallPolicy = CallPolicy {
    deadline: Duration::from_secs(15),
    attempts: 5,
    first_wait: Duration::from_millis(50),
    longest_wait: Duration::from_secs(1),
};

/// How long work that outlives restarts waits between attempts. Patience ends it, not the number of attempts.
pub(crate) const PATIENT: CallPolicy = CallPolicy {
    deadline: Duration::from_secs(10),
    attempts: 10_000,
    first_wait: Duration::from_millis(50),
    longest_wait: Duration::from_secs(2),
};

/// Asks once, with a few quick repetitions.
pub(crate) async fn ask<Req, Res, F, Fut>(service: Service, message: Req, send: F) -> Result<Res, Error>
where
    Req: Clone,
    F: FnMut(Request<Req>) -> Fut,
    Fut: Future<Output = Result<Response<Res>, Status>>,
{
    PROMPT.call(&message, send).await.map_err(|status| Error::call(service, status))
}

/// Asks until there is an answer, a refusal, or the patience is at its end.
pub(crate) async fn ask_patiently<Req, Res, F, Fut>(
    service: Service,
    patience: Duration,
    message: Req,
    mut send: F,
) -> Result<Res, Error>
where
    Req: Clone,
    F: FnMut(Request<Req>) -> Fut,
    Fut: Future<Output = Result<Response<Res>, Status>>,
{
    let begun = Instant::now();
    let mut waits = PATIENT.waits();
    loop {
        let mut request = Request::new(message.clone());
        request.set_timeout(PATIENT.deadline);
        let status = match send(request).await {
            Ok(response) => return Ok(response.into_inner()),
            Err(status) if may_pass(&status) => status,
            Err(status) => return Err(Error::call(service, status)),
        };
        if begun.elapsed() >= patience {
            let what = format!("the {service} service did not answer");
            return Err(Error::GaveUp { what, patience, status: Box::new(status) });
        }
        tokio::time::sleep(pause(&mut waits, &status)).await;
    }
}

/// True if the same call may get another answer later. A connection that breaks in the middle of an answer can look like
/// an internal error; it is one only if the service itself said so, and then nothing lies below it.
pub(crate) fn may_pass(status: &Status) -> bool {
    is_worth_repeating(status) || std::error::Error::source(status).is_some()
}

/// The next wait, but not shorter than the service asked for.
pub(crate) fn pause(waits: &mut impl Iterator<Item = Duration>, status: &Status) -> Duration {
    waits.next().unwrap_or(PATIENT.longest_wait).max(asked_wait(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn patience_ends_with_the_last_answer() {
        let mut calls = 0;
        let outcome = ask_patiently(Service::Query, Duration::ZERO, (), |_| {
            calls += 1;
            async { Err::<Response<()>, _>(Status::unavailable("MongoDB is away")) }
        })
        .await;
        let error = outcome.unwrap_err();
        assert_eq!(calls, 1);
        assert!(error.to_string().ends_with("MongoDB is away"), "{error}");
    }

    #[tokio::test]
    async fn a_refusal_is_not_repeated() {
        let mut calls = 0;
        let outcome = ask_patiently(Service::Query, Duration::from_secs(60), (), |_| {
            calls += 1;
            async { Err::<Response<()>, _>(Status::not_found("no such report")) }
        })
        .await;
        assert_eq!((calls, outcome.unwrap_err().exit_code()), (1, 2));
    }
}
