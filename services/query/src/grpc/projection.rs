//! `daybook.query.v1.ProjectionService`.

use daybook::query::v1::{
    GetProjectionStatusRequest, GetProjectionStatusResponse, ReportStatus, projection_service_server::ProjectionService,
};
use daybook_read_model::registry;
use tonic::{Request, Response, Status, async_trait};

use crate::{call::Frame, position::Applied, validate::Fields};

/// Tells how far the reports have followed the log.
#[derive(Clone, Debug)]
pub(crate) struct Projection(pub(crate) Frame);

#[async_trait]
impl ProjectionService for Projection {
    async fn get_projection_status(
        &self,
        request: Request<GetProjectionStatusRequest>,
    ) -> Result<Response<GetProjectionStatusResponse>, Status> {
        let work = async |call: crate::call::Call, request: GetProjectionStatusRequest| {
            let mut fields = Fields::default();
            let at_least = fields.at_least(request.at_least_position);
            let at_least = fields.finish(at_least)?;
            // Before the first report there is nothing to look at, but that is an answer as well: position 0.
            let applied = self.0.positions.reach(None, at_least, call.deadline).await?;
            let generation = applied.generation.as_ref().map_or(0, |generation| generation.generation);
            let audit = Some(self.0.audit().await?);
            let parked_events = applied.parked.events;
            let reports = reports(&applied);
            Ok(GetProjectionStatusResponse { as_of: Some(applied.as_of()), generation, audit, parked_events, reports })
        };
        self.0.unary("ProjectionService/GetProjectionStatus", request, work).await
    }
}

/// How far each report is; one that is not built at all is left out.
fn reports(applied: &Applied) -> Vec<ReportStatus> {
    let status = |report: &&'static str| {
        let is_built = applied.reports.iter().any(|built| built == report);
        Some(ReportStatus {
            report: (*report).to_owned(),
            as_of: Some(applied.as_of_report(report)?),
            is_catching_up: applied.position > 0 && !is_built,
        })
    };
    registry::NAMES.iter().filter_map(status).collect()
}
