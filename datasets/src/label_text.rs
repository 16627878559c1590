//! Labels of a series as one text, and back: `{code="200",job="checkout"}`, by name.
//!
//! A name that is no plain identifier is quoted like a value. In quotes `\` stands before `\` and `"`, and a line
//! feed is `\n`. A set of labels has one text.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

/// The text.
pub(crate) fn render(labels: &BTreeMap<String, String>) -> String {
    let mut text = String::from("{");
    for (name, value) in labels {
        if text.len() > 1 {
            text.push(',');
        }
        if is_plain(name) {
            text.push_str(name);
        } else {
            quote(&mut text, name);
        }
        text.push('=');
        quote(&mut text, value);
    }
    text.push('}');
    text
}

/// The labels of a text that [`render`] made; `None` for any other.
pub(crate) fn parse(text: &str) -> Option<BTreeMap<String, String>> {
    let mut rest = text.chars().peekable();
    let mut labels = BTreeMap::new();
    if rest.next()? != '{' {
        return None;
    }
    while rest.peek()? != &'}' {
        if !labels.is_empty() && rest.next()? != ',' {
            return None;
        }
        let name = if rest.peek()? == &'"' { quoted(&mut rest)? } else { plain(&mut rest)? };
        if rest.next()? != '=' {
            return None;
        }
        labels.insert(name, quoted(&mut rest)?);
    }
    // One spelling: what would be written otherwise was not written by this program.
    (render(&labels) == text).then_some(labels)
}

fn is_plain(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit())
}

fn quote(text: &mut String, value: &str) {
    text.push('"');
    for c in value.chars() {
        let written = match c {
            '\\' | '"' => write!(text, "\\{c}"),
            '\n' => write!(text, "\\n"),
            c => write!(text, "{c}"),
        };
        written.expect("a String takes every text");
    }
    text.push('"');
}

fn plain(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let name: String = std::iter::from_fn(|| rest.next_if(|c| *c != '=')).collect();
    is_plain(&name).then_some(name)
}

fn quoted(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    if rest.next()? != '"' {
        return None;
    }
    let mut value = String::new();
    loop {
        match rest.next()? {
            '"' => return Some(value),
            '\\' => value.push(match rest.next()? {
                'n' => '\n',
                c @ ('\\' | '"') => c,
                _ => return None,
            }),
            c => value.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_set_of_labels_has_one_text() {
        let cases = [
            (labels(&[]), "{}"),
            (labels(&[("job", "checkout"), ("code", "200")]), r#"{code="200",job="checkout"}"#),
            (labels(&[("le", "+Inf"), ("my.name", "a\"b\\c\nd")]), r#"{le="+Inf","my.name"="a\"b\\c\nd"}"#),
            (labels(&[("", ""), ("ünï", "日本")]), r#"{""="","ünï"="日本"}"#),
        ];
        for (labels, text) in cases {
            assert_eq!(render(&labels), text);
            assert_eq!(parse(text), Some(labels), "{text}");
        }
        for wrong in ["", "{", r#"{b="1",a="2"}"#, r#"{"a"="1"}"#, r#"{a="1",}"#, r#"{a="1"}x"#, r#"{a="\t"}"#, "{a=1}"]
        {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_labels_come_back(labels in prop::collection::btree_map(".{0,5}", ".{0,8}", 0..5)) {
            prop_assert_eq!(parse(&render(&labels)), Some(labels));
        }

        #[test]
        fn any_text_is_taken_apart_or_refused(text in "[{}\"=,\\\\a-c]{0,12}") {
            if let Some(labels) = parse(&text) {
                prop_assert_eq!(render(&labels), text);
            }
        }
    }
}
