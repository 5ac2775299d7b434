//! Several registers at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use daybook::client::CommandClient;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::register::{DEADLINE, Habits, Register, Tally};
use crate::{
    Outcome,
    cluster::channel,
    journal::{Answer, Journal, Line},
    shop::{
        catalogue,
        draw::{Draw, Expected},
        message::Message,
    },
    until::until,
};

/// How long a first acknowledgement may take.
const FIRST_PATIENCE: Duration = Duration::from_secs(30);

/// How often a command whose outcome is not known is sent again at the end, until it is answered for good.
const SETTLING_ATTEMPTS: usize = 50;
const SETTLING_WAIT: Duration = Duration::from_millis(200);

/// Numbers of registers that are not part of the load.
const OFFICE: usize = 900;
const PROBE: usize = 901;
const SECOND_OFFICE: usize = 902;

/// Registers at work.
#[derive(Debug)]
pub struct Load {
    seed: u64,
    port: u16,
    habits: Habits,
    journal: Journal,
    /// What they have done so far.
    pub tally: Arc<Tally>,
    registers: JoinSet<Outcome>,
    count: usize,
    stop: CancellationToken,
}

impl Load {
    /// A load without registers yet, on a port of loopback.
    #[must_use]
    pub fn new(seed: u64, port: u16, habits: Habits, journal: Journal) -> Self {
        let (tally, registers, stop) = (Arc::default(), JoinSet::new(), CancellationToken::new());
        Self { seed, port, habits, journal, tally, registers, count: 0, stop }
    }

    /// Registers the catalogue.
    ///
    /// # Errors
    /// If a part of it is not accepted.
    pub async fn open(&self) -> Outcome {
        let client = CommandClient::new(channel(self.port)?);
        let mut draw = Draw::new(self.seed, OFFICE, self.habits.calendar.clone());
        for message in catalogue::commands(|| draw.request_id()) {
            let number = self.journal.sent(&message, Expected::Recorded).await?;
            let result = message.send(&client, DEADLINE).await;
            self.journal.answered(number, Duration::ZERO, Answer::of(&result)).await?;
            result?;
        }
        Ok(())
    }

    /// Lets so many more registers send, each over a connection of its own.
    ///
    /// # Errors
    /// If the port is not understood.
    pub fn add(&mut self, registers: usize) -> Outcome {
        self.add_at(registers, self.port)
    }

    /// As [`Self::add`], on another port.
    ///
    /// # Errors
    /// If the port is not understood.
    pub fn add_at(&mut self, registers: usize, port: u16) -> Outcome {
        for _ in 0..registers {
            let register = self.register(self.count, port)?;
            self.count += 1;
            self.registers.spawn(register.run(self.stop.clone()));
        }
        Ok(())
    }

    /// A register that is used to see whether commands are answered.
    ///
    /// # Errors
    /// If the port is not understood.
    pub fn probe(&self) -> Outcome<Register> {
        self.register(PROBE, self.port)
    }

    /// A register that sends what it is given, on another port.
    ///
    /// # Errors
    /// If the port is not understood.
    pub fn office(&self, port: u16) -> Outcome<Register> {
        self.register(SECOND_OFFICE, port)
    }

    /// The load again after its end, with other registers.
    #[must_use]
    pub fn again(&self) -> Self {
        Self {
            seed: self.seed,
            port: self.port,
            habits: self.habits.clone(),
            journal: self.journal.clone(),
            tally: Arc::clone(&self.tally),
            registers: JoinSet::new(),
            count: self.count,
            stop: CancellationToken::new(),
        }
    }

    fn register(&self, number: usize, port: u16) -> Outcome<Register> {
        let client = CommandClient::new(channel(port)?);
        let (habits, journal) = (self.habits.clone(), self.journal.clone());
        Ok(Register::new(self.seed, number, habits, client, journal, Arc::clone(&self.tally)))
    }

    /// How many commands were acknowledged so far.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.tally.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits until so many more commands were acknowledged.
    ///
    /// # Errors
    /// If that does not happen in time, or a register has ended.
    pub async fn more(&mut self, count: u64) -> Outcome {
        let wanted = self.acknowledged() + count;
        until(FIRST_PATIENCE, &format!("{count} more commands are acknowledged"), async || {
            if let Some(ended) = self.registers.try_join_next() {
                return Err(format!("a register ended: {ended:?}").into());
            }
            Ok((self.acknowledged() >= wanted).then_some(()))
        })
        .await
    }

    /// Lets the registers end.
    ///
    /// # Errors
    /// If one of them failed.
    pub async fn end(&mut self) -> Outcome {
        self.stop.cancel();
        while let Some(ended) = self.registers.join_next().await {
            ended??;
        }
        Ok(())
    }

    /// Sends every other command whose outcome is not known again, until it is: it must converge. The others, and those that
    /// no attempt recorded, stay as they are.
    ///
    /// # Errors
    /// If one is not answered for good.
    pub async fn settle(&self) -> Outcome<usize> {
        let client = CommandClient::new(channel(self.port)?);
        let mut sent: BTreeMap<u64, (String, String)> = BTreeMap::new();
        let mut open: BTreeSet<u64> = BTreeSet::new();
        for line in self.journal.read()? {
            match line {
                Line::Sent { number, kind, message, .. } => {
                    sent.insert(number, (kind, message));
                }
                Line::Answered { number, answer: Answer::Unknown { .. }, .. } => {
                    open.insert(number);
                }
                Line::Answered { number, answer, .. } if answer.is_final() => {
                    sent.remove(&number);
                }
                Line::Answered { .. } => {}
            }
        }
        let mut settled = 0;
        for number in open.into_iter().step_by(2) {
            let Some((kind, message)) = sent.remove(&number) else { continue };
            self.settle_one(&client, number, Message::decode(&kind, &hex::decode(message)?)?).await?;
            settled += 1;
        }
        Ok(settled)
    }

    async fn settle_one(&self, client: &CommandClient, number: u64, message: Message) -> Outcome {
        for _ in 0..SETTLING_ATTEMPTS {
            let begun = std::time::Instant::now();
            let answer = Answer::of(&message.clone().send(client, DEADLINE).await);
            self.journal.answered(number, begun.elapsed(), answer.clone()).await?;
            if answer.is_final() {
                return Ok(());
            }
            tokio::time::sleep(SETTLING_WAIT).await;
        }
        Err(format!("command {number} is not answered for good after {SETTLING_ATTEMPTS} attempts").into())
    }
}
