//! Logs of a process, on standard error.
//!
//! - `DAYBOOK_LOG`: what to log, as `info,daybook_command=debug` (default `info`, of libraries only warnings);
//! - `DAYBOOK_LOG_FORMAT`: `json` (default) or `pretty`.

use std::env;

use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{FilterExt as _, LevelFilter, Targets},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// Libraries that tell, below this level, what is nobody's business: the NATS client its address with the password, and the
/// content of messages. No setting has them log it.
const DISCREET: &[(&str, LevelFilter)] = &[("async_nats", LevelFilter::INFO)];

pub(crate) fn init() {
    let filter = EnvFilter::try_from_env("DAYBOOK_LOG").unwrap_or_else(|_| {
        EnvFilter::new(
            "warn,daybook=info,daybook_chassis=info,daybook_command=info,daybook_projector=info,daybook_query=info",
        )
    });
    let discreet = Targets::new().with_default(LevelFilter::TRACE).with_targets(DISCREET.iter().copied());
    let filter = filter.and(discreet);
    let registry = tracing_subscriber::registry();
    // A second process in one program (a test) keeps the first one's logs.
    let _ = match env::var("DAYBOOK_LOG_FORMAT").as_deref() {
        Ok("pretty") => registry.with(fmt::layer().with_writer(std::io::stderr).with_filter(filter)).try_init(),
        _ => {
            let lines = fmt::layer().json().flatten_event(true).with_writer(std::io::stderr);
            registry.with(lines.with_filter(filter)).try_init()
        }
    };
}
