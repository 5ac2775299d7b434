//! A child process: it ends with the benchmark, however that ends.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use daybook_chassis::BoxError;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

/// How long a service may take to end when it is told to.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// Lines of a log that explain an end.
const TOLD_LINES: usize = 15;

/// A running program whose output goes to a log.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    pid: u32,
    log: PathBuf,
}

impl Process {
    /// Starts a program with further variables in its environment.
    ///
    /// # Errors
    /// If it cannot be started or its log not be written.
    pub(crate) fn start(
        program: &Path,
        arguments: &[&str],
        environment: &[(&str, String)],
        log: PathBuf,
    ) -> Result<Self, BoxError> {
        let name = program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let output = File::options().create(true).append(true).open(&log)?;
        let mut command = Command::new(program);
        command.args(arguments).envs(environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).kill_on_drop(true);
        let child = command.spawn().map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
        let pid = child.id().ok_or_else(|| format!("{name} ended at once"))?;
        Ok(Self { name, child, pid, log })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Fails with the end of its log if it has ended by itself.
    pub(crate) fn check_running(&mut self) -> Result<(), BoxError> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(format!("{} ended with {status}\n{}", self.name, self.tail()).into()),
        }
    }

    /// Waits until it ends by itself.
    pub(crate) async fn finished(&mut self) -> Result<(), BoxError> {
        let status = self.child.wait().await?;
        if status.success() { Ok(()) } else { Err(format!("{}: {status}\n{}", self.name, self.tail()).into()) }
    }

    /// Tells it to end, and kills it if it does not.
    pub(crate) async fn stop(mut self) -> Result<ExitStatus, BoxError> {
        // The standard library sends no signal but KILL.
        let told = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", self.pid)).status().await?;
        if told.success()
            && let Ok(status) = timeout(STOP_PATIENCE, self.child.wait()).await
        {
            return Ok(status?);
        }
        self.child.kill().await?;
        Ok(self.child.wait().await?)
    }

    /// The last lines of its log.
    pub(crate) fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(TOLD_LINES)..).unwrap_or_default().join("\n")
    }
}
