//! `chaos new` and `chaos validate`: experiments without a soak.

use super::Exit;
use crate::documents::{Complaint, read_file};
use ::chaos::document::Experiment;
use clap::Subcommand;
use std::path::PathBuf;

/// Experiments.
#[derive(Debug, Subcommand)]
pub(super) enum Chaos {
    /// Prints a commented experiment for a kind of fault.
    New {
        /// Kind: process.kill, net.delay, net.reset or http.abort.
        kind: String,
        /// Components of the product.
        #[arg(long, value_delimiter = ',', required = true)]
        components: Vec<String>,
    },
    /// Checks an experiment; all problems at once.
    Validate {
        /// File.
        file: PathBuf,
    },
}

pub(super) fn run(command: &Chaos) -> anyhow::Result<u8> {
    match command {
        Chaos::New { kind, components } => {
            let names: Vec<&str> = components.iter().map(String::as_str).collect();
            let Some(text) = ::chaos::template(kind, &names) else {
                eprintln!(
                    "error: `{kind}` is not a kind of fault that has a template; known: process.kill, net.delay, net.reset, http.abort"
                );
                return Ok(Exit::Usage as u8);
            };
            print!("{text}");
        }
        Chaos::Validate { file } => {
            let document = read_file::<Experiment>(file)?;
            let complaints = document.value.problems(None).into_iter().map(|p| Complaint {
                key: p.key,
                value: p.value,
                message: p.message,
                remedy: p.remedy,
            });
            document.place(complaints).or(())?;
            println!("{}: no problems", file.display());
        }
    }
    Ok(Exit::Ok as u8)
}
