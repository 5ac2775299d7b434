//! A TCP proxy between two parts, with which links are delayed, held, cut, and robbed of single answers.
//!
//! - [`mod@carry`]: the bytes of one connection;
//! - [`trap`]: waits for a certain message and swallows it;
//! - [`postgres`]: which answers of PostgreSQL say that something is committed.

mod carry;
pub mod postgres;
pub mod trap;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

use self::trap::{Sprung, Trap};
use crate::Outcome;

/// What a proxy does with the bytes of its connections at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mode {
    /// Nothing reaches the server; nothing is lost either.
    pub hold_up: bool,
    /// Nothing comes back from the server.
    pub hold_down: bool,
    /// Each piece is passed on so much later.
    pub delay: Duration,
    /// New connections are reset at once.
    pub refuse: bool,
}

impl Mode {
    /// Everything passes.
    pub const OPEN: Self = Self { hold_up: false, hold_down: false, delay: Duration::ZERO, refuse: false };
    /// Nothing passes, and nobody hears of it.
    pub const HELD: Self = Self { hold_up: true, hold_down: true, delay: Duration::ZERO, refuse: false };
}

/// How connections end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Both ends hear a reset.
    Reset,
    /// Both ends hear an orderly end.
    Close,
}

/// A proxy that runs until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// What connections look at.
#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    speaks_postgres: bool,
    mode: watch::Sender<Mode>,
    /// Connections before this number are cut in this way.
    cut: watch::Sender<(u64, Cut)>,
    /// Connections before this number are forgotten: they stay open, and nothing passes any more.
    forgotten: watch::Sender<u64>,
    next: AtomicU64,
    trap: Mutex<Option<Trap>>,
}

impl Proxy {
    /// A proxy on a port of its own before a server on this port of loopback.
    ///
    /// # Errors
    /// If no port can be had.
    pub async fn before(port: u16) -> Outcome<Self> {
        Self::start(port, false).await
    }

    /// A proxy before a PostgreSQL server: it knows which answers follow a commit.
    ///
    /// # Errors
    /// If no port can be had.
    pub async fn before_postgres(port: u16) -> Outcome<Self> {
        Self::start(port, true).await
    }

    async fn start(port: u16, speaks_postgres: bool) -> Outcome<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            target: SocketAddr::from(([127, 0, 0, 1], port)),
            speaks_postgres,
            mode: watch::Sender::new(Mode::OPEN),
            cut: watch::Sender::new((0, Cut::Close)),
            forgotten: watch::Sender::new(0),
            next: AtomicU64::new(0),
            trap: Mutex::default(),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, task })
    }

    /// The port on which it takes connections.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Changes what it does, for connections there are and for new ones.
    pub fn set(&self, mode: Mode) {
        self.shared.mode.send_replace(mode);
    }

    /// Ends all connections there are; new ones can be made, as far as the mode lets them.
    pub fn cut(&self, how: Cut) {
        self.shared.cut.send_replace((self.shared.next.load(Ordering::SeqCst), how));
    }

    /// Lets all connections there are stand open without a word for ever, as a link that is gone does. New ones work.
    pub fn forget(&self) {
        self.shared.forgotten.send_replace(self.shared.next.load(Ordering::SeqCst));
    }

    /// Waits for a message, once: see [`Trap`]. Whoever listens hears when it came.
    pub fn arm(&self, trap: Trap) {
        *self.shared.trap() = Some(trap);
    }

    /// Takes a trap away that did not spring.
    pub fn disarm(&self) {
        *self.shared.trap() = None;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut(Cut::Close);
        self.task.abort();
    }
}

impl Shared {
    fn trap(&self) -> std::sync::MutexGuard<'_, Option<Trap>> {
        self.trap.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if the trap waits for this message. It does not spring twice.
    fn springs(&self, is_it: impl Fn(&Trap) -> bool) -> Option<Sprung> {
        let mut trap = self.trap();
        let (sprung, next) = trap.take_if(|trap| is_it(trap))?.spring();
        *trap = next;
        Some(sprung)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((near, _)) = listener.accept().await else { continue };
        let number = shared.next.fetch_add(1, Ordering::SeqCst);
        if shared.mode.borrow().refuse {
            let _ = near.set_zero_linger();
            continue;
        }
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // A link that is held lets nobody through to be refused either.
            carry::passes(&shared, true).await;
            match TcpStream::connect(shared.target).await {
                Ok(far) => carry::carry(near, far, number, &shared).await,
                Err(_) => drop(near.set_zero_linger()),
            }
        });
    }
}
