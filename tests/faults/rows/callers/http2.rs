//! As much of HTTP/2 as is needed to open streams and to reset them at once.

use std::time::Duration;

use daybook_faults::Outcome;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// How a connection begins.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames.
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;

/// All headers are there, and the message is still to come.
const END_HEADERS: u8 = 4;

/// CANCEL.
const CANCEL: [u8; 4] = 8_u32.to_be_bytes();

/// How long the service may take to read, or to close the connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens so many calls on one connection and resets each at once, or until the service closes the connection.
///
/// # Errors
/// If there is no connection.
pub(crate) async fn flood(port: u16, path: &str, resets: u32) -> Outcome {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut read, mut write) = stream.into_split();
    // What comes back is read, so that the service can write.
    let reading = tokio::spawn(async move {
        let mut bytes = [0; 4_096];
        while read.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
    });
    let headers = headers(path)?;
    let mut bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    for number in 0..resets {
        let id = 2 * number + 1;
        bytes.extend(frame(HEADERS, END_HEADERS, id, &headers));
        bytes.extend(frame(RST_STREAM, 0, id, &CANCEL));
    }
    // The service may close the connection in the middle: then it defends itself.
    drop(tokio::time::timeout(PATIENCE, write.write_all(&bytes)).await);
    drop(write);
    drop(tokio::time::timeout(PATIENCE, reading).await);
    Ok(())
}

fn frame(kind: u8, flags: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(0).to_be_bytes();
    let mut frame = length.get(1..).unwrap_or_default().to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(body);
    frame
}

/// A header block: POST, http, and the path and the others as plain texts.
fn headers(path: &str) -> Outcome<Vec<u8>> {
    let mut block = vec![0x83, 0x86];
    // Names by their place in the static table: `:path`, `:authority`, `content-type` (31 takes two bytes).
    for (name, value) in [(&[0x04][..], path), (&[0x01], "localhost"), (&[0x0f, 0x10], "application/grpc")] {
        block.extend(name);
        block.push(u8::try_from(value.len()).ok().filter(|length| *length < 127).ok_or("the path is too long")?);
        block.extend(value.as_bytes());
    }
    Ok(block)
}
