//! Text as a YAML scalar.

/// `text` so that YAML reads the same text back: plain where that is safe, else in double quotes.
pub(super) fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "/_.-".contains(c))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_lowercase().as_str());
    // JSON strings are double-quoted YAML scalars.
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// `[a, "b c"]`.
pub(super) fn list<'a>(items: impl IntoIterator<Item = &'a String>) -> String {
    format!("[{}]", items.into_iter().map(|item| scalar(item)).collect::<Vec<_>>().join(", "))
}

/// `{a: b, "c d": e}`.
pub(super) fn map<'a>(items: impl IntoIterator<Item = (&'a String, &'a String)>) -> String {
    let pair = |(key, value): (&String, &String)| format!("{}: {}", scalar(key), scalar(value));
    format!("{{{}}}", items.into_iter().map(pair).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::yaml;
    use proptest::prelude::*;

    #[test]
    fn plain_where_it_is_safe() {
        assert_eq!(scalar("http.server"), "http.server");
        for quoted in ["{port}", "127.0.0.1", "1.0", "yes", "", "a: b", "- x", "#x", "1e3", "é"] {
            assert_eq!(scalar(quoted), format!("\"{quoted}\""), "{quoted}");
        }
    }

    proptest! {
        #[test]
        fn yaml_reads_the_same_text_back(text in "\\PC{0,20}", key in "\\PC{1,10}") {
            let written = format!("x: {}\ny: {}\n", list([&text]), map([(&key, &text)]));
            let read = yaml::parse("t", &written).unwrap().value;
            prop_assert_eq!(&read["x"][0], &serde_json::Value::from(text.as_str()));
            prop_assert_eq!(&read["y"][&key], &serde_json::Value::from(text.as_str()));
        }
    }
}
