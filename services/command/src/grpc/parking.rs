//! ParkingService.

use daybook::{
    command::v1::{DiscardEventRequest, DiscardEventResponse, parking_service_server::ParkingService},
    reason,
};
use daybook_chassis::answer::Refusal;
use tonic::{Code, Request, Response, Status};

use super::{execute::Executor, origin::split};
use crate::{status, store::Store};

/// Events that the reports cannot take in.
#[derive(Clone, Debug)]
pub struct Parking {
    pub executor: Executor,
    pub store: Store,
}

#[tonic::async_trait]
impl ParkingService for Parking {
    async fn discard_event(
        &self,
        request: Request<DiscardEventRequest>,
    ) -> Result<Response<DiscardEventResponse>, Status> {
        let (origin, message) = split(request)?;
        // Events do not go away: what is there now is there when it is decided.
        if message.position > 0 {
            let found = self.store.recorded_at(message.position).await;
            if found.map_err(|error| status::refusal(&error).into_status(&message.request_id))?.is_none() {
                let text = format!("the log has no event at {}", message.position);
                return Err(
                    Refusal::new(Code::FailedPrecondition, reason::NOT_FOUND, text).into_status(&message.request_id)
                );
            }
        }
        let accepted = self.executor.unary(origin, message).await?;
        Ok(Response::new(DiscardEventResponse { accepted: Some(accepted) }))
    }
}
