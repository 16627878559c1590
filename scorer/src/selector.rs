//! Label selectors as people write them: `http_requests_total{job="checkout",code!~"5.."}`.
//!
//! Parsing checks everything that can be wrong, patterns included, so that a [`Selector`] that was parsed always
//! compiles. Displaying a selector gives text that parses to the same selector.

use crate::signal::{Labels, MatchOp, Matcher, Selector};
use regex::Regex;
use std::fmt;

/// Longest selector that is accepted, in bytes: far above any that a person writes, far below what could hurt.
pub const MAX_SELECTOR_BYTES: usize = 4096;

/// Why a selector cannot be read. `at` is the byte position in the text, from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// Something else was expected at a position.
    #[error("at position {at}: expected {wanted}, found {found}")]
    Syntax {
        /// Byte position.
        at: usize,
        /// What would be right.
        wanted: &'static str,
        /// What is there.
        found: String,
    },
    /// A pattern is not a regular expression.
    #[error("at position {at}: `{pattern}` is not a regular expression: {reason}")]
    Pattern {
        /// Byte position of the pattern; 0 when the selector was not parsed from text.
        at: usize,
        /// The pattern.
        pattern: String,
        /// What the engine says, one line.
        reason: String,
    },
    /// Neither a name nor a condition: this would select every series.
    #[error("a selector needs a metric name or at least one label condition, for instance `up{{job=\"checkout\"}}`")]
    Empty,
    /// Longer than [`MAX_SELECTOR_BYTES`].
    #[error("{bytes} bytes are too long for a selector, at most {MAX_SELECTOR_BYTES} are read")]
    TooLong {
        /// Length of the text.
        bytes: usize,
    },
}

/// A selector with its patterns compiled.
#[derive(Clone, Debug)]
pub struct CompiledSelector {
    name: String,
    tests: Vec<(String, Test)>,
}

#[derive(Clone, Debug)]
enum Test {
    Equal(String),
    NotEqual(String),
    Matches(Regex),
    NotMatches(Regex),
}

impl CompiledSelector {
    /// Whether a series with this name and these labels is selected. An absent label has the empty value.
    pub fn matches(&self, name: &str, labels: &Labels) -> bool {
        (self.name.is_empty() || self.name == name)
            && self.tests.iter().all(|(label, test)| {
                let value = if label == "__name__" { name } else { labels.get(label).map_or("", String::as_str) };
                match test {
                    Test::Equal(wanted) => value == wanted,
                    Test::NotEqual(wanted) => value != wanted,
                    Test::Matches(pattern) => pattern.is_match(value),
                    Test::NotMatches(pattern) => !pattern.is_match(value),
                }
            })
    }
}

impl Selector {
    /// Reads a selector. The name may be left out when there is a condition: `{namespace="shop"}`.
    pub fn parse(text: &str) -> Result<Selector, SelectorError> {
        if text.len() > MAX_SELECTOR_BYTES {
            return Err(SelectorError::TooLong { bytes: text.len() });
        }
        let mut parser = Parser { text, at: 0 };
        parser.blanks();
        let name =
            parser.take(|c, first| c == '_' || c == ':' || c.is_ascii_alphabetic() || (!first && c.is_ascii_digit()));
        let name = name.to_owned();
        parser.blanks();
        let matchers = if parser.peek() == Some('{') { parser.matchers()? } else { Vec::new() };
        parser.blanks();
        if parser.peek().is_some() {
            let wanted = if name.is_empty() && matchers.is_empty() {
                "a metric name or `{`"
            } else if matchers.is_empty() {
                "`{` or the end"
            } else {
                "the end"
            };
            return Err(parser.unexpected(wanted));
        }
        if name.is_empty() && matchers.is_empty() {
            return Err(SelectorError::Empty);
        }
        Ok(Selector { name, matchers })
    }

    /// Compiles the patterns. Fails only for a selector that was built without [`Selector::parse`].
    pub fn compile(&self) -> Result<CompiledSelector, SelectorError> {
        if self.name.is_empty() && self.matchers.is_empty() {
            return Err(SelectorError::Empty);
        }
        let test = |m: &Matcher| {
            Ok(match m.op {
                MatchOp::Equal => Test::Equal(m.value.clone()),
                MatchOp::NotEqual => Test::NotEqual(m.value.clone()),
                MatchOp::Matches => Test::Matches(anchored(&m.value, 0)?),
                MatchOp::NotMatches => Test::NotMatches(anchored(&m.value, 0)?),
            })
        };
        let tests = self.matchers.iter().map(|m| Ok((m.label.clone(), test(m)?))).collect::<Result<_, _>>()?;
        Ok(CompiledSelector { name: self.name.clone(), tests })
    }
}

/// Both ends anchored. The pattern alone must be valid too, or a stray `)` could end our group.
fn anchored(pattern: &str, at: usize) -> Result<Regex, SelectorError> {
    Regex::new(pattern).and_then(|_| Regex::new(&format!("^(?s:{pattern})$"))).map_err(|error| SelectorError::Pattern {
        at,
        pattern: pattern.to_owned(),
        reason: error.to_string().lines().last().unwrap_or_default().trim().to_owned(),
    })
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
    }

    fn take(&mut self, allowed: impl Fn(char, bool) -> bool) -> &'a str {
        let start = self.at;
        while self.peek().is_some_and(|c| allowed(c, self.at == start)) {
            self.next();
        }
        &self.text[start..self.at]
    }

    fn unexpected(&self, wanted: &'static str) -> SelectorError {
        let found = self.peek().map_or("the end".to_owned(), |c| format!("`{c}`"));
        SelectorError::Syntax { at: self.at, wanted, found }
    }

    fn matchers(&mut self) -> Result<Vec<Matcher>, SelectorError> {
        self.next();
        let mut matchers = Vec::new();
        loop {
            self.blanks();
            if self.peek() == Some('}') {
                self.next();
                return Ok(matchers);
            }
            matchers.push(self.matcher()?);
            self.blanks();
            match self.peek() {
                Some(',') => {
                    self.next();
                }
                Some('}') => {}
                _ => return Err(self.unexpected("`,` or `}`")),
            }
        }
    }

    fn matcher(&mut self) -> Result<Matcher, SelectorError> {
        let label =
            self.take(|c, first| c == '_' || c.is_ascii_alphabetic() || (!first && c.is_ascii_digit())).to_owned();
        if label.is_empty() {
            return Err(self.unexpected("a label name"));
        }
        self.blanks();
        let op = self.operator()?;
        self.blanks();
        let at = self.at;
        let value = self.quoted()?;
        if matches!(op, MatchOp::Matches | MatchOp::NotMatches) {
            anchored(&value, at)?;
        }
        Ok(Matcher { label, op, value })
    }

    fn operator(&mut self) -> Result<MatchOp, SelectorError> {
        // The longer ones first: `=` is a prefix of `=~`.
        for (text, op) in
            [("=~", MatchOp::Matches), ("!~", MatchOp::NotMatches), ("!=", MatchOp::NotEqual), ("=", MatchOp::Equal)]
        {
            if self.text[self.at..].starts_with(text) {
                self.at += text.len();
                return Ok(op);
            }
        }
        Err(self.unexpected("`=`, `!=`, `=~` or `!~`"))
    }

    fn quoted(&mut self) -> Result<String, SelectorError> {
        let quote = match self.peek() {
            Some(c @ ('"' | '\'')) => c,
            _ => return Err(self.unexpected("a quoted value")),
        };
        self.next();
        let mut value = String::new();
        loop {
            match self.peek() {
                None => return Err(self.unexpected("the closing quote")),
                Some(c) if c == quote => {
                    self.next();
                    return Ok(value);
                }
                Some('\\') => {
                    self.next();
                    value.push(self.escape()?);
                }
                Some(c) => {
                    self.next();
                    value.push(c);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, SelectorError> {
        let c = match self.peek() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some(c @ ('\\' | '"' | '\'')) => c,
            _ => {
                return Err(self.unexpected(
                    "`\\`, a quote, `n`, `t` or `r` after `\\` (a backslash of a pattern is written twice)",
                ));
            }
        };
        self.next();
        Ok(c)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.matchers.is_empty() {
            return Ok(());
        }
        f.write_str("{")?;
        for (i, matcher) in self.matchers.iter().enumerate() {
            write!(f, "{}{matcher}", if i > 0 { "," } else { "" })?;
        }
        f.write_str("}")
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}\"", self.label, self.op)?;
        for c in self.value.chars() {
            match c {
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                '\r' => f.write_str("\\r")?,
                '\\' | '"' => write!(f, "\\{c}")?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}

impl fmt::Display for MatchOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Matches => "=~",
            MatchOp::NotMatches => "!~",
        })
    }
}
