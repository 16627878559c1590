//! Whether a soak that waits may begin now.

use crate::documents::landscape::Freeze;
use crate::documents::{Complaint, Problem};
use crate::soak::{Soak, State};
use crate::worker::sources::{SourceError, Sources, Truth};
use chrono::{DateTime, Utc};

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
