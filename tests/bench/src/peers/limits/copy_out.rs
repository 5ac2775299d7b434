//! A whole log out of Postgres: COPY in binary, ordered by position, each row taken apart.

use std::pin::pin;

use daybook_chassis::BoxError;
use futures_util::TryStreamExt as _;
use tokio_postgres::{Client, binary_copy::BinaryCopyOutStream, types::Type};

/// What a reader of the log needs to fold it.
const COPY: &str = "COPY (SELECT position, event_type, schema_version, payload FROM events ORDER BY position)
    TO STDOUT (FORMAT binary)";
const TYPES: [Type; 4] = [Type::INT8, Type::TEXT, Type::INT4, Type::BYTEA];

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CopiedOut {
    pub(crate) events: u64,
    /// Of their payload.
    pub(crate) bytes: u64,
}

/// Reads the whole log in the database of the connection: Daybook's, or that of [`super::append`].
pub(crate) async fn copy_out(client: &Client) -> Result<CopiedOut, BoxError> {
    let mut rows = pin!(BinaryCopyOutStream::new(client.copy_out(COPY).await?, &TYPES));
    let mut copied = CopiedOut::default();
    let mut last = 0;
    while let Some(row) = rows.try_next().await? {
        let position: i64 = row.try_get(0)?;
        let (event_type, schema_version): (&str, i32) = (row.try_get(1)?, row.try_get(2)?);
        let payload: &[u8] = row.try_get(3)?;
        if position <= last || event_type.is_empty() || schema_version < 1 {
            return Err(format!("the log is out of order at position {position}").into());
        }
        last = position;
        copied.events += 1;
        copied.bytes += payload.len() as u64;
    }
    Ok(copied)
}
