//! `healthcheck`: an HTTP address in a test by curl, wget or anything else.

use super::command::text_of;
use regex::Regex;
use serde_json::Value;
use std::sync::LazyLock;

/// What a health check says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// There is none, or it is switched off.
    None,
    /// It asks for this path, at this port if one is named.
    Http {
        /// Path.
        path: String,
        /// Port in the container.
        port: Option<u16>,
    },
    /// It runs something else.
    Other(String),
}

/// The test of a service, and how long the service may take to start.
pub(super) fn of(service: &Value) -> (Test, Option<String>) {
    static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"https?://[A-Za-z0-9_.\[\]:-]*?(?::(\d+))?(/[^\s"'|;&<>]*)?(?:[\s"'|;&<>]|$)"#)
            .expect("a constant pattern that the tests compile")
    });
    let Some(check) = service.get("healthcheck").filter(|c| c.get("disable") != Some(&Value::Bool(true))) else {
        return (Test::None, None);
    };
    let start = check.get("start_period").and_then(Value::as_str).filter(|text| is_whole(text)).map(str::to_owned);
    let text = match check.get("test") {
        Some(Value::Array(words)) if words.first().is_some_and(|w| w == "NONE") => return (Test::None, None),
        Some(Value::Array(words)) => words.iter().map(text_of).collect::<Vec<_>>().join(" "),
        Some(one) => text_of(one),
        None => return (Test::None, start),
    };
    let test = match ADDRESS.captures(&text) {
        Some(found) => Test::Http {
            path: found.get(2).map_or("/", |path| path.as_str()).to_owned(),
            port: found.get(1).and_then(|port| port.as_str().parse().ok()),
        },
        None => Test::Other(text.trim_start_matches("CMD-SHELL ").trim_start_matches("CMD ").to_owned()),
    };
    (test, start)
}

/// A duration that Mettle's documents read too: `90s`, not `1m30s`.
fn is_whole(text: &str) -> bool {
    text.strip_suffix(['s', 'm']).is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_the_path_in_the_usual_tests() {
        let http = |path: &str, port| Test::Http { path: path.into(), port };
        for (test, wanted) in [
            (json!(["CMD", "curl", "-f", "http://localhost:8000/healthz"]), http("/healthz", Some(8000))),
            (json!(["CMD-SHELL", "curl -f http://localhost:80/a?b=c || exit 1"]), http("/a?b=c", Some(80))),
            (json!("wget -qO- http://127.0.0.1/ping"), http("/ping", None)),
            (json!(["CMD", "wget", "--spider", "http://localhost:3000"]), http("/", Some(3000))),
            (json!(["CMD-SHELL", "pg_isready -U x"]), Test::Other("pg_isready -U x".into())),
            (json!(["NONE"]), Test::None),
        ] {
            assert_eq!(of(&json!({"healthcheck": {"test": test}})).0, wanted, "{test}");
        }
        assert_eq!(of(&json!({"healthcheck": {"disable": true, "test": "curl http://x/"}})).0, Test::None);
        assert_eq!(of(&json!({"healthcheck": {"test": "x", "start_period": "40s"}})).1.as_deref(), Some("40s"));
        assert_eq!(of(&json!({"healthcheck": {"test": "x", "start_period": "1m30s"}})).1, None);
    }
}
