//! Ports for servers and services that are started again on the same port.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU16, Ordering},
};

use crate::Outcome;

/// Where ports are taken from: below the range from which the kernel picks ports for clients, so that nobody takes the
/// port of a killed process while it is away; apart from those that other tests take.
const FIRST_PORT: u16 = 12_000;
const PORTS: u16 = 6_000;

/// A port that is free at this moment, each time another one.
///
/// # Errors
/// If none is.
pub(super) fn free() -> Outcome<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Another run begins somewhere else.
    let begin = u16::try_from(u64::from(std::process::id()) * 37 % u64::from(PORTS))?;
    let tried = (0..PORTS).map(|_| FIRST_PORT + (begin + NEXT.fetch_add(1, Ordering::Relaxed) % PORTS) % PORTS);
    let mut free = tried.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().ok_or_else(|| "no port is free".into())
}
