//! What events change in supplier-days.

use daybook::event::v1::{UnassignedSalesMoved, event::Kind};
use smallvec::SmallVec;

use crate::{
    breakdown::Breakdown,
    checked,
    document::{Aside, Head, Key, Stamp},
    error::FoldError,
    figures::{SupplierFigures, SupplierMoves, SupplierSales},
    rare::Rare,
    sale::{self, Sale, Sold},
    spill::{Inline, Section, Spilled},
    stock::adjustment,
    sum::{Sum as _, later},
    supplier_day::{INLINE_ITEMS, INLINE_STORES, SupplierDay},
    supplier_entry::{ByCurrency, SupplierEntry, SupplierSums},
    text::Word,
};

/// So many lines are sorted without memory of their own.
const USUAL_LINES: usize = 32;

/// What one event changes in one supplier-day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SupplierDayChange {
    currency_code: Word,
    figures: SupplierSums,
    items: Vec<(Word, SupplierEntry)>,
    store_id: Word,
}

impl SupplierDayChange {
    /// The same for a document of which the items are not looked at: all that is said of the others comes out as with them.
    #[must_use]
    pub fn without_items(self) -> Self {
        Self { items: Vec::new(), ..self }
    }
}

/// One line of an event, from the supplier's side.
struct Line<'a> {
    supplier_id: &'a str,
    item_id: &'a str,
    category: &'a str,
    unit_code: &'a str,
    figures: SupplierSums,
}

/// Where the lines of an event count.
struct Place<'a> {
    date: &'a str,
    store_id: &'a str,
    currency_code: Word,
}

/// The supplier-days that a sale changes, each once, and how.
///
/// # Errors
/// If the sale cannot be read.
pub fn sold(_: i64, sale: &Sale) -> Result<Vec<(Key, SupplierDayChange)>, FoldError> {
    let place = Place {
        date: &sale.place.day()?.date,
        store_id: &sale.place.receipt()?.store_id,
        currency_code: sale.place.currency()?,
    };
    of_sold(&place, &sale.sold, 1)
}

/// The supplier-days that an event changes, each once, and how.
///
/// # Errors
/// If the event cannot be read.
pub fn changes(position: i64, kind: &Kind) -> Result<Vec<(Key, SupplierDayChange)>, FoldError> {
    match kind {
        Kind::SaleRecorded(sale) => sold(position, &sale.into()),
        Kind::SaleVoided(void) => {
            let place = Place {
                date: &checked::day(void.business_day.as_ref())?.date,
                store_id: store(void.receipt.as_ref())?,
                currency_code: checked::currency(&void.currency_code)?,
            };
            of_sold(&place, &Sold::before(void), -1)
        }
        Kind::ReturnRecorded(back) => {
            let place = Place {
                date: &checked::day(back.business_day.as_ref())?.date,
                store_id: store(back.receipt.as_ref())?,
                currency_code: checked::currency(&back.currency_code)?,
            };
            let lines = back.lines.iter().map(|line| {
                let figures = unsold(SupplierMoves {
                    quantity_returned_milli: checked::figure("lines.quantity_milli", line.quantity_milli)?,
                    returns_net_minor: checked::figure("lines.net_minor", line.net_minor)?,
                    ..SupplierMoves::default()
                });
                let (supplier_id, item_id) = (line.supplier_id.as_str(), line.item_id.as_str());
                Ok(Line { supplier_id, item_id, category: &line.category, unit_code: &line.unit_code, figures })
            });
            by_supplier(&place, lines)
        }
        Kind::DeliveryRecorded(delivery) => {
            let place = Place {
                date: &checked::day(delivery.business_day.as_ref())?.date,
                store_id: &delivery.store_id,
                currency_code: checked::currency(&delivery.currency_code)?,
            };
            let lines = delivery.lines.iter().map(|line| {
                let figures = unsold(SupplierMoves {
                    quantity_received_milli: checked::figure("lines.accepted_milli", line.accepted_milli)?,
                    received_cost_minor: checked::figure("lines.accepted_cost_minor", line.accepted_cost_minor)?,
                    quantity_rejected_milli: checked::figure("lines.rejected_milli", line.rejected_milli)?,
                    ..SupplierMoves::default()
                });
                let (supplier_id, item_id) = (delivery.supplier_id.as_str(), line.item_id.as_str());
                Ok(Line { supplier_id, item_id, category: &line.category, unit_code: &line.unit_code, figures })
            });
            let mut changes = by_supplier(&place, lines)?;
            for (_, change) in &mut changes {
                change.figures = with_delivery(&change.figures);
                for (_, item) in &mut change.items {
                    let figures = item.by_currency.0.first().map(|(_, sums)| with_delivery(sums));
                    let figures = figures.unwrap_or_else(|| with_delivery(&SupplierSums::default()));
                    item.by_currency = ByCurrency::one(&place.currency_code, figures);
                }
            }
            Ok(changes)
        }
        Kind::StockAdjusted(adjusted) => {
            let place = Place {
                date: &checked::day(adjusted.business_day.as_ref())?.date,
                store_id: &adjusted.store_id,
                currency_code: checked::currency(&adjusted.currency_code)?,
            };
            let lines = adjusted.lines.iter().map(|line| {
                let quantity_adjusted_milli = adjustment(line)?.on_hand_milli;
                let figures = unsold(SupplierMoves { quantity_adjusted_milli, ..SupplierMoves::default() });
                let (supplier_id, item_id) = (line.supplier_id.as_str(), line.item_id.as_str());
                Ok(Line { supplier_id, item_id, category: &line.category, unit_code: &line.unit_code, figures })
            });
            by_supplier(&place, lines)
        }
        Kind::UnassignedSalesMoved(moved) => self::moved(moved),
        // A return counts by its own event; what is registered has no figures.
        Kind::SaleReturned(_)
        | Kind::EventDiscarded(_)
        | Kind::SupplierRegistered(_)
        | Kind::StoreRegistered(_)
        | Kind::ItemRegistered(_) => Ok(Vec::new()),
    }
}

fn store(receipt: Option<&daybook::event::v1::ReceiptKey>) -> Result<&str, FoldError> {
    Ok(&receipt.ok_or(FoldError::Missing { field: "receipt" })?.store_id)
}

/// What is sold by supplier, or taken back: with the sign −1.
fn of_sold(place: &Place<'_>, sold: &Sold, sign: i64) -> Result<Vec<(Key, SupplierDayChange)>, FoldError> {
    // Stable: the lines of a supplier stay in order of their items.
    let mut lines: SmallVec<[&sale::Line; USUAL_LINES]> = sold.lines.iter().collect();
    lines.sort_by(|one, other| one.supplier_id.cmp(&other.supplier_id));
    let store_id: Word = checked::key("store_id", place.store_id)?;
    let mut changes: Vec<(Key, SupplierDayChange)> = Vec::with_capacity(lines.len());
    for of_supplier in lines.chunk_by(|one, next| one.supplier_id == next.supplier_id) {
        let [first, ..] = of_supplier else { continue };
        let key = Key::new("supplier_id", place.date, &first.supplier_id)?;
        let mut items = Vec::with_capacity(of_supplier.len());
        let mut all = SupplierSales::default();
        for of_item in of_supplier.chunk_by(|one, next| one.item_id == next.item_id) {
            let [first, ..] = of_item else { continue };
            let mut item = SupplierEntry::default();
            let mut sum = SupplierSales::default();
            for line in of_item {
                later(&mut item.category, &checked::word("lines.category", &line.category)?);
                later(&mut item.unit_code, &checked::word("lines.unit_code", &line.unit_code)?);
                let sales = SupplierSales {
                    lines: sign,
                    quantity_milli: sign * checked::figure("lines.quantity_milli", line.quantity_milli)?,
                    gross_minor: sign * checked::figure("lines.gross_minor", line.gross_minor)?,
                    discount_minor: sign * checked::figure("lines.discount_minor", line.discount_minor)?,
                };
                if !sum.add(&sales) {
                    return Err(too_much());
                }
            }
            if !all.add(&sum) {
                return Err(too_much());
            }
            item.by_currency =
                ByCurrency::one(&place.currency_code, SupplierSums { sold: sum, other: Rare::default() });
            items.push((checked::word("lines.item_id", &first.item_id)?, item));
        }
        let figures = SupplierSums { sold: all, other: Rare::default() };
        let (currency_code, store_id) = (place.currency_code.clone(), store_id.clone());
        changes.push((key, SupplierDayChange { currency_code, figures, items, store_id }));
    }
    Ok(changes)
}

fn moved(moved: &UnassignedSalesMoved) -> Result<Vec<(Key, SupplierDayChange)>, FoldError> {
    if moved.supplier_id == moved.from_supplier_id {
        return Ok(Vec::new());
    }
    let place = Place {
        date: &checked::day(moved.business_day.as_ref())?.date,
        store_id: &moved.store_id,
        currency_code: checked::currency(&moved.currency_code)?,
    };
    let figures = SupplierFigures {
        lines_sold: checked::figure("lines_sold", moved.lines_sold)?,
        quantity_sold_milli: checked::figure("quantity_sold_milli", moved.quantity_sold_milli)?,
        gross_minor: checked::figure("gross_minor", moved.gross_minor)?,
        discount_minor: checked::figure("discount_minor", moved.discount_minor)?,
        quantity_returned_milli: checked::figure("quantity_returned_milli", moved.quantity_returned_milli)?,
        returns_net_minor: checked::figure("returns_net_minor", moved.returns_net_minor)?,
        ..SupplierFigures::default()
    };
    let figures = SupplierSums::from(figures);
    let item_id = moved.item_id.as_str();
    let (from, to) = (moved.from_supplier_id.as_str(), moved.supplier_id.as_str());
    let away = figures.clone().negated().ok_or_else(too_much)?;
    let lines = [
        Ok(Line { supplier_id: from, item_id, category: "", unit_code: "", figures: away }),
        Ok(Line { supplier_id: to, item_id, category: &moved.category, unit_code: "", figures }),
    ];
    by_supplier(&place, lines.into_iter())
}

fn by_supplier<'a>(
    place: &Place<'a>,
    lines: impl ExactSizeIterator<Item = Result<Line<'a>, FoldError>>,
) -> Result<Vec<(Key, SupplierDayChange)>, FoldError> {
    let mut read = Vec::with_capacity(lines.len());
    for line in lines {
        read.push(line?);
    }
    // Stable: of texts the last line of an item has the word. Not the lines are sorted: they are large.
    let mut lines: Vec<&Line<'_>> = read.iter().collect();
    lines.sort_by_key(|line| (line.supplier_id, line.item_id));
    let store_id: Word = checked::key("store_id", place.store_id)?;
    let mut changes: Vec<(Key, SupplierDayChange)> = Vec::with_capacity(lines.len());
    for of_supplier in lines.chunk_by(|one, next| one.supplier_id == next.supplier_id) {
        let mut change = SupplierDayChange {
            currency_code: place.currency_code.clone(),
            store_id: store_id.clone(),
            ..SupplierDayChange::default()
        };
        change.items.reserve_exact(of_supplier.len());
        for of_item in of_supplier.chunk_by(|one, next| one.item_id == next.item_id) {
            let [first, others @ ..] = of_item else { continue };
            let (mut category, mut unit_code) = (category_of(first)?, unit_of(first)?);
            let mut sum = first.figures.clone();
            for line in others {
                later(&mut category, &category_of(line)?);
                later(&mut unit_code, &unit_of(line)?);
                if !sum.add(&line.figures) {
                    return Err(too_much());
                }
            }
            if !change.figures.add(&sum) {
                return Err(too_much());
            }
            let by_currency = ByCurrency::one(&place.currency_code, sum);
            let item = SupplierEntry { category, unit_code, by_currency };
            change.items.push((checked::key("lines.item_id", first.item_id)?, item));
        }
        let supplier_id = of_supplier.first().map_or("", |line| line.supplier_id);
        changes.push((Key::new("supplier_id", place.date, supplier_id)?, change));
    }
    Ok(changes)
}

/// Figures of what was not sold.
fn unsold(other: SupplierMoves) -> SupplierSums {
    SupplierSums { sold: SupplierSales::default(), other: Rare::of(other) }
}

/// The same, of one delivery.
fn with_delivery(figures: &SupplierSums) -> SupplierSums {
    let other = Rare::of(SupplierMoves { deliveries: 1, ..figures.other.get() });
    SupplierSums { other, ..figures.clone() }
}

fn category_of(line: &Line<'_>) -> Result<Word, FoldError> {
    checked::key("lines.category", line.category)
}

fn unit_of(line: &Line<'_>) -> Result<Word, FoldError> {
    checked::key("lines.unit_code", line.unit_code)
}

fn too_much() -> FoldError {
    FoldError::overflow("the event's own sums")
}

impl Head for SupplierDay {
    type Change = SupplierDayChange;
    type Entry = SupplierEntry;

    fn open(key: &Key) -> Self {
        let id = key.id();
        Self {
            stamp: Stamp::new(id.to_string(), &id),
            date: key.first.to_string(),
            supplier_id: key.second.to_string(),
            by_currency: Breakdown::default(),
            selling_stores_inline: 0,
            has_item_pages: false,
            has_store_pages: false,
            stores: Inline::default(),
            items: Inline::default(),
            changed: Aside(false),
        }
    }

    fn fold(&mut self, position: i64, mut change: SupplierDayChange) -> Result<Vec<Spilled<SupplierEntry>>, FoldError> {
        let id = self.stamp.id.as_str();
        let figures = [(change.currency_code.clone(), change.figures.figures())];
        let of_store = ByCurrency::one(&change.currency_code, change.figures);
        let mut store = [(change.store_id, SupplierEntry { by_currency: of_store, ..SupplierEntry::default() })];
        if self.stamp.has(position) {
            let mut spilled = self.items.spilled(id, Section::Items, change.items);
            spilled.extend(self.stores.spilled(id, Section::Stores, store.into()));
            return Ok(spilled);
        }
        // All is looked at before anything is changed, so that an event is folded whole or not at all.
        let fits = self.by_currency.takes(&figures)
            && self.items.takes(Section::Items, &change.items)
            && self.stores.takes(Section::Stores, &store);
        if !fits {
            return Err(FoldError::overflow(id));
        }
        let before = (self.selling_stores_inline, self.has_item_pages, self.has_store_pages);
        self.by_currency.add(figures);
        let mut spilled = self.items.add(id, Section::Items, INLINE_ITEMS, &mut change.items);
        self.has_item_pages |= !spilled.is_empty();
        let stores = self.stores.add(id, Section::Stores, INLINE_STORES, &mut store);
        self.has_store_pages |= !stores.is_empty();
        self.selling_stores_inline = self.stores.selling();
        spilled.extend(stores);
        self.changed.0 |= before != (self.selling_stores_inline, self.has_item_pages, self.has_store_pages);
        self.stamp.position = position;
        Ok(spilled)
    }
}
