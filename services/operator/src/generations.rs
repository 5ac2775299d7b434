//! `daybook rebuild` and `daybook rollback`: another generation of documents, built beside the one that is served, and
//! switched to by the projectors. The program only asks and watches: whatever happens to it, they go on.

use std::{io::Write, time::Duration, time::Instant};

use daybook::client::Link;
use daybook::projector::v1::{
    AbandonTransitionRequest, GetGenerationsRequest, GetGenerationsResponse, StartRebuildRequest, StartRollbackRequest,
    Transition, generation_service_client::GenerationServiceClient,
};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::{
    calls,
    endpoints::Endpoints,
    error::{Error, Service},
    export::head_position,
    import::seconds,
    json,
    notices::Notices,
    output::{Format, Sheet, text},
};

/// How often it is asked how far the work is.
const ASK_INTERVAL: Duration = Duration::from_millis(250);

const AFTER_HELP: &str = "\
The new generation is built from the log beside the one that is served, compared with it document by document, and then \
served instead. Until then nothing changes for readers, whatever is stopped or killed; the projectors go on by themselves. \
If it differs, what is served stays and the exit code is 3: give the rebuild up with --abandon, or, if a fold was corrected \
on purpose, ask again with --expect-difference. The old generation is kept for daybook rollback.";

/// What to rebuild.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct RebuildOptions {
    /// Which report to fold from the first event on: store_days, supplier_days, stock, category_days, or all
    #[arg(value_name = "REPORT", default_value = "all")]
    pub report: String,
    /// This report may differ from what is served; can be given several times
    #[arg(long, value_name = "REPORT")]
    pub expect_difference: Vec<String>,
    /// Give up what is under way
    #[arg(long, conflicts_with = "expect_difference")]
    pub abandon: bool,
    /// Only begin, without waiting for the end
    #[arg(long)]
    pub no_wait: bool,
    /// Give up watching after so many seconds in which nothing moves on
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "60")]
    pub patience: Duration,
}

/// How to go back.
#[derive(Clone, Debug, clap::Args)]
pub struct RollbackOptions {
    /// Give up watching after so many seconds in which nothing moves on
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "60")]
    pub patience: Duration,
}

/// What is served, and what is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Generations {
    pub live_generation: i64,
    /// 0 if there is none.
    pub previous_generation: i64,
    /// What is being built; `None` once it is served.
    pub building_generation: Option<i64>,
    /// True if what was built differs where no difference is expected.
    pub is_refused: bool,
    pub compared_documents: i64,
    pub different_documents: i64,
    /// The first differences.
    pub examples: Vec<String>,
}

/// Builds a new generation and waits until it is served or refused.
///
/// # Errors
/// If a service refuses or stays away, or the work does not move on.
pub async fn rebuild(endpoints: &Endpoints, options: &RebuildOptions, notices: &Notices) -> Result<Generations, Error> {
    let client = GenerationServiceClient::new(endpoints.channel(Service::Projector)?);
    if options.abandon {
        ask(&client, options.patience, AbandonTransitionRequest {}, async |mut client, request| {
            client.abandon_transition(request).await
        })
        .await?;
        return Ok(told(generations(&client, options.patience).await?));
    }
    let reports = if options.report == "all" { Vec::new() } else { vec![options.report.clone()] };
    let message = StartRebuildRequest { reports, expected_differences: options.expect_difference.clone() };
    let started =
        ask(&client, options.patience, message, async |mut client, request| client.start_rebuild(request).await)
            .await?;
    if options.no_wait {
        return Ok(told(generations(&client, options.patience).await?));
    }
    let generation = started.transition.map_or(0, |transition| transition.generation);
    watch(endpoints, &client, generation, options.patience, notices).await
}

/// Goes back to the generation that was served before, and waits until it is served.
///
/// # Errors
/// If there is none, a service stays away, or the work does not move on.
pub async fn rollback(
    endpoints: &Endpoints,
    options: &RollbackOptions,
    notices: &Notices,
) -> Result<Generations, Error> {
    let client = GenerationServiceClient::new(endpoints.channel(Service::Projector)?);
    let started = ask(&client, options.patience, StartRollbackRequest {}, async |mut client, request| {
        client.start_rollback(request).await
    })
    .await?;
    let generation = started.transition.map_or(0, |transition| transition.generation);
    watch(endpoints, &client, generation, options.patience, notices).await
}

type Client = GenerationServiceClient<Link>;

async fn ask<Req: Clone, Res>(
    client: &Client,
    patience: Duration,
    message: Req,
    mut send: impl AsyncFnMut(Client, tonic::Request<Req>) -> Result<tonic::Response<Res>, tonic::Status>,
) -> Result<Res, Error> {
    let begun = Instant::now();
    let mut waits = calls::PATIENT.waits();
    loop {
        let mut request = tonic::Request::new(message.clone());
        request.set_timeout(calls::PATIENT.deadline);
        let status = match send(client.clone(), request).await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) if calls::may_pass(&status) => status,
            Err(status) => return Err(Error::call(Service::Projector, status)),
        };
        if begun.elapsed() >= patience {
            let what = "the projector did not answer".to_owned();
            return Err(Error::GaveUp { what, patience, status: Box::new(status) });
        }
        tokio::time::sleep(calls::pause(&mut waits, &status)).await;
    }
}

async fn generations(client: &Client, patience: Duration) -> Result<GetGenerationsResponse, Error> {
    ask(client, patience, GetGenerationsRequest {}, async |mut client, request| client.get_generations(request).await)
        .await
}

/// Shows how far the work is until the generation is served, refused or given up by somebody.
async fn watch(
    endpoints: &Endpoints,
    client: &Client,
    generation: i64,
    patience: Duration,
    notices: &Notices,
) -> Result<Generations, Error> {
    let head = head_position(endpoints, patience).await?;
    let bar = notices.positions("rebuild", u64::try_from(head).unwrap_or(0));
    let mut moved = (Instant::now(), Transition::default());
    loop {
        let now = generations(client, patience).await?;
        if now.live_generation == generation {
            bar.finish_and_clear();
            return Ok(told(now));
        }
        let Some(transition) = now.transition.clone().filter(|transition| transition.generation == generation) else {
            bar.finish_and_clear();
            return Err(Error::Unexpected(format!("generation {generation} was given up")));
        };
        if transition.is_refused {
            bar.finish_and_clear();
            return Ok(told(now));
        }
        show(&bar, &transition);
        if transition != moved.1 {
            moved = (Instant::now(), transition);
        } else if moved.0.elapsed() >= patience && !moved.1.is_following {
            let status = tonic::Status::deadline_exceeded("the projectors do not move on");
            let what = format!("generation {generation} did not move on");
            return Err(Error::GaveUp { what, patience, status: Box::new(status) });
        }
        tokio::time::sleep(ASK_INTERVAL).await;
    }
}

fn show(bar: &ProgressBar, transition: &Transition) {
    bar.set_position(u64::try_from(transition.position).unwrap_or(0));
    bar.set_message(if transition.is_following { "comparing" } else { "folding" });
}

fn told(now: GetGenerationsResponse) -> Generations {
    let transition = now.transition.unwrap_or_default();
    Generations {
        live_generation: now.live_generation,
        previous_generation: now.previous_generation,
        building_generation: Some(transition.generation).filter(|generation| *generation > 0),
        is_refused: transition.is_refused,
        compared_documents: transition.compared_documents,
        different_documents: transition.different_documents,
        examples: transition.examples,
    }
}

impl Generations {
    pub(crate) fn write(&self, out: &mut impl Write, format: Format) -> Result<(), Error> {
        let mut sheet = Sheet::new(&[text("name"), text("value")]);
        let building = self.building_generation.map_or_else(|| "none".to_owned(), |number| number.to_string());
        let mut row = |name: &str, value: String| sheet.row(vec![name.to_owned(), value]);
        row("live_generation", self.live_generation.to_string());
        row("previous_generation", self.previous_generation.to_string());
        row("building_generation", building);
        row("is_refused", self.is_refused.to_string());
        row("compared_documents", self.compared_documents.to_string());
        row("different_documents", self.different_documents.to_string());
        self.examples.iter().for_each(|example| row("difference", example.clone()));
        match format {
            Format::Json => writeln!(out, "{}", json::line(self)?).map_err(Error::output),
            Format::Csv => sheet.write_csv(out, true),
            Format::Table => sheet.write_table(out),
        }
    }
}
