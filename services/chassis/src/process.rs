//! The life of a process: logs, runtime, signals, exit code.

use std::{future::Future, process::ExitCode};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{BoxError, telemetry, trace};

/// Exit code after a second signal, by the custom of shells for an interrupt.
const INTERRUPTED: i32 = 130;

/// Runs a service until it ends by itself or a SIGTERM or SIGINT has cancelled the token and it has come to its end. A
/// second signal exits at once.
pub fn main<F, Fut>(name: &'static str, service: F) -> ExitCode
where
    F: FnOnce(CancellationToken) -> Fut,
    Fut: Future<Output = Result<(), BoxError>>,
{
    telemetry::init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            error!(service = name, error = %error, "the runtime cannot be started");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(async {
        let shutdown = CancellationToken::new();
        if let Err(error) = trace::begin(name) {
            error!(service = name, error = %chain(error.as_ref()), "traces cannot be sent as it was asked for");
            return ExitCode::FAILURE;
        }
        if let Err(error) = listen(name, shutdown.clone()) {
            error!(service = name, error = %error, "signals cannot be received");
            return ExitCode::FAILURE;
        }
        match Box::pin(service(shutdown)).await {
            Ok(()) => {
                info!(service = name, "stopped");
                ExitCode::SUCCESS
            }
            Err(error) => {
                error!(service = name, error = %chain(error.as_ref()), "ended by an error");
                ExitCode::FAILURE
            }
        }
    });
    trace::end();
    // What still blocks a thread does not keep the process.
    runtime.shutdown_background();
    code
}

/// An error with its causes, on one line.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = error.source();
    }
    text
}

fn listen(name: &'static str, shutdown: CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => info!(service = name, "SIGTERM: stopping"),
            _ = interrupt.recv() => info!(service = name, "SIGINT: stopping"),
        }
        shutdown.cancel();
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        warn!(service = name, "second signal: exiting at once");
        std::process::exit(INTERRUPTED);
    });
    Ok(())
}
