//! A process of its own that can be killed and started again.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use crate::world::until::until_within;

/// How to start a process, and the process while it runs. It is killed at the end, also of a failed test.
#[derive(Debug)]
pub(crate) struct Process {
    command: Command,
    log: PathBuf,
    child: Option<Child>,
}

impl Process {
    /// A process that is not started yet; what it writes is appended to a log.
    pub(crate) fn new(command: Command, log: PathBuf) -> Self {
        Self { command, log, child: None }
    }

    /// Starts it.
    pub(crate) fn start(&mut self) {
        let log = File::options().create(true).append(true).open(&self.log).expect("a log can be written");
        let again = log.try_clone().expect("a log can be written");
        let child = self.command.stdin(Stdio::null()).stdout(log).stderr(again).spawn();
        self.child = Some(child.unwrap_or_else(|error| panic!("{:?}: {error}", self.command)));
    }

    /// Kills it with SIGKILL: it gets no chance to finish anything.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a running process can be killed");
            child.wait().expect("a killed process ends");
        }
    }

    /// Asks it to stop, with SIGTERM.
    pub(crate) fn terminate(&self) {
        let child = self.child.as_ref().expect("it was started");
        // The standard library sends no signal but KILL.
        let sent = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", child.id())).status();
        assert!(sent.is_ok_and(|status| status.success()), "{:?} has ended before it was asked to", self.command);
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&mut self, patience: Duration) -> ExitStatus {
        let child = self.child.as_mut().expect("it was started");
        let what = format!("{:?} ends", self.command);
        until_within(patience, &what, async || child.try_wait().expect("a child can be asked")).await
    }

    /// Fails with the end of its log if it has ended by itself.
    pub(crate) fn assert_running(&mut self) {
        let ended = self.child.as_mut().and_then(|child| child.try_wait().expect("a child can be asked"));
        assert!(ended.is_none(), "{:?} ended with {ended:?}: {}", self.command, self.tail());
    }

    /// The last lines of its log.
    pub(crate) fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A program of this workspace, which is built before its tests.
pub(crate) fn own_program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test knows where it is");
    let program = test.parent().and_then(Path::parent).expect("tests stand in deps/").join(name);
    assert!(
        program.exists(),
        "{} is not there: build it with `cargo build --workspace --bins --tests`",
        program.display()
    );
    program
}
