//! What all targets share: the servers, the chain and its sales, the instances of Daybook, and the results.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use daybook_chassis::BoxError;
use jiff::civil::Date;

use crate::{
    cli::Cli,
    drive::Plan,
    durability::Durability,
    load::{Sales, World},
    measure::Figure,
    progress::Progress,
    report::{Report, Row},
    service::{Instance, catalogue},
};

/// The business date of the sales.
pub(crate) const DATE: Date = jiff::civil::date(2025, 3, 3);

/// A run of the benchmark.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) cli: Cli,
    pub(crate) plan: Plan,
    pub(crate) progress: Progress,
    pub(crate) draws: Arc<Draws>,
    pub(crate) durability: Durability,
    pub(crate) rows: Vec<Row>,
    /// What CRUD line by line came to in this run.
    pub(crate) crud_rate: Option<Figure>,
    /// The instance whose log P1, P2 and P3 write and P6 reads.
    pub(crate) main: Option<Instance>,
    begun: Instant,
}

/// Where sales come from: no two sources give the same.
#[derive(Debug)]
pub(crate) struct Draws {
    pub(crate) world: &'static World,
    next_run: AtomicU64,
}

impl Draws {
    /// A source of sales of the whole chain.
    pub(crate) fn sales(&self) -> Sales<'static> {
        self.sales_on(DATE)
    }

    /// The same on another date.
    pub(crate) fn sales_on(&self, date: Date) -> Sales<'static> {
        self.world.sales(self.next_run(), date)
    }

    /// As many sources as that.
    pub(crate) fn many(&self, count: usize) -> Vec<Sales<'static>> {
        (0..count).map(|_| self.sales()).collect()
    }

    /// A source of one register of one store.
    pub(crate) fn register(&self, store: usize) -> Sales<'static> {
        self.world.sales_of(self.next_run(), DATE, store % self.world.stores.len())
    }

    fn next_run(&self) -> u64 {
        self.next_run.fetch_add(1, Ordering::Relaxed)
    }
}

impl Bench {
    /// Looks at the servers; refuses those that need not keep what they acknowledge.
    pub(crate) async fn open(cli: Cli) -> Result<Self, BoxError> {
        let progress = Progress::new();
        let durability = Durability::read(&cli.servers).await?;
        machine(&cli.servers.build).iter().chain(&durability.lines()).for_each(|line| progress.say(line));
        // One chain for the whole run, used by every task of it.
        let world: &'static World = Box::leak(Box::new(World::drawn(cli.seed)));
        Ok(Self {
            plan: cli.plan(),
            cli,
            progress,
            draws: Arc::new(Draws { world, next_run: AtomicU64::new(1) }),
            durability,
            rows: Vec::new(),
            crud_rate: None,
            main: None,
            begun: Instant::now(),
        })
    }

    pub(crate) fn world(&self) -> &'static World {
        self.draws.world
    }

    /// An instance of Daybook with empty stores.
    pub(crate) async fn empty_instance(&self, name: &str) -> Result<Instance, BoxError> {
        self.progress.step("starting Daybook");
        Instance::start(&self.cli.servers, name).await
    }

    /// An instance that knows the chain.
    pub(crate) async fn instance(&mut self, name: &str) -> Result<Instance, BoxError> {
        let instance = self.empty_instance(name).await?;
        self.progress.step("registering the chain");
        catalogue(&instance, self.draws.world).await?;
        self.ready(&instance).await?;
        Ok(instance)
    }

    /// Waits until an instance has worked off its catalogue, and looks at the stream that its relay has made.
    pub(crate) async fn ready(&mut self, instance: &Instance) -> Result<(), BoxError> {
        instance.caught_up().await?;
        self.durability.read_stream(&self.cli.servers, instance.place()).await
    }

    /// Makes sure that the main instance runs.
    pub(crate) async fn start_main(&mut self) -> Result<(), BoxError> {
        if self.main.is_none() {
            self.main = Some(self.instance("main").await?);
        }
        Ok(())
    }

    /// The main instance, once it was started.
    pub(crate) fn main(&self) -> Result<&Instance, BoxError> {
        self.main.as_ref().ok_or_else(|| "the main instance does not run".into())
    }

    /// Notes a result.
    pub(crate) fn add(&mut self, row: Row) {
        self.progress.say(&row.line());
        self.rows.push(row);
    }

    /// Stops what still runs and gathers the results.
    pub(crate) async fn finish(mut self) -> Report {
        if let Some(main) = self.main.take()
            && let Err(error) = main.discard().await
        {
            self.progress.say(&format!("the main instance could not be deleted: {error}"));
        }
        self.progress.clear();
        self.rows.sort_by_key(|row| row.target);
        let world = self.draws.world;
        Report {
            machine: machine(&self.cli.servers.build),
            durability: self.durability,
            load: format!(
                "{} stores, {} suppliers, {} items, about 9 lines a sale, drawn from seed {}",
                world.stores.len(),
                world.suppliers.len(),
                world.items.len(),
                self.cli.seed
            ),
            rows: self.rows,
            seconds: self.begun.elapsed().as_secs(),
        }
    }
}

/// What runs where.
fn machine(build: &str) -> Vec<String> {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("unknown");
        line.trim_start_matches([' ', '\t', ':']).to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = field(&text("/proc/cpuinfo"), "model name");
    let memory = field(&text("/proc/meminfo"), "MemTotal");
    let kernel = text("/proc/sys/kernel/osrelease");
    vec![
        format!("machine: {cores} cores ({model}), {memory} of memory, Linux {}", kernel.trim()),
        format!("programs: {build}"),
    ]
}
