//! Commands drawn from a seed: what one register sends, one after the other.

use daybook::{
    command::v1::{
        Accepted, AdjustStockLine, AdjustStockRequest, RecordDeliveryRequest, RecordReturnLine, RecordReturnRequest,
        RecordSaleRequest, VoidSaleRequest,
    },
    event::v1::{Disposition, ReceiptKey, StockState, Tender, TenderType},
};
use fastrand::Rng;
use uuid::Builder;

use super::{
    calendar::Calendar,
    catalogue::{ITEMS, Item, STORES, SUPPLIERS, Store, item, new_item, registration},
    goods,
    message::Message,
    nonsense,
};

/// Sales of a register that may still be voided or returned are remembered, this many.
const REMEMBERED_SALES: usize = 50;

/// What must come of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// It is recorded, once.
    Recorded,
    /// It is refused.
    Refused,
    /// It gets the first answer to the command of this number again.
    Repeated(u64),
}

/// A command to send, and what must come of it.
#[derive(Clone, Debug)]
pub struct Drawn {
    pub message: Message,
    pub expected: Expected,
}

/// The source of one register's commands.
#[derive(Debug)]
pub struct Draw {
    rng: Rng,
    register: usize,
    store: Store,
    calendar: Calendar,
    offset_seconds: i64,
    count: u64,
    sold: Vec<(ReceiptKey, RecordSaleRequest)>,
    /// Acknowledged commands, by their number in the journal.
    acknowledged: Vec<(u64, Message)>,
    /// Items that were sold and are not registered, and the number of the last.
    unregistered: Vec<Item>,
    new_items: u64,
}

impl Draw {
    /// The commands of a register.
    #[must_use]
    pub fn new(seed: u64, register: usize, calendar: Calendar) -> Self {
        let mut rng = Rng::with_seed(seed ^ (register as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let store = STORES.get(register % STORES.len()).copied().unwrap_or(STORES[0]);
        let offset_seconds = rng.i64(-calendar.skew_seconds..=calendar.skew_seconds);
        Self {
            rng,
            register,
            store,
            calendar,
            offset_seconds,
            count: 0,
            sold: Vec::new(),
            acknowledged: Vec::new(),
            unregistered: Vec::new(),
            new_items: 0,
        }
    }

    /// Takes note that a command was acknowledged, under its number in the journal.
    pub fn acknowledged(&mut self, number: u64, message: &Message, accepted: &Accepted) {
        if let Message::Sale(sale) = message {
            let key = ReceiptKey {
                store_id: sale.store_id.clone(),
                register_id: sale.register_id.clone(),
                business_date: accepted.business_date.clone(),
                receipt_number: sale.receipt_number.clone(),
            };
            remember(&mut self.rng, &mut self.sold, (key, sale.clone()));
        }
        remember(&mut self.rng, &mut self.acknowledged, (number, message.clone()));
    }

    /// The next command.
    pub fn next_command(&mut self) -> Drawn {
        self.count += 1;
        let recorded = |message| Drawn { message, expected: Expected::Recorded };
        let drawn = match self.rng.u32(..100) {
            0..62 => None,
            62..68 => self.void().map(recorded),
            68..76 => self.take_back().map(recorded),
            76..83 => Some(recorded(self.delivery())),
            83..87 => Some(recorded(self.adjustment())),
            87..89 => self.registration().map(recorded),
            89..92 => self.repetition(),
            92..94 => self.twin(),
            94..96 => self.other_content(),
            _ => {
                let sale = self.sale();
                let message = Message::Sale(nonsense::spoilt(&mut self.rng, sale));
                Some(Drawn { message, expected: Expected::Refused })
            }
        };
        drawn.unwrap_or_else(|| recorded(Message::Sale(self.sale())))
    }

    /// A sale: what is sent to see whether commands are answered.
    pub fn next_sale(&mut self) -> RecordSaleRequest {
        self.count += 1;
        self.sale()
    }

    fn sale(&mut self) -> RecordSaleRequest {
        let mut items: Vec<Item> = (0..self.rng.usize(1..=5)).map(|_| self.item()).collect();
        if self.rng.u32(..40) == 0 {
            self.new_items += 1;
            let item = new_item(self.register, self.new_items);
            self.unregistered.push(item.clone());
            items.push(item);
        }
        let rng = &mut self.rng;
        let lines: Vec<_> = (1..).zip(&items).map(|(number, item)| goods::sale_line(rng, number, item)).collect();
        let total = |line| goods::tax(line) - goods::discount(line);
        let total_minor = lines.iter().map(|line| line.gross_minor + total(line)).sum();
        let (tenders, change_minor) = goods::payments(rng, total_minor);
        RecordSaleRequest {
            request_id: self.request_id(),
            occurred_at: Some(self.now()),
            store_id: self.store.id.to_owned(),
            register_id: self.register_id(),
            receipt_number: format!("S{}", self.count),
            operator_id: format!("op-{}", self.count % 3),
            register_sequence: i64::try_from(self.count).unwrap_or(0),
            claimed_business_date: String::new(),
            currency_code: self.store.currency.to_owned(),
            lines,
            tenders,
            change_minor,
            total_minor,
        }
    }

    fn void(&mut self) -> Option<Message> {
        let (receipt, _) = self.take_sold()?;
        Some(Message::Void(VoidSaleRequest {
            request_id: self.request_id(),
            occurred_at: Some(self.now()),
            receipt: Some(receipt),
            operator_id: "supervisor".to_owned(),
            reason: format!("void {}", self.count),
        }))
    }

    fn take_back(&mut self) -> Option<Message> {
        let (original, sale) = self.take_sold()?;
        let sold = self.rng.choice(&sale.lines)?.clone();
        let with_receipt = self.rng.u32(..4) > 0;
        let dispositions = [Disposition::ToStock, Disposition::WriteOff, Disposition::ToSupplier];
        let line = RecordReturnLine {
            sequence: 1,
            original_sequence: if with_receipt { sold.sequence } else { 0 },
            item_id: sold.item_id.clone(),
            quantity_milli: sold.quantity_milli,
            net_minor: sold.gross_minor - goods::discount(&sold),
            tax_minor: goods::tax(&sold),
            disposition: self.rng.choice(dispositions)?.into(),
        };
        let total_minor = line.net_minor + line.tax_minor;
        let refund = Tender { r#type: TenderType::Cash.into(), amount_minor: total_minor };
        Some(Message::Return(RecordReturnRequest {
            request_id: self.request_id(),
            occurred_at: Some(self.now()),
            store_id: self.store.id.to_owned(),
            register_id: self.register_id(),
            receipt_number: format!("R{}", self.count),
            operator_id: String::new(),
            register_sequence: 0,
            original_receipt: with_receipt.then_some(original),
            currency_code: self.store.currency.to_owned(),
            lines: vec![line],
            refunds: (total_minor > 0).then_some(refund).into_iter().collect(),
            total_minor,
            reason: "not liked".to_owned(),
        }))
    }

    fn delivery(&mut self) -> Message {
        let items: Vec<Item> = (0..self.rng.usize(1..=6)).map(|_| self.item()).collect();
        let supplier_id = self.rng.choice(SUPPLIERS).unwrap_or_default().to_owned();
        let rng = &mut self.rng;
        let lines = (1..).zip(&items).map(|(number, item)| goods::delivery_line(rng, number, item)).collect();
        Message::Delivery(RecordDeliveryRequest {
            request_id: self.request_id(),
            occurred_at: Some(self.now()),
            store_id: self.store.id.to_owned(),
            supplier_id,
            document_number: format!("D{}-{}", self.register, self.count),
            currency_code: self.store.currency.to_owned(),
            lines,
        })
    }

    fn adjustment(&mut self) -> Message {
        let item = self.item();
        let ways = [
            (StockState::OnHand, StockState::Unsellable),
            (StockState::OnHand, StockState::Outside),
            (StockState::Outside, StockState::OnHand),
            (StockState::Unsellable, StockState::Outside),
        ];
        let (from, to) = self.rng.choice(ways).unwrap_or(ways[0]);
        let line = AdjustStockLine {
            sequence: 1,
            quantity_milli: goods::quantity(&mut self.rng, &item),
            item_id: item.id,
            from_state: from.into(),
            to_state: to.into(),
        };
        Message::Adjustment(AdjustStockRequest {
            request_id: self.request_id(),
            occurred_at: Some(self.now()),
            store_id: self.store.id.to_owned(),
            document_number: format!("A{}-{}", self.register, self.count),
            operator_id: String::new(),
            reason: "counted".to_owned(),
            lines: vec![line],
        })
    }

    fn registration(&mut self) -> Option<Message> {
        let item = self.unregistered.pop()?;
        let turn = self.rng.usize(..100);
        Some(Message::Item(registration(self.request_id(), &item, turn)))
    }

    /// A command that was acknowledged before, as it was.
    fn repetition(&mut self) -> Option<Drawn> {
        let (number, message) = self.rng.choice(&self.acknowledged)?.clone();
        Some(Drawn { message, expected: Expected::Repeated(number) })
    }

    /// A sale that was acknowledged before, under another request id.
    fn twin(&mut self) -> Option<Drawn> {
        let (number, message) = self.rng.choice(&self.acknowledged)?.clone();
        if !matches!(message, Message::Sale(_)) {
            return None;
        }
        let message = message.with_request_id(self.request_id());
        Some(Drawn { message, expected: Expected::Repeated(number) })
    }

    /// Another command under a request id that was used.
    fn other_content(&mut self) -> Option<Drawn> {
        let (_, message) = self.rng.choice(&self.acknowledged)?.clone();
        let message = Message::Sale(self.sale()).with_request_id(message.request_id().to_owned());
        Some(Drawn { message, expected: Expected::Refused })
    }

    fn take_sold(&mut self) -> Option<(ReceiptKey, RecordSaleRequest)> {
        // Taken, so that no other command meets the same sale: then each must be accepted.
        let place = self.rng.usize(..self.sold.len().max(1));
        (place < self.sold.len()).then(|| self.sold.swap_remove(place))
    }

    fn item(&mut self) -> Item {
        item(self.rng.usize(..ITEMS))
    }

    fn register_id(&self) -> String {
        format!("r{}", self.register)
    }

    /// A request id that no other command has.
    pub fn request_id(&mut self) -> String {
        Builder::from_random_bytes(self.rng.u128(..).to_be_bytes()).into_uuid().to_string()
    }

    fn now(&mut self) -> prost_types::Timestamp {
        let (from, long) = self.rng.choice(&self.calendar.stretches).copied().unwrap_or((0, 1));
        let seconds = from + self.rng.i64(0..long) + self.offset_seconds;
        prost_types::Timestamp { seconds, nanos: 1_000 * self.rng.i32(0..1_000_000) }
    }
}

/// Keeps something, in place of something else if there is enough.
fn remember<T>(rng: &mut Rng, kept: &mut Vec<T>, new: T) {
    if kept.len() < REMEMBERED_SALES {
        kept.push(new);
    } else if let Some(place) = kept.get_mut(rng.usize(..REMEMBERED_SALES)) {
        *place = new;
    }
}
