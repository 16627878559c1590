//! Across tags: one tag against another, and levels over all of them, from the evidence at rest.

use super::bundle::Bundle;
use super::chosen::chosen;
use super::copies;
use super::installation::Installation;
use super::judge::{self, Bench};
use super::sources::{Sources, Truth};
use crate::builtin;
use crate::soak::machine::Outcome;
use crate::soak::record::BaselineRun;
use crate::soak::{Soak, State};
use anyhow::{Context as _, bail};
use datasets::Digest;
use scorer::assess::Ended;
use scorer::form::{FormedMetric, form, needed};
use scorer::metric::Samples;
use scorer::quantity::Unit;
use scorer::recording::Recording;
use scorer::signal::{Margin, Signal, Tier, Worse};
use scorer::trend::{Trend, trend};
use scorer::verdict::Judgement;
use scorer::{Evidence, median};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A trend this improbable by chance is told; over twenty metrics one in five installations sees one by chance.
pub const CREEP_P: f64 = 0.01;

/// What one tag is against another.
pub struct Compared {
    /// The judgement of the newer tag's last soak, as if the chosen runs were its baseline.
    pub judgement: Judgement,
    /// Score that a pass needs.
    pub kpi: f64,
    /// Interval of samples.
    pub interval_ms: i64,
    /// Soaks of the baseline.
    pub runs: usize,
    /// Soak of the newer tag.
    pub soak: String,
}

/// One metric over the tags.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Course {
    /// Metric.
    pub metric: String,
    /// Unit of its levels.
    pub unit: &'static str,
    /// How much worse is tolerated in one step, in that unit; none where no margin is declared.
    pub margin: Option<f64>,
    /// Oldest tag first.
    pub tags: Vec<TagLevel>,
    /// What they do; none with too few tags.
    pub found: Option<Found>,
}

/// The level of one tag: the median of its soaks' means.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TagLevel {
    /// Tag.
    pub tag: String,
    /// Soaks.
    pub soaks: usize,
    /// Level in the metric's own unit.
    pub level: f64,
}

/// A trend, and what it means under the margin.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// Change from the first to the last tag.
    pub change: f64,
    /// Probability by chance.
    pub p: f64,
    /// Largest change towards worse from one tag to the next.
    pub largest_step: f64,
    /// It creeps: hardly by chance, and in all by more than the margin.
    pub creeps: bool,
    /// No comparison of a tag with the one before would show it.
    pub unseen: bool,
}

/// Judges the last soak of `newer` against those of another tag, or against those that a query chooses.
///
/// # Errors
/// There are none with evidence, the query is wrong, or the documents of the newer tag cannot be read.
pub async fn compare(
    installation: &Installation,
    sources: &Sources,
    truth: &Truth,
    (older, newer): (&str, &str),
) -> anyhow::Result<Compared> {
    let soaks = watched(installation, truth)?;
    let candidate = of_tag(&soaks, newer, truth)?.last().copied().context("a tag with soaks has a last one")?;
    // No tag has a space, and no query is without one.
    let older: Vec<&Soak> = if older.contains(char::is_whitespace) {
        let answer = chosen(installation, sources, truth, &soaks, older).await?;
        // Rather no judgement than one against a thinner baseline.
        anyhow::ensure!(answer.unread.is_empty(), "the evidence of {} cannot be read", unread_text(&answer.unread));
        let others: Vec<&Soak> =
            answer.chosen.into_iter().map(|one| one.soak).filter(|soak| soak.tag != newer).collect();
        anyhow::ensure!(!others.is_empty(), "`{older}` chooses no soak of another tag; see `mettle baseline select`");
        others
    } else {
        of_tag(&soaks, older, truth)?
    };
    let plan = candidate.plan.as_ref().context("a soak with evidence has a plan")?;
    let bundle = bundle_of(sources, truth, candidate).await?;
    let run = |soak: &&Soak| {
        let evidence = soak.evidence()?.to_owned();
        Some(BaselineRun { soak: soak.id.to_string(), tag: soak.tag.clone(), evidence })
    };
    let runs: Vec<BaselineRun> = older.iter().filter_map(run).collect();
    let looked_at: Vec<&Soak> = older.iter().copied().chain([candidate]).collect();
    copies::bring_missing_of(installation, &looked_at).await?;
    let (policy, digest) = (plan.policy_document.clone(), candidate.evidence().unwrap_or_default().to_owned());
    let (installation, soak, count) = (installation.clone(), candidate.id.to_string(), runs.len());
    let judged = tokio::task::spawn_blocking(move || -> anyhow::Result<Compared> {
        let evidence = judge::evidence(&installation, &digest)?;
        let bench = Bench::load(&installation, &runs, &bundle, &policy, None)?;
        let judgement = bench.judge_last(&evidence, Ended::Programme);
        Ok(Compared { judgement, kpi: policy.kpi, interval_ms: evidence.context.interval_ms, runs: count, soak })
    });
    judged.await?
}

/// Soaks of one tag; at least one.
fn of_tag<'a>(soaks: &'a [Soak], tag: &str, truth: &Truth) -> anyhow::Result<Vec<&'a Soak>> {
    let own: Vec<&Soak> = soaks.iter().filter(|soak| soak.tag == tag).collect();
    if own.is_empty() {
        let known: BTreeSet<&str> = soaks.iter().map(|soak| soak.tag.as_str()).collect();
        bail!(
            "`{tag}` has no whole soak under the newest programme in {}; with one: {}",
            truth.landscape.metadata.name,
            known.into_iter().collect::<Vec<_>>().join(", ")
        );
    }
    Ok(own)
}

/// The documents by which a soak was judged.
pub(super) async fn bundle_of(sources: &Sources, truth: &Truth, soak: &Soak) -> anyhow::Result<Bundle> {
    let plan = soak.plan.as_ref().context("a soak with evidence has a plan")?;
    Ok(sources.bundle(&soak.commit, plan.programme_path.as_deref()).await?.within(&truth.processes))
}

/// Soaks whose evidence cannot be read, and what to do.
pub fn unread_text(soaks: &[&Soak]) -> String {
    let one = |soak: &&Soak| format!("{} ({})", soak.tag, soak.evidence().unwrap_or("no digest"));
    let all: Vec<String> = soaks.iter().map(one).collect();
    format!("{}; `mettle evidence show DIGEST` says why", all.join(", "))
}

/// What [`courses`] found.
pub struct Courses {
    /// One a metric.
    pub courses: Vec<Course>,
    /// Soaks that were left out, because their evidence cannot be read.
    pub unread: Vec<Soak>,
}

/// The course of every gate signal, or of the one of this name, over the last `most` tags.
///
/// # Errors
/// There is no tag with evidence, the documents of the newest cannot be read, or no signal has this name.
pub async fn courses(
    installation: &Installation,
    sources: &Sources,
    truth: &Truth,
    (only, most): (Option<&str>, usize),
) -> anyhow::Result<Courses> {
    let soaks = watched(installation, truth)?;
    let newest = soaks.last().context("no soak with evidence yet")?;
    let all = builtin::signals(&bundle_of(sources, truth, newest).await?);
    let wanted = |signal: &&Signal| only.map_or(signal.tier == Tier::Gate, |name| signal.name == name);
    let signals: Vec<Signal> = all.iter().filter(wanted).cloned().collect();
    if let (Some(only), true) = (only, signals.is_empty()) {
        bail!("no signal `{only}`; known: {}", all.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", "));
    }
    let mut tags: Vec<String> = soaks.iter().map(|soak| soak.tag.clone()).collect();
    tags.dedup();
    tags.drain(..tags.len().saturating_sub(most));
    let looked_at: Vec<&Soak> = soaks.iter().filter(|soak| tags.contains(&soak.tag)).collect();
    copies::bring_missing_of(installation, &looked_at).await?;
    let read = scanned(installation, &looked_at, signals.clone()).await?;
    let (mut runs, mut unread) = (Vec::new(), Vec::new());
    for (soak, levels) in looked_at.into_iter().zip(read) {
        match levels {
            Some(levels) => runs.push((soak.tag.clone(), levels)),
            None => unread.push(soak.clone()),
        }
    }
    Ok(Courses { courses: course_of(&tags, &runs, &signals), unread })
}

/// Levels of the signals in every soak; none where its evidence cannot be read any more. Evidence is read on all
/// processors, of each what the signals need; what stays of it is its levels.
pub(super) async fn scanned(
    installation: &Installation,
    soaks: &[&Soak],
    signals: Vec<Signal>,
) -> anyhow::Result<Vec<Option<Vec<Level>>>> {
    let named: Vec<Option<Digest>> = soaks.iter().map(|soak| soak.evidence()?.parse().ok()).collect();
    let digests: Vec<Digest> = named.iter().copied().flatten().collect();
    let store = installation.evidence.clone();
    let scan = move || store.scan(&digests, |series| needed(&signals, series), |evidence| levels(&evidence, &signals));
    let mut read = tokio::task::spawn_blocking(scan).await?.into_iter();
    Ok(named.into_iter().map(|digest| digest.and_then(|_| read.next())?.ok()).collect())
}

/// Whole soaks of the landscape under the programme of the newest version, by version and then by time: a tag that is
/// soaked again later keeps its place.
///
/// # Errors
/// The store cannot be read.
pub fn watched(installation: &Installation, truth: &Truth) -> anyhow::Result<Vec<Soak>> {
    let place: BTreeMap<&str, usize> =
        truth.tags.iter().enumerate().map(|(place, seen)| (seen.tag.name.as_str(), place)).collect();
    let mut soaks = installation.store.every_soak()?;
    soaks.retain(|soak| {
        soak.landscape == truth.landscape.metadata.name
            && matches!(soak.state, State::Ended { outcome: Outcome::Done })
            && soak.evidence().is_some()
            && place.contains_key(soak.tag.as_str())
    });
    soaks.sort_by_key(|soak| (place.get(soak.tag.as_str()).copied(), soak.requested_at));
    let programme = |soak: &Soak| soak.plan.as_ref().map(|plan| plan.programme.clone());
    if let Some(newest) = soaks.last().map(programme) {
        soaks.retain(|soak| programme(soak) == newest);
    }
    Ok(soaks)
}

/// The level of one metric in one soak.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// Metric: a signal, or one of its groups.
    pub metric: String,
    /// Place of its signal.
    signal: usize,
    /// Unit of `level`.
    pub unit: Unit,
    worse: Worse,
    /// Level.
    pub level: f64,
}

/// Levels of every metric of the signals: shares over all events, means of everything else.
pub fn levels(evidence: &Evidence, signals: &[Signal]) -> Vec<Level> {
    let recording = Recording::of(evidence);
    let of = |(place, signal): (usize, &Signal)| {
        let level = move |metric: FormedMetric| {
            let level = mean(&metric.samples)?;
            Some(Level { metric: metric.name, signal: place, unit: metric.unit, worse: metric.worse, level })
        };
        form(signal, &recording).into_iter().filter_map(level).collect::<Vec<_>>()
    };
    signals.iter().enumerate().flat_map(of).collect()
}

fn mean(samples: &Samples) -> Option<f64> {
    let (sum, weight) = match samples {
        Samples::Values(values) => {
            values.iter().filter(|v| v.is_finite()).fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0))
        }
        Samples::Events { events, total } => events
            .iter()
            .zip(total)
            .filter(|(e, t)| e.is_finite() && t.is_finite())
            .fold((0.0, 0.0), |(sum, n), (e, t)| (sum + e, n + t)),
    };
    (weight > 0.0).then(|| sum / weight)
}

/// The courses of all metrics over `tags`, from the levels of their soaks.
pub fn course_of(tags: &[String], runs: &[(String, Vec<Level>)], signals: &[Signal]) -> Vec<Course> {
    let mut by_metric: BTreeMap<&str, Vec<(&str, &Level)>> = BTreeMap::new();
    for (tag, levels) in runs {
        for level in levels {
            by_metric.entry(&level.metric).or_default().push((tag, level));
        }
    }
    let course = |(metric, seen): (&str, Vec<(&str, &Level)>)| {
        let of_tag = |tag: &String| {
            let own: Vec<f64> = seen.iter().filter(|(own, _)| own == tag).map(|(_, level)| level.level).collect();
            (!own.is_empty()).then(|| TagLevel { tag: tag.clone(), soaks: own.len(), level: median(&own) })
        };
        let levels: Vec<TagLevel> = tags.iter().filter_map(of_tag).collect();
        let (first, known) = (levels.first().map_or(0.0, |one| one.level), seen[0].1);
        let margin = signals[known.signal].margin.map(|margin| match margin {
            Margin::Absolute(by) => by,
            Margin::Relative(share) => share * first.abs(),
        });
        let found = trend(&levels.iter().map(|one| one.level).collect::<Vec<_>>(), known.worse);
        let found = found.map(|found| told(found, known.worse, margin));
        Course { metric: metric.to_owned(), unit: known.unit.name(), margin, tags: levels, found }
    };
    by_metric.into_iter().map(course).collect()
}

fn told(found: Trend, worse: Worse, margin: Option<f64>) -> Found {
    let worsened = match worse {
        Worse::Up => found.change,
        Worse::Down => -found.change,
        Worse::Either => found.change.abs(),
    };
    let creeps = found.p <= CREEP_P && margin.is_some_and(|margin| worsened > margin);
    let unseen = margin.is_some_and(|margin| found.largest_step <= margin);
    Found { change: found.change, p: found.p, largest_step: found.largest_step, creeps, unseen }
}
