//! The documents of stock, each a share of one store's items, and how events make them.

use compact_str::format_compact;
use daybook::event::v1::{AdjustmentLine, DeliveryLine, Disposition, ReturnLine, StockState, event::Kind};

use crate::{
    checked,
    document::{Head, Key},
    entries::Entry,
    error::FoldError,
    sale::{Sale, Sold},
    segment::TEXTS,
    slot,
    spill::{Page, Spilled},
    sum::{Sum, later, sum_lines},
    text::Word,
};

/// Number of documents over which the items of a store are spread: 20,000 items make documents of some 140 kB. Nearly every
/// batch touches all of them, so more of them would cost more writes than they save bytes.
pub const STOCK_PAGES: u32 = 2;

/// What the entries are told apart by.
const ITEM_ID: &str = "lines.item_id";

/// A share of a store's stock. `_id` is `{store}|{page}`.
pub type StockPage = Page<StockEntry>;

/// What a store has of one item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StockEntry {
    pub unit_code: Word,
    /// On hand and fit for sale.
    pub on_hand_milli: i64,
    /// In the store but not fit for sale.
    pub unsellable_milli: i64,
    /// The last event that changed it.
    pub position: i64,
}

/// What one event changes in one document of stock.
pub type StockChange = Vec<(Word, StockEntry)>;

/// The key of the document that holds a store's stock of an item.
#[must_use]
pub fn document_key(store_id: &str, item_id: &str) -> Key {
    Key { first: store_id.into(), second: format_compact!("{:02}", slot::page(item_id, STOCK_PAGES)) }
}

/// The documents of stock that a sale changes, each once, and how.
///
/// # Errors
/// If the sale cannot be read.
pub fn sold(position: i64, sale: &Sale) -> Result<Vec<(Key, StockChange)>, FoldError> {
    let lines = of_sold(position, &sale.sold, -1)?;
    by_document(&sale.place.receipt()?.store_id, lines)
}

/// What goes out of a store, or comes into it, with what is sold.
fn of_sold(position: i64, sold: &Sold, sign: i64) -> Result<StockChange, FoldError> {
    let mut changes = StockChange::with_capacity(sold.lines.len());
    for lines in sold.by_item() {
        let [first, ..] = lines else { continue };
        let mut change = StockEntry { position, ..StockEntry::default() };
        for line in lines {
            later(&mut change.unit_code, &checked::word("lines.unit_code", &line.unit_code)?);
            let quantity = sign * checked::figure("lines.quantity_milli", line.quantity_milli)?;
            let sum = change.on_hand_milli.checked_add(quantity);
            change.on_hand_milli = sum.ok_or_else(|| FoldError::overflow("the event's own sums"))?;
        }
        changes.push((checked::word(ITEM_ID, &first.item_id)?, change));
    }
    Ok(changes)
}

/// The documents of stock that an event changes, each once, and how.
///
/// # Errors
/// If the event cannot be read.
pub fn changes(position: i64, kind: &Kind) -> Result<Vec<(Key, StockChange)>, FoldError> {
    let missing = || FoldError::Missing { field: "receipt" };
    let moved = |unit_code: &str, change: Moved| {
        Ok(StockEntry {
            unit_code: checked::key("lines.unit_code", unit_code)?,
            on_hand_milli: change.on_hand_milli,
            unsellable_milli: change.unsellable_milli,
            position,
        })
    };
    let (store_id, lines) = match kind {
        Kind::SaleRecorded(sale) => return sold(position, &sale.into()),
        Kind::SaleVoided(void) => {
            let store_id = &void.receipt.as_ref().ok_or_else(missing)?.store_id;
            (store_id, of_sold(position, &Sold::before(void), 1)?)
        }
        Kind::ReturnRecorded(back) => {
            let change = |line: &ReturnLine| {
                let quantity = checked::figure("lines.quantity_milli", line.quantity_milli)?;
                let change = match line.disposition() {
                    Disposition::ToStock => Moved::on_hand(quantity),
                    Disposition::ToSupplier => Moved { on_hand_milli: 0, unsellable_milli: quantity },
                    Disposition::WriteOff => Moved::default(),
                    Disposition::Unspecified => {
                        return Err(FoldError::malformed("lines.disposition", line.disposition));
                    }
                };
                moved(&line.unit_code, change)
            };
            let store_id = &back.receipt.as_ref().ok_or_else(missing)?.store_id;
            (store_id, sum_lines(&back.lines, ITEM_ID, |line| &line.item_id, change)?)
        }
        Kind::DeliveryRecorded(delivery) => {
            let change = |line: &DeliveryLine| {
                let accepted = checked::figure("lines.accepted_milli", line.accepted_milli)?;
                moved(&line.unit_code, Moved::on_hand(accepted))
            };
            (&delivery.store_id, sum_lines(&delivery.lines, ITEM_ID, |line| &line.item_id, change)?)
        }
        Kind::StockAdjusted(adjusted) => {
            let change = |line: &AdjustmentLine| moved(&line.unit_code, adjustment(line)?);
            (&adjusted.store_id, sum_lines(&adjusted.lines, ITEM_ID, |line| &line.item_id, change)?)
        }
        // Where a sale counts is no matter of stock; a return counts by its own event; what is registered moves nothing.
        Kind::UnassignedSalesMoved(_)
        | Kind::SaleReturned(_)
        | Kind::EventDiscarded(_)
        | Kind::SupplierRegistered(_)
        | Kind::StoreRegistered(_)
        | Kind::ItemRegistered(_) => return Ok(Vec::new()),
    };
    by_document(store_id, lines)
}

/// `lines` has each item once.
fn by_document(store_id: &str, lines: StockChange) -> Result<Vec<(Key, StockChange)>, FoldError> {
    let mut pages: [StockChange; STOCK_PAGES as usize] = Default::default();
    // An item that did not move gets no entry: goods that are written off as they come back, a delivery refused whole.
    for (item_id, entry) in lines.into_iter().filter(|(_, entry)| entry.moves()) {
        let page = usize::try_from(slot::page(&item_id, STOCK_PAGES)).unwrap_or(0);
        pages[page].push((item_id, entry));
    }
    let touched = (0..).zip(pages).filter(|(_, change): &(u32, _)| !change.is_empty());
    let with_key = |(page, change)| Ok((Key::new("store_id", store_id, &format_compact!("{page:02}"))?, change));
    touched.map(with_key).collect()
}

/// How quantities in a store change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) on_hand_milli: i64,
    pub(crate) unsellable_milli: i64,
}

impl Moved {
    fn on_hand(on_hand_milli: i64) -> Self {
        Self { on_hand_milli, unsellable_milli: 0 }
    }
}

/// What a line of an adjustment changes.
pub(crate) fn adjustment(line: &AdjustmentLine) -> Result<Moved, FoldError> {
    let quantity = checked::figure("lines.quantity_milli", line.quantity_milli)?;
    let mut change = Moved::default();
    for (state, number, by) in
        [(line.from_state(), line.from_state, -quantity), (line.to_state(), line.to_state, quantity)]
    {
        match state {
            StockState::OnHand => change.on_hand_milli += by,
            StockState::Unsellable => change.unsellable_milli += by,
            StockState::Outside => {}
            StockState::Unspecified => return Err(FoldError::malformed("lines.state", number)),
        }
    }
    Ok(change)
}

impl StockEntry {
    fn moves(&self) -> bool {
        self.on_hand_milli != 0 || self.unsellable_milli != 0
    }
}

impl Head for StockPage {
    type Change = StockChange;
    /// Stock has no pages beyond its documents.
    type Entry = StockEntry;

    fn open(key: &Key) -> Self {
        let id = key.id();
        Self::open(id.to_string(), &id)
    }

    fn fold(&mut self, position: i64, change: StockChange) -> Result<Vec<Spilled<StockEntry>>, FoldError> {
        Page::fold(self, position, change)?;
        Ok(Vec::new())
    }
}

impl Sum for StockEntry {
    fn add(&mut self, other: &Self) -> bool {
        later(&mut self.unit_code, &other.unit_code);
        self.position = self.position.max(other.position);
        let (on_hand_milli, too_much) = self.on_hand_milli.overflowing_add(other.on_hand_milli);
        let (unsellable_milli, too_much_unsellable) = self.unsellable_milli.overflowing_add(other.unsellable_milli);
        (self.on_hand_milli, self.unsellable_milli) = (on_hand_milli, unsellable_milli);
        !(too_much || too_much_unsellable)
    }

    fn weight(&self) -> u64 {
        self.on_hand_milli.unsigned_abs().max(self.unsellable_milli.unsigned_abs())
    }
}

impl Entry for StockEntry {
    const FIGURES: usize = 3;

    fn rows(&self, row: &mut dyn FnMut([&str; TEXTS], &[i64])) {
        row([&self.unit_code, "", ""], &[self.on_hand_milli, self.unsellable_milli, self.position]);
    }

    fn of_row([unit_code, _, _]: [&str; TEXTS], figures: &[i64]) -> Option<Self> {
        let [on_hand_milli, unsellable_milli, position] = *figures else { return None };
        Some(Self { unit_code: unit_code.into(), on_hand_milli, unsellable_milli, position })
    }
}
