//! A TCP proxy before a service that lets a certain number of bytes of its answers pass and holds the rest: whoever is behind it
//! comes so far and no further, however fast it is, until the gate is opened.

use std::{
    io,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

/// Bytes that are carried at once.
const PIECE_BYTES: usize = 16 * 1024;

/// A gate that stands until it is dropped.
#[derive(Debug)]
pub(crate) struct Gate {
    port: u16,
    bounds: Arc<Bounds>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Bounds {
    /// Bytes that may still pass.
    left: AtomicUsize,
    /// Cancelled once something is held.
    held: CancellationToken,
    /// Cancelled once everything may pass.
    open: CancellationToken,
}

impl Gate {
    /// A gate before a port of loopback; all connections together get so many bytes of answers.
    pub(crate) async fn before(port: u16, bytes: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let gate = listener.local_addr().expect("it has an address").port();
        let left = AtomicUsize::new(bytes);
        let bounds = Arc::new(Bounds { left, held: CancellationToken::new(), open: CancellationToken::new() });
        let of_task = Arc::clone(&bounds);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (near, _) = listener.accept().await.expect("connections can be taken");
                // While the service is away, whoever connects is sent away too.
                let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { continue };
                connections.spawn(carry(near, far, Arc::clone(&of_task)));
            }
        });
        Self { port: gate, bounds, _task: AbortOnDropHandle::new(task) }
    }

    /// Waits until something is held.
    pub(crate) async fn holds(&self) {
        self.bounds.held.cancelled().await;
    }

    /// Lets everything pass.
    pub(crate) fn open(&self) {
        self.bounds.open.cancel();
    }

    /// Where it is.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

async fn carry(mut near: TcpStream, mut far: TcpStream, bounds: Arc<Bounds>) {
    let (mut from_near, mut to_near) = near.split();
    let (mut from_far, mut to_far) = far.split();
    // When one of them goes away, there is nothing more to carry.
    _ = tokio::try_join!(copy(&mut from_near, &mut to_far), answers(&mut from_far, &mut to_near, &bounds));
}

/// Carries answers until the first piece that may not pass, which is held with all that follow until the gate is opened.
async fn answers(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    bounds: &Bounds,
) -> io::Result<()> {
    let mut piece = [0; PIECE_BYTES];
    loop {
        let bytes = from.read(&mut piece).await?;
        if bytes == 0 {
            return to.shutdown().await;
        }
        let less = |left: usize| Some(left.saturating_sub(bytes));
        let before = bounds.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        if before.is_ok_and(|left| left < bytes) && !bounds.open.is_cancelled() {
            bounds.held.cancel();
            bounds.open.cancelled().await;
        }
        to.write_all(&piece[..bytes]).await?;
    }
}
