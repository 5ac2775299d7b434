//! A child process: its output goes to files, and it never outlives the test.

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    process::{Child as StdChild, Command, ExitStatus, Stdio},
    time::Duration,
};

use crate::world::until::until_within;

/// Lines of a process's errors that a failed test shows.
const SHOWN_LINES: usize = 20;

/// A running child process.
#[derive(Debug)]
pub(crate) struct Child {
    name: String,
    child: StdChild,
    out: PathBuf,
    err: PathBuf,
}

impl Child {
    /// Starts a process; its output is added to files of its name in a directory.
    pub(crate) fn start(name: &str, mut command: Command, directory: &Path) -> Self {
        let [out, err] = ["out", "err"].map(|kind| directory.join(format!("{name}.{kind}")));
        let file = |path: &Path| OpenOptions::new().create(true).append(true).open(path).expect("a log can be made");
        let child = command.stdin(Stdio::null()).stdout(file(&out)).stderr(file(&err)).spawn();
        let child = child.unwrap_or_else(|error| panic!("{name} cannot be started ({command:?}): {error}"));
        Self { name: name.to_owned(), child, out, err }
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Kills it, in the middle of whatever it does.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        // The standard library sends no signal but KILL.
        let sent = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", self.child.id())).status();
        assert!(sent.expect("a shell").success(), "{} has ended before it was asked to stop", self.name);
    }

    /// Waits until it has ended.
    pub(crate) async fn end(&mut self, patience: Duration) -> ExitStatus {
        let what = format!("{} ends", self.name);
        until_within(patience, &what, async || self.ended()).await
    }

    /// What it wrote to its standard output so far.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(&self.out).expect("the output can be read")
    }

    /// What it wrote to its standard error so far.
    pub(crate) fn errors(&self) -> String {
        fs::read_to_string(&self.err).expect("the errors can be read")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let errors = fs::read_to_string(&self.err).unwrap_or_default();
            let lines: Vec<&str> = errors.lines().collect();
            let last = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
            eprintln!("the last words of {}:\n{}", self.name, last.join("\n"));
        }
    }
}
