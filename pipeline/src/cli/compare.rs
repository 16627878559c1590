//! `mettle compare`: one tag against another.

use super::baseline_select;
use super::judge;
use super::opened::Opened;
use super::output::{Output, counted};
use super::{Dir, Exit};
use crate::worker::across;
use clap::Args;
use scorer::verdict::Verdict;

/// `mettle compare`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mettle compare v1.0.0 v1.1.1 --dir soak
  mettle compare 'tag >= v1.0.0 and tag < v1.1.0 and verdict = pass' v1.1.1 --dir soak

The last whole soak of the newer tag is judged anew, with all soaks of the older one as its
baseline, or with those of other tags that a query chooses (mettle baseline select --help), by the
policy that it began with. Nothing is published, and no gate knows of it.

Exit: 0 pass, 2 the query is wrong, 10 fail, 11 not decided.")]
pub(super) struct Compare {
    /// The older tag, or a query.
    older: String,
    /// The newer tag.
    newer: String,
    #[command(flatten)]
    dir: Dir,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(asked: Compare) -> anyhow::Result<u8> {
    let opened = Opened::at(&asked.dir.dir).await?;
    let truth = opened.sources.read().await?;
    let tags = (asked.older.as_str(), asked.newer.as_str());
    let compared = match across::compare(&opened.installation, &opened.sources, &truth, tags).await {
        Ok(compared) => compared,
        Err(error) => return baseline_select::refused(error),
    };
    let judgement = &compared.judgement;
    asked.output.print(judgement, || {
        let runs = counted(compared.runs, "soak");
        let head = format!("{} (soak {}) against {runs}: {}\n", asked.newer, compared.soak, asked.older);
        head + &judge::text(judgement, compared.kpi, compared.interval_ms)
    })?;
    Ok(match judgement.verdict {
        Verdict::Pass => Exit::Ok,
        Verdict::Fail => Exit::Deny,
        Verdict::Insufficient | Verdict::None => Exit::Insufficient,
    } as u8)
}
