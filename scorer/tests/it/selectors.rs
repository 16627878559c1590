//! Selectors and margins as people write them.

use proptest::prelude::*;
use scorer::margin::MarginError;
use scorer::selector::SelectorError;
use scorer::signal::{Labels, Margin, MatchOp, Matcher, Selector};

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

#[test]
fn a_selector_matches_name_and_every_condition() {
    let selector = Selector::parse(r#"http_requests_total{job="checkout", code!~"5.."}"#).unwrap().compile().unwrap();
    assert!(selector.matches("http_requests_total", &labels(&[("job", "checkout"), ("code", "200")])));
    assert!(!selector.matches("http_requests_total", &labels(&[("job", "checkout"), ("code", "503")])));
    assert!(selector.matches("http_requests_total", &labels(&[("job", "checkout"), ("code", "5030")])), "anchored");
    assert!(selector.matches("http_requests_total", &labels(&[("job", "checkout")])), "absent label is empty");
    assert!(!selector.matches("other", &labels(&[("job", "checkout")])));
}

#[test]
fn alternatives_are_anchored_as_a_whole() {
    let selector = Selector::parse(r#"{a=~"x|y"}"#).unwrap().compile().unwrap();
    assert!(selector.matches("m", &labels(&[("a", "y")])));
    assert!(!selector.matches("m", &labels(&[("a", "xz")])));
    assert!(!selector.matches("m", &labels(&[("a", "zy")])));
}

#[test]
fn errors_say_where() {
    let at = |text: &str| match Selector::parse(text).unwrap_err() {
        SelectorError::Syntax { at, .. } | SelectorError::Pattern { at, .. } => at,
        other => panic!("{other}"),
    };
    assert_eq!(at("up{job}"), 6);
    assert_eq!(at(r#"up{job="a" code="b"}"#), 11);
    assert_eq!(at(r#"up{job=~"("}"#), 8);
    assert_eq!(at(r#"up{job=~"a)(b"}"#), 8);
    assert_eq!(at(r#"up{job="a"#), 9);
    assert_eq!(at(r#"up{job="a"} x"#), 12);
    assert_eq!(at(r#"up{job="\d"}"#), 9);
    assert_eq!(Selector::parse("{}").unwrap_err(), SelectorError::Empty);
    assert_eq!(Selector::parse(" ").unwrap_err(), SelectorError::Empty);
    assert!(matches!(Selector::parse(&"a".repeat(5000)), Err(SelectorError::TooLong { .. })));
}

#[test]
fn margins_have_units() {
    for (text, want) in [
        ("1pp", Margin::Absolute(0.01)),
        ("0.25pp", Margin::Absolute(0.0025)),
        ("10%", Margin::Relative(0.1)),
        ("4MB", Margin::Absolute(4e6)),
        ("1 KiB", Margin::Absolute(1024.0)),
        ("250ms", Margin::Absolute(0.25)),
        ("3", Margin::Absolute(3.0)),
        ("2e3", Margin::Absolute(2000.0)),
    ] {
        assert_eq!(Margin::parse(text).unwrap(), want, "{text}");
    }
    assert!(matches!(Margin::parse("4mb"), Err(MarginError::Unit { .. })));
    assert!(matches!(Margin::parse("-1pp"), Err(MarginError::Range { .. })));
    assert!(matches!(Margin::parse("much"), Err(MarginError::Number { .. })));
    assert!(matches!(Margin::parse("NaN"), Err(MarginError::Number { .. })));
    assert_eq!(Margin::parse(""), Err(MarginError::Empty));
}

fn matcher() -> impl Strategy<Value = Matcher> {
    let op =
        prop_oneof![Just(MatchOp::Equal), Just(MatchOp::NotEqual), Just(MatchOp::Matches), Just(MatchOp::NotMatches)];
    ("[a-zA-Z_][a-zA-Z0-9_]{0,8}", op, any::<String>()).prop_map(|(label, op, value)| {
        let pattern = matches!(op, MatchOp::Matches | MatchOp::NotMatches);
        let value = if pattern { regex_of(&value) } else { value };
        Matcher { label, op, value }
    })
}

fn regex_of(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_alphanumeric() { c.to_string() } else { format!("[\\x{{{:x}}}\"]", c as u32) })
        .collect()
}

proptest! {
    #[test]
    fn selectors_round_trip(name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,12}", matchers in prop::collection::vec(matcher(), 0..4)) {
        let selector = Selector { name, matchers };
        prop_assert_eq!(Selector::parse(&selector.to_string()).unwrap(), selector);
    }

    #[test]
    fn reading_a_selector_never_panics(text in any::<String>()) {
        let _ = Selector::parse(&text);
        let _ = Margin::parse(&text);
    }

    #[test]
    fn margins_round_trip(value in 0.0..1e12_f64) {
        let margin = Margin::Absolute(value);
        prop_assert_eq!(Margin::parse(&margin.to_string()).unwrap(), margin);
    }
}
