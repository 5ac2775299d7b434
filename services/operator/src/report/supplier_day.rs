//! What one supplier delivered and sold on one business day, in all stores.

use std::io::Write;

use daybook::query::v1::{
    GetSupplierDayRequest, GetSupplierDayResponse, ListSupplierDayItemsRequest, SupplierDay, SupplierDayFigures,
    SupplierDayItem,
};

use super::{Page, SupplierDayOptions, without_end};
use crate::{
    calls,
    error::{Error, Service},
    figures::{count, currency, quantity},
    json::{self, Json},
    output::{Column, Format, Sheet, number, text},
};

/// Items on one page; the most that the service gives.
const PAGE_ITEMS: i32 = 1_000;

pub(super) async fn write<W: Write>(page: &mut Page<'_, W>, options: &SupplierDayOptions) -> Result<(), Error> {
    let message = GetSupplierDayRequest {
        supplier_id: options.supplier.clone(),
        business_date: options.date.to_string(),
        at_least_position: page.at_least_position,
    };
    let answer = calls::ask(Service::Query, message, |request| {
        let mut supplier_days = page.client.supplier_days.clone();
        async move { supplier_days.get_supplier_day(request).await }
    })
    .await?;
    let Some(day) = &answer.supplier_day else {
        return Err(Error::Unexpected("the query service answered no supplier-day".to_owned()));
    };
    match page.format {
        Format::Json => write_json(page, options, &answer).await,
        Format::Csv if options.items => items(page, options).await,
        Format::Csv => day_sheet(day)?.write_csv(page.out, true),
        Format::Table => {
            page.line(&format!(
                "supplier {}, {}: sold in {} stores",
                day.supplier_id, day.business_date, day.selling_stores
            ))?;
            totals(day)?.write_table(page.out)?;
            if options.items {
                items(page, options).await?;
            }
            page.as_of(answer.as_of.as_ref())
        }
    }
}

/// The figures, one a row, with a column for each currency.
fn totals(day: &SupplierDay) -> Result<Sheet, Error> {
    let mut columns = vec![text("figure")];
    columns.extend(day.figures.iter().map(|_| number("value")));
    let mut sheet = Sheet::new(&columns);
    let names = ["currency"].into_iter().chain(FIGURES.iter().map(|column| column.name()));
    let values: Vec<_> = day.figures.iter().map(cells).collect::<Result<_, _>>()?;
    for (index, name) in names.enumerate() {
        let mut row = vec![name.replace('_', " ")];
        row.extend(values.iter().map(|cells| cells.get(index).cloned().unwrap_or_default()));
        sheet.row(row);
    }
    Ok(sheet)
}

/// The day as rows, one for each currency.
fn day_sheet(day: &SupplierDay) -> Result<Sheet, Error> {
    let head = [text("supplier_id"), text("business_date"), number("selling_stores"), text("currency")];
    let mut sheet = Sheet::new(&[&head[..], &FIGURES].concat());
    for figures in &day.figures {
        let mut row = vec![day.supplier_id.clone(), day.business_date.clone(), count(day.selling_stores)];
        row.extend(cells(figures)?);
        sheet.row(row);
    }
    Ok(sheet)
}

/// Items as rows, one for each currency.
fn item_sheet(items: &[SupplierDayItem]) -> Result<Sheet, Error> {
    let head = [text("item_id"), text("category"), text("unit"), text("currency")];
    let mut sheet = Sheet::new(&[&head[..], &FIGURES].concat());
    for item in items {
        for figures in &item.figures {
            let mut row = vec![item.item_id.clone(), item.category.clone(), item.unit_code.clone()];
            row.extend(cells(figures)?);
            sheet.row(row);
        }
    }
    Ok(sheet)
}

const FIGURES: [Column; 11] = [
    number("lines_sold"),
    number("quantity_sold"),
    number("gross_sales"),
    number("discounts"),
    number("net_sales"),
    number("quantity_returned"),
    number("deliveries"),
    number("quantity_received"),
    number("received_cost"),
    number("quantity_rejected"),
    number("quantity_adjusted"),
];

/// The currency and the cells of [`FIGURES`].
fn cells(figures: &SupplierDayFigures) -> Result<Vec<String>, Error> {
    let currency = currency(&figures.currency_code)?;
    Ok(vec![
        currency.code().to_owned(),
        count(figures.lines_sold),
        quantity(figures.quantity_sold_milli),
        currency.format(figures.gross_minor),
        currency.format(figures.discount_minor),
        currency.format(figures.net_minor),
        quantity(figures.quantity_returned_milli),
        count(figures.deliveries),
        quantity(figures.quantity_received_milli),
        currency.format(figures.received_cost_minor),
        quantity(figures.quantity_rejected_milli),
        quantity(figures.quantity_adjusted_milli),
    ])
}

/// Writes the items as a table or as CSV, page by page.
async fn items<W: Write>(page: &mut Page<'_, W>, options: &SupplierDayOptions) -> Result<(), Error> {
    let mut is_first = true;
    let mut page_token = String::new();
    loop {
        let items;
        (items, page_token) = items_page(page, options, page_token).await?;
        let sheet = item_sheet(&items)?;
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

async fn items_page<W>(
    page: &Page<'_, W>,
    options: &SupplierDayOptions,
    page_token: String,
) -> Result<(Vec<SupplierDayItem>, String), Error> {
    let message = ListSupplierDayItemsRequest {
        supplier_id: options.supplier.clone(),
        business_date: options.date.to_string(),
        page_size: PAGE_ITEMS,
        page_token,
        at_least_position: page.at_least_position,
    };
    let answer = calls::ask(Service::Query, message, |request| {
        let mut supplier_days = page.client.supplier_days.clone();
        async move { supplier_days.list_supplier_day_items(request).await }
    })
    .await?;
    Ok((answer.items, answer.next_page_token))
}

async fn write_json<W: Write>(
    page: &mut Page<'_, W>,
    options: &SupplierDayOptions,
    answer: &GetSupplierDayResponse,
) -> Result<(), Error> {
    let object = json::line(&Json::of("daybook.query.v1.GetSupplierDayResponse", answer)?)?;
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
            page.piece(&json::line(&Json::of("daybook.query.v1.SupplierDayItem", item)?)?)?;
        }
        if page_token.is_empty() {
            return page.line("]}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day() -> SupplierDay {
        let figures = |code: &str| SupplierDayFigures {
            currency_code: code.into(),
            quantity_sold_milli: 9_530,
            net_minor: 2_000,
            ..SupplierDayFigures::default()
        };
        SupplierDay {
            supplier_id: "69".into(),
            business_date: "2017-01-02".into(),
            selling_stores: 3,
            figures: vec![figures("JPY"), figures("USD")],
            ..SupplierDay::default()
        }
    }

    #[test]
    fn currencies_stand_beside_each_other_and_are_not_added() {
        let mut out = Vec::new();
        totals(&day()).unwrap().write_csv(&mut out, false).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("currency,JPY,USD\n"), "{text}");
        assert!(text.contains("net sales,2000,20.00\n"), "{text}");
        let mut out = Vec::new();
        day_sheet(&day()).unwrap().write_csv(&mut out, false).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("69,2017-01-02,3,JPY,0,9.53,0,0,2000,"), "{text}");
        assert_eq!(text.lines().count(), 2);
    }
}
