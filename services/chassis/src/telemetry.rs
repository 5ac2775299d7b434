//! Logs of a process, on standard error.
//!
//! - `DAYBOOK_LOG`: what to log, as `info,daybook_command=debug` (default `info`, of libraries only warnings);
//! - `DAYBOOK_LOG_FORMAT`: `json` (default) or `pretty`.

use std::env;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

pub(crate) fn init() {
    let filter = EnvFilter::try_from_env("DAYBOOK_LOG").unwrap_or_else(|_| {
        EnvFilter::new(
            "warn,daybook=info,daybook_chassis=info,daybook_command=info,daybook_projector=info,daybook_query=info",
        )
    });
    let registry = tracing_subscriber::registry().with(filter);
    // A second process in one program (a test) keeps the first one's logs.
    let _ = match env::var("DAYBOOK_LOG_FORMAT").as_deref() {
        Ok("pretty") => registry.with(fmt::layer().with_writer(std::io::stderr)).try_init(),
        _ => registry.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init(),
    };
}
