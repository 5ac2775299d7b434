//! Contenders of several targets.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use daybook_chassis::BoxError;
use futures_util::FutureExt as _;

use crate::{
    bench::Bench,
    drive::{Contender, Sell, closed, metered, sellers},
    measure::Figure,
    peers::crud::Crud,
    service::{Instance, Registers},
};

/// Names as they stand in the results.
pub(super) const CRUD: &str = "CRUD line by line";
pub(super) const CRUD_SET: &str = "CRUD set-based";
pub(super) const CQRS_ES: &str = "cqrs-es";
pub(super) const DAYBOOK: &str = "Daybook";

/// How long the reports needed after each round until they had everything.
#[derive(Clone, Debug, Default)]
pub(super) struct Behind(Arc<Mutex<Vec<f64>>>);

impl Behind {
    /// Waits until the reports have everything, so that the projector takes nothing from the next contender.
    pub(super) async fn settle(&self, instance: &Instance) -> Result<(), BoxError> {
        let begun = Instant::now();
        instance.caught_up().await?;
        if let Ok(mut seconds) = self.0.lock() {
            seconds.push(begun.elapsed().as_secs_f64());
        }
        Ok(())
    }

    /// What is to be said about it.
    pub(super) fn told(&self) -> String {
        // The warm-up comes first.
        let seconds = self.0.lock().map(|seconds| seconds.clone()).unwrap_or_default();
        match Figure::of(seconds.into_iter().skip(1)) {
            None => "the reports were not waited for".to_owned(),
            Some(Figure { median, min, max }) => {
                format!("after a round the reports had everything within {median:.1} s ({min:.1}–{max:.1})")
            }
        }
    }
}

/// Daybook with so many sales unanswered at once.
pub(super) fn daybook<'a>(
    bench: &'a Bench,
    instance: &'a Instance,
    registers: &Arc<Registers>,
    in_flight: usize,
    behind: &Behind,
) -> Contender<'a> {
    let (registers, behind) = (Arc::clone(registers), behind.clone());
    Contender::new(DAYBOOK, move |time| {
        let callers = sellers(&registers, bench.draws.many(in_flight));
        let behind = behind.clone();
        async move {
            let run = metered(instance.watched(), closed(time, callers)).await?;
            behind.settle(instance).await?;
            Ok(run)
        }
        .boxed_local()
    })
}

/// A peer with as many sales at once as is good for it.
pub(super) fn peer<'a, P: Sell>(bench: &'a Bench, name: &str, peer: &Arc<P>, in_flight: usize) -> Contender<'a> {
    let peer = Arc::clone(peer);
    Contender::new(name, move |time| {
        let callers = sellers(&peer, bench.draws.many(in_flight));
        metered(bench.cli.servers.watched().to_vec(), closed(time, callers)).boxed_local()
    })
}

/// CRUD line by line with an empty database.
pub(super) async fn crud(bench: &Bench) -> Result<Arc<Crud>, BoxError> {
    bench.progress.step("preparing CRUD");
    Ok(Arc::new(Crud::open(&bench.cli.servers.postgres_url, bench.world()).await?))
}
