//! Registering a store.

use daybook::{
    business_day::{BusinessDayError, BusinessDayRule},
    command::v1::RegisterStoreRequest,
    event::v1::{StoreRegistered, event::Kind},
    ids::StoreId,
    money::Currency,
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

/// A well-formed RegisterStore.
#[derive(Clone, Debug)]
pub struct RegisterStore {
    event: StoreRegistered,
    occurred_at: Option<Timestamp>,
}

impl RegisterStore {
    /// Checks the message.
    ///
    /// # Errors
    /// All its faults.
    pub fn parse(message: RegisterStoreRequest) -> Result<Self, Refusal> {
        let mut check = Check::default();
        let occurred_at = check.optional_instant("occurred_at", message.occurred_at);
        check.id("store_id", &message.store_id, StoreId::check);
        check.text("name", &message.name);
        // The zone is tried by itself first, so that a wrong cut-off does not hide it.
        if let Err(BusinessDayError::UnknownZone(_)) = BusinessDayRule::new(&message.time_zone, 0) {
            check.fault("time_zone", reason::INVALID_VALUE, "must be an IANA time zone such as America/New_York");
        }
        let cut_off = BusinessDayRule::new("UTC", message.cut_off_minutes);
        check.that(cut_off.is_ok(), "cut_off_minutes", reason::INVALID_VALUE, || {
            format!("must be minutes after midnight, 0 to 1439, not {}", message.cut_off_minutes)
        });
        check.that(Currency::parse(&message.currency_code).is_ok(), "currency_code", reason::INVALID_VALUE, || {
            "must be an ISO 4217 code such as USD".to_owned()
        });
        if !check.is_clean() {
            return Err(check::refusal(check.violations()));
        }
        let event = StoreRegistered {
            store_id: message.store_id,
            name: message.name,
            time_zone: message.time_zone,
            cut_off_minutes: message.cut_off_minutes,
            currency_code: message.currency_code,
            negative_stock_allowed: message.negative_stock_allowed,
        };
        Ok(Self { event, occurred_at })
    }

    /// Decides it.
    ///
    /// # Errors
    /// If the store is registered.
    pub fn decide(&self, catalogue: &Catalogue) -> Result<Vec<NewEvent>, Refusal> {
        if catalogue.store(&self.event.store_id).is_some() {
            return Err(self.clash());
        }
        let kind = Kind::StoreRegistered(self.event.clone());
        Ok(vec![NewEvent::first(&self.stream(), self.occurred_at, kind).of_store(&self.event.store_id)])
    }

    #[must_use]
    pub fn stream(&self) -> String {
        stream::store(&self.event.store_id)
    }

    /// The refusal where the store is registered with other content.
    #[must_use]
    pub fn clash(&self) -> Refusal {
        let message = format!("store {} is registered with other content", self.event.store_id);
        Refusal::new(Code::AlreadyExists, reason::ALREADY_REGISTERED, message)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn message() -> RegisterStoreRequest {
        RegisterStoreRequest {
            store_id: "443".into(),
            name: "Store 443".into(),
            time_zone: "America/New_York".into(),
            currency_code: "USD".into(),
            ..Default::default()
        }
    }

    #[test]
    fn given_nothing_when_a_store_is_registered_then_the_catalogue_has_it() {
        let mut catalogue = Catalogue::default();
        let command = RegisterStore::parse(message()).unwrap();
        let events = command.decide(&catalogue).unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].store_id.as_deref(), Some("443"));
        assert!(catalogue.apply(&events[0].kind));
        assert_eq!(catalogue.store("443").unwrap().currency.code(), "USD");
        assert_eq!(command.decide(&catalogue).unwrap_err().reason, reason::ALREADY_REGISTERED);
    }

    #[test]
    fn when_everything_is_wrong_then_every_field_is_named() {
        let bad = RegisterStoreRequest { time_zone: "EST5".into(), cut_off_minutes: 1_440, ..Default::default() };
        let refusal = RegisterStore::parse(bad).unwrap_err();
        let fields: Vec<_> = refusal.violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["store_id", "name", "time_zone", "cut_off_minutes", "currency_code"]);
    }
}
