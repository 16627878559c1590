//! The commands of the binary. stdout is data, stderr is narrative.
//!
//! Invariant: data is written by `output` alone, which neither panics nor hides that it was not written.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod backtest;
mod baseline;
mod baseline_select;
mod chaos;
mod chaos_compare;
mod chaos_dose;
mod chaos_faults;
mod chaos_import;
mod chaos_report;
mod chaos_roam;
mod chaos_run;
mod chaos_search;
mod chaos_shrink;
mod chaos_toxiproxy;
mod chaos_trials;
mod compare;
mod documents;
mod evidence;
mod evidence_proof;
mod evidence_prune;
mod gate;
mod gate_answer;
mod gate_remote;
mod init;
mod judge;
mod junit;
mod opened;
mod output;
mod power;
pub mod reference;
mod run;
mod signals;
mod soak;
mod soak_view;
mod trend;

use self::output::tell;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit codes of the commands; non-zero is always "do not promote".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Allowed, or done.
    Ok = 0,
    /// Anything unexpected, also an unreachable gate.
    Unexpected = 1,
    /// Wrong use or configuration, also an unknown subject.
    Usage = 2,
    /// The gate denies, or the soak failed.
    Deny = 10,
    /// Not decided: the evidence is not enough, or it is too early.
    Insufficient = 11,
    /// `gate wait` reached its time limit.
    TimedOut = 12,
    /// Ended early; everything is undone.
    Aborted = 13,
    /// Something of ours could not be undone.
    UndoIncomplete = 14,
    /// Interrupted; faults are undone.
    Interrupted = 130,
}

/// Answers with evidence: may this product tag go on?
#[derive(Debug, Parser)]
#[command(name = "mettle", version, after_help = EXAMPLES)]
struct Cli {
    /// Colours of help and errors; NO_COLOR counts, too.
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    color: clap::ColorChoice,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  mettle demo --dir demo                 soaks the sample product, tag after tag
  mettle init --dir DIR                  writes the documents of your own product
  mettle up --dir DIR                    watches, soaks, judges and answers the gate
  mettle gate check release --product shop --tag v1.1.1 --landscape staging --dir DIR";

#[derive(Debug, Subcommand)]
enum Command {
    /// Soaks the sample product: repositories, tags, verdicts, and whether the story came out as told.
    Demo(run::Demo),
    /// Writes the documents of a new product: from questions, flags or a Compose file.
    Init(init::Init),
    /// Gate and worker in one process.
    Up(run::Up),
    /// The gate alone.
    Serve(run::Serve),
    /// Asks a gate.
    #[command(subcommand)]
    Gate(gate::Gate),
    /// Soaks of an installation.
    #[command(subcommand)]
    Soak(soak::SoakCommand),
    /// What the next candidate is judged against.
    #[command(subcommand)]
    Baseline(baseline::BaselineCommand),
    /// Evidence at rest.
    #[command(subcommand)]
    Evidence(evidence::EvidenceCommand),
    /// One tag against another, as if the older one were the baseline.
    Compare(compare::Compare),
    /// Levels over all tags: a creep that no comparison of two shows.
    Trend(trend::Trends),
    /// Judges a run against earlier good ones, all in files.
    Judge(judge::Judging),
    /// Says how small a change soaks of some lengths find.
    Power(power::Power),
    /// Judges labelled cases with every judge.
    Backtest(backtest::Backtesting),
    /// Experiments.
    #[command(subcommand)]
    Chaos(chaos::Chaos),
    /// Signals: from what is there, or was declared elsewhere, to signals.yaml.
    #[command(subcommand)]
    Signals(signals::Signals),
    /// Checks documents and folders; all problems at once.
    #[command(visible_alias = "check")]
    Validate(documents::Validate),
    /// Prints the JSON Schema of a kind of document.
    Schema(documents::Schema),
    /// Prints completions for a shell.
    Completions(reference::Completions),
    /// Prints the manual page.
    #[command(after_help = "Example:\n  mettle man | man -l -")]
    Man,
}

/// Which installation.
#[derive(Clone, Debug, clap::Args)]
struct Dir {
    /// Folder of the installation.
    #[arg(long, default_value = ".", env = "METTLE_DIR")]
    dir: PathBuf,
}

/// Runs the command line.
pub fn main() -> ExitCode {
    // Read before parsing, because help and errors come out of the parser.
    let asked: Vec<String> = std::env::args().collect();
    let cli = match Cli::command()
        .color(reference::color(&asked))
        .try_get_matches()
        .and_then(|m| Cli::from_arg_matches(&m))
    {
        Ok(cli) => cli,
        Err(error) => return described(&error),
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("METTLE_LOG").unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(reference::log_colors(cli.color))
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let result = runtime.block_on(async {
        match cli.command {
            Command::Demo(demo) => run::demo(demo).await,
            Command::Init(init) => init::run(init).await,
            Command::Up(up) => run::up(up).await,
            Command::Serve(serve) => run::serve(serve).await,
            Command::Gate(gate) => gate::run(gate).await,
            Command::Soak(command) => soak::run(command).await,
            Command::Baseline(command) => baseline::run(command).await,
            Command::Compare(asked) => compare::run(asked).await,
            Command::Trend(asked) => trend::run(asked).await,
            Command::Judge(asked) => judge::run(&asked),
            Command::Power(asked) => power::run(&asked),
            Command::Backtest(asked) => backtest::run(&asked),
            Command::Evidence(command) => evidence::run(command).await,
            Command::Validate(paths) => documents::validate(&paths),
            Command::Schema(kind) => documents::schema(&kind),
            Command::Completions(shell) => reference::completions(&shell),
            Command::Man => reference::man(),
            Command::Chaos(chaos) => chaos::run(chaos).await,
            Command::Signals(command) => signals::run(command).await,
        }
    });
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => failed(&error),
    }
}

/// Prints help, the version or what is wrong with the arguments.
fn described(asked: &clap::Error) -> ExitCode {
    let printed = asked.print();
    // What is wrong with the arguments goes to stderr, which nobody need read.
    let settled = if asked.use_stderr() { Ok(()) } else { output::settled(printed) };
    match settled {
        Ok(()) => ExitCode::from(u8::try_from(asked.exit_code()).unwrap_or(Exit::Usage as u8)),
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    tell!("error: {error:#}");
    for hint in crate::remedy::hints(error) {
        tell!("  hint: {hint}");
    }
    let usage = error.downcast_ref::<crate::worker::OpenError>().is_some()
        || error.chain().any(|cause| cause.is::<crate::documents::Problems>());
    ExitCode::from(if usage { Exit::Usage as u8 } else { Exit::Unexpected as u8 })
}
