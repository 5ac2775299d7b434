//! Ports that a process keeps when it is started again.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
};

/// Below the range from which the kernel picks ports for clients: while a killed process is away, nobody takes its port.
const FIRST: u16 = 27_000;
const COUNT: u16 = 5_000;

/// A port on loopback that nobody listens on.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Another run of the tests begins somewhere else.
    let begin = u16::try_from(std::process::id() % u32::from(COUNT)).expect("it fits");
    for _ in 0..COUNT {
        let port = FIRST + (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free from {FIRST} on")
}
