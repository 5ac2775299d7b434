//! One business day of one store.

use std::io::Write;

use daybook::{
    money::Currency,
    query::v1::{
        GetStoreDayRequest, GetStoreDayResponse, ListStoreDayItemsRequest, ReturnFigures, SalesFigures, StoreDay,
        StoreDayItem,
    },
};

use super::{Page, StoreDayOptions, store_days, without_end};
use crate::{
    calls,
    error::{Error, Service},
    figures::{count, currency, instant, percent, quantity, tender},
    json::{self, Json},
    output::{Column, Format, Sheet, number, text},
};

/// Items on one page; the most that the service gives.
const PAGE_ITEMS: i32 = 1_000;

pub(super) async fn write<W: Write>(page: &mut Page<'_, W>, options: &StoreDayOptions) -> Result<(), Error> {
    let message = GetStoreDayRequest {
        store_id: options.store.clone(),
        business_date: options.date.to_string(),
        at_least_position: page.at_least_position,
    };
    let answer = calls::ask(Service::Query, message, |request| {
        let mut store_days = page.client.store_days.clone();
        async move { store_days.get_store_day(request).await }
    })
    .await?;
    let Some(day) = answer.store_day.clone() else {
        return Err(Error::Unexpected("the query service answered no store-day".to_owned()));
    };
    let currency = currency(&day.currency_code)?;
    match page.format {
        Format::Json => write_json(page, options, &answer).await,
        Format::Csv if options.items => items(page, options, currency).await,
        Format::Csv => store_days::sheet(&[day])?.write_csv(page.out, true),
        Format::Table => {
            write_tables(page, &day, currency)?;
            if options.items {
                items(page, options, currency).await?;
            }
            page.as_of(answer.as_of.as_ref())
        }
    }
}

fn write_tables<W: Write>(page: &mut Page<'_, W>, day: &StoreDay, currency: Currency) -> Result<(), Error> {
    let (start, end) = (instant(day.start_time.as_ref()), instant(day.end_time.as_ref()));
    let StoreDay { store_id, business_date, time_zone, .. } = day;
    page.line(&format!("store {store_id}, {business_date}: {start} to {end} ({time_zone}), amounts in {currency}"))?;
    totals(day, currency).write_table(page.out)?;
    for sheet in breakdowns(day, currency) {
        sheet.write_table(page.out)?;
    }
    Ok(())
}

/// The figures of the whole day, one a row.
fn totals(day: &StoreDay, currency: Currency) -> Sheet {
    let sales = day.sales.unwrap_or_default();
    let receiving = day.receiving.unwrap_or_default();
    let voids = day.voids.unwrap_or_default();
    let mut sheet = Sheet::new(&[text("figure"), number("value")]);
    let mut row = |name: &str, value: String| sheet.row(vec![name.to_owned(), value]);
    row("transactions", count(sales.transactions));
    row("lines", count(sales.lines));
    row("units sold", quantity(sales.quantity_milli));
    row("gross sales", currency.format(sales.gross_minor));
    row("discounts", currency.format(sales.discount_minor));
    for (name, returns) in
        [("returns with receipt", day.returns_with_receipt), ("returns without receipt", day.returns_without_receipt)]
    {
        if let Some(ReturnFigures { returns, net_minor, .. }) = returns.filter(|returns| returns.returns > 0) {
            row(name, format!("{} ({returns})", currency.format(net_minor)));
        }
    }
    row("net sales", currency.format(sales.net_minor));
    row("tax", currency.format(sales.tax_minor));
    row("total", currency.format(day.total_minor));
    row("average basket", currency.format(day.average_basket_minor));
    row("units per transaction", quantity(day.units_per_transaction_milli));
    if voids.voids > 0 {
        row("voided", format!("{} ({})", currency.format(voids.total_minor), voids.voids));
    }
    row("deliveries", count(receiving.deliveries));
    row("units received", quantity(receiving.received_milli));
    if receiving.rejected_milli > 0 {
        row("units rejected", quantity(receiving.rejected_milli));
    }
    row("received cost", currency.format(receiving.received_cost_minor));
    for (name, number) in [
        ("adjustments of stock", day.adjustments),
        ("lines of unknown items", day.unknown_item_lines),
        ("business dates claimed wrongly", day.business_date_mismatches),
    ] {
        if number > 0 {
            row(name, count(number));
        }
    }
    sheet
}

/// The breakdowns that have anything in them.
fn breakdowns(day: &StoreDay, currency: Currency) -> Vec<Sheet> {
    let mut tenders = Sheet::new(&[text("tender"), number("count"), number("received"), number("refunded")]);
    for totals in &day.tenders {
        tenders.row(vec![
            tender(totals.r#type()).to_owned(),
            count(totals.count),
            currency.format(totals.received_minor),
            currency.format(totals.refunded_minor),
        ]);
    }
    let mut taxes = Sheet::new(&[text("tax"), number("percent"), number("base"), number("amount")]);
    for tax in &day.taxes {
        taxes.row(vec![
            tax.tax_code.clone(),
            percent(tax.rate_ppm),
            currency.format(tax.base_minor),
            currency.format(tax.amount_minor),
        ]);
    }
    let categories = day.categories.iter().map(|part| (part.category.clone(), part.sales));
    let hours = day.hours.iter().map(|part| (part.hour.to_string(), part.sales));
    let registers = day.registers.iter().map(|part| (part.register_id.clone(), part.sales));
    // A day without named operators has one entry without a name, which says nothing.
    let operators = day.operators.iter().filter(|part| day.operators.len() > 1 || !part.operator_id.is_empty());
    let operators = operators.map(|part| (part.operator_id.clone(), part.sales));
    let sheets = [
        tenders,
        taxes,
        sales_by(text("category"), categories, currency),
        sales_by(number("hour"), hours, currency),
        sales_by(text("register"), registers, currency),
        sales_by(text("operator"), operators, currency),
    ];
    sheets.into_iter().filter(|sheet| !sheet.is_empty()).collect()
}

fn sales_by(by: Column, parts: impl Iterator<Item = (String, Option<SalesFigures>)>, currency: Currency) -> Sheet {
    let mut sheet = Sheet::new(&[
        by,
        number("transactions"),
        number("lines"),
        number("units"),
        number("gross"),
        number("discounts"),
        number("net"),
    ]);
    for (name, sales) in parts {
        let sales = sales.unwrap_or_default();
        sheet.row(vec![
            name,
            count(sales.transactions),
            count(sales.lines),
            quantity(sales.quantity_milli),
            currency.format(sales.gross_minor),
            currency.format(sales.discount_minor),
            currency.format(sales.net_minor),
        ]);
    }
    sheet
}

/// Writes the items as a table or as CSV, page by page.
async fn items<W: Write>(page: &mut Page<'_, W>, options: &StoreDayOptions, currency: Currency) -> Result<(), Error> {
    let mut is_first = true;
    let mut page_token = String::new();
    loop {
        let items;
        (items, page_token) = items_page(page, options, page_token).await?;
        let sheet = item_sheet(items, currency);
        match page.format {
            Format::Csv => sheet.write_csv(page.out, is_first)?,
            _ if is_first || !sheet.is_empty() => sheet.write_table(page.out)?,
            _ => {}
        }
        is_first = false;
        if page_token.is_empty() {
            return Ok(());
        }
    }
}

fn item_sheet(items: Vec<StoreDayItem>, currency: Currency) -> Sheet {
    let mut sheet = Sheet::new(&[
        text("item_id"),
        text("category"),
        text("unit"),
        number("transactions"),
        number("quantity_sold"),
        number("gross_sales"),
        number("discounts"),
        number("net_sales"),
        number("quantity_returned"),
        number("quantity_received"),
        number("received_cost"),
        number("quantity_adjusted"),
    ]);
    for item in items {
        sheet.row(vec![
            item.item_id,
            item.category,
            item.unit_code,
            count(item.transactions),
            quantity(item.quantity_sold_milli),
            currency.format(item.gross_minor),
            currency.format(item.discount_minor),
            currency.format(item.net_minor),
            quantity(item.quantity_returned_milli),
            quantity(item.quantity_received_milli),
            currency.format(item.received_cost_minor),
            quantity(item.quantity_adjusted_milli),
        ]);
    }
    sheet
}

async fn items_page<W>(
    page: &Page<'_, W>,
    options: &StoreDayOptions,
    page_token: String,
) -> Result<(Vec<StoreDayItem>, String), Error> {
    let message = ListStoreDayItemsRequest {
        store_id: options.store.clone(),
        business_date: options.date.to_string(),
        page_size: PAGE_ITEMS,
        page_token,
        at_least_position: page.at_least_position,
    };
    let answer = calls::ask(Service::Query, message, |request| {
        let mut store_days = page.client.store_days.clone();
        async move { store_days.list_store_day_items(request).await }
    })
    .await?;
    Ok((answer.items, answer.next_page_token))
}

async fn write_json<W: Write>(
    page: &mut Page<'_, W>,
    options: &StoreDayOptions,
    answer: &GetStoreDayResponse,
) -> Result<(), Error> {
    let object = json::line(&Json::of("daybook.query.v1.GetStoreDayResponse", answer)?)?;
    if !options.items {
        return page.line(&object);
    }
    page.piece(without_end(&object))?;
    page.piece(",\"items\":[")?;
    let mut separator = "";
    let mut page_token = String::new();
    loop {
        let items;
        (items, page_token) = items_page(page, options, page_token).await?;
        for item in &items {
            page.piece(std::mem::replace(&mut separator, ","))?;
            page.piece(&json::line(&Json::of("daybook.query.v1.StoreDayItem", item)?)?)?;
        }
        if page_token.is_empty() {
            return page.line("]}");
        }
    }
}

#[cfg(test)]
mod tests {
    use daybook::{
        event::v1::TenderType,
        query::v1::{CategorySales, OperatorSales, TenderTotals, VoidFigures},
    };

    use super::*;

    fn written(sheet: &Sheet) -> String {
        let mut out = Vec::new();
        sheet.write_csv(&mut out, true).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_day_shows_what_happened_and_not_what_did_not() {
        let usd = Currency::parse("USD").unwrap();
        let sales = SalesFigures { transactions: 2, net_minor: 309, quantity_milli: 9_530, ..SalesFigures::default() };
        let day = StoreDay {
            sales: Some(sales),
            voids: Some(VoidFigures { voids: 1, total_minor: 500 }),
            categories: vec![CategorySales { category: "FUEL".into(), sales: Some(sales) }],
            operators: vec![OperatorSales { operator_id: String::new(), sales: Some(sales) }],
            tenders: vec![TenderTotals {
                r#type: TenderType::Card.into(),
                count: 2,
                received_minor: 309,
                refunded_minor: 0,
            }],
            ..StoreDay::default()
        };
        let totals = written(&totals(&day, usd));
        assert!(totals.contains("net sales,3.09\n") && totals.contains("units sold,9.53\n"), "{totals}");
        assert!(totals.contains("voided,5.00 (1)\n") && !totals.contains("returns"), "{totals}");
        let breakdowns: Vec<_> = breakdowns(&day, usd).iter().map(written).collect();
        assert_eq!(
            breakdowns,
            [
                "tender,count,received,refunded\nCARD,2,3.09,0.00\n",
                "category,transactions,lines,units,gross,discounts,net\nFUEL,2,0,9.53,0.00,0.00,3.09\n",
            ]
        );
    }
}
