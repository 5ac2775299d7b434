//! The collections of a generation have a validator, by which documents are written by compare-and-set: see
//! [`daybook_read_model::document::guard`]. A collection must have it before anything is read that is to be changed: a database
//! makes one that is missing by itself, without a validator, when something is inserted.

use daybook_read_model::{
    checkpoint::Generation,
    collections::in_generation,
    document,
    registry::{self, Report, Visitor},
};
use mongodb::{
    bson::doc,
    error::{Error, ErrorKind},
};
use tracing::info;

use crate::store::{Store, StoreError, in_time};

/// The server's code for a collection that is there already.
const NAMESPACE_EXISTS: i32 = 48;

/// Makes the collections of a generation that are missing, and gives the validator to those that lack it.
pub(crate) async fn ensure(store: &Store, generation: &Generation) -> Result<(), StoreError> {
    let names = collections(generation);
    let guard = document::guard();
    let found = store.specifications(&names).await?;
    for name in names {
        let known = found.iter().find(|known| known.name == name);
        if known.is_some_and(|known| known.options.validator.as_ref() == Some(&guard)) {
            continue;
        }
        info!(collection = name, "the collection gets its validator");
        let database = store.database().clone();
        let (create, change) =
            (doc! { "create": &name, "validator": &guard }, doc! { "collMod": &name, "validator": &guard });
        in_time(async move {
            match database.run_command(create).await {
                Err(error) if is_there(&error) => database.run_command(change).await,
                outcome => outcome,
            }
        })
        .await?;
    }
    Ok(())
}

fn collections(generation: &Generation) -> Vec<String> {
    struct Collections<'a>(&'a Generation, Vec<String>);
    impl Visitor for Collections<'_> {
        fn visit<R: Report>(&mut self) {
            let names = [R::HEADS].into_iter().chain(R::PAGES);
            self.1.extend(names.map(|name| in_generation(self.0.generation, name)));
        }
    }
    let mut collections = Collections(generation, Vec::new());
    registry::each(&mut collections);
    collections.1
}

fn is_there(error: &Error) -> bool {
    matches!(&*error.kind, ErrorKind::Command(error) if error.code == NAMESPACE_EXISTS)
}
