//! `daybook top`: how things are, again and again: what each service does by the second, how full it is, and how far behind
//! the reports are.

use std::{
    io::{IsTerminal as _, Write, stdout},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    endpoints::Endpoints,
    error::Error,
    metrics::{Load, MetricsEndpoints, Rates},
    output::{Sheet, number, text},
    status::{Status, status},
};

/// Between two looks, unless something else is asked for.
const DEFAULT_INTERVAL_SECONDS: u64 = 2;

/// Puts the cursor to the top left and clears the screen.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// What to show, and how often.
#[derive(Clone, Debug, clap::Args)]
pub struct TopOptions {
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = DEFAULT_INTERVAL_SECONDS,
        value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub interval: u64,
    /// Look twice and write what happened between, as it is done where the output is no terminal
    #[arg(long)]
    pub once: bool,
    #[command(flatten)]
    pub metrics: MetricsEndpoints,
}

/// A look at everything.
struct Look {
    at: Instant,
    status: Status,
    loads: Vec<Load>,
}

/// Shows how things are until it is interrupted, or once.
///
/// # Errors
/// If an endpoint is not a URL, or the output is closed. A service that is away is no error: it is shown.
pub async fn top(endpoints: &Endpoints, options: &TopOptions, out: &mut impl Write) -> Result<(), Error> {
    let metrics = options.metrics.resolve()?;
    let interval = Duration::from_secs(options.interval);
    let once = options.once || !stdout().is_terminal();
    let mut before = look(endpoints, &metrics).await?;
    loop {
        tokio::time::sleep_until(before.at + interval).await;
        let now = look(endpoints, &metrics).await?;
        if !once {
            write!(out, "{CLEAR}").map_err(Error::output)?;
        }
        write(&before, &now, out)?;
        out.flush().map_err(Error::output)?;
        if once {
            return Ok(());
        }
        before = now;
    }
}

async fn look(endpoints: &Endpoints, metrics: &MetricsEndpoints) -> Result<Look, Error> {
    let at = Instant::now();
    let (status, loads) = tokio::join!(status(endpoints), metrics.loads());
    Ok(Look { at, status: status?, loads })
}

fn write(before: &Look, now: &Look, out: &mut impl Write) -> Result<(), Error> {
    let columns = [
        text("service"),
        text("health"),
        number("calls/s"),
        number("failed/s"),
        number("mean ms"),
        number("events/s"),
        number("shed/s"),
        number("refused/s"),
        text("fullest"),
        number("cores"),
        number("MiB"),
    ];
    let mut sheet = Sheet::new(&columns);
    for service in &now.status.services {
        let of = |look: &Look| look.loads.iter().find(|load| load.service == service.service).cloned();
        let mut row = vec![service.service.to_owned(), service.health.replace('_', " ").to_lowercase()];
        row.extend(cells(of(before).as_ref(), of(now).as_ref(), now.at - before.at));
        sheet.row(row);
    }
    sheet.write_table(out)?;
    let mut sheet = Sheet::new(&[text("log"), number("value")]);
    let known = |value: Option<i64>| value.map_or_else(|| "unknown".to_owned(), |value| value.to_string());
    let status = &now.status;
    for (name, value) in [
        ("head position", status.head_position),
        ("publish lag, events", status.publish_lag_events),
        ("lag of the reports, events", status.lag_events),
        ("lag of the reports, seconds", status.lag_seconds),
        ("parked events", status.parked_events),
        ("documents that differed", status.different_documents),
    ] {
        sheet.row(vec![name.to_owned(), known(value)]);
    }
    sheet.write_table(out)
}

/// The cells of a service after its health; without numbers they say where those would come from.
fn cells(before: Option<&Load>, now: Option<&Load>, elapsed: Duration) -> Vec<String> {
    let Some(now) = now else { return [""; 9].map(str::to_owned).to_vec() };
    let rates = before.and_then(|before| Rates::between(before, now, elapsed));
    let rate = |of: fn(&Rates) -> f64, decimals: usize| {
        rates.as_ref().map_or_else(String::new, |rates| format!("{:.decimals$}", of(rates)))
    };
    let mean = rates.and_then(|rates| rates.mean_seconds).map(Duration::from_secs_f64);
    vec![
        rate(|rates| rates.calls, 0),
        rate(|rates| rates.failed_calls, 0),
        mean.map_or_else(String::new, millis),
        rate(|rates| rates.events, 0),
        rate(|rates| rates.shed, 0),
        rate(|rates| rates.refused, 0),
        now.fullest(),
        rate(|rates| rates.cores, 2),
        now.mebibytes(),
    ]
}

fn millis(time: Duration) -> String {
    format!("{}.{}", time.as_millis(), time.as_micros() / 100 % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(at: Instant, calls: f64) -> Look {
        let load = Load {
            service: "command",
            calls,
            fullest_pool: Some(("postgres_readers".to_owned(), 4.0, 16.0)),
            resident_bytes: 3_145_728.0,
            ..Load::default()
        };
        let health = crate::status::ServiceHealth {
            service: "command",
            endpoint: None,
            health: "SERVING",
            detail: String::new(),
        };
        let status = Status { services: vec![health], lag_events: Some(7), ..Status::default() };
        Look { at, status, loads: vec![load] }
    }

    #[test]
    fn a_look_shows_what_happened_since_the_last_one() {
        let begun = Instant::now();
        let mut out = Vec::new();
        write(&look(begun, 100.0), &look(begun + Duration::from_secs(2), 500.0), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for part in ["serving", "200", "postgres_readers 4/16", "lag of the reports, events", "7", "unknown"] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }

    #[test]
    fn a_service_whose_numbers_are_not_known_has_a_row_all_the_same() {
        let begun = Instant::now();
        let (mut before, mut now) = (look(begun, 1.0), look(begun + Duration::from_secs(2), 1.0));
        before.loads.clear();
        now.loads.clear();
        let mut out = Vec::new();
        write(&before, &now, &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().contains("command"));
    }
}
