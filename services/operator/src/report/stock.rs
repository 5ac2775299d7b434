//! What is in a store.

use std::io::Write;

use daybook::query::v1::{GetStockRequest, ListStockRequest, Stock};

use super::{Page, StockOptions};
use crate::{
    calls,
    error::{Error, Service},
    figures::quantity,
    json::{self, Json},
    output::{Format, Sheet, number, text},
};

/// Items on one page; the most that the service gives.
const PAGE_ITEMS: i32 = 1_000;

pub(super) async fn write<W: Write>(page: &mut Page<'_, W>, options: &StockOptions) -> Result<(), Error> {
    match &options.item {
        Some(item) => one(page, &options.store, item).await,
        None => all(page, &options.store).await,
    }
}

async fn one<W: Write>(page: &mut Page<'_, W>, store: &str, item: &str) -> Result<(), Error> {
    let message = GetStockRequest {
        store_id: store.to_owned(),
        item_id: item.to_owned(),
        at_least_position: page.at_least_position,
    };
    let answer = calls::ask(Service::Query, message, |request| {
        let mut stock = page.client.stock.clone();
        async move { stock.get_stock(request).await }
    })
    .await?;
    match page.format {
        Format::Json => page.line(&json::line(&Json::of("daybook.query.v1.GetStockResponse", &answer)?)?),
        Format::Csv => sheet(answer.stock).write_csv(page.out, true),
        Format::Table => {
            sheet(answer.stock).write_table(page.out)?;
            page.as_of(answer.as_of.as_ref())
        }
    }
}

async fn all<W: Write>(page: &mut Page<'_, W>, store: &str) -> Result<(), Error> {
    if page.format == Format::Json {
        page.piece("[")?;
    }
    let (mut is_first, mut separator) = (true, "");
    let mut page_token = String::new();
    loop {
        let message = ListStockRequest {
            store_ids: vec![store.to_owned()],
            page_size: PAGE_ITEMS,
            page_token,
            at_least_position: page.at_least_position,
        };
        let answer = calls::ask(Service::Query, message, |request| {
            let mut stock = page.client.stock.clone();
            async move { stock.list_stock(request).await }
        })
        .await?;
        match page.format {
            Format::Json => {
                for stock in &answer.stock {
                    page.piece(std::mem::replace(&mut separator, ","))?;
                    page.piece(&json::line(&Json::of("daybook.query.v1.Stock", stock)?)?)?;
                }
            }
            Format::Csv => sheet(answer.stock).write_csv(page.out, is_first)?,
            Format::Table => sheet(answer.stock).write_table(page.out)?,
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

fn sheet(stock: impl IntoIterator<Item = Stock>) -> Sheet {
    let mut sheet = Sheet::new(&[
        text("store_id"),
        text("item_id"),
        text("unit"),
        number("on_hand"),
        number("unsellable"),
        number("position"),
    ]);
    for stock in stock {
        sheet.row(vec![
            stock.store_id,
            stock.item_id,
            stock.unit_code,
            quantity(stock.on_hand_milli),
            quantity(stock.unsellable_milli),
            stock.position.to_string(),
        ]);
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stock_below_nothing_is_shown_as_it_is() {
        let stock = Stock {
            incomplete: false,
            store_id: "443".into(),
            item_id: "7".into(),
            unit_code: "GLL".into(),
            on_hand_milli: -9_530,
            unsellable_milli: 1_000,
            position: 12,
        };
        let mut out = Vec::new();
        sheet([stock]).write_csv(&mut out, true).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "store_id,item_id,unit,on_hand,unsellable,position\n443,7,GLL,-9.53,1,12\n");
    }
}
