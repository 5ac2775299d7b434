//! Readers: they ask for what registers were just told is recorded, and keep what they are answered.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use daybook::{
    client::QueryClient,
    query::v1::{GetStoreDayRequest, GetStoreDayResponse},
};
use fastrand::Rng;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status};

use super::register::Tally;
use crate::{Outcome, cluster::channel, shop::catalogue::STORES};

/// Answers that are kept to be checked; later ones are only counted.
const KEPT_ANSWERS: usize = 20_000;

/// Deadline of a question.
pub const DEADLINE: Duration = Duration::from_secs(6);

/// Wait between two questions.
const PAUSE: Duration = Duration::from_millis(25);

/// Figures of a store-day that are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub transactions: i64,
    pub net_minor: i64,
    pub tax_minor: i64,
}

/// An answer about a store-day.
#[derive(Clone, Debug)]
pub struct Told {
    /// `{date}|{store}`.
    pub id: String,
    /// The position that was asked for.
    pub asked: i64,
    /// The position as of which the answer says it is true.
    pub as_of: i64,
    /// Position of the report and its figures; `None` if there is none.
    pub found: Option<(i64, Figures)>,
}

/// What readers were answered.
#[derive(Debug, Default)]
pub struct Answers {
    pub told: Vec<Told>,
    /// How often each code came instead.
    pub failures: BTreeMap<String, u64>,
}

/// Readers' answers, shared.
pub type Shared = Arc<Mutex<Answers>>;

/// What the client's library says when its timer ends a call.
const TIMER: &str = "Timeout expired";

/// Asks until it is told to stop.
///
/// # Errors
/// If the port is not understood.
pub async fn read(seed: u64, port: u16, tally: Arc<Tally>, answers: Shared, stop: CancellationToken) -> Outcome {
    let client = QueryClient::new(channel(port)?);
    let mut rng = Rng::with_seed(seed ^ 0x5eed);
    let dates = ["2017-01-01", "2017-01-02", "2017-01-03", "2017-01-04"];
    while !stop.is_cancelled() {
        let store_id = rng.choice(STORES).map(|store| store.id).unwrap_or_default().to_owned();
        let business_date = rng.choice(dates).unwrap_or_default().to_owned();
        let asked = tally.highest.load(Ordering::Relaxed);
        let id = format!("{business_date}|{store_id}");
        let mut request = Request::new(GetStoreDayRequest { store_id, business_date, at_least_position: asked });
        request.set_timeout(DEADLINE);
        let answer = client.store_days.clone().get_store_day(request).await;
        answers.lock().unwrap_or_else(PoisonError::into_inner).take(id, asked, answer);
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = stop.cancelled() => {}
        }
    }
    Ok(())
}

impl Answers {
    fn take(&mut self, id: String, asked: i64, answer: Result<Response<GetStoreDayResponse>, Status>) {
        match answer {
            Ok(answer) => {
                let answer = answer.into_inner();
                let found = answer.store_day.map(|day| {
                    let sales = day.sales.unwrap_or_default();
                    let (net_minor, tax_minor) = (sales.net_minor, sales.tax_minor);
                    (day.position, Figures { transactions: sales.transactions, net_minor, tax_minor })
                });
                let as_of = answer.as_of.map_or(0, |as_of| as_of.position);
                self.keep(Told { id, asked, as_of, found });
            }
            Err(status) if status.code() == Code::NotFound => {
                self.keep(Told { id, asked, as_of: asked, found: None });
            }
            Err(status) => *self.failures.entry(format!("{:?}", code(&status))).or_default() += 1,
        }
    }

    fn keep(&mut self, told: Told) {
        if self.told.len() < KEPT_ANSWERS {
            self.told.push(told);
        }
    }
}

/// What a call came to. The client's library says that it cancelled a call when the caller's own time is over.
fn code(status: &Status) -> Code {
    let is_own_timer = status.code() == Code::Cancelled && status.message() == TIMER;
    if is_own_timer { Code::DeadlineExceeded } else { status.code() }
}
