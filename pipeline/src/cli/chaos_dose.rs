//! `mettle chaos dose-response`: the dose at which a tag begins to break.

use super::Exit;
use super::chaos::read_experiment;
use super::chaos_trials::{Tried, ended, told};
use super::output::{Output, tell};
use super::run::on_interrupt;
use crate::worker::dose::{LEVEL, Response, respond};
use crate::worker::laboratory::TrialError;
use ::chaos::document::Scale;
use clap::Args;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

pub(super) const EXAMPLES: &str = "Examples:
  mettle chaos dose-response payments-slow.yaml --dir soak --tag v1.2.0
  mettle chaos dose-response payments-slow.yaml --dir soak --tag v1.2.0 --against v1.1.1

The experiment has a ramp: its first dose is the weakest that is worth trying, its last one the
strongest; between them each trial is where its answer tells most (a falling ramp is a scale, too:
of a rate, less is more). A tag breaks when a signal stays below its objective for 3 s.
Exit: 0 the tag bears every dose, or no less than --against, 10 it breaks (earlier), 11 the trials
say nothing, 13 ended early, everything undone.";

/// Probability from which on one threshold counts as lower than another.
const SURE: f64 = 0.95;

/// `mettle chaos dose-response`.
#[derive(Debug, Args)]
pub(super) struct DoseArgs {
    /// The experiment, with a ramp.
    file: PathBuf,
    #[command(flatten)]
    tried: Tried,
    /// An older tag to compare with.
    #[arg(long, value_name = "TAG")]
    against: Option<String>,
    /// Seed of every trial [default: the experiment's, else 7].
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    output: Output,
}

/// The answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// `delay of net.delay`.
    dose: String,
    seed: u64,
    tag: Response,
    against: Option<Response>,
    /// Probability that the tag breaks at a weaker dose than `against`.
    breaks_earlier: Option<f64>,
}

pub(super) async fn run(args: DoseArgs) -> anyhow::Result<u8> {
    let experiment = read_experiment(&args.file)?;
    let scale = match Scale::of(&experiment) {
        Ok(scale) => scale,
        Err(problem) => {
            let file = args.file.display();
            tell!("error: {file}: {} = {}: {}; {}", problem.key, problem.value, problem.message, problem.remedy);
            return Ok(Exit::Usage as u8);
        }
    };
    let seed = args.seed.or(experiment.seed).unwrap_or(super::chaos_search::SEED);
    let signals = &experiment.hypothesis.signals;
    let stop = on_interrupt()?;
    let of = async |tag: Option<&str>| of_tag(&args, tag, (&scale, signals, seed), &stop).await;
    let both = async {
        let against = match args.against.as_deref() {
            Some(against) => of(Some(against)).await?,
            None => None,
        };
        Ok((of(None).await?, against))
    };
    let (tag, against) = match both.await {
        Ok((Some(tag), against)) if against.is_some() || args.against.is_none() => (tag, against),
        Ok(_) => {
            tell!("the strongest dose could not be tried: its fault was void");
            return Ok(Exit::Insufficient as u8);
        }
        Err(error) => return ended(error),
    };
    let breaks_earlier = against.as_ref().map(|against| tag.threshold.below(&against.threshold));
    let worse = breaks_earlier.map_or(tag.breaks_at.is_some(), |probability| probability >= SURE);
    let answer = Answer { dose: scale.name(), seed, tag, against, breaks_earlier };
    args.output.print(&answer, || text(&answer))?;
    Ok(if worse { Exit::Deny } else { Exit::Ok } as u8)
}

async fn of_tag(
    args: &DoseArgs,
    tag: Option<&str>,
    (scale, signals, seed): (&Scale, &[String], u64),
    stop: &CancellationToken,
) -> Result<Option<Response>, TrialError> {
    let mut laboratory = args.tried.open(tag, signals, stop).await?;
    let response = respond(&mut laboratory, (scale, seed), &told).await;
    laboratory.close().await;
    response
}

fn text(answer: &Answer) -> String {
    let mut text = String::new();
    for response in answer.against.iter().chain([&answer.tag]) {
        let (tag, count) = (&response.tag, response.trials.len());
        let strongest = response.trials.first().map_or("", |(dose, _)| dose.as_str());
        let _ = match &response.breaks_at {
            Some(at) => writeln!(
                text,
                "{tag} breaks from a {} of {} on ({:.0} % interval {} to {}, {count} trials)",
                answer.dose,
                at.median,
                LEVEL * 100.0,
                at.weaker,
                at.stronger
            ),
            None => writeln!(text, "{tag} bears a {} of {strongest}", answer.dose),
        };
    }
    if let (Some(probability), Some(against)) = (answer.breaks_earlier, &answer.against) {
        let (tag, against) = (&answer.tag.tag, &against.tag);
        let _ = writeln!(text, "{tag} breaks at a weaker dose than {against} with a probability of {probability:.3}");
    }
    text
}
