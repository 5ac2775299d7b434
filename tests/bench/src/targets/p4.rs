//! P4: from commit to visible in a query.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use daybook::{client::QueryClient, query::v1::GetStoreDayRequest};
use daybook_chassis::BoxError;
use tonic::Request;

use crate::{
    bench::{Bench, DATE},
    drive::{Arrivals, metered, open},
    load::Sale,
    measure::{Figure, Latency},
    report::Row,
    service::{Instance, Registers},
};

/// How fast sales come, and for how long.
pub(super) const SALES_PER_SECOND: f64 = 500.0;
const TIME: Duration = Duration::from_secs(20);

/// The first sales find connections and caches cold: their queries are made, not counted.
const WARM_UP_SALES: u64 = 1_000;

/// One sale in so many is looked for.
const LOOKED_FOR: u64 = 5;

/// How long a query may wait.
const QUERY_TIMEOUT: Duration = Duration::from_secs(10);

const P50_MS: f64 = 20.0;
const P99_MS: f64 = 100.0;

pub(super) async fn run(bench: &mut Bench, instance: &Instance) -> Result<(), BoxError> {
    bench.progress.step(&format!("{SALES_PER_SECOND} sales/s, looking for one in {LOOKED_FOR}"));
    let registers = Registers::open(instance, bench.world(), 1)?;
    let visible = Arc::new(Mutex::new(Latency::new()));
    let (draws, queries, seen) = (Arc::clone(&bench.draws), instance.queries.clone(), Arc::clone(&visible));
    let sell = move |number: u64, sale: Sale| {
        let (registers, queries, seen) = (registers.clone(), queries.clone(), Arc::clone(&seen));
        let world = draws.world;
        async move {
            let position = registers.sell(&sale).await?;
            if number.is_multiple_of(LOOKED_FOR) {
                let answered = Instant::now();
                let store_id = world.stores.get(sale.store).map(|store| store.store_id.clone()).unwrap_or_default();
                look(queries, store_id, position).await?;
                let latency = answered.elapsed();
                if let (true, Ok(mut seen)) = (number >= WARM_UP_SALES, seen.lock()) {
                    seen.record(latency);
                }
            }
            Ok(())
        }
    };
    let arrivals = Arrivals { per_second: SALES_PER_SECOND, time: TIME };
    let run = metered(instance.watched(), open(arrivals, bench.draws.sales(), sell)).await?;
    let visible = visible.lock().map(|visible| visible.clone()).map_err(|_| "a query panicked")?;
    let percentiles = visible.percentiles().ok_or("no query was made")?;
    let met = percentiles.p50_ms <= P50_MS && percentiles.p99_ms <= P99_MS;
    let row = Row::new("P4", format!("from commit to visible, at {SALES_PER_SECOND} sales/s"), "ms")
        .ours(Some(Figure::once(percentiles.p50_ms)))
        .latency(&visible)
        .goal(format!("p50 ≤ {P50_MS} ms, p99 ≤ {P99_MS} ms"), met)
        .usage(run.usage, run.done)
        .note(format!("{} sales were looked for", percentiles.count));
    bench.add(row);
    Ok(())
}

/// Asks for the store's day as of the position, and waits for it.
async fn look(queries: QueryClient, store_id: String, position: i64) -> Result<(), BoxError> {
    let mut request =
        Request::new(GetStoreDayRequest { store_id, business_date: DATE.to_string(), at_least_position: position });
    request.set_timeout(QUERY_TIMEOUT);
    let answer = queries.store_days.clone().get_store_day(request).await?.into_inner();
    let shown = answer.as_of.map_or(0, |as_of| as_of.position);
    if shown < position { Err(format!("asked for {position}, shown is {shown}").into()) } else { Ok(()) }
}
