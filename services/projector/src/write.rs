//! Writing documents in bulk. What was somebody else's turn is told apart from what was written and from what can never be.

use std::{collections::HashMap, time::Instant};

use daybook_chassis::trace;
use daybook_read_model::{
    document::{Version, Write},
    update::with_room,
};
use mongodb::bson::{Bson, Document, RawArrayBuf, RawBsonRef, RawDocumentBuf, cstr, raw::CStr, rawdoc};

use crate::store::{DUPLICATE_KEY, INVALID_DOCUMENT, Store, StoreError};

/// Statements of one command: more do not make it faster, and the server works on one command at a time.
const COMMAND_STATEMENTS: usize = 500;

/// Bytes of statements of one command; one statement more may be in. The server takes 48 MB, but each report has a command of
/// its own on the way, which is copied some times.
const COMMAND_BYTES: usize = 2 * 1024 * 1024;

/// What stands around the parts of a statement or a command, in bytes, with room to spare.
const AROUND_BYTES: usize = 256;

/// Refusals that come again however often the statement is sent: the document would be too large, or a sum would not fit.
const PERMANENT: &[i32] = &[
    2,      // BadValue: an increment would overflow
    14,     // TypeMismatch
    28,     // PathNotViable
    10_334, // BSONObjectTooLarge
    17_280, // KeyTooLong
    17_419, // the document would be too large after the update
    17_420, // the document to insert is too large
];

/// A document to be written.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: String,
    /// What the document is after it was written.
    pub(crate) version: Version,
    pub(crate) write: Write,
}

/// What became of the documents.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) stored: Vec<String>,
    /// Somebody else wrote them meanwhile.
    pub(crate) missed: Vec<String>,
    /// They can never be written, and why.
    pub(crate) impossible: Vec<(String, String)>,
}

/// Writes documents; all that is answered as stored is durable on a majority.
pub(crate) async fn all(store: &Store, collection: &str, jobs: Vec<Job>) -> Result<Written, StoreError> {
    let mut written = Written::default();
    let (mut inserts, mut updates) = (Vec::new(), Vec::new());
    for Job { id, version, write } in jobs {
        match write {
            Write::Insert(document) => inserts.push((id, version, document)),
            Write::Update { filter, update } => {
                // `update` holds operators or a whole document: the server tells them apart.
                let mut statement = with_room(AROUND_BYTES + filter.as_bytes().len() + update.as_bytes().len());
                statement.append(cstr!("q"), filter);
                statement.append(cstr!("u"), update);
                updates.push((id, version, statement));
            }
        }
    }
    for (kind, statements) in [(Kind::Insert, inserts), (Kind::Update, updates)] {
        let mut statements = statements.into_iter().peekable();
        while statements.peek().is_some() {
            let mut bytes = 0;
            let mut part = Vec::new();
            while part.len() < COMMAND_STATEMENTS && bytes < COMMAND_BYTES {
                let Some(statement) = statements.next() else { break };
                bytes += statement.2.as_bytes().len();
                part.push(statement);
            }
            command(store, collection, kind, part, &mut written).await?;
        }
    }
    Ok(written)
}

#[derive(Clone, Copy)]
enum Kind {
    Insert,
    Update,
}

impl Kind {
    fn name(self) -> &'static CStr {
        match self {
            Self::Insert => cstr!("insert"),
            Self::Update => cstr!("update"),
        }
    }

    fn statements(self) -> &'static CStr {
        match self {
            Self::Insert => cstr!("documents"),
            Self::Update => cstr!("updates"),
        }
    }
}

type Statement = (String, Version, RawDocumentBuf);

async fn command(
    store: &Store,
    collection: &str,
    kind: Kind,
    statements: Vec<Statement>,
    written: &mut Written,
) -> Result<(), StoreError> {
    let mut array = RawArrayBuf::new();
    let mut documents = Vec::with_capacity(statements.len());
    for (id, version, statement) in statements {
        array.push(statement);
        documents.push((id, version));
    }
    let mut command = with_room(AROUND_BYTES + collection.len() + array.as_bytes().len());
    command.append(kind.name(), collection);
    command.append(kind.statements(), array);
    command.append(cstr!("ordered"), false);
    command.append(cstr!("writeConcern"), rawdoc! { "w": "majority", "j": true });
    let span = trace::child("mongodb write", trace::Kind::Client);
    if let Some(span) = &span {
        span.tell("db.system.name", "mongodb");
        span.tell("db.collection.name", collection.to_owned());
        span.tell("db.operation.batch.size", i64::try_from(documents.len()).unwrap_or(i64::MAX));
    }
    let begun = Instant::now();
    let answer = store.run(command).await?;
    store.counts().wrote(begun.elapsed());
    sort(store, collection, documents, &answer, written).await
}

async fn sort(
    store: &Store,
    collection: &str,
    documents: Vec<(String, Version)>,
    answer: &Document,
    written: &mut Written,
) -> Result<(), StoreError> {
    if let Ok(error) = answer.get_document("writeConcernError") {
        return Err(refused(collection, error));
    }
    let mut failed: HashMap<usize, (i32, String)> = HashMap::new();
    for error in answer.get_array("writeErrors").into_iter().flatten() {
        let error = error.as_document().ok_or(StoreError::Answer("a write error"))?;
        let index = integer(error, "index").and_then(|index| usize::try_from(index).ok());
        let code = integer(error, "code").and_then(|code| i32::try_from(code).ok()).unwrap_or(0);
        if ![DUPLICATE_KEY, INVALID_DOCUMENT].contains(&code) && !PERMANENT.contains(&code) {
            return Err(refused(collection, error));
        }
        let message = error.get_str("errmsg").unwrap_or_default().chars().take(512).collect();
        failed.insert(index.ok_or(StoreError::Answer("the index of a write error"))?, (code, message));
    }
    let reached = integer(answer, "n").ok_or(StoreError::Answer("n"))?;
    let mut rest = Vec::with_capacity(documents.len());
    for (index, (id, version)) in documents.into_iter().enumerate() {
        match failed.remove(&index) {
            None => rest.push((id, version)),
            // It is there already, or it is not what the writer took it for.
            Some((DUPLICATE_KEY | INVALID_DOCUMENT, _)) => written.missed.push(id),
            Some((_, message)) => written.impossible.push((id, message)),
        }
    }
    if usize::try_from(reached) == Ok(rest.len()) {
        written.stored.extend(rest.into_iter().map(|(id, _)| id));
        return Ok(());
    }
    // Some statements found nothing to change, but the answer does not say which: the documents do.
    let ids: Vec<&str> = rest.iter().map(|(id, _)| id.as_str()).collect();
    let mut found = HashMap::new();
    for stamp in store.find(collection, &ids, false).await? {
        if let (Ok(Some(RawBsonRef::String(id))), Some(version)) = (stamp.get("_id"), version(&stamp)) {
            found.insert(id.to_owned(), version);
        }
    }
    for (id, version) in rest {
        let list = if found.get(&id) == Some(&version) { &mut written.stored } else { &mut written.missed };
        list.push(id);
    }
    Ok(())
}

fn version(stamp: &RawDocumentBuf) -> Option<Version> {
    let number = |name| match stamp.get(name) {
        Ok(Some(RawBsonRef::Int64(number))) => Some(number),
        Ok(Some(RawBsonRef::Int32(number))) => Some(number.into()),
        _ => None,
    };
    Some(Version { epoch: number("epoch")?, position: number("position")? })
}

fn refused(collection: &str, error: &Document) -> StoreError {
    let code = integer(error, "code").and_then(|code| i32::try_from(code).ok()).unwrap_or(0);
    let message = error.get_str("errmsg").unwrap_or_default().chars().take(512).collect();
    StoreError::Refused { collection: collection.to_owned(), code, message }
}

fn integer(document: &Document, name: &str) -> Option<i64> {
    match document.get(name)? {
        Bson::Int32(number) => Some((*number).into()),
        Bson::Int64(number) => Some(*number),
        // Some servers count in doubles; what they count is small and whole.
        Bson::Double(number) => format!("{number}").parse().ok(),
        _ => None,
    }
}
