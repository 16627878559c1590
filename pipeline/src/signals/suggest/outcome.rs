//! Which label of a counter tells good from bad, and which of its values are bad.

use crate::signals::proposal::matcher;
use probes::metrics::catalogue::Family;
use scorer::signal::{MatchOp, Matcher};
use std::collections::BTreeSet;

/// Labels with status codes of HTTP.
const HTTP: [&str; 9] = [
    "http_response_status_code",
    "http_status_code",
    "response_status_code",
    "status_code",
    "response_code",
    "http_status",
    "code",
    "status",
    "status_class",
];

/// Labels with status codes of gRPC. OpenTelemetry writes numbers, the gRPC middlewares write names.
const GRPC: [&str; 6] = [
    "rpc_grpc_status_code",
    "rpc_response_status_code",
    "grpc_response_status",
    "grpc_status_code",
    "grpc_code",
    "grpc_status",
];

/// Codes of gRPC that blame the server (OpenTelemetry's convention for spans of servers), as names and numbers.
const GRPC_BAD: [(&str, &str, &str); 6] = [
    ("2", "Unknown", "UNKNOWN"),
    ("4", "DeadlineExceeded", "DEADLINE_EXCEEDED"),
    ("12", "Unimplemented", "UNIMPLEMENTED"),
    ("13", "Internal", "INTERNAL"),
    ("14", "Unavailable", "UNAVAILABLE"),
    ("15", "DataLoss", "DATA_LOSS"),
];

/// Labels with words.
const WORDS: [&str; 7] = ["outcome", "result", "status", "state", "success", "error", "type"];

/// Words that say that something went well, in lower case.
const GOOD: [&str; 13] = [
    "ok",
    "success",
    "succeeded",
    "successful",
    "completed",
    "complete",
    "done",
    "delivered",
    "processed",
    "acked",
    "true",
    "informational",
    "redirection",
];

/// Words that say that it did not.
const BAD: [&str; 22] = [
    "error",
    "errors",
    "failed",
    "failure",
    "fail",
    "timeout",
    "timed_out",
    "exception",
    "aborted",
    "abort",
    "fatal",
    "panic",
    "dropped",
    "rejected",
    "unavailable",
    "server_error",
    "unsuccessful",
    "false",
    "crashed",
    "deadlettered",
    "dead_letter",
    "nacked",
];

/// What tells good from bad.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    /// Selects the good events among all: every one of them must hold.
    pub(super) good: Vec<Matcher>,
    /// For people: which label, which values are bad.
    pub(super) told: String,
    /// Whether every value that is there was understood.
    pub(super) whole: bool,
}

impl Outcome {
    fn by(good: Matcher, told: String, whole: bool) -> Outcome {
        Outcome { good: vec![good], told, whole }
    }

    /// Good is what is good by both.
    fn and(mut self, other: Outcome) -> Outcome {
        self.good.extend(other.good);
        Outcome { good: self.good, told: format!("{}; {}", self.told, other.told), whole: self.whole && other.whole }
    }
}

/// How a family tells good from bad by the labels that are there; the first that does. `None`: it does not.
pub(super) fn of(family: &Family, is_there: impl Fn(&str) -> bool) -> Option<Outcome> {
    let values = |label: &str| {
        let known = if is_there(label) { family.values(label) } else { BTreeSet::new() };
        // An empty value is an absent label, as meshes write it for the protocol that a request did not have.
        known.into_iter().filter(|value| !value.is_empty()).collect::<Vec<_>>()
    };
    let http = || HTTP.iter().find_map(|label| http_status(label, &values(label)));
    let grpc = |labels: &[&str]| labels.iter().find_map(|label| grpc_status(label, &values(label)));
    let class = || response_class(&values("envoy_response_code_class"));
    let words = || WORDS.iter().find_map(|label| word(label, &values(label)));
    // Only Micrometer's timers call what was thrown `exception`; nothing thrown is `none`.
    let thrown = || thrown(&values("exception"));
    // A failed call of gRPC has a code of HTTP as well, and it is 200.
    let codes = match (grpc(&GRPC), http()) {
        (Some(of_grpc), Some(of_http)) => Some(of_grpc.and(of_http)),
        (of_grpc, of_http) => of_grpc.or(of_http),
    };
    codes.or_else(|| grpc(&["code", "status"])).or_else(class).or_else(words).or_else(thrown)
}

/// Codes such as 404, or classes such as 4xx.
fn http_status(label: &str, values: &[&str]) -> Option<Outcome> {
    let shaped = |value: &&&str| {
        let value = value.to_ascii_lowercase();
        value.len() == 3
            && value.starts_with(|c: char| ('1'..='5').contains(&c))
            && value[1..].chars().all(|c| c.is_ascii_digit() || c == 'x')
    };
    let known: Vec<&&str> = values.iter().filter(shaped).collect();
    if known.is_empty() {
        return None;
    }
    let bad: Vec<&str> = known.iter().filter(|value| value.starts_with('5')).map(|value| **value).collect();
    let seen = if bad.is_empty() { "none seen so far".to_owned() } else { format!("seen: {}", listed(&bad)) };
    // What had no answer has a word in place of a code.
    let words = values.iter().filter(|v| BAD.contains(&v.to_ascii_lowercase().as_str())).map(|v| regex::escape(v));
    let pattern: Vec<String> = std::iter::once("5..".to_owned()).chain(words).collect();
    Some(Outcome::by(
        matcher(label, MatchOp::NotMatches, &pattern.join("|")),
        format!("label `{label}`; bad are server errors, 5xx ({seen})"),
        known.len() == values.len(),
    ))
}

/// Envoy's `envoy_response_code_class`: one digit.
fn response_class(values: &[&str]) -> Option<Outcome> {
    let digits = !values.is_empty() && values.iter().all(|v| ["1", "2", "3", "4", "5"].contains(v));
    let label = "envoy_response_code_class";
    digits
        .then(|| Outcome::by(matcher(label, MatchOp::NotEqual, "5"), format!("label `{label}`; bad is class 5"), true))
}

fn grpc_status(label: &str, values: &[&str]) -> Option<Outcome> {
    // `OK` or `0` may be anything; other names of gRPC are telling, whatever the label is called.
    let telling = ["Canceled", "NotFound", "InvalidArgument", "AlreadyExists", "PermissionDenied", "DeadlineExceeded"];
    let is_grpc = label.contains("rpc");
    let named =
        values.iter().any(|v| telling.contains(v)) || (is_grpc && values.iter().any(|v| v.parse::<u8>().is_err()));
    let is_number = |v: &&str| v.parse::<u8>().is_ok_and(|code| code <= 16);
    let numbered = values.iter().all(is_number);
    if values.is_empty() || !(named || (is_grpc && numbered)) {
        return None;
    }
    let mut bad: Vec<&str> = Vec::new();
    if !numbered {
        // `OK` has the same letters in both spellings, and libraries of two languages may write both.
        bad.extend(GRPC_BAD.iter().map(|(_, camel, _)| *camel));
        bad.extend(GRPC_BAD.iter().map(|(_, _, upper)| *upper));
    }
    if values.iter().any(is_number) {
        bad.extend(GRPC_BAD.iter().map(|(number, _, _)| *number));
    }
    let told = format!("label `{label}`; bad are the codes that blame the server");
    Some(Outcome::by(matcher(label, MatchOp::NotMatches, &bad.join("|")), told, true))
}

/// Words. Where every value is understood, only the good ones count as good, so that a new word is bad until somebody
/// says otherwise; where some are not, everything but the bad ones does.
fn word(label: &str, values: &[&str]) -> Option<Outcome> {
    let inverted = label == "error";
    let is = |value: &&&str, words: &[&str]| words.contains(&value.to_ascii_lowercase().as_str());
    let client = |value: &&&str| value.eq_ignore_ascii_case("CLIENT_ERROR");
    let (mut good, mut bad): (Vec<&str>, Vec<&str>) = (
        values.iter().filter(|v| is(v, &GOOD) || client(v)).copied().collect(),
        values.iter().filter(|v| is(v, &BAD)).copied().collect(),
    );
    if inverted {
        // `error="true"` is the bad one, and only these two are read: others are texts of errors.
        if values.is_empty() || !values.iter().all(|v| ["true", "false"].contains(&v.to_ascii_lowercase().as_str())) {
            return None;
        }
        std::mem::swap(&mut good, &mut bad);
    }
    let others = values.len() - good.len() - bad.len();
    // One good word alone may be anything; of these labels it may not. Beside it, a word that nobody understands may be
    // the bad one, and without a bad one everything would be good.
    let plain = ["outcome", "result", "success"].contains(&label) || inverted;
    if bad.is_empty() && (good.is_empty() || others > 0 || !plain) {
        return None;
    }
    let outcome = if others == 0 && !good.is_empty() {
        let told =
            if bad.is_empty() { "no bad value seen so far".to_owned() } else { format!("bad: {}", listed(&bad)) };
        Outcome::by(one_of(label, &good, true), format!("label `{label}`; {told}"), true)
    } else {
        let rest: Vec<&str> = values.iter().filter(|v| !bad.contains(v)).copied().collect();
        let told = format!("label `{label}`; bad: {}; counted as good: {}", listed(&bad), listed(&rest));
        Outcome::by(one_of(label, &bad, false), told, others == 0)
    };
    Some(outcome)
}

fn thrown(values: &[&str]) -> Option<Outcome> {
    let nothing: Vec<&str> = values.iter().filter(|v| v.eq_ignore_ascii_case("none")).copied().collect();
    (!nothing.is_empty()).then(|| {
        let told = "label `exception`; bad is whatever was thrown".to_owned();
        Outcome::by(one_of("exception", &nothing, true), told, true)
    })
}

/// One of the values, or none of them.
fn one_of(label: &str, values: &[&str], wanted: bool) -> Matcher {
    match (values, wanted) {
        ([one], true) => matcher(label, MatchOp::Equal, one),
        ([one], false) => matcher(label, MatchOp::NotEqual, one),
        (several, wanted) => {
            let quoted: Vec<String> = several.iter().map(|value| regex::escape(value)).collect();
            matcher(label, if wanted { MatchOp::Matches } else { MatchOp::NotMatches }, &quoted.join("|"))
        }
    }
}

/// The first few values.
fn listed(values: &[&str]) -> String {
    const SHOWN: usize = 6;
    let more = if values.len() > SHOWN { ", ..." } else { "" };
    let short = |value: &&str| value.chars().take(40).collect::<String>();
    format!("{}{more}", values.iter().take(SHOWN).map(short).collect::<Vec<_>>().join(", "))
}
