//! Stock on hand.

use daybook::query::v1::{ListStockRequest, Stock};

use super::{ExportedFile, days::Scope, file::Writing};
use crate::{
    calls,
    error::{Error, Service},
    figures::quantity,
};

const NAME: &str = "stock.csv";
const HEADER: [&str; 3] = ["store_id", "item_id", "on_hand"];

/// Rows on one page; the most that the service gives.
const PAGE_ROWS: i32 = 1_000;

/// Writes the stock of all stores.
pub(crate) async fn export(scope: &Scope<'_>) -> Result<ExportedFile, Error> {
    let mut file = Writing::begin(scope.directory, NAME, &HEADER, scope.notices)?;
    let mut page_token = String::new();
    loop {
        let message = ListStockRequest {
            store_ids: Vec::new(),
            page_size: PAGE_ROWS,
            page_token,
            at_least_position: scope.position,
        };
        let page = calls::ask_patiently(Service::Query, scope.patience, message, |request| {
            let mut stock = scope.client.stock.clone();
            async move { stock.list_stock(request).await }
        })
        .await?;
        for Stock { store_id, item_id, on_hand_milli, .. } in page.stock {
            file.row([store_id, item_id, quantity(on_hand_milli)])?;
        }
        if page.next_page_token.is_empty() {
            return file.finish();
        }
        page_token = page.next_page_token;
    }
}
