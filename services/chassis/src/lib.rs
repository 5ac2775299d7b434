//! How a Daybook process runs. Knows nothing of retail.
//!
//! - [`config`]: configuration from the environment, all errors at once;
//! - [`process`]: runtime, logs, signals, exit codes;
//! - [`tasks`]: background tasks whose early end is the end of the process;
//! - [`door`]: by what transport and by whom the process is reached: [`tls`], [`access`], and [`reload`] for their files;
//! - [`server`]: a gRPC server with health, reflection, limits and a shutdown within a budget;
//! - [`health`]: what the health service answers;
//! - [`metrics`]: what a process tells of itself in numbers, and the endpoint where they are read;
//! - [`trace`]: where the time of a call went, told to a collector;
//! - [`deadline`]: how long a call may still take;
//! - [`answer`]: errors for machines and people, as google.rpc details.

pub mod access;
pub mod answer;
pub mod config;
mod connection;
pub mod deadline;
pub mod door;
pub mod health;
pub mod metrics;
pub mod process;
pub mod reload;
pub mod server;
pub mod tasks;
mod telemetry;
pub mod tls;
pub mod trace;
pub mod violations;

/// Any error that ends a process.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub use tokio_util::sync::CancellationToken;

/// Memory for every process that is built on this. Services allocate for each line of a sale, mostly in one thread what another
/// one frees, as tasks move between them. What is freed here is used again by the thread that freed it, while it is in its
/// processor's cache, instead of going back to where it came from; `docs/performance.md` has what others cost.
#[global_allocator]
static MEMORY: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
