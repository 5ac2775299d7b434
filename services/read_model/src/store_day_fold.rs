//! How what an event changes comes into a store-day's document.

use crate::{
    document::{Aside, Head, Key, Stamp},
    error::FoldError,
    figures::{ReceivingFigures, ReturnFigures, SalesFigures, StoreDayCounts, VoidFigures},
    spill::{Inline, Section, Spilled},
    store_day::{INLINE_ITEMS, StoreDay},
    store_day_change::{At, StoreDayChange},
    store_day_item::StoreDayItem,
    sum::Sum as _,
};

impl Head for StoreDay {
    type Change = StoreDayChange;
    type Entry = StoreDayItem;

    fn open(key: &Key) -> Self {
        let id = key.id();
        Self {
            stamp: Stamp::new(id.to_string(), &id),
            date: key.first.to_string(),
            store_id: key.second.to_string(),
            time_zone: String::new(),
            cut_off_minutes: 0,
            currency_code: String::new(),
            sales: SalesFigures::default(),
            voids: VoidFigures::default(),
            returns_with_receipt: ReturnFigures::default(),
            returns_without_receipt: ReturnFigures::default(),
            receiving: ReceivingFigures::default(),
            counts: StoreDayCounts::default(),
            categories: Default::default(),
            hours: Default::default(),
            registers: Default::default(),
            operators: Default::default(),
            taxes: Default::default(),
            tenders: Default::default(),
            has_pages: false,
            items: Inline::default(),
            changed: Aside::default(),
        }
    }

    fn fold(&mut self, position: i64, mut change: StoreDayChange) -> Result<Vec<Spilled<StoreDayItem>>, FoldError> {
        let id = self.stamp.id.as_str();
        let overflow = || FoldError::overflow(id);
        // Asked of an event that the day has already, too: what the day refused went to no page either.
        if !self.currency_code.is_empty()
            && !change.currency_code.is_empty()
            && *self.currency_code != *change.currency_code
        {
            let (currency, other) = (self.currency_code.clone(), change.currency_code.into());
            return Err(FoldError::OtherCurrency { document: id.to_owned(), currency, other });
        }
        if self.stamp.has(position) {
            return Ok(self.items.spilled(id, Section::Items, change.items));
        }
        // All is worked out before anything is changed, so that an event is folded whole or not at all.
        let sales = self.sales.plus(&change.sales).ok_or_else(overflow)?;
        let voids = self.voids.plus(&change.voids).ok_or_else(overflow)?;
        let with_receipt = self.returns_with_receipt.plus(&change.returns_with_receipt).ok_or_else(overflow)?;
        let without_receipt =
            self.returns_without_receipt.plus(&change.returns_without_receipt).ok_or_else(overflow)?;
        let receiving = self.receiving.plus(&change.receiving).ok_or_else(overflow)?;
        let counts = self.counts.plus(&change.counts).ok_or_else(overflow)?;
        let sold = |key| (key, change.sales);
        let (hour, register, operator) = match change.at {
            Some(At { hour, register_id, operator_id }) => {
                (Some(sold(hour)), Some(sold(register_id)), Some(sold(operator_id)))
            }
            None => (None, None, None),
        };
        let fits = self.categories.takes(&change.categories)
            && self.hours.takes(hour.as_slice())
            && self.registers.takes(register.as_slice())
            && self.operators.takes(operator.as_slice())
            && self.taxes.takes(&change.taxes)
            && self.tenders.takes(&change.tenders)
            && self.items.takes(Section::Items, &change.items);
        if !fits {
            return Err(overflow());
        }

        let had_pages = self.has_pages;
        self.changed.0.sales |= self.sales != sales;
        self.changed.0.voids |= self.voids != voids;
        self.changed.0.returns_with_receipt |= self.returns_with_receipt != with_receipt;
        self.changed.0.returns_without_receipt |= self.returns_without_receipt != without_receipt;
        self.changed.0.receiving |= self.receiving != receiving;
        self.changed.0.counts |= self.counts != counts;
        self.changed.0.description |= *self.time_zone != *change.time_zone
            || self.cut_off_minutes != change.cut_off_minutes
            || self.currency_code.is_empty();

        change.time_zone.as_str().clone_into(&mut self.time_zone);
        self.cut_off_minutes = change.cut_off_minutes;
        if self.currency_code.is_empty() {
            self.currency_code = change.currency_code.into();
        }
        self.sales = sales;
        self.voids = voids;
        self.returns_with_receipt = with_receipt;
        self.returns_without_receipt = without_receipt;
        self.receiving = receiving;
        self.counts = counts;
        self.categories.add(change.categories);
        self.hours.add(hour);
        self.registers.add(register);
        self.operators.add(operator);
        self.taxes.add(change.taxes);
        self.tenders.add(change.tenders);
        let spilled = self.items.add(self.stamp.id.as_str(), Section::Items, INLINE_ITEMS, &mut change.items);
        self.has_pages |= !spilled.is_empty();
        self.changed.0.description |= self.has_pages != had_pages;
        self.stamp.position = position;
        Ok(spilled)
    }
}
