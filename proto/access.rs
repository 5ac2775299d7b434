//! Who may call what: the option `daybook.access.v1.access` of every method, as a table.

use std::collections::HashMap;

/// A method and the scopes of which its caller needs one; nobody may call it if there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The path of the method, for example `/daybook.command.v1.SaleService/RecordSale`.
    pub path: &'static str,
    pub any_of: &'static [&'static str],
}

include!(concat!(env!("OUT_DIR"), "/access.rs"));

/// What a caller may be bound to, as claims of a token and settings of a static key name it.
pub const STORES: &str = "stores";
pub const SUPPLIERS: &str = "suppliers";
/// Scopes that concern the whole chain: a caller who is bound to stores or suppliers does not have them.
pub const WHOLE: &[&str] = &["admin", "catalogue:write"];

pub const KINDS: &[&str] = &[STORES, SUPPLIERS];

/// The scopes of every method, by its path.
#[must_use]
pub fn methods() -> HashMap<&'static str, &'static [&'static str]> {
    RULES.iter().map(|rule| (rule.path, rule.any_of)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_says_who_may_call_it() {
        let open: Vec<_> = RULES.iter().filter(|rule| rule.any_of.is_empty()).map(|rule| rule.path).collect();
        assert!(open.is_empty(), "no scope is declared for {open:?}");
        assert!(RULES.len() > 40, "{}", RULES.len());
        let sale = RULES.iter().find(|rule| rule.path.ends_with("SaleService/RecordSale")).unwrap();
        assert_eq!(sale.any_of, ["sales:write"]);
    }
}
