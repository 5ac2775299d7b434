//! Documents and tables are compared with the log: what was spoilt is found, and nothing else ever is.

mod live;
mod spoilt;

use daybook_operator::{
    Endpoints, Notices,
    verify::{VerifyOptions, VerifySummary, verify},
};
use mongodb::{Database, bson::Document};

use crate::world::{environment, whole::WholeWorld};

/// Where the services of a world are.
pub(crate) fn endpoints(world: &WholeWorld) -> Endpoints {
    Endpoints {
        command: Some(world.command.endpoint()),
        query: Some(world.query.endpoint()),
        projector: Some(world.projector.endpoint()),
        ..Endpoints::default()
    }
}

/// Verifies a world.
pub(crate) async fn verified(world: &WholeWorld, options: &VerifyOptions) -> VerifySummary {
    let notices = Notices::kept();
    verify(&endpoints(world), options, &notices).await.unwrap_or_else(|error| panic!("{error}; {:?}", notices.take()))
}

/// Fails with what differs.
pub(crate) fn assert_equal(summary: &VerifySummary) {
    assert!(summary.is_equal() && summary.is_decided(), "{summary:#?}");
}

/// The documents of a world.
pub(crate) async fn documents(world: &WholeWorld) -> Database {
    let client = mongodb::Client::with_uri_str(environment::mongodb_url()).await.expect("a MongoDB address");
    client.database(&world.id)
}

/// Changes a document behind Daybook's back; it must be there.
pub(crate) async fn spoil(world: &WholeWorld, collection: &str, id: &str, update: Document) {
    let collection = documents(world).await.collection::<Document>(collection);
    let done = collection.update_one(mongodb::bson::doc! { "_id": id }, update).await.expect("MongoDB takes it");
    assert_eq!(done.modified_count, 1, "{id} is there");
}
