//! The export of VictoriaMetrics: one line a series, raw samples at their own times.
//!
//! A line is `{"metric":{..},"values":[..],"timestamps":[..]}` in this order; it is JSON but for the infinities, which
//! older versions write as bare words.

use super::columns::Columns;
use super::error::SourceError;
use super::read::Window;
use super::remote_read::labels;
use super::request::{Failure, Server, content_type, next_piece, send};
use reqwest::Client;
use scorer::RawSeries;
use scorer::signal::Selector;
use std::collections::BTreeMap;

const PATH: &str = "api/v1/export";
const LINES: &str = "application/stream+json";

/// Samples of one line: longer series come in several.
const ROWS_PER_LINE: &str = "100000";

pub(super) async fn read(
    server: &Server,
    selectors: &[Selector],
    window: Window,
) -> Result<Vec<RawSeries>, SourceError> {
    server.tried(|client| once(server, client, selectors, window)).await
}

async fn once(
    server: &Server,
    client: Client,
    selectors: &[Selector],
    window: Window,
) -> Result<Vec<RawSeries>, Failure> {
    let mut endpoint = server.endpoint(PATH);
    let url = endpoint.to_string();
    endpoint
        .query_pairs_mut()
        .extend_pairs(selectors.iter().map(|selector| ("match[]", selector.to_string())))
        .append_pair("start", &seconds(window.from_ms))
        .append_pair("end", &seconds(window.to_ms))
        .append_pair("max_rows_per_line", ROWS_PER_LINE);
    let mut answer = send(&url, client.get(endpoint)).await?;
    let found = content_type(&answer);
    if found != LINES {
        return Err(SourceError::ContentType { url, found, wanted: LINES }.into());
    }
    let mut columns = Columns::new(server.limits(), selectors);
    let (mut waiting, max) = (Vec::new(), server.limits().body_bytes);
    while let Some(piece) = next_piece(&url, &mut answer).await? {
        let mut rest = &piece[..];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            waiting.extend_from_slice(&rest[..end]);
            line(&url, &waiting, window, &mut columns)?;
            waiting.clear();
            rest = &rest[end + 1..];
        }
        if waiting.len() + rest.len() > max {
            return Err(SourceError::TooLong { url, max }.into());
        }
        waiting.extend_from_slice(rest);
    }
    line(&url, &waiting, window, &mut columns)?;
    Ok(columns.finish()?)
}

/// Seconds with milliseconds, exactly.
pub(super) fn seconds(ms: i64) -> String {
    format!("{}{}.{:03}", if ms < 0 { "-" } else { "" }, ms.unsigned_abs() / 1000, ms.unsigned_abs() % 1000)
}

/// Takes one line; an empty one is none.
pub(super) fn line(url: &str, line: &[u8], window: Window, columns: &mut Columns) -> Result<(), SourceError> {
    if line.trim_ascii().is_empty() {
        return Ok(());
    }
    let unreadable = |what: &str| SourceError::Message { url: url.to_owned(), what: what.to_owned() };
    let text = std::str::from_utf8(line).map_err(|_| unreadable("a line is no text"))?;
    let body = text.strip_prefix(r#"{"metric":"#).ok_or_else(|| unreadable("a line begins with no metric"))?;
    let mut metric = serde_json::Deserializer::from_str(body).into_iter::<BTreeMap<String, String>>();
    let pairs = metric.next().and_then(Result::ok).ok_or_else(|| unreadable("the labels of a line are no object"))?;
    let arrays = body[metric.byte_offset()..].trim_end();
    let arrays = arrays.strip_prefix(r#","values":["#).and_then(|arrays| arrays.strip_suffix("]}"));
    let (values, times) = arrays
        .and_then(|arrays| arrays.split_once(r#"],"timestamps":["#))
        .ok_or_else(|| unreadable("a line has no values and timestamps"))?;
    let at = columns.place(labels(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))))?;
    let samples = |text: &str| if text.is_empty() { 0 } else { text.matches(',').count() + 1 };
    let count = samples(values);
    if count != samples(times) {
        return Err(unreadable("a line has not as many timestamps as values"));
    }
    columns.fill(at, count, |times_ms, out| {
        for (value, time) in values.split(',').zip(times.split(',')).take(count) {
            let time: i64 = time.trim().parse().map_err(|_| unreadable("a timestamp is no number"))?;
            let value = number(value.trim()).ok_or_else(|| unreadable("a value is no number"))?;
            if (window.from_ms..=window.to_ms).contains(&time) {
                times_ms.push(time);
                out.push(value);
            }
        }
        Ok(())
    })
}

fn number(text: &str) -> Option<f64> {
    match text.trim_matches('"') {
        "null" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        text => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::server::ReadLimits;

    const ALL: Window = Window { from_ms: i64::MIN, to_ms: i64::MAX };

    fn read(lines: &[&str]) -> Result<Vec<RawSeries>, SourceError> {
        let mut columns = Columns::new(ReadLimits::default(), &[]);
        lines.iter().try_for_each(|one| line("there", one.as_bytes(), ALL, &mut columns))?;
        columns.finish()
    }

    #[test]
    fn lines_of_one_series_are_joined_and_infinities_are_read() {
        let series = read(&[
            r#"{"metric":{"__name__":"foo","a":"],\"timestamps\":[","b":""},"values":[1.25,+Inf],"timestamps":[1000,2000]}"#,
            "",
            r#"{"metric":{"a":"],\"timestamps\":[","__name__":"foo"},"values":[null,"-Infinity"],"timestamps":[3000,4000]}"#,
        ])
        .unwrap();
        assert_eq!(series.len(), 1);
        assert_eq!((series[0].name.as_str(), series[0].labels["a"].as_str()), ("foo", r#"],"timestamps":["#));
        assert_eq!(series[0].times_ms, [1000, 2000, 3000, 4000]);
        assert_eq!(
            (series[0].values[..2].to_vec(), series[0].values[3]),
            (vec![1.25, f64::INFINITY], f64::NEG_INFINITY)
        );
        assert!(series[0].values[2].is_nan());
    }

    #[test]
    fn a_line_that_was_cut_is_an_error_wherever_it_was() {
        let whole = r#"{"metric":{"__name__":"foo"},"values":[1,22],"timestamps":[1000,2000]}"#;
        assert!(read(&[whole]).is_ok());
        for end in 1..whole.len() {
            assert!(matches!(read(&[&whole[..end]]), Err(SourceError::Message { .. })), "{end}");
        }
    }

    #[test]
    fn times_are_written_exactly() {
        assert_eq!(
            (seconds(1_700_000_000_001), seconds(-1500), seconds(0)),
            ("1700000000.001".into(), "-1.500".into(), "0.000".into())
        );
    }
}
