//! Ports of the loopback interface that nobody uses.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU16, Ordering},
};

use daybook_chassis::BoxError;

/// Where ports are taken from: below the range from which the kernel picks ports for clients.
const FIRST_PORT: u16 = 27_000;
const PORTS: u16 = 5_000;

/// A port that is free at this moment, each time another one.
pub(crate) fn free() -> Result<u16, BoxError> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Another run begins somewhere else.
    let begin = u16::try_from(std::process::id() % u32::from(PORTS)).unwrap_or(0);
    let tried = (0..PORTS).map(|_| FIRST_PORT + (begin + NEXT.fetch_add(1, Ordering::Relaxed) % PORTS) % PORTS);
    let mut free = tried.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().ok_or_else(|| "no port is free".into())
}
