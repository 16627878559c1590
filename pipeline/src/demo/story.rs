//! The story of the demo: which tag is pushed when, and whether it came out as told.

use super::repos::{init, push_tag};
use crate::git::Git;
use crate::soak::Soak;
use crate::soak::baseline::RUNS;
use crate::worker::{Installation, Notice, View, Worker, installation::SETTINGS, verdict_of};
use anyhow::Context as _;
use scorer::signal::Dimension;
use scorer::verdict::Verdict;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Product of the demo.
pub const PRODUCT: &str = "shop";
/// Time between two looks at the store.
const TURN: Duration = Duration::from_millis(500);
/// Longest that the whole story may take.
const LIMIT: Duration = Duration::from_secs(45 * 60);

/// What each tag after the first must come to, and which dimension a fail must name.
const TOLD: [(&str, Verdict, Option<Dimension>); 5] = [
    ("v1.0.0", Verdict::Pass, None),
    ("v1.1.0", Verdict::Fail, Some(Dimension::Performance)),
    ("v1.1.1", Verdict::Pass, None),
    ("v1.2.0", Verdict::Fail, Some(Dimension::Resilience)),
    ("v1.2.1", Verdict::Pass, None),
];

/// Makes the installation and its repositories.
///
/// # Errors
/// git fails, or the folder cannot be written.
pub async fn prepare(dir: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
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
    for (index, (tag, wanted, dimension)) in TOLD.iter().enumerate() {
        push_tag(&git, &repos, tag).await?;
        if index > 0 {
            view.show(&Notice::Says(format!("{tag} is pushed")));
        }
        let needed = if index == 0 { RUNS } else { 1 };
        let soaks = loop {
            turn.tick().await;
            anyhow::ensure!(!working.is_finished(), "the worker ended by itself");
            let soaks: Vec<Soak> =
                installation.store.soaks(PRODUCT)?.into_iter().filter(|s| s.tag == *tag && s.ended()).collect();
            let passed = soaks.iter().filter(|s| verdict_of(s) == Verdict::Pass).count();
            let failed = soaks.iter().any(|s| verdict_of(s) == Verdict::Fail);
            // The first tag fills the baseline; the others need one verdict.
            if (index == 0 && (passed >= needed || failed || soaks.len() >= 2 * RUNS))
                || (index > 0 && !soaks.is_empty())
            {
                break soaks;
            }
        };
        judge_tag(&mut told, tag, *wanted, *dimension, &soaks);
    }
    Ok(told)
}

fn judge_tag(told: &mut Told, tag: &str, wanted: Verdict, dimension: Option<Dimension>, soaks: &[Soak]) {
    let Some(last) = soaks.last() else { return };
    let verdict = verdict_of(last);
    let reason = last.judgement.as_ref().and_then(|j| j.reasons.first());
    told.lines.push(format!(
        "{tag}: {verdict:?} after {} soaks; {}",
        soaks.len(),
        reason.map_or("", |r| r.text.as_str())
    ));
    let named = last.judgement.iter().flat_map(|j| &j.reasons).any(|r| r.dimension == dimension);
    if verdict != wanted {
        told.astray.push(format!("{tag} should be {wanted:?} and is {verdict:?}"));
    } else if dimension.is_some() && !named {
        told.astray.push(format!("{tag} should name {dimension:?}"));
    }
}
