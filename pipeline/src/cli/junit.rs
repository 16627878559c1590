//! JUnit XML, as CI servers read it.

use std::fmt::Write as _;

/// One test case.
pub(super) struct Case {
    /// Name.
    pub(super) name: String,
    /// Type and text of its failure.
    pub(super) failure: Option<(String, String)>,
}

/// A document of one suite.
pub(super) fn suite(name: &str, cases: &[Case]) -> String {
    let failures = cases.iter().filter(|c| c.failure.is_some()).count();
    let name = escaped(name);
    let counts = format!("tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\"", cases.len());
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  <testsuite name=\"{name}\" {counts}>\n"
    );
    for case in cases {
        let _ = write!(out, "    <testcase classname=\"{name}\" name=\"{}\"", escaped(&case.name));
        match &case.failure {
            None => out.push_str("/>\n"),
            Some((kind, text)) => {
                let message = escaped(text.lines().next().unwrap_or(kind));
                let _ = writeln!(
                    out,
                    ">\n      <failure type=\"{}\" message=\"{message}\">{}</failure>\n    </testcase>",
                    escaped(kind),
                    escaped(text)
                );
            }
        }
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

/// Text as XML carries it; characters that XML forbids become a question mark.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_are_escaped() {
        let case = |name: &str, failure: Option<(&str, &str)>| Case {
            name: name.to_owned(),
            failure: failure.map(|(kind, text)| (kind.to_owned(), text.to_owned())),
        };
        let text =
            suite("mettle judge", &[case("a{b=\"c\"}", None), case("d<e", Some(("fail", "5 > 4\nand \u{7} more")))]);
        assert!(text.contains("tests=\"2\" failures=\"1\""), "{text}");
        assert!(text.contains("name=\"a{b=&quot;c&quot;}\"/>"), "{text}");
        assert!(text.contains("message=\"5 &gt; 4\">5 &gt; 4\nand ? more</failure>"), "{text}");
    }
}
