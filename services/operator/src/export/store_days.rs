//! Store-days and their items.

use std::future::Future;

use daybook::{
    client::QueryClient,
    event::v1::TenderType,
    money::Currency,
    query::v1::{
        DateRange, StoreDay, StoreDayItem, StreamStoreDaysRequest, StreamStoreDaysResponse,
        stream_store_days_response::Part,
    },
};
use tonic::{Response, Status, Streaming};

use super::days::{Day, Days, FileOf, Piece};
use crate::{
    error::Error,
    figures::{count, currency, quantity},
};

/// Turns the stream into rows; holds what the items need of their day.
#[derive(Debug, Default)]
pub(crate) struct StoreDays {
    store_id: String,
    date: String,
    currency: Option<Currency>,
}

impl Days for StoreDays {
    type Answer = StreamStoreDaysResponse;
    const DAYS: FileOf = FileOf {
        name: "store_days.csv",
        header: &[
            "store_id",
            "business_date",
            "transactions",
            "line_count",
            "gross_sales",
            "discounts",
            "net_sales",
            "coupon_tender",
            "deliveries",
            "received_cost",
        ],
    };
    const ITEMS: FileOf = FileOf {
        name: "store_day_items.csv",
        header: &[
            "store_id",
            "business_date",
            "item_id",
            "quantity_sold",
            "gross_sales",
            "discounts",
            "net_sales",
            "quantity_received",
        ],
    };

    fn open(
        client: &QueryClient,
        dates: DateRange,
        position: i64,
    ) -> impl Future<Output = Result<Streaming<Self::Answer>, Status>> {
        let mut store_days = client.store_days.clone();
        let request = StreamStoreDaysRequest {
            dates: Some(dates),
            store_ids: Vec::new(),
            include_items: true,
            at_least_position: position,
        };
        async move { store_days.stream_store_days(request).await.map(Response::into_inner) }
    }

    fn piece(&mut self, answer: Self::Answer) -> Result<Piece, Error> {
        match answer.part {
            Some(Part::StoreDay(day)) => self.day(day).map(Piece::Day),
            Some(Part::Items(page)) => {
                let currency =
                    self.currency.ok_or_else(|| Error::Unexpected("the items have no store-day".to_owned()))?;
                Ok(Piece::Items(page.items.into_iter().map(|item| self.item(item, currency)).collect()))
            }
            None => Ok(Piece::Nothing),
        }
    }
}

impl StoreDays {
    fn day(&mut self, day: StoreDay) -> Result<Day, Error> {
        let currency = currency(&day.currency_code)?;
        let sales = day.sales.unwrap_or_default();
        let receiving = day.receiving.unwrap_or_default();
        let coupons = day.tenders.iter().filter(|tender| tender.r#type() == TenderType::ManufacturerCoupon);
        self.store_id = day.store_id;
        self.date = day.business_date;
        self.currency = Some(currency);
        Ok(Day {
            date: self.date.clone(),
            id: self.store_id.clone(),
            row: vec![
                self.store_id.clone(),
                self.date.clone(),
                count(sales.transactions),
                count(sales.lines),
                currency.format(sales.gross_minor),
                currency.format(sales.discount_minor),
                currency.format(sales.net_minor),
                currency.format(coupons.map(|tender| tender.received_minor).sum()),
                count(receiving.deliveries),
                currency.format(receiving.received_cost_minor),
            ],
            items: Vec::new(),
        })
    }

    fn item(&self, item: StoreDayItem, currency: Currency) -> Vec<String> {
        vec![
            self.store_id.clone(),
            self.date.clone(),
            item.item_id,
            quantity(item.quantity_sold_milli),
            currency.format(item.gross_minor),
            currency.format(item.discount_minor),
            currency.format(item.net_minor),
            quantity(item.quantity_received_milli),
        ]
    }
}

#[cfg(test)]
mod tests {
    use daybook::query::v1::{ReceivingFigures, SalesFigures, StoreDayItemPage, TenderTotals};

    use super::*;

    fn answer(part: Part) -> StreamStoreDaysResponse {
        StreamStoreDaysResponse { part: Some(part), as_of: None }
    }

    #[test]
    fn rows_have_the_form_of_the_expected_files() {
        let sales = SalesFigures {
            transactions: 1,
            lines: 2,
            gross_minor: 358,
            discount_minor: 49,
            net_minor: 309,
            ..SalesFigures::default()
        };
        let tender = |kind: TenderType, received_minor| TenderTotals {
            r#type: kind.into(),
            count: 1,
            received_minor,
            refunded_minor: 0,
        };
        let day = StoreDay {
            store_id: "310".into(),
            business_date: "2017-01-02".into(),
            currency_code: "USD".into(),
            sales: Some(sales),
            receiving: Some(ReceivingFigures { deliveries: 2, received_cost_minor: 1_500, ..Default::default() }),
            tenders: vec![tender(TenderType::Card, 209), tender(TenderType::ManufacturerCoupon, 100)],
            ..StoreDay::default()
        };
        let mut days = StoreDays::default();
        let Piece::Day(day) = days.piece(answer(Part::StoreDay(day))).unwrap() else { panic!("no day") };
        assert_eq!(day.row.join(","), "310,2017-01-02,1,2,3.58,0.49,3.09,1.00,2,15.00");
        assert_eq!(day.row.len(), StoreDays::DAYS.header.len());
        let item = StoreDayItem {
            item_id: "6534178".into(),
            quantity_sold_milli: 9_530,
            gross_minor: 2_096,
            discount_minor: 96,
            net_minor: 2_000,
            quantity_received_milli: 29_919,
            ..StoreDayItem::default()
        };
        let page = Part::Items(StoreDayItemPage { items: vec![item] });
        let Piece::Items(items) = days.piece(answer(page)).unwrap() else { panic!("no items") };
        assert_eq!(items[0].join(","), "310,2017-01-02,6534178,9.53,20.96,0.96,20.00,29.919");
        assert_eq!(items[0].len(), StoreDays::ITEMS.header.len());
    }
}
