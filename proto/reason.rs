//! Stable reasons of errors and warnings. Clients branch on them; they never change their meaning.

/// Domain under which google.rpc.ErrorInfo gives the reasons.
pub const DOMAIN: &str = "daybook";

macro_rules! reasons {
    ($($(#[doc = $meaning:literal])+ $name:ident;)*) => {
        $($(#[doc = $meaning])+ pub const $name: &str = stringify!($name);)*

        /// All reasons and what they say.
        pub const MEANINGS: &[(&str, &str)] = &[$((stringify!($name), concat!($($meaning),+).trim_ascii_start()),)*];

        /// All reasons.
        pub const ALL: &[&str] = &[$($name,)*];
    };
}

reasons! {
    /// Fields are malformed or contradict each other; each is listed with its own reason.
    INVALID_REQUEST;
    /// The field must not be empty.
    REQUIRED;
    /// The field's form or range is wrong.
    INVALID_VALUE;
    /// Digits or check digit of a GTIN are wrong.
    INVALID_GTIN;
    /// Digits or check digit of a GLN are wrong.
    INVALID_GLN;
    /// Too many or too few entries, or a message that is too large.
    OUT_OF_BOUNDS;
    /// The number of a line stands twice.
    DUPLICATE_SEQUENCE;
    /// The store is not registered.
    UNKNOWN_STORE;
    /// The supplier is not registered.
    UNKNOWN_SUPPLIER;
    /// The item is not registered (a warning for sales, returns, deliveries and adjustments).
    UNKNOWN_ITEM;
    /// There is no such sale.
    UNKNOWN_SALE;
    /// There is no such line on the sale.
    UNKNOWN_LINE;
    /// The currency is not that of the store.
    CURRENCY_MISMATCH;
    /// Accepted and rejected are not what was delivered.
    QUANTITY_MISMATCH;
    /// The lines do not add up to the total.
    TOTAL_MISMATCH;
    /// The tenders less the change are not the total.
    TENDER_MISMATCH;
    /// The register claimed another business date than the one booked (a warning).
    BUSINESS_DATE_MISMATCH;
    /// Another sale has this receipt number.
    DUPLICATE_RECEIPT;
    /// Another delivery or adjustment has this document number.
    DUPLICATE_DOCUMENT;
    /// It is registered already, with other content.
    ALREADY_REGISTERED;
    /// Another supplier is in force for the item from the same date.
    OVERLAPPING_ASSIGNMENT;
    /// The store does not have as much, and does not allow negative stock.
    INSUFFICIENT_STOCK;
    /// Registers have not sent all that they recorded.
    MISSING_SEQUENCES;
    /// The request id was used for another command.
    REQUEST_ID_REUSED;
    /// The sale was voided before.
    ALREADY_VOIDED;
    /// The sale cannot be voided because something of it was returned.
    HAS_RETURNS;
    /// More would be returned than was sold.
    RETURN_EXCEEDS_SOLD;
    /// More would be given back than was paid.
    REFUND_EXCEEDS_PAID;
    /// Others changed the same thing again and again; send the same command again.
    CONCURRENT_CHANGE;
    /// Too much is waiting already; send the same command again after the stated delay.
    OVERLOADED;
    /// A part that the service needs is away; send the same command again after the stated delay.
    DEPENDENCY_UNAVAILABLE;
    /// The call carries no token or key.
    TOKEN_MISSING;
    /// The token or key is not accepted: forged, of an unknown issuer or key, for another audience, or not valid yet.
    TOKEN_INVALID;
    /// The token or key has expired.
    TOKEN_EXPIRED;
    /// The caller has none of the scopes that the method needs.
    SCOPE_MISSING;
    /// The caller may act only for stores or suppliers of its own.
    NOT_YOURS;
    /// There is no such method here.
    UNKNOWN_METHOD;
    /// The caller calls more often than it may; call again after the stated delay.
    RATE_LIMITED;
    /// The service is stopping; send the same command again, to another instance or later.
    SHUTTING_DOWN;
    /// Whether the command was recorded is not known; send the same command with the same request id again.
    OUTCOME_UNKNOWN;
    /// The log is not the one that was read or published before: it lost its end, or is another one. An operator must decide;
    /// nothing was recorded.
    LOG_REPLACED;
    /// The reports have not reached `at_least_position` within the deadline.
    POSITION_NOT_REACHED;
    /// There is no such report, stream or stock.
    NOT_FOUND;
    /// The page token was not made by this service or belongs to another request.
    INVALID_PAGE_TOKEN;
    /// Something is wrong inside the service; the request id finds it in the logs.
    INTERNAL;
}
