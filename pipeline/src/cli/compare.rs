//! `mettle compare`: one tag against another.

use super::judge;
use super::output::{Output, counted};
use super::{Dir, Exit};
use crate::worker::Installation;
use crate::worker::across;
use crate::worker::sources::Sources;
use clap::Args;
use scorer::verdict::Verdict;

/// `mettle compare`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  mettle compare v1.0.0 v1.1.1 --dir soak

The last whole soak of the newer tag is judged anew, with all soaks of the older one as its
baseline, by the policy that it began with. Nothing is published, and no gate knows of it.

Exit: 0 pass, 10 fail, 11 not decided.")]
pub(super) struct Compare {
    /// The older tag.
    older: String,
    /// The newer tag.
    newer: String,
    #[command(flatten)]
    dir: Dir,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(asked: Compare) -> anyhow::Result<u8> {
    let installation = Installation::open(&asked.dir.dir)?;
    let scratch = tempfile::tempdir()?;
    let sources = Sources::open_in(&installation, scratch.path().to_owned()).await?;
    let truth = sources.read().await?;
    let tags = [asked.older.as_str(), asked.newer.as_str()];
    let compared = across::compare(&installation, &sources, &truth, tags).await?;
    let judgement = &compared.judgement;
    asked.output.print(judgement, || {
        let runs = counted(compared.runs, "soak");
        let head = format!("{} (soak {}) against {runs} of {}\n", asked.newer, compared.soak, asked.older);
        head + &judge::text(judgement, compared.kpi, compared.interval_ms)
    })?;
    Ok(match judgement.verdict {
        Verdict::Pass => Exit::Ok,
        Verdict::Fail => Exit::Deny,
        Verdict::Insufficient | Verdict::None => Exit::Insufficient,
    } as u8)
}
