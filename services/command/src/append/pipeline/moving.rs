//! Moving what was sold of an item before it was registered: its registration moves the first store-days in its own
//! transaction, and what is left follows between the batches of callers. So no batch grows with what was sold, however long
//! nobody registered the item.

use std::time::Duration;

use daybook_chassis::process::chain;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::{Batch, Pipeline, Queued, plan};
use crate::{
    domain::moves::{Moves, UnassignedSales},
    store::{StoreError, append::Appended},
};

/// Store-days that are moved in one transaction; some milliseconds for the commands that wait behind it.
pub(in crate::append) const MOVES_AT_ONCE: usize = 500;

/// How long moving rests after Postgres was away.
const PAUSE: Duration = Duration::from_secs(1);

impl Pipeline {
    /// A command that registers an item with earlier sales begins a batch of its own, with the first of these sales at hand.
    pub(super) async fn split_at_move(
        &mut self,
        commands: &mut Vec<Queued>,
    ) -> Result<Option<Vec<UnassignedSales>>, StoreError> {
        let found = {
            let catalogue = self.lock();
            commands.iter().position(|queued| {
                queued.submission.command.registers_item().is_some_and(|item| catalogue.is_unassigned(item))
            })
        };
        let Some(index) = found else { return Ok(None) };
        let rest = commands.split_off(index.max(1));
        for queued in rest.into_iter().rev() {
            self.carried.push_front(queued);
        }
        match commands.first().and_then(|queued| queued.submission.command.registers_item()) {
            Some(item) if index == 0 => self.store.unassigned_sales(item, MOVES_AT_ONCE).await.map(Some),
            _ => Ok(None),
        }
    }

    /// When the next sales are to be moved; `None` if nothing is left.
    pub(super) fn next_move(&self) -> Option<Instant> {
        self.lock().next_to_move().map(|_| self.moves_from)
    }

    /// Moves the next sales that are left, if it is time.
    pub(super) async fn move_next(&mut self) {
        if self.next_move().is_none_or(|at| at > Instant::now()) {
            return;
        }
        if let Err(error) = self.try_move().await {
            self.stale = true;
            self.moves_from = Instant::now() + PAUSE;
            warn!(error = %chain(&error), "sales of an item that was registered cannot be moved now");
        }
    }

    async fn try_move(&mut self) -> Result<(), StoreError> {
        self.load().await?;
        if self.log.lineage().doubt().is_some() {
            self.moves_from = Instant::now() + PAUSE;
            return Ok(());
        }
        let Some(item_id) = self.lock().next_to_move().map(str::to_owned) else { return Ok(()) };
        let left = self.store.left_to_move(&item_id, MOVES_AT_ONCE).await?;
        let events = {
            let catalogue = self.lock();
            let moves = catalogue.item(&item_id).map(|item| Moves {
                item_id: &item_id,
                supplier_id: &item.supplier_id,
                category: &item.category,
                occurred_at: Some(left.occurred_at),
            });
            moves.map(|moves| moves.of(&left.sold, &catalogue, left.stream_version + 1)).unwrap_or_default()
        };
        if events.is_empty() {
            info!(item_id, "all that was sold of the item before its registration is moved");
            self.lock().all_moved(&item_id);
            return Ok(());
        }
        let (mut batch, mut buffer) = (Batch::default(), Vec::new());
        for event in &events {
            let payload = plan::encode(event, &mut buffer);
            plan::push(&mut batch, event, payload, plan::now(), left.metadata.clone());
        }
        batch.catalogue_position = self.lock().position;
        batch.follows = self.log.lineage().last();
        let connection = self.store.connection().await?;
        let begun = Instant::now();
        match connection.append(&batch).await {
            Ok(Appended::Written { base, recorded_at }) => {
                self.counts.written(batch.columns.event_ids.len(), begun.elapsed());
                self.log.appended(base, recorded_at, batch.columns);
                Ok(())
            }
            // Another process moves the same.
            Ok(Appended::Seen(_)) | Err(StoreError::Conflict) => Ok(()),
            Ok(Appended::Changed) => self.changed(batch.follows).await,
            Err(error @ StoreError::Away(_)) => Err(error),
            Err(error) => {
                // Tried again by the next process that loads the catalogue; commands are not kept from the log by it.
                error!(item_id, error = %chain(&error), "what was sold of an item before its registration cannot be moved");
                self.lock().all_moved(&item_id);
                Ok(())
            }
        }
    }
}
