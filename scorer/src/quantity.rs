//! Numbers for people: percent points, megabytes, milliseconds.

/// Unit of the values of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Share of one; differences are percentage points.
    Share,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// Events a second.
    PerSecond,
    /// Bytes a second.
    BytesPerSecond,
    /// Events a sample.
    PerSample,
    /// No unit.
    Plain,
}

impl Unit {
    /// Unit by the naming rules of Prometheus.
    pub fn of_series(name: &str) -> Unit {
        if name.ends_with("_bytes") {
            Unit::Bytes
        } else if name.ends_with("_seconds") {
            Unit::Seconds
        } else if name.ends_with("_ratio") {
            Unit::Share
        } else {
            Unit::Plain
        }
    }

    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Share => "share",
            Unit::Bytes => "bytes",
            Unit::Seconds => "s",
            Unit::PerSecond => "/s",
            Unit::BytesPerSecond => "bytes/s",
            Unit::PerSample => "/sample",
            Unit::Plain => "",
        }
    }

    /// The unit of that name, as reports write it; plain when there is none.
    pub fn named(name: &str) -> Unit {
        let all = [Unit::Share, Unit::Bytes, Unit::Seconds, Unit::PerSecond, Unit::BytesPerSecond, Unit::PerSample];
        all.into_iter().find(|unit| unit.name() == name).unwrap_or(Unit::Plain)
    }

    /// A level: `5.8 %`, `41.2 MB`, `250 ms`, `300 /s`.
    pub fn level(self, value: f64) -> String {
        match self {
            _ if !value.is_finite() => "unknown".to_owned(),
            Unit::Share => format!("{} %", digits(value * 100.0)),
            Unit::Bytes => bytes(value),
            Unit::BytesPerSecond => format!("{}/s", bytes(value)),
            Unit::Seconds => seconds(value),
            Unit::PerSecond => format!("{} /s", digits(value)),
            Unit::PerSample => format!("{} a sample", digits(value)),
            Unit::Plain => digits(value),
        }
    }

    /// A difference with its sign: `+3.7 pp`, `-0.4 MB`.
    pub fn difference(self, value: f64) -> String {
        if !value.is_finite() {
            return "unknown".to_owned();
        }
        format!("{}{}", if value < 0.0 { "-" } else { "+" }, self.size(value))
    }

    /// A difference without its sign: `3.7 pp`, `0.4 MB`.
    pub fn size(self, value: f64) -> String {
        match self {
            Unit::Share if value.is_finite() => format!("{} pp", digits(value.abs() * 100.0)),
            other => other.level(value.abs()),
        }
    }
}

fn bytes(value: f64) -> String {
    let size = value.abs();
    let (divisor, unit) = match size {
        s if s >= 1e9 => (1e9, "GB"),
        s if s >= 1e6 => (1e6, "MB"),
        s if s >= 1e3 => (1e3, "kB"),
        _ => (1.0, "B"),
    };
    format!("{} {unit}", digits(value / divisor))
}

fn seconds(value: f64) -> String {
    let size = value.abs();
    let (factor, unit) = match size {
        s if s >= 1.0 || s == 0.0 => (1.0, "s"),
        s if s >= 1e-3 => (1e3, "ms"),
        _ => (1e6, "us"),
    };
    format!("{} {unit}", digits(value * factor))
}

/// A duration given in milliseconds.
pub fn duration_ms(value: i64) -> String {
    seconds(value as f64 / 1000.0)
}

/// Sizes that are written in plain digits; what is larger or smaller has an exponent.
const PLAIN: std::ops::Range<f64> = 1e-9..1e15;

/// About three digits: 1234, 123, 12.3, 1.23, 0.012, 1e300; no trailing zeros, no minus before zero.
pub fn digits(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if value.is_finite() && !PLAIN.contains(&value.abs()) {
        let text = format!("{value:.2e}");
        let (number, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", number.trim_end_matches('0').trim_end_matches('.'));
    }
    let places = (2 - value.abs().log10().floor() as i32).clamp(0, 9) as usize;
    let text = format!("{value:.places$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text.trim_start_matches(['-', '0', '.']).is_empty() { "0".to_owned() } else { text.to_owned() }
}

/// Score with its limits, `96 (91..99)`; the limits are rounded away from it, so that 84.6 does not look as if it reached
/// 85.
pub fn score_text(score: f64, low: f64, high: f64) -> String {
    format!("{score:.0} ({:.0}..{:.0})", low.floor(), high.ceil())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_beyond_all_units_have_an_exponent() {
        let told = [1234.0, 0.012, 999e12, 1e300, -1.5e300, 1e-310, -1e-10, 0.0].map(digits);
        assert_eq!(told, ["1234", "0.012", "999000000000000", "1e300", "-1.5e300", "1e-310", "-1e-10", "0"]);
        assert_eq!(Unit::Plain.difference(1e-310), "+1e-310");
        assert_eq!(Unit::Bytes.level(1e300), "1e291 GB");
    }

    #[test]
    fn limits_of_a_score_are_rounded_away_from_it() {
        assert_eq!(score_text(96.4, 84.6, 99.2), "96 (84..100)");
        assert_eq!(score_text(100.0, 85.0, 100.0), "100 (85..100)");
        assert_eq!(score_text(0.0, 0.0, 0.4), "0 (0..1)");
    }
}
