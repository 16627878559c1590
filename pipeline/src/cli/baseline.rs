//! `mettle baseline`: what the next candidate is judged against.

use super::opened::Opened;
use super::output::{Output, table, tell};
use super::soak_view::{self, ago};
use super::{Dir, Exit};
use crate::soak::baseline::{Candidate, MAX_AGE_DAYS, RUNS, Run, Unfit};
use crate::worker::adopt::{Adopted, adopt};
use chrono::{DateTime, Utc};
use clap::Subcommand;
use scorer::assess::PROVISIONAL_BELOW;
use serde::Serialize;
use std::fmt::Write as _;

/// Digits of a digest that people need to tell runs apart.
const SHORT: usize = 12;

/// The baseline.
#[derive(Debug, Subcommand)]
pub(super) enum BaselineCommand {
    /// The runs that the next candidate would be judged against, and why others do not fit.
    #[command(
        after_help = "Examples:\n  mettle baseline show --dir soak\n  mettle baseline show --tag v1.2.0 --dir soak -o json"
    )]
    Show {
        #[command(flatten)]
        dir: Dir,
        /// The candidate [default: a tag to come, with the programme of the newest one].
        #[arg(long)]
        tag: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// The soaks that a query chooses, as `mettle compare` takes them for a baseline.
    #[command(after_help = super::baseline_select::EXAMPLES)]
    Select(super::baseline_select::Select),
    /// Records a soak that observed its whole programme as a baseline run, with a reason.
    #[command(
        after_help = "Example:\n  mettle baseline adopt 0193a5 --reason 'the slower start is accepted, see decision 14' --dir soak"
    )]
    Adopt {
        #[command(flatten)]
        dir: Dir,
        /// Soak id, or the beginning of it.
        soak: String,
        /// Why it is a good measure, at least 20 characters.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        output: Output,
    },
}

/// The answer of `show`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    candidate: Option<String>,
    landscape: String,
    programme: String,
    wanted: usize,
    baseline: Vec<Line>,
    others: Vec<Line>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    #[serde(flatten)]
    run: Run,
    unfit: Option<Unfit>,
}

pub(super) async fn run(command: BaselineCommand) -> anyhow::Result<u8> {
    match command {
        BaselineCommand::Show { dir, tag, output } => show(&Opened::at(&dir.dir).await?, tag, output).await,
        BaselineCommand::Select(asked) => super::baseline_select::run(asked).await,
        BaselineCommand::Adopt { dir, soak, reason, output } => {
            let opened = Opened::at(&dir.dir).await?;
            let soaks = opened.installation.store.every_soak()?;
            let soak = match soak_view::find(&soaks, &soak) {
                Ok(soak) => soak,
                Err(error) => return usage(&error),
            };
            let run = match adopt(&opened.installation, &opened.sources, soak, &reason).await? {
                Err(refusal) => return usage(&refusal),
                Ok(Adopted::Now(run)) => {
                    tell!("soak {} of {} is a baseline run now", run.soak, run.tag);
                    run
                }
                Ok(Adopted::Before(run)) => {
                    let why = run.adopted.as_ref().map_or("it passed".to_owned(), |why| format!("adopted: {why}"));
                    tell!("soak {} of {} was a baseline run already ({why}); nothing was changed", run.soak, run.tag);
                    run
                }
            };
            output.print(&run, || format!("{}\n", run.soak))?;
            Ok(Exit::Ok as u8)
        }
    }
}

fn usage(error: &dyn std::fmt::Display) -> anyhow::Result<u8> {
    tell!("error: {error}");
    Ok(Exit::Usage as u8)
}

async fn show(opened: &Opened, tag: Option<String>, output: Output) -> anyhow::Result<u8> {
    let Opened { installation, sources, .. } = opened;
    let truth = sources.read().await?;
    let seen = match &tag {
        Some(tag) => truth.tags.iter().find(|t| t.tag.name == *tag),
        None => truth.tags.last(),
    };
    let Some(seen) = seen else {
        let known: Vec<&str> = truth.tags.iter().map(|t| t.tag.name.as_str()).collect();
        let product = &truth.landscape.metadata.product;
        return match tag {
            Some(tag) => usage(&format!("{product} has no tag `{tag}`; known: {}", known.join(", "))),
            None => usage(&format!("{product} has no tags yet: git tag -a v1.0.0 -m v1.0.0")),
        };
    };
    let bundle = sources.bundle(&seen.tag.commit, truth.landscape.programme.as_deref()).await?;
    let landscape = truth.landscape.metadata.name.clone();
    let candidate = Candidate { tag: tag.as_deref(), landscape: &landscape, programme: &bundle.programme_digest };
    let (runs, now) = (installation.store.runs()?, Utc::now());
    let sorted = candidate.sort(&runs, now);
    let lines = |fit: bool| {
        let wanted = sorted.iter().filter(|(_, unfit)| unfit.is_none() == fit);
        wanted.map(|(run, unfit)| Line { run: (*run).clone(), unfit: *unfit }).collect()
    };
    let shown = Shown {
        baseline: lines(true),
        others: lines(false),
        candidate: tag,
        landscape: landscape.clone(),
        programme: bundle.programme_digest,
        wanted: RUNS,
    };
    output.print(&shown, || text(&shown, &seen.tag.name, now))?;
    Ok(Exit::Ok as u8)
}

fn text(shown: &Shown, newest: &str, now: DateTime<Utc>) -> String {
    let whose = match &shown.candidate {
        Some(tag) => tag.clone(),
        None => format!("a tag after {newest}"),
    };
    let mut text = format!(
        "baseline of {whose} in {}: {} of {} runs (programme {})\n",
        shown.landscape,
        shown.baseline.len(),
        shown.wanted,
        short(&shown.programme)
    );
    match shown.baseline.len() {
        0 => text.push_str("without runs of another tag, objectives alone decide\n"),
        runs if runs < PROVISIONAL_BELOW => {
            let _ =
                writeln!(text, "fewer than {PROVISIONAL_BELOW} runs: statistics only warn, and a pass is provisional");
        }
        _ => {}
    }
    if !shown.baseline.is_empty() {
        text.push_str(&rows(&shown.baseline, now));
    }
    if !shown.others.is_empty() {
        let _ = write!(text, "not in it:\n{}", rows(&shown.others, now));
    }
    text
}

fn rows(lines: &[Line], now: DateTime<Utc>) -> String {
    let head = ["TAG", "SOAK", "ENDED", "EVIDENCE", "WHY"].map(str::to_owned).to_vec();
    let row = |line: &Line| {
        let run = &line.run;
        let adopted = run.adopted.as_ref().map_or("passed".to_owned(), |why| format!("adopted: {why}"));
        let why = line.unfit.map_or(adopted, |unfit| reason(unfit, run));
        vec![run.tag.clone(), run.soak.clone(), ago(run.ended_at, now), short(&run.evidence).to_owned(), why]
    };
    table(&std::iter::once(head).chain(lines.iter().map(row)).collect::<Vec<_>>())
}

fn short(digest: &str) -> &str {
    let digits = digest.trim_start_matches("sha256:");
    digits.get(..SHORT).unwrap_or(digits)
}

fn reason(unfit: Unfit, run: &Run) -> String {
    match unfit {
        Unfit::OwnTag => "a run of the candidate itself".into(),
        Unfit::OtherLandscape => format!("observed in {}", run.landscape),
        Unfit::OtherProgramme => format!("another programme ({})", short(&run.programme)),
        Unfit::TooOld => format!("older than {MAX_AGE_DAYS} days"),
        Unfit::NewerFit => format!("{RUNS} newer runs fit"),
    }
}
