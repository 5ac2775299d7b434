//! What the kernel tells about processes in /proc.

use std::fs;

/// A process that is looked at, under the name that the results give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watched {
    pub(crate) name: &'static str,
    pub(crate) pid: u32,
    pub(crate) children: Children,
}

/// Which children of a process count with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Children {
    /// It does all of its work itself.
    None,
    /// Those that have ended, as programs that the load has run.
    Ended,
    /// All of them, as the sessions of PostgreSQL.
    All,
}

/// What /proc/PID/stat holds of one process, times in clock ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) parent: u32,
    pub(crate) own_ticks: u64,
    /// Of its children that have ended.
    pub(crate) waited_for_ticks: u64,
}

/// Positions of the fields behind the name, the state being the first.
const PARENT: usize = 1;
const USER: usize = 11;
const SYSTEM: usize = 12;
const CHILDREN_USER: usize = 13;
const CHILDREN_SYSTEM: usize = 14;

/// Times and parent of a process; `None` if it is gone.
pub(crate) fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse_stat(line: &str) -> Option<Stat> {
    // The name in parentheses may hold anything; what follows the last parenthesis is plain.
    let (_, fields) = line.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat {
        parent: fields.get(PARENT)?.parse().ok()?,
        own_ticks: number(USER)?.saturating_add(number(SYSTEM)?),
        waited_for_ticks: number(CHILDREN_USER)?.saturating_add(number(CHILDREN_SYSTEM)?),
    })
}

/// A process and, if they count with it, its living children.
pub(crate) fn members(watched: Watched) -> Vec<u32> {
    let mut members = vec![watched.pid];
    if watched.children == Children::All {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        members.extend(pids.filter(|pid| stat(*pid).is_some_and(|stat| stat.parent == watched.pid)));
    }
    members
}

/// A figure of /proc/PID/status in KiB, such as `VmRSS`; 0 if the process is gone.
pub(crate) fn status_kib(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let line = "42 (post) gres (1) S 7 42 42 0 -1 4194304 100 200 0 0 11 22 33 44 20 0 1 0 12345 0 0";
        assert_eq!(parse_stat(line), Some(Stat { parent: 7, own_ticks: 33, waited_for_ticks: 77 }));
        assert_eq!(parse_stat("42 (short) S 7"), None);
    }

    #[test]
    fn this_process_is_found() {
        let me = std::process::id();
        assert!(stat(me).is_some_and(|stat| stat.parent > 0));
        assert_eq!(members(Watched { name: "load", pid: me, children: Children::None }), [me]);
    }

    #[test]
    fn a_figure_of_a_status_is_read() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!((status_kib(status, "VmRSS"), status_kib(status, "VmHWM")), (1024, 2048));
        assert_eq!(status_kib(status, "RssAnon"), 0);
    }
}
