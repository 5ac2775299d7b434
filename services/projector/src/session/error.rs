//! Why projecting had to stop.

use thiserror::Error;

use crate::{feed::FeedError, store::StoreError};

/// Why projecting had to stop.
#[derive(Debug, Error)]
pub(crate) enum SessionError {
    #[error("{0}")]
    Store(#[source] StoreError),
    #[error("the log cannot be asked where it ends: {}", .0.message())]
    Log(#[source] tonic::Status),
    #[error(
        "the documents are at position {checkpoint}, but the log ends at {head}: it lost its end or is another one; \
         refusing to go on (docs/operations.md, \"The log has lost its end\")"
    )]
    Ahead { checkpoint: i64, head: i64 },
    #[error(
        "the documents hold another event at position {checkpoint} than the log: it lost its end and went on, or is another \
         one; refusing to go on (docs/operations.md, \"The log has lost its end\")"
    )]
    Differs { checkpoint: i64 },
    #[error("{0}")]
    Feed(#[source] FeedError),
    #[error("the checkpoint is not where it was left")]
    Moved,
    #[error("documents of several batches cannot be written at once")]
    Unwritten,
}
