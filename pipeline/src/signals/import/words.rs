//! What names and conditions say of the events that they count: whether these went well.

use scorer::signal::{MatchOp, Matcher};

/// What a quotient of events counts above its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counts {
    /// What went well.
    Good,
    /// What did not.
    Bad,
    /// The document does not say.
    Unsaid,
}

impl Counts {
    pub(super) fn opposite(self) -> Counts {
        match self {
            Counts::Good => Counts::Bad,
            Counts::Bad => Counts::Good,
            Counts::Unsaid => Counts::Unsaid,
        }
    }
}

/// Words that say that what is counted failed, or went well.
const BAD: [&str; 9] = ["error", "errors", "fail", "fails", "failed", "failure", "failures", "bad", "unavailability"];
const GOOD: [&str; 7] = ["success", "successes", "successful", "succeeded", "availability", "good", "ok"];

/// Words that turn others round, or make something else of them: `non_error`, `error_free`, `error_budget`.
const TURNED: [&str; 10] =
    ["no", "non", "not", "without", "except", "excluding", "free", "budget", "budgets", "remaining"];

/// Labels with status codes of HTTP; elsewhere a five is a number like any other.
const STATUS: [&str; 13] = [
    "code",
    "status",
    "status_code",
    "statuscode",
    "status_class",
    "http_code",
    "http_status",
    "http_status_code",
    "http_response_status_code",
    "response_code",
    "response_status",
    "response_status_code",
    "envoy_response_code_class",
];

/// What the words of a name or a value say that it counts: whole words, since `noerror` and `unsuccessful` have others
/// within them.
pub(super) fn by_words(text: &str) -> Counts {
    let text = text.to_ascii_lowercase();
    let says = |known: &[&str]| text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| known.contains(&word));
    match (says(&BAD), says(&GOOD)) {
        _ if says(&TURNED) => Counts::Unsaid,
        (true, false) => Counts::Bad,
        (false, true) => Counts::Good,
        _ => Counts::Unsaid,
    }
}

/// What a condition says that makes a part of a whole.
pub(super) fn by_condition(extra: &Matcher) -> Counts {
    let status = STATUS.contains(&extra.label.to_ascii_lowercase().as_str());
    let bad = by_words(&extra.value) == Counts::Bad || (status && is_of_server_errors(&extra.value));
    match (bad, extra.op) {
        (true, MatchOp::Equal | MatchOp::Matches) => Counts::Bad,
        (true, MatchOp::NotEqual | MatchOp::NotMatches) => Counts::Good,
        (false, _) => Counts::Unsaid,
    }
}

/// Whether every alternative of a pattern is an error of clients or servers, and one of them of servers.
fn is_of_server_errors(pattern: &str) -> bool {
    let of = |one: &str, firsts: &[&str]| firsts.iter().any(|first| one.starts_with(first));
    let alternatives: Vec<&str> =
        pattern.split('|').map(|one| one.trim_matches(['(', ')', '^', '$', '?', ':'])).collect();
    alternatives.iter().any(|one| of(one, &["5", "[5", "[45", "[4-5"]))
        && alternatives.iter().all(|one| of(one, &["4", "5", "[4", "[5"]) || by_words(one) == Counts::Bad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use scorer::signal::Selector;

    #[test]
    fn only_whole_words_say_what_is_counted() {
        for (name, counts) in [
            ("job:errors:ratio", Counts::Bad),
            ("job:request_failures:ratio_rate5m", Counts::Bad),
            ("slo:sli_error:ratio_rate5m", Counts::Bad),
            ("job:availability", Counts::Good),
            ("job:non_errors:ratio", Counts::Unsaid),
            ("job:error_free:ratio", Counts::Unsaid),
            ("job:error_budget:ratio", Counts::Unsaid),
            ("job:not_successful:ratio", Counts::Unsaid),
            ("job:failover:ratio", Counts::Unsaid),
            ("job:badges:ratio", Counts::Unsaid),
            ("job:unsuccessful:ratio", Counts::Unsaid),
            ("job:goodput:ratio", Counts::Unsaid),
            ("job:good_and_bad:ratio", Counts::Unsaid),
        ] {
            assert_eq!(by_words(name), counts, "{name}");
        }
    }

    #[test]
    fn only_status_codes_and_words_say_what_is_bad() {
        for (condition, counts) in [
            ("code=~\"5..\"", Counts::Bad),
            ("code=\"500\"", Counts::Bad),
            ("statusCode=\"503\"", Counts::Bad),
            ("code!~\"5..\"", Counts::Good),
            ("code=~\"(?:5..|429)\"", Counts::Bad),
            ("code=~\"[45]..|error\"", Counts::Bad),
            ("code=~\"2..|5..\"", Counts::Unsaid),
            ("code=~\"4..\"", Counts::Unsaid),
            ("shard=~\"5..\"", Counts::Unsaid),
            ("port=\"5432\"", Counts::Unsaid),
            ("grpc_code=\"5\"", Counts::Unsaid),
            ("result=\"error\"", Counts::Bad),
            ("result!=\"error\"", Counts::Good),
            ("result=\"server_error\"", Counts::Bad),
            ("rcode=\"NOERROR\"", Counts::Unsaid),
            ("result=\"no_error\"", Counts::Unsaid),
            ("result=~\"ok|error\"", Counts::Unsaid),
            ("result=\"failover\"", Counts::Unsaid),
        ] {
            let selector = Selector::parse(&format!("{{{condition}}}")).unwrap();
            assert_eq!(by_condition(&selector.matchers[0]), counts, "{condition}");
        }
    }
}
