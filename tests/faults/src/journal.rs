//! What was sent and what was answered, on disk: one line of JSON for each command before its first attempt, and one for
//! each answer. A line counts once it is fsynced, and nobody goes on before his line counts.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use daybook::{command::v1::Accepted, reason};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    Outcome,
    shop::{draw::Expected, message::Message},
};

/// Lines that may wait for the disk; each sender waits for its own.
const WAITING_LINES: usize = 1_024;

/// One line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum Line {
    /// A command is going to be sent.
    Sent { number: u64, request_id: String, kind: String, message: String, expected: Expected },
    /// An attempt was answered, so many milliseconds after the journal began.
    Answered { number: u64, millis: u64, took_millis: u64, answer: Answer },
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// It is in the log.
    Ok { position: i64, duplicate: bool, business_date: String },
    /// It is refused, and would be again.
    Refused { reason: String },
    /// This attempt recorded nothing; another one may.
    NotNow { code: String, reason: String, has_wait: bool },
    /// It may be in the log.
    Unknown { code: String, reason: String, has_wait: bool },
}

impl Answer {
    /// The answer that a call got.
    #[must_use]
    pub fn of(result: &Result<Accepted, Status>) -> Self {
        let status = match result {
            Ok(accepted) => {
                return Self::Ok {
                    position: accepted.position,
                    duplicate: accepted.duplicate,
                    business_date: accepted.business_date.clone(),
                };
            }
            Err(status) => status,
        };
        let details = status.get_error_details();
        let reason = details.error_info().map(|info| info.reason.clone()).unwrap_or_default();
        let code = format!("{:?}", status.code());
        let has_wait = details.retry_info().is_some();
        match (status.code(), reason.as_str()) {
            (_, reason::OUTCOME_UNKNOWN | "") => Self::Unknown { code, reason, has_wait },
            (Code::Unavailable | Code::ResourceExhausted | Code::Aborted | Code::DeadlineExceeded, _) => {
                Self::NotNow { code, reason, has_wait }
            }
            _ => Self::Refused { reason },
        }
    }

    /// True if another attempt can change nothing.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Ok { .. } | Self::Refused { .. })
    }
}

/// The journal of a trial.
#[derive(Clone, Debug)]
pub struct Journal {
    lines: mpsc::Sender<(String, oneshot::Sender<()>)>,
    next: Arc<AtomicU64>,
    begun: Instant,
    path: PathBuf,
}

impl Journal {
    /// An empty journal in a file of a directory.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn begin(directory: &Path) -> Outcome<Self> {
        let path = directory.join("journal");
        let mut file = File::options().create_new(true).append(true).open(&path)?;
        let (lines, mut waiting) = mpsc::channel::<(String, oneshot::Sender<()>)>(WAITING_LINES);
        // A thread, because it waits for the disk. It ends with the last sender.
        std::thread::spawn(move || {
            while let Some(first) = waiting.blocking_recv() {
                let mut together = vec![first];
                while let Ok(more) = waiting.try_recv() {
                    together.push(more);
                }
                let text: String = together.iter().map(|(line, _)| line.as_str()).collect();
                if file.write_all(text.as_bytes()).and_then(|()| file.sync_data()).is_err() {
                    // Whoever waits hears that nobody answers.
                    return;
                }
                for (_, written) in together {
                    let _ = written.send(());
                }
            }
        });
        Ok(Self { lines, next: Arc::new(AtomicU64::new(1)), begun: Instant::now(), path })
    }

    /// The number of the last command that was noted.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.next.load(Ordering::Relaxed).saturating_sub(1)
    }

    /// Milliseconds since it began.
    #[must_use]
    pub fn millis(&self) -> u64 {
        millis(self.begun.elapsed())
    }

    /// Notes a command before it is sent; answers its number.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn sent(&self, message: &Message, expected: Expected) -> Outcome<u64> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let line = Line::Sent {
            number,
            request_id: message.request_id().to_owned(),
            kind: message.kind().to_owned(),
            message: hex::encode(message.encode()),
            expected,
        };
        self.write(&line).await?;
        Ok(number)
    }

    /// Notes what became of an attempt.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn answered(&self, number: u64, took: Duration, answer: Answer) -> Outcome {
        self.write(&Line::Answered { number, millis: self.millis(), took_millis: millis(took), answer }).await
    }

    async fn write(&self, line: &Line) -> Outcome {
        let (written, done) = oneshot::channel();
        let text = serde_json::to_string(line)? + "\n";
        self.lines.send((text, written)).await.map_err(|_| "the journal cannot be written")?;
        Ok(done.await.map_err(|_| "the journal cannot be written")?)
    }

    /// Reads what is on disk, in order.
    ///
    /// # Errors
    /// If a line cannot be read.
    pub fn read(&self) -> Outcome<Vec<Line>> {
        let lines = BufReader::new(File::open(&self.path)?).lines();
        lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
