//! All commands, as the append pipeline sees them.

use daybook_chassis::answer::Refusal;
use uuid::Uuid;

use super::{
    adjustment::AdjustStock, catalogue::Catalogue, decision::NewEvent, delivery::RecordDelivery, discard::DiscardEvent,
    item::RegisterItem, moves::UnassignedSales, sale::RecordSale, sale_return::RecordReturn, sale_state::SaleState,
    store::RegisterStore, supplier::RegisterSupplier, void::VoidSale,
};

/// A well-formed command with the state of the streams that it depends on.
#[derive(Clone, Debug)]
pub enum Command {
    RegisterSupplier(RegisterSupplier),
    RegisterStore(RegisterStore),
    RegisterItem(RegisterItem),
    RecordDelivery(RecordDelivery),
    AdjustStock(AdjustStock),
    RecordSale(RecordSale),
    VoidSale(VoidSale, Option<Box<SaleState>>),
    RecordReturn(RecordReturn, Option<Box<SaleState>>),
    DiscardEvent(DiscardEvent),
}

impl Command {
    /// The names of all commands, each at its number.
    pub const NAMES: [&str; 9] = [
        "register_supplier",
        "register_store",
        "register_item",
        "record_delivery",
        "adjust_stock",
        "record_sale",
        "void_sale",
        "record_return",
        "discard_event",
    ];

    /// The number of the command: the place of its name.
    #[must_use]
    pub fn number(&self) -> usize {
        match self {
            Self::RegisterSupplier(_) => 0,
            Self::RegisterStore(_) => 1,
            Self::RegisterItem(_) => 2,
            Self::RecordDelivery(_) => 3,
            Self::AdjustStock(_) => 4,
            Self::RecordSale(_) => 5,
            Self::VoidSale(..) => 6,
            Self::RecordReturn(..) => 7,
            Self::DiscardEvent(_) => 8,
        }
    }

    /// Decides the command; `sold_before` is what was sold of an item that it registers.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn decide(&self, catalogue: &Catalogue, sold_before: &[UnassignedSales]) -> Result<Vec<NewEvent>, Refusal> {
        match self {
            Self::RegisterSupplier(command) => command.decide(catalogue),
            Self::RegisterStore(command) => command.decide(catalogue),
            Self::RegisterItem(command) => command.decide(catalogue, sold_before),
            Self::RecordDelivery(command) => command.decide(catalogue),
            Self::AdjustStock(command) => command.decide(catalogue),
            Self::RecordSale(command) => command.decide(catalogue),
            Self::VoidSale(command, sale) => command.decide(sale.as_deref(), catalogue),
            Self::RecordReturn(command, sale) => command.decide(sale.as_deref(), catalogue),
            Self::DiscardEvent(command) => Ok(command.decide()),
        }
    }

    /// The refusal where the stream that the command begins exists with other content. `None` for a command on an existing
    /// thing: it is decided again on the new state.
    #[must_use]
    pub fn clash(&self) -> Option<Refusal> {
        match self {
            Self::RegisterSupplier(command) => Some(command.clash()),
            Self::RegisterStore(command) => Some(command.clash()),
            Self::RegisterItem(command) => Some(command.clash()),
            Self::RecordDelivery(command) => Some(command.clash()),
            Self::AdjustStock(command) => Some(command.clash()),
            Self::RecordSale(command) => Some(command.clash()),
            Self::RecordReturn(command, _) => Some(command.clash()),
            Self::DiscardEvent(command) => Some(command.clash()),
            Self::VoidSale(..) => None,
        }
    }

    /// The stream that the command begins, where its decision may refuse it because of what was recorded since. If that
    /// stream holds the same content, the command is a repetition, not at fault.
    #[must_use]
    pub fn begins(&self, catalogue: &Catalogue) -> Option<Uuid> {
        let stream = match self {
            Self::RegisterSupplier(command) => command.stream(),
            Self::RegisterStore(command) => command.stream(),
            Self::RegisterItem(command) => command.stream(),
            Self::RecordReturn(command, _) => command.stream(catalogue)?,
            Self::RecordDelivery(_)
            | Self::AdjustStock(_)
            | Self::RecordSale(_)
            | Self::VoidSale(..)
            | Self::DiscardEvent(_) => return None,
        };
        Some(daybook::stream::id_of(&stream))
    }

    /// The item that the command registers.
    #[must_use]
    pub fn registers_item(&self) -> Option<&str> {
        match self {
            Self::RegisterItem(command) => Some(command.item_id()),
            _ => None,
        }
    }
}
