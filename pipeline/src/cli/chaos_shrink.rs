//! `mettle chaos shrink`: the smallest part of an experiment that still breaks a tag.

use super::Exit;
use super::chaos::read_experiment;
use super::chaos_trials::{Tried, ended, told};
use super::output::{tell, write_out, yaml_text};
use super::run::on_interrupt;
use crate::worker::shrunk::{Shrunk, smallest};
use clap::Args;
use std::path::PathBuf;

pub(super) const EXAMPLES: &str = "Example:
  mettle chaos shrink everything-at-once.yaml --dir soak --tag v1.2.0 > smallest.yaml

Faults are left out by delta debugging, then holds are halved, as long as what is left breaks an
objective in two of three trials. The answer is an experiment with its seed.
Exit: 0 the experiment does not break the tag, 10 it does, and the smallest part is printed, 11 its
trials say nothing, 13 ended early, everything undone.";

/// `mettle chaos shrink`.
#[derive(Debug, Args)]
pub(super) struct ShrinkArgs {
    /// The experiment.
    file: PathBuf,
    #[command(flatten)]
    tried: Tried,
    /// Seed of every trial [default: the experiment's, else 7].
    #[arg(long)]
    seed: Option<u64>,
}

pub(super) async fn run(args: ShrinkArgs) -> anyhow::Result<u8> {
    let experiment = read_experiment(&args.file)?;
    let seed = args.seed.or(experiment.seed).unwrap_or(super::chaos_search::SEED);
    let stop = on_interrupt()?;
    let found = async {
        let mut laboratory = args.tried.open(None, &experiment.hypothesis.signals, &stop).await?;
        let found = smallest(&mut laboratory, (&experiment, seed), &told).await;
        laboratory.close().await;
        found
    };
    match found.await {
        Ok(Shrunk::To(smallest)) => {
            write_out(&format!(
                "# The smallest part that was found; run it: mettle chaos run FILE\n{}\n",
                yaml_text(&smallest)?.trim_end()
            ))?;
            Ok(Exit::Deny as u8)
        }
        Ok(Shrunk::SaysNothing) => {
            tell!("nothing can be said of {}: a trial of the whole was void", experiment.metadata.name);
            Ok(Exit::Insufficient as u8)
        }
        Ok(Shrunk::Holds) => {
            tell!("{} does not break it: there is nothing to shrink", experiment.metadata.name);
            Ok(Exit::Ok as u8)
        }
        Err(error) => ended(error),
    }
}
