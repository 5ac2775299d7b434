//! One register.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use daybook::client::{CommandClient, asked_wait};
use fastrand::Rng;
use tokio_util::sync::CancellationToken;

use crate::{
    Outcome,
    journal::{Answer, Journal},
    shop::{
        calendar::Calendar,
        draw::{Draw, Drawn, Expected},
        message::Message,
    },
};

/// Deadline of an attempt, as a register sets it.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// One attempt in so many has a deadline that is hardly enough.
const ATTEMPTS_PER_HURRY: u32 = 60;
const HURRY_MILLIS: std::ops::Range<u64> = 2..40;

/// After an attempt that was not answered for good, one command in so many is given up.
const ATTEMPTS_PER_GIVING_UP: u32 = 12;

/// A register sends again after at most so long, whatever it was asked.
const LONGEST_WAIT: Duration = Duration::from_millis(500);
const SHORTEST_WAIT: Duration = Duration::from_millis(20);

/// What all registers of a trial add up.
#[derive(Debug, Default)]
pub struct Tally {
    /// Commands that were acknowledged.
    pub acknowledged: AtomicU64,
    /// Attempts that were not.
    pub unanswered: AtomicU64,
    /// The highest position that was told.
    pub highest: AtomicI64,
}

/// How a register behaves.
#[derive(Clone, Debug)]
pub struct Habits {
    pub calendar: Calendar,
    /// Wait after a command, at most.
    pub pause: Duration,
    /// If a share of the commands has hardly enough time, and a share is given up.
    pub hasty: bool,
}

/// A register that sends what it draws.
#[derive(Debug)]
pub struct Register {
    client: CommandClient,
    journal: Journal,
    tally: Arc<Tally>,
    draw: Draw,
    rng: Rng,
    habits: Habits,
}

impl Register {
    /// The register of a number; the same seed and number draw the same commands.
    #[must_use]
    pub fn new(
        seed: u64,
        number: usize,
        habits: Habits,
        client: CommandClient,
        journal: Journal,
        tally: Arc<Tally>,
    ) -> Self {
        let draw = Draw::new(seed, number, habits.calendar.clone());
        let rng = Rng::with_seed(seed.wrapping_add(number as u64));
        Self { client, journal, tally, draw, rng, habits }
    }

    /// Sends until it is told to stop; what is under way is answered or given up.
    ///
    /// # Errors
    /// If the journal cannot be written.
    pub async fn run(mut self, stop: CancellationToken) -> Outcome {
        while !stop.is_cancelled() {
            let Drawn { message, expected } = self.draw.next_command();
            self.bring(message, expected, &stop).await?;
            let pause = self.habits.pause.mul_f64(self.rng.f64());
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }

    /// Sends one sale until it is acknowledged, or the time is over; answers its position.
    ///
    /// # Errors
    /// If it is not acknowledged in time.
    pub async fn probe(&mut self, deadline: Duration, patience: Duration) -> Outcome<i64> {
        let message = self.sale();
        let number = self.journal.sent(&message, Expected::Recorded).await?;
        let begun = Instant::now();
        loop {
            match self.attempt(number, &message, Expected::Recorded, deadline).await? {
                (Answer::Ok { position, .. }, _) => return Ok(position),
                (answer, _) if begun.elapsed() > patience || answer.is_final() => {
                    return Err(format!("a sale was not taken within {patience:?}: {answer:?}").into());
                }
                _ => tokio::time::sleep(SHORTEST_WAIT).await,
            }
        }
    }

    /// Sends a command until it is answered for good, or given up.
    ///
    /// # Errors
    /// If the journal cannot be written.
    pub async fn bring(&mut self, message: Message, expected: Expected, stop: &CancellationToken) -> Outcome {
        let number = self.journal.sent(&message, expected).await?;
        loop {
            let hurry = self.habits.hasty && self.rng.u32(..ATTEMPTS_PER_HURRY) == 0;
            let deadline = if hurry { Duration::from_millis(self.rng.u64(HURRY_MILLIS)) } else { DEADLINE };
            let (answer, wait) = self.attempt(number, &message, expected, deadline).await?;
            let gives_up = self.habits.hasty && self.rng.u32(..ATTEMPTS_PER_GIVING_UP) == 0;
            if answer.is_final() || gives_up || stop.is_cancelled() {
                return Ok(());
            }
            tokio::time::sleep(wait.clamp(SHORTEST_WAIT, LONGEST_WAIT)).await;
        }
    }

    /// A sale to send.
    pub fn sale(&mut self) -> Message {
        Message::Sale(self.draw.next_sale())
    }

    /// A request id that no other command has.
    pub fn request_id(&mut self) -> String {
        self.draw.request_id()
    }

    async fn attempt(
        &mut self,
        number: u64,
        message: &Message,
        expected: Expected,
        deadline: Duration,
    ) -> Outcome<(Answer, Duration)> {
        let begun = Instant::now();
        let result = message.clone().send(&self.client, deadline).await;
        let answer = Answer::of(&result);
        self.journal.answered(number, begun.elapsed(), answer.clone()).await?;
        let wait = match &result {
            Ok(accepted) => {
                self.tally.acknowledged.fetch_add(1, Ordering::Relaxed);
                self.tally.highest.fetch_max(accepted.position, Ordering::Relaxed);
                if expected == Expected::Recorded {
                    self.draw.acknowledged(number, message, accepted);
                }
                Duration::ZERO
            }
            Err(status) => {
                if !answer.is_final() {
                    self.tally.unanswered.fetch_add(1, Ordering::Relaxed);
                }
                asked_wait(status)
            }
        };
        Ok((answer, wait))
    }
}
