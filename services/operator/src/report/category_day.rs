//! What one store sold of each category on one business day.

use std::io::Write;

use daybook::{
    money::Currency,
    query::v1::{CategoryDay, GetCategoryDayRequest},
};

use super::{CategoryDayOptions, Page};
use crate::{
    calls,
    error::{Error, Service},
    figures::{count, currency, quantity},
    json::{self, Json},
    output::{Format, Sheet, number, text},
};

pub(super) async fn write<W: Write>(page: &mut Page<'_, W>, options: &CategoryDayOptions) -> Result<(), Error> {
    let message = GetCategoryDayRequest {
        store_id: options.store.clone(),
        business_date: options.date.to_string(),
        at_least_position: page.at_least_position,
    };
    let answer = calls::ask(Service::Query, message, |request| {
        let mut category_days = page.client.category_days.clone();
        async move { category_days.get_category_day(request).await }
    })
    .await?;
    let Some(day) = &answer.category_day else {
        return Err(Error::Unexpected("the query service answered no report".to_owned()));
    };
    let currency = currency(&day.currency_code)?;
    match page.format {
        Format::Json => page.line(&json::line(&Json::of("daybook.query.v1.GetCategoryDayResponse", &answer)?)?),
        Format::Csv => sheet(day, currency).write_csv(page.out, true),
        Format::Table => {
            page.line(&format!("store {}, {}: amounts in {currency}", day.store_id, day.business_date))?;
            sheet(day, currency).write_table(page.out)?;
            page.as_of(answer.as_of.as_ref())
        }
    }
}

/// Categories as rows.
fn sheet(day: &CategoryDay, currency: Currency) -> Sheet {
    let mut sheet = Sheet::new(&[
        text("category"),
        number("transactions"),
        number("lines"),
        number("units_sold"),
        number("gross_sales"),
        number("discounts"),
        number("units_returned"),
        number("returns"),
        number("net_sales"),
        number("tax"),
    ]);
    for figures in &day.categories {
        sheet.row(vec![
            figures.category.clone(),
            count(figures.transactions),
            count(figures.lines),
            quantity(figures.quantity_sold_milli),
            currency.format(figures.gross_minor),
            currency.format(figures.discount_minor),
            quantity(figures.quantity_returned_milli),
            currency.format(figures.returns_net_minor),
            currency.format(figures.net_minor),
            currency.format(figures.tax_minor),
        ]);
    }
    sheet
}

#[cfg(test)]
mod tests {
    use daybook::query::v1::CategoryFigures;

    use super::*;

    #[test]
    fn each_category_is_a_row() {
        let grocery = CategoryFigures {
            category: "GROCERY".into(),
            transactions: 2,
            lines: 3,
            quantity_sold_milli: 4_500,
            gross_minor: 1_234,
            discount_minor: 34,
            net_minor: 1_100,
            tax_minor: 90,
            quantity_returned_milli: 1_000,
            returns_net_minor: 100,
        };
        let day = CategoryDay { categories: vec![grocery], ..CategoryDay::default() };
        let mut out = Vec::new();
        sheet(&day, currency("USD").unwrap()).write_csv(&mut out, false).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "GROCERY,2,3,4.5,12.34,0.34,1,1.00,11.00,0.90\n");
    }
}
