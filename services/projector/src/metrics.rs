//! What the projector tells of itself in numbers. `docs/metrics.md` explains them.

use std::{sync::Arc, time::Duration};

use daybook_chassis::metrics::{Counter, Gauge, Histogram, Metrics, size};
use daybook_read_model::registry;

/// Counts what the projector does. The handles are resolved once.
#[derive(Clone, Debug)]
pub(crate) struct Counts(Arc<Handles>);

#[derive(Debug)]
struct Handles {
    position: Gauge,
    events: Counter,
    batch_events: Histogram,
    batch_seconds: Histogram,
    cache_bytes: Gauge,
    /// Written, and found written by somebody else, by report.
    documents: Vec<(Counter, Counter)>,
    write_seconds: Histogram,
    parked: Counter,
    /// As [`Audited`] numbers them.
    audited: [Counter; 3],
    repaired: Counter,
    /// As [`Source`] numbers them.
    fed: [Counter; 2],
}

/// What became of an audit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Audited {
    Equal,
    Different,
    Skipped,
}

/// Where events come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    JetStream,
    Log,
}

impl Counts {
    /// Counts of a service.
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let written = metrics.counters::<1>("daybook_document_writes_total", "Documents that were written");
        let help = "Documents that were not written because somebody else had; they are folded again";
        let missed = metrics.counters::<1>("daybook_document_conflicts_total", help);
        let of = |report: &&'static str| {
            let labels = [("report", *report)];
            (written.get_or_create_owned(&labels), missed.get_or_create_owned(&labels))
        };
        let documents = registry::NAMES.iter().map(of).collect();
        let audited = metrics.counters::<1>("daybook_audited_documents_total", "Documents audited, by result");
        let fed = metrics.counters::<1>("daybook_feed_events_total", "Events that came in, by where they came from");
        let help = "Position up to which this projector has written the documents";
        let position = metrics.gauge("daybook_projected_position", help);
        let help = "Events that could not be folded and were parked";
        let parked = metrics.counter("daybook_parked_events_total", help);
        let help = "Memory that documents kept between batches take";
        Self(Arc::new(Handles {
            position,
            events: metrics.counter("daybook_projected_events_total", "Events folded into the reports that are served"),
            batch_events: metrics.counts("daybook_projection_batch_events", "Events that were folded in one batch"),
            batch_seconds: metrics.seconds(
                "daybook_projection_batch_seconds",
                "How long folding a batch took; writing goes on beside the next one",
            ),
            cache_bytes: metrics.gauge("daybook_projector_cache_bytes", help),
            documents,
            write_seconds: metrics
                .seconds("daybook_document_write_seconds", "How long MongoDB took for one bulk of documents"),
            parked,
            audited: ["equal", "different", "skipped"].map(|result| audited.get_or_create_owned(&[("result", result)])),
            repaired: metrics.counter("daybook_repaired_documents_total", "Documents written anew after an audit"),
            fed: ["jetstream", "log"].map(|source| fed.get_or_create_owned(&[("source", source)])),
        }))
    }

    /// The documents that are served hold everything up to a position.
    pub(crate) fn reached(&self, position: i64) {
        self.0.position.set(position);
    }

    /// A batch was folded and written.
    pub(crate) fn projected(&self, events: usize, took: Duration) {
        self.0.events.inc_by(wide(events));
        self.0.batch_events.observe(size(events));
        self.0.batch_seconds.observe(took.as_secs_f64());
    }

    /// So much memory is taken by documents between two batches.
    pub(crate) fn cached(&self, bytes: usize) {
        self.0.cache_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// So many documents of a report were written, and so many by somebody else.
    pub(crate) fn written(&self, report: &str, stored: usize, missed: usize) {
        let index = registry::NAMES.iter().position(|name| *name == report);
        if let Some((of_stored, of_missed)) = index.and_then(|index| self.0.documents.get(index)) {
            of_stored.inc_by(wide(stored));
            of_missed.inc_by(wide(missed));
        }
    }

    /// MongoDB has answered a bulk of writes.
    pub(crate) fn wrote(&self, took: Duration) {
        self.0.write_seconds.observe(took.as_secs_f64());
    }

    /// So many events were parked.
    pub(crate) fn parked(&self, events: usize) {
        self.0.parked.inc_by(wide(events));
    }

    /// A document was audited.
    pub(crate) fn audited(&self, result: Audited) {
        self.0.audited[result as usize].inc();
    }

    /// A document was repaired.
    pub(crate) fn repaired(&self) {
        self.0.repaired.inc();
    }

    /// So many events came in.
    pub(crate) fn fed(&self, source: Source, events: usize) {
        self.0.fed[source as usize].inc_by(wide(events));
    }
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
