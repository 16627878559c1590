//! Publishing: what was decided goes to the gate, into the baseline and into the outbox, once.

use super::super::publish::{self, Material};
use super::super::{facts, page, view::Notice};
use super::Drive;
use crate::changelog::Changelog as ProductChangelog;
use crate::report::Report;
use crate::soak::Soak;
use crate::soak::baseline::Run;
use crate::soak::machine::{Event, Outcome, State};
use chrono::Utc;
use gate_api::GateStore as _;
use gate_api::store::Act;
use scorer::verdict::Verdict;

/// Who writes, in the audit trail.
const WORKER: &str = "worker";

impl Drive {
    pub(super) async fn publish(&mut self) -> anyhow::Result<Vec<Event>> {
        let State::Publishing { outcome } = self.soak.state.clone() else { return Ok(vec![]) };
        let parcel = match publish::queued(&self.installation, &self.soak)? {
            Some(parcel) => parcel,
            None => {
                let report = self.report(&outcome).await?;
                let decides = self.decides(report.verdict)?;
                publish::queue(&self.installation, &self.soak, report, decides)?
            }
        };
        let report = &parcel.report;
        let digest = report.digest()?;
        self.soak.report = Some(digest.clone());
        self.put_tag(&report.changelog)?;
        self.put_page(report).await;
        if let Some(record) = publish::verdict_record(report, &digest) {
            self.installation.gate.put_verdict(&record, Act { by: WORKER, at: report.ended_at })?;
        }
        if report.verdict == Verdict::Pass
            && let Some(evidence) = self.soak.evidence()
        {
            let run = Run {
                soak: self.soak.id.to_string(),
                tag: self.soak.tag.clone(),
                landscape: self.soak.landscape.clone(),
                programme: report.programme_digest.clone(),
                evidence: evidence.to_owned(),
                ended_at: report.ended_at,
                adopted: None,
            };
            self.installation.store.put_run(&run)?;
        }
        self.view.show(&Notice::Ended { tag: self.soak.tag.clone(), text: publish::sentence(report) });
        Ok(vec![Event::Published])
    }

    async fn report(&mut self, outcome: &Outcome) -> anyhow::Result<Report> {
        let evidence = self.evidence()?;
        let changelog = self.changelog().await;
        let runs = self.installation.store.runs()?;
        let way_back = runs.into_iter().filter(|r| r.tag != self.soak.tag).max_by_key(|r| r.ended_at).map(|r| r.tag);
        let material = Material {
            soak: &self.soak,
            outcome,
            evidence: evidence.as_ref(),
            changelog,
            truth: &self.truth,
            way_back,
            now: self.soak.ended_at.unwrap_or_else(Utc::now),
        };
        Ok(publish::report(material))
    }

    /// Changelog of the tag. One whose documents cannot be read has none; the note says so.
    async fn changelog(&mut self) -> ProductChangelog {
        let read = self.read_bundle().await;
        let programme = self.soak.plan.as_ref().and_then(|p| p.programme_path.clone());
        match (read, &self.bundle) {
            (Ok(()), Some(bundle)) => {
                let _turn = self.sources.mirrors.hurried().await;
                publish::changelog(&self.sources, bundle, &self.truth.tags, &self.soak.tag, programme.as_deref()).await
            }
            _ => ProductChangelog::unknown(&self.soak.product, &self.soak.tag),
        }
    }

    /// Draws the page, before the verdict that it is shown with; the verdict stands without one.
    async fn put_page(&mut self, report: &Report) {
        if let (Ok(Some(evidence)), Ok(bench)) = (self.evidence(), self.bench()) {
            let plan = self.soak.plan.iter().flat_map(|p| p.baseline.clone()).collect();
            page::put(&self.installation.gate, bench, (evidence, plan, report.clone())).await;
        }
    }

    /// Whether this soak decides about its tag: not, when it is undecided and an earlier one passed or failed.
    fn decides(&self, verdict: Verdict) -> anyhow::Result<bool> {
        let decided = |soak: &Soak| match &soak.state {
            State::Ended { outcome } => matches!(publish::verdict(soak, outcome), Verdict::Pass | Verdict::Fail),
            _ => false,
        };
        let soaks = self.installation.store.soaks(&self.soak.product)?;
        let earlier = soaks.iter().any(|s| s.id != self.soak.id && s.tag == self.soak.tag && decided(s));
        Ok(matches!(verdict, Verdict::Pass | Verdict::Fail) || !earlier)
    }

    fn put_tag(&self, changelog: &ProductChangelog) -> anyhow::Result<()> {
        let Some(seen) = self.truth.tags.iter().find(|t| t.tag.name == self.soak.tag) else { return Ok(()) };
        let subject = (seen, self.soak.commit.as_str());
        let (gate, changelog) = (self.installation.gate.as_ref(), facts::changelog(changelog));
        Ok(facts::put_changelog(gate, &self.soak.product, subject, changelog, Utc::now())?)
    }
}
