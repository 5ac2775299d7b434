//! Health: serving while everything is there, not serving while a service drains.

use std::time::Duration;

use daybook::{
    client::{CommandClient, QueryClient},
    event::v1::FollowEventsRequest,
    query::v1::GetProjectionStatusRequest,
};
use tokio::time::timeout;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::{
    given::catalogue,
    world::{in_world, service::Service, until::until},
};

/// Services by the process that has them.
const OF_COMMAND: &[&str] = &[
    "",
    "daybook.command.v1.CatalogueService",
    "daybook.command.v1.InventoryService",
    "daybook.command.v1.SaleService",
    "daybook.event.v1.EventLogService",
];
const OF_QUERY: &[&str] = &[
    "",
    "daybook.query.v1.CategoryDayService",
    "daybook.query.v1.ProjectionService",
    "daybook.query.v1.StockService",
    "daybook.query.v1.StoreDayService",
    "daybook.query.v1.SupplierDayService",
];
const OF_PROJECTOR: &[&str] = &["", "daybook.projector"];

#[test]
fn every_service_says_that_it_serves() {
    in_world(async |world| {
        for (service, names) in
            [(&world.command, OF_COMMAND), (&world.query, OF_QUERY), (&world.projector, OF_PROJECTOR)]
        {
            for name in names {
                until(&format!("{name:?} serves"), async || {
                    service.health(name).await.filter(|status| *status == ServingStatus::Serving)
                })
                .await;
            }
            assert_eq!(service.health("daybook.Nothing").await, None);
        }
    });
}

/// Watches the health of a process while it is told to stop; answers what it said.
async fn said_while_stopping(service: &Service) -> Vec<ServingStatus> {
    let request = HealthCheckRequest { service: String::new() };
    let mut watch = HealthClient::new(service.channel()).watch(request).await.expect("health").into_inner();
    let mut said = vec![watch.message().await.expect("an answer").expect("an answer").status()];
    service.tell_to_stop();
    // The watch itself ends with the server, so it is read for as long as that may take.
    while let Ok(Ok(Some(next))) = timeout(Duration::from_secs(15), watch.message()).await {
        said.push(next.status());
        if next.status() == ServingStatus::NotServing {
            break;
        }
    }
    said
}

#[test]
fn a_service_that_drains_says_so_before_it_goes() {
    in_world(async |world| {
        let head = catalogue::register(&world.commands()).await;
        world.reported(head).await;
        let command = world.another_command().await;
        let mut followed = CommandClient::new(command.channel()).log;
        let mut events = followed.follow_events(FollowEventsRequest::default()).await.unwrap().into_inner();
        assert!(events.message().await.unwrap().is_some());
        assert_eq!(said_while_stopping(&command).await, [ServingStatus::Serving, ServingStatus::NotServing]);
        command.stop().await.unwrap();

        let query = world.another_query().await;
        let mut projection = QueryClient::new(query.channel()).projection;
        projection.get_projection_status(GetProjectionStatusRequest::default()).await.unwrap();
        assert_eq!(said_while_stopping(&query).await, [ServingStatus::Serving, ServingStatus::NotServing]);
        query.stop().await.unwrap();
    });
}
