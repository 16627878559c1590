//! `${VAR}` of a Compose file.

use std::collections::BTreeSet;

/// What a substitution used and missed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unset {
    /// Variables without a value and without a default: written as nothing, as Compose does.
    pub(super) empty: BTreeSet<String>,
    /// Variables that had a value: it is now part of the documents.
    pub(super) taken: BTreeSet<String>,
    /// Variables that the file demands, with its message.
    pub(super) demanded: Vec<(String, String)>,
}

/// Replaces `$VAR`, `${VAR}`, `${VAR:-default}`, `${VAR-default}`, `${VAR:+text}`, `${VAR+text}`, `${VAR:?message}`
/// and `$$` in `text`; `value` looks a variable up.
pub(super) fn substitute(text: &str, value: &dyn Fn(&str) -> Option<String>, unset: &mut Unset) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(inside) = rest.strip_prefix('{').and_then(|open| Some(&open[..closing(open)?])) {
            out.push_str(&braced(inside, value, unset));
            rest = &rest[inside.len() + 2..];
        } else {
            let name = &rest[..name_length(rest)];
            match name {
                "" => out.push('$'),
                name => out.push_str(&plain(name, value, unset)),
            }
            rest = &rest[name.len()..];
        }
    }
    out + rest
}

/// Place of the brace that closes what is open before `text`; defaults may hold braces of their own.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

fn name_length(text: &str) -> usize {
    let legal = |(at, c): &(usize, char)| c.is_ascii_alphabetic() || *c == '_' || (*at > 0 && c.is_ascii_digit());
    text.char_indices().take_while(legal).count()
}

fn plain(name: &str, value: &dyn Fn(&str) -> Option<String>, unset: &mut Unset) -> String {
    let found = value(name).inspect(|_| {
        unset.taken.insert(name.to_owned());
    });
    found.unwrap_or_else(|| {
        unset.empty.insert(name.to_owned());
        String::new()
    })
}

fn braced(inside: &str, value: &dyn Fn(&str) -> Option<String>, unset: &mut Unset) -> String {
    let (name, operator) = inside.split_at(name_length(inside));
    let found = value(name).inspect(|_| {
        unset.taken.insert(name.to_owned());
    });
    let filled = found.clone().filter(|text| !text.is_empty());
    let mut again = |text: &str| substitute(text, value, unset);
    match operator.get(..2).unwrap_or_default() {
        ":-" => return filled.unwrap_or_else(|| again(&operator[2..])),
        ":+" => return filled.map(|_| again(&operator[2..])).unwrap_or_default(),
        ":?" => {
            return filled.unwrap_or_else(|| {
                unset.demanded.push((name.to_owned(), operator[2..].to_owned()));
                String::new()
            });
        }
        _ => {}
    }
    match operator.get(..1).unwrap_or_default() {
        "-" => found.unwrap_or_else(|| again(&operator[1..])),
        "+" => found.map(|_| again(&operator[1..])).unwrap_or_default(),
        "?" => found.unwrap_or_else(|| {
            unset.demanded.push((name.to_owned(), operator[1..].to_owned()));
            String::new()
        }),
        _ => plain(name, value, unset),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> (String, Unset) {
        let mut unset = Unset::default();
        let value = |name: &str| match name {
            "SET" => Some("x".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        (substitute(text, &value, &mut unset), unset)
    }

    #[test]
    fn substitutes_as_compose_does() {
        for (text, wanted) in [
            ("$SET/${SET}", "x/x"),
            ("${NONE:-a}${NONE-b}${EMPTY:-c}${EMPTY-d}", "abc"),
            ("${NONE:-${SET:-y}}z", "xz"),
            ("${SET:+s}${NONE:+n}${EMPTY+e}", "se"),
            ("$$HOME and 5 $ and $1", "$HOME and 5 $ and $1"),
            ("${SET", "${SET"),
        ] {
            assert_eq!(filled(text).0, wanted, "{text}");
        }
    }

    #[test]
    fn what_is_not_set_is_told() {
        let (text, unset) = filled("a${NONE}b${MUST:?say where}");
        assert_eq!(text, "ab");
        assert_eq!(unset.empty.into_iter().collect::<Vec<_>>(), ["NONE"]);
        assert_eq!(unset.demanded, [("MUST".to_owned(), "say where".to_owned())]);
    }
}
