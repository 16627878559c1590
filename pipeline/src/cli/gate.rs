//! `gate check` and `gate wait`.

use super::{Dir, Exit};
use crate::worker::Installation;
use chrono::Utc;
use clap::{Args, Subcommand};
use gate_api::{Answer, AnswerError, Gate as Name, Question, answer};
use std::time::Duration;

/// Time between two questions of `gate wait`.
const AGAIN: Duration = Duration::from_secs(1);

/// Asks a gate.
#[derive(Debug, Subcommand)]
pub(super) enum Gate {
    /// Asks once: exit 0 allow, 10 deny, 11 wait or insufficient, 2 unknown.
    Check(Ask),
    /// Asks until it is decided: as `check`, and 12 when the time limit is reached.
    Wait {
        #[command(flatten)]
        ask: Ask,
        /// Time limit in seconds.
        #[arg(long, default_value_t = 3600)]
        timeout: u64,
    },
}

/// What is asked.
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
    /// Commit that the caller believes the tag to be.
    #[arg(long)]
    commit: Option<String>,
    /// Landscape.
    #[arg(long)]
    landscape: String,
    #[command(flatten)]
    dir: Dir,
    /// Output.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// The body of the contract.
    Json,
}

pub(super) async fn run(gate: Gate) -> anyhow::Result<u8> {
    let (ask, limit) = match gate {
        Gate::Check(ask) => (ask, Duration::ZERO),
        Gate::Wait { ask, timeout } => (ask, Duration::from_secs(timeout)),
    };
    let Some(name) = Name::parse(&ask.gate) else {
        eprintln!("error: gate `{}` is not known; known: {}", ask.gate, Name::available().join(", "));
        return Ok(Exit::Usage as u8);
    };
    let installation = Installation::open(&ask.dir.dir)?;
    let mut question = Question::new(name, &ask.product, &ask.tag, &ask.landscape);
    question.commit.clone_from(&ask.commit);
    let until = tokio::time::Instant::now() + limit;
    loop {
        let given = match answer(installation.gate.as_ref(), &question, Utc::now()) {
            Ok(given) => given,
            Err(AnswerError::NotFound { what, hint }) => {
                eprintln!("error: {what} is not known here; {hint}");
                return Ok(Exit::Usage as u8);
            }
            Err(error) => return Err(error.into()),
        };
        let waits = given.http_status() == 425;
        if !waits || tokio::time::Instant::now() >= until {
            show(&given, ask.output);
            return Ok(if waits && limit > Duration::ZERO { Exit::TimedOut as u8 } else { given.exit() });
        }
        tokio::time::sleep(AGAIN).await;
    }
}

fn show(given: &Answer, output: Output) {
    match output {
        Output::Text => print!("{}", given.text()),
        Output::Json => println!("{}", given.body()),
    }
}
