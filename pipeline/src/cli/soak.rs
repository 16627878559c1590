//! `mettle soak`: asks for soaks, and says where they stand.

use super::opened::Opened;
use super::output::{Output, table, tell};
use super::run::{myself, on_interrupt};
use super::soak_view::{self, Standing};
use super::{Dir, Exit};
use crate::soak::machine::{Outcome, State};
use crate::soak::{Soak, SoakId};
use crate::worker::resolve::resolve;
use crate::worker::{AskError, Asked, Installation, Notice, OpenError, View, Worker, abort_mark, ask, verdict_of};
use chrono::Utc;
use clap::{Args, Subcommand};
use scorer::verdict::Verdict;
use std::time::Duration;

/// Time between two looks at a soak that a worker runs.
const TURN: Duration = Duration::from_millis(500);

const RUN_EXAMPLES: &str = "Examples:
  mettle soak run --tag v1.2.0 --dir soak          with `mettle up` running: begins within seconds
  mettle soak run --tag v1.2.0 --wait --dir soak   and comes back with the verdict

Exit: 0 pass (or requested), 10 fail, 11 not decided, 13 aborted, 14 something could not be undone,
2 unknown tag.";

/// Soaks of an installation.
#[derive(Debug, Subcommand)]
pub(super) enum SoakCommand {
    /// Asks for a soak of a tag: by the running worker, or here when none runs.
    #[command(after_help = RUN_EXAMPLES)]
    Run(Run),
    /// Where the current soak stands, and the last verdicts.
    #[command(
        after_help = "Examples:\n  mettle soak status --dir soak\n  mettle soak status 0193a5 --dir soak -o json"
    )]
    Status {
        #[command(flatten)]
        dir: Dir,
        /// Soak id, or the beginning of it [default: the current soak].
        id: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Asks a soak to end: faults are undone, what is known is published.
    #[command(after_help = "Example:\n  mettle soak abort 0193a5 --dir soak")]
    Abort {
        #[command(flatten)]
        dir: Dir,
        /// Soak id, or the beginning of it.
        id: String,
    },
    /// Says that the taint of a tag's soak is dealt with; the gate answers by its other soaks again.
    #[command(
        after_help = "Example:\n  mettle soak resolve --tag v1.2.0 --reason 'the rule was removed by hand, host checked' --dir soak"
    )]
    Resolve {
        #[command(flatten)]
        dir: Dir,
        /// Tag of the product.
        #[arg(long)]
        tag: String,
        /// What was left and how it was cleared, at least 20 characters.
        #[arg(long)]
        reason: String,
    },
    /// Lists soaks, oldest first.
    #[command(
        after_help = "Examples:\n  mettle soak list --dir soak\n  mettle soak list --tag v1.2.0 --dir soak -o json"
    )]
    List {
        #[command(flatten)]
        dir: Dir,
        /// Only of this product.
        #[arg(long)]
        product: Option<String>,
        /// Only of this tag.
        #[arg(long)]
        tag: Option<String>,
        #[command(flatten)]
        output: Output,
    },
}

/// `mettle soak run`.
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    dir: Dir,
    /// Tag of the product.
    #[arg(long)]
    tag: String,
    /// Wait for the end, also when a running worker soaks it.
    #[arg(long)]
    wait: bool,
    /// Only ask: do not soak here when no worker runs.
    #[arg(long, conflicts_with = "wait")]
    no_worker: bool,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(command: SoakCommand) -> anyhow::Result<u8> {
    match command {
        SoakCommand::Run(run) => request(run).await,
        SoakCommand::Status { dir, id, output } => {
            let installation = Installation::open(&dir.dir)?;
            let soaks = installation.store.every_soak()?;
            let current = match id {
                Some(id) => match soak_view::find(&soaks, &id) {
                    Ok(soak) => Some(soak),
                    Err(error) => return usage(&error),
                },
                None => soak_view::current(&soaks),
            };
            let standing = Standing::of(&installation, current, &soaks, Utc::now())?;
            output.print(&standing, || standing.text(Utc::now()))?;
            Ok(Exit::Ok as u8)
        }
        SoakCommand::Abort { dir, id } => abort(&Installation::open(&dir.dir)?, &id),
        SoakCommand::Resolve { dir, tag, reason } => taint_resolved(&Installation::open(&dir.dir)?, &tag, &reason),
        SoakCommand::List { dir, product, tag, output } => {
            let installation = Installation::open(&dir.dir)?;
            let mut soaks = installation.store.every_soak()?;
            soaks.retain(|s| {
                product.as_ref().is_none_or(|p| s.product == *p) && tag.as_ref().is_none_or(|t| s.tag == *t)
            });
            let lines: Vec<soak_view::Line> = soaks.iter().map(soak_view::Line::of).collect();
            output.print(&lines, || {
                let head =
                    ["SOAK", "TAG", "LANDSCAPE", "REQUESTED", "STATE", "VERDICT", "SCORE", "BY"].map(str::to_owned);
                let rows: Vec<Vec<String>> =
                    std::iter::once(head.to_vec()).chain(lines.iter().map(soak_view::Line::cells)).collect();
                table(&rows)
            })?;
            Ok(Exit::Ok as u8)
        }
    }
}

fn usage(error: &dyn std::fmt::Display) -> anyhow::Result<u8> {
    tell!("error: {error}");
    Ok(Exit::Usage as u8)
}

/// Who asks, for the record.
fn who() -> String {
    std::env::var("USER").ok().filter(|user| !user.is_empty()).unwrap_or_else(|| "a person".into())
}

/// Whether a worker has the installation now.
fn worker_runs(installation: &Installation) -> Result<bool, OpenError> {
    match installation.lock() {
        Ok(_) => Ok(false),
        Err(OpenError::Taken { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

async fn request(run: Run) -> anyhow::Result<u8> {
    let opened = Opened::at(&run.dir.dir).await?;
    let Opened { installation, sources, .. } = &opened;
    let asked = match ask(installation, sources, &run.tag, &who()).await {
        Ok(asked) => asked,
        Err(error @ (AskError::UnknownTag { .. } | AskError::Moved { .. })) => return usage(&error),
        Err(error) => return Err(error.into()),
    };
    let soak = asked.soak().clone();
    match &asked {
        Asked::Requested(_) => tell!("asked for a soak of {}: {}", soak.tag, soak.id),
        Asked::Waits(_) => tell!("{} waits already: {}", soak.tag, soak.id),
    }
    let ended = if worker_runs(installation)? {
        if !run.wait {
            tell!("the running worker takes it within seconds; see `mettle soak status {}`", soak.id);
            run.output.print(&soak_view::Line::of(&soak), || format!("{}\n", soak.id))?;
            return Ok(Exit::Ok as u8);
        }
        watch(installation, &soak.id).await?
    } else if run.no_worker {
        tell!("no worker runs; `mettle up` soaks it when it is started");
        run.output.print(&soak_view::Line::of(&soak), || format!("{}\n", soak.id))?;
        return Ok(Exit::Ok as u8);
    } else {
        tell!("no worker runs: soaked here");
        let stop = on_interrupt()?;
        Worker::open(installation.clone(), View::new(), myself()?).await?.run_until_ended(&soak.id, stop).await?
    };
    let line = soak_view::Line::of(&ended);
    run.output.print(&line, || format!("{}\n", line.sentence()))?;
    Ok(exit_of(&ended))
}

/// Shows a soak that another process drives until it has ended.
async fn watch(installation: &Installation, id: &SoakId) -> anyhow::Result<Soak> {
    let view = View::new();
    let mut turn = tokio::time::interval(TURN);
    loop {
        turn.tick().await;
        let Some(soak) = installation.store.soak(id)? else { anyhow::bail!("soak {id} is gone from the store") };
        if soak.ended() {
            return Ok(soak);
        }
        anyhow::ensure!(
            worker_runs(installation)?,
            "the worker ended; the soak goes on when `mettle up` is started again"
        );
        if let Some(running) = soak_view::running(installation, &soak)? {
            view.show(&Notice::Stands {
                tag: soak.tag.clone(),
                phase: running.phase,
                share: running.progress,
                score: None,
                missing: running.missing.join(", "),
            });
        }
    }
}

fn abort(installation: &Installation, id: &str) -> anyhow::Result<u8> {
    let soaks = installation.store.every_soak()?;
    let soak = match soak_view::find(&soaks, id) {
        Ok(soak) => soak,
        Err(error) => return usage(&error),
    };
    if soak.ended() {
        tell!("soak {} of {} has ended already: {}", soak.id, soak.tag, soak_view::Line::of(soak).sentence());
        return Ok(Exit::Ok as u8);
    }
    installation.store.set_mark(&abort_mark(soak.id.as_str()), "asked")?;
    let when = match (worker_runs(installation)?, &soak.state) {
        (true, State::Requested) => "it waits; it ends when its turn comes, before it is observed",
        (true, _) => "faults are undone; it ends within seconds",
        (false, _) => "no worker runs; it ends when one is started",
    };
    tell!("asked soak {} of {} to end; {when}", soak.id, soak.tag);
    Ok(Exit::Ok as u8)
}

fn taint_resolved(installation: &Installation, tag: &str, reason: &str) -> anyhow::Result<u8> {
    let (who, now) = (who(), Utc::now());
    let resolved = match resolve(installation, tag, (&who, reason), now)? {
        Ok(resolved) => resolved,
        Err(refusal) => return usage(&refusal),
    };
    let (soak, word) = (resolved.soak, resolved.word);
    if word.at == now {
        tell!("the taint of soak {soak} of {tag} is resolved; if nothing else speaks for the tag, soak it again");
    } else {
        tell!("the taint of soak {soak} was resolved already by {}: {}; nothing was changed", word.by, word.reason);
    }
    Ok(Exit::Ok as u8)
}

/// Exit code of an ended soak: non-zero is always "do not promote".
fn exit_of(soak: &Soak) -> u8 {
    let outcome = match &soak.state {
        State::Ended { outcome } => outcome,
        _ => return Exit::Unexpected as u8,
    };
    (match (outcome, verdict_of(soak)) {
        (Outcome::Tainted { .. }, _) => Exit::UndoIncomplete,
        (Outcome::Aborted { .. }, _) => Exit::Aborted,
        (_, Verdict::Pass) => Exit::Ok,
        (_, Verdict::Fail) => Exit::Deny,
        (_, Verdict::Insufficient | Verdict::None) => Exit::Insufficient,
    }) as u8
}
