//! Connections as they come in: so many, none that says nothing, TLS where it is configured.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Instant, Sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;
use tracing::{debug, warn};

use crate::tls::Tls;

/// How long a TLS handshake may take, and a connection until its first bytes that mean something.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The first bytes that mean something: the preface of HTTP/2.
const PREFACE_BYTES: usize = 24;

/// A connection on which nothing moves in either direction for so long is closed. HTTP/2 connections that live are probed
/// more often than that.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Connections that are through their handshake and not served yet.
const WAITING: usize = 64;

/// A pause after the system could not accept: it is mostly out of file descriptors, which come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A connection, encrypted or not.
#[derive(Debug)]
pub(crate) enum Connection {
    Plain(Watched),
    Encrypted(Box<TlsStream<Watched>>),
}

/// A TCP connection that is closed when it stands still.
#[derive(Debug)]
pub(crate) struct Watched {
    stream: TcpStream,
    begun: Instant,
    bytes_read: usize,
    moved_at: Instant,
    alarm: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

/// Accepts connections until the receiver goes away; at most `limit` are open at once, further ones are closed at once.
pub(crate) fn accept(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    limit: usize,
) -> ReceiverStream<io::Result<Connection>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let places = Arc::new(Semaphore::new(limit));
    tokio::spawn(async move {
        let mut is_full = false;
        loop {
            let accepted = tokio::select! {
                () = sender.closed() => return,
                accepted = listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                if !is_full {
                    warn!(limit, "no more connections are taken");
                }
                is_full = true;
                continue;
            };
            is_full = false;
            let watched = Watched::new(stream, place);
            let Some(tls) = &tls else {
                if sender.send(Ok(Connection::Plain(watched))).await.is_err() {
                    return;
                }
                continue;
            };
            let (acceptor, sender) = (TlsAcceptor::from(tls.config()), sender.clone());
            tokio::spawn(async move {
                match timeout(HANDSHAKE_TIMEOUT, acceptor.accept(watched)).await {
                    Ok(Ok(stream)) => {
                        let _ = sender.send(Ok(Connection::Encrypted(Box::new(stream)))).await;
                    }
                    Ok(Err(error)) => debug!(%error, "a TLS handshake failed"),
                    Err(_) => debug!("a TLS handshake took too long"),
                }
            });
        }
    });
    ReceiverStream::new(receiver)
}

impl Watched {
    fn new(stream: TcpStream, place: OwnedSemaphorePermit) -> Self {
        let _ = stream.set_nodelay(true);
        let begun = Instant::now();
        let alarm = Box::pin(tokio::time::sleep_until(begun + HANDSHAKE_TIMEOUT));
        Self { stream, begun, bytes_read: 0, moved_at: begun, alarm, _place: place }
    }

    /// When the connection has stood still for too long, if nothing moves any more.
    fn deadline(&self) -> Instant {
        if self.bytes_read < PREFACE_BYTES { self.begun + HANDSHAKE_TIMEOUT } else { self.moved_at + IDLE_TIMEOUT }
    }

    /// Fails if the connection stands still for too long; wakes the task when that may be so.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while self.alarm.as_mut().poll(context).is_ready() {
            let deadline = self.deadline();
            if deadline <= Instant::now() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "nothing moves on the connection"));
            }
            self.alarm.as_mut().reset(deadline);
        }
        Ok(())
    }

    fn moved(&mut self, poll: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(poll, Poll::Ready(Ok(count)) if count > 0) {
            self.moved_at = Instant::now();
        }
        poll
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(context, buffer);
        match poll {
            Poll::Pending => match self.check(context) {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            },
            Poll::Ready(Ok(())) => {
                self.bytes_read = self.bytes_read.saturating_add(buffer.filled().len() - before);
                self.moved_at = Instant::now();
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.moved(poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.moved(poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Passes a call on to whichever kind of connection it is.
macro_rules! either {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Connection::Plain($stream) => {
                let $stream = Pin::new($stream);
                $call
            }
            Connection::Encrypted($stream) => {
                let $stream = Pin::new($stream.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_read(context, buffer))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write_vectored(context, parts))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Encrypted(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_shutdown(context))
    }
}

impl Connected for Connection {
    type ConnectInfo = Option<SocketAddr>;

    fn connect_info(&self) -> Option<SocketAddr> {
        let stream = match self {
            Self::Plain(watched) => &watched.stream,
            Self::Encrypted(stream) => &stream.get_ref().0.stream,
        };
        stream.peer_addr().ok()
    }
}
