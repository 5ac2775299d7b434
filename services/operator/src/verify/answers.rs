//! Reading days whole, with all their entries, from the query service.

use std::{collections::BTreeMap, fmt::Debug, future::Future, time::Duration};

use daybook::{
    client::QueryClient,
    query::v1::{AsOf, DateRange, SupplierDayStore},
};
use daybook_read_model::{folded::Folded, registry::Report};
use tokio::time::timeout;
use tonic::{Status, Streaming};

use super::fold::Fold;

/// If a stream brings nothing for so long, it is given up.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// Days of one kind, as they are answered and as they are folded.
pub(super) trait Days: Report {
    /// The day without its entries, an item of it, and a message of the stream.
    type View: prost::Message + PartialEq + Debug;
    type Item: prost::Message + PartialEq + Debug;
    type Answer;

    /// Full names of the messages in the contract.
    const VIEW: &'static str;
    const ITEM: &'static str;

    /// Opens the stream of the days of a range, of all stores or suppliers or of one, in order of date.
    fn open(
        client: &QueryClient,
        dates: DateRange,
        only: Option<&str>,
        at_least: i64,
    ) -> impl Future<Output = Result<Streaming<Self::Answer>, Status>> + Send;

    /// A message of the stream.
    fn piece(answer: Self::Answer) -> (Piece<Self::View, Self::Item>, Option<AsOf>);

    /// The id of the document and the position that it says.
    fn key(view: &Self::View) -> (String, i64);

    /// Takes over what is no matter of the fold: whether events are parked.
    fn adopt(expected: &mut Self::View, found: &Self::View);

    /// The id of an item.
    fn item_id(item: &Self::Item) -> &str;

    /// The stores of the day, not before this position; nothing for days that have none.
    fn stores(client: &QueryClient, id: &str, position: i64) -> impl Future<Output = Result<Listed, Status>> + Send {
        let _ = (client, id, position);
        async { Ok(Listed::default()) }
    }

    /// The documents of this kind.
    fn folded<'f>(fold: &'f Fold<'_>) -> &'f Folded<Self>
    where
        Self: Sized;

    /// What should be answered; `None` if there is no such document, or a figure does not fit.
    fn expected(folded: &Folded<Self>, id: &str) -> Option<Whole<Self>>
    where
        Self: Sized;
}

/// Stores of a supplier-day by their ids.
pub(super) type Stores = BTreeMap<String, SupplierDayStore>;

/// A message of a stream.
#[derive(Debug)]
pub(super) enum Piece<V, I> {
    Day(V),
    /// Of the day before.
    Items(Vec<I>),
    Nothing,
}

/// A day with all its entries.
#[derive(Debug)]
pub(super) struct Whole<D: Days> {
    pub(super) view: D::View,
    pub(super) items: BTreeMap<String, D::Item>,
    /// Only of what is expected; the others are asked for when the rest was compared.
    pub(super) stores: Stores,
    /// The day holds all its events up to here.
    pub(super) as_of: i64,
}

/// The stores of a day as they were listed, as of some position of a range.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) stores: Stores,
    /// What they hold for sure.
    pub(super) from: i64,
    /// What they may hold besides.
    pub(super) to: i64,
    /// True if they came in several pages, each perhaps as of another position.
    pub(super) in_pages: bool,
}

/// Days as a stream brings them.
#[derive(Debug)]
pub(super) struct Reader<D: Days> {
    stream: Streaming<D::Answer>,
    open: Option<Whole<D>>,
}

impl<D: Days> Reader<D> {
    pub(super) async fn open(
        client: &QueryClient,
        dates: DateRange,
        only: Option<&str>,
        at_least: i64,
    ) -> Result<Self, Status> {
        let opening = D::open(client, dates, only, at_least);
        let stream = timeout(MESSAGE_TIMEOUT, opening).await.map_err(|_| silent())??;
        Ok(Self { stream, open: None })
    }

    /// The next day; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Whole<D>>, Status> {
        loop {
            let message = timeout(MESSAGE_TIMEOUT, self.stream.message()).await.map_err(|_| silent())??;
            let Some(answer) = message else { return Ok(self.open.take()) };
            let (piece, as_of) = D::piece(answer);
            let as_of = as_of.map_or(0, |as_of| as_of.position);
            match piece {
                Piece::Day(view) => {
                    // One that says a later position has just been written, and holds everything up to that.
                    let as_of = as_of.max(D::key(&view).1);
                    let day = Whole { view, items: BTreeMap::new(), stores: Stores::new(), as_of };
                    if let Some(complete) = self.open.replace(day) {
                        return Ok(Some(complete));
                    }
                }
                Piece::Items(items) => {
                    let day = self.open.as_mut().ok_or_else(|| Status::data_loss("items came before any day"))?;
                    day.items.extend(items.into_iter().map(|item| (D::item_id(&item).to_owned(), item)));
                }
                Piece::Nothing => {}
            }
        }
    }
}

fn silent() -> Status {
    Status::deadline_exceeded("the stream brought nothing")
}
