//! The story of the demo: which tag is pushed when, and whether it came out as told.

use super::repos::{init, push_tag};
use crate::git::Git;
use crate::soak::Soak;
use crate::soak::baseline::RUNS;
use crate::worker::{Installation, Notice, View, Worker, installation::SETTINGS, verdict_of};
use anyhow::Context as _;
use scorer::signal::Dimension;
use scorer::verdict::{Basis, Judgement, ReasonSeverity, Verdict};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Product of the demo.
pub const PRODUCT: &str = "shop";
/// Time between two looks at the store.
const TURN: Duration = Duration::from_millis(500);
/// Longest that the whole story may take.
const LIMIT: Duration = Duration::from_secs(45 * 60);

/// What a tag must come to.
struct Chapter {
    tag: &'static str,
    verdict: Verdict,
    /// How its first judgement is made.
    basis: Basis,
    /// What the weightiest reason of a fail must be about, and the codes that it may have.
    fails_by: Option<(Dimension, &'static [&'static str])>,
}

const fn passes(tag: &'static str, basis: Basis) -> Chapter {
    Chapter { tag, verdict: Verdict::Pass, basis, fails_by: None }
}

const fn fails(tag: &'static str, dimension: Dimension, codes: &'static [&'static str]) -> Chapter {
    Chapter { tag, verdict: Verdict::Fail, basis: Basis::Baseline, fails_by: Some((dimension, codes)) }
}

const TOLD: [Chapter; 5] = [
    passes("v1.0.0", Basis::Objectives),
    // It holds every objective: only the comparison with its baseline can find it.
    fails("v1.1.0", Dimension::Performance, &["worse_than_baseline"]),
    passes("v1.1.1", Basis::Baseline),
    fails("v1.2.0", Dimension::Resilience, &["recovery_late", "worse_than_baseline"]),
    passes("v1.2.1", Basis::Baseline),
];

/// Makes the installation and its repositories.
///
/// # Errors
/// git fails, or the folder cannot be written.
pub async fn prepare(dir: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    // git does not run in our folder.
    let dir = dir.canonicalize()?;
    init(&Git::default(), &dir.join("repos")).await?;
    let settings = dir.join(SETTINGS);
    if !settings.exists() {
        std::fs::write(&settings, include_str!("../../demo/mettle.yaml"))?;
    }
    Ok(())
}

/// Runs the story to its end; whether it came out as told.
///
/// # Errors
/// The worker failed, or the story took too long.
pub async fn tell(
    installation: Installation,
    view: View,
    mettle: PathBuf,
    stop: CancellationToken,
) -> anyhow::Result<Told> {
    let worker = Worker::open(installation.clone(), view.clone(), mettle).await?;
    let ended = stop.child_token();
    let working = tokio::spawn(worker.run(ended.clone()));
    let told = tokio::select! {
        told = tokio::time::timeout(LIMIT, push_along(&installation, &view, &working)) => told.context("the story took too long")?,
        () = stop.cancelled() => Err(anyhow::anyhow!("interrupted")),
    };
    ended.cancel();
    working.await??;
    told
}

/// How the story came out.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// One line a tag.
    pub lines: Vec<String>,
    /// What did not come out as told.
    pub astray: Vec<String>,
}

async fn push_along(
    installation: &Installation,
    view: &View,
    working: &tokio::task::JoinHandle<anyhow::Result<()>>,
) -> anyhow::Result<Told> {
    let (git, repos) = (Git::default(), installation.dir.join("repos"));
    let mut told = Told::default();
    let mut turn = tokio::time::interval(TURN);
    for (index, chapter) in TOLD.iter().enumerate() {
        let tag = chapter.tag;
        push_tag(&git, &repos, tag).await?;
        if index > 0 {
            view.show(&Notice::Says(format!("{tag} is pushed")));
        }
        let needed = if index == 0 { RUNS } else { 1 };
        let soaks = loop {
            turn.tick().await;
            anyhow::ensure!(!working.is_finished(), "the worker ended by itself");
            let soaks: Vec<Soak> =
                installation.store.soaks(PRODUCT)?.into_iter().filter(|s| s.tag == tag && s.ended()).collect();
            let passed = soaks.iter().filter(|s| verdict_of(s) == Verdict::Pass).count();
            let failed = soaks.iter().any(|s| verdict_of(s) == Verdict::Fail);
            // The first tag fills the baseline; the others need one verdict.
            if (index == 0 && (passed >= needed || failed || soaks.len() >= 2 * RUNS))
                || (index > 0 && !soaks.is_empty())
            {
                break soaks;
            }
        };
        told.add(chapter, &soaks);
    }
    Ok(told)
}

impl Told {
    fn add(&mut self, chapter: &Chapter, soaks: &[Soak]) {
        let Some(last) = soaks.last() else { return };
        let (tag, verdict) = (chapter.tag, verdict_of(last));
        let reason = last.judgement.as_ref().and_then(|j| j.reasons.first());
        self.lines.push(format!(
            "{tag}: {verdict:?} after {} soaks; {}",
            soaks.len(),
            reason.map_or("", |r| r.text.as_str())
        ));
        if verdict != chapter.verdict {
            self.astray.push(format!("{tag} should be {:?} and is {verdict:?}", chapter.verdict));
        }
        let judgements: Vec<&Judgement> = soaks.iter().filter_map(|soak| soak.judgement.as_ref()).collect();
        self.astray.extend(chapter.otherwise(&judgements).map(|what| format!("{tag} {what}")));
    }
}

impl Chapter {
    /// What is told otherwise by the judgements of its soaks, oldest first.
    fn otherwise(&self, judgements: &[&Judgement]) -> Option<String> {
        let (Some(first), Some(last)) = (judgements.first(), judgements.last()) else {
            return Some("was never judged".to_owned());
        };
        if first.basis != self.basis {
            return Some(format!("should be judged by {:?} at first and is by {:?}", self.basis, first.basis));
        }
        let (dimension, codes) = self.fails_by?;
        // Reasons are in reading order, and what is told for information decides nothing.
        match last.reasons.iter().find(|r| r.severity == ReasonSeverity::Error) {
            Some(r) if r.dimension == Some(dimension) && codes.contains(&r.code.as_str()) => None,
            Some(r) => Some(format!("should fail by {dimension:?} and fails by {} ({:?})", r.code, r.dimension)),
            None => Some(format!("should fail by {dimension:?} and names nothing")),
        }
    }
}

#[cfg(test)]
mod tests;
