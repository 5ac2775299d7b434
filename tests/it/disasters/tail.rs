//! The log comes back without its end, while the broker and the documents have it: nothing is recorded and no report answered
//! until an operator has decided, and then everything goes on.

use std::{collections::BTreeSet, fmt::Debug, fs};

use daybook::{
    client::QueryClient,
    command::v1::RecordSaleRequest,
    query::v1::{GetProjectionStatusRequest, GetStoreDayRequest, GetStoreDayResponse},
};
use daybook_operator::{
    Notices,
    verify::{VerifyOptions, verify},
};
use tonic::{Code, Request, Status};

use super::{PATIENCE, SERVICES, dump, restore, start, stop};
use crate::{
    given::{
        answer::{Refused, again, refused},
        catalogue::{self, BREAD, NEW_YORK},
        commands::Commands,
        sale::{SOLD_ON, Sale},
    },
    kills::cluster::{Cluster, Victim},
    world::{
        run,
        until::{until, until_within},
    },
};

/// A chain that sold, was dumped, and sold more.
struct Chain {
    cluster: Cluster,
    commands: Commands,
    query: QueryClient,
    /// The dump without the end.
    dump: String,
    kept: Vec<RecordSaleRequest>,
    /// What was sold after the dump.
    lost: Vec<RecordSaleRequest>,
}

fn sale(number: &str) -> RecordSaleRequest {
    Sale::new(number).line(BREAD, 1_000, 250).build()
}

/// Waits until a call is refused because of the log: a service that serves no more may have missed only the database or the
/// broker, and finds out next. It must never be answered.
async fn replaced<T: Debug>(call: impl AsyncFn() -> Result<T, Status>) -> Refused {
    until_within(PATIENCE, "it is refused because of the log", async || {
        let refusal = refused(call().await);
        assert_eq!(refusal.why().0, Code::Unavailable);
        (refusal.why().1 == "LOG_REPLACED").then_some(refusal)
    })
    .await
}

impl Chain {
    async fn start() -> Self {
        let cluster = Cluster::start().await;
        let endpoints = cluster.endpoints();
        let channel = |url: Option<String>| daybook::client::channel(&url.expect("a URL")).expect("a URI");
        let commands = Commands::over(channel(endpoints.command));
        let query = QueryClient::new(channel(endpoints.query));
        catalogue::register(&commands).await;
        let (kept, lost) = (["1", "2", "3"].map(sale), ["4", "5"].map(sale));
        for sale in &kept {
            commands.sell(sale.clone()).await.expect("a sale");
        }
        let dump = dump(&cluster, "early.dump");
        let mut position = 0;
        for sale in &lost {
            position = commands.sell(sale.clone()).await.expect("a sale").position;
        }
        let chain = Self { cluster, commands, query, dump, kept: kept.into(), lost: lost.into() };
        chain.projected(position).await;
        chain.published(position).await;
        chain
    }

    /// Waits until the documents hold a position.
    async fn projected(&self, at_least_position: i64) {
        let mut request = Request::new(GetProjectionStatusRequest { at_least_position });
        request.set_timeout(PATIENCE);
        self.query.projection.clone().get_projection_status(request).await.expect("the documents come there");
    }

    /// Waits until the broker has a position.
    async fn published(&self, position: i64) {
        let endpoints = self.cluster.endpoints();
        until("the broker has the position", async || {
            let status = daybook_operator::status::status(&endpoints).await.ok()?;
            (status.published_position? >= position).then_some(())
        })
        .await;
    }

    async fn head(&self) -> i64 {
        until_within(PATIENCE, "PostgreSQL answers", async || self.cluster.head().await).await
    }

    /// Puts the dump in the place of the log. The command service does not run meanwhile.
    async fn lose_the_end(&mut self) {
        let dump = self.dump.clone();
        stop(&mut self.cluster, &[Victim::Command]).await;
        self.replace_log(&dump).await;
        self.cluster.process(Victim::Command).start();
    }

    async fn replace_log(&mut self, dump: &str) {
        self.cluster.lose(Victim::Postgres).await;
        self.cluster.start_empty(Victim::Postgres).await;
        restore(&self.cluster, dump);
    }

    async fn report(&self) -> Result<GetStoreDayResponse, Status> {
        let message = GetStoreDayRequest {
            store_id: NEW_YORK.to_owned(),
            business_date: SOLD_ON.to_owned(),
            ..Default::default()
        };
        let mut request = Request::new(message);
        request.set_timeout(PATIENCE);
        self.query.store_days.clone().get_store_day(request).await.map(tonic::Response::into_inner)
    }

    async fn transactions(&self) -> i64 {
        self.report().await.expect("a report").store_day.and_then(|day| day.sales).expect("figures").transactions
    }

    /// All services refuse, each saying why, and the log stays as it is.
    async fn assert_refused(&mut self) {
        for service in SERVICES {
            self.cluster.refusing(service).await;
            // It also refuses before it has looked; a broker that cannot be looked at soon would be taken for one that is away.
            let process = self.cluster.process(service);
            until_within(PATIENCE, &format!("{service:?} says what to do"), async || {
                process.assert_running();
                process.tail().contains("docs/operations.md").then_some(())
            })
            .await;
        }
        let head = self.head().await;
        let refusal = replaced(async || self.commands.sell(sale("6")).await).await;
        assert!(refusal.retry_after.is_some(), "registers keep the sale and send it again");
        replaced(async || self.commands.sell(self.lost[0].clone()).await).await;
        replaced(async || self.report().await).await;
        assert_eq!(self.head().await, head, "nothing was recorded");
    }

    /// Documents, tables and log say the same.
    async fn verify(&self) {
        self.projected(self.head().await).await;
        let options = VerifyOptions { patience: PATIENCE, ..VerifyOptions::all() };
        let verified = verify(&self.cluster.endpoints(), &options, &Notices::kept()).await.expect("it can be verified");
        assert!(verified.is_equal() && verified.is_decided(), "{verified:#?}");
    }
}

#[test]
fn a_log_without_its_end_is_refused_until_the_better_backup_is_restored() {
    run(async {
        let mut chain = Chain::start().await;
        let better = dump(&chain.cluster, "late.dump");
        chain.lose_the_end().await;
        chain.assert_refused().await;

        stop(&mut chain.cluster, &[Victim::Command]).await;
        chain.replace_log(&better).await;
        start(&mut chain.cluster, &[Victim::Command]).await;
        for service in SERVICES {
            chain.cluster.serving(service).await;
        }
        for sale in chain.kept.iter().chain(&chain.lost) {
            assert!(chain.commands.sell(sale.clone()).await.expect("it was recorded").duplicate);
        }
        assert!(!chain.commands.sell(sale("6")).await.expect("a sale").duplicate);
        chain.verify().await;
        assert_eq!(chain.transactions().await, 6);
    });
}

#[test]
fn a_lost_end_is_given_up_and_its_sales_are_sent_again() {
    run(async {
        let mut chain = Chain::start().await;
        chain.lose_the_end().await;
        chain.assert_refused().await;

        let file = chain.cluster.directory().join("lost.jsonl").display().to_string();
        chain.cluster.service_program("daybook-command", &["lost-events", &file]);
        let lines: Vec<serde_json::Value> =
            fs::read_to_string(&file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let ids = |line: &serde_json::Value| line["metadata"]["request_id"].as_str().unwrap().to_owned();
        let lost: BTreeSet<String> = chain.lost.iter().map(|sale| sale.request_id.clone()).collect();
        assert_eq!(lines.iter().map(ids).collect::<BTreeSet<_>>(), lost, "what was acknowledged and is gone");
        assert_eq!(lines.len(), lost.len());

        stop(&mut chain.cluster, &SERVICES).await;
        chain.cluster.service_program("daybook-command", &["drop-stream"]);
        chain.cluster.service_program("daybook-projector", &["drop-documents"]);
        start(&mut chain.cluster, &SERVICES).await;
        for sale in &chain.kept {
            assert!(chain.commands.sell(sale.clone()).await.expect("it was recorded").duplicate);
        }
        chain.verify().await;
        assert_eq!(chain.transactions().await, 3, "the reports are those of the log");
        for sale in &chain.lost {
            let accepted = chain.commands.sell(sale.clone()).await.expect("it is recorded anew");
            assert!(!accepted.duplicate);
            assert_eq!(chain.commands.sell(sale.clone()).await.expect("once"), again(&accepted));
        }
        chain.verify().await;
        assert_eq!(chain.transactions().await, 5);
    });
}

#[test]
fn a_log_that_lost_its_end_and_went_on_is_found_out_by_what_it_holds() {
    run(async {
        let mut chain = Chain::start().await;
        let end = chain.head().await;
        // Without the broker nobody can know: the log goes on, beyond where it was.
        chain.cluster.process(Victim::Nats).kill();
        stop(&mut chain.cluster, &[Victim::Projector, Victim::Query]).await;
        chain.lose_the_end().await;
        chain.cluster.serving(Victim::Command).await;
        for number in ["7", "8", "9"] {
            chain.commands.sell(sale(number)).await.expect("a sale");
        }
        assert!(chain.head().await > end);
        for part in [Victim::Nats, Victim::Projector, Victim::Query] {
            chain.cluster.process(part).start();
        }
        chain.assert_refused().await;
    });
}

#[test]
fn a_log_that_is_replaced_under_a_running_service_is_refused() {
    run(async {
        let mut chain = Chain::start().await;
        let (dump, kept) = (chain.dump.clone(), chain.kept.clone());
        chain.replace_log(&dump).await;
        // Even without the broker, the process knows what it saw in the log.
        chain.cluster.process(Victim::Nats).kill();
        chain.assert_refused().await;
        replaced(async || chain.commands.sell(kept[0].clone()).await).await;
    });
}
