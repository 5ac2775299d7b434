//! What an operator sees at a glance.

use daybook_operator::{
    metrics::MetricsEndpoints,
    top::{TopOptions, top},
};

use crate::{
    reports::scenario,
    verifying::endpoints,
    world::{in_world, until::until, whole::WholeWorld},
};

fn metrics(world: &WholeWorld) -> MetricsEndpoints {
    MetricsEndpoints {
        command: Some(world.command.metrics_endpoint()),
        projector: Some(world.projector.metrics_endpoint()),
        query: Some(world.query.metrics_endpoint()),
    }
}

#[test]
fn the_loads_of_all_services_are_read_and_of_one_that_is_away_not() {
    in_world(async |world| {
        let position = scenario::happen(world).await;
        world.reported(position).await;
        let head = f64::from(i32::try_from(position).unwrap());
        let loads = until("all services tell how far they are", async || {
            let loads = metrics(world).loads().await;
            let at_head = loads.iter().filter(|load| load.position == Some(head));
            (at_head.count() == 3).then_some(loads)
        })
        .await;
        let names: Vec<_> = loads.iter().map(|load| load.service).collect();
        assert_eq!(names, ["command", "projector", "query"]);
        assert!(loads.iter().all(|load| load.resident_bytes > 0.0 && load.calls > 0.0), "{loads:?}");

        world.projector.tell_to_stop();
        until("the projector tells nothing any more", async || (metrics(world).loads().await.len() == 2).then_some(()))
            .await;
    });
}

#[test]
fn what_happens_is_shown_once_where_there_is_no_terminal() {
    in_world(async |world| {
        let position = scenario::happen(world).await;
        world.reported(position).await;
        let options = TopOptions { interval: 1, once: true, metrics: metrics(world) };
        let mut out = Vec::new();
        top(&endpoints(world), &options, &mut out).await.expect("it is shown");
        let text = String::from_utf8(out).expect("text");
        for part in ["command", "projector", "query", "serving", &position.to_string(), "lag of the reports, events"] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(!text.contains('\u{1b}'), "nothing for a terminal: {text:?}");
    });
}
