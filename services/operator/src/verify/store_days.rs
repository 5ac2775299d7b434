//! Store-days, for verification.

use daybook::{
    client::QueryClient,
    query::v1::{
        AsOf, DateRange, StoreDay, StoreDayItem, StreamStoreDaysRequest, StreamStoreDaysResponse,
        stream_store_days_response::Part,
    },
};
use daybook_read_model::{answer::store_day as answer, folded::Folded, registry::StoreDays};
use tonic::{Response, Status, Streaming};

use super::{
    answers::{Days, Piece, Stores, Whole},
    fold::Fold,
};

impl Days for StoreDays {
    type View = StoreDay;
    type Item = StoreDayItem;
    type Answer = StreamStoreDaysResponse;

    const VIEW: &'static str = "daybook.query.v1.StoreDay";
    const ITEM: &'static str = "daybook.query.v1.StoreDayItem";

    fn open(
        client: &QueryClient,
        dates: DateRange,
        only: Option<&str>,
        at_least: i64,
    ) -> impl Future<Output = Result<Streaming<Self::Answer>, Status>> + Send {
        let mut store_days = client.store_days.clone();
        let request = StreamStoreDaysRequest {
            dates: Some(dates),
            store_ids: only.map(str::to_owned).into_iter().collect(),
            include_items: true,
            at_least_position: at_least,
        };
        async move { store_days.stream_store_days(request).await.map(Response::into_inner) }
    }

    fn piece(answer: Self::Answer) -> (Piece<StoreDay, StoreDayItem>, Option<AsOf>) {
        let piece = match answer.part {
            Some(Part::StoreDay(day)) => Piece::Day(day),
            Some(Part::Items(page)) => Piece::Items(page.items),
            None => Piece::Nothing,
        };
        (piece, answer.as_of)
    }

    fn key(view: &StoreDay) -> (String, i64) {
        (format!("{}|{}", view.business_date, view.store_id), view.position)
    }

    fn adopt(expected: &mut StoreDay, found: &StoreDay) {
        expected.incomplete = found.incomplete;
    }

    fn item_id(item: &StoreDayItem) -> &str {
        &item.item_id
    }

    fn folded<'f>(fold: &'f Fold<'_>) -> &'f Folded<Self> {
        &fold.store_days
    }

    fn expected(folded: &Folded<Self>, id: &str) -> Option<Whole<Self>> {
        let head = folded.heads.get(id)?;
        let entries = head.items.entries.iter().chain(folded.pages_of(id).flat_map(|page| page.entries.iter()));
        let items = entries.map(|(id, item)| Some((id.to_owned(), answer::item(id, item)?)));
        Some(Whole {
            view: answer::head(head)?,
            items: items.collect::<Option<_>>()?,
            stores: Stores::new(),
            as_of: head.stamp.position,
        })
    }
}
