//! `mettle chaos search`: the smallest fault that breaks a tag.

use super::Exit;
use super::chaos_trials::{Tried, ended, told};
use super::output::{Output, tell};
use super::run::on_interrupt;
use crate::worker::dose::LEVEL;
use crate::worker::laboratory::{Trial, TrialError};
use crate::worker::search::{Finding, Interactions, Search, Settings, describe, describe_all};
use ::chaos::candidates::Candidate;
use ::chaos::fault::Fault;
use ::chaos::span::Span;
use clap::Args;
use std::fmt::Write as _;
use tokio_util::sync::CancellationToken;

pub(super) const EXAMPLES: &str = "Examples:
  mettle chaos search --dir soak --tag v1.2.0
  mettle chaos search --dir soak --tag v1.2.0 --against v1.1.1   only what the older tag bears
  mettle chaos search --dir soak --tag v1.2.0 --pairs   also two faults that break it together

Every dependency is delayed, made to answer 503, reset, frozen and killed, the nearest to the
user first. Of what breaks an objective, the smallest dose and the shortest time are looked for,
and printed as an experiment. The shop of the demo takes eight minutes.
Exit: 0 nothing breaks it, 10 something does, 11 nothing that could be tried does, 13 ended early,
everything undone.";

/// Seed of trials that nobody gave one.
pub(super) const SEED: u64 = 7;

/// `mettle chaos search`.
#[derive(Debug, Args)]
pub(super) struct SearchArgs {
    #[command(flatten)]
    tried: Tried,
    /// Tag that must bear what is found: an older one, to see only what is new.
    #[arg(long, value_name = "TAG")]
    against: Option<String>,
    /// Longest time under fault.
    #[arg(long, default_value = "8s")]
    hold: Span,
    /// Time in which the objectives must be met again.
    #[arg(long, default_value = "6s")]
    rest: Span,
    /// Seed of every trial.
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// Try what is borne alone in pairs, too: every two faults on different components, together.
    #[arg(long)]
    pairs: bool,
    /// Look for the smallest dose of so many findings at most.
    #[arg(long, default_value_t = 1, value_name = "N")]
    findings: usize,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(args: SearchArgs) -> anyhow::Result<u8> {
    let stop = on_interrupt()?;
    match search(&args, &stop).await {
        Ok((findings, void)) => {
            args.output.print(&findings, || text(&findings, void.len()))?;
            void.iter().for_each(|what| tell!("nothing can be said of {what}: its trials were void"));
            Ok(match (findings.is_empty(), void.is_empty()) {
                (false, _) => Exit::Deny,
                (true, true) => Exit::Ok,
                (true, false) => Exit::Insufficient,
            } as u8)
        }
        Err(error) => ended(error),
    }
}

/// Findings, and in words what was tried and says nothing.
async fn search(args: &SearchArgs, stop: &CancellationToken) -> Result<(Vec<Finding>, Vec<String>), TrialError> {
    let settings = Settings { hold: args.hold, rest: args.rest, seed: args.seed };
    let mut laboratory = args.tried.open(None, &[], stop).await?;
    let screened = screen(args.pairs, &mut Search::on(&mut laboratory, settings, &told)).await;
    let tag = laboratory.tag().to_owned();
    laboratory.close().await;
    let (mut found, void) = screened?;
    if let (Some(against), false) = (args.against.as_deref(), found.0.is_empty() && found.1.is_empty()) {
        found = borne(args, (against, stop), settings, found).await?;
    }
    let (breaking, mut findings) = found;
    if breaking.is_empty() {
        return Ok((findings, void));
    }
    let mut laboratory = args.tried.open(Some(&tag), &[], stop).await?;
    let (mut failed, mut single) = (None, 0);
    for (candidate, signal) in breaking {
        let mut search = Search::on(&mut laboratory, settings, &told);
        let found = match search.breaks_mostly(&candidate).await {
            Ok(true) => search.smallest(&candidate, signal).await.map(Some),
            Ok(false) => Ok(None),
            Err(error) => Err(error),
        };
        match found {
            Ok(finding) => {
                single += usize::from(finding.is_some());
                findings.extend(finding);
            }
            Err(error) => failed = Some(error),
        }
        if failed.is_some() || single == args.findings {
            break;
        }
    }
    laboratory.close().await;
    failed.map_or(Ok((findings, void)), Err)
}

/// What breaks the tag alone, with the signal that broke, and what does so only together.
type Found = (Vec<(Candidate, String)>, Vec<Finding>);

/// What was found, and in words what says nothing.
async fn screen(in_pairs: bool, search: &mut Search<'_>) -> Result<(Found, Vec<String>), TrialError> {
    let screened = search.screen().await?;
    let together = if in_pairs { search.interactions(&screened.borne).await? } else { Interactions::default() };
    let alone = screened.void.iter().map(|candidate| describe(&candidate.most()));
    let void = alone.chain(together.void.iter().map(describe_all)).collect();
    Ok(((screened.breaking, together.findings), void))
}

/// Of what was found, what the other tag bears.
async fn borne(
    args: &SearchArgs,
    (tag, stop): (&str, &CancellationToken),
    settings: Settings,
    (breaking, together): Found,
) -> Result<Found, TrialError> {
    let mut laboratory = args.tried.open(Some(tag), &[], stop).await?;
    let mut search = Search::on(&mut laboratory, settings, &told);
    let left = async {
        let mut left = Found::default();
        for (candidate, signal) in breaking {
            if is_borne(search.try_once(&candidate).await?, &[candidate.most()], tag) {
                left.0.push((candidate, signal));
            }
        }
        for finding in together {
            if is_borne(search.once(&finding.reproducer).await?, &finding.faults, tag) {
                left.1.push(finding);
            }
        }
        Ok(left)
    }
    .await;
    laboratory.close().await;
    left
}

/// Whether a trial of the older tag leaves the faults a finding; says what is left out.
fn is_borne(trial: Trial, faults: &[Fault], tag: &str) -> bool {
    let faults = describe_all(faults);
    match trial {
        Trial::Held => return true,
        Trial::Broke(_) => tell!("{faults} breaks {tag}, too: left out"),
        // Nobody knows whether the older tag bears it: better told once too often.
        Trial::Void(_) | Trial::Stopped => {
            tell!("nobody can say whether {tag} bears {faults}");
            return true;
        }
    }
    false
}

fn text(findings: &[Finding], void: usize) -> String {
    if findings.is_empty() {
        let but = if void == 0 { String::new() } else { format!(", but {void} trials say nothing") };
        return format!("nothing that was tried breaks it{but}\n");
    }
    let mut text = String::new();
    for finding in findings {
        let _ = writeln!(text, "# {} breaks {}", describe_all(&finding.faults), finding.signal);
        if let Some(interval) = finding.threshold {
            let percent = LEVEL * 100.0;
            let _ = writeln!(
                text,
                "# from a dose of {:.3} on ({percent:.0} % interval {:.3} to {:.3}; delay in ms, else a share)",
                interval.median, interval.low, interval.high
            );
        }
        let _ = writeln!(text, "# The smallest that was found; run it: mettle chaos run FILE");
        match super::output::yaml_text(&finding.reproducer) {
            Ok(yaml) => text += &yaml,
            Err(error) => {
                let _ = writeln!(text, "# it cannot be written: {error:#}");
            }
        }
    }
    text
}
