//! GenerationService: what operators ask about generations.

use daybook::{
    projector::v1::{
        AbandonTransitionRequest, AbandonTransitionResponse, GetGenerationsRequest, GetGenerationsResponse,
        StartRebuildRequest, StartRebuildResponse, StartRollbackRequest, StartRollbackResponse, Transition,
        generation_service_server::GenerationService,
    },
    reason,
};
use daybook_chassis::{
    answer::{Refusal, Violation},
    process::chain,
};
use daybook_read_model::checkpoint::{self, Checkpoint, applied};
use tonic::{Code, Request, Response, Status, async_trait};
use tracing::warn;

use crate::{
    generations::{self, TransitionError},
    meta,
    store::{Store, StoreError},
};

/// Answers about generations.
#[derive(Clone, Debug)]
pub(crate) struct Generations(pub(crate) Store);

#[async_trait]
impl GenerationService for Generations {
    async fn start_rebuild(
        &self,
        request: Request<StartRebuildRequest>,
    ) -> Result<Response<StartRebuildResponse>, Status> {
        let StartRebuildRequest { reports, expected_differences } = request.into_inner();
        let started = generations::start_rebuild(&self.0, reports, expected_differences).await.map_err(refused)?;
        let transition = Some(self.transition(started).await.map_err(|error| failed(&error))?);
        Ok(Response::new(StartRebuildResponse { transition }))
    }

    async fn start_rollback(
        &self,
        _: Request<StartRollbackRequest>,
    ) -> Result<Response<StartRollbackResponse>, Status> {
        let started = generations::start_rollback(&self.0).await.map_err(refused)?;
        let transition = Some(self.transition(started).await.map_err(|error| failed(&error))?);
        Ok(Response::new(StartRollbackResponse { transition }))
    }

    async fn abandon_transition(
        &self,
        _: Request<AbandonTransitionRequest>,
    ) -> Result<Response<AbandonTransitionResponse>, Status> {
        generations::abandon(&self.0).await.map_err(|error| failed(&error))?;
        Ok(Response::new(AbandonTransitionResponse {}))
    }

    async fn get_generations(
        &self,
        _: Request<GetGenerationsRequest>,
    ) -> Result<Response<GetGenerationsResponse>, Status> {
        self.generations().await.map(Response::new).map_err(|error| failed(&error))
    }
}

impl Generations {
    async fn generations(&self) -> Result<GetGenerationsResponse, StoreError> {
        // Asked before the pointer: once it is gone, the pointer says what became of it.
        let next = generations::next(&self.0).await?;
        let Some(live) = meta::live(&self.0).await? else { return Ok(GetGenerationsResponse::default()) };
        let (live_position, _) = self.position(live.generation).await?;
        let next = next.filter(|next| next.generation != live.generation);
        Ok(GetGenerationsResponse {
            live_generation: live.generation,
            previous_generation: live.previous.unwrap_or(0),
            live_position,
            transition: match next {
                Some(next) => Some(self.transition(next).await?),
                None => None,
            },
        })
    }

    async fn transition(&self, next: checkpoint::Transition) -> Result<Transition, StoreError> {
        let (position, is_following) = self.position(next.generation).await?;
        Ok(Transition {
            generation: next.generation,
            is_rollback: next.is_rollback,
            reports: next.reports,
            expected_differences: next.expected,
            position,
            is_following,
            is_refused: next.is_refused,
            compared_documents: next.compared,
            different_documents: next.different,
            examples: next.examples,
        })
    }

    /// How far a generation is, and whether all of its shards follow.
    async fn position(&self, number: i64) -> Result<(i64, bool), StoreError> {
        let Some(generation) = meta::generation(&self.0, number).await? else { return Ok((0, false)) };
        let checkpoints: Vec<Checkpoint> = meta::checkpoints(&self.0, &generation).await?;
        let position = applied(&generation, &checkpoints).map_or(0, |applied| applied.position);
        Ok((position, !checkpoints.is_empty() && checkpoints.iter().all(|checkpoint| checkpoint.following)))
    }
}

fn refused(error: TransitionError) -> Status {
    match &error {
        TransitionError::Store(cause) => failed(cause),
        TransitionError::NoReport(_) => {
            let description = error.to_string();
            Refusal::new(Code::InvalidArgument, reason::INVALID_VALUE, description.clone())
                .with_violations(vec![Violation {
                    field: "reports".to_owned(),
                    reason: reason::INVALID_VALUE,
                    description,
                }])
                .into_status("")
        }
        TransitionError::Refused(_) => {
            Refusal::new(Code::FailedPrecondition, reason::NOT_FOUND, error.to_string()).into_status("")
        }
    }
}

/// The status where the documents' database is away.
pub(crate) fn failed(error: &StoreError) -> Status {
    warn!(error = %chain(error), "a question of an operator cannot be answered");
    let message = "the documents cannot be read or written at the moment";
    Refusal::new(Code::Unavailable, reason::DEPENDENCY_UNAVAILABLE, message).into_status("")
}
