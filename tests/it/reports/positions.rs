//! Queries that wait for a position: who has written reads what he wrote.

use std::time::{Duration, Instant};

use daybook::{
    query::v1::{GetProjectionStatusRequest, GetStockRequest, GetStoreDayRequest, StreamStoreDaysRequest},
    reason,
};
use tonic::{Code, Request};

use crate::{
    given::{
        answer::refused,
        catalogue::{self, BREAD, NEW_YORK},
        sale::{SOLD_ON, Sale},
    },
    world::{in_world, until::answered},
};

/// Deadline of a call that waits in vain. The answer leaves a tenth of it sooner.
const SHORT: Duration = Duration::from_secs(3);

#[test]
fn whoever_asks_with_the_position_of_his_command_sees_its_effect() {
    in_world(async |world| {
        let commands = world.commands();
        catalogue::register(&commands).await;
        for nth in 1..=40 {
            let sale = Sale::new(&format!("R-{nth}")).line(BREAD, 1_000, 250).build();
            let at_least_position = commands.sell(sale).await.unwrap().position;
            let (store_id, item_id, business_date) = (NEW_YORK.to_owned(), BREAD.to_owned(), SOLD_ON.to_owned());
            let day = GetStoreDayRequest { store_id: store_id.clone(), business_date, at_least_position };
            let day = world.queries().store_days.get_store_day(day).await.unwrap().into_inner();
            let day = day.store_day.unwrap();
            assert_eq!((day.position, day.sales.unwrap().transactions), (at_least_position, nth));
            let stock = GetStockRequest { store_id, item_id, at_least_position };
            let stock = world.queries().stock.get_stock(stock).await.unwrap().into_inner().stock.unwrap();
            assert_eq!(stock.on_hand_milli, -1_000 * nth);
        }
    });
}

#[test]
fn a_position_that_nothing_has_reached_is_answered_at_the_deadline_with_how_far_it_is() {
    in_world(async |world| {
        let head = catalogue::register(&world.commands()).await;
        world.reported(head).await;
        let at_least_position = head + 1;
        let queries = world.queries();
        let waiting = |mut request: Request<GetProjectionStatusRequest>| {
            request.set_timeout(SHORT);
            let mut projection = queries.projection.clone();
            async move { projection.get_projection_status(request).await }
        };
        let begun = Instant::now();
        let late =
            answered(async || waiting(Request::new(GetProjectionStatusRequest { at_least_position })).await).await;
        let waited = begun.elapsed();
        let late = late.expect_err("nothing has that position");
        assert_eq!(refused::<()>(Err(late.clone())).why(), (Code::DeadlineExceeded, reason::POSITION_NOT_REACHED));
        assert!(waited >= SHORT / 2, "it waits: {waited:?}");
        let details = tonic_types::StatusExt::get_error_details(&late);
        assert_eq!(details.error_info().unwrap().metadata["applied_position"], head.to_string());

        let day = async || {
            let (store_id, business_date) = (NEW_YORK.to_owned(), SOLD_ON.to_owned());
            let mut request = Request::new(GetStoreDayRequest { store_id, business_date, at_least_position });
            request.set_timeout(SHORT);
            queries.store_days.clone().get_store_day(request).await
        };
        let late = refused(answered(day).await);
        assert_eq!(late.why(), (Code::DeadlineExceeded, reason::POSITION_NOT_REACHED));
        let stream = async || {
            let mut request = Request::new(StreamStoreDaysRequest {
                dates: Some(daybook::query::v1::DateRange { from_date: SOLD_ON.into(), to_date: SOLD_ON.into() }),
                at_least_position,
                ..Default::default()
            });
            request.set_timeout(SHORT);
            let stream = queries.store_days.clone().stream_store_days(request).await?;
            stream.into_inner().message().await.map(drop)
        };
        let streamed = answered(stream).await;
        assert_eq!(refused(streamed).why(), (Code::DeadlineExceeded, reason::POSITION_NOT_REACHED));

        // The same question is answered as soon as there is such a position.
        let sale = Sale::new("R-1").line(BREAD, 1_000, 250).build();
        let mut request = Request::new(GetProjectionStatusRequest { at_least_position });
        request.set_timeout(Duration::from_secs(30));
        let mut projection = queries.projection.clone();
        let (reached, sold) =
            tokio::join!(projection.get_projection_status(request), async { world.commands().sell(sale).await });
        assert_eq!(sold.unwrap().position, at_least_position);
        let as_of = reached.unwrap().into_inner().as_of.unwrap();
        let recorded_at = world.log_status().await.head_recorded_at;
        assert_eq!((as_of.position, as_of.recorded_at), (at_least_position, recorded_at));
    });
}
