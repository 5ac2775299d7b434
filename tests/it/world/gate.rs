//! A TCP proxy before a service that lets a certain number of bytes of its answers pass and holds the rest: whoever is behind it
//! comes so far and no further, however fast it is.

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
use tokio_util::task::AbortOnDropHandle;

/// Bytes that are carried at once.
const PIECE_BYTES: usize = 16 * 1024;

/// A gate that stands until it is dropped.
#[derive(Debug)]
pub(crate) struct Gate {
    port: u16,
    _task: AbortOnDropHandle<()>,
}

impl Gate {
    /// A gate before a port of loopback; all connections together get so many bytes of answers.
    pub(crate) async fn before(port: u16, bytes: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let gate = listener.local_addr().expect("it has an address").port();
        let left = Arc::new(AtomicUsize::new(bytes));
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (near, _) = listener.accept().await.expect("connections can be taken");
                let far = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.expect("the service is there");
                connections.spawn(carry(near, far, Arc::clone(&left)));
            }
        });
        Self { port: gate, _task: AbortOnDropHandle::new(task) }
    }

    /// Where it is.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

async fn carry(mut near: TcpStream, mut far: TcpStream, left: Arc<AtomicUsize>) {
    let (mut from_near, mut to_near) = near.split();
    let (mut from_far, mut to_far) = far.split();
    // When one of them goes away, there is nothing more to carry.
    _ = tokio::try_join!(copy(&mut from_near, &mut to_far), answers(&mut from_far, &mut to_near, &left));
}

/// Carries answers until the first piece that may not pass, which is held with all that follow.
async fn answers(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    left: &AtomicUsize,
) -> io::Result<()> {
    let mut piece = [0; PIECE_BYTES];
    loop {
        let bytes = from.read(&mut piece).await?;
        if bytes == 0 {
            return to.shutdown().await;
        }
        let taken = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| Some(left.saturating_sub(bytes)));
        if taken.is_ok_and(|left| left < bytes) {
            std::future::pending::<()>().await;
        }
        to.write_all(&piece[..bytes]).await?;
    }
}
