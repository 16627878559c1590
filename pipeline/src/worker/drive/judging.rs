//! Judging what an attempt recorded.

use super::Drive;
use super::left::is_cut_off;
use crate::soak::baseline::Run;
use crate::soak::machine::{Ending, Event, State};
use crate::soak::record::{Extent, JudgedAs};
use crate::worker::judge::{self, Bench};
use anyhow::Context as _;
use scorer::Evidence;
use scorer::verdict::Judgement;

impl Drive {
    /// Own passed runs, while no other tag has any: then objectives decide.
    fn first_tag(&self) -> anyhow::Result<Option<usize>> {
        let runs = self.installation.store.runs()?;
        let here: Vec<&Run> = runs.iter().filter(|r| r.landscape == self.soak.landscape).collect();
        let others = here.iter().any(|r| r.tag != self.soak.tag);
        Ok((!others).then_some(here.len()))
    }

    pub(super) fn bench(&mut self) -> anyhow::Result<Bench> {
        if let Some(bench) = &self.bench {
            return Ok(bench.clone());
        }
        let bundle = self.bundle.as_ref().context("the documents of the tag are not read")?;
        let policy = self.soak.plan.as_ref().map_or(&self.truth.landscape.policy, |p| &p.policy_document);
        let runs = self.soak.plan.as_ref().map_or(&[][..], |p| &p.baseline);
        let bench = Bench::load(&self.installation, runs, bundle, policy, self.first_tag()?)?;
        self.bench = Some(bench.clone());
        Ok(bench)
    }

    pub(super) fn evidence(&self) -> anyhow::Result<Option<Evidence>> {
        Ok(self.soak.evidence().map(|d| judge::evidence(&self.installation, d)).transpose()?)
    }

    pub(super) async fn judge(&mut self) -> anyhow::Result<Vec<Event>> {
        let ended = match &self.soak.state {
            State::Judging { ending: Ending::Complete } => Extent::Programme,
            _ => Extent::Early,
        };
        Ok(vec![match self.judged(ended).await {
            Ok(judged) => {
                (self.soak.judgement, self.soak.judged_as) = judged.unzip();
                Event::Judged
            }
            // Evidence that nobody can read will not get better by stopping the worker: the soak ends undecided.
            Err(error) => Event::NotJudged { reason: format!("{error:#}") },
        }])
    }

    async fn judged(&mut self, ended: Extent) -> anyhow::Result<Option<(Judgement, JudgedAs)>> {
        self.read_bundle().await?;
        let Some(evidence) = self.evidence()?.filter(|evidence| !is_cut_off(evidence)) else { return Ok(None) };
        let bench = self.bench()?;
        let user_sides = self.bundle.as_ref().map(|bundle| bundle.user_sides.clone()).unwrap_or_default();
        let judged_as = JudgedAs { first_tag: bench.first_tag(), user_sides, ended };
        let judged = tokio::task::spawn_blocking(move || bench.judge_last(&evidence, ended.into()));
        Ok(Some((judged.await?, judged_as)))
    }
}
