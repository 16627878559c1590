//! `mettle evidence verify` and `replay`: published verdicts, proven and judged again.

use super::Exit;
use super::opened::Opened;
use super::output::{Output, tell};
use crate::ledger::Ledger;
use crate::worker::replay::{self, Depth, Holds, Proven};
use std::fmt::Write as _;
use std::path::Path;

pub(super) const VERIFY_EXAMPLES: &str = "Examples:
  mettle evidence verify --dir soak            every published tag
  mettle evidence verify v1.2.0 --dir soak -o json

Of each tag the report that decides about it is looked at: the chain of the ledger, the record of
its soak, what the gate answers from, policy, programme, evidence and the evidence of its baseline.

Exit: 0 everything belongs together, 2 the tag was never published, 10 something does not,
11 something could not be looked at.";

pub(super) const REPLAY_EXAMPLES: &str = "Example:
  mettle evidence replay v1.2.0 --dir soak

The report in the ledger names evidence, baseline, policy and the way it was judged; signals and
programme are those of its commit. Verdict, score and every number of the judgement must come out
the same, byte for byte.

Exit: 0 the same, 2 the tag was never published, 10 not the same, 11 nobody can judge it again.";

pub(super) async fn run(dir: &Path, tag: Option<String>, depth: Depth, output: &Output) -> anyhow::Result<u8> {
    let opened = Opened::at(dir).await?;
    let Opened { installation, sources, .. } = &opened;
    let ledger = Ledger::new(sources.product.clone(), 0);
    ledger.refresh().await?;
    let known: Vec<String> = ledger.list().await?.into_iter().map(|one| one.tag).collect();
    let (wanted, chain) = (tag.map_or_else(|| known.clone(), |tag| vec![tag]), replay::chain(sources).await?);
    let mut all = Vec::new();
    for tag in &wanted {
        match replay::look(installation, sources, (tag, &chain), depth).await? {
            Some(proven) => all.push(proven),
            // Soaks that decided nothing leave a tag without a report.
            None if known.contains(tag) && wanted.len() > 1 => {}
            None => {
                let known = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") };
                tell!("error: `{tag}` has no published report; published: {known}");
                return Ok(Exit::Usage as u8);
            }
        }
    }
    output.print(&all, || text(&all))?;
    let any = |wanted| all.iter().any(|one| one.holds() == wanted);
    Ok(match (any(Holds::No), any(Holds::Unknown)) {
        (true, _) => Exit::Deny,
        (false, true) => Exit::Insufficient,
        (false, false) => Exit::Ok,
    } as u8)
}

fn text(all: &[Proven]) -> String {
    if all.is_empty() {
        return "nothing was published yet\n".to_owned();
    }
    let mut text = String::new();
    for one in all {
        let by = one.decided_by.as_ref().map(|(soak, verdict)| format!(" {verdict:?}, soak {soak}").to_lowercase());
        let _ = writeln!(text, "{}{}", one.tag, by.unwrap_or_default());
        for proof in &one.proofs {
            let mark = match proof.holds {
                Holds::Yes => "ok",
                Holds::No => "WRONG",
                Holds::Unknown => "unknown",
            };
            let _ = writeln!(text, "  {mark:<8} {:<13} {}", proof.what, proof.detail);
        }
    }
    text
}
