//! What happens while a soak is observed: states are stored, looks are judged, people are told.

use super::super::observe::Driver;
use super::super::session::Session;
use super::super::view::Notice;
use super::{Drive, score_text};
use crate::soak::machine::{Effect, Event};
use chrono::{DateTime, Utc};
use gate_api::StoreError;
use gate_api::facts::Look;
use scorer::assess::Ended;
use scorer::evidence::PhaseLabel;
use scorer::verdict::Judgement;

impl Drive {
    /// When the programme is over, as far as its own lengths tell.
    fn expected_end(&self) -> Option<DateTime<Utc>> {
        let (attempt, bundle) = (self.soak.attempts.last()?, self.bundle.as_ref()?);
        Some(attempt.started_at + bundle.expected())
    }

    /// A store that cannot be written ends the observation now, while what was recorded can still be kept.
    fn note(&mut self, stored: anyhow::Result<Vec<Effect>>) {
        if let Err(error) = stored
            && self.failed.is_none()
        {
            self.failed = Some(error);
            self.stop.cancel();
        }
    }
}

impl Driver for Drive {
    fn began(&mut self, phase: usize, label: PhaseLabel) {
        let stored = self.apply(Event::PhaseBegan { phase, label });
        self.note(stored);
    }

    async fn look(&mut self, session: &Session, samples: usize, ended: Ended) -> Judgement {
        let evidence = session.evidence().await;
        let bench = self.bench.clone().expect("a bench is loaded before the observation begins");
        let judged = tokio::task::spawn_blocking(move || bench.judge(&evidence, samples, ended)).await;
        let judgement = judged.expect("the judge does not panic on any evidence");
        session.told_look(&judgement);
        let score = score_text(&judgement);
        let p = judgement.tag_p.map(|p| format!(", p {p:.2e} against {:.2e}", judgement.level)).unwrap_or_default();
        self.view.show(&Notice::Look {
            tag: self.soak.tag.clone(),
            text: format!(
                "look at {samples} samples: {:?}{}{p}",
                judgement.verdict,
                score.map(|s| format!(", score {s}")).unwrap_or_default()
            ),
        });
        self.progress.look = Some(Look {
            samples,
            verdict: judgement.verdict,
            score: judgement.score,
            score_low: judgement.score_low,
            score_high: judgement.score_high,
        });
        self.last_judgement = Some(judgement.clone());
        judgement
    }

    fn stands(&mut self, phase: &str, done: usize) {
        let all = self.bundle.as_ref().map_or(1, |b| b.programme.samples()).max(1);
        self.progress.phase = phase.to_owned();
        self.progress.share = done as f64 / all as f64;
        self.progress.missing = if done < all { vec![format!("{} of {all} samples", all - done)] } else { vec![] };
        let missing = self.progress.missing.join(", ");
        let score = self.last_judgement.as_ref().and_then(score_text);
        self.view.show(&Notice::Stands {
            tag: self.soak.tag.clone(),
            phase: phase.to_owned(),
            share: self.progress.share,
            score,
            missing,
        });
        self.progress.eta = self.expected_end();
        if let Err(error) = self.tell_gate() {
            // A full disk or a read-only folder will not get better; anything else may be over at the next turn.
            if matches!(error.downcast_ref(), Some(StoreError::Full { .. } | StoreError::ReadOnly { .. })) {
                self.note(Err(error));
            } else {
                tracing::warn!("the gate does not know the progress: {error:#}");
            }
        }
    }

    fn extended(&mut self) {
        let stored = self.apply(Event::ExtensionBegan);
        self.note(stored);
    }
}
