//! `mettle evidence`: what was recorded.

use super::evidence_proof;
use super::output::{Output, table, tell, write_line};
use super::soak_view::span;
use super::{Dir, Exit, evidence_prune};
use crate::worker::Installation;
use crate::worker::copies;
use crate::worker::replay::Depth;
use chrono::{DateTime, TimeDelta, Utc};
use clap::Subcommand;
use datasets::Digest;
use scorer::evidence::{Evidence, Outcome};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Digits of a digest that people need to tell evidence apart.
pub(super) const SHORT: usize = 12;

/// Evidence at rest.
#[derive(Debug, Subcommand)]
pub(super) enum EvidenceCommand {
    /// Lists it, oldest first.
    #[command(
        after_help = "Examples:\n  mettle evidence ls --dir soak\n  mettle evidence ls --tag v1.2.0 --dir soak -o json"
    )]
    Ls {
        #[command(flatten)]
        dir: Dir,
        /// Only of this tag.
        #[arg(long)]
        tag: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// What one holds: a summary, or with `-o json` everything.
    #[command(
        after_help = "Examples:\n  mettle evidence show 3fa9c1 --dir soak\n  mettle evidence show 3fa9c1 --dir soak -o json"
    )]
    Show {
        #[command(flatten)]
        dir: Dir,
        /// Digest, or a beginning of it that fits one alone; of what the bucket alone has, all of it.
        digest: String,
        #[command(flatten)]
        output: Output,
    },
    /// Proves that published reports, their policy, programme and evidence belong together.
    #[command(after_help = evidence_proof::VERIFY_EXAMPLES)]
    Verify {
        #[command(flatten)]
        dir: Dir,
        /// Tag; all published ones where none is given.
        tag: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Judges a published tag again, and compares with what was published, byte for byte.
    #[command(after_help = evidence_proof::REPLAY_EXAMPLES)]
    Replay {
        #[command(flatten)]
        dir: Dir,
        /// Tag.
        tag: String,
        #[command(flatten)]
        output: Output,
    },
    /// Copies one, checked, into a new folder.
    #[command(after_help = "Example:\n  mettle evidence export 3fa9c1 /tmp/evidence --dir soak")]
    Export {
        #[command(flatten)]
        dir: Dir,
        /// Digest, or a beginning of it that fits one alone; of what the bucket alone has, all of it.
        digest: String,
        /// Folder, which must not exist yet.
        target: PathBuf,
    },
    /// Removes old evidence that nothing is bound to; without --yes it only says what would go.
    #[command(after_help = evidence_prune::EXAMPLES)]
    Prune(evidence_prune::Prune),
}

/// One evidence in a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    digest: String,
    product: String,
    tag: String,
    landscape: String,
    soak: String,
    attempt: u32,
    recorded: DateTime<Utc>,
    bytes: u64,
}

pub(super) async fn run(command: EvidenceCommand) -> anyhow::Result<u8> {
    match command {
        EvidenceCommand::Ls { dir, tag, output } => {
            let mut entries = Installation::open(&dir.dir)?.evidence.list()?;
            entries.retain(|entry| tag.as_ref().is_none_or(|tag| entry.subject.tag == *tag));
            let line = |entry: datasets::Entry| Line {
                digest: entry.digest.to_string(),
                product: entry.subject.product,
                tag: entry.subject.tag,
                landscape: entry.subject.landscape,
                soak: entry.subject.soak,
                attempt: entry.subject.attempt,
                recorded: entry.created,
                bytes: entry.bytes,
            };
            let lines: Vec<Line> = entries.into_iter().map(line).collect();
            output.print(&lines, || listed(&lines))?;
        }
        EvidenceCommand::Show { dir, digest, output } => {
            let installation = Installation::open(&dir.dir)?;
            let Some(digest) = told(find(&installation, &digest).await?) else { return Ok(Exit::Usage as u8) };
            let evidence = installation.evidence.get(&digest)?;
            output.print(&evidence, || summary(&digest, &evidence))?;
        }
        EvidenceCommand::Verify { dir, tag, output } => {
            return evidence_proof::run(&dir.dir, tag, Depth::Verify, &output).await;
        }
        EvidenceCommand::Replay { dir, tag, output } => {
            return evidence_proof::run(&dir.dir, Some(tag), Depth::Replay, &output).await;
        }
        EvidenceCommand::Export { dir, digest, target } => {
            let installation = Installation::open(&dir.dir)?;
            let Some(digest) = told(find(&installation, &digest).await?) else { return Ok(Exit::Usage as u8) };
            if let Err(error) = installation.evidence.export(&digest, &target) {
                let hints: Vec<String> = error.hints().into_iter().map(|hint| hint.0).collect();
                anyhow::bail!("{:#}; {}", anyhow::Error::from(error), hints.join("; "));
            }
            write_line(target.display())?;
        }
        EvidenceCommand::Prune(prune) => return evidence_prune::run(&prune),
    }
    Ok(Exit::Ok as u8)
}

fn told(found: Result<Digest, String>) -> Option<Digest> {
    found.inspect_err(|error| tell!("error: {error}")).ok()
}

/// The one evidence whose digest begins with `text`; `sha256:` may stand before it. Of a whole digest that the bucket
/// alone has, the evidence is fetched.
async fn find(installation: &Installation, text: &str) -> anyhow::Result<Result<Digest, String>> {
    if let Ok(digest) = text.trim_start_matches("sha256:").parse::<Digest>() {
        let fetched = copies::bring_missing(installation, vec![digest]).await;
        fetched.map_err(|error| anyhow::anyhow!(copies::told(&error)))?;
    }
    Ok(choose(&installation.evidence.digests()?, text))
}

fn choose(digests: &[Digest], text: &str) -> Result<Digest, String> {
    let prefix = text.trim_start_matches("sha256:");
    let short = |list: &[&Digest]| {
        list.iter().take(8).map(|d| d.to_string()[..SHORT].to_owned()).collect::<Vec<_>>().join(", ")
    };
    let fit: Vec<&Digest> =
        digests.iter().filter(|d| !prefix.is_empty() && d.to_string().starts_with(prefix)).collect();
    match fit.as_slice() {
        [one] => Ok(**one),
        [] if digests.is_empty() => {
            Err(format!("there is no evidence `{text}`; there is none at all yet: a soak records it"))
        }
        [] => {
            let all: Vec<&Digest> = digests.iter().collect();
            Err(format!(
                "there is no evidence `{text}`; there are {}: {}; see `mettle evidence ls`",
                all.len(),
                short(&all)
            ))
        }
        several => Err(format!("`{text}` begins {} digests: {}; write more of it", several.len(), short(several))),
    }
}

fn listed(lines: &[Line]) -> String {
    if lines.is_empty() {
        return "no evidence yet; a soak records it\n".into();
    }
    let head = ["EVIDENCE", "TAG", "RECORDED", "SIZE", "ATTEMPT", "SOAK"].map(str::to_owned).to_vec();
    let row = |line: &Line| {
        vec![
            line.digest[..SHORT].to_owned(),
            line.tag.clone(),
            line.recorded.format("%Y-%m-%d %H:%M:%S").to_string(),
            size(line.bytes),
            line.attempt.to_string(),
            line.soak.clone(),
        ]
    };
    table(&std::iter::once(head).chain(lines.iter().map(row)).collect::<Vec<_>>())
}

pub(super) fn size(bytes: u64) -> String {
    match bytes {
        b @ ..10_000 => format!("{b} B"),
        b @ ..10_000_000 => format!("{} kB", b / 1_000),
        b => format!("{} MB", b / 1_000_000),
    }
}

fn summary(digest: &Digest, evidence: &Evidence) -> String {
    let subject = &evidence.subject;
    let mut text = format!(
        "evidence {digest}\n  {} {} at {} in {}/{}, soak {} attempt {}\n",
        subject.product, subject.tag, subject.commit, subject.landscape, subject.cluster, subject.soak, subject.attempt
    );
    let versions: Vec<String> =
        evidence.context.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let _ = writeln!(text, "  versions  {}", versions.join(", "));
    let samples: usize = evidence.series.iter().map(|series| series.values.len()).sum();
    let _ = writeln!(text, "  samples   {samples} in {} series", evidence.series.len());
    for phase in &evidence.phases {
        let length = span(TimeDelta::milliseconds((phase.end_ms - phase.start_ms).max(0)));
        let _ = writeln!(text, "  phase     {} ({:?}), {length}", phase.name, phase.label);
    }
    let mut checks: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
    for check in &evidence.checks {
        let cell = checks.entry(&check.suite).or_default();
        match check.outcome {
            Outcome::Ok => cell.0 += 1,
            Outcome::NotRun => cell.2 += 1,
            Outcome::Wrong | Outcome::Slow | Outcome::Unreachable => cell.1 += 1,
        }
    }
    for (suite, (ok, bad, not_run)) in checks {
        let _ = writeln!(text, "  suite     {suite}: {ok} ok, {bad} not ok, {not_run} not run");
    }
    for finding in &evidence.findings {
        let _ = writeln!(text, "  finding   {:?}: {}", finding.severity, finding.title);
    }
    for exposure in &evidence.exposures {
        let verified = if exposure.verified { "verified" } else { "not verified" };
        let _ = writeln!(
            text,
            "  fault     {}#{} {} on {}: {verified}",
            exposure.experiment, exposure.repetition, exposure.kind, exposure.target
        );
    }
    let _ = writeln!(text, "  events    {}", evidence.events.len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_enough_when_it_fits_one_alone() {
        let mut digests: Vec<Digest> = (0..40_u8).map(|n| Digest::of(&[n])).collect();
        digests.sort();
        let whole = digests[0].to_string();
        assert_eq!(choose(&digests, &whole), Ok(digests[0]));
        assert_eq!(choose(&digests, &format!("sha256:{}", &whole[..10])), Ok(digests[0]));
        assert!(choose(&digests, "").unwrap_err().contains("there are 40: "));
        // Forty digests begin with sixteen digits: some digit begins two.
        let twice = digests.windows(2).find(|d| d[0].to_string()[..1] == d[1].to_string()[..1]).unwrap();
        assert!(choose(&digests, &twice[0].to_string()[..1]).unwrap_err().contains("write more of it"));
        assert!(choose(&[], "ab").unwrap_err().contains("there is none at all yet"));
    }
}
