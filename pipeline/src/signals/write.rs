//! Proposals as a commented `signals.yaml`.
//!
//! Written by hand and not by an emitter, because the comments are half of it; a test reads every text back.

use super::proposal::Proposal;
use crate::documents::quantity::Span;
use crate::documents::signals::{DimensionSpec, FormKind, SignalSpec, TierSpec, WorseSpec};
use std::fmt::Write as _;

/// Widest line of a comment.
const WIDTH: usize = 100;

/// The document: `head` above it, the signals with their reasons, `tail` below.
pub fn document(head: &[String], proposals: &[Proposal], tail: &[String]) -> String {
    let mut out = String::new();
    head.iter().for_each(|line| comment(&mut out, "", line));
    out.push_str("apiVersion: mettle/v1\nkind: Signals\nsignals:");
    out.push_str(if proposals.is_empty() { " []\n" } else { "\n" });
    for (tier, title) in [
        (TierSpec::Gate, "Gate signals: each must be shown not worse than its margin before a tag passes."),
        (
            TierSpec::Watch,
            "Watched: they explain, and can only cause a fail. Without a margin the method's default holds.",
        ),
    ] {
        let of_tier: Vec<&Proposal> = proposals.iter().filter(|proposal| proposal.spec.tier == tier).collect();
        if of_tier.is_empty() {
            continue;
        }
        if tier == TierSpec::Watch && proposals.iter().any(Proposal::is_gate) {
            out.push('\n');
        }
        comment(&mut out, "  ", title);
        of_tier.into_iter().for_each(|proposal| signal(&mut out, proposal));
    }
    if !tail.is_empty() {
        out.push('\n');
    }
    tail.iter().for_each(|line| comment(&mut out, "", line));
    out
}

/// A text of strangers on one line: without what moves a cursor, breaks a line or turns the order of what is read.
pub fn harmless(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    text.chars().map(|c| if c.is_control() || turns(c) { ' ' } else { c }).collect()
}

/// A comment, folded. What it quotes came from strangers: it stays within its lines.
fn comment(out: &mut String, indent: &str, text: &str) {
    let mut line = String::new();
    for word in harmless(text).split(' ').filter(|word| !word.is_empty()) {
        if !line.is_empty() && indent.len() + 2 + line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(out, "{indent}# {line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(out, "{}", format!("{indent}# {line}").trim_end());
}

fn signal(out: &mut String, proposal: &Proposal) {
    let spec = &proposal.spec;
    out.push('\n');
    proposal.why.iter().for_each(|line| comment(out, "  ", line));
    let _ = writeln!(out, "  - name: {}", scalar(&spec.name));
    let mut key = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(out, "    {name}: {value}");
        }
    };
    let text = |value: &Option<String>| value.as_deref().map(scalar);
    key("kind", Some(kind(spec.kind).to_owned()));
    key("good", text(&spec.good));
    key("total", text(&spec.total));
    key("buckets", text(&spec.buckets));
    key("threshold", spec.threshold.map(span));
    key("series", text(&spec.series));
    key("per", text(&spec.per));
    let labels: Vec<String> = spec.group_by.iter().map(|label| scalar(label)).collect();
    key("groupBy", (!labels.is_empty()).then(|| format!("[{}]", labels.join(", "))));
    key("component", text(&spec.component));
    key("tier", Some(if spec.tier == TierSpec::Gate { "gate" } else { "watch" }.to_owned()));
    key("dimension", Some(dimension(spec.dimension).to_owned()));
    key("worse", spec.worse.map(|worse| direction(worse).to_owned()));
    key("margin", spec.margin.clone());
    key("rise", spec.rise.clone());
    key("objective", spec.objective.map(|value| value.to_string()));
    if let Some(example) = proposal.open_objective.filter(|_| spec.objective.is_none()) {
        let _ = writeln!(out, "    # objective: {example}   # open: write what you promise");
    }
    let _ = rest(out, spec);
}

/// What has a default that is worth no line.
fn rest(out: &mut String, spec: &SignalSpec) -> std::fmt::Result {
    if spec.broken_after != 10 { writeln!(out, "    brokenAfter: {}", spec.broken_after) } else { Ok(()) }
}

/// A text as a YAML scalar on one line: plain where nothing can be misread, quoted otherwise.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(plain);
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if word && !reserved.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    if text.chars().all(|c| c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric()) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    // Escapes of JSON are escapes of YAML; everything beyond ASCII is escaped, so that nothing folds a line.
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            _ => {
                let code = u32::from(c);
                let _ = if code > 0xffff { write!(out, "\\U{code:08x}") } else { write!(out, "\\u{code:04x}") };
            }
        }
    }
    out.push('"');
    out
}

/// A length of time, exact to the microsecond.
fn span(span: Span) -> String {
    let micros = span.0.as_micros();
    if micros.is_multiple_of(1000) { span.to_string() } else { format!("{}ms", micros as f64 / 1000.0) }
}

fn kind(kind: FormKind) -> &'static str {
    match kind {
        FormKind::Ratio => "ratio",
        FormKind::Latency => "latency",
        FormKind::Distribution => "distribution",
        FormKind::Gauge => "gauge",
        FormKind::Rate => "rate",
        FormKind::Count => "count",
        FormKind::Query => "query",
    }
}

fn dimension(dimension: DimensionSpec) -> &'static str {
    match dimension {
        DimensionSpec::Business => "business",
        DimensionSpec::Performance => "performance",
        DimensionSpec::Resilience => "resilience",
        DimensionSpec::Security => "security",
    }
}

fn direction(worse: WorseSpec) -> &'static str {
    match worse {
        WorseSpec::Up => "up",
        WorseSpec::Down => "down",
        WorseSpec::Either => "either",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::yaml;
    use std::time::Duration;

    #[test]
    fn every_text_is_read_as_it_was_written() {
        for text in [
            "a-b",
            "no",
            "it's {x=\"y\"}",
            "a: b # c",
            "line\nfeed\t\u{0}\u{85}\u{2028}",
            "日本",
            "🚀",
            "",
            "12",
            "- x",
        ] {
            let read = yaml::parse("t", &format!("key: {}\n", scalar(text))).unwrap();
            assert_eq!(read.value["key"], text, "{}", scalar(text));
        }
        assert_eq!(span(Span(Duration::from_micros(2500))), "2.5ms");
        assert_eq!(Span::parse("2.5ms"), Some(Span(Duration::from_micros(2500))));
    }

    #[test]
    fn a_comment_stays_one() {
        let mut out = String::new();
        comment(&mut out, "  ", &format!("a\nb: c \u{85}\u{2028} {}", "word ".repeat(60)));
        assert!(out.lines().all(|line| line.starts_with("  # ") && line.chars().count() <= WIDTH), "{out}");
        assert!(out.starts_with("  # a b: c word"), "{out}");
        for turning in ['\u{61c}', '\u{200f}', '\u{202e}', '\u{2066}', '\u{2069}', '\u{1b}', '\u{9b}'] {
            assert_eq!(harmless(&format!("a{turning}b")), "a b", "{turning:?}");
        }
        assert_eq!(harmless("日本 é שלום"), "日本 é שלום");
    }
}
