//! What a service has done and how full it is, out of its numbers.
#![allow(clippy::float_arithmetic, reason = "figures for a glance; nothing here is money or a quantity")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::Samples;

/// What a service has done since it started, and how full it is now.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Load {
    pub service: &'static str,
    pub uptime_seconds: f64,
    /// Calls that have ended, and those of them that failed for a reason within Daybook.
    pub calls: f64,
    pub failed_calls: f64,
    /// Time that all calls took together, and how many those were.
    #[serde(skip)]
    pub unary_seconds: f64,
    #[serde(skip)]
    pub unary_calls: f64,
    /// Calls and commands sent away because there was too much to do.
    pub shed: f64,
    /// Calls refused because of who called.
    pub refused: f64,
    /// The pool of which the largest part is in use, with that and all of it.
    pub fullest_pool: Option<(String, f64, f64)>,
    pub resident_bytes: f64,
    pub processor_seconds: f64,
    /// Events that this service has recorded, projected or followed: its position in the log.
    pub position: Option<f64>,
}

/// Codes by which a call fails through no fault of its caller.
const FAILURES: [&str; 5] = ["Unknown", "Internal", "Unavailable", "DataLoss", "ResourceExhausted"];

impl Load {
    /// Out of what an endpoint said.
    #[must_use]
    pub fn of(service: &'static str, samples: &Samples) -> Self {
        let sum = |name: &str| samples.sum(name, &[]).unwrap_or(0.0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let handled = |code| samples.sum("grpc_server_handled_total", &[("grpc_code", code)]).unwrap_or(0.0);
        let of_unary = |name| samples.sum(name, &[("grpc_type", "unary")]).unwrap_or(0.0);
        let mut fullest: Option<(String, f64, f64)> = None;
        for capacity in samples.of("daybook_pool_capacity", &[]) {
            let Some(pool) = capacity.labels.get("pool") else { continue };
            let in_use = samples.sum("daybook_pool_in_use", &[("pool", pool)]).unwrap_or(0.0);
            let share = |(_, in_use, capacity): &(String, f64, f64)| in_use / capacity.max(1.0);
            let this = (pool.clone(), in_use, capacity.value);
            if fullest.as_ref().is_none_or(|fullest| share(fullest) < share(&this)) {
                fullest = Some(this);
            }
        }
        let positions = ["daybook_log_head_position", "daybook_projected_position", "daybook_reports_position"];
        Self {
            service,
            uptime_seconds: (now - sum("process_start_time_seconds")).max(0.0),
            calls: sum("grpc_server_handled_total"),
            failed_calls: FAILURES.map(handled).iter().sum(),
            unary_seconds: of_unary("grpc_server_handling_seconds_sum"),
            unary_calls: of_unary("grpc_server_handling_seconds_count"),
            shed: sum("daybook_shed_total"),
            refused: sum("daybook_refused_calls_total"),
            fullest_pool: fullest,
            resident_bytes: sum("process_resident_memory_bytes"),
            processor_seconds: sum("process_cpu_seconds_total"),
            position: positions.iter().find_map(|name| samples.sum(name, &[])),
        }
    }
}

impl Load {
    /// The fullest pool for reading: its name, what is in use and all of it.
    #[must_use]
    pub fn fullest(&self) -> String {
        let of = |(pool, in_use, capacity): &(String, f64, f64)| format!("{pool} {in_use}/{capacity}");
        self.fullest_pool.as_ref().map(of).unwrap_or_default()
    }

    /// Resident memory in MiB, for reading.
    #[must_use]
    pub fn mebibytes(&self) -> String {
        format!("{:.0}", self.resident_bytes / 1_048_576.0)
    }
}

/// What a service does, each second, between two looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    pub calls: f64,
    pub failed_calls: f64,
    pub shed: f64,
    pub refused: f64,
    /// How long a unary call took in the mean; `None` if there was none.
    pub mean_seconds: Option<f64>,
    /// Cores that were busy.
    pub cores: f64,
    /// Events by which its position moved on.
    pub events: f64,
}

impl Rates {
    /// From one look to another one that was so much later. `None` if the service was started anew in between.
    #[must_use]
    pub fn between(before: &Load, after: &Load, elapsed: Duration) -> Option<Self> {
        let seconds = elapsed.as_secs_f64();
        if seconds <= 0.0 || after.calls < before.calls || after.processor_seconds < before.processor_seconds {
            return None;
        }
        let rate = |before: f64, after: f64| (after - before).max(0.0) / seconds;
        let unary = after.unary_calls - before.unary_calls;
        let position = |load: &Load| load.position.unwrap_or(0.0);
        Some(Self {
            calls: rate(before.calls, after.calls),
            failed_calls: rate(before.failed_calls, after.failed_calls),
            shed: rate(before.shed, after.shed),
            refused: rate(before.refused, after.refused),
            mean_seconds: (unary > 0.0).then(|| (after.unary_seconds - before.unary_seconds) / unary),
            cores: rate(before.processor_seconds, after.processor_seconds),
            events: rate(position(before), position(after)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
        grpc_server_handled_total{grpc_type=\"unary\",grpc_code=\"OK\"} 100\n\
        grpc_server_handled_total{grpc_type=\"unary\",grpc_code=\"Unavailable\"} 7\n\
        grpc_server_handled_total{grpc_type=\"unary\",grpc_code=\"NotFound\"} 5\n\
        grpc_server_handling_seconds_sum{grpc_type=\"unary\"} 2\n\
        grpc_server_handling_seconds_count{grpc_type=\"unary\"} 100\n\
        daybook_pool_capacity{pool=\"a\"} 16\ndaybook_pool_capacity{pool=\"b\"} 2\n\
        daybook_pool_in_use{pool=\"a\"} 4\ndaybook_pool_in_use{pool=\"b\"} 1\n\
        daybook_log_head_position 1000\n# EOF\n";

    #[test]
    fn a_glance_says_what_failed_and_what_is_fullest() {
        let load = Load::of("command", &Samples::parse(TEXT).unwrap());
        assert_eq!((load.calls, load.failed_calls, load.position), (112.0, 7.0, Some(1_000.0)));
        assert_eq!(load.fullest_pool, Some(("b".to_owned(), 1.0, 2.0)));
    }

    #[test]
    fn rates_are_by_the_second_and_none_of_a_service_that_began_anew() {
        let before = Load::of("command", &Samples::parse(TEXT).unwrap());
        let after =
            Load { calls: 212.0, unary_seconds: 3.0, unary_calls: 200.0, position: Some(1_500.0), ..before.clone() };
        let rates = Rates::between(&before, &after, Duration::from_secs(2)).unwrap();
        assert_eq!((rates.calls, rates.events, rates.mean_seconds), (50.0, 250.0, Some(0.01)));
        assert_eq!(Rates::between(&after, &before, Duration::from_secs(2)), None);
    }
}
