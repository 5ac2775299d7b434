//! From a message to the answer: check, load what it depends on, submit, wait.

use std::{sync::Arc, time::Duration};

use daybook::{
    access::{STORES, SUPPLIERS},
    command::v1::{
        Accepted, AdjustStockRequest, DiscardEventRequest, RecordDeliveryRequest, RecordReturnRequest,
        RecordSaleRequest, RegisterItemRequest, RegisterStoreRequest, RegisterSupplierRequest, VoidSaleRequest,
    },
    event,
    ids::RequestId,
    reason, stream,
};
use daybook_chassis::answer::{Refusal, Violation};
use sha2::{Digest as _, Sha256};
use tokio::{sync::oneshot, time::Instant};
use tonic::{Code, Status};

use super::origin::Origin;
use crate::{
    append::{Answer, Appends, Fingerprint, Submission, stopping},
    domain::{
        adjustment::AdjustStock, catalogue::Catalogue, check, command::Command, delivery::RecordDelivery,
        discard::DiscardEvent, item::RegisterItem, sale::RecordSale, sale_return::RecordReturn, sale_state::SaleState,
        store::RegisterStore, supplier::RegisterSupplier, void::VoidSale,
    },
    status,
    store::Store,
};

/// How often a command on an existing sale is decided anew because the sale changed meanwhile.
const MAX_TRIES: usize = 5;

/// Most events of a sale's stream that are loaded for a decision: its recording, a void, and a note for each return.
const MAX_STREAM_EVENTS: i64 = 10_000;

/// When to come back after a lost race.
const RACE_WAIT: Duration = Duration::from_millis(50);

/// Executes commands.
#[derive(Clone, Debug)]
pub struct Executor {
    appends: Appends,
    store: Store,
}

/// A message that carries a command.
pub trait CommandMessage: prost::Message + Clone {
    /// Name of the command: part of its fingerprint.
    const NAME: &'static str;

    /// Takes the request id out of the message.
    fn take_request_id(&mut self) -> String;

    /// The stores and suppliers for which the sender must be allowed to speak, by kind; none for what concerns the chain.
    fn objects(&self) -> Vec<(&'static str, &str)>;

    /// Checks the message.
    ///
    /// # Errors
    /// All its faults.
    fn parse(self, catalogue: &Catalogue) -> Result<Command, Refusal>;
}

macro_rules! command_messages {
    ($($message:ident: $objects:expr => $parse:expr;)*) => {$(
        impl CommandMessage for $message {
            const NAME: &'static str = stringify!($message);

            fn take_request_id(&mut self) -> String {
                std::mem::take(&mut self.request_id)
            }

            fn objects(&self) -> Vec<(&'static str, &str)> {
                let objects: fn(&$message) -> Vec<(&'static str, &str)> = $objects;
                objects(self)
            }

            fn parse(self, catalogue: &Catalogue) -> Result<Command, Refusal> {
                let parse: fn($message, &Catalogue) -> Result<Command, Refusal> = $parse;
                parse(self, catalogue)
            }
        }
    )*};
}

command_messages! {
    RegisterSupplierRequest: |_| vec![] => |message, _| RegisterSupplier::parse(message).map(Command::RegisterSupplier);
    RegisterStoreRequest: |_| vec![] => |message, _| RegisterStore::parse(message).map(Command::RegisterStore);
    RegisterItemRequest: |_| vec![] => |message, catalogue| {
        RegisterItem::parse(message, catalogue).map(Command::RegisterItem)
    };
    RecordDeliveryRequest: |message| vec![(STORES, &message.store_id), (SUPPLIERS, &message.supplier_id)] =>
        |message, catalogue| RecordDelivery::parse(message, catalogue).map(Command::RecordDelivery);
    AdjustStockRequest: |message| vec![(STORES, &message.store_id)] => |message, catalogue| {
        AdjustStock::parse(message, catalogue).map(Command::AdjustStock)
    };
    RecordSaleRequest: |message| vec![(STORES, &message.store_id)] => |message, catalogue| {
        RecordSale::parse(message, catalogue).map(Command::RecordSale)
    };
    DiscardEventRequest: |_| vec![] => |message, _| DiscardEvent::parse(message).map(Command::DiscardEvent);
    VoidSaleRequest: |message| message.receipt.iter().map(|sale| (STORES, sale.store_id.as_str())).collect() =>
        |message, _| VoidSale::parse(message).map(|command| Command::VoidSale(command, None));
    RecordReturnRequest: |message| {
        let sale = message.original_receipt.iter().map(|sale| sale.store_id.as_str());
        [message.store_id.as_str()].into_iter().chain(sale).map(|store| (STORES, store)).collect()
    } => |message, catalogue| {
        RecordReturn::parse(message, catalogue).map(|command| Command::RecordReturn(command, None))
    };
}

/// A command's answer that is still to come, or is there.
#[derive(Debug)]
pub enum Coming {
    Waiting { request_id: String, answer: oneshot::Receiver<Answer> },
    Refused { request_id: String, refusal: Refusal },
}

impl Executor {
    #[must_use]
    pub fn new(appends: Appends, store: Store) -> Self {
        Self { appends, store }
    }

    /// Executes the command of a unary call, within its deadline.
    ///
    /// # Errors
    /// The status that the caller gets.
    pub async fn unary<M: CommandMessage>(&self, origin: Origin, mut message: M) -> Result<Accepted, Status> {
        let request_id = message.take_request_id();
        let result = match self.prepare(&request_id, &origin, message) {
            Ok(submission) => self.execute(submission, origin.until).await,
            Err(refusal) => Err(refusal),
        };
        result.map_err(|refusal| refusal.into_status(&request_id))
    }

    /// Submits one command of a stream, waiting for room. Only for commands that depend on no stream.
    pub async fn streamed<M: CommandMessage>(&self, origin: &Origin, mut message: M) -> Coming {
        let request_id = message.take_request_id();
        let prepared = match origin.next_message().await {
            Ok(()) => self.prepare(&request_id, origin, message),
            Err(refusal) => Err(refusal),
        };
        let submitted = match prepared {
            Ok(submission) => self.appends.submit(submission).await,
            Err(refusal) => Err(refusal),
        };
        match submitted {
            Ok(answer) => Coming::Waiting { request_id, answer },
            Err(refusal) => Coming::Refused { request_id, refusal },
        }
    }

    fn prepare<M: CommandMessage>(&self, request_id: &str, origin: &Origin, message: M) -> Result<Submission, Refusal> {
        // First: who may not speak for a store learns nothing about it.
        origin.caller.speaks_for(&message.objects())?;
        let encoded = message.encode_to_vec();
        let (bytes, fingerprint) = (encoded.len(), fingerprint(M::NAME, &encoded));
        let command = message.parse(&self.appends.catalogue());
        let request_id = match RequestId::parse(request_id) {
            Ok(request_id) => request_id,
            Err(error) => {
                let reason = if request_id.is_empty() { reason::REQUIRED } else { reason::INVALID_VALUE };
                let fault = Violation { field: "request_id".to_owned(), reason, description: error.to_string() };
                let others = command.err().map(|refusal| refusal.violations).unwrap_or_default();
                return Err(check::refusal([vec![fault], others].concat()));
            }
        };
        let command = command?;
        let metadata = origin.metadata(request_id.to_string());
        Ok(Submission { command: Arc::new(command), request_id, fingerprint, metadata: Arc::new(metadata), bytes })
    }

    async fn execute(&self, mut submission: Submission, until: Instant) -> Result<Accepted, Refusal> {
        for _ in 0..MAX_TRIES {
            match tokio::time::timeout_at(until, self.with_state(&submission.command)).await {
                Ok(Ok(Some(command))) => submission.command = Arc::new(command),
                Ok(Ok(None)) => {}
                Ok(Err(refusal)) => return Err(refusal),
                Err(_) => return Err(late()),
            }
            let answered = self.appends.try_submit(submission.clone())?;
            match tokio::time::timeout_at(until, answered).await {
                Err(_) => return Err(unknown()),
                Ok(Err(_)) => return Err(stopping()),
                Ok(Ok(Answer::Accepted(accepted))) => return Ok(accepted),
                Ok(Ok(Answer::Refused(refusal))) => return Err(refusal),
                Ok(Ok(Answer::Again)) => {}
            }
        }
        let message = "others changed the same sale again and again; send it again";
        Err(Refusal::new(Code::Aborted, reason::CONCURRENT_CHANGE, message).with_retry_after(RACE_WAIT))
    }

    /// The command with the sale that it depends on, loaded just now; `None` if it depends on none. Loading is boxed, so that
    /// the calls of the others do not carry the room for it.
    async fn with_state(&self, command: &Command) -> Result<Option<Command>, Refusal> {
        Ok(match command {
            Command::VoidSale(void, _) => {
                let sale = Box::pin(self.load(&void.sale_stream())).await?;
                Some(Command::VoidSale(void.clone(), sale))
            }
            Command::RecordReturn(back, _) => {
                let sale = match back.sale_stream() {
                    Some(stream) => Box::pin(self.load(&stream)).await?,
                    None => None,
                };
                Some(Command::RecordReturn(back.clone(), sale))
            }
            _ => None,
        })
    }

    async fn load(&self, name: &str) -> Result<Option<Box<SaleState>>, Refusal> {
        let stored = self.store.read_stream(stream::id_of(name), 0, MAX_STREAM_EVENTS).await;
        let stored = stored.map_err(|error| status::refusal(&error))?;
        let mut events = Vec::with_capacity(stored.len());
        for stored in stored {
            let kind = event::decode(&stored.event_type, stored.schema_version, &stored.payload).map_err(|source| {
                status::refusal(&crate::store::StoreError::Unreadable { position: stored.position, source })
            })?;
            events.push((stored.stream_version, kind));
        }
        Ok(SaleState::fold(events).map(Box::new))
    }
}

/// Digest of a command's content: prost writes the same message always the same way.
fn fingerprint(name: &str, message: &[u8]) -> Fingerprint {
    let mut digest = Sha256::new();
    digest.update(name);
    digest.update(message);
    let full = digest.finalize();
    let mut half = Fingerprint::default();
    half.copy_from_slice(&full[..size_of::<Fingerprint>()]);
    half
}

/// The refusal where the deadline passed while the command was on its way into the log.
#[must_use]
pub fn unknown() -> Refusal {
    let message = "whether it was recorded is not known; send it again with the same request id";
    Refusal::new(Code::DeadlineExceeded, reason::OUTCOME_UNKNOWN, message)
}

fn late() -> Refusal {
    let message = "the log could not be read within the deadline; nothing was recorded";
    Refusal::new(Code::DeadlineExceeded, reason::DEPENDENCY_UNAVAILABLE, message)
}
