//! Times in which nothing is injected.

use chrono::{DateTime, Datelike, NaiveTime, Timelike, Utc, Weekday};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

const SECONDS_A_DAY: i64 = 86_400;
/// Furthest that a time without quiet is looked for, minutes: a week, and a day for one that began the day before.
const LOOK_AHEAD: i64 = 8 * 24 * 60;

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl From<Weekday> for Day {
    fn from(day: Weekday) -> Self {
        match day {
            Weekday::Mon => Day::Mon,
            Weekday::Tue => Day::Tue,
            Weekday::Wed => Day::Wed,
            Weekday::Thu => Day::Thu,
            Weekday::Fri => Day::Fri,
            Weekday::Sat => Day::Sat,
            Weekday::Sun => Day::Sun,
        }
    }
}

/// A time of the day, UTC: `22:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(NaiveTime);

impl TryFrom<String> for TimeOfDay {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let time = NaiveTime::parse_from_str(&text, "%H:%M").map_err(|_| text.clone());
        time.map(Self).map_err(|text| format!("`{text}` is not a time of the day; write \"22:30\" (UTC)"))
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> String {
        time.0.format("%H:%M").to_string()
    }
}

impl JsonSchema for TimeOfDay {
    fn schema_name() -> Cow<'static, str> {
        "TimeOfDay".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$",
            "description": "a time of the day, UTC: write \"22:30\""})
    }
}

/// A time in which nothing is injected, every day or on some days, UTC. It may run over midnight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Quiet {
    /// Begin.
    pub from: TimeOfDay,
    /// End; the same as `from` means the whole day.
    pub to: TimeOfDay,
    /// Days on which it begins; every day without them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Day>,
}

impl Quiet {
    /// Whether any moment from `start`, for so long, is quiet.
    pub fn meets(&self, start: DateTime<Utc>, lasts: Duration) -> bool {
        let end = start + chrono::Duration::from_std(lasts).unwrap_or(chrono::Duration::MAX);
        let length = match (self.to.0 - self.from.0).num_seconds().rem_euclid(SECONDS_A_DAY) {
            0 => SECONDS_A_DAY,
            seconds => seconds,
        };
        // One that began the day before may run over midnight.
        let first = start.date_naive().pred_opt().unwrap_or(start.date_naive());
        first.iter_days().take_while(|day| *day <= end.date_naive()).any(|day| {
            let begins = day.and_time(self.from.0).and_utc();
            let on = self.days.is_empty() || self.days.contains(&day.weekday().into());
            on && begins <= end && start < begins + chrono::Duration::seconds(length)
        })
    }
}

impl Quiet {
    /// The first moment from `start` on from which so long a time meets none of these: `start` itself or a full minute;
    /// `None` when there is no such time.
    pub fn first_free(all: &[Quiet], start: DateTime<Utc>, lasts: Duration) -> Option<DateTime<Utc>> {
        let minute = start.with_second(0)?.with_nanosecond(0)?;
        let later = (1..=LOOK_AHEAD).map(|minutes| minute + chrono::Duration::minutes(minutes));
        let is_free = |at: &DateTime<Utc>| all.iter().all(|quiet| !quiet.meets(*at, lasts));
        std::iter::once(start).chain(later).find(is_free)
    }
}

impl fmt::Display for Quiet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days: Vec<_> = self.days.iter().map(|day| format!("{day:?}")).collect();
        let on = if days.is_empty() { String::new() } else { format!(" on {}", days.join(", ")) };
        write!(f, "{} to {} UTC{on}", String::from(self.from), String::from(self.to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet(from: &str, to: &str, days: &[Day]) -> Quiet {
        let time = |text: &str| TimeOfDay::try_from(text.to_owned()).unwrap();
        Quiet { from: time(from), to: time(to), days: days.to_vec() }
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_quiet_time_may_run_over_midnight_and_is_met_by_its_edges() {
        let minute = Duration::from_secs(60);
        let night = quiet("22:00", "06:00", &[]);
        // 2026-01-02 is a Friday.
        for (time, met) in [("21:58", false), ("21:59", true), ("23:00", true), ("05:59", true), ("06:00", false)] {
            assert_eq!(
                night.meets(at(&format!("2026-01-02T{time}:30Z")), Duration::from_secs(20)),
                met && time != "21:59"
            );
            assert_eq!(night.meets(at(&format!("2026-01-02T{time}:30Z")), minute), met, "{time}");
        }
        let friday_night = quiet("22:00", "06:00", &[Day::Fri]);
        assert!(friday_night.meets(at("2026-01-03T05:00:00Z"), minute));
        assert!(!friday_night.meets(at("2026-01-03T23:00:00Z"), minute));
        assert!(friday_night.meets(at("2026-01-02T20:00:00Z"), Duration::from_secs(3 * 3_600)));
        assert!(quiet("00:00", "00:00", &[Day::Sun]).meets(at("2026-01-04T12:00:00Z"), minute));
        assert_eq!(friday_night.to_string(), "22:00 to 06:00 UTC on Fri");
        assert!(TimeOfDay::try_from("24:00".to_owned()).is_err());
    }

    #[test]
    fn the_first_free_time_is_long_enough() {
        let times = [quiet("22:00", "06:00", &[]), quiet("06:30", "12:00", &[Day::Fri])];
        let first = |start: &str, minutes: u64| {
            let free = Quiet::first_free(&times, at(start), Duration::from_secs(minutes * 60));
            free.map(|free| free.format("%FT%T").to_string())
        };
        // 2026-01-02 is a Friday.
        assert_eq!(first("2026-01-02T13:00:07Z", 10).as_deref(), Some("2026-01-02T13:00:07"));
        assert_eq!(first("2026-01-02T05:20:07Z", 10).as_deref(), Some("2026-01-02T06:00:00"));
        assert_eq!(first("2026-01-02T05:20:07Z", 40).as_deref(), Some("2026-01-02T12:00:00"));
        assert_eq!(first("2026-01-02T21:55:00Z", 10).as_deref(), Some("2026-01-03T06:00:00"));
        assert_eq!(first("2026-01-02T05:20:07Z", 17 * 60), None);
    }
}
