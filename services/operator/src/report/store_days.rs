//! The business days of stores, one a row.

use std::io::Write;

use daybook::query::v1::{DateRange, ListStoreDaysRequest, ListStoreDaysResponse, StoreDay};

use super::{Page, StoreDaysOptions};
use crate::{
    calls,
    error::{Error, Service},
    figures::{count, currency, quantity},
    json::{self, Json},
    output::{Format, Sheet, number, text},
};

/// Days on one page; the most that the service gives.
const PAGE_DAYS: i32 = 500;

pub(super) async fn write<W: Write>(page: &mut Page<'_, W>, options: &StoreDaysOptions) -> Result<(), Error> {
    if page.format == Format::Json {
        page.piece("[")?;
    }
    let (mut is_first, mut separator) = (true, "");
    let mut page_token = String::new();
    loop {
        let answer = days_page(page, options, page_token).await?;
        match page.format {
            Format::Json => {
                for day in &answer.store_days {
                    page.piece(std::mem::replace(&mut separator, ","))?;
                    page.piece(&json::line(&Json::of("daybook.query.v1.StoreDay", day)?)?)?;
                }
            }
            Format::Csv => sheet(&answer.store_days)?.write_csv(page.out, is_first)?,
            Format::Table => sheet(&answer.store_days)?.write_table(page.out)?,
        }
        is_first = false;
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return match page.format {
                Format::Json => page.line("]"),
                Format::Csv => Ok(()),
                Format::Table => page.as_of(answer.as_of.as_ref()),
            };
        }
    }
}

async fn days_page<W>(
    page: &Page<'_, W>,
    options: &StoreDaysOptions,
    page_token: String,
) -> Result<ListStoreDaysResponse, Error> {
    let dates = DateRange { from_date: options.from.to_string(), to_date: options.to.to_string() };
    let message = ListStoreDaysRequest {
        dates: Some(dates),
        store_ids: options.store.clone(),
        page_size: PAGE_DAYS,
        page_token,
        at_least_position: page.at_least_position,
    };
    calls::ask(Service::Query, message, |request| {
        let mut store_days = page.client.store_days.clone();
        async move { store_days.list_store_days(request).await }
    })
    .await
}

/// Store-days as rows.
pub(super) fn sheet(days: &[StoreDay]) -> Result<Sheet, Error> {
    let mut sheet = Sheet::new(&[
        text("store_id"),
        text("business_date"),
        text("currency"),
        number("transactions"),
        number("lines"),
        number("units_sold"),
        number("gross_sales"),
        number("discounts"),
        number("net_sales"),
        number("tax"),
        number("total"),
        number("returns"),
        number("voids"),
        number("deliveries"),
        number("units_received"),
        number("received_cost"),
    ]);
    for day in days {
        let currency = currency(&day.currency_code)?;
        let sales = day.sales.unwrap_or_default();
        let receiving = day.receiving.unwrap_or_default();
        let returns = [day.returns_with_receipt, day.returns_without_receipt];
        sheet.row(vec![
            day.store_id.clone(),
            day.business_date.clone(),
            currency.code().to_owned(),
            count(sales.transactions),
            count(sales.lines),
            quantity(sales.quantity_milli),
            currency.format(sales.gross_minor),
            currency.format(sales.discount_minor),
            currency.format(sales.net_minor),
            currency.format(sales.tax_minor),
            currency.format(day.total_minor),
            count(returns.iter().flatten().map(|returns| returns.returns).sum()),
            count(day.voids.unwrap_or_default().voids),
            count(receiving.deliveries),
            quantity(receiving.received_milli),
            currency.format(receiving.received_cost_minor),
        ]);
    }
    Ok(sheet)
}

#[cfg(test)]
mod tests {
    use daybook::query::v1::SalesFigures;

    use super::*;

    #[test]
    fn each_day_has_its_own_currency() {
        let sales = Some(SalesFigures { gross_minor: 1_234, ..SalesFigures::default() });
        let day = |code: &str| StoreDay { currency_code: code.into(), sales, ..StoreDay::default() };
        let mut out = Vec::new();
        sheet(&[day("USD"), day("JPY")]).unwrap().write_csv(&mut out, false).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, ",,USD,0,0,0,12.34,0.00,0.00,0.00,0.00,0,0,0,0,0.00\n,,JPY,0,0,0,1234,0,0,0,0,0,0,0,0,0\n");
        assert!(sheet(&[day("???")]).is_err());
    }
}
