//! Queries that choose soaks: `tag >= v1.2.0 and verdict = pass and checkout-memory <= 200MB`. Pure.

use crate::documents::quantity::Span;
use regex::Regex;
use scorer::Verdict;
use scorer::quantity::Unit;
use scorer::signal::Margin;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Longest query that is read, bytes.
const MAX_BYTES: usize = 4096;

/// Conditions that all must hold.
#[derive(Clone, Debug)]
pub struct Query {
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug)]
enum Condition {
    /// Order of versions.
    Tag(Order, usize),
    /// Anchored at both ends.
    TagMatches(Regex),
    Verdict {
        is: bool,
        verdict: Verdict,
    },
    Score(Order, f64),
    Age(Order, Duration),
    /// Level of a metric, in its own unit.
    Level(String, Order, f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Less,
    AtMost,
    Equal,
    Other,
    AtLeast,
    More,
}

impl Order {
    fn named(text: &str) -> Option<Self> {
        Some(match text {
            "<" => Order::Less,
            "<=" => Order::AtMost,
            "=" => Order::Equal,
            "!=" => Order::Other,
            ">=" => Order::AtLeast,
            ">" => Order::More,
            _ => return None,
        })
    }

    fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Order::Less => left < right,
            Order::AtMost => left <= right,
            Order::Equal => left == right,
            Order::Other => left != right,
            Order::AtLeast => left >= right,
            Order::More => left > right,
        }
    }
}

/// What is known of a soak.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Its tag.
    pub tag: &'a str,
    /// Place of the tag among all versions.
    pub place: usize,
    /// Verdict of its judgement, if it was judged.
    pub verdict: Option<Verdict>,
    /// Score, if there is one.
    pub score: Option<f64>,
    /// Time since it ended; none where a clock says that it is yet to end.
    pub age: Option<Duration>,
    /// Levels of its metrics, where they were read.
    pub levels: Option<&'a BTreeMap<String, f64>>,
}

impl Query {
    /// Reads a query. `tags` are all versions, oldest first; `unit` is that of the levels of a signal or of one of its
    /// groups, and none where no signal has this name.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, tags: &[&str], unit: impl Fn(&str) -> Option<Unit>) -> Result<Query, Vec<String>> {
        if text.len() > MAX_BYTES {
            return Err(vec![format!("it is longer than {MAX_BYTES} bytes")]);
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        let (mut conditions, mut wrong) = (Vec::new(), Vec::new());
        for part in words.split(|word| *word == "and") {
            match condition(part, tags, &unit) {
                Ok(condition) => conditions.push(condition),
                Err(problem) => wrong.push(problem),
            }
        }
        if wrong.is_empty() { Ok(Query { conditions }) } else { Err(wrong) }
    }

    /// Metrics whose levels it asks for.
    pub fn metrics(&self) -> BTreeSet<&str> {
        let levels = self.conditions.iter().filter_map(|condition| match condition {
            Condition::Level(metric, ..) => Some(metric.as_str()),
            _ => None,
        });
        levels.collect()
    }

    /// Whether it chooses a soak. What is not known of a soak fulfils no condition; without `levels`, whose reading takes
    /// long, they are not asked for.
    pub fn chooses(&self, soak: &Facts<'_>) -> bool {
        self.conditions.iter().all(|condition| match condition {
            Condition::Tag(order, place) => order.holds(soak.place, *place),
            Condition::TagMatches(pattern) => pattern.is_match(soak.tag),
            Condition::Verdict { is, verdict } => soak.verdict.is_some_and(|own| (own == *verdict) == *is),
            Condition::Score(order, score) => soak.score.is_some_and(|own| order.holds(own, *score)),
            Condition::Age(order, age) => soak.age.is_some_and(|own| order.holds(own, *age)),
            Condition::Level(metric, order, level) => {
                soak.levels.is_none_or(|levels| levels.get(metric).is_some_and(|own| order.holds(*own, *level)))
            }
        })
    }
}

fn condition(words: &[&str], tags: &[&str], unit: &impl Fn(&str) -> Option<Unit>) -> Result<Condition, String> {
    let text = words.join(" ");
    let [field, operator, value] = words else {
        return Err(format!("`{text}` is no condition; write `FIELD OPERATOR VALUE`, with spaces, joined by `and`"));
    };
    if (*field, *operator) == ("tag", "~") {
        let why = |error: regex::Error| error.to_string().lines().last().unwrap_or_default().trim().to_owned();
        // Alone first: brackets that do not fit together could leave those that hold it at both ends.
        return Regex::new(value)
            .and_then(|_| Regex::new(&format!("^(?:{value})$")))
            .map(Condition::TagMatches)
            .map_err(|error| format!("`{text}`: `{value}` is no regular expression: {}", why(error)));
    }
    let Some(order) = Order::named(operator) else {
        return Err(format!("`{text}`: `{operator}` is none of `<`, `<=`, `=`, `!=`, `>=`, `>`, and of tags `~`"));
    };
    match *field {
        "tag" => {
            let place = tags.iter().position(|tag| tag == value);
            let unknown = || format!("`{text}`: there is no tag `{value}`; known: {}", tags.join(", "));
            Ok(Condition::Tag(order, place.ok_or_else(unknown)?))
        }
        "verdict" => verdict(order, value).ok_or_else(|| {
            format!("`{text}` is no condition of a verdict; write `verdict = pass`, `fail` or `insufficient`, or `!=`")
        }),
        "score" => match value.parse::<f64>() {
            Ok(score) if (0.0..=100.0).contains(&score) => Ok(Condition::Score(order, score)),
            _ => Err(format!("`{text}`: `{value}` is no number from 0 to 100")),
        },
        "age" => {
            let age = Span::parse(value);
            let age = age.ok_or_else(|| format!("`{text}`: `{value}` is no length of time; write `14d` or `12h`"))?;
            Ok(Condition::Age(order, age.0))
        }
        metric => match unit(metric) {
            Some(unit) => Ok(Condition::Level(
                metric.into(),
                order,
                level(value, unit).ok_or_else(|| {
                    let example = units(unit).first().map_or("12".to_owned(), |unit| format!("12{unit}"));
                    format!("`{text}`: `{value}` is no level of this signal; write `{example}` or a number")
                })?,
            )),
            None => Err(format!("`{text}`: `{metric}` is neither `tag`, `verdict`, `score` or `age` nor a signal")),
        },
    }
}

/// Units in which a level may be written.
fn units(unit: Unit) -> &'static [&'static str] {
    match unit {
        Unit::Share => &["%", "pp"],
        Unit::Bytes | Unit::BytesPerSecond => &["MB", "kB", "GB", "B", "KiB", "MiB", "GiB"],
        Unit::Seconds => &["ms", "us", "s", "m", "h"],
        Unit::PerSecond | Unit::PerSample | Unit::Plain => &[],
    }
}

fn level(value: &str, unit: Unit) -> Option<f64> {
    if let Ok(plain) = value.parse::<f64>() {
        return plain.is_finite().then_some(plain);
    }
    let written = value.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    if !units(unit).contains(&written) {
        return None;
    }
    let (Margin::Absolute(level) | Margin::Relative(level)) = Margin::parse(value).ok()?;
    Some(level)
}

fn verdict(order: Order, value: &str) -> Option<Condition> {
    let verdict = match value {
        "pass" => Verdict::Pass,
        "fail" => Verdict::Fail,
        "insufficient" => Verdict::Insufficient,
        _ => return None,
    };
    let is = match order {
        Order::Equal => true,
        Order::Other => false,
        _ => return None,
    };
    Some(Condition::Verdict { is, verdict })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAGS: [&str; 4] = ["v1.0.0", "v1.1.0", "v1.10.0", "v2.0.0"];

    fn query(text: &str) -> Result<Query, Vec<String>> {
        Query::parse(text, &TAGS, |name| {
            let memory = ["memory", "memory{job=checkout}"].contains(&name).then_some(Unit::Bytes);
            memory.or_else(|| (name == "errors").then_some(Unit::Share))
        })
    }

    /// Tags of the four soaks, one of each, that a query chooses.
    fn chosen(text: &str) -> Vec<&'static str> {
        let query = query(text).unwrap();
        let chosen = |place: &usize| {
            let memory = ("memory".to_owned(), 1e8 * (*place as f64 + 1.0));
            // The last was not judged, and nobody knows its memory.
            let (judged, levels) = (*place < 3, BTreeMap::from_iter((*place < 3).then_some(memory)));
            query.chooses(&Facts {
                tag: TAGS[*place],
                place: *place,
                verdict: judged.then_some(if *place == 1 { Verdict::Fail } else { Verdict::Pass }),
                score: judged.then_some(80.0 + 10.0 * *place as f64),
                age: Some(Duration::from_secs(86_400 * (10 - *place as u64))),
                levels: Some(&levels),
            })
        };
        (0..4).filter(chosen).map(|place| TAGS[place]).collect()
    }

    #[test]
    fn every_condition_must_hold() {
        let all = TAGS.to_vec();
        for (text, tags) in [
            ("tag >= v1.1.0", &all[1..]),
            // By version, and not by letter.
            ("tag > v1.1.0 and tag < v2.0.0", &["v1.10.0"]),
            ("tag != v1.0.0 and tag ~ v1.*", &["v1.1.0", "v1.10.0"]),
            ("tag ~ 1", &[]),
            ("verdict = pass", &["v1.0.0", "v1.10.0"]),
            ("verdict != pass", &["v1.1.0"]),
            ("score >= 90", &["v1.1.0", "v1.10.0"]),
            ("age <= 8d", &["v1.10.0", "v2.0.0"]),
            ("memory <= 200MB", &["v1.0.0", "v1.1.0"]),
            ("memory > 100MB and verdict = pass", &["v1.10.0"]),
            ("memory{job=checkout} <= 200MB", &[]),
        ] {
            assert_eq!(chosen(text), tags, "{text}");
        }
        assert_eq!(query("memory < 1 and score > 1").unwrap().metrics(), BTreeSet::from(["memory"]));
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let wrong = "tag>=v1.0.0 and tag = v9 and verdict < pass and score = high and age < 10 and cpu < 1 and memory < x \
                     and memory < 20% and errors < 1s and tag ~ ( and tag ~ v1)|(v2 and tag == v1.0.0 and";
        let problems = query(wrong).unwrap_err();
        let words = [
            "with spaces",
            "known: v1.0.0, v1.1.0, v1.10.0, v2.0.0",
            "no condition of a verdict",
            "no number",
            "write `14d`",
            "nor a signal",
            "no level",
            "write `12MB` or a number",
            "write `12%` or a number",
            "no regular expression",
            "no regular expression",
            "`==` is none of",
            "`` is no condition",
        ];
        assert_eq!(problems.len(), words.len(), "{problems:#?}");
        for (problem, word) in problems.iter().zip(words) {
            assert!(problem.contains(word), "{problem}");
        }
        assert!(query("score > 500").is_err() && query(&"a".repeat(MAX_BYTES + 1)).is_err());
        // Without levels the other conditions decide.
        let unread = Facts { tag: TAGS[0], place: 0, verdict: None, score: None, age: None, levels: None };
        assert!(query("errors < 1% and tag = v1.0.0").unwrap().chooses(&unread));
        assert!(!query("errors < 1% and tag > v1.0.0").unwrap().chooses(&unread));
    }
}
