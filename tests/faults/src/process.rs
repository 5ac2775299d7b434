//! A process of a trial: started, killed, stopped for a while, told to end, started again.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Outcome, until::until};

/// Lines of a log that explain an end.
const TOLD_LINES: usize = 20;

/// How to start a process, and the process while it runs. It is killed at the end, also of a failed trial.
#[derive(Debug)]
pub struct Process {
    command: Command,
    log: PathBuf,
    child: Option<Child>,
}

impl Process {
    /// A process that is not started yet; what it writes is appended to a log.
    #[must_use]
    pub fn new(command: Command, log: PathBuf) -> Self {
        Self { command, log, child: None }
    }

    /// Starts it.
    ///
    /// # Errors
    /// If it cannot be started or its log not be written.
    pub fn start(&mut self) -> Outcome {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let again = log.try_clone()?;
        let child = self.command.stdin(Stdio::null()).stdout(log).stderr(again).spawn();
        self.child = Some(child.map_err(|error| format!("{:?} cannot be started: {error}", self.command))?);
        Ok(())
    }

    /// The number of the process while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Kills it with SIGKILL: it gets no chance to finish anything.
    ///
    /// # Errors
    /// If it cannot be killed.
    pub fn kill(&mut self) -> Outcome {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Asks it to end, with SIGTERM.
    ///
    /// # Errors
    /// If it has ended already.
    pub fn terminate(&self) -> Outcome {
        self.signal(Signal::TERM)
    }

    /// Sends a signal to the process alone.
    ///
    /// # Errors
    /// If it has ended already.
    pub fn signal(&self, signal: Signal) -> Outcome {
        let pid = self.pid().ok_or_else(|| format!("{:?} does not run", self.command))?;
        send(pid, signal)
    }

    /// Stops it and its children in the middle of whatever they do, with SIGSTOP.
    ///
    /// # Errors
    /// If it has ended already.
    pub fn pause(&self) -> Outcome {
        // The parent first, so that it makes no further children.
        self.signal(Signal::STOP)?;
        for child in self.children() {
            // A child may end at any time.
            let _ = send(child, Signal::STOP);
        }
        Ok(())
    }

    /// Lets it and its children go on, with SIGCONT.
    ///
    /// # Errors
    /// If it has ended already.
    pub fn resume(&self) -> Outcome {
        for child in self.children() {
            let _ = send(child, Signal::CONT);
        }
        self.signal(Signal::CONT)
    }

    /// The processes that it has started, as the sessions of PostgreSQL.
    #[must_use]
    pub fn children(&self) -> Vec<u32> {
        let Some(parent) = self.pid() else { return Vec::new() };
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        pids.filter(|pid| parent_of(*pid) == Some(parent)).collect()
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// If it does not end in time.
    pub async fn ended(&mut self, patience: Duration) -> Outcome<ExitStatus> {
        let what = format!("{:?} ends", self.command);
        let child = self.child.as_mut().ok_or("it was not started")?;
        let status = until(patience, &what, async || Ok(child.try_wait()?)).await?;
        self.child = None;
        Ok(status)
    }

    /// Fails with the end of its log if it has ended by itself.
    ///
    /// # Errors
    /// If it does not run.
    pub fn check_running(&mut self) -> Outcome {
        let ended = self.child.as_mut().map(Child::try_wait).transpose()?.flatten();
        match ended {
            None => Ok(()),
            Some(status) => Err(format!("{:?} ended with {status}: {}", self.command, self.tail()).into()),
        }
    }

    /// The last lines of its log.
    #[must_use]
    pub fn tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(TOLD_LINES)..).unwrap_or_default().join("\n")
    }
}

/// Sends a signal to a process.
///
/// # Errors
/// If there is no such process.
pub fn send(pid: u32, signal: Signal) -> Outcome {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or("no process has this number")?;
    kill_process(pid, signal).map_err(|error| format!("a signal cannot be sent: {error}").into())
}

fn parent_of(pid: u32) -> Option<u32> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; what follows the last parenthesis is plain.
    let (_, fields) = line.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(1)?.parse().ok()
}

impl Drop for Process {
    fn drop(&mut self) {
        // What is stopped cannot be killed cleanly: its children would stay.
        let _ = self.resume();
        let _ = self.kill();
    }
}
