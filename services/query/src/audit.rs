//! What the projector's self-audit has found.

use daybook::query::v1::AuditStatus;
use daybook_read_model::{checkpoint::Audit, collections::META};
use mongodb::bson::doc;

use crate::{
    call::Frame,
    store::{Select, StoreError},
};

/// Shards whose findings are read at most.
const MAX_SHARDS: u32 = 1_000;

impl Frame {
    /// The findings of all shards together.
    ///
    /// # Errors
    /// If MongoDB does not answer in time.
    pub(crate) async fn audit(&self) -> Result<AuditStatus, StoreError> {
        let filter = doc! { "_id": { "$gte": Audit::PREFIX, "$lt": format!("{}{}", Audit::PREFIX, char::MAX) } };
        let found = self.store.read_control(META, Select::first(MAX_SHARDS, filter)).await?;
        let mut all = Audit::default();
        for audit in found.decode::<Audit>() {
            all = all.plus(audit?);
        }
        Ok(AuditStatus {
            audited_documents: all.audited,
            different_documents: all.different,
            repaired_documents: all.repaired,
            skipped_documents: all.skipped,
            last_difference: all.last_difference,
        })
    }
}
