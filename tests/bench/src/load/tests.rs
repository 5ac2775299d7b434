use std::collections::HashSet;

use daybook::business_day::BusinessDayRule;
use jiff::civil::date;

use super::*;

const SALES: usize = 20_000;

fn world() -> World {
    World::drawn(42)
}

fn first<'a>(mut sales: Sales<'a>, count: usize) -> Vec<Sale> {
    (0..count).map(|_| sales.next_sale()).collect()
}

#[test]
fn the_same_seed_gives_the_same_sales() {
    let (one, other) = (world(), world());
    assert_eq!((&one.stores, &one.suppliers, &one.items), (&other.stores, &other.suppliers, &other.items));
    let day = date(2017, 1, 2);
    assert_eq!(first(one.sales(7, day), 100), first(other.sales(7, day), 100));
    assert_ne!(first(one.sales(7, day), 1)[0].lines, first(World::drawn(43).sales(7, day), 1)[0].lines);
}

#[test]
fn the_chain_has_its_size_and_ids_are_unique() {
    let world = world();
    assert_eq!((world.stores.len(), world.suppliers.len(), world.items.len()), (457, 1_500, 20_000));
    assert_eq!(world.items.iter().map(|item| &item.item_id).collect::<HashSet<_>>().len(), 20_000);
    assert_eq!(world.items.iter().map(|item| item.supplier).collect::<HashSet<_>>().len(), 1_500);
    assert!(world.items.iter().any(|item| item.decimals == 3));
}

#[test]
fn sums_agree_and_amounts_are_within_the_rules() {
    let world = world();
    for sale in first(world.sales(1, date(2017, 1, 2)), SALES) {
        let message = sale.request(&world);
        let gross: i64 = message.lines.iter().map(|line| line.gross_minor).sum();
        let discount: i64 = message.lines.iter().flat_map(|line| &line.discounts).map(|one| one.amount_minor).sum();
        let tax: i64 = message.lines.iter().flat_map(|line| &line.taxes).map(|one| one.amount_minor).sum();
        let tender: i64 = message.tenders.iter().map(|tender| tender.amount_minor).sum();
        assert!(tender > 0);
        assert_eq!((gross - discount + tax, message.total_minor), (message.total_minor, tender));
        assert_eq!(sale.sum(Line::total_minor), sale.total_minor);
        for line in &sale.lines {
            let step = 10_i64.pow(3 - world.items[line.item].decimals.unsigned_abs());
            assert!(line.quantity_milli > 0 && line.quantity_milli % step == 0);
            assert!(
                line.gross_minor > 0 && line.tax_minor >= 0 && (0..line.gross_minor).contains(&line.discount_minor)
            );
        }
        let items: HashSet<_> = sale.lines.iter().map(|line| line.item).collect();
        assert_eq!(items.len(), sale.lines.len());
    }
}

#[test]
fn a_sale_has_about_nine_lines_of_several_suppliers() {
    let world = world();
    let sales = first(world.sales(2, date(2017, 1, 2)), SALES);
    let lines: usize = sales.iter().map(|sale| sale.lines.len()).sum();
    assert!((17 * SALES..=19 * SALES).contains(&(2 * lines)), "{lines} lines in {SALES} sales");
    let suppliers: usize = sales
        .iter()
        .map(|sale| sale.lines.iter().map(|line| world.items[line.item].supplier).collect::<HashSet<_>>().len())
        .sum();
    assert!(suppliers > 5 * SALES, "{suppliers} suppliers in {SALES} sales");
    let mut of_supplier = vec![0_usize; world.suppliers.len()];
    sales.iter().flat_map(|sale| &sale.lines).for_each(|line| of_supplier[world.items[line.item].supplier] += 1);
    of_supplier.sort_unstable_by(|one, other| other.cmp(one));
    let percent = |first: usize| 100 * of_supplier[..first].iter().sum::<usize>() / lines;
    let shares = [1, 10, 100].map(percent);
    // The sample week has 29, 47 and 77.
    assert!(shares.iter().zip([29, 47, 77]).all(|(share, sample)| share.abs_diff(sample) <= 5), "{shares:?}");
    let popular = sales.iter().flat_map(|sale| &sale.lines).filter(|line| line.item < 200).count();
    assert!((3..=6).contains(&(10 * popular / lines)), "{popular} of {lines} lines have one of the first 200 items");
}

#[test]
fn no_request_id_and_no_receipt_comes_twice() {
    let world = world();
    let day = date(2017, 1, 2);
    let sources = [world.sales(1, day), world.sales(2, day), world.sales_of(1, day, 0), world.sales_of(1, day, 1)];
    let sales: Vec<Sale> = sources.into_iter().flat_map(|source| first(source, SALES)).collect();
    let ids: HashSet<_> = sales.iter().map(|sale| sale.request_id).collect();
    let receipts: HashSet<_> = sales.iter().map(|sale| (sale.store, sale.register, sale.receipt)).collect();
    assert_eq!((ids.len(), receipts.len()), (sales.len(), sales.len()));
    assert!(sales.iter().all(|sale| i64::try_from(sale.receipt).is_ok() && !sale.request_id.is_nil()));
    let last = first(world.sales(u64::from(u32::MAX), day), 1)[0].receipt;
    assert!(i64::try_from(last).is_ok());
}

#[test]
fn every_sale_is_booked_on_its_date() {
    let world = world();
    let rule = BusinessDayRule::new(TIME_ZONE, 0).unwrap();
    // A day of 23 hours, one of 25, and one as most.
    for day in [date(2017, 3, 12), date(2017, 11, 5), date(2017, 1, 2)] {
        for sale in first(world.sales(3, day), 2_000) {
            assert_eq!(rule.booked_on(sale.occurred_at).unwrap().date, day);
        }
    }
}

#[test]
fn an_upload_is_of_one_register() {
    let world = world();
    let sales = first(world.sales_of(1, date(2017, 1, 2), 5), 1_000);
    assert!(sales.iter().all(|sale| (sale.store, sale.register) == (5, 1)));
}
