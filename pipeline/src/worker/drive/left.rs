//! What a killed worker left of the running attempt, and of earlier ones.
//!
//! Invariant: evidence that was made of slices has an event [`CUT_OFF`] and belongs to an attempt that is excluded.
//! Nobody takes it for the whole, however often a start is cut off itself.

use super::Drive;
use crate::soak::Soak;
use crate::soak::machine::Kept;
use datasets::{Digest, EvidenceError, EvidenceStore, RecordingId};
use scorer::Evidence;
use scorer::evidence::{Event, Subject};

/// Kind of the event in evidence that was made of slices.
pub const CUT_OFF: &str = "cut_off";

/// Why an attempt of which slices were left is not judged.
const EXCLUDED: &str = "the worker ended while it was observed; the evidence is what was kept until then";

impl Drive {
    /// Whether the evidence of the running attempt reached the store before an earlier worker ended. What was left in
    /// slices becomes evidence of the attempt, too, which is excluded then.
    pub(super) async fn kept(&mut self) -> anyhow::Result<Kept> {
        if self.soak.evidence().is_some() {
            return Ok(Kept::Evidence);
        }
        let Some(last) = self.soak.attempts.last().filter(|attempt| attempt.evidence.is_none()) else {
            return Ok(Kept::Nothing);
        };
        if last.excluded.is_none()
            && let Some(whole) = self.whole().await?
        {
            if let Some(attempt) = self.soak.attempts.last_mut() {
                attempt.evidence = Some(whole.to_string());
            }
            return Ok(Kept::Evidence);
        }
        self.finish_slices().await?;
        Ok(Kept::Nothing)
    }

    /// Evidence of the running attempt that was stored at its end.
    async fn whole(&self) -> anyhow::Result<Option<Digest>> {
        let (store, soak, attempt) =
            (self.installation.evidence.clone(), self.soak.id.to_string(), self.soak.attempt());
        let find = move || {
            let own = |e: &&datasets::Entry| e.subject.soak == soak && e.subject.attempt == attempt;
            // What cannot be read is not judged, either.
            let whole = |digest: &Digest| store.rest(digest).is_ok_and(|rest| !is_cut_off(&rest));
            Ok::<_, EvidenceError>(store.list()?.iter().filter(own).map(|e| e.digest).rfind(whole))
        };
        Ok(tokio::task::spawn_blocking(find).await??)
    }

    /// Evidence of the slices of every attempt that has none.
    async fn finish_slices(&mut self) -> anyhow::Result<()> {
        let store = self.installation.evidence.clone();
        let missing = self.soak.attempts.iter().filter(|attempt| attempt.evidence.is_none());
        let wanted: Vec<Subject> = missing.map(|attempt| self.subject_of(&self.soak, attempt.number)).collect();
        let finish = move || {
            let one = |subject: Subject| (subject.attempt, finished(&store, &subject));
            wanted.into_iter().map(one).collect::<Vec<_>>()
        };
        for (number, left) in tokio::task::spawn_blocking(finish).await? {
            let own = self.soak.attempts.iter_mut().find(|attempt| attempt.number == number);
            match (left, own) {
                (Ok(Some(digest)), Some(attempt)) => {
                    attempt.evidence = Some(digest.to_string());
                    attempt.excluded.get_or_insert_with(|| EXCLUDED.into());
                }
                (Ok(_), _) => {}
                (Err(error), _) => not_yet(number, error),
            }
        }
        Ok(())
    }

    /// Removes the slices of this soak whose evidence is known to the store of soaks by now.
    pub(super) async fn sweep(&self) {
        let known = self.soak.attempts.iter().filter(|attempt| attempt.evidence.is_some());
        let ids = known.map(|attempt| RecordingId { soak: self.soak.id.to_string(), attempt: attempt.number });
        let (store, ids) = (self.installation.evidence.clone(), ids.collect::<Vec<_>>());
        let discard = move || {
            for error in ids.iter().filter_map(|id| store.discard(id).err()) {
                tracing::warn!("slices that are not needed any more stay: {:#}", anyhow::Error::from(error));
            }
        };
        if let Err(error) = tokio::task::spawn_blocking(discard).await {
            tracing::warn!("slices that are not needed any more stay: {error}");
        }
    }

    /// Goes over the recordings of soaks that have ended: what an earlier start could not finish becomes evidence now,
    /// found by its subject, and its slices go.
    pub(super) async fn sweep_ended(&self) -> anyhow::Result<()> {
        let store = self.installation.evidence.clone();
        let left = tokio::task::spawn_blocking(move || store.recordings()).await??;
        if left.is_empty() {
            return Ok(());
        }
        let ended: Vec<Soak> = self.installation.store.every_soak()?.into_iter().filter(Soak::ended).collect();
        let attempt_of = |id: &RecordingId| {
            let soak = ended.iter().find(|soak| soak.id.as_str() == id.soak)?;
            let attempt = soak.attempts.iter().find(|attempt| attempt.number == id.attempt)?;
            Some((id.clone(), attempt.evidence.is_some(), self.subject_of(soak, id.attempt)))
        };
        let over: Vec<(RecordingId, bool, Subject)> = left.iter().filter_map(attempt_of).collect();
        let store = self.installation.evidence.clone();
        let sweep = move || {
            for (id, known, subject) in over {
                let finished = if known { Ok(None) } else { finished(&store, &subject) };
                if let Err(error) = finished.and_then(|_| store.discard(&id)) {
                    not_yet(id.attempt, error);
                }
            }
        };
        Ok(tokio::task::spawn_blocking(sweep).await?)
    }

    /// Whose evidence an attempt records.
    pub(super) fn subject_of(&self, soak: &Soak, attempt: u32) -> Subject {
        Subject {
            product: soak.product.clone(),
            tag: soak.tag.clone(),
            commit: soak.commit.clone(),
            landscape: soak.landscape.clone(),
            cluster: self.truth.landscape.clusters[0].name.clone(),
            soak: soak.id.to_string(),
            attempt,
        }
    }
}

fn not_yet(attempt: u32, error: EvidenceError) {
    let error = anyhow::Error::from(error);
    tracing::warn!("what attempt {attempt} recorded cannot be used; the next start tries again: {error:#}");
}

/// Whether evidence was made of the slices of an attempt that was cut off.
pub fn is_cut_off(evidence: &Evidence) -> bool {
    evidence.events.iter().any(|event| event.kind == CUT_OFF)
}

/// Evidence of the slices of an attempt, if there are any; made again it is the same.
fn finished(store: &EvidenceStore, subject: &Subject) -> Result<Option<Digest>, EvidenceError> {
    let own = |id: &RecordingId| id.soak == subject.soak && id.attempt == subject.attempt;
    if !store.recordings()?.iter().any(own) {
        return Ok(None);
    }
    let recording = store.record(subject)?;
    let Some(at_ms) = recording.recorded_until_ms() else { return Ok(None) };
    let mut rest = recording.rest().clone();
    let detail = "its worker ended: this is what was kept until then".to_owned();
    rest.events.push(Event { at_ms, kind: CUT_OFF.into(), component: None, detail });
    recording.finish(rest).map(Some)
}
