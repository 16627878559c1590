//! A gate's answer in words and as an exit code. The body of the contract is all that is read, so that a folder and a
//! server answer alike.

use super::Exit;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use std::fmt::Write as _;

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reply {
    /// The body of an answer.
    Answer(Value),
    /// Gate, product, landscape or tag is not known, perhaps not yet: why, and what would make it known.
    Unknown(String),
    /// The question cannot be answered: why, and what to do.
    Refused(String),
}

fn word<'a>(body: &'a Value, key: &str) -> &'a str {
    body.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Whether it is too early.
pub(super) fn waits(body: &Value) -> bool {
    word(body, "status") == "wait"
}

/// The exit code. Only an answer that says yes in every field is a yes.
pub(super) fn exit_of(body: &Value) -> Exit {
    match (word(body, "status"), word(body, "verdict"), body.get("allow")) {
        ("allow", _, Some(Value::Bool(true))) => Exit::Ok,
        ("wait", ..) | ("deny", "insufficient", _) => Exit::Insufficient,
        ("deny" | "expired", ..) => Exit::Deny,
        _ => Exit::Unexpected,
    }
}

/// A paragraph for people; it names when to ask again.
pub(super) fn text(body: &Value) -> String {
    let tag = body.pointer("/subject/tag").and_then(Value::as_str).unwrap_or_default();
    let mut out = format!(
        "{}: {} {tag} in {}: {}\n",
        word(body, "status"),
        word(body, "product"),
        word(body, "landscape"),
        word(body, "summary")
    );
    if body.get("score").is_some_and(Value::is_number) {
        let _ = writeln!(out, "score {}", word(body, "scoreText"));
    }
    for reason in body.get("reasons").and_then(Value::as_array).into_iter().flatten() {
        let _ = writeln!(out, "- {} ({})", word(reason, "text"), word(reason, "code"));
    }
    let list = |key: &str| -> Vec<&str> {
        body.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let missing = list("missing");
    if !missing.is_empty() {
        let _ = writeln!(out, "missing: {}", missing.join(", "));
    }
    let _ = writeln!(out, "{}", when(body));
    out
}

/// When asking again can bring another answer.
fn when(body: &Value) -> String {
    let time = |key: &str| word(body, key).parse::<DateTime<Utc>>().ok();
    let clock = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%S UTC").to_string();
    match word(body, "status") {
        "wait" => {
            let seconds = body.get("retryAfterSeconds").and_then(Value::as_i64).unwrap_or(1);
            let at = time("evaluatedAt").map(|at| format!(", at {}", clock(at + TimeDelta::seconds(seconds))));
            format!("ask again in {seconds} s{}", at.unwrap_or_default())
        }
        "allow" => match time("validUntil") {
            Some(at) => format!("valid until {}; ask again after that", clock(at)),
            None => "ask again before every step".into(),
        },
        "expired" => "the verdict is too old: ask again when the tag was soaked again (mettle soak run --tag TAG)".into(),
        "deny" => "asking again brings the same answer until there is new evidence: soak the tag again (mettle soak run --tag TAG), or ask for a newer tag".into(),
        _ => "the gate could not look: ask again when it is well".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_whole_yes_is_a_yes() {
        for (body, exit) in [
            (json!({"status": "allow", "allow": true, "verdict": "pass"}), Exit::Ok),
            (json!({"status": "allow", "allow": false}), Exit::Unexpected),
            (json!({"status": "allow"}), Exit::Unexpected),
            (json!({"status": "allow", "allow": "true"}), Exit::Unexpected),
            (json!({"status": "wait", "allow": false}), Exit::Insufficient),
            (json!({"status": "deny", "verdict": "insufficient"}), Exit::Insufficient),
            (json!({"status": "deny", "verdict": "fail"}), Exit::Deny),
            (json!({"status": "deny", "verdict": "none", "allow": true}), Exit::Deny),
            (json!({"status": "expired", "verdict": "pass"}), Exit::Deny),
            (json!({"status": "error"}), Exit::Unexpected),
            (json!({}), Exit::Unexpected),
            (json!([]), Exit::Unexpected),
        ] {
            assert_eq!(exit_of(&body), exit, "{body}");
        }
    }

    #[test]
    fn every_answer_says_when_to_ask_again() {
        let body = json!({
            "status": "wait", "product": "shop", "subject": {"tag": "v1.0.0"}, "landscape": "staging", "summary": "soaking",
            "score": null, "reasons": [{"text": "soaking", "code": "soaking"}], "missing": ["20 of 40 samples"],
            "retryAfterSeconds": 30, "evaluatedAt": "2026-01-01T12:00:00Z"
        });
        assert_eq!(
            text(&body),
            "wait: shop v1.0.0 in staging: soaking\n- soaking (soaking)\nmissing: 20 of 40 samples\nask again in 30 s, at 2026-01-01 12:00:30 UTC\n"
        );
        for (status, wanted) in [
            ("deny", "until there is new evidence"),
            ("expired", "soaked again"),
            ("error", "when it is well"),
            ("allow", "before every step"),
        ] {
            assert!(when(&json!({"status": status})).contains(wanted), "{status}");
        }
        let valid = json!({"status": "allow", "validUntil": "2026-01-08T00:00:00Z"});
        assert_eq!(when(&valid), "valid until 2026-01-08 00:00:00 UTC; ask again after that");
    }
}
