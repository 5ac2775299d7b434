//! Comparing two generations while both are written. A document says the position of the last event in it, and documents of
//! the same position must say the same; one that was written between the two reads is read again.

use std::{collections::BTreeMap, time::Duration};

use daybook_read_model::{
    checkpoint::Generation,
    collections::in_generation,
    difference::differences,
    document::{self, Stored},
    registry::{self, EntryOf, Report, Visitor},
    spill::Page,
};
use futures_util::future::{BoxFuture, FutureExt as _};
use mongodb::bson::{RawDocumentBuf, doc};

use crate::store::{Store, StoreError, in_time};

/// Documents that are read at once from each generation: each may have some 100 kB.
const DOCUMENTS: usize = 100;

/// Differences that are told.
const MAX_EXAMPLES: usize = 20;

/// How often documents are read again that were written meanwhile, and the wait in between.
const TRIES: usize = 50;
const RETRY_WAIT: Duration = Duration::from_millis(100);

/// What a comparison found.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    pub(crate) documents: i64,
    pub(crate) different: i64,
    /// Differences in reports where none are expected.
    pub(crate) unexpected: i64,
    pub(crate) examples: Vec<String>,
}

/// Compares all documents of some reports in two generations.
pub(crate) async fn generations(
    store: &Store,
    served: &Generation,
    new: &Generation,
    reports: &[String],
    expected: &[String],
) -> Result<Compared, StoreError> {
    let mut compared = Compared::default();
    for collection in all().into_iter().filter(|one| reports.iter().any(|report| report == one.report)) {
        let is_expected = expected.iter().any(|report| report == collection.report);
        let found = (collection.compare)(store, collection.name, served, new, &mut compared).await?;
        compared.different += found;
        compared.unexpected += if is_expected { 0 } else { found };
    }
    Ok(compared)
}

type Compare = for<'a> fn(
    &'a Store,
    &'a str,
    &'a Generation,
    &'a Generation,
    &'a mut Compared,
) -> BoxFuture<'a, Result<i64, StoreError>>;

struct Collection {
    report: &'static str,
    name: &'static str,
    compare: Compare,
}

fn all() -> Vec<Collection> {
    struct All(Vec<Collection>);
    impl Visitor for All {
        fn visit<R: Report>(&mut self) {
            let compare: Compare = |a, b, c, d, e| collection::<R::Head>(a, b, c, d, e).boxed();
            self.0.push(Collection { report: R::HEADS, name: R::HEADS, compare });
            if let Some(name) = R::PAGES {
                let compare: Compare = |a, b, c, d, e| collection::<Page<EntryOf<R>>>(a, b, c, d, e).boxed();
                self.0.push(Collection { report: R::HEADS, name, compare });
            }
        }
    }
    let mut all = All(Vec::new());
    registry::each(&mut all);
    all.0
}

/// Compares the documents of a collection, and answers how many differ.
async fn collection<D: Stored>(
    store: &Store,
    name: &str,
    served: &Generation,
    new: &Generation,
    compared: &mut Compared,
) -> Result<i64, StoreError> {
    let mut different = 0;
    // From both sides, so that what only one has is found.
    for (from, both) in [(served, true), (new, false)] {
        let mut after = String::new();
        loop {
            let ids = ids(store, &in_generation(from.generation, name), from.epoch, &after).await?;
            let Some(last) = ids.last() else { break };
            after.clone_from(last);
            let mut left = ids;
            for attempt in 0..TRIES {
                let (mine, theirs) =
                    (read::<D>(store, name, served, new, &left).await?, read::<D>(store, name, new, new, &left).await?);
                let mut again = Vec::new();
                for id in left {
                    let what = match (mine.get(&id), theirs.get(&id)) {
                        (Some(mine), Some(theirs)) if mine == theirs => Vec::new(),
                        (None, None) => Vec::new(),
                        (Some(_), Some(_)) if !both => Vec::new(),
                        _ if attempt + 1 < TRIES && is_moving(mine.get(&id), theirs.get(&id)) => {
                            again.push(id);
                            continue;
                        }
                        (Some(mine), Some(theirs)) => differences(theirs, mine),
                        (Some(_), None) => vec!["missing in the new generation".to_owned()],
                        (None, Some(_)) => vec!["only in the new generation".to_owned()],
                    };
                    compared.documents += i64::from(both);
                    if !what.is_empty() {
                        different += 1;
                        if compared.examples.len() < MAX_EXAMPLES {
                            compared.examples.push(format!("{name} {id}: {}", what.join("; ")));
                        }
                    }
                }
                left = again;
                if left.is_empty() {
                    break;
                }
                tokio::time::sleep(RETRY_WAIT).await;
            }
        }
    }
    Ok(different)
}

/// True if the two were read at different moments, or may have been.
fn is_moving<D: Stored>(mine: Option<&D>, theirs: Option<&D>) -> bool {
    mine.map(|document| document.stamp().position) != theirs.map(|document| document.stamp().position)
}

async fn ids(store: &Store, collection: &str, epoch: i64, after: &str) -> Result<Vec<String>, StoreError> {
    let documents = store.collection::<RawDocumentBuf>(collection);
    let filter = doc! { "_id": { "$gt": after }, "epoch": epoch };
    in_time(async move {
        let limit = i64::try_from(DOCUMENTS).unwrap_or(i64::MAX);
        let find = documents.find(filter).sort(doc! { "_id": 1 }).projection(doc! { "_id": 1 }).limit(limit);
        let mut cursor = find.await?;
        let mut ids = Vec::new();
        while cursor.advance().await? {
            ids.extend(cursor.current().get_str("_id").ok().map(str::to_owned));
        }
        Ok(ids)
    })
    .await
}

/// Documents of a generation by id, as if they were of another one. One that cannot be read counts as absent.
async fn read<D: Stored>(
    store: &Store,
    name: &str,
    generation: &Generation,
    like: &Generation,
    ids: &[String],
) -> Result<BTreeMap<String, D>, StoreError> {
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut documents = BTreeMap::new();
    for stored in store.find(&in_generation(generation.generation, name), &ids, true).await? {
        let Ok(mut document) = document::decode::<D>(&stored) else { continue };
        if document.stamp().epoch == generation.epoch {
            document.stamp_mut().epoch = like.epoch;
            documents.insert(document.stamp().id.clone(), document);
        }
    }
    Ok(documents)
}
