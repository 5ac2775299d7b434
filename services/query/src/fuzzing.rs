//! What decodes bytes from outside, for the fuzz targets in fuzz/.

use daybook::query::v1::{
    GetCategoryDayRequest, GetProjectionStatusRequest, GetStockRequest, GetStoreDayRequest, GetSupplierDayRequest,
    ListCategoryDaysRequest, ListStockRequest, ListStoreDayItemsRequest, ListStoreDaysRequest,
    ListSupplierDayItemsRequest, ListSupplierDayStoresRequest, ListSupplierDaysRequest, StreamCategoryDaysRequest,
    StreamStoreDaysRequest, StreamSupplierDaysRequest,
};
use daybook_chassis::access::Narrowed;
use daybook_read_model::registry::{CategoryDays, StoreDays, SupplierDays};
use prost::Message as _;

use crate::{
    grpc::{
        stock,
        wanted::{self, PageOf},
    },
    page::{Cursor, Listing},
    validate::Fields,
    view::{
        store_day::StoreDayItems,
        supplier_day::{SupplierDayItems, SupplierDayStores},
    },
};

/// How many kinds of requests there are.
pub const REQUESTS: u8 = 15;

/// Decodes a request of the kind and checks it.
pub fn request(kind: u8, bytes: &[u8]) {
    let page = |size, token| PageOf { method: "Fuzz", size, token };
    match kind % REQUESTS {
        0 => {
            if let Ok(asked) = GetStoreDayRequest::decode(bytes) {
                let _ = wanted::one::<StoreDays>(&asked.store_id, &asked.business_date, asked.at_least_position);
            }
        }
        1 => {
            if let Ok(asked) = GetSupplierDayRequest::decode(bytes) {
                let _ = wanted::one::<SupplierDays>(&asked.supplier_id, &asked.business_date, asked.at_least_position);
            }
        }
        2 => {
            if let Ok(asked) = ListStoreDaysRequest::decode(bytes) {
                let page = page(asked.page_size, &asked.page_token);
                let at_least = asked.at_least_position;
                let _ = wanted::list::<StoreDays>(asked.dates.as_ref(), &Narrowed::To(asked.store_ids), page, at_least);
            }
        }
        3 => {
            if let Ok(asked) = ListSupplierDaysRequest::decode(bytes) {
                let page = page(asked.page_size, &asked.page_token);
                let at_least = asked.at_least_position;
                let _ = wanted::list::<SupplierDays>(
                    asked.dates.as_ref(),
                    &Narrowed::To(asked.supplier_ids),
                    page,
                    at_least,
                );
            }
        }
        4 => {
            if let Ok(asked) = ListStoreDayItemsRequest::decode(bytes) {
                let page = page(asked.page_size, &asked.page_token);
                let at_least = asked.at_least_position;
                let _ = wanted::entries::<StoreDayItems>(&asked.store_id, &asked.business_date, page, at_least);
            }
        }
        5 => {
            if let Ok(asked) = ListSupplierDayItemsRequest::decode(bytes) {
                let page = page(asked.page_size, &asked.page_token);
                let at_least = asked.at_least_position;
                let _ = wanted::entries::<SupplierDayItems>(&asked.supplier_id, &asked.business_date, page, at_least);
            }
        }
        6 => {
            if let Ok(asked) = ListSupplierDayStoresRequest::decode(bytes) {
                let page = page(asked.page_size, &asked.page_token);
                let at_least = asked.at_least_position;
                let _ = wanted::entries::<SupplierDayStores>(&asked.supplier_id, &asked.business_date, page, at_least);
            }
        }
        7 => {
            if let Ok(asked) = StreamStoreDaysRequest::decode(bytes) {
                let (items, at_least) = (asked.include_items, asked.at_least_position);
                let _ =
                    wanted::stream::<StoreDays>(asked.dates.as_ref(), &Narrowed::To(asked.store_ids), items, at_least);
            }
        }
        8 => {
            if let Ok(asked) = StreamSupplierDaysRequest::decode(bytes) {
                let (items, at_least) = (asked.include_items, asked.at_least_position);
                let _ = wanted::stream::<SupplierDays>(
                    asked.dates.as_ref(),
                    &Narrowed::To(asked.supplier_ids),
                    items,
                    at_least,
                );
            }
        }
        9 => {
            if let Ok(asked) = GetStockRequest::decode(bytes) {
                let mut fields = Fields::default();
                let _ = fields.store("store_id", &asked.store_id);
                let _ = fields.item("item_id", &asked.item_id);
                let _ = fields.at_least(asked.at_least_position);
            }
        }
        10 => {
            if let Ok(mut asked) = ListStockRequest::decode(bytes) {
                let own = Narrowed::To(std::mem::take(&mut asked.store_ids));
                let _ = stock::wanted(asked, &own);
            }
        }
        11 => {
            if let Ok(asked) = GetCategoryDayRequest::decode(bytes) {
                let _ = wanted::one::<CategoryDays>(&asked.store_id, &asked.business_date, asked.at_least_position);
            }
        }
        12 => {
            if let Ok(asked) = ListCategoryDaysRequest::decode(bytes) {
                let page = page(asked.page_size, &asked.page_token);
                let (own, at_least) = (Narrowed::To(asked.store_ids), asked.at_least_position);
                let _ = wanted::list::<CategoryDays>(asked.dates.as_ref(), &own, page, at_least);
            }
        }
        13 => {
            if let Ok(asked) = StreamCategoryDaysRequest::decode(bytes) {
                let (own, at_least) = (Narrowed::To(asked.store_ids), asked.at_least_position);
                let _ = wanted::stream::<CategoryDays>(asked.dates.as_ref(), &own, false, at_least);
            }
        }
        _ => {
            if let Ok(asked) = GetProjectionStatusRequest::decode(bytes) {
                let _ = Fields::default().at_least(asked.at_least_position);
            }
        }
    }
}

/// Reads a page token as a list does that goes on with it. Whatever is read is written as a token again, which says the same.
///
/// # Panics
/// If it does not.
pub fn page_token(text: &str) {
    let listing = Listing::of("Fuzz").with("2017-01-02");
    if let Ok(Some(cursor)) = listing.cursor(text) {
        let again = listing.cursor(&listing.token(cursor.clone()));
        assert_eq!(again.ok().flatten().as_ref(), Some(&cursor), "a token says what it was made of");
    }
}

/// A token with the digest that belongs to it, so that what stands behind the digest is read, too.
pub fn forged_token(document: &str, after: &str) -> String {
    Listing::of("Fuzz").with_all(&["2017-01-02".to_owned(), "2017-01-03".to_owned()]).with_all(&[]).token(Cursor {
        document: document.to_owned(),
        after: after.to_owned(),
        position: 0,
    })
}
