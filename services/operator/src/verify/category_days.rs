//! Store-days by category, for verification.

use daybook::{
    client::QueryClient,
    query::v1::{AsOf, CategoryDay, DateRange, StreamCategoryDaysRequest, StreamCategoryDaysResponse},
};
use daybook_read_model::{answer::category_day as answer, folded::Folded, registry::CategoryDays};
use tonic::{Response, Status, Streaming};

use super::{
    answers::{Days, Piece, Stores, Whole},
    fold::Fold,
};

impl Days for CategoryDays {
    type View = CategoryDay;
    /// The categories are all in the day.
    type Item = ();
    type Answer = StreamCategoryDaysResponse;

    const VIEW: &'static str = "daybook.query.v1.CategoryDay";
    const ITEM: &'static str = "google.protobuf.Empty";

    fn open(
        client: &QueryClient,
        dates: DateRange,
        only: Option<&str>,
        at_least: i64,
    ) -> impl Future<Output = Result<Streaming<Self::Answer>, Status>> + Send {
        let mut category_days = client.category_days.clone();
        let request = StreamCategoryDaysRequest {
            dates: Some(dates),
            store_ids: only.map(str::to_owned).into_iter().collect(),
            at_least_position: at_least,
        };
        async move { category_days.stream_category_days(request).await.map(Response::into_inner) }
    }

    fn piece(answer: Self::Answer) -> (Piece<CategoryDay, ()>, Option<AsOf>) {
        (answer.category_day.map_or(Piece::Nothing, Piece::Day), answer.as_of)
    }

    fn key(view: &CategoryDay) -> (String, i64) {
        (format!("{}|{}", view.business_date, view.store_id), view.position)
    }

    fn adopt(expected: &mut CategoryDay, found: &CategoryDay) {
        expected.incomplete = found.incomplete;
    }

    fn item_id((): &()) -> &str {
        ""
    }

    fn folded<'f>(fold: &'f Fold<'_>) -> &'f Folded<Self> {
        &fold.category_days
    }

    fn expected(folded: &Folded<Self>, id: &str) -> Option<Whole<Self>> {
        let head = folded.heads.get(id)?;
        Some(Whole {
            view: answer::head(head)?,
            items: std::collections::BTreeMap::new(),
            stores: Stores::new(),
            as_of: head.stamp.position,
        })
    }
}
