//! What the server evaluates itself: queries that people wrote, and its clock.

use super::columns::Columns;
use super::error::SourceError;
use super::export::seconds;
use super::json;
use super::read::Window;
use super::request::{Failure, Server, body, sent};
use crate::clock::RunClock;
use scorer::RawSeries;
use std::time::Duration;

/// Most points that one range query may ask for; Prometheus refuses 11,000 and more.
const MAX_POINTS: i64 = 10_000;

/// Tries at telling the time of a server whose answers take long.
const CLOCK_TRIES: u32 = 3;

/// Longest query, in bytes.
const MAX_QUERY: usize = 16 * 1024;

/// Checks a query before anything runs: it must be PromQL that gives one value per series and moment.
///
/// # Errors
/// What is wrong with it.
pub fn check_query(query: &str) -> Result<(), SourceError> {
    use promql_parser::parser::{self, value::ValueType};
    let wrong = |says: String| Err(SourceError::Syntax { query: query.chars().take(200).collect(), says });
    if query.len() > MAX_QUERY {
        return wrong(format!("it is longer than {MAX_QUERY} bytes"));
    }
    let expression = match parser::parse(query) {
        Ok(expression) => expression,
        Err(says) => return wrong(says.split_whitespace().collect::<Vec<_>>().join(" ")),
    };
    match expression.value_type() {
        ValueType::Vector | ValueType::Scalar => Ok(()),
        ValueType::Matrix => wrong("a range gives many values at once; wrap it, for instance in `rate(..)`".to_owned()),
        ValueType::String => wrong("it gives a text and no number".to_owned()),
    }
}

impl Server {
    /// The values of a query at every `step` of the window, one series per set of labels.
    ///
    /// # Errors
    /// The query is no PromQL, the server refuses it, or the answer is not whole.
    pub async fn evaluate(&self, query: &str, window: Window, step: Duration) -> Result<Vec<RawSeries>, SourceError> {
        check_query(query)?;
        let mut columns = Columns::new(self.limits(), &[]);
        let step_ms = i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1);
        let mut from_ms = window.from_ms;
        while from_ms <= window.to_ms {
            let to_ms = window.to_ms.min(from_ms.saturating_add(step_ms.saturating_mul(MAX_POINTS - 1)));
            let part = Window { from_ms, to_ms };
            let answer = self.tried(|client| range(self, client, query, part, step_ms)).await?;
            json::answer(self.settings().url.as_str(), &answer, part, &mut columns)?;
            // The next part begins on the same grid.
            from_ms = from_ms.saturating_add(((to_ms - from_ms) / step_ms + 1).saturating_mul(step_ms));
        }
        columns.finish()
    }

    /// How far the clock of the server is ahead of ours, in milliseconds, and how far that may be wrong.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub async fn ahead(&self, clock: RunClock) -> Result<(i64, i64), SourceError> {
        self.tried(|client| moment(self, client, clock)).await
    }

    /// Refuses a server whose clock is further from ours than `max_ms`.
    ///
    /// # Errors
    /// It is, it cannot be asked, or its answers take so long that nobody can tell.
    pub async fn check_clock(&self, clock: RunClock, max_ms: i64) -> Result<(), SourceError> {
        let mut best = self.ahead(clock).await?;
        for _ in 1..CLOCK_TRIES {
            if best.1 > max_ms {
                let again = self.ahead(clock).await?;
                best = if again.1 < best.1 { again } else { best };
            }
        }
        let (ahead_ms, within_ms) = best;
        let url = self.settings().url.to_string();
        if within_ms > max_ms {
            return Err(SourceError::ClockUnknown { url, within_ms, max_ms });
        }
        if ahead_ms.abs() - within_ms > max_ms {
            return Err(SourceError::Skew { url, ahead_ms, max_ms });
        }
        Ok(())
    }
}

async fn range(
    server: &Server,
    client: reqwest::Client,
    query: &str,
    window: Window,
    step_ms: i64,
) -> Result<Vec<u8>, Failure> {
    let url = server.settings().url.to_string();
    // Start, end and step are whole seconds there; ours are not, and of a name that comes twice the first counts.
    let asked = server
        .get(client, "api/v1/query_range")
        .query(&[("query", query), ("start", &seconds(window.from_ms)), ("end", &seconds(window.to_ms))])
        .query(&[("step", seconds(step_ms)), ("partial_response", "false".to_owned())])
        .send()
        .await;
    let answer = super::request::answered(&url, asked).await?;
    json::is_json(&url, &answer)?;
    body(&url, answer, server.limits().body_bytes).await
}

async fn moment(server: &Server, client: reqwest::Client, clock: RunClock) -> Result<(i64, i64), Failure> {
    let url = server.settings().url.to_string();
    let before_ms = clock.now_ms();
    // VictoriaMetrics answers as of half a minute ago unless told otherwise.
    let asked = server.queries(client)?.query("time()").query("nocache", "1").get_raw().await;
    let answer = sent(&url, asked).await?;
    json::is_json(&url, &answer)?;
    let body = body(&url, answer, server.limits().body_bytes).await?;
    let after_ms = clock.now_ms();
    let unreadable = || SourceError::Message { url: url.clone(), what: "it says no time".to_owned() };
    let said: serde_json::Value = serde_json::from_slice(&body).map_err(|_| unreadable())?;
    // A scalar, or with some servers a vector of one.
    let result = &said["data"]["result"];
    let value = result[1].as_str().or_else(|| result[0]["value"][1].as_str());
    let theirs: f64 = value.and_then(|text| text.parse().ok()).ok_or_else(unreadable)?;
    let within_ms = (after_ms - before_ms) / 2 + 1;
    Ok(((theirs * 1000.0) as i64 - (before_ms + after_ms) / 2, within_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_checked_before_anything_runs() {
        for good in ["sum(queue_depth)", "rate(http_requests_total{code!~\"5..\"}[1m]) > 0", "1 + 1", "up"] {
            assert!(check_query(good).is_ok(), "{good}");
        }
        let long = "a".repeat(MAX_QUERY + 1);
        for bad in ["", "sum(", "up[5m]", "\"text\"", "rate(up)", "sum by job (up)", &long] {
            let error = check_query(bad).unwrap_err();
            assert!(matches!(&error, SourceError::Syntax { says, .. } if !says.is_empty()), "{bad}");
            assert!(error.to_string().len() < 600, "{error}");
        }
    }
}
