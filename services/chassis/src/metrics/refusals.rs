//! Calls that were turned away before they were worked on. These counters belong to the process: whoever turns a call away
//! need not know which service it was for.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use super::{Labels, value, watched::Watched};

macro_rules! closed_set {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $label:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// As labels say it.
            #[must_use]
            pub fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)* }
            }
        }
    };
}

closed_set! {
    /// Why a caller was refused.
    Refused {
        /// It said nothing of who it is.
        Anonymous = "anonymous",
        /// What it said of who it is cannot be believed.
        Unverified = "unverified",
        /// What it said of who it is was right once.
        Expired = "expired",
        /// It may not call this method.
        Scope = "scope",
        /// It may not speak for this store or supplier.
        Object = "object",
    }
}

closed_set! {
    /// What there was too much of, so that a call was sent away.
    Shed {
        /// Commands that wait to be appended.
        Commands = "commands",
        /// Readers of the log.
        LogReaders = "log_readers",
        /// Readers of the tables.
        TableReaders = "table_readers",
        /// Queries, lists or streams of reports.
        Queries = "queries",
        /// Calls of one caller.
        Caller = "caller",
        /// Calls of all callers.
        Calls = "calls",
    }
}

/// Handles of a closed set, one for each of it.
#[derive(Debug)]
struct Counted {
    family: Family<Labels<1>, Counter>,
    handles: Vec<Counter>,
}

impl Counted {
    fn new(label: &'static str, values: impl Iterator<Item = &'static str>) -> Self {
        let family: Family<Labels<1>, Counter> = Family::default();
        let handles = values.map(|value| family.get_or_create_owned(&[(label, value)])).collect();
        Self { family, handles }
    }

    fn count(&self, index: usize) {
        if let Some(handle) = self.handles.get(index) {
            handle.inc();
        }
    }
}

static REFUSED: LazyLock<Counted> =
    LazyLock::new(|| Counted::new("reason", Refused::ALL.iter().map(|reason| reason.label())));
static SHED: LazyLock<Counted> = LazyLock::new(|| Counted::new("what", Shed::ALL.iter().map(|what| what.label())));

/// When the server's certificate expires, in seconds since 1970; 0 without one.
static CERTIFICATE_EXPIRY: AtomicI64 = AtomicI64::new(0);

/// Counts a caller that was refused.
pub fn refused(reason: Refused) {
    REFUSED.count(reason as usize);
}

/// Counts a call that was sent away because there is too much to do.
pub fn shed(what: Shed) {
    SHED.count(what as usize);
}

/// Says when the certificate expires that callers are shown.
pub fn certificate_expires(at: SystemTime) {
    let seconds = at.duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs());
    CERTIFICATE_EXPIRY.store(i64::try_from(seconds).unwrap_or(i64::MAX), Ordering::Relaxed);
}

pub(super) fn register(registry: &mut Registry) {
    let help = "Calls refused because of who called, by reason";
    registry.register("daybook_refused_calls", help, REFUSED.family.clone());
    let help = "Calls and commands sent away because there was too much to do, by what there was too much of";
    registry.register("daybook_shed", help, SHED.family.clone());
    let help = "When the certificate expires that callers are shown; absent without TLS";
    registry.register_collector(Box::new(Watched::new("daybook_certificate_expiry_timestamp_seconds", help, || {
        Some(CERTIFICATE_EXPIRY.load(Ordering::Relaxed)).filter(|seconds| *seconds > 0).map(value)
    })));
}
