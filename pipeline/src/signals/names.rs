//! Names of signals: short, readable, each given once.

use std::collections::BTreeSet;

/// Longest name that is made; longer ones are cut.
const LONGEST: usize = 80;

/// Names that are taken.
#[derive(Clone, Debug, Default)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// A name of these parts that nobody has yet.
    pub fn take(&mut self, parts: &[&str]) -> String {
        let slugs: Vec<String> = parts.iter().map(|part| slug(part)).filter(|part| !part.is_empty()).collect();
        let mut wanted = slugs.join("-");
        wanted.truncate(LONGEST);
        if wanted.is_empty() {
            wanted = "signal".to_owned();
        }
        let numbered = (2..).map(|n| format!("{wanted}-{n}"));
        let free = std::iter::once(wanted.clone()).chain(numbered).find(|name| !self.0.contains(name));
        let name = free.expect("there are more numbers than names");
        self.0.insert(name.clone());
        name
    }
}

/// Lower case letters, digits and single dashes: what survives shells, files and labels.
pub fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_alphanumeric() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_given_once() {
        let mut names = Names::default();
        assert_eq!(names.take(&["Shop/Checkout ", "success"]), "shop-checkout-success");
        assert_eq!(names.take(&["shop", "checkout", "success"]), "shop-checkout-success-2");
        assert_eq!(names.take(&["日本"]), "signal");
        assert!(names.take(&[&"x".repeat(500)]).len() <= LONGEST);
    }
}
