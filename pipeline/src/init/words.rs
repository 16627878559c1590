//! Splits a command as a shell does, without running one.

/// Words of `text`: blanks separate, quotes keep together, a backslash takes the next character as it is.
///
/// # Errors
/// A quote that is not closed; the sentence names it.
pub fn split(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => {
                let kept = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(c) => kept.push(c),
                        None => return Err("a ' is not closed".into()),
                    }
                }
            }
            '"' => {
                let kept = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => kept.extend(escaped(chars.next())),
                        Some(c) => kept.push(c),
                        None => return Err("a \" is not closed".into()),
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(chars.next()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Within double quotes a backslash stays unless it stands before a quote, a dollar or itself.
fn escaped(next: Option<char>) -> Vec<char> {
    match next {
        Some(c @ ('"' | '\\' | '$' | '`')) => vec![c],
        Some(c) => vec!['\\', c],
        None => vec!['\\'],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_as_a_shell_does() {
        let words = |text: &str| split(text).unwrap();
        assert_eq!(
            words("python3 -m http.server {port} --bind 127.0.0.1"),
            ["python3", "-m", "http.server", "{port}", "--bind", "127.0.0.1"]
        );
        assert_eq!(
            words(r#"sh -c 'a, b; c' "d \"e\" \n" f\ g '' "#),
            ["sh", "-c", "a, b; c", r#"d "e" \n"#, "f g", ""]
        );
        assert_eq!(words("  "), Vec::<String>::new());
        assert_eq!(split("echo 'x"), Err("a ' is not closed".into()));
        assert_eq!(split("echo \"x"), Err("a \" is not closed".into()));
    }
}
