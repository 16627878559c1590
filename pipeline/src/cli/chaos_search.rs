//! `mettle chaos search`: the smallest fault that breaks a tag.

use super::output::{Output, tell};
use super::run::{myself, on_interrupt};
use super::{Dir, Exit};
use crate::worker::Installation;
use crate::worker::experiment::{Ground, NoSuchTag};
use crate::worker::laboratory::{Laboratory, Trial, success_signals};
use crate::worker::search::{Finding, LEVEL, Search, SearchError, Settings, describe};
use ::chaos::candidates::Candidate;
use ::chaos::span::Span;
use clap::Args;
use std::fmt::Write as _;
use tokio_util::sync::CancellationToken;

pub(super) const EXAMPLES: &str = "Examples:
  mettle chaos search --dir soak --tag v1.2.0
  mettle chaos search --dir soak --tag v1.2.0 --against v1.1.1   only what the older tag bears

Every dependency is delayed, made to answer 503, reset, frozen and killed, the nearest to the
user first. Of what breaks an objective, the smallest dose and the shortest time are looked for,
and printed as an experiment. The shop of the demo takes eight minutes.
Exit: 0 nothing breaks it, 10 something does, 13 ended early, everything undone.";

/// `mettle chaos search`.
#[derive(Debug, Args)]
pub(super) struct SearchArgs {
    #[command(flatten)]
    dir: Dir,
    /// Tag [default: the one that was soaked last, else the newest].
    #[arg(long)]
    tag: Option<String>,
    /// Tag that must bear what is found: an older one, to see only what is new.
    #[arg(long, value_name = "TAG")]
    against: Option<String>,
    /// Signals with an objective that must hold [default: gate signals of kind ratio].
    #[arg(long, value_delimiter = ',')]
    signals: Vec<String>,
    /// Longest time under fault.
    #[arg(long, default_value = "8s")]
    hold: Span,
    /// Time in which the objectives must be met again.
    #[arg(long, default_value = "6s")]
    rest: Span,
    /// Seed of every trial.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Look for the smallest dose of so many findings at most.
    #[arg(long, default_value_t = 1, value_name = "N")]
    findings: usize,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(args: SearchArgs) -> anyhow::Result<u8> {
    let stop = on_interrupt()?;
    match search(&args, &stop).await {
        Ok(Some(findings)) => {
            args.output.print(&findings, || text(&findings))?;
            Ok(if findings.is_empty() { Exit::Ok } else { Exit::Deny } as u8)
        }
        Ok(None) | Err(SearchError::Stopped) => {
            tell!("ended early; everything is undone");
            Ok(Exit::Aborted as u8)
        }
        Err(SearchError::Trial(error)) if error.is::<NoSuchTag>() => {
            tell!("error: {error:#}");
            Ok(Exit::Usage as u8)
        }
        Err(SearchError::Trial(error)) => Err(error),
    }
}

async fn search(args: &SearchArgs, stop: &CancellationToken) -> Result<Option<Vec<Finding>>, SearchError> {
    let settings = Settings { hold: args.hold, rest: args.rest, seed: args.seed };
    let told = |line: &str| tell!("{line}");
    let Some(mut laboratory) = open(args, args.tag.as_deref(), stop).await? else {
        return Ok(None);
    };
    let screened = Search::on(&mut laboratory, settings, &told).screen().await;
    let tag = laboratory.tag().to_owned();
    laboratory.close().await;
    let mut breaking = screened?;
    if let (Some(against), false) = (args.against.as_deref(), breaking.is_empty()) {
        breaking = borne(args, (against, stop), settings, breaking).await?;
    }
    if breaking.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let Some(mut laboratory) = open(args, Some(&tag), stop).await? else {
        return Ok(None);
    };
    let mut findings = Vec::new();
    let mut failed = None;
    for (candidate, signal) in breaking {
        let mut search = Search::on(&mut laboratory, settings, &told);
        let found = match search.breaks_mostly(&candidate).await {
            Ok(true) => search.smallest(&candidate, signal).await.map(Some),
            Ok(false) => Ok(None),
            Err(error) => Err(error),
        };
        match found {
            Ok(finding) => findings.extend(finding),
            Err(error) => failed = Some(error),
        }
        if failed.is_some() || findings.len() == args.findings {
            break;
        }
    }
    laboratory.close().await;
    failed.map_or(Ok(Some(findings)), Err)
}

/// What the other tag bears.
async fn borne(
    args: &SearchArgs,
    (tag, stop): (&str, &CancellationToken),
    settings: Settings,
    breaking: Vec<(Candidate, String)>,
) -> Result<Vec<(Candidate, String)>, SearchError> {
    let told = |line: &str| tell!("{line}");
    let Some(mut laboratory) = open(args, Some(tag), stop).await? else {
        return Err(SearchError::Stopped);
    };
    let mut left = Vec::new();
    let mut failed = None;
    for (candidate, signal) in breaking {
        match Search::on(&mut laboratory, settings, &told).try_once(&candidate).await {
            Ok(Trial::Held) => left.push((candidate, signal)),
            Ok(Trial::Broke(_)) => tell!("{} breaks {tag}, too: left out", describe(&candidate.most())),
            // Nobody knows whether the older tag bears it.
            Ok(Trial::Void(_) | Trial::Stopped) => tell!("{} is left out", describe(&candidate.most())),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    laboratory.close().await;
    failed.map_or(Ok(left), Err)
}

async fn open(args: &SearchArgs, tag: Option<&str>, stop: &CancellationToken) -> anyhow::Result<Option<Laboratory>> {
    let ground = Ground::take(Installation::open(&args.dir.dir)?, tag, &myself()?).await?;
    let signals = if args.signals.is_empty() { success_signals(&ground) } else { args.signals.clone() };
    tell!("deploying {}; watched: {}", ground.tag(), signals.join(", "));
    Laboratory::open(ground, signals, stop.clone()).await
}

fn text(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "nothing that was tried breaks it\n".to_owned();
    }
    let mut text = String::new();
    for finding in findings {
        let _ = writeln!(text, "# {} breaks {}", describe(&finding.fault), finding.signal);
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
