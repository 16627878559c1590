//! Durations, sizes, rates and shares as the four tools write them.

use super::node::Node;
use crate::amount::{Bytes, BytesPerSecond};
use crate::span::Span;
use serde_json::Value;

const DURATION_UNITS: [(&str, f64); 8] =
    [("ns", 1e-6), ("us", 1e-3), ("µs", 1e-3), ("μs", 1e-3), ("ms", 1.0), ("s", 1e3), ("m", 60e3), ("h", 3600e3)];

/// Longest time that the importers take over, in milliseconds: a day.
const MAX_MS: f64 = 24.0 * 3600e3;
/// Largest size in bytes: a number below stays whole in a float.
const MAX_BYTES: f64 = 9e15;

/// Milliseconds of a text such as `1m30s`, `-10m100ns`, `1.5h`; a bare number counts in `bare` milliseconds.
pub(super) fn milliseconds(text: &str, bare: f64) -> Option<f64> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        return Some(number * bare).filter(|ms| ms.is_finite());
    }
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut sum = 0.0;
    while !rest.is_empty() {
        let (number, unit, after) = number_and_unit(rest)?;
        let (_, scale) = DURATION_UNITS.iter().find(|(name, _)| *name == unit)?;
        sum += number * scale;
        rest = after.trim_start();
    }
    Some(sign * sum).filter(|ms| ms.is_finite() && !text.is_empty())
}

/// A node's time as a span, and a caveat when it had to be rounded. A bare number counts in `bare` milliseconds.
pub(super) fn span(node: &Node, bare: f64) -> Result<(Span, Option<String>), String> {
    let text = node.word().ok_or("not a duration")?;
    let ms = milliseconds(&text, bare).ok_or_else(|| format!("`{text}` is not a duration"))?;
    if !(0.0..=MAX_MS).contains(&ms) {
        return Err(format!("`{text}` is not between 0 and a day"));
    }
    let rounded = ms.round();
    let caveat = (rounded != ms).then(|| format!("rounded to {rounded} ms"));
    Ok((Span::from_ms(rounded as u64), caveat))
}

/// A percentage, as number or text, with or without `%`, as a share from 0 to 1.
pub(super) fn share_of_percent(node: &Node) -> Result<f64, String> {
    let text = node.word().ok_or("not a percentage")?;
    let number = text.trim().trim_end_matches('%').trim().parse::<f64>().ok();
    let share = number.map(|percent| percent / 100.0).filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("`{text}` is not a percentage from 0 to 100"))
}

/// Bytes of a size such as `256MB`, `1Gi`, `10GB`; k, M, G are thousands and Ki, Mi, Gi are 1024. A bare number
/// counts in `bare` bytes.
pub(super) fn bytes(text: &str, bare: f64) -> Option<u64> {
    let text = text.trim();
    let (number, unit, after) = match text.parse::<f64>() {
        Ok(number) => return whole(number * bare),
        Err(_) => number_and_unit(text)?,
    };
    let unit = unit.to_ascii_lowercase();
    let unit = unit.strip_suffix('b').unwrap_or(&unit);
    let scale = match unit {
        "" => 1.0,
        "k" => 1e3,
        "m" => 1e6,
        "g" => 1e9,
        "t" => 1e12,
        "ki" => 1024.0,
        "mi" => 1024.0 * 1024.0,
        "gi" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    if after.is_empty() { whole(number * scale) } else { None }
}

/// Bytes per second of a traffic control rate. `bps` counts bytes and `bit` counts bits, both in thousands.
pub(super) fn bytes_per_second(text: &str) -> Option<u64> {
    rate_in(text, 1000.0)
}

/// Bytes per second of the token bucket of Chaos Mesh: there `kbps` and above count in 1024, and `bit` in thousands.
pub(super) fn bytes_per_second_binary(text: &str) -> Option<u64> {
    rate_in(text, 1024.0)
}

/// `thousand` is what `k` stands for before `bps`.
fn rate_in(text: &str, thousand: f64) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let (number, unit, after) = number_and_unit(&text)?;
    let (prefix, scale, thousand) = match unit.strip_suffix("bps") {
        Some(prefix) => (prefix, 1.0, thousand),
        None => (unit.strip_suffix("bit")?, 0.125, 1000.0),
    };
    let power = ["", "k", "m", "g", "t"].iter().position(|name| *name == prefix)?;
    if after.is_empty() { whole(number * scale * thousand.powi(power as i32)) } else { None }
}

/// An amount as a parameter of a fault.
pub(super) fn size(bytes: u64) -> Value {
    Bytes(bytes).to_string().into()
}

/// A rate as a parameter of a fault.
pub(super) fn rate(bytes_per_second: u64) -> Value {
    BytesPerSecond(bytes_per_second).to_string().into()
}

/// A number as a parameter of a fault, without a fraction where it has none.
pub(super) fn count(number: f64) -> Value {
    match number.fract() == 0.0 && (0.0..=MAX_BYTES).contains(&number) {
        true => (number as u64).into(),
        false => number.into(),
    }
}

fn whole(bytes: f64) -> Option<u64> {
    (0.0..=MAX_BYTES).contains(&bytes).then(|| bytes.round() as u64)
}

/// A number, the letters behind it, and what is left.
fn number_and_unit(text: &str) -> Option<(f64, &str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number = text[..end].parse().ok()?;
    let behind = text[end..].trim_start();
    let end = behind.find(|c: char| !c.is_alphabetic()).unwrap_or(behind.len());
    Some((number, &behind[..end], &behind[end..]))
}
