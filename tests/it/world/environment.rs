//! What a test is told from outside.
//!
//! - `DAYBOOK_TEST_POSTGRES_URL`: a PostgreSQL server, as a superuser;
//! - `DAYBOOK_TEST_POSTGRES_APP_PASSWORD`: password of the role `daybook_app` there;
//! - `DAYBOOK_TEST_NATS_URL`: a NATS server with JetStream;
//! - `DAYBOOK_TEST_MONGODB_URL`: a MongoDB replica set;
//! - `DAYBOOK_TEST_POSTGRES_BIN`, `DAYBOOK_TEST_POSTGRES_USER`, `DAYBOOK_TEST_NATS_SERVER`, `DAYBOOK_TEST_MONGOD`: the
//!   programs of servers that a test starts by itself, to kill them.

use std::env;

/// Address of the PostgreSQL server, as a superuser.
pub(crate) fn postgres_url() -> String {
    variable("DAYBOOK_TEST_POSTGRES_URL")
}

/// Password of the role as which the command service connects.
pub(crate) fn app_password() -> String {
    variable("DAYBOOK_TEST_POSTGRES_APP_PASSWORD")
}

/// Address of the NATS server.
pub(crate) fn nats_url() -> String {
    variable("DAYBOOK_TEST_NATS_URL")
}

/// Address of the MongoDB replica set.
pub(crate) fn mongodb_url() -> String {
    variable("DAYBOOK_TEST_MONGODB_URL")
}

/// Directory of PostgreSQL's programs.
pub(crate) fn postgres_programs() -> String {
    variable("DAYBOOK_TEST_POSTGRES_BIN")
}

/// The user to run PostgreSQL as; none where the test itself may.
pub(crate) fn postgres_user() -> Option<String> {
    env::var("DAYBOOK_TEST_POSTGRES_USER").ok().filter(|user| !user.is_empty())
}

/// NATS' program.
pub(crate) fn nats_program() -> String {
    variable("DAYBOOK_TEST_NATS_SERVER")
}

/// MongoDB's program.
pub(crate) fn mongod_program() -> String {
    variable("DAYBOOK_TEST_MONGOD")
}

/// A test without its servers fails: one that is left out silently would prove nothing.
fn variable(name: &str) -> String {
    let told = env::var(name).unwrap_or_default();
    assert!(!told.is_empty(), "{name} is not set: run `deploy/local.sh test`, which starts the servers and sets it");
    told
}
