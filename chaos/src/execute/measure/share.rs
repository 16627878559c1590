//! Which part of the probes a fault changed: by what they saw, against what the target itself says.

use super::exchange::{self, Response};
use super::{PROBE_MAX, many};
use crate::lease::FaultId;
use crate::probe::{Probe, Seen};
use crate::proxy::{BodyEdit, Direction, Edge, EdgeFault, HeaderEdit, Message, PartitionMode, Truncation};
use std::time::Duration;

/// How long a silent connection is listened to.
const SILENT_MAX: Duration = Duration::from_millis(400);

/// Probes that count, and those of them that the fault changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) probes: u32,
    pub(super) hits: u32,
}

fn count<T>(seen: &[T], counts: impl Fn(&&T) -> bool, hit: impl Fn(&&T) -> bool) -> Count {
    let all = seen.iter().filter(counts).count() as u32;
    Count { probes: all, hits: seen.iter().filter(hit).count() as u32 }
}

/// Resets of new connections.
pub(super) async fn resets(edge: &Edge, id: &FaultId, probes: u32) -> Count {
    let seen = many(&Probe::HalfClose, edge.addr(), id, (probes, PROBE_MAX)).await;
    count(&seen, |seen| **seen != Seen::Nothing, |seen| **seen == Seen::Reset)
}

/// Requests that were answered with the status and our id.
pub(super) async fn aborts(edge: &Edge, (probe, id): (&Probe, &FaultId), probes: u32, asked: u16) -> Count {
    let seen = many(probe, edge.addr(), id, (probes, PROBE_MAX)).await;
    let hit = |seen: &&Seen| matches!(seen, Seen::Answer { aborted: Some(status), .. } if *status == asked);
    count(&seen, |seen| matches!(seen, Seen::Answer { .. }), hit)
}

/// New connections that are reset or silent, while the target itself answers.
pub(super) async fn cuts(
    edge: &Edge,
    (probe, id): (&Probe, &FaultId),
    probes: u32,
    (mode, direction): (PartitionMode, Direction),
) -> Count {
    let Some(target) = edge.upstream() else {
        return Count::default();
    };
    let answers = many(probe, target, id, (1, PROBE_MAX)).await;
    if !answers.iter().any(|seen| matches!(seen, Seen::Answer { .. })) {
        return Count::default();
    }
    let is_reset = match mode {
        PartitionMode::Drop => false,
        PartitionMode::Reject => true,
        PartitionMode::HalfOpen => direction == Direction::From,
    };
    let wanted = if is_reset { Seen::Reset } else { Seen::Nothing };
    let seen = many(probe, edge.addr(), id, (probes, SILENT_MAX)).await;
    count(&seen, |_| true, |seen| **seen == wanted)
}

/// Requests that took at least half of `delay` more than straight to the target.
pub(super) async fn delays(edge: &Edge, probe: &Probe, probes: u32, delay: Duration) -> (Count, Vec<f64>) {
    let (Probe::Http { path }, Some(target)) = (probe, edge.upstream()) else {
        return (Count::default(), Vec::new());
    };
    let Some(straight) = exchange::ask(target, path, PROBE_MAX).await else {
        return (Count::default(), Vec::new());
    };
    let seen = exchange::ask_many(edge.addr(), path, (probes, delay * 2 + PROBE_MAX), PROBE_MAX).await;
    let added: Vec<Duration> =
        seen.iter().flatten().map(|response| response.to_head.saturating_sub(straight.to_head)).collect();
    let held = |added: &&Duration| **added * 2 >= delay;
    let times = added.iter().filter(held).map(|added| added.as_secs_f64() * 1_000.0).collect();
    (count(&added, |_| true, held), times)
}

/// Responses that are not what the target says, in the way that the fault says; or not at all.
pub(super) async fn changes(edge: &Edge, probe: &Probe, probes: u32, fault: &EdgeFault) -> Count {
    let (Probe::Http { path }, Some(target)) = (probe, edge.upstream()) else {
        return Count::default();
    };
    let Some(straight) = exchange::ask(target, path, PROBE_MAX).await else {
        return Count::default();
    };
    let seen = exchange::ask_many(edge.addr(), path, (probes, PROBE_MAX), PROBE_MAX).await;
    let is_changed = |seen: &&Option<Response>| match (fault, seen) {
        (EdgeFault::HttpBody { edit, .. }, Some(response)) => is_edited(edit, &straight, response),
        (EdgeFault::HttpHeader { edit, on: Message::Response, .. }, Some(response)) => {
            is_rewritten(edit, response) && !is_rewritten(edit, &straight)
        }
        (EdgeFault::Corrupt { .. }, Some(response)) => response.lasting() != straight.lasting(),
        // A flipped bit may also be one without which there is no answer.
        (EdgeFault::Corrupt { .. }, None) => true,
        _ => false,
    };
    let counts = |seen: &&Option<Response>| seen.is_some() || matches!(fault, EdgeFault::Corrupt { .. });
    count(&seen, counts, is_changed)
}

fn is_rewritten(edit: &HeaderEdit, response: &Response) -> bool {
    let fields = &response.fields;
    let set = edit.set().all(|(name, value)| fields.get(name).is_some_and(|found| found.as_bytes() == value));
    set && edit.removed().all(|name| !fields.contains_key(name))
}

fn is_edited(edit: &BodyEdit, straight: &Response, seen: &Response) -> bool {
    let (body, is_whole) = match edit {
        BodyEdit::Replace { with } => (with.clone(), true),
        BodyEdit::Truncate { bytes, how } => {
            let left = straight.body.len().min(usize::try_from(*bytes).unwrap_or(usize::MAX));
            (straight.body[..left].to_vec(), *how == Truncation::Honest)
        }
        BodyEdit::Find { find, with } => (edit_text(&straight.body, find, with), true),
    };
    // A body that is the same either way shows nothing.
    body != straight.body && seen.body == body && seen.is_whole == is_whole
}

/// Replaces in text; a body that is no text is left to others to judge.
fn edit_text(body: &[u8], find: &[u8], with: &[u8]) -> Vec<u8> {
    let texts = (std::str::from_utf8(body), std::str::from_utf8(find), std::str::from_utf8(with));
    match texts {
        (Ok(body), Ok(find), Ok(with)) if !find.is_empty() => body.replace(find, with).into_bytes(),
        _ => body.to_vec(),
    }
}
