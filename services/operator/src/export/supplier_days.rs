//! Supplier-days and their items.

use std::future::Future;

use daybook::{
    client::QueryClient,
    query::v1::{
        DateRange, StreamSupplierDaysRequest, StreamSupplierDaysResponse, SupplierDay, SupplierDayFigures,
        SupplierDayItem, stream_supplier_days_response::Part,
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
pub(crate) struct SupplierDays {
    supplier_id: String,
    date: String,
}

impl Days for SupplierDays {
    type Answer = StreamSupplierDaysResponse;
    const DAYS: FileOf = FileOf {
        name: "supplier_days.csv",
        header: &[
            "supplier_id",
            "business_date",
            "selling_stores",
            "quantity_sold",
            "gross_sales",
            "discounts",
            "net_sales",
            "deliveries",
            "quantity_received",
            "received_cost",
        ],
    };
    const ITEMS: FileOf = FileOf {
        name: "supplier_day_items.csv",
        header: &[
            "supplier_id",
            "business_date",
            "item_id",
            "quantity_sold",
            "net_sales",
            "quantity_received",
            "received_cost",
        ],
    };

    fn open(
        client: &QueryClient,
        dates: DateRange,
        position: i64,
    ) -> impl Future<Output = Result<Streaming<Self::Answer>, Status>> {
        let mut supplier_days = client.supplier_days.clone();
        let request = StreamSupplierDaysRequest {
            dates: Some(dates),
            supplier_ids: Vec::new(),
            include_items: true,
            at_least_position: position,
        };
        async move { supplier_days.stream_supplier_days(request).await.map(Response::into_inner) }
    }

    fn piece(&mut self, answer: Self::Answer) -> Result<Piece, Error> {
        match answer.part {
            Some(Part::SupplierDay(day)) => self.day(day).map(Piece::Day),
            Some(Part::Items(page)) => {
                let rows: Result<_, _> = page.items.into_iter().map(|item| self.item(item)).collect();
                rows.map(Piece::Items)
            }
            None => Ok(Piece::Nothing),
        }
    }
}

impl SupplierDays {
    fn day(&mut self, day: SupplierDay) -> Result<Day, Error> {
        self.supplier_id = day.supplier_id;
        self.date = day.business_date;
        let figures = self.only_currency(day.figures)?;
        let currency = currency(&figures.currency_code)?;
        Ok(Day {
            date: self.date.clone(),
            id: self.supplier_id.clone(),
            row: vec![
                self.supplier_id.clone(),
                self.date.clone(),
                count(day.selling_stores),
                quantity(figures.quantity_sold_milli),
                currency.format(figures.gross_minor),
                currency.format(figures.discount_minor),
                currency.format(figures.net_minor),
                count(figures.deliveries),
                quantity(figures.quantity_received_milli),
                currency.format(figures.received_cost_minor),
            ],
            items: Vec::new(),
        })
    }

    fn item(&self, item: SupplierDayItem) -> Result<Vec<String>, Error> {
        let figures = self.only_currency(item.figures)?;
        let currency = currency(&figures.currency_code)?;
        Ok(vec![
            self.supplier_id.clone(),
            self.date.clone(),
            item.item_id,
            quantity(figures.quantity_sold_milli),
            currency.format(figures.net_minor),
            quantity(figures.quantity_received_milli),
            currency.format(figures.received_cost_minor),
        ])
    }

    fn only_currency(&self, figures: Vec<SupplierDayFigures>) -> Result<SupplierDayFigures, Error> {
        let codes: Vec<_> = figures.iter().map(|figures| figures.currency_code.clone()).collect();
        let mut figures = figures.into_iter();
        match (figures.next(), figures.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(Error::Unexpected(format!(
                "supplier {} has figures in {} currencies ({}) on {}: the file has room for exactly one; use \
                 `daybook report supplier-day`, which tells them apart",
                self.supplier_id,
                codes.len(),
                codes.join(", "),
                self.date
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use daybook::query::v1::SupplierDayItemPage;

    use super::*;

    fn answer(part: Part) -> StreamSupplierDaysResponse {
        StreamSupplierDaysResponse { part: Some(part), as_of: None }
    }

    fn figures(code: &str) -> SupplierDayFigures {
        SupplierDayFigures {
            currency_code: code.into(),
            quantity_sold_milli: 1_883_129,
            gross_minor: 378_311,
            discount_minor: 54_956,
            net_minor: 323_355,
            deliveries: 127,
            quantity_received_milli: 50_613_054,
            received_cost_minor: 7_567_597,
            ..SupplierDayFigures::default()
        }
    }

    fn day(codes: &[&str]) -> SupplierDay {
        SupplierDay {
            supplier_id: "69".into(),
            business_date: "2017-01-02".into(),
            selling_stores: 99,
            figures: codes.iter().copied().map(figures).collect(),
            ..SupplierDay::default()
        }
    }

    #[test]
    fn rows_have_the_form_of_the_expected_files() {
        let mut days = SupplierDays::default();
        let Piece::Day(day) = days.piece(answer(Part::SupplierDay(day(&["USD"])))).unwrap() else { panic!("no day") };
        assert_eq!(day.row.join(","), "69,2017-01-02,99,1883.129,3783.11,549.56,3233.55,127,50613.054,75675.97");
        assert_eq!(day.row.len(), SupplierDays::DAYS.header.len());
        let item = SupplierDayItem { item_id: "7".into(), figures: vec![figures("JPY")], ..SupplierDayItem::default() };
        let page = Part::Items(SupplierDayItemPage { items: vec![item] });
        let Piece::Items(items) = days.piece(answer(page)).unwrap() else { panic!("no items") };
        assert_eq!(items[0].join(","), "69,2017-01-02,7,1883.129,323355,50613.054,7567597");
        assert_eq!(items[0].len(), SupplierDays::ITEMS.header.len());
    }

    #[test]
    fn a_second_currency_is_not_added_to_the_first() {
        let mut days = SupplierDays::default();
        let Err(error) = days.piece(answer(Part::SupplierDay(day(&["CAD", "USD"])))) else { panic!("it was taken") };
        let text = error.to_string();
        assert!(text.starts_with("supplier 69 has figures in 2 currencies (CAD, USD) on 2017-01-02"), "{text}");
    }
}
