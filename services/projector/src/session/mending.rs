//! What is done about documents that are wrong or incomplete: the self-audit, repairs, and parked events that are folded again.

use std::collections::BTreeMap;

use daybook_chassis::process::chain;
use daybook_read_model::{checkpoint::Audit, event::Event};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use super::{Projector, SessionError};
use crate::{
    audit::{self, Auditor},
    backfill,
    companion::Side,
    generations,
    log::Bookmark,
    meta::{self, Place},
    parked,
    projection::Projection,
    repair::Repaired,
};

impl Projector {
    /// Begins the self-audit; it ends when the handle is dropped.
    pub(super) fn audit(&self, place: &Place, found: mpsc::Sender<audit::Found>) -> AbortOnDropHandle<()> {
        let Self { store, log, shard, bounds, .. } = self;
        let (store, log, shard) = (store.clone(), log.clone(), *shard);
        let (interval, rest_factor) = (bounds.audit_interval, bounds.audit_rest_factor);
        let auditor = Auditor { store, log, place: place.clone(), shard, interval, rest_factor };
        AbortOnDropHandle::new(tokio::spawn(async move {
            if !auditor.interval.is_zero() {
                auditor.run(found).await;
            }
        }))
    }

    /// Repairs a document between two batches. If that fails, the audit will find it again.
    pub(super) async fn repair(&self, place: &Place, projections: &mut [Box<dyn Projection>], found: &audit::Found) {
        let audit::Found { report, id } = found;
        let Some(projection) = projections.iter_mut().find(|projection| projection.name() == *report) else { return };
        let position = place.checkpoint.position;
        match projection.repair(&self.store, &self.log, &place.generation, id, position, None).await {
            Ok(Repaired::Done) => {
                warn!(report, id, "a document was repaired");
                self.store.counts().repaired();
                let counts = Audit { repaired: 1, ..Audit::default() };
                for counted in [meta::mended(&self.store).await, meta::count(&self.store, self.shard, &counts).await] {
                    if let Err(error) = counted {
                        warn!(error = %chain(&error), "a repair could not be counted");
                    }
                }
            }
            Ok(outcome) => warn!(report, id, ?outcome, "a document could not be repaired"),
            Err(error) => warn!(report, id, error = %chain(&error), "a document could not be repaired"),
        }
    }

    /// True if there is work that looks at documents and at the checkpoint: a transition, reports that are new, parked events.
    ///
    /// # Errors
    /// [`SessionError::Moved`] if another generation is served, or if MongoDB does not answer.
    pub(super) async fn is_asked_for_more(&self, side: &Side, place: &Place) -> Result<bool, SessionError> {
        if !backfill::missing(&place.checkpoint).is_empty() || side.is_at_work() {
            return Ok(true);
        }
        let served = meta::live(&self.store).await.map_err(SessionError::Store)?;
        let next = generations::next(&self.store).await.map_err(SessionError::Store)?;
        if next.is_some() || served.is_none_or(|served| served.generation != place.generation.generation) {
            return Ok(true);
        }
        let parked = parked::to_retry(&self.store, &place.generation, self.shard).await;
        Ok(!parked.map_err(SessionError::Store)?.is_empty())
    }

    /// Folds parked events again for which that was asked: all that they touch is folded afresh from the log.
    pub(super) async fn retry(
        &self,
        place: &Place,
        projections: &mut [Box<dyn Projection>],
    ) -> Result<(), SessionError> {
        let (store, generation, shard) = (&self.store, &place.generation, self.shard);
        let positions = parked::to_retry(store, generation, shard).await.map_err(SessionError::Store)?;
        for position in positions {
            let page = self.log.read(&Bookmark::at(position - 1)).await.map_err(SessionError::Log)?;
            let mut errors = BTreeMap::new();
            match page.events.first().filter(|event| event.position() == position) {
                Some(event) => {
                    for projection in &mut *projections {
                        if let Err(cause) = self.fold_again(place, projection, event).await {
                            errors.insert(projection.name(), cause);
                        }
                    }
                }
                None => {
                    errors.extend(projections.iter().map(|one| (one.name(), "the log lacks the event".to_owned())));
                }
            }
            info!(position, ?errors, "a parked event was folded again");
            parked::retried(store, generation, shard, position, errors).await.map_err(SessionError::Store)?;
        }
        Ok(())
    }

    pub(super) async fn fold_again(
        &self,
        place: &Place,
        projection: &mut Box<dyn Projection>,
        event: &Event,
    ) -> Result<(), String> {
        for id in projection.touched(event)? {
            let (position, event) = (place.checkpoint.position, Some(event.position()));
            let repaired = projection.repair(&self.store, &self.log, &place.generation, &id, position, event).await;
            match repaired {
                Ok(Repaired::Done) => {}
                Ok(Repaired::Missed) => return Err(format!("{id} was written meanwhile: ask again")),
                Ok(Repaired::TooLong) => return Err(format!("the history of {id} is too long: rebuild the report")),
                Ok(Repaired::Unfolded) => return Err(format!("the event still cannot be folded into {id}")),
                Err(error) => return Err(chain(&error)),
            }
        }
        Ok(())
    }
}
