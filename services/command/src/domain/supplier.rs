//! Registering a supplier.

use daybook::{
    command::v1::RegisterSupplierRequest,
    event::v1::{SupplierRegistered, event::Kind},
    ids::{SupplierId, UNASSIGNED},
    reason, stream,
};
use daybook_chassis::answer::Refusal;
use jiff::Timestamp;
use tonic::Code;

use super::{
    catalogue::Catalogue,
    check::{self, Check},
    decision::NewEvent,
};

/// A well-formed RegisterSupplier.
#[derive(Clone, Debug)]
pub struct RegisterSupplier {
    event: SupplierRegistered,
    occurred_at: Option<Timestamp>,
}

impl RegisterSupplier {
    /// Checks the message.
    ///
    /// # Errors
    /// All its faults.
    pub fn parse(message: RegisterSupplierRequest) -> Result<Self, Refusal> {
        let mut check = Check::default();
        let occurred_at = check.optional_instant("occurred_at", message.occurred_at);
        check.id("supplier_id", &message.supplier_id, SupplierId::check);
        check.that(message.supplier_id != UNASSIGNED, "supplier_id", reason::INVALID_VALUE, || {
            format!("{UNASSIGNED} stands for items that are not registered")
        });
        check.text("name", &message.name);
        check.that(message.gln.is_empty() || check::is_gln(&message.gln), "gln", reason::INVALID_GLN, || {
            "must have 13 digits of which the last is the right check digit, or be empty".to_owned()
        });
        if !check.is_clean() {
            return Err(check::refusal(check.violations()));
        }
        let RegisterSupplierRequest { supplier_id, name, gln, .. } = message;
        Ok(Self { event: SupplierRegistered { supplier_id, name, gln }, occurred_at })
    }

    /// Decides it.
    ///
    /// # Errors
    /// If the supplier is registered.
    pub fn decide(&self, catalogue: &Catalogue) -> Result<Vec<NewEvent>, Refusal> {
        if catalogue.has_supplier(&self.event.supplier_id) {
            return Err(self.clash());
        }
        let kind = Kind::SupplierRegistered(self.event.clone());
        Ok(vec![NewEvent::first(&self.stream(), self.occurred_at, kind)])
    }

    #[must_use]
    pub fn stream(&self) -> String {
        stream::supplier(&self.event.supplier_id)
    }

    /// The refusal where the supplier is registered with other content.
    #[must_use]
    pub fn clash(&self) -> Refusal {
        let message = format!("supplier {} is registered with other content", self.event.supplier_id);
        Refusal::new(Code::AlreadyExists, reason::ALREADY_REGISTERED, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> RegisterSupplierRequest {
        RegisterSupplierRequest { supplier_id: "69".into(), name: "Manufacturer 69".into(), ..Default::default() }
    }

    #[test]
    fn given_nothing_when_a_supplier_is_registered_then_it_is() {
        let events = RegisterSupplier::parse(message()).unwrap().decide(&Catalogue::default()).unwrap();
        let registered =
            SupplierRegistered { supplier_id: "69".into(), name: "Manufacturer 69".into(), gln: String::new() };
        assert_eq!(events, [NewEvent::first("supplier/69", None, Kind::SupplierRegistered(registered))]);
    }

    #[test]
    fn given_a_supplier_when_it_is_registered_again_then_it_clashes() {
        let command = RegisterSupplier::parse(message()).unwrap();
        let mut catalogue = Catalogue::default();
        for event in command.decide(&catalogue).unwrap() {
            assert!(catalogue.apply(&event.kind));
        }
        assert_eq!(command.decide(&catalogue).unwrap_err().reason, reason::ALREADY_REGISTERED);
    }

    #[test]
    fn when_everything_is_wrong_then_every_field_is_named() {
        let bad = RegisterSupplierRequest { supplier_id: UNASSIGNED.into(), gln: "123".into(), ..Default::default() };
        let refusal = RegisterSupplier::parse(bad).unwrap_err();
        let fields: Vec<_> = refusal.violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["supplier_id", "name", "gln"]);
    }
}
