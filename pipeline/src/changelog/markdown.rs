//! The changelog for people.

use super::{Changelog, Group};
use crate::version::Delta;
use std::fmt::Write as _;

/// Markdown. Texts of commits are shown as they are, never as markup.
pub fn render(changelog: &Changelog) -> String {
    let mut text = format!("# {} {}\n\n", plain(&changelog.product), plain(&changelog.to));
    if let Some(from) = &changelog.from {
        push(&mut text, format_args!("Changes since {}.\n\n", plain(from)));
    }
    if changelog.incomplete {
        text.push_str("**Incomplete:** the log of a component was not available.\n\n");
    }
    if !changelog.components.is_empty() {
        text.push_str("| component | from | to | change |\n|---|---|---|---|\n");
    }
    for change in &changelog.components {
        let version = |version: &Option<String>| version.as_deref().map_or_else(|| "-".to_owned(), plain);
        let what = match (&change.log_unavailable, change.delta) {
            (Some(why), _) => format!("log unavailable: {}", plain(why)),
            (None, delta) => delta_word(delta).to_owned(),
        };
        push(
            &mut text,
            format_args!(
                "| {} | {} | {} | {what} |\n",
                plain(&change.name),
                version(&change.from),
                version(&change.to)
            ),
        );
    }
    for group in Group::ALL {
        let mut entries = changelog.entries.iter().filter(|entry| entry.group == group).peekable();
        if entries.peek().is_some() {
            push(&mut text, format_args!("\n## {}\n\n", group.title()));
        }
        for entry in entries {
            let short = entry.commit.get(..9).unwrap_or(&entry.commit);
            push(&mut text, format_args!("- **{}**: {} ({short})\n", plain(&entry.component), plain(&entry.text)));
        }
    }
    text
}

fn push(text: &mut String, part: std::fmt::Arguments<'_>) {
    text.write_fmt(part).expect("writing to a String cannot fail");
}

fn delta_word(delta: Delta) -> &'static str {
    match delta {
        Delta::Unchanged => "unchanged",
        Delta::Patch => "patch",
        Delta::Minor => "minor",
        Delta::Major => "major",
        Delta::Downgrade => "downgrade",
        Delta::Added => "added",
        Delta::Removed => "removed",
    }
}

/// `text` on one line, with every character that Markdown or HTML would act on escaped.
pub fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '<' | '>' | '[' | ']' | '|' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
