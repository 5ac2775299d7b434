//! The chain: its stores, suppliers and items.

use std::collections::HashSet;

use fastrand::Rng;

use super::skew::Skew;

const STORES: usize = 457;
const SUPPLIERS: usize = 1_500;
const ITEMS: usize = 20_000;

/// All stores trade in one zone and one currency.
pub(crate) const TIME_ZONE: &str = "America/New_York";
pub(crate) const CURRENCY: &str = "USD";

/// The largest store sells about nine times as much as the smallest.
const STORE_OFFSET: u64 = 60;
/// The most popular item stands on 1.4 % of the lines, as in the sample day.
const ITEM_OFFSET: u64 = 8;
/// Of a hundred items so many are of the first supplier, the chain's own brand. In the sample week one supplier has 29 % of the
/// lines, the first ten have 47 %, the first hundred 77 %.
const OWN_BRAND_PERCENT: u32 = 29;
/// The second largest has about 5 % of the items.
const SUPPLIER_OFFSET: u64 = 2;

/// Registers of a store, and operators at them.
const REGISTERS: std::ops::RangeInclusive<u32> = 2..=12;
pub(super) const OPERATORS: std::ops::RangeInclusive<u32> = 1..=40;

/// Prices of one whole unit, of which the smaller of two is taken.
const PRICES_MINOR: std::ops::RangeInclusive<i64> = 49..=1_999;

/// Ids are numbers of these ranges.
const STORE_IDS: std::ops::Range<u32> = 100..10_000;
const ITEM_IDS: std::ops::Range<u32> = 20_000..9_999_999;
const SUPPLIER_IDS: std::ops::Range<u32> = 1..7_000;

/// Categories: name, share in the items, whether it is sold by weight, whether it is taxed.
const CATEGORIES: [(&str, u32, bool, bool); 12] = [
    ("GROCERY", 58, false, false),
    ("DRUG GM", 17, false, true),
    ("MEAT-PCKGD", 5, false, false),
    ("PRODUCE", 4, true, false),
    ("NUTRITION", 3, false, false),
    ("DELI", 3, true, false),
    ("MEAT", 2, true, false),
    ("PASTRY", 2, false, false),
    ("FROZEN GROCERY", 2, false, false),
    ("COSMETICS", 2, false, true),
    ("SEAFOOD", 1, true, false),
    ("FLORAL", 1, false, true),
];

/// A retail chain.
#[derive(Clone, Debug)]
pub(crate) struct World {
    /// The largest first.
    pub(crate) stores: Vec<Store>,
    pub(crate) suppliers: Vec<Supplier>,
    /// The most popular first.
    pub(crate) items: Vec<Item>,
    pub(super) seed: u64,
    pub(super) store_sizes: Skew,
    pub(super) item_popularity: Skew,
}

/// A store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Store {
    pub(crate) store_id: String,
    pub(crate) name: String,
    /// Its registers are numbered from 1 to this.
    pub(crate) registers: u32,
}

/// A supplier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Supplier {
    pub(crate) supplier_id: String,
    pub(crate) name: String,
}

/// An item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) item_id: String,
    /// Place in [`World::suppliers`].
    pub(crate) supplier: usize,
    pub(crate) category: String,
    pub(crate) unit_code: &'static str,
    /// 3 where it is weighed, otherwise 0.
    pub(crate) decimals: i32,
    /// Price of one whole unit.
    pub(crate) price_minor: i64,
    pub(crate) name: String,
    pub(crate) taxed: bool,
}

impl World {
    /// The chain of a seed.
    pub(crate) fn drawn(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let suppliers = distinct(&mut rng, SUPPLIER_IDS, SUPPLIERS)
            .map(|id| Supplier { supplier_id: id.to_string(), name: format!("Manufacturer {id}") })
            .collect();
        let items = items(&mut rng);
        let stores = distinct(&mut rng, STORE_IDS, STORES)
            .map(|id| Store { store_id: id.to_string(), name: format!("Store {id}"), registers: rng.u32(REGISTERS) })
            .collect();
        let store_sizes = Skew::new(STORES, STORE_OFFSET);
        let item_popularity = Skew::new(ITEMS, ITEM_OFFSET);
        Self { stores, suppliers, items, seed, store_sizes, item_popularity }
    }
}

fn items(rng: &mut Rng) -> Vec<Item> {
    let ids: Vec<u32> = distinct(rng, ITEM_IDS, ITEMS).collect();
    // Every supplier has an item, the others are spread unevenly; popularity has nothing to do with it.
    let sizes = Skew::new(SUPPLIERS - 1, SUPPLIER_OFFSET);
    let mut of_suppliers: Vec<usize> = (0..SUPPLIERS).collect();
    let is_own_brand = |rng: &mut Rng| rng.u32(0..100) < OWN_BRAND_PERCENT;
    of_suppliers.resize_with(ITEMS, || if is_own_brand(rng) { 0 } else { 1 + sizes.draw(rng) });
    rng.shuffle(&mut of_suppliers);
    ids.into_iter()
        .zip(of_suppliers)
        .map(|(id, supplier)| {
            let (category, weighed, taxed) = category(rng.u32(0..100));
            Item {
                item_id: id.to_string(),
                supplier,
                category: category.to_owned(),
                unit_code: if weighed { "KGM" } else { "EA" },
                decimals: if weighed { 3 } else { 0 },
                price_minor: rng.i64(PRICES_MINOR).min(rng.i64(PRICES_MINOR)),
                name: format!("{category} {id}"),
                taxed,
            }
        })
        .collect()
}

/// The category at a point of 0 to 99 of their shares.
fn category(point: u32) -> (&'static str, bool, bool) {
    let mut left = point;
    for (name, share, weighed, taxed) in CATEGORIES {
        if left < share {
            return (name, weighed, taxed);
        }
        left -= share;
    }
    let (name, _, weighed, taxed) = CATEGORIES[0];
    (name, weighed, taxed)
}

/// So many numbers of a range, each once, in no order.
fn distinct(rng: &mut Rng, range: std::ops::Range<u32>, count: usize) -> impl Iterator<Item = u32> + use<> {
    let mut seen = HashSet::with_capacity(count);
    let mut numbers = Vec::with_capacity(count);
    while numbers.len() < count {
        let number = rng.u32(range.clone());
        if seen.insert(number) {
            numbers.push(number);
        }
    }
    numbers.into_iter()
}
