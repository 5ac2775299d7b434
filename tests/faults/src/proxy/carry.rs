//! One connection: bytes go both ways until an end closes it, it is cut, or it is forgotten.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
};

use super::{
    Cut, Shared,
    postgres::Conversation,
    trap::{Awaits, Then, holds},
};

/// Bytes that are passed on at once.
const PIECE_BYTES: usize = 64 * 1024;

/// Where bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// Why a connection ends.
enum End {
    Closed,
    Cut(Cut),
    Forgotten,
}

/// Carries the bytes of a connection to its end.
pub(super) async fn carry(mut near: TcpStream, mut far: TcpStream, number: u64, shared: &Shared) {
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let conversation = Mutex::new(Conversation::default());
    let end = {
        let ((near_read, near_write), (far_read, far_write)) = (near.split(), far.split());
        let up = pump(near_read, far_write, Way::Up, shared, &conversation);
        let down = pump(far_read, near_write, Way::Down, shared, &conversation);
        tokio::select! {
            ended = async { tokio::try_join!(up, down) } => ended.map_or_else(|end| end, |_| End::Closed),
            how = cut(number, shared) => End::Cut(how),
            () = forgotten(number, shared) => End::Forgotten,
        }
    };
    match end {
        End::Closed | End::Cut(Cut::Close) => {}
        End::Cut(Cut::Reset) => drop((near.set_zero_linger(), far.set_zero_linger())),
        // Both ends believe in it until they give it up, or everything is cut.
        End::Forgotten => {
            cut(number, shared).await;
        }
    }
}

/// Waits until pieces may pass in a direction.
pub(super) async fn passes(shared: &Shared, up: bool) {
    let mut mode = shared.mode.subscribe();
    // Ends with the proxy, which cuts everything.
    let _ = mode.wait_for(|mode| !if up { mode.hold_up } else { mode.hold_down }).await;
}

async fn cut(number: u64, shared: &Shared) -> Cut {
    let mut cut = shared.cut.subscribe();
    cut.wait_for(|(before, _)| number < *before).await.map_or(Cut::Close, |found| found.1)
}

async fn forgotten(number: u64, shared: &Shared) {
    let mut forgotten = shared.forgotten.subscribe();
    if forgotten.wait_for(|before| number < *before).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    way: Way,
    shared: &Shared,
    conversation: &Mutex<Conversation>,
) -> Result<(), End> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        passes(shared, way == Way::Up).await;
        let count = from.read(&mut piece).await.map_err(broken)?;
        if count == 0 {
            return to.shutdown().await.map_err(broken);
        }
        let piece = piece.get(..count).unwrap_or_default();
        let delay = shared.mode.borrow().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        // What was read before the link was held is held, too.
        passes(shared, way == Way::Up).await;
        match swallowed(piece, way, shared, conversation) {
            None => {}
            Some(Then::Cut(how)) => return Err(End::Cut(how)),
            Some(Then::Forget) => return Err(End::Forgotten),
            Some(Then::Hold) => {
                shared.mode.send_modify(|mode| mode.hold_up = true);
                passes(shared, true).await;
            }
        }
        to.write_all(piece).await.map_err(broken)?;
    }
}

/// What to do if a trap waits for this piece.
fn swallowed(piece: &[u8], way: Way, shared: &Shared, conversation: &Mutex<Conversation>) -> Option<Then> {
    let mut committed = false;
    if shared.speaks_postgres {
        let mut conversation = conversation.lock().unwrap_or_else(PoisonError::into_inner);
        match way {
            Way::Up => conversation.asked(piece),
            Way::Down => committed = conversation.answered(piece),
        }
    }
    shared.springs(|trap| match &trap.awaits {
        Awaits::Committed => committed,
        Awaits::Request(bytes) => way == Way::Up && holds(piece, bytes),
        Awaits::Answer(bytes) => way == Way::Down && holds(piece, bytes),
    })
}

/// An end that broke off is told to the other one by a reset.
fn broken(_: io::Error) -> End {
    End::Cut(Cut::Reset)
}
