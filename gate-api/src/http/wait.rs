//! `wait=8s`.

use super::refusal::Refusal;
use std::time::Duration;

/// Reads a wait: whole seconds with their unit. Longer than `longest` is `longest`.
pub(super) fn parse(text: Option<&str>, longest: Duration) -> Result<Duration, Refusal> {
    let Some(text) = text else { return Ok(Duration::ZERO) };
    let digits = text.strip_suffix('s').filter(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()));
    let Some(digits) = digits else {
        let message = format!("`wait={text}` is not a number of whole seconds");
        return Err(Refusal::bad_request(message, format!("write wait=8s; the longest is {} s", longest.as_secs())));
    };
    // More digits than fit are surely longer than the longest.
    Ok(digits.parse().map_or(longest, Duration::from_secs).min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(8);

    #[test]
    fn seconds_are_read_and_capped() {
        let cases =
            [(None, 0), (Some("0s"), 0), (Some("8s"), 8), (Some("9s"), 8), (Some("99999999999999999999999s"), 8)];
        for (text, wanted) in cases {
            assert_eq!(parse(text, LONGEST).unwrap(), Duration::from_secs(wanted), "{text:?}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_a_remedy() {
        for text in ["", "s", "8", "-1", "-1s", "+1s", "8m", "8ms", "1.5s", " 8s", "8 s", "eight", "NaN"] {
            let refusal = parse(Some(text), LONGEST).unwrap_err();
            assert_eq!(refusal.status.as_u16(), 400, "{text:?}");
            assert_eq!(refusal.hints, ["write wait=8s; the longest is 8 s"], "{text:?}");
        }
    }
}
