//! Registering an item. Sales of it that were taken before are moved to its supplier and category.

use daybook::{
    command::v1::RegisterItemRequest,
    event::v1::{ItemRegistered, event::Kind},
    ids::{ItemId, SupplierId, UNASSIGNED},
    quantity, reason, stream,
};
use daybook_chassis::answer::Refusal;
use jiff::Timestamp;
use tonic::Code;

use super::{
    catalogue::Catalogue,
    check::{self, Check},
    decision::NewEvent,
    moves::{Moves, UnassignedSales},
};

/// A well-formed RegisterItem.
#[derive(Clone, Debug)]
pub struct RegisterItem {
    event: ItemRegistered,
    occurred_at: Option<Timestamp>,
}

impl RegisterItem {
    /// Checks the message.
    ///
    /// # Errors
    /// All its faults, with those against the catalogue if there are others.
    pub fn parse(message: RegisterItemRequest, catalogue: &Catalogue) -> Result<Self, Refusal> {
        let mut check = Check::default();
        let occurred_at = check.optional_instant("occurred_at", message.occurred_at);
        check.id("item_id", &message.item_id, ItemId::check);
        check.text("name", &message.name);
        check.that(message.gtin.is_empty() || check::is_gtin(&message.gtin), "gtin", reason::INVALID_GTIN, || {
            "must have 8, 12, 13 or 14 digits of which the last is the right check digit, or be empty".to_owned()
        });
        check.text("category", &message.category);
        check.that(message.category.len() <= daybook::ids::MAX_LEN, "category", reason::INVALID_VALUE, || {
            format!("must have at most {} bytes", daybook::ids::MAX_LEN)
        });
        check.that(message.category != UNASSIGNED, "category", reason::INVALID_VALUE, || {
            format!("{UNASSIGNED} stands for items that are not registered")
        });
        check.that(quantity::is_unit_code(&message.unit_code), "unit_code", reason::INVALID_VALUE, || {
            format!("must be one of the UN/ECE codes {}", quantity::unit_codes().join(", "))
        });
        check.that((0..=3).contains(&message.decimals), "decimals", reason::INVALID_VALUE, || {
            format!("must lie between 0 and 3, not {}", message.decimals)
        });
        check.id("supplier_id", &message.supplier_id, SupplierId::check);
        if !check.is_clean() {
            catalogue.check_supplier(&mut check, &message.supplier_id);
            return Err(check::refusal(check.violations()));
        }
        let event = ItemRegistered {
            item_id: message.item_id,
            name: message.name,
            gtin: message.gtin,
            category: message.category,
            unit_code: message.unit_code,
            decimals: message.decimals,
            supplier_id: message.supplier_id,
        };
        Ok(Self { event, occurred_at })
    }

    /// Decides it, given what was sold of the item before.
    ///
    /// # Errors
    /// If the item is registered or its supplier is not.
    pub fn decide(&self, catalogue: &Catalogue, sold_before: &[UnassignedSales]) -> Result<Vec<NewEvent>, Refusal> {
        if catalogue.item(&self.event.item_id).is_some() {
            return Err(self.clash());
        }
        let mut check = Check::default();
        catalogue.check_supplier(&mut check, &self.event.supplier_id);
        if !check.is_clean() {
            return Err(check::refusal(check.violations()));
        }
        let registered = Kind::ItemRegistered(self.event.clone());
        let mut events = vec![NewEvent::first(&self.stream(), self.occurred_at, registered)];
        let ItemRegistered { item_id, supplier_id, category, .. } = &self.event;
        let moves = Moves { item_id, supplier_id, category, occurred_at: self.occurred_at };
        events.extend(moves.of(sold_before, catalogue, 2));
        Ok(events)
    }

    #[must_use]
    pub fn item_id(&self) -> &str {
        &self.event.item_id
    }

    #[must_use]
    pub fn stream(&self) -> String {
        stream::item(&self.event.item_id)
    }

    /// The refusal where the item is registered with other content.
    #[must_use]
    pub fn clash(&self) -> Refusal {
        let message = format!("item {} is registered with other content", self.event.item_id);
        Refusal::new(Code::AlreadyExists, reason::ALREADY_REGISTERED, message)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::{store, supplier::RegisterSupplier};
    use daybook::command::v1::RegisterSupplierRequest;

    pub(crate) fn message(item_id: &str) -> RegisterItemRequest {
        RegisterItemRequest {
            item_id: item_id.into(),
            name: "Beans".into(),
            category: "GROCERY".into(),
            unit_code: "EA".into(),
            supplier_id: "69".into(),
            ..Default::default()
        }
    }

    /// Store 443 in New York, supplier 69 and the given items of it.
    pub(crate) fn catalogue(items: &[&str]) -> Catalogue {
        let mut catalogue = Catalogue::default();
        let supplier = RegisterSupplierRequest { supplier_id: "69".into(), name: "M".into(), ..Default::default() };
        let supplier = RegisterSupplier::parse(supplier).unwrap().decide(&catalogue).unwrap();
        let store = store::RegisterStore::parse(store::tests::message()).unwrap().decide(&catalogue).unwrap();
        for event in supplier.into_iter().chain(store) {
            catalogue.apply(&event.kind);
        }
        for item in items {
            for event in RegisterItem::parse(message(item), &catalogue).unwrap().decide(&catalogue, &[]).unwrap() {
                catalogue.apply(&event.kind);
            }
        }
        catalogue
    }

    #[test]
    fn given_an_unknown_supplier_when_an_item_is_registered_then_the_supplier_is_named() {
        let refusal = RegisterItem::parse(message("1"), &Catalogue::default())
            .unwrap()
            .decide(&Catalogue::default(), &[])
            .unwrap_err();
        assert_eq!((refusal.code, refusal.reason), (Code::FailedPrecondition, reason::UNKNOWN_SUPPLIER));
    }

    #[test]
    fn given_sales_of_an_unknown_item_when_it_is_registered_then_they_move() {
        let sold = UnassignedSales {
            store_id: "443".into(),
            business_date: jiff::civil::date(2017, 1, 2),
            lines_sold: 1,
            quantity_sold_milli: 2_000,
            gross_minor: 500,
            discount_minor: 20,
            tax_minor: 0,
            quantity_returned_milli: 0,
            returns_net_minor: 0,
        };
        let catalogue = catalogue(&[]);
        let events = RegisterItem::parse(message("1"), &catalogue).unwrap().decide(&catalogue, &[sold]).unwrap();
        assert_eq!(events.iter().map(|event| event.stream_version).collect::<Vec<_>>(), [1, 2]);
        let Kind::UnassignedSalesMoved(moved) = &events[1].kind else { panic!("{:?}", events[1]) };
        assert_eq!((moved.supplier_id.as_str(), moved.gross_minor, moved.currency_code.as_str()), ("69", 500, "USD"));
        assert_eq!((moved.from_supplier_id.as_str(), moved.from_category.as_str()), (UNASSIGNED, UNASSIGNED));
    }

    #[test]
    fn when_everything_is_wrong_then_every_field_is_named() {
        let bad = RegisterItemRequest {
            gtin: "4006381333932".into(),
            category: UNASSIGNED.into(),
            decimals: 4,
            supplier_id: "7".into(),
            ..Default::default()
        };
        let refusal = RegisterItem::parse(bad, &Catalogue::default()).unwrap_err();
        let fields: Vec<_> = refusal.violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["item_id", "name", "gtin", "category", "unit_code", "decimals", "supplier_id"]);
    }
}
