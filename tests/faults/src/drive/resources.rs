//! What the services use, looked at all along: memory and descriptors, of which connections are the most.

use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use crate::{
    Outcome,
    cluster::{Part, Pids},
};

/// How often is looked.
const INTERVAL: Duration = Duration::from_millis(200);

/// Memory that a service may take: the projector's cache and what is under way, in a build without optimisation.
const MEMORY_KIB: u64 = 512 * 1024;

/// Descriptors that a service may have open: connections to its servers, and those of the trial's own clients.
pub const DESCRIPTORS: u64 = 256;

/// The most that a process used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    pub memory_kib: u64,
    pub descriptors: u64,
}

/// The most that each process used.
pub type Most = Arc<Mutex<BTreeMap<Part, Used>>>;

/// Looks until it is told to stop.
///
/// # Errors
/// None: a process may be gone.
pub async fn watch(pids: Pids, most: Most, stop: CancellationToken) -> Outcome {
    while !stop.is_cancelled() {
        let running = pids.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (part, pid) in running {
            if let Some(used) = used(pid) {
                let mut most = most.lock().unwrap_or_else(PoisonError::into_inner);
                let before = most.entry(part).or_default();
                before.memory_kib = before.memory_kib.max(used.memory_kib);
                before.descriptors = before.descriptors.max(used.descriptors);
            }
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = stop.cancelled() => {}
        }
    }
    Ok(())
}

/// What a process uses at this moment; `None` if it is gone.
#[must_use]
pub fn used(pid: u32) -> Option<Used> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let memory_kib = memory.split_ascii_whitespace().next()?.parse().ok()?;
    let descriptors = u64::try_from(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count()).ok()?;
    Some(Used { memory_kib, descriptors })
}

/// Fails if a service used more than it may.
///
/// # Errors
/// Which one, and how much.
pub fn check(most: &Most, descriptors: u64) -> Outcome {
    let most = most.lock().unwrap_or_else(PoisonError::into_inner);
    let services = most.iter().filter(|(part, _)| part.is_service());
    let too_much = |used: &Used| used.memory_kib > MEMORY_KIB || used.descriptors > descriptors;
    match services.into_iter().find(|(_, used)| too_much(used)) {
        Some((part, used)) => Err(format!("{part:?} used too much: {used:?}").into()),
        None => Ok(()),
    }
}
