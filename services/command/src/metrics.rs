//! What the command service tells of itself in numbers. `docs/metrics.md` explains them.

use std::sync::Arc;

use daybook::event::v1::EventFilter;
use daybook_chassis::metrics::{Counter, Histogram, Metrics, value};
use jiff::Timestamp;
use tokio::sync::watch;
use tonic::Code;

use crate::{append::Answer, domain::command::Command, recent::Log, relay::Published};

/// What can become of a command, as labels name it.
const OUTCOMES: [&str; 4] = ["accepted", "duplicate", "refused", "failed"];

/// Counts what the append pipeline does. The handles are resolved once.
#[derive(Clone, Debug)]
pub struct Appending(Arc<Handles>);

#[derive(Debug)]
struct Handles {
    /// By command, then by outcome.
    commands: Vec<[Counter; OUTCOMES.len()]>,
    batch_events: Histogram,
    batch_seconds: Histogram,
    retries: Counter,
}

impl Appending {
    /// Counts of a service.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        let help = "Commands that were decided, by what became of them";
        let family = metrics.counters::<2>("daybook_commands_total", help);
        let of =
            |command| OUTCOMES.map(|outcome| family.get_or_create_owned(&[("command", command), ("outcome", outcome)]));
        Self(Arc::new(Handles {
            commands: Command::NAMES.map(of).into(),
            batch_events: metrics.counts("daybook_append_batch_events", "Events that were written in one batch"),
            batch_seconds: metrics.seconds("daybook_append_seconds", "How long writing a batch took, with its commit"),
            retries: metrics.counter("daybook_append_retries_total", "Batches that had to be written once more"),
        }))
    }

    /// Counts a command that is answered.
    pub(crate) fn answered(&self, command: &Command, answer: &Answer) {
        let outcome = match answer {
            Answer::Accepted(accepted) if accepted.duplicate => 1,
            Answer::Accepted(_) => 0,
            Answer::Refused(refusal) => match refusal.code {
                Code::Unavailable | Code::Aborted | Code::Internal => 3,
                _ => 2,
            },
            // It comes again.
            Answer::Again => return,
        };
        if let Some(counter) = self.0.commands.get(command.number()).and_then(|outcomes| outcomes.get(outcome)) {
            counter.inc();
        }
    }

    /// Counts a batch that was written.
    pub(crate) fn written(&self, events: usize, took: std::time::Duration) {
        self.0.batch_events.observe(daybook_chassis::metrics::size(events));
        self.0.batch_seconds.observe(took.as_secs_f64());
    }

    /// Counts a batch that has to be written once more.
    pub(crate) fn again(&self) {
        self.0.retries.inc();
    }
}

/// Tells where the log ends and how far it is published.
pub(crate) fn watch_log(
    metrics: &Metrics,
    log: &Log,
    published: watch::Receiver<Published>,
    healthy: watch::Receiver<bool>,
) {
    let heads = log.heads();
    let help = "Position of the last event, as far as this process knows";
    metrics.watch("daybook_log_head_position", help, move || Some(value(*heads.borrow())));
    let position = published.clone();
    let help = "Position up to which NATS has the log";
    metrics.watch("daybook_log_published_position", help, move || Some(value(position.borrow().position)));
    let (relay, of_log) = (published.clone(), log.clone());
    let help = "How long the first event that is not published has been waiting; 0 if all are";
    metrics.watch("daybook_relay_lag_seconds", help, move || {
        let published = *relay.borrow();
        relay_lag(&of_log, published)
    });
    metrics.dependency("postgres", move || *healthy.borrow());
    metrics.dependency("nats", move || published.borrow().healthy);
}

/// Tells how many changes of stock wait to be added up.
pub(crate) fn watch_stock(metrics: &Metrics, pending: watch::Receiver<i64>) {
    let help = "Changes of stock that wait in batches to be added up, as they were when it was last looked";
    metrics.watch("daybook_stock_pending_changes", help, move || Some(value(*pending.borrow())));
}

fn relay_lag(log: &Log, published: Published) -> Option<f64> {
    let head = *log.heads().borrow();
    if published.position >= head {
        return Some(0.0);
    }
    let next = log.recent(published.position, 0, 1, &EventFilter::default());
    let next = next.and_then(|page| page.events.first().map(|event| event.recorded_at));
    // What is not in memory any more came after all was published last.
    let since = next.or(published.complete_at)?;
    Some(Timestamp::now().duration_since(since).as_secs_f64().max(0.0))
}
