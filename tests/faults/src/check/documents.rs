//! I5: every document in MongoDB against the log folded afresh, field for field.

use std::{collections::BTreeMap, fmt::Debug};

use daybook_read_model::{
    checkpoint::{Checkpoint, Generation, LIVE, Live, applied},
    collections::{META, PARKED, in_generation},
    document::{Stored, begin, decode},
    folded::Folded,
    registry::{self, CategoryDays, Report, Stock, StoreDays, SupplierDays},
    spill::Page,
};
use mongodb::{
    Database,
    bson::{Document, RawDocumentBuf, doc},
};

use super::{Findings, log::Log};
use crate::Outcome;

/// Database of the documents: the services' default.
pub const DATABASE: &str = "daybook";

/// Checks all documents of the generation that is served. The projector must have caught up.
///
/// # Errors
/// If MongoDB does not answer, or holds something unreadable.
pub async fn check(database: &Database, log: &Log, findings: &mut Findings) -> Outcome {
    if registry::NAMES.len() != 4 {
        return Err("a report was added that is not compared here".into());
    }
    let meta = database.collection::<Document>(META);
    let of = |id: String| doc! { "_id": id };
    let live: Live = found(meta.clone_with_type().find_one(of(LIVE.to_owned())).await?)?;
    let id = Generation::id_of(live.generation);
    let generation: Generation = found(meta.clone_with_type().find_one(of(id)).await?)?;
    let mut cursor = meta.clone_with_type::<Checkpoint>().find(doc! { "shard": { "$exists": true } }).await?;
    let mut checkpoints = Vec::new();
    while cursor.advance().await? {
        checkpoints.push(cursor.deserialize_current()?);
    }
    let position = applied(&generation, &checkpoints).map(|applied| applied.position);
    if position != Some(log.head()) {
        findings.wrong_documents += 1;
        findings.note(format!("the documents are at {position:?}, the log ends at {}", log.head()));
    }
    let parked = database.collection::<Document>(&in_generation(generation.generation, PARKED));
    if let Some(parked) = parked.find_one(doc! { "epoch": generation.epoch }).await? {
        findings.wrong_documents += 1;
        findings.note(format!("an event was parked: {parked}"));
    }
    report::<StoreDays>(database, &generation, log, findings).await?;
    report::<SupplierDays>(database, &generation, log, findings).await?;
    report::<Stock>(database, &generation, log, findings).await?;
    report::<CategoryDays>(database, &generation, log, findings).await
}

async fn report<R>(database: &Database, generation: &Generation, log: &Log, findings: &mut Findings) -> Outcome
where
    R: Report,
    R::Head: PartialEq + Debug,
{
    let mut folded = Folded::<R>::default();
    for event in &log.events {
        if let Err(error) = folded.fold(event) {
            findings.note(format!("position {} cannot be folded: {error}", event.position));
        }
    }
    let heads: BTreeMap<String, R::Head> = stored(database, generation, R::HEADS).await?;
    compare(R::HEADS, folded.heads, &heads, generation.epoch, findings);
    if let Some(pages) = R::PAGES {
        let stored: BTreeMap<String, Page<registry::EntryOf<R>>> = stored(database, generation, pages).await?;
        compare(pages, folded.pages, &stored, generation.epoch, findings);
    }
    Ok(())
}

async fn stored<D: Stored>(
    database: &Database,
    generation: &Generation,
    collection: &str,
) -> Outcome<BTreeMap<String, D>> {
    let name = in_generation(generation.generation, collection);
    let mut cursor = database.collection::<RawDocumentBuf>(&name).find(doc! { "epoch": generation.epoch }).await?;
    let mut documents = BTreeMap::new();
    while cursor.advance().await? {
        let document: D = decode(cursor.current())?;
        documents.insert(document.stamp().id.clone(), document);
    }
    Ok(documents)
}

fn compare<D: Stored + PartialEq + Debug>(
    collection: &str,
    folded: BTreeMap<String, D>,
    stored: &BTreeMap<String, D>,
    epoch: i64,
    findings: &mut Findings,
) {
    findings.documents += folded.len();
    for id in stored.keys().filter(|id| !folded.contains_key(*id)) {
        findings.wrong_documents += 1;
        findings.note(format!("{collection} {id} is not in the log"));
    }
    for (id, document) in folded {
        let expected = begin(document, epoch);
        let difference = match stored.get(&id) {
            Some(found) if *found == expected => continue,
            Some(found) => different(&format!("{expected:#?}"), &format!("{found:#?}")),
            None => "is missing".to_owned(),
        };
        findings.wrong_documents += 1;
        findings.note(format!("{collection} {id}: {difference}"));
    }
}

/// The first line that differs, of what two documents say.
fn different(expected: &str, found: &str) -> String {
    let mut lines = expected.lines().zip(found.lines());
    let line = lines.find(|(expected, found)| expected != found);
    line.map_or_else(
        || "differs in its length".to_owned(),
        |(expected, found)| format!("{} by the log, found {}", expected.trim(), found.trim()),
    )
}

fn found<T>(found: Option<T>) -> Outcome<T> {
    found.ok_or_else(|| "MongoDB does not say which documents are served".into())
}
