//! CPU time of processes.

use super::procfs::{Children, Watched, members, stat};

/// Ticks in which the kernel tells times to programs (USER_HZ), the same on every common Linux.
const TICKS_A_SECOND: f64 = 100.0;

/// CPU seconds that a process has taken since it began. Children that have ended count as waited for, living ones with
/// what they have taken until now, so no work is lost when a session ends between two looks.
pub(crate) fn seconds(watched: Watched) -> f64 {
    let mut ticks = 0_u64;
    for pid in members(watched) {
        let Some(stat) = stat(pid) else { continue };
        ticks = ticks.saturating_add(stat.own_ticks);
        if watched.children != Children::None {
            ticks = ticks.saturating_add(stat.waited_for_ticks);
        }
    }
    #[allow(clippy::cast_precision_loss, reason = "no process of a benchmark runs that long")]
    let ticks = ticks as f64;
    ticks / TICKS_A_SECOND
}
