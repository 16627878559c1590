//! `mettle chaos compare`: one experiment on two tags.

use super::Exit;
use super::chaos::read_experiment;
use super::chaos_trials::{Tried, ended, told};
use super::output::{Output, table};
use super::run::on_interrupt;
use crate::worker::differential::{Compared, Side, tries};
use crate::worker::laboratory::{self, TrialError};
use clap::Args;
use std::fmt::Write as _;
use std::path::PathBuf;

pub(super) const EXAMPLES: &str = "Examples:
  mettle chaos compare slow.yaml --dir soak --tag v1.2.0 --against v1.1.1
  mettle chaos compare slow.yaml --dir soak --tag v1.2.0 --against v1.1.1 --trials 5 -o json

Both tags get the same plan with the same seeds, one seed a trial. A tag breaks when a signal stays
below its objective for 3 s. Recovery counts from the undo until every objective is met again; what
had not recovered at the end of the rest is censored, not left out (Kaplan-Meier; log-rank test).
Exit: 0 the tag is no worse, 10 it breaks where the older one holds, 11 the trials say nothing, 13
ended early, everything undone.";

/// `mettle chaos compare`.
#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// The experiment.
    file: PathBuf,
    #[command(flatten)]
    tried: Tried,
    /// The older tag.
    #[arg(long, value_name = "TAG")]
    against: String,
    /// Trials of each tag.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    trials: u32,
    /// Seed of the first trial [default: the experiment's, else 7].
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(args: CompareArgs) -> anyhow::Result<u8> {
    let experiment = read_experiment(&args.file)?;
    let seed = args.seed.or(experiment.seed).unwrap_or(super::chaos_search::SEED);
    let stop = on_interrupt()?;
    let of = async |tag: Option<&str>| -> Result<(String, Vec<laboratory::Tried>), TrialError> {
        let mut laboratory = args.tried.open(tag, &experiment.hypothesis.signals, &stop).await?;
        let tried = tries(&mut laboratory, &experiment, (seed, args.trials), &told).await;
        let tag = laboratory.tag().to_owned();
        laboratory.close().await;
        Ok((tag, tried?))
    };
    let both: Result<_, TrialError> = async { Ok((of(Some(&args.against)).await?, of(None).await?)) }.await;
    let ((older, before), (newer, after)) = match both {
        Ok(both) => both,
        Err(error) => return ended(error),
    };
    let compared = Compared::of(seed, (&older, &before), (&newer, &after));
    args.output.print(&compared, || text(&compared))?;
    Ok(match (compared.tells(), compared.is_worse()) {
        (false, _) => Exit::Insufficient,
        (true, true) => Exit::Deny,
        (true, false) => Exit::Ok,
    } as u8)
}

fn text(compared: &Compared) -> String {
    let head = ["TAG", "BROKE", "SIGNALS", "VOID", "RECOVERED", "NOT WITHIN THE REST"].map(str::to_owned).to_vec();
    let rows = [head, row(&compared.against), row(&compared.tag)];
    let mut text = table(&rows);
    let (newer, older) = (&compared.tag.tag, &compared.against.tag);
    let _ = match (compared.tells(), compared.is_worse()) {
        (false, _) => writeln!(text, "nothing can be said: no trial of one of them had its fault in"),
        (true, true) => writeln!(text, "{newer} breaks where {older} holds"),
        (true, false) => writeln!(text, "{newer} does not break where {older} holds"),
    };
    let _ = writeln!(text, "{newer} recovers later than {older}: p = {:.3} (log-rank)", compared.later_p);
    let _ = writeln!(text, "seed {}", compared.seed);
    text
}

fn row(side: &Side) -> Vec<String> {
    let (broken, of) = side.broken();
    let signals =
        if side.broke.is_empty() { "-".to_owned() } else { side.broke.keys().cloned().collect::<Vec<_>>().join(", ") };
    let median = side.recovered_median_s.map_or_else(|| "-".to_owned(), |s| format!("{s:.1}s (median)"));
    let late = side.recoveries.iter().filter(|recovered| recovered.censored).count();
    vec![side.tag.clone(), format!("{broken} of {of}"), signals, side.void.to_string(), median, late.to_string()]
}
