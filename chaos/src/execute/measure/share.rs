//! Which part of the probes a fault changed: by what they saw, against what the target itself says.

use super::exchange::{self, Response};
use super::hits::Hits;
use super::{PROBE_MAX, many, repeat};
use crate::lease::FaultId;
use crate::probe::{Probe, Seen};
use crate::proxy::{BodyEdit, Direction, Edge, EdgeFault, HeaderEdit, Message, PartitionMode, Truncation};
use http::HeaderMap;
use std::net::SocketAddr;
use std::time::Duration;

/// How long a silent connection is listened to, on top of twice the time that the target takes.
const SILENT_MAX: Duration = Duration::from_millis(400);
/// Probes straight to a target before and after a silence is believed.
const STRAIGHT: u32 = 3;

/// Resets of new connections; none count unless the target answers before and after them, because an edge without a
/// target resets as well.
pub(super) async fn resets(edge: &Edge, (probe, id): (&Probe, &FaultId), probes: u32) -> Hits {
    let Some(target) = edge.upstream() else {
        return Hits::default();
    };
    let answered = slowest(probe, target, id).await.is_some();
    let seen = many(&Probe::HalfClose, edge.addr(), id, (probes, PROBE_MAX)).await;
    let answers = answered && slowest(probe, target, id).await.is_some();
    Hits::of(&seen, |seen| answers && **seen != Seen::Nothing, |seen| **seen == Seen::Reset)
}

/// Requests that were answered with the status and our id.
pub(super) async fn aborts(edge: &Edge, (probe, id): (&Probe, &FaultId), probes: u32, asked: u16) -> Hits {
    let seen = many(probe, edge.addr(), id, (probes, PROBE_MAX)).await;
    let hit = |seen: &&Seen| matches!(seen, Seen::Answer { aborted: Some(status), .. } if *status == asked);
    Hits::of(&seen, |seen| matches!(seen, Seen::Answer { .. }), hit)
}

/// The longest that the target takes to answer; none when it does not always.
async fn slowest(probe: &Probe, target: SocketAddr, id: &FaultId) -> Option<Duration> {
    let seen = many(probe, target, id, (STRAIGHT, PROBE_MAX)).await;
    let took = |seen: Seen| if let Seen::Answer { took, .. } = seen { Some(took) } else { None };
    seen.into_iter().map(took).collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// New connections that are reset, or silent for longer than the target takes; none count unless it answers before and
/// after them.
pub(super) async fn cuts(
    edge: &Edge,
    (probe, id): (&Probe, &FaultId),
    probes: u32,
    (mode, direction): (PartitionMode, Direction),
) -> Hits {
    let Some(target) = edge.upstream() else {
        return Hits::default();
    };
    let Some(usual) = slowest(probe, target, id).await else {
        return Hits::default();
    };
    let is_reset = match mode {
        PartitionMode::Drop => false,
        PartitionMode::Reject => true,
        PartitionMode::HalfOpen => direction == Direction::From,
    };
    let wanted = if is_reset { Seen::Reset } else { Seen::Nothing };
    let seen = many(probe, edge.addr(), id, (probes, SILENT_MAX + usual * 2)).await;
    let answers_still = slowest(probe, target, id).await.is_some();
    Hits::of(&seen, |_| answers_still, |seen| **seen == wanted)
}

/// The shortest added time that counts as held: close below what a held request gets at the least, because hiccups of
/// the host reach far; but no less than half of the delay.
fn least(delay: Duration, jitter: Duration) -> Duration {
    (delay.saturating_sub(jitter)).mul_f64(0.9).max(delay / 2)
}

/// The part of the held requests whose time is long enough to be told from others.
pub(super) fn visible(delay: Duration, jitter: Duration) -> f64 {
    let beyond = (delay + jitter).saturating_sub(least(delay, jitter));
    if jitter.is_zero() { 1.0 } else { (beyond.as_secs_f64() / (jitter * 2).as_secs_f64()).min(1.0) }
}

/// Requests that were held, and how long, milliseconds.
///
/// Each has a twin that goes straight to the target at the same time. A host that stands still makes both late, and
/// then the one through the edge says nothing. A target that is late now and then makes as many twins late as others:
/// so many hits are not the fault's.
pub(super) async fn delays(
    edge: &Edge,
    probe: &Probe,
    probes: u32,
    (delay, jitter): (Duration, Duration),
) -> (Hits, Vec<f64>) {
    let (Probe::Http { path }, Some(target)) = (probe, edge.upstream()) else {
        return (Hits::default(), Vec::new());
    };
    let (addr, limit) = (edge.addr(), delay * 2 + PROBE_MAX);
    let pair = || {
        let path = path.clone();
        async move { tokio::join!(exchange::ask(addr, &path, limit), exchange::ask(target, &path, PROBE_MAX)) }
    };
    let pairs = repeat(probes, pair).await.into_iter().filter_map(|(through, twin)| through.zip(twin));
    let pairs: Vec<_> = pairs.map(|(through, twin)| (through.to_head, twin.to_head)).collect();
    let Some(quickest) = pairs.iter().map(|(_, twin)| *twin).min() else {
        return (Hits::default(), Vec::new());
    };
    let least = least(delay, jitter);
    let is_steady = |time: Duration| time.saturating_sub(quickest) < least / 2;
    let is_late = |time: Duration| time.saturating_sub(quickest) >= least;
    let is_held = |(through, twin): &&(Duration, Duration)| is_late(*through) && is_steady(*twin);
    let times =
        pairs.iter().filter(is_held).map(|(through, twin)| (*through - *twin).as_secs_f64() * 1_000.0).collect();
    let by_chance = pairs.iter().filter(|(through, twin)| is_late(*twin) && is_steady(*through)).count() as u32;
    let seen = Hits::of(&pairs, |(_, twin)| is_steady(*twin), is_held);
    (Hits { hits: seen.hits.saturating_sub(by_chance), ..seen }, times)
}

/// Responses that are not what the target says, in the way that the fault says; or not at all.
pub(super) async fn changes(edge: &Edge, probe: &Probe, probes: u32, fault: &EdgeFault) -> Hits {
    let (Probe::Http { path }, Some(target)) = (probe, edge.upstream()) else {
        return Hits::default();
    };
    let Some(straight) = exchange::ask(target, path, PROBE_MAX).await else {
        return Hits::default();
    };
    let seen = exchange::ask_many(edge.addr(), path, (probes, PROBE_MAX), PROBE_MAX).await;
    let is_changed = |seen: &&Option<Response>| match (fault, seen) {
        (EdgeFault::HttpBody { edit, .. }, Some(response)) => is_edited(edit, &straight, response),
        (EdgeFault::HttpHeader { edit, on: Message::Response, .. }, Some(response)) => {
            is_rewritten(edit, &response.fields) && !is_rewritten(edit, &straight.fields)
        }
        _ => false,
    };
    Hits::of(&seen, |seen| seen.is_some(), is_changed)
}

/// Whether `fields` are as the edit leaves them.
pub(super) fn is_rewritten(edit: &HeaderEdit, fields: &HeaderMap) -> bool {
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
