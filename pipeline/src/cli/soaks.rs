//! `soak` and `evidence`: what an installation holds.

use super::{Dir, Exit};
use crate::worker::{Installation, verdict_of};
use clap::Subcommand;

/// Soaks of an installation.
#[derive(Debug, Subcommand)]
pub(super) enum SoakCommand {
    /// Lists them, oldest first.
    List {
        #[command(flatten)]
        dir: Dir,
        /// Product.
        #[arg(long)]
        product: String,
    },
    /// Asks the running soak of a product to end: faults are undone, what is known is published.
    Abort {
        #[command(flatten)]
        dir: Dir,
        /// Soak id.
        id: String,
    },
}

/// Evidence at rest.
#[derive(Debug, Subcommand)]
pub(super) enum EvidenceCommand {
    /// Lists it.
    Ls {
        #[command(flatten)]
        dir: Dir,
    },
    /// Prints one as JSON.
    Show {
        #[command(flatten)]
        dir: Dir,
        /// Digest.
        digest: String,
    },
    /// Copies one, checked, into a folder.
    Export {
        #[command(flatten)]
        dir: Dir,
        /// Digest.
        digest: String,
        /// Folder.
        target: std::path::PathBuf,
    },
}

pub(super) fn soak(command: &SoakCommand) -> anyhow::Result<u8> {
    match command {
        SoakCommand::List { dir, product } => {
            let installation = Installation::open(&dir.dir)?;
            for s in installation.store.soaks(product)? {
                let score =
                    s.judgement.as_ref().and_then(|j| j.score_low).map_or_else(|| "-".into(), |l| format!("{l:.0}"));
                println!("{}\t{}\t{:?}\t{score}\t{}", s.id, s.tag, verdict_of(&s), serde_json::to_string(&s.state)?);
            }
        }
        SoakCommand::Abort { dir, id } => {
            let installation = Installation::open(&dir.dir)?;
            installation.store.set_mark(&crate::worker::abort_mark(id), "asked")?;
            eprintln!("asked; the worker ends the soak within seconds");
        }
    }
    Ok(Exit::Ok as u8)
}

pub(super) fn evidence(command: &EvidenceCommand) -> anyhow::Result<u8> {
    match command {
        EvidenceCommand::Ls { dir } => {
            for entry in Installation::open(&dir.dir)?.evidence.list()? {
                println!("{}\t{}\t{}\t{} bytes", entry.digest, entry.subject.tag, entry.subject.soak, entry.bytes);
            }
        }
        EvidenceCommand::Show { dir, digest } => {
            let evidence = Installation::open(&dir.dir)?.evidence.get(&digest.parse()?)?;
            println!("{}", serde_json::to_string_pretty(&evidence)?);
        }
        EvidenceCommand::Export { dir, digest, target } => {
            Installation::open(&dir.dir)?.evidence.export(&digest.parse()?, target)?
        }
    }
    Ok(Exit::Ok as u8)
}
