//! E1: what it costs that one can see what happens: logs and metrics that are read, against neither. Traces are off.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use daybook_chassis::BoxError;
use futures_util::FutureExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::interval,
};

use super::p1::IN_FLIGHT;
use crate::{
    bench::Bench,
    drive::{Contender, Series, alternate, closed, metered, sellers},
    measure::Figure,
    report::Row,
    service::{Instance, Registers, Setup, catalogue, free_port},
};

/// The metrics are read so often: fifteen times as often as Prometheus does by itself.
const READ_EVERY: Duration = Duration::from_secs(1);

const CONNECTIONS: usize = 4;

/// At most 5 % may be lost.
const OF_BLIND: f64 = 0.95;

const BLIND: &str = "no logs, nobody reads metrics";

/// Rates of the rounds, counted until the reports had everything.
type Sustained = Arc<Mutex<Vec<f64>>>;

pub(super) async fn run(bench: &mut Bench) -> Result<(), BoxError> {
    let ports = [free_port()?, free_port()?, free_port()?];
    let names = ["DAYBOOK_COMMAND_METRICS_LISTEN", "DAYBOOK_PROJECTOR_METRICS_LISTEN", "DAYBOOK_QUERY_METRICS_LISTEN"];
    let mut variables: Vec<_> =
        names.into_iter().zip(ports).map(|(name, port)| (name, format!("127.0.0.1:{port}"))).collect();
    variables.extend([("DAYBOOK_LOG", "info".to_owned()), ("DAYBOOK_LOG_FORMAT", "json".to_owned())]);
    let seeing = start(bench, "seeing", variables).await?;
    let blind = start(bench, "blind", vec![("DAYBOOK_LOG", "off".to_owned())]).await?;

    let (ours, theirs) = (Sustained::default(), Sustained::default());
    let contenders = vec![
        contender(bench, "Daybook, seen", &seeing, &ports, &ours)?,
        contender(bench, BLIND, &blind, &[], &theirs)?,
    ];
    let series = alternate(&bench.progress, bench.plan, contenders).await?;
    let [seen, unseen] = series.as_slice() else { return Err("a contender is missing".into()) };
    let cost = |series: &Series| {
        let done = f64::from(u32::try_from(series.done()).unwrap_or(u32::MAX));
        series.usage().all_cpu_seconds() * 1e6 / done.max(1.0)
    };
    let row = Row::new("E1", "RecordSale, 64 in flight, with logs and metrics", "sales/s").of(seen);
    let row = row.against(BLIND, unseen.rate()).times_as_much().at_least(OF_BLIND);
    bench.add(row.note(format!("CPU of a sale {:.0} µs, against {:.0} µs", cost(seen), cost(unseen))));
    let rates = |sustained: &Sustained| {
        // The warm-up comes first.
        let rates = sustained.lock().map(|rates| rates.clone()).unwrap_or_default();
        Figure::of(rates.into_iter().skip(1))
    };
    let row = Row::new("E1", "the same into the documents", "sales/s").ours(rates(&ours));
    bench.add(row.against(BLIND, rates(&theirs)).times_as_much().at_least(OF_BLIND));
    blind.discard().await?;
    seeing.discard().await
}

async fn start(bench: &mut Bench, name: &str, variables: Vec<(&'static str, String)>) -> Result<Instance, BoxError> {
    bench.progress.step(&format!("starting Daybook, {name}"));
    let setup = Setup { variables, ..Setup::default() };
    let instance = Instance::start_as(&bench.cli.servers, name, setup).await?;
    catalogue(&instance, bench.world()).await?;
    bench.ready(&instance).await?;
    Ok(instance)
}

fn contender<'a>(
    bench: &'a Bench,
    name: &str,
    instance: &'a Instance,
    read: &[u16],
    sustained: &Sustained,
) -> Result<Contender<'a>, BoxError> {
    let registers = Arc::new(Registers::open(instance, bench.world(), CONNECTIONS)?);
    let (read, sustained) = (read.to_vec(), Arc::clone(sustained));
    Ok(Contender::new(name, move |time| {
        let callers = sellers(&registers, bench.draws.many(IN_FLIGHT));
        let (read, sustained) = (read.clone(), Arc::clone(&sustained));
        async move {
            let begun = Instant::now();
            let working = async {
                let run = metered(instance.watched(), closed(time, callers)).await?;
                instance.caught_up().await?;
                Ok::<_, BoxError>(run)
            };
            let run = tokio::select! {
                run = working => run?,
                ended = read_metrics(&read) => return Err(ended),
            };
            if let Ok(mut rates) = sustained.lock() {
                rates.push(f64::from(u32::try_from(run.done)?) / begun.elapsed().as_secs_f64());
            }
            Ok(run)
        }
        .boxed_local()
    }))
}

/// Reads the metrics of all ports again and again; ends only if that is not possible.
async fn read_metrics(ports: &[u16]) -> BoxError {
    let mut ticks = interval(READ_EVERY);
    loop {
        ticks.tick().await;
        for port in ports {
            if let Err(error) = read(*port).await {
                return format!("the metrics cannot be read: {error}").into();
            }
        }
    }
}

async fn read(port: u16) -> Result<(), BoxError> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    if answer.starts_with(b"HTTP/1.1 200") { Ok(()) } else { Err("the answer is no 200".into()) }
}
