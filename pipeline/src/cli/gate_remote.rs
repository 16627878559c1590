//! A gate behind HTTP: the data face, which answers 200 for every decision.

use super::gate_answer::Reply;
use anyhow::Context as _;
use gate_api::Question;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// Longest wait for an answer: the contract promises one within five seconds, a long poll apart.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Longest long poll of the contract.
const POLL_MAX: Duration = Duration::from_secs(8);

/// A server.
pub(super) struct Remote {
    base: Url,
    client: Client,
}

impl Remote {
    /// The server at `url`.
    ///
    /// # Errors
    /// One sentence: it is no address.
    pub(super) fn new(url: &str) -> Result<Self, String> {
        let wrong = |why: String| format!("--url {url} is not an address of a server: {why}; write http://HOST:PORT");
        let base: Url = url.parse().map_err(|error| wrong(format!("{error}")))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(wrong("it is not http or https".into()));
        }
        let client = Client::builder().build().map_err(|error| wrong(error.to_string()))?;
        Ok(Remote { base, client })
    }

    /// Asks; the server may hold the question for `at_most`.
    ///
    /// # Errors
    /// The server cannot be reached, is unwell, or its answer cannot be read.
    pub(super) async fn ask(&self, question: &Question, at_most: Duration) -> anyhow::Result<Reply> {
        let hold = at_most.min(POLL_MAX).as_secs();
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| anyhow::anyhow!("{} cannot have a path", self.base))?
            .pop_if_empty()
            .extend(["v1", "gates", question.gate.name(), "check"]);
        url.query_pairs_mut()
            .append_pair("as", "data")
            .append_pair("product", &question.product)
            .append_pair("tag", &question.tag)
            .append_pair("landscape", &question.landscape)
            .extend_pairs(question.commit.iter().map(|commit| ("commit", commit.as_str())))
            .extend_pairs((hold > 0).then(|| ("wait", format!("{hold}s"))));
        let sent = self.client.get(url).timeout(ANSWER_MAX + Duration::from_secs(hold)).send().await;
        let response = sent.map_err(reqwest::Error::without_url).with_context(|| {
            format!("no answer from {}; is `mettle serve` or `mettle up` running there, and the address right? non-zero is \"do not promote\"", self.base)
        })?;
        let status = response.status();
        let body: Option<Value> = response.json().await.ok();
        self.read(status, body)
    }

    fn read(&self, status: StatusCode, body: Option<Value>) -> anyhow::Result<Reply> {
        let body = body.unwrap_or_default();
        let known = body.get("apiVersion").and_then(Value::as_str) == Some("mettle/v1");
        if status == StatusCode::OK && known {
            return Ok(Reply::Answer(body));
        }
        let error = |key: &str| body.pointer(&format!("/error/{key}")).and_then(Value::as_str).unwrap_or_default();
        let hints = body.pointer("/error/hints").and_then(Value::as_array).into_iter().flatten();
        let hints: Vec<&str> = hints.filter_map(Value::as_str).collect();
        let message = match error("message") {
            "" => format!("{} answered {status}, and not as a gate does; check the address", self.base),
            text => format!("{text}; {} ({status})", hints.join("; ")),
        };
        match status.as_u16() {
            404 if known => Ok(Reply::Unknown(message)),
            400 | 401 | 403 | 422 if known => Ok(Reply::Refused(message)),
            _ => anyhow::bail!(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(status: u16, body: Option<Value>) -> anyhow::Result<Reply> {
        Remote::new("http://127.0.0.1:1").unwrap().read(StatusCode::from_u16(status).unwrap(), body)
    }

    #[test]
    fn statuses_become_replies() {
        let error = json!({"apiVersion": "mettle/v1", "error": {"message": "no such tag", "hints": ["push it"]}});
        for status in [400, 401, 403, 422] {
            let Ok(Reply::Refused(message)) = read(status, Some(error.clone())) else { panic!("{status}") };
            assert!(message.starts_with("no such tag; push it"), "{message}");
        }
        assert!(matches!(read(404, Some(error.clone())), Ok(Reply::Unknown(_))));
        // Not a gate, unwell, or an allow without a body: nobody looked.
        for (status, body) in
            [(404, None), (503, Some(error)), (200, None), (204, None), (200, Some(json!({"allow": true})))]
        {
            assert!(read(status, body).is_err(), "{status}");
        }
    }

    #[test]
    fn what_is_no_address_is_told() {
        for url in ["localhost:1", "ftp://h/", "::"] {
            assert!(Remote::new(url).err().is_some_and(|e| e.contains("write http://HOST:PORT")), "{url}");
        }
    }
}
