//! What a trial is told from outside: the programs of the servers, and of Daybook.
//!
//! - `DAYBOOK_TEST_POSTGRES_BIN`, `DAYBOOK_TEST_POSTGRES_USER`, `DAYBOOK_TEST_NATS_SERVER`, `DAYBOOK_TEST_MONGOD`: as
//!   other tests are told them;
//! - `DAYBOOK_FAULTS_PROGRAMS`: a directory with Daybook's programs, if they do not stand beside this one.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::Outcome;

/// Directory of PostgreSQL's programs.
pub(super) fn postgres_programs() -> Outcome<PathBuf> {
    variable("DAYBOOK_TEST_POSTGRES_BIN").map(PathBuf::from)
}

/// The user to run PostgreSQL as; none where the trial itself may.
pub(super) fn postgres_user() -> Option<String> {
    env::var("DAYBOOK_TEST_POSTGRES_USER").ok().filter(|user| !user.is_empty())
}

/// NATS' program.
pub(super) fn nats_program() -> Outcome<String> {
    variable("DAYBOOK_TEST_NATS_SERVER")
}

/// MongoDB's program.
pub(super) fn mongod_program() -> Outcome<String> {
    variable("DAYBOOK_TEST_MONGOD")
}

/// A program of this workspace: beside this one, or, for a test, one directory above.
pub(super) fn own_program(name: &str) -> Outcome<PathBuf> {
    let mut places: Vec<PathBuf> = env::var_os("DAYBOOK_FAULTS_PROGRAMS").map(PathBuf::from).into_iter().collect();
    if places.is_empty() {
        places.extend(env::current_exe()?.ancestors().skip(1).take(2).map(Path::to_owned));
    }
    let program = places.iter().map(|place| place.join(name)).find(|program| program.exists());
    let missing = || format!("{name} is not there: build it with `cargo build --workspace --bins --tests`").into();
    program.ok_or_else(missing)
}

/// A trial without its servers fails: one that is left out silently would prove nothing.
fn variable(name: &str) -> Outcome<String> {
    let told = env::var(name).unwrap_or_default();
    if told.is_empty() {
        return Err(format!("{name} is not set: `deploy/local.sh test` and `deploy/local.sh soak` set it").into());
    }
    Ok(told)
}
