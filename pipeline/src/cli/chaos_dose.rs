//! `mettle chaos dose-response`: the dose at which a tag begins to break.

use super::Exit;
use super::chaos::read_experiment;
use super::chaos_trials::{Tried, ended, told};
use super::output::{Output, tell};
use super::run::on_interrupt;
use crate::worker::dose::{LEVEL, Response, Searched, respond};
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
            Some(against) => Some(of(Some(against)).await?.ok_or(SaysNothing(against.to_owned()))),
            None => None,
        };
        Ok(match against {
            Some(Err(nothing)) => Err(nothing),
            against => {
                let tag = of(None).await?;
                let name = args.tried.tag.clone().unwrap_or_else(|| "the tag".to_owned());
                tag.ok_or(SaysNothing(name)).map(|tag| (tag, against.and_then(Result::ok)))
            }
        })
    };
    let (tag, against) = match both.await {
        Ok(Ok(both)) => both,
        Ok(Err(SaysNothing(tag))) => {
            tell!("nothing can be said of {tag}: a trial of the strongest dose was void");
            return Ok(Exit::Insufficient as u8);
        }
        Err(error) => return ended(error),
    };
    let breaks_earlier = against.as_ref().map(|against| tag.threshold.below(&against.threshold));
    let exit = judged(&tag, against.as_ref());
    let answer = Answer { dose: scale.name(), seed, tag, against, breaks_earlier };
    args.output.print(&answer, || text(&answer))?;
    Ok(exit as u8)
}

/// Of this tag no trial of the strongest dose says anything.
struct SaysNothing(String);

/// Whether the tag is worse: breaks, or surely earlier than the older one. A search that was cut short cannot say no.
fn judged(tag: &Response, against: Option<&Response>) -> Exit {
    let worse = match against {
        None => tag.breaks_at.is_some(),
        Some(against) if against.breaks_at.is_none() => tag.breaks_at.is_some(),
        Some(against) => tag.threshold.below(&against.threshold) >= SURE,
    };
    let whole = [Some(tag), against].into_iter().flatten().all(|response| response.searched == Searched::Whole);
    match (worse, whole) {
        (true, _) => Exit::Deny,
        (false, true) => Exit::Ok,
        (false, false) => Exit::Insufficient,
    }
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
            None => writeln!(text, "{tag} bears a {} of {strongest} ({count} trials)", answer.dose),
        };
        if response.searched == Searched::CutShort {
            let _ = writeln!(text, "a trial of {tag} was void: its interval is as wide as that left it");
        }
    }
    if let (Some(probability), Some(against)) = (answer.breaks_earlier, &answer.against) {
        let (tag, against) = (&answer.tag.tag, &against.tag);
        let _ = writeln!(text, "{tag} breaks at a weaker dose than {against} with a probability of {probability:.3}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::dose::Written;
    use ::chaos::threshold::Threshold;

    fn response(breaks_at: Option<f64>, searched: Searched) -> Response {
        let mut threshold = Threshold::between(1.0, 200.0);
        for dose in [200.0, 100.0, 50.0, 30.0, 25.0, 15.0] {
            threshold.observe(dose, breaks_at.is_some_and(|at| dose >= at));
        }
        let written = Written { weaker: String::new(), median: String::new(), stronger: String::new() };
        let breaks_at = breaks_at.map(|_| written);
        Response { tag: "v1".into(), searched, trials: Vec::new(), breaks_at, threshold }
    }

    #[test]
    fn a_tag_is_worse_where_the_older_one_bears_everything_and_never_better_by_a_void_trial() {
        let exit = |tag: &Response, against: Option<&Response>| judged(tag, against) as u8;
        let bears = response(None, Searched::Whole);
        for at in [20.0, 60.0, 150.0] {
            let breaks = response(Some(at), Searched::Whole);
            assert_eq!(exit(&breaks, Some(&bears)), Exit::Deny as u8, "{at}");
            assert_eq!(exit(&bears, Some(&breaks)), Exit::Ok as u8, "{at}");
            assert_eq!(exit(&breaks, Some(&breaks)), Exit::Ok as u8, "{at}");
        }
        let (early, late) = (response(Some(20.0), Searched::Whole), response(Some(90.0), Searched::Whole));
        assert_eq!(exit(&early, Some(&late)), Exit::Deny as u8);
        let cut = response(Some(20.0), Searched::CutShort);
        assert_eq!(exit(&cut, Some(&cut)), Exit::Insufficient as u8);
        assert_eq!((exit(&cut, None), exit(&bears, None)), (Exit::Deny as u8, Exit::Ok as u8));
    }
}
