//! What is stored in a test's database: waited for, compared with the log, spoilt.

use std::{collections::BTreeMap, fmt::Debug, sync::atomic::Ordering, time::Duration};

use daybook_read_model::{
    checkpoint::{Audit, Checkpoint, Generation, LIVE, Live, ParkedMarks},
    collections::{META, PARKED, in_generation},
    document::{Stored, decode},
    folded::Folded,
    registry::{CategoryDays, Report, Stock, StoreDays, SupplierDays},
};
use mongodb::{
    Database,
    bson::{Document, RawDocumentBuf, doc},
};

use super::{PATIENCE, World};

impl World {
    /// Waits until the checkpoint has reached the end of the log.
    pub(crate) async fn projected(&self) {
        self.projected_by(1).await;
    }

    /// Waits until the checkpoints of so many shares have reached the end of the log.
    pub(crate) async fn projected_by(&self, shares: i32) {
        self.projected_in(0..shares, shares).await;
    }

    /// Waits until the checkpoints of some of so many shares have reached the end of the log.
    pub(crate) async fn projected_in(&self, some: std::ops::Range<i32>, shares: i32) {
        let head = self.log.head();
        let reached = async {
            for share in some {
                let id = Checkpoint::id_of(self.generation(), share, shares);
                loop {
                    let found = self.database.collection::<Checkpoint>(META).find_one(doc! { "_id": &id }).await;
                    if found.ok().flatten().is_some_and(|found| found.position >= head) {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("the projector reaches the end of the log");
    }

    /// Where the checkpoint of the whole is; 0 before there is one.
    pub(crate) async fn position(&self) -> i64 {
        let id = Checkpoint::id_of(self.generation(), 0, 1);
        let found = self.database.collection::<Checkpoint>(META).find_one(doc! { "_id": id }).await.unwrap();
        found.map_or(0, |found| found.position)
    }

    /// The checkpoint of a share.
    pub(crate) async fn checkpoint(&self, share: i32, shares: i32) -> Checkpoint {
        let id = Checkpoint::id_of(self.generation(), share, shares);
        let found = self.database.collection::<Checkpoint>(META).find_one(doc! { "_id": id }).await.unwrap();
        found.expect("the share has a checkpoint")
    }

    /// Waits until the checkpoint of a share is as it should be, and answers it.
    pub(crate) async fn checkpoint_where(
        &self,
        share: i32,
        shares: i32,
        is: impl Fn(&Checkpoint) -> bool,
    ) -> Checkpoint {
        let reached = async {
            loop {
                let found = self.checkpoint(share, shares).await;
                if is(&found) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("the checkpoint comes to be so")
    }

    /// Waits until some shares have a report.
    pub(crate) async fn has_report(&self, report: &str, shares: i32) {
        for share in 0..shares {
            self.checkpoint_where(share, shares, |found| found.reports.iter().any(|known| known == report)).await;
        }
    }

    /// Makes the database look as it did before there was a report.
    pub(crate) async fn forget(&self, report: &str) {
        self.database.collection::<Document>(&in_generation(1, report)).drop().await.unwrap();
        let checkpoints = self.database.collection::<Document>(META);
        let forgotten = doc! { "$pull": { "reports": report }, "$unset": { "catching_up": "" } };
        let done = checkpoints.update_many(doc! { "reports": report }, forgotten).await.unwrap();
        assert!(done.modified_count > 0, "{report} is followed");
    }

    /// Compares all documents with a fold of the whole log.
    pub(crate) async fn compare(&self) {
        self.compare_report::<StoreDays>().await;
        self.compare_report::<SupplierDays>().await;
        self.compare_report::<Stock>().await;
        self.compare_report::<CategoryDays>().await;
        self.database.drop().await.unwrap();
    }

    /// What the documents of a report should be.
    async fn folded<R: Report>(&self) -> Folded<R> {
        let generation = self
            .database
            .collection::<Generation>(META)
            .find_one(doc! { "_id": Generation::id_of(self.generation()) })
            .await
            .unwrap();
        let epoch = generation.unwrap().epoch;
        let mut folded = Folded::<R>::default();
        for event in self.log.all() {
            let _ = folded.fold(&event);
        }
        for head in folded.heads.values_mut() {
            head.stamp_mut().epoch = epoch;
        }
        for page in folded.pages.values_mut() {
            page.stamp_mut().epoch = epoch;
        }
        println!("{}: {} heads, {} pages", R::HEADS, folded.heads.len(), folded.pages.len());
        folded
    }

    pub(crate) async fn compare_report<R: Report>(&self)
    where
        R::Head: PartialEq + Debug,
    {
        let folded = self.folded::<R>().await;
        same(&self.documents::<R::Head>(R::HEADS).await, &folded.heads);
        if let Some(pages) = R::PAGES {
            same(&self.documents(pages).await, &folded.pages);
        }
    }

    /// All documents of a collection.
    pub(crate) async fn documents<D: Stored>(&self, collection: &str) -> BTreeMap<String, D> {
        let collection = self.database.collection::<RawDocumentBuf>(&in_generation(self.generation(), collection));
        let mut cursor = collection.find(doc! {}).await.unwrap();
        let mut documents = BTreeMap::new();
        while cursor.advance().await.unwrap() {
            let document: D = decode(cursor.current()).unwrap();
            documents.insert(document.stamp().id.clone(), document);
        }
        documents
    }

    /// Makes the checkpoint look as if an earlier version had written it.
    pub(crate) async fn forget_event_id(&self) {
        let id = Checkpoint::id_of(self.generation(), 0, 1);
        let collection = self.database.collection::<Document>(META);
        let update = doc! { "$unset": { "event_id": "" } };
        assert_eq!(collection.update_one(doc! { "_id": id }, update).await.unwrap().modified_count, 1);
    }

    fn generation(&self) -> i64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// The generation that is served.
    pub(crate) async fn live(&self) -> i64 {
        self.database.collection::<Live>(META).find_one(doc! { "_id": LIVE }).await.unwrap().unwrap().generation
    }

    /// Waits until a generation is served, and looks at that one from now on.
    pub(crate) async fn served(&self, generation: i64) {
        let reached = async {
            while self.live().await != generation {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("the generation is served");
        self.generation.store(generation, Ordering::Relaxed);
    }

    /// Changes or deletes a document behind the projector's back; it must be there.
    pub(crate) async fn spoil(&self, report: &str, id: &str, update: Option<Document>) {
        let collection = self.database.collection::<Document>(&in_generation(1, report));
        let done = match update {
            Some(update) => collection.update_one(doc! { "_id": id }, update).await.unwrap().modified_count,
            None => collection.delete_one(doc! { "_id": id }).await.unwrap().deleted_count,
        };
        assert_eq!(done, 1, "{id} is there");
    }

    /// Copies a document to where none should be.
    pub(crate) async fn double(&self, report: &str, id: &str, to: &str) {
        let collection = self.database.collection::<Document>(&in_generation(1, report));
        let mut document = collection.find_one(doc! { "_id": id }).await.unwrap().unwrap();
        document.insert("_id", to);
        collection.insert_one(document).await.unwrap();
    }

    /// Waits until the audit has counted so many repairs, and answers what it says.
    pub(crate) async fn repaired(&self, repairs: i64) -> Audit {
        self.audit_where(|audit| audit.repaired >= repairs).await
    }

    /// Waits until the audit says so, and answers what it says.
    pub(crate) async fn audit_where(&self, is: impl Fn(&Audit) -> bool) -> Audit {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            let id = Audit::id_of(0, 1);
            let found = self.database.collection::<Audit>(META).find_one(doc! { "_id": id }).await.unwrap();
            match found {
                Some(found) if is(&found) => return found,
                found => assert!(std::time::Instant::now() < deadline, "the audit came to say {found:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the heads of a report are what the log says: one may be repaired twice before another's turn comes.
    pub(crate) async fn mended<R: Report>(&self)
    where
        R::Head: PartialEq + Debug,
    {
        let expected = self.folded::<R>().await.heads;
        let reached = async {
            while self.documents::<R::Head>(R::HEADS).await != expected {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("the audit repairs all that was spoilt");
    }

    /// The slots of all documents of store-days that are stored.
    pub(crate) async fn slots_of_store_days(&self) -> Vec<i32> {
        let documents = self.documents::<<StoreDays as Report>::Head>(StoreDays::HEADS).await;
        documents.values().map(|document| document.stamp().slot).collect()
    }

    /// Which documents are marked because they lack an event.
    pub(crate) async fn marks(&self) -> ParkedMarks {
        let marks = self.database.collection::<ParkedMarks>(META);
        marks.find_one(doc! { "_id": ParkedMarks::id_of(self.generation()) }).await.unwrap().unwrap_or_default()
    }

    /// Waits until so many events are parked.
    pub(crate) async fn has_parked(&self, events: i64) -> ParkedMarks {
        let reached = async {
            loop {
                let marks = self.marks().await;
                if marks.events == events {
                    return marks;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("so many events are parked")
    }

    pub(crate) async fn parked(&self) -> Vec<i64> {
        let collection = self.database.collection::<Document>(&in_generation(1, PARKED));
        let mut cursor = collection.find(doc! {}).await.unwrap();
        let mut parked = Vec::new();
        while cursor.advance().await.unwrap() {
            parked.push(cursor.deserialize_current().unwrap().get_i64("_id").unwrap());
        }
        parked
    }

    /// Makes the documents look as if an older version had written them.
    pub(crate) async fn make_layout_old(&self) {
        let collection = self.database.collection::<Document>(META);
        collection.update_one(doc! { "_id": "g1" }, doc! { "$set": { "layout": 1 } }).await.unwrap();
        for report in [StoreDays::HEADS, SupplierDays::HEADS, Stock::HEADS] {
            let collection = self.database.collection::<Document>(&in_generation(1, report));
            let entries = doc! { "844179": { "q": 1 } };
            let old = doc! { "$set": { "items": &entries, "e": &entries } };
            collection.update_many(doc! {}, old).await.unwrap();
        }
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    pub(crate) async fn drop_database(&self) {
        self.database.drop().await.unwrap();
    }
}

fn same<D: PartialEq + Debug>(found: &BTreeMap<String, D>, expected: &BTreeMap<String, D>) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (id, document) in found {
        assert!(document == &expected[id], "{id}:\n{document:?}\n{:?}", expected[id]);
    }
}
