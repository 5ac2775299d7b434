//! The results as tables: what was reached, what it cost, and what there is to say.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};

use super::{Report, Row};
use crate::measure::{Figure, Percentiles};

/// The processes in the order of a sale's way through them.
const PROCESSES: [&str; 7] = ["load", "command", "postgres", "nats", "projector", "mongodb", "query"];

/// Writes everything for people.
pub(crate) fn write(out: &mut impl Write, report: &Report) -> io::Result<()> {
    for line in report.machine.iter().chain(&report.durability.lines()) {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "load: {}\n", report.load)?;
    writeln!(out, "{}\n", results(&report.rows))?;
    writeln!(
        out,
        "CPU seconds by process, and microseconds of all of them for each one done\n{}\n",
        cpu(&report.rows)
    )?;
    writeln!(out, "Resident memory by process, the most of it, in MiB\n{}\n", memory(&report.rows))?;
    for row in &report.rows {
        for note in &row.notes {
            writeln!(out, "{} {}: {note}", row.target, row.what)?;
        }
    }
    writeln!(out, "measured in {} s", report.seconds)
}

fn results(rows: &[Row]) -> Table {
    let header = [
        "",
        "what",
        "target",
        "unit",
        "peer",
        "theirs",
        "ours",
        "ratio",
        "theirs from–to",
        "ours from–to",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "met",
    ];
    let mut table = empty(&header, &[5, 6, 7, 10, 11, 12]);
    for row in rows {
        let latency = |of: fn(&Percentiles) -> f64| row.latency.as_ref().map(of).map(rounded).unwrap_or_default();
        table.add_row([
            row.target.to_owned(),
            row.what.clone(),
            row.goal.clone(),
            row.unit.to_owned(),
            row.peer.clone(),
            median(row.theirs),
            median(row.ours),
            row.ratio.map(rounded).unwrap_or_default(),
            spread(row.theirs),
            spread(row.ours),
            latency(|latency| latency.p50_ms),
            latency(|latency| latency.p99_ms),
            latency(|latency| latency.p999_ms),
            row.met.map(|met| if met { "met" } else { "NOT MET" }).unwrap_or_default().to_owned(),
        ]);
    }
    table
}

fn cpu(rows: &[Row]) -> Table {
    let header = ["", "what"].into_iter().chain(PROCESSES).chain(["all", "done", "µs each"]).collect::<Vec<_>>();
    let mut table = empty(&header, &[2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    for row in rows.iter().filter(|row| !row.usage.cpu_seconds.is_empty()) {
        let mut cells = vec![row.target.to_owned(), row.what.clone()];
        let of = |name: &str| row.usage.cpu_seconds.get(name).copied().map(rounded).unwrap_or_default();
        cells.extend(PROCESSES.map(of));
        let all = row.usage.all_cpu_seconds();
        let each = if row.done > 0 { rounded(all * 1_000_000.0 / count(row.done)) } else { String::new() };
        cells.extend([rounded(all), row.done.to_string(), each]);
        table.add_row(cells);
    }
    table
}

fn memory(rows: &[Row]) -> Table {
    let header = ["", "what"].into_iter().chain(PROCESSES).collect::<Vec<_>>();
    let mut table = empty(&header, &[2, 3, 4, 5, 6, 7, 8]);
    for row in rows.iter().filter(|row| !row.usage.memory.is_empty()) {
        let mut cells = vec![row.target.to_owned(), row.what.clone()];
        let of = |name: &str| row.usage.memory.get(name).map(|memory| (memory.peak_kib / 1_024).to_string());
        cells.extend(PROCESSES.map(|name| of(name).unwrap_or_default()));
        table.add_row(cells);
    }
    table
}

fn empty(header: &[&str], numbers: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(header.iter().map(ToString::to_string));
    for number in numbers {
        if let Some(column) = table.column_mut(*number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn median(figure: Option<Figure>) -> String {
    figure.map(|figure| rounded(figure.median)).unwrap_or_default()
}

fn spread(figure: Option<Figure>) -> String {
    figure.map(|figure| format!("{}–{}", rounded(figure.min), rounded(figure.max))).unwrap_or_default()
}

/// A figure with three digits or more.
fn rounded(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        one if one >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[allow(clippy::cast_precision_loss, reason = "a count of minutes")]
fn count(done: u64) -> f64 {
    done as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_digits_that_mean_something() {
        assert_eq!(
            [1_234.5, 99.94, 9.994, 0.4567, 0.0].map(rounded),
            ["1234".to_owned(), "99.9".to_owned(), "9.99".to_owned(), "0.457".to_owned(), "0".to_owned()]
        );
    }

    #[test]
    fn a_target_that_is_not_met_is_told() {
        let row = Row::new("P1", "RecordSale", "sales/s").ours(Some(Figure::once(500.0)));
        let row = row.against("CRUD", Some(Figure::once(100.0))).times_as_much().at_least(6.0).note("slow");
        let report = Report {
            machine: vec!["2 cores".to_owned()],
            durability: crate::durability::Durability::default(),
            load: "457 stores".to_owned(),
            rows: vec![row],
            seconds: 1,
        };
        let mut out = Vec::new();
        write(&mut out, &report).unwrap();
        let text = String::from_utf8(out).unwrap();
        for part in ["NOT MET", "≥ 6 ×", "CRUD", "P1 RecordSale: slow", "5.00"] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }
}
