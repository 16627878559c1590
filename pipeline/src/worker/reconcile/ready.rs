//! Whether a soak that waits may begin now.

use crate::documents::landscape::Freeze;
use crate::documents::{Complaint, Problem};
use crate::soak::deployed::Current;
use crate::soak::record::Cause;
use crate::soak::{Soak, State};
use crate::worker::sources::{SourceError, Sources, Truth};
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

/// Whether a soak has not begun: it may be ended without undoing anything.
pub(super) fn waits(soak: &Soak) -> bool {
    matches!(soak.state, State::Requested | State::Planned) && soak.attempts.is_empty()
}

/// The freeze window that holds now. No soak starts inside one; what has begun goes on. Tags carry no labels yet, so
/// that `except` lets nothing pass.
pub(super) fn frozen(windows: &[Freeze], now: DateTime<Utc>) -> Option<&Freeze> {
    windows.iter().filter(|window| window.from <= now && now < window.to).max_by_key(|window| window.to)
}

/// The freeze in words.
pub(super) fn frozen_text(window: &Freeze) -> String {
    format!("no soak starts until {}: the landscape is frozen ({})", window.to.format("%F %H:%M UTC"), window.name)
}

/// What runs, and how long it must be observed before the next tag replaces it, as the gate `stage` has it.
pub(super) struct Observed<'a> {
    current: Option<Current<'a>>,
    wanted: Duration,
    now: DateTime<Utc>,
}

impl<'a> Observed<'a> {
    /// `current`: the tag that runs.
    pub(super) fn of(truth: &Truth, current: Option<Current<'a>>, now: DateTime<Utc>) -> Self {
        Observed { current, wanted: truth.landscape.policy.min_observation.0, now }
    }

    /// Why `soak` may not replace what runs yet. A person who asks for a soak does not wait.
    pub(super) fn keeps_back(&self, soak: &Soak) -> Option<String> {
        let Current { tag, since, halted } = self.current?;
        // A span that no calendar holds is never over.
        let until = TimeDelta::from_std(self.wanted).ok().and_then(|wanted| since.checked_add_signed(wanted));
        let over = halted || until.is_some_and(|until| until <= self.now);
        if over || tag == soak.tag || !waits(soak) || matches!(soak.cause, Cause::Person { .. }) {
            return None;
        }
        let until = until.map_or("for ever".to_owned(), |until| format!("until {}", until.format("%F %H:%M:%S UTC")));
        let next = &soak.tag;
        Some(format!(
            "{next} waits: {tag} is observed {until} (policy.minObservation); `mettle soak run --tag {next}` does not wait"
        ))
    }
}

/// What keeps `soak` from being recorded as the landscape says, if anything: there is one interval, the programme's.
///
/// # Errors
/// The documents of the tag cannot be read.
pub(super) async fn misrecorded(sources: &Sources, truth: &Truth, soak: &Soak) -> Result<Option<String>, SourceError> {
    let Some(asked) = truth.landscape.clusters[0].metrics.recorder.interval else { return Ok(None) };
    let bundle = sources.bundle(&soak.commit, truth.landscape.programme.as_deref()).await?;
    let interval = bundle.programme.interval;
    let key = "clusters[0].metrics.recorder.interval";
    Ok((asked.0 != interval.0).then(|| {
        let message = format!("is not the interval of the programme of {}, which is recorded", soak.tag);
        let Complaint { key, value, message, remedy } =
            Complaint::new(key, asked, message, format!("remove it, or write {interval}"));
        Problem { file: "landscape.yaml".into(), line: 0, key, value, message, remedy }.to_string()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::record::Subject;

    #[test]
    fn the_next_tag_waits_for_the_observation_of_the_current_one() {
        let minute = |m| DateTime::UNIX_EPOCH + TimeDelta::minutes(m);
        let soak = |cause| {
            let subject = Subject { product: "p".into(), tag: "v2".into(), commit: "c".into(), landscape: "l".into() };
            Soak::request(subject, cause, minute(0))
        };
        let (next, asked) =
            (soak(Cause::Trigger { rule: "bump: patch".into() }), soak(Cause::Person { who: "ann".into() }));
        let hour = Duration::from_secs(3600);
        let current = |tag, halted| Some(Current { tag, since: minute(10), halted });
        let of = |current, soak, wanted, now| Observed { current, wanted, now: minute(now) }.keeps_back(soak);
        let text = of(current("v1", false), &next, hour, 69).expect("it waits");
        assert!(text.contains("v1 is observed until 1970-01-01 01:10:00 UTC"), "{text}");
        assert_eq!(of(current("v1", false), &next, hour, 70), None);
        assert_eq!(of(current("v1", true), &next, hour, 11), None, "it failed");
        assert_eq!(of(current("v2", false), &next, hour, 11), None, "it runs itself");
        assert_eq!(of(current("v1", false), &asked, hour, 11), None);
        assert_eq!(of(None, &next, hour, 11), None, "nothing runs");
        assert!(of(current("v1", false), &next, Duration::MAX, 70).is_some_and(|text| text.contains("for ever")));
    }

    #[test]
    fn a_window_holds_from_its_begin_until_its_end() {
        let time = |text: &str| text.parse::<DateTime<Utc>>().expect("a time");
        let window = |name: &str, from: &str, to: &str| Freeze {
            name: name.into(),
            from: time(from),
            to: time(to),
            except: vec![],
        };
        let windows = [
            window("short", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
            window("long", "2026-01-01T12:00:00Z", "2026-01-05T00:00:00Z"),
        ];
        let name = |now: &str| frozen(&windows, time(now)).map(|w| w.name.as_str());
        assert_eq!(name("2025-12-31T23:59:59Z"), None);
        assert_eq!(name("2026-01-01T00:00:00Z"), Some("short"));
        assert_eq!(name("2026-01-01T13:00:00Z"), Some("long"));
        assert_eq!(name("2026-01-05T00:00:00Z"), None);
    }
}
