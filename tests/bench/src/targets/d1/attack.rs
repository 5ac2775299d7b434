//! Those who mean harm.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use daybook::{
    client::{CommandClient, Credentials, Link, link},
    command::v1::RecordSaleRequest,
    event::v1::FollowEventsRequest,
};
use daybook_chassis::BoxError;
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tonic::{Code, Request, Status};

use crate::service::Doors;

/// Tokens with a wrong signature, a second; each is another one, so that none is remembered.
const FORGED_PER_SECOND: u64 = 500;

/// Streams that are begun and left at once, a second: more than 10,000 over the usual rounds.
const LEFT_PER_SECOND: u64 = 600;

/// Messages a second of more than a service takes.
const LARGE_PER_SECOND: u64 = 20;
const LARGE_BYTES: usize = 5 * 1024 * 1024;

/// Connections that begin a handshake and say no more; whoever is shown out comes back.
const SILENT_CONNECTIONS: usize = 500;

/// Calls of an attack that may be unanswered.
const UNANSWERED: usize = 1_000;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attack {
    Forged,
    Left,
    Large,
    Silent,
}

impl Attack {
    pub(super) const ALL: [Self; 4] = [Self::Forged, Self::Left, Self::Large, Self::Silent];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Forged => "forged tokens",
            Self::Left => "streams that are left",
            Self::Large => "messages of 5 MiB",
            Self::Silent => "silent handshakes",
        }
    }
}

/// One who attacks the command service.
#[derive(Debug)]
pub(super) struct Attacker {
    endpoint: String,
    doors: Doors,
    done: [AtomicU64; 4],
}

impl Attacker {
    pub(super) fn new(endpoint: String, doors: Doors) -> Self {
        Self { endpoint, doors, done: Default::default() }
    }

    /// What was done in all.
    pub(super) fn told(&self, attack: Attack) -> String {
        let done = self.done[attack as usize].load(Ordering::Relaxed);
        match attack {
            Attack::Forged => format!("{done} calls with forged tokens, {FORGED_PER_SECOND} a second, all refused"),
            Attack::Left => format!("{done} streams of the whole log begun and left, {LEFT_PER_SECOND} a second"),
            Attack::Large => format!("{done} messages of 5 MiB, {LARGE_PER_SECOND} a second, all refused"),
            Attack::Silent => format!("{done} connections, {SILENT_CONNECTIONS} at once"),
        }
    }

    /// Attacks until it is stopped.
    ///
    /// # Errors
    /// If something is answered as it should not be.
    pub(super) async fn attack(self: Arc<Self>, attack: Attack) -> Result<(), BoxError> {
        match attack {
            Attack::Forged => {
                let (link, token) = (self.link(&self.doors.nobody())?, self.doors.token("somebody")?);
                self.at_rate(attack, FORGED_PER_SECOND, move |number| forged(link.clone(), token.clone(), number)).await
            }
            Attack::Left => {
                let link = self.link(&self.doors.credentials())?;
                self.at_rate(attack, LEFT_PER_SECOND, move |_| left(link.clone())).await
            }
            Attack::Large => {
                let link = self.link(&self.doors.credentials())?;
                self.at_rate(attack, LARGE_PER_SECOND, move |_| large(link.clone())).await
            }
            Attack::Silent => self.stay_silent().await,
        }
    }

    fn link(&self, credentials: &Credentials) -> Result<Link, BoxError> {
        Ok(link(&self.endpoint, credentials)?)
    }

    async fn at_rate<F>(&self, attack: Attack, per_second: u64, call: impl Fn(u64) -> F) -> Result<(), BoxError>
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let mut ticks = interval(Duration::from_secs(1) / u32::try_from(per_second)?);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut calls = JoinSet::new();
        for number in 0.. {
            ticks.tick().await;
            while calls.len() >= UNANSWERED {
                calls.join_next().await.transpose()?.transpose()?;
            }
            while let Some(ended) = calls.try_join_next() {
                ended??;
                self.done[attack as usize].fetch_add(1, Ordering::Relaxed);
            }
            calls.spawn(call(number));
        }
        Ok(())
    }

    async fn stay_silent(&self) -> Result<(), BoxError> {
        let address = self.endpoint.trim_start_matches("https://").to_owned();
        let mut silent = JoinSet::new();
        loop {
            while silent.len() < SILENT_CONNECTIONS {
                let address = address.clone();
                silent.spawn(async move { silence(&address).await });
                self.done[Attack::Silent as usize].fetch_add(1, Ordering::Relaxed);
            }
            // One that is refused is no harm done; the next one tries.
            let _ = silent.join_next().await.transpose()?;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// A call with a token of which the signature is another's.
async fn forged(link: Link, token: String, number: u64) -> Result<(), BoxError> {
    let (rest, signature) = token.rsplit_once('.').ok_or("a token has parts")?;
    // The last digits before the signature are of the claims: any change makes the signature wrong.
    let forged = format!("{}{number:06}.{signature}", rest.get(..rest.len().saturating_sub(6)).unwrap_or_default());
    let mut request = Request::new(RecordSaleRequest::default());
    request.metadata_mut().insert("authorization", format!("Bearer {forged}").parse()?);
    expect(CommandClient::new(link).sales.record_sale(request).await.map(drop), Code::Unauthenticated)
}

/// A stream of the whole log that is left when it has begun.
async fn left(link: Link) -> Result<(), BoxError> {
    match CommandClient::new(link).log.follow_events(FollowEventsRequest::default()).await {
        Ok(_) => Ok(()),
        Err(status) if status.code() == Code::ResourceExhausted => Ok(()),
        Err(status) => Err(status.into()),
    }
}

/// A message that is too large.
async fn large(link: Link) -> Result<(), BoxError> {
    let message = RecordSaleRequest { request_id: "x".repeat(LARGE_BYTES), ..RecordSaleRequest::default() };
    expect(CommandClient::new(link).sales.record_sale(message).await.map(drop), Code::OutOfRange)
}

fn expect(answer: Result<(), Status>, code: Code) -> Result<(), BoxError> {
    match answer {
        Err(status) if status.code() == code => Ok(()),
        Err(status) => Err(format!("{code:?} was expected: {status}").into()),
        Ok(()) => Err("it was not refused".into()),
    }
}

/// The beginning of a TLS handshake, until it is shown out.
async fn silence(address: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await?;
    stream.readable().await
}
