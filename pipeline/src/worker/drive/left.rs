//! What a killed worker left of the running attempt.

use super::Drive;
use crate::soak::machine::{Kept, State};
use datasets::{Digest, EvidenceError, EvidenceStore};
use scorer::evidence::Subject;

impl Drive {
    /// Whether the evidence of the running attempt reached the store before an earlier worker ended. What was left in
    /// slices becomes evidence of the attempt, too, but nobody takes it for the whole.
    pub(super) async fn kept(&mut self) -> anyhow::Result<Kept> {
        if self.soak.evidence().is_some() || self.soak.attempts.is_empty() {
            return Ok(if self.soak.evidence().is_some() { Kept::Evidence } else { Kept::Nothing });
        }
        let (store, subject) = (self.installation.evidence.clone(), self.subject());
        let left = tokio::task::spawn_blocking(move || left(&store, &subject)).await?;
        let left = left.unwrap_or_else(|error| {
            tracing::warn!("what was recorded before cannot be used: {:#}", anyhow::Error::from(error));
            None
        });
        let whole = if matches!(self.soak.state, State::Undoing { .. }) { self.whole(left).await? } else { None };
        if let Some(attempt) = self.soak.attempts.last_mut() {
            attempt.evidence = attempt.evidence.take().or(whole.or(left).map(|digest| digest.to_string()));
        }
        Ok(if whole.is_some() { Kept::Evidence } else { Kept::Nothing })
    }

    /// Evidence of the running attempt that was stored at its end.
    async fn whole(&self, left: Option<Digest>) -> anyhow::Result<Option<Digest>> {
        let (store, soak, attempt) =
            (self.installation.evidence.clone(), self.soak.id.to_string(), self.soak.attempt());
        let listed = tokio::task::spawn_blocking(move || store.list()).await??;
        let own = |e: &&datasets::Entry| e.subject.soak == soak && e.subject.attempt == attempt;
        Ok(listed.iter().filter(own).map(|e| e.digest).rfind(|digest| Some(*digest) != left))
    }

    /// Removes the slices of attempts whose evidence is known to the store of soaks by now.
    pub(super) fn sweep(&self) {
        let known = self.soak.attempts.iter().filter(|attempt| attempt.evidence.is_some());
        let subjects = known.map(|attempt| Subject { attempt: attempt.number, ..self.subject() });
        if let Err(error) = discard(&self.installation.evidence, subjects) {
            tracing::warn!("slices that are not needed any more stay: {:#}", anyhow::Error::from(error));
        }
    }
}

/// Evidence of the slices of an attempt, if there are any.
fn left(store: &EvidenceStore, subject: &Subject) -> Result<Option<Digest>, EvidenceError> {
    if !is_there(store, subject)? {
        return Ok(None);
    }
    let recording = store.record(subject)?;
    let rest = recording.rest().clone();
    (recording.samples() > 0).then(|| recording.finish(rest)).transpose()
}

fn discard(store: &EvidenceStore, subjects: impl Iterator<Item = Subject>) -> Result<(), EvidenceError> {
    for subject in subjects {
        if is_there(store, &subject)? {
            store.record(&subject)?.discard()?;
        }
    }
    Ok(())
}

fn is_there(store: &EvidenceStore, subject: &Subject) -> Result<bool, EvidenceError> {
    let own = |id: &datasets::RecordingId| id.soak == subject.soak && id.attempt == subject.attempt;
    Ok(store.recordings()?.iter().any(own))
}
