//! Proves that what was published belongs together, and judges it again.
//!
//! What is compared is the text that lies in the ledger, not what a reader made of its numbers. Whatever cannot be
//! looked at is told as that: neither "the same" nor "wrong".

mod again;
mod belongs;
mod proof;

pub use proof::{Holds, Proof, Proven};

use super::copies;
use super::installation::Installation;
use super::sources::Sources;
use crate::ledger::{Ledger, VerdictRecord};
use crate::report::Report;
use datasets::Digest;

/// File of the ledger with the report that decides about a tag.
const REPORT: &str = "report.json";

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Digests and what follows from them.
    Verify,
    /// The judgement, too.
    Replay,
}

/// A report with its text, and what the ledger's record of its soak says.
struct Published {
    report: Report,
    text: String,
    record: Option<VerdictRecord>,
}

/// What was found of `tag` in a ledger that was fetched; none where it was never published. `chain` is the proof of the
/// ledger as a whole.
///
/// # Errors
/// git fails.
pub async fn look(
    installation: &Installation,
    sources: &Sources,
    (tag, chain): (&str, &Proof),
    depth: Depth,
) -> anyhow::Result<Option<Proven>> {
    let ledger = Ledger::new(sources.product.clone(), 0);
    let Some(bytes) = ledger.read_file(tag, REPORT).await? else { return Ok(None) };
    let mut proofs = vec![chain.clone()];
    let published = match read(&ledger, tag, bytes).await {
        Ok(published) => published,
        Err(unreadable) => {
            proofs.push(Proof::unknown("report", unreadable));
            return Ok(Some(Proven { tag: tag.to_owned(), decided_by: None, proofs }));
        }
    };
    // Of the one tag that is judged again; looking at all of them must not bring everything back.
    if depth == Depth::Replay
        && let Err(error) = copies::bring_missing(installation, named(&published.report)).await
    {
        proofs.push(Proof::unknown("bucket", copies::told(&error)));
    }
    proofs.extend(belongs::together(installation, sources, tag, &published).await);
    if depth == Depth::Replay {
        proofs.push(again::judged(installation, sources, &published).await);
    }
    let decided_by = Some((published.report.soak.clone(), published.report.verdict));
    Ok(Some(Proven { tag: tag.to_owned(), decided_by, proofs }))
}

/// Evidence that a report rests on.
fn named(report: &Report) -> Vec<Digest> {
    let own = report.evidence.iter().map(|evidence| &evidence.digest);
    let baseline = report.terms.iter().flat_map(|terms| &terms.baseline).map(|run| &run.evidence);
    own.chain(baseline).filter_map(|digest| digest.parse().ok()).collect()
}

/// Whether the ledger is the one that was written, commit by commit.
///
/// # Errors
/// git fails.
pub async fn chain(sources: &Sources) -> anyhow::Result<Proof> {
    let found = Ledger::new(sources.product.clone(), 0).verify().await?;
    Ok(match found.breaks.first() {
        Some(broken) => Proof::of("chain", false, format!("commit {}: {}", broken.commit.as_str(), broken.problem)),
        None => Proof::of("chain", true, format!("{} commits of the ledger", found.commits)),
    })
}

async fn read(ledger: &Ledger, tag: &str, bytes: Vec<u8>) -> Result<Published, String> {
    let text = String::from_utf8(bytes).map_err(|_| "it is no text".to_owned())?;
    let report: Report = serde_json::from_str(&text).map_err(|error| format!("not of this version: {error}"))?;
    let record = ledger.read_file(tag, &format!("verdicts/{}.json", report.soak)).await;
    let record = record.map_err(|error| error.to_string())?;
    let record = record.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    Ok(Published { report, text, record })
}
