//! Supplier-days, for verification.

use std::time::Duration;

use daybook::{
    client::QueryClient,
    query::v1::{
        AsOf, DateRange, GetSupplierDayRequest, ListSupplierDayStoresRequest, StreamSupplierDaysRequest,
        StreamSupplierDaysResponse, SupplierDay, SupplierDayItem, stream_supplier_days_response::Part,
    },
};
use daybook_read_model::{
    answer::supplier_day as answer, document::SEPARATOR, folded::Folded, registry::SupplierDays, spill::Section,
};
use tonic::{Request, Response, Status, Streaming};

use super::{
    answers::{Days, Listed, Piece, Whole},
    fold::Fold,
};

/// Stores on one page: the most that the service gives.
const PAGE_STORES: i32 = 1_000;

/// How long one answer may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

impl Days for SupplierDays {
    type View = SupplierDay;
    type Item = SupplierDayItem;
    type Answer = StreamSupplierDaysResponse;

    const VIEW: &'static str = "daybook.query.v1.SupplierDay";
    const ITEM: &'static str = "daybook.query.v1.SupplierDayItem";

    fn open(
        client: &QueryClient,
        dates: DateRange,
        only: Option<&str>,
        at_least: i64,
    ) -> impl Future<Output = Result<Streaming<Self::Answer>, Status>> + Send {
        let mut supplier_days = client.supplier_days.clone();
        let request = StreamSupplierDaysRequest {
            dates: Some(dates),
            supplier_ids: only.map(str::to_owned).into_iter().collect(),
            include_items: true,
            at_least_position: at_least,
        };
        async move { supplier_days.stream_supplier_days(request).await.map(Response::into_inner) }
    }

    fn piece(answer: Self::Answer) -> (Piece<SupplierDay, SupplierDayItem>, Option<AsOf>) {
        let piece = match answer.part {
            Some(Part::SupplierDay(day)) => Piece::Day(day),
            Some(Part::Items(page)) => Piece::Items(page.items),
            None => Piece::Nothing,
        };
        (piece, answer.as_of)
    }

    fn key(view: &SupplierDay) -> (String, i64) {
        (format!("{}|{}", view.business_date, view.supplier_id), view.position)
    }

    fn adopt(expected: &mut SupplierDay, found: &SupplierDay) {
        expected.incomplete = found.incomplete;
    }

    fn item_id(item: &SupplierDayItem) -> &str {
        &item.item_id
    }

    /// Listed first; as the day then stands they are at most.
    fn stores(client: &QueryClient, id: &str, position: i64) -> impl Future<Output = Result<Listed, Status>> + Send {
        let mut supplier_days = client.supplier_days.clone();
        let (date, supplier) = id.split_once(SEPARATOR).unwrap_or((id, ""));
        let (business_date, supplier_id) = (date.to_owned(), supplier.to_owned());
        async move {
            let mut listed = Listed::default();
            let mut page_token = String::new();
            loop {
                let request = timed(ListSupplierDayStoresRequest {
                    supplier_id: supplier_id.clone(),
                    business_date: business_date.clone(),
                    page_size: PAGE_STORES,
                    page_token,
                    at_least_position: position,
                });
                let page = supplier_days.list_supplier_day_stores(request).await?.into_inner();
                listed.stores.extend(page.stores.into_iter().map(|store| (store.store_id.clone(), store)));
                listed.from = listed.from.max(page.as_of.map_or(0, |as_of| as_of.position));
                page_token = page.next_page_token;
                if page_token.is_empty() {
                    break;
                }
                listed.in_pages = true;
            }
            let request = timed(GetSupplierDayRequest { supplier_id, business_date, at_least_position: position });
            let day = supplier_days.get_supplier_day(request).await?.into_inner().supplier_day;
            listed.to = day.map_or(0, |day| day.position);
            Ok(listed)
        }
    }

    fn folded<'f>(fold: &'f Fold<'_>) -> &'f Folded<Self> {
        &fold.supplier_days
    }

    fn expected(folded: &Folded<Self>, id: &str) -> Option<Whole<Self>> {
        let head = folded.heads.get(id)?;
        let mut view = answer::head(head)?;
        let (of_items, of_stores) = (section(id, Section::Items), section(id, Section::Stores));
        let pages = |prefix: &str| {
            let prefix = prefix.to_owned();
            folded.pages_of(id).filter(move |page| page.stamp.id.starts_with(&prefix))
        };
        pages(&of_stores).for_each(|page| answer::count(&mut view, page));
        let items = head.items.entries.iter().chain(pages(&of_items).flat_map(|page| page.entries.iter()));
        let items = items.map(|(id, item)| Some((id.to_owned(), answer::item(id, item)?)));
        let stores = head.stores.entries.iter().chain(pages(&of_stores).flat_map(|page| page.entries.iter()));
        let stores = stores.map(|(id, store)| Some((id.to_owned(), answer::store(id, store)?)));
        Some(Whole {
            view,
            items: items.collect::<Option<_>>()?,
            stores: stores.collect::<Option<_>>()?,
            as_of: head.stamp.position,
        })
    }
}

fn section(id: &str, section: Section) -> String {
    format!("{id}{SEPARATOR}{}{SEPARATOR}", section.letter())
}

fn timed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(CALL_TIMEOUT);
    request
}
