//! Figures, written shortly.

use daybook::query::v1::{
    CategorySales, HourSales, OperatorSales, RegisterSales, ReturnFigures, SalesFigures, SupplierDayFigures, TaxSales,
    TenderTotals,
};

/// Transactions, lines, quantity, gross, discount, net, tax.
pub(super) fn sales(figures: [i64; 7]) -> SalesFigures {
    let [transactions, lines, quantity_milli, gross_minor, discount_minor, net_minor, tax_minor] = figures;
    SalesFigures { transactions, lines, quantity_milli, gross_minor, discount_minor, net_minor, tax_minor }
}

/// Returns, quantity, net, tax.
pub(super) fn returns(figures: [i64; 4]) -> ReturnFigures {
    let [returns, quantity_milli, net_minor, tax_minor] = figures;
    ReturnFigures { returns, quantity_milli, net_minor, tax_minor }
}

pub(super) fn of_category(category: &str, figures: [i64; 7]) -> CategorySales {
    CategorySales { category: category.to_owned(), sales: Some(sales(figures)) }
}

pub(super) fn of_hour(hour: i32, figures: [i64; 7]) -> HourSales {
    HourSales { hour, sales: Some(sales(figures)) }
}

pub(super) fn at_register(register_id: &str, figures: [i64; 7]) -> RegisterSales {
    RegisterSales { register_id: register_id.to_owned(), sales: Some(sales(figures)) }
}

pub(super) fn by_operator(operator_id: &str, figures: [i64; 7]) -> OperatorSales {
    OperatorSales { operator_id: operator_id.to_owned(), sales: Some(sales(figures)) }
}

pub(super) fn taxed(tax_code: &str, rate_ppm: i32, base_minor: i64, amount_minor: i64) -> TaxSales {
    TaxSales { tax_code: tax_code.to_owned(), rate_ppm, base_minor, amount_minor }
}

/// Payments and refunds, received, refunded.
pub(super) fn paid(r#type: daybook::event::v1::TenderType, figures: [i64; 3]) -> TenderTotals {
    let [count, received_minor, refunded_minor] = figures;
    TenderTotals { r#type: r#type.into(), count, received_minor, refunded_minor }
}

/// Lines, quantity, gross, discount, net; returned quantity and amount; deliveries, received quantity and cost, rejected;
/// adjusted.
pub(super) fn supplied(currency_code: &str, figures: [i64; 12]) -> SupplierDayFigures {
    let [lines_sold, quantity_sold_milli, gross_minor, discount_minor, net_minor, rest @ ..] = figures;
    let [quantity_returned_milli, returns_net_minor, rest @ ..] = rest;
    let [deliveries, quantity_received_milli, received_cost_minor, quantity_rejected_milli, adjusted] = rest;
    SupplierDayFigures {
        currency_code: currency_code.to_owned(),
        lines_sold,
        quantity_sold_milli,
        gross_minor,
        discount_minor,
        net_minor,
        quantity_returned_milli,
        returns_net_minor,
        deliveries,
        quantity_received_milli,
        received_cost_minor,
        quantity_rejected_milli,
        quantity_adjusted_milli: adjusted,
    }
}

/// Leaves out rows in which nothing is left, and puts the others in order.
pub(super) fn rows<T: Clone, K: Ord>(rows: &[T], key: fn(&T) -> K, is_nothing: fn(&T) -> bool) -> Vec<T> {
    let mut rows: Vec<T> = rows.iter().filter(|row| !is_nothing(row)).cloned().collect();
    rows.sort_by_key(key);
    rows
}
