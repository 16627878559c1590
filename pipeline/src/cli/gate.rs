//! `mettle gate check` and `gate wait`: of a folder in process, or of a server.

use super::Exit;
use super::gate_answer::{Reply, exit_of, text, waits};
use super::gate_remote::Remote;
use super::output::{Output, tell};
use crate::documents::quantity::Span;
use crate::worker::Installation;
use chrono::Utc;
use clap::{Args, Subcommand};
use gate_api::{AnswerError, Gate as Name, Question, answer};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// Time between two questions of `gate wait`.
const AGAIN: Duration = Duration::from_secs(1);
/// How long `gate wait` lets a tag appear: a worker sees a pushed tag within seconds, and a misspelt one never comes.
const APPEARS: Duration = Duration::from_secs(60);

const CHECK_EXAMPLES: &str = "Examples:
  mettle gate check release --product shop --tag v1.2.0 --landscape staging --dir soak
  mettle gate check release --product shop --tag v1.2.0 --landscape staging \\
    --url http://127.0.0.1:7310

Exit: 0 allow, 10 deny (also expired), 11 wait, or denied for want of evidence, 2 unknown subject
or wrong use, 1 nobody could look (unreachable, unwell). Non-zero is always \"do not promote\".";

const WAIT_EXAMPLES: &str = "Examples:
  mettle gate wait release --product shop --tag v1.2.0 --landscape staging --timeout 30m --dir soak
  mettle gate wait release --product shop --tag v1.2.0 --landscape staging --timeout 6h \\
    --url http://127.0.0.1:7310

A tag that was just pushed may take a few seconds to be seen: it is waited for at most a minute,
then it is unknown.

Exit: as `gate check`, and 12 when the time limit is reached.";

/// Asks a gate.
#[derive(Debug, Subcommand)]
pub(super) enum Gate {
    /// Asks once.
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Ask),
    /// Asks until it is decided.
    #[command(after_help = WAIT_EXAMPLES)]
    Wait {
        #[command(flatten)]
        ask: Ask,
        /// Longest wait, with its unit: 30s, 10m, 6h.
        #[arg(long, default_value = "1h", value_parser = length)]
        timeout: Duration,
    },
}

/// What is asked, and of whom.
#[derive(Debug, Args)]
pub(super) struct Ask {
    /// Gate: `release` or `stage`.
    gate: String,
    /// Product.
    #[arg(long)]
    product: String,
    /// Tag.
    #[arg(long)]
    tag: String,
    /// Commit that the caller believes the tag to be: another one is denied.
    #[arg(long)]
    commit: Option<String>,
    /// Landscape.
    #[arg(long)]
    landscape: String,
    /// Folder of the installation [default: METTLE_DIR, else the current folder].
    #[arg(long, conflicts_with = "url")]
    dir: Option<PathBuf>,
    /// Address of a server, instead of a folder.
    #[arg(long)]
    url: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// Reads a length of time for clap.
fn length(text: &str) -> Result<Duration, String> {
    Span::parse(text).map(|span| span.0).ok_or_else(|| "a length of time needs a unit: write 30s, 10m or 6h".to_owned())
}

/// Who answers.
enum Answerer {
    Folder(Box<Installation>),
    Server(Remote),
}

impl Answerer {
    /// `at_most`: how long a server may hold the question.
    async fn ask(&self, question: &Question, at_most: Duration) -> anyhow::Result<Reply> {
        match self {
            Answerer::Server(remote) => remote.ask(question, at_most).await,
            Answerer::Folder(installation) => Ok(match answer(installation.gate.as_ref(), question, Utc::now()) {
                Ok(given) => Reply::Answer(given.body()),
                Err(AnswerError::NotFound { what, hint }) => {
                    Reply::Unknown(format!("{what} is not known here; {hint}"))
                }
                Err(error) => return Err(error.into()),
            }),
        }
    }
}

pub(super) async fn run(gate: Gate) -> anyhow::Result<u8> {
    let (ask, limit) = match gate {
        Gate::Check(ask) => (ask, None),
        Gate::Wait { ask, timeout } => (ask, Some(timeout)),
    };
    let Some(name) = Name::parse(&ask.gate) else {
        tell!("error: gate `{}` is not known; known: {}", ask.gate, Name::available().join(", "));
        return Ok(Exit::Usage as u8);
    };
    let answerer = match &ask.url {
        Some(url) => match Remote::new(url) {
            Ok(remote) => Answerer::Server(remote),
            Err(error) => {
                tell!("error: {error}");
                return Ok(Exit::Usage as u8);
            }
        },
        None => {
            let dir = ask.dir.clone().or_else(|| std::env::var_os("METTLE_DIR").map(PathBuf::from));
            Answerer::Folder(Box::new(Installation::open(&dir.unwrap_or_else(|| ".".into()))?))
        }
    };
    let mut question = Question::new(name, &ask.product, &ask.tag, &ask.landscape);
    question.commit.clone_from(&ask.commit);
    until_decided(&answerer, &question, limit, ask.output).await
}

/// Asks once without a limit, else until the answer is not `wait`.
async fn until_decided(
    answerer: &Answerer,
    question: &Question,
    limit: Option<Duration>,
    output: Output,
) -> anyhow::Result<u8> {
    let until = Instant::now() + limit.unwrap_or_default();
    let appears = until.min(Instant::now() + APPEARS);
    let (mut answered_before, mut told) = (false, false);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let body = match answerer.ask(question, left).await {
            Ok(Reply::Answer(body)) => body,
            Ok(Reply::Unknown(message)) if Instant::now() < appears => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!("{message}; waiting for it to appear");
                }
                tokio::time::sleep(AGAIN.min(appears.saturating_duration_since(Instant::now()))).await;
                continue;
            }
            Ok(Reply::Unknown(message) | Reply::Refused(message)) => {
                tell!("error: {message}");
                return Ok(Exit::Usage as u8);
            }
            // A server that answered before may be restarting; one that never did has another address.
            Err(error) if answered_before && Instant::now() < until => {
                tracing::warn!("{error:#}");
                tokio::time::sleep(AGAIN).await;
                continue;
            }
            Err(error) => return Err(error),
        };
        answered_before = true;
        if limit.is_none() || !waits(&body) || Instant::now() >= until {
            output.print(&body, || text(&body))?;
            let timed_out = limit.is_some() && waits(&body);
            return Ok(if timed_out { Exit::TimedOut } else { exit_of(&body) } as u8);
        }
        tokio::time::sleep(AGAIN.min(until.saturating_duration_since(Instant::now()))).await;
    }
}
