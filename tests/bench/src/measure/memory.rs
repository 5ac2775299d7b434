//! Resident memory of processes.

use std::fs;

use serde::Serialize;

use super::procfs::{Children, Watched, members, status_kib};

/// Resident memory in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Memory {
    /// At the last look.
    pub(crate) now_kib: u64,
    /// The most. For a single process it is the kernel's own high-water mark since the process began, so nothing between
    /// two looks is missed; for one with children the most at any look.
    pub(crate) peak_kib: u64,
}

impl Memory {
    /// Looks at a process. What its children share with it counts once.
    pub(crate) fn of(watched: Watched) -> Self {
        let (mut now, mut peak, mut private, mut shared) = (0, 0, 0_u64, 0_u64);
        for pid in members(watched) {
            let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { continue };
            now = status_kib(&status, "VmRSS");
            peak = status_kib(&status, "VmHWM");
            private = private.saturating_add(status_kib(&status, "RssAnon"));
            shared = shared.max(status_kib(&status, "RssShmem").saturating_add(status_kib(&status, "RssFile")));
        }
        if watched.children == Children::All {
            now = private.saturating_add(shared);
            peak = now;
        }
        Self { now_kib: now, peak_kib: peak }
    }

    /// A later look at the same process.
    pub(crate) fn then(self, later: Self) -> Self {
        Self { now_kib: later.now_kib, peak_kib: self.peak_kib.max(later.peak_kib) }
    }
}
