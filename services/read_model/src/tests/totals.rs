//! What a report says without its items does not depend on whether they are folded.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::given::{kinds, log};
use crate::{
    answer,
    document::Head as _,
    registry::{Report as _, StoreDays, SupplierDays},
    store_day::StoreDay,
    supplier_day::SupplierDay,
};

proptest! {
    #[test]
    fn totals_are_the_same_without_items(kinds in kinds()) {
        let mut stores: BTreeMap<String, [StoreDay; 2]> = BTreeMap::new();
        let mut suppliers: BTreeMap<String, [SupplierDay; 2]> = BTreeMap::new();
        let mut with_items = 0;
        for event in log(kinds) {
            for (key, change) in StoreDays::changes(&event).unwrap() {
                let opened = || [StoreDay::open(&key), StoreDay::open(&key)];
                let [whole, totals] = stores.entry(key.id().to_string()).or_insert_with(opened);
                prop_assert!(totals.fold(event.position, change.clone().without_items()).unwrap().is_empty());
                whole.fold(event.position, change).unwrap();
                prop_assert_eq!(answer::store_day::head(whole), answer::store_day::head(totals));
                prop_assert!(totals.items.entries.is_empty());
                with_items += whole.items.count();
            }
            for (key, change) in SupplierDays::changes(&event).unwrap() {
                let opened = || [SupplierDay::open(&key), SupplierDay::open(&key)];
                let [whole, totals] = suppliers.entry(key.id().to_string()).or_insert_with(opened);
                totals.fold(event.position, change.clone().without_items()).unwrap();
                whole.fold(event.position, change).unwrap();
                prop_assert_eq!(answer::supplier_day::head(whole), answer::supplier_day::head(totals));
                prop_assert_eq!(&whole.stores, &totals.stores);
                prop_assert!(totals.items.entries.is_empty());
                with_items += whole.items.count();
            }
        }
        prop_assert!(stores.is_empty() || with_items > 0, "there is something to leave out");
    }
}
