//! Instant queries over a range, which give raw samples as JSON: the path that every server has.
//!
//! Staleness markers are not in such answers; the samples are simply absent, which says the same to whoever knows when
//! the target was scraped. Values go from the text straight into columns: the tree of an answer would be several times
//! as large.

use super::columns::Columns;
use super::error::SourceError;
use super::export::seconds;
use super::read::Window;
use super::remote_read::natives;
use super::request::{Failure, Server, body, content_type, sent};
use super::wire::Label;
use crate::metrics::native::{Cell, Observed};
use reqwest::Client;
use scorer::RawSeries;
use scorer::signal::Selector;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

const JSON: &str = "application/json";

/// Longest part of a window that is asked for at once: the answer has to be held as a whole.
const PART_MS: i64 = 2 * 3_600_000;

pub(super) async fn read(
    server: &Server,
    selectors: &[Selector],
    window: Window,
) -> Result<Vec<RawSeries>, SourceError> {
    let mut columns = Columns::new(server.limits(), selectors);
    for selector in selectors.iter().cloned().chain(natives(selectors)) {
        let mut from_ms = window.from_ms;
        while from_ms <= window.to_ms {
            let part = Window { from_ms, to_ms: window.to_ms.min(from_ms.saturating_add(PART_MS - 1)) };
            let body = server.tried(|client| once(server, client, &selector, part)).await?;
            answer(server.settings().url.as_str(), &body, part, &mut columns)?;
            from_ms = part.to_ms.saturating_add(1);
        }
    }
    columns.finish()
}

async fn once(server: &Server, client: Client, selector: &Selector, window: Window) -> Result<Vec<u8>, Failure> {
    let url = server.settings().url.to_string();
    // Open at the left in newer servers, closed in older ones: one millisecond more, and the window decides.
    let length = window.to_ms.saturating_sub(window.from_ms).saturating_add(1);
    let asked = server
        .queries(client)?
        .query(format!("{selector}[{length}ms]"))
        .query("time", seconds(window.to_ms))
        // Thanos: a store that is away is an error and not a shorter answer.
        .query("partial_response", "false")
        .query("deny_partial_response", "1")
        .get_raw()
        .await;
    let answer = sent(&url, asked).await?;
    is_json(&url, &answer)?;
    body(&url, answer, server.limits().body_bytes).await
}

/// Refuses an answer that is not JSON, for instance a login page.
pub(super) fn is_json(url: &str, answer: &reqwest::Response) -> Result<(), SourceError> {
    let found = content_type(answer);
    if found == JSON {
        return Ok(());
    }
    let found = if found.is_empty() { "nothing".to_owned() } else { found };
    Err(SourceError::ContentType { url: url.to_owned(), found, wanted: JSON })
}

/// Takes one answer of the query API.
pub(super) fn answer(url: &str, body: &[u8], window: Window, columns: &mut Columns) -> Result<(), SourceError> {
    let taken = RefCell::new(Taken { columns, failed: None });
    let mut text = serde_json::Deserializer::from_slice(body);
    let read = (Whole { window, taken: &taken }).deserialize(&mut text).and_then(|whole| text.end().map(|()| whole));
    if let Some(failed) = taken.into_inner().failed {
        return Err(failed);
    }
    let whole = read.map_err(|error| SourceError::Message { url: url.to_owned(), what: error.to_string() })?;
    let url = url.to_owned();
    match (whole.success, whole.warnings.is_empty()) {
        (Some(true), true) => Ok(()),
        (Some(true), false) => Err(SourceError::Partial { url, warnings: whole.warnings }),
        (Some(false), _) => Err(SourceError::Refused { url, says: whole.error }),
        (None, _) => Err(SourceError::Message { url, what: "it has no status".to_owned() }),
    }
}

/// Where samples go, and the failure that is not one of the text.
struct Taken<'a> {
    columns: &'a mut Columns,
    failed: Option<SourceError>,
}

/// What an answer says beside its samples.
#[derive(Default)]
struct Said {
    success: Option<bool>,
    warnings: Vec<String>,
    error: String,
}

/// Implements the two halves of a seed: which kind of value it wants, and its visitor.
macro_rules! seed {
    ($name:ident, $value:ty, $wants:ident, $says:literal) => {
        impl<'de> DeserializeSeed<'de> for $name<'_, '_> {
            type Value = $value;
            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
                deserializer.$wants(self)
            }
        }
        impl fmt::Debug for $name<'_, '_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($says)
            }
        }
    };
}

struct Whole<'a, 'b> {
    window: Window,
    taken: &'a RefCell<Taken<'b>>,
}
seed!(Whole, Said, deserialize_map, "an answer of the query API");

impl<'de> Visitor<'de> for Whole<'_, '_> {
    type Value = Said;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Said, A::Error> {
        let mut said = Said::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "status" => said.success = Some(map.next_value::<String>()? == "success"),
                "warnings" => said.warnings.extend(map.next_value::<Option<Vec<String>>>()?.unwrap_or_default()),
                // VictoriaMetrics says so without a warning.
                "isPartial" if map.next_value::<bool>()? => said.warnings.push("a node of it is away".to_owned()),
                "isPartial" => {}
                "error" => said.error = map.next_value()?,
                "data" => map.next_value_seed(Data { window: self.window, taken: self.taken })?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(said)
    }
}

struct Data<'a, 'b> {
    window: Window,
    taken: &'a RefCell<Taken<'b>>,
}
seed!(Data, (), deserialize_map, "the data of an answer");

impl<'de> Visitor<'de> for Data<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "result" => map.next_value_seed(All { window: self.window, taken: self.taken })?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

struct All<'a, 'b> {
    window: Window,
    taken: &'a RefCell<Taken<'b>>,
}
seed!(All, (), deserialize_seq, "a list of series");

impl<'de> Visitor<'de> for All<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<(), A::Error> {
        while all.next_element_seed(One { window: self.window, taken: self.taken })?.is_some() {}
        Ok(())
    }
}

struct One<'a, 'b> {
    window: Window,
    taken: &'a RefCell<Taken<'b>>,
}
seed!(One, (), deserialize_map, "a series");

impl<'de> Visitor<'de> for One<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut place = None;
        let at = |place: Option<usize>| place.ok_or_else(|| A::Error::custom("samples come before their series"));
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "metric" => {
                    let pairs: BTreeMap<String, String> = map.next_value()?;
                    let labels = pairs.into_iter().map(|(name, value)| Label { name, value }).collect();
                    let found = self.taken.borrow_mut().columns.place(labels);
                    place = Some(found.map_err(|error| fail(self.taken, error))?);
                }
                "values" => {
                    let samples = Samples { at: at(place)?, window: self.window, taken: self.taken };
                    map.next_value_seed(samples)?;
                }
                "histograms" => {
                    let histograms: Vec<(f64, Native)> = map.next_value()?;
                    let at = at(place)?;
                    let read = histograms.into_iter().map(|(time, native)| native.observed(time));
                    let read = read.collect::<Result<Vec<_>, _>>().map_err(A::Error::custom)?;
                    let taken = self.taken.borrow_mut().columns.histograms(at, read);
                    taken.map_err(|error| fail(self.taken, error))?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

struct Samples<'a, 'b> {
    at: usize,
    window: Window,
    taken: &'a RefCell<Taken<'b>>,
}
seed!(Samples, (), deserialize_seq, "a list of samples");

impl<'de> Visitor<'de> for Samples<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<(), A::Error> {
        let (mut times, mut values) = (Vec::new(), Vec::new());
        while let Some((time, value)) = all.next_element::<(f64, &str)>()? {
            let time = milliseconds(time);
            let value = value.parse().map_err(|_| A::Error::custom(format!("`{value}` is no number")))?;
            if (self.window.from_ms..=self.window.to_ms).contains(&time) {
                times.push(time);
                values.push(value);
            }
        }
        let taken = self.taken.borrow_mut().columns.fill(self.at, times.len(), |into_times, into_values| {
            into_times.append(&mut times);
            into_values.append(&mut values);
            Ok::<(), SourceError>(())
        });
        taken.map_err(|error| fail(self.taken, error))
    }
}

fn fail<E: serde::de::Error>(taken: &RefCell<Taken<'_>>, error: SourceError) -> E {
    taken.borrow_mut().failed = Some(error);
    E::custom("stopped")
}

/// Times are written as seconds with at most three digits after the point.
fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

/// A native histogram as the API writes it: buckets as (which ends belong to it, lower, upper, count).
#[derive(serde::Deserialize)]
struct Native {
    count: String,
    sum: String,
    #[serde(default)]
    buckets: Vec<(u8, String, String, String)>,
}

impl Native {
    fn observed(&self, time: f64) -> Result<Observed, String> {
        let number = |text: &str| text.parse::<f64>().map_err(|_| format!("`{text}` is no number"));
        let cell = |(_, lower, upper, count): &(u8, String, String, String)| {
            Ok::<_, String>(Cell { lower: number(lower)?, upper: number(upper)?, count: number(count)? })
        };
        let mut cells = self.buckets.iter().map(cell).collect::<Result<Vec<_>, _>>()?;
        cells.sort_by(|a, b| a.upper.total_cmp(&b.upper));
        Ok(Observed { at_ms: milliseconds(time), total: Some((number(&self.count)?, number(&self.sum)?)), cells })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::server::ReadLimits;

    fn read(body: &str) -> Result<Vec<RawSeries>, SourceError> {
        let mut columns = Columns::new(ReadLimits { series: 2, ..ReadLimits::default() }, &[]);
        answer("there", body.as_bytes(), Window { from_ms: 1000, to_ms: 9000 }, &mut columns)?;
        columns.finish()
    }

    fn matrix(result: &str, more: &str) -> String {
        format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{result}]}}{more}}}"#)
    }

    #[test]
    fn samples_go_into_columns() {
        let one = r#"{"metric":{"__name__":"up","job":"é\"x"},"values":[[0.999,"1"],[1,"1.5"],[2.001,"NaN"],[3,"+Inf"],[9.001,"2"]]}"#;
        let series = read(&matrix(one, "")).unwrap();
        assert_eq!((series[0].name.as_str(), series[0].labels["job"].as_str()), ("up", "é\"x"));
        assert_eq!(series[0].times_ms, [1000, 2001, 3000]);
        assert_eq!((series[0].values[0], series[0].values[2]), (1.5, f64::INFINITY));
    }

    #[test]
    fn native_histograms_become_classic_ones() {
        let one = r#"{"metric":{"__name__":"h"},"histograms":[[2,{"count":"5","sum":"1.5","buckets":[[0,"1","2","2"],[0,"2","4","3"]]}]]}"#;
        let series = read(&matrix(one, "")).unwrap();
        let le: Vec<(Option<&str>, f64)> =
            series.iter().map(|s| (s.labels.get("le").map(String::as_str), s.values[0])).collect();
        assert_eq!(le, [(Some("+Inf"), 5.0), (Some("2"), 2.0), (Some("4"), 5.0), (None, 5.0), (None, 1.5)]);
    }

    #[test]
    fn warnings_refusals_and_limits_are_errors() {
        let partial = read(&matrix("", r#","isPartial":true"#));
        assert!(matches!(partial, Err(SourceError::Partial { .. })));
        let partial = read(&matrix("", r#","isPartial":false,"warnings":["store x is away"]"#));
        assert!(matches!(partial, Err(SourceError::Partial { warnings, .. }) if warnings == ["store x is away"]));
        let refused = read(r#"{"status":"error","errorType":"bad_data","error":"no"}"#);
        assert!(matches!(refused, Err(SourceError::Refused { says, .. }) if says == "no"));
        let one = |i: u32| format!(r#"{{"metric":{{"i":"{i}"}},"values":[]}}"#);
        let three = read(&matrix(&[one(1), one(2), one(3)].join(","), ""));
        assert!(matches!(three, Err(SourceError::TooManySeries { max: 2, .. })));
        for damaged in ["", "{}", "[]", r#"{"status":"success","data":{"result":[{"values":[[1,"1"]]}]}}"#, "null"] {
            assert!(matches!(read(damaged), Err(SourceError::Message { .. })), "{damaged}");
        }
        let whole = matrix(r#"{"metric":{},"values":[[1,"1"]]}"#, "");
        for end in 0..whole.len() {
            assert!(matches!(read(&whole[..end]), Err(SourceError::Message { .. })), "{end}");
        }
    }
}
