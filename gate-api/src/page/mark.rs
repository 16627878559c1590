//! Signs: a symbol, a word and a colour for every state; the word alone says it.

use crate::decide::Status;
use maud::{Markup, html};
use scorer::Verdict;

/// Word of a verdict.
pub(super) fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Insufficient => "insufficient",
        Verdict::None => "no verdict",
    }
}

/// Class of a verdict, for its colour.
pub(super) fn verdict_class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "good",
        Verdict::Fail => "bad",
        Verdict::Insufficient => "open",
        Verdict::None => "none",
    }
}

/// Sign of a verdict.
pub(super) fn verdict(verdict: Verdict) -> Markup {
    let symbol = match verdict {
        Verdict::Pass => "✓",
        Verdict::Fail => "✗",
        Verdict::Insufficient => "?",
        Verdict::None => "–",
    };
    sign(verdict_class(verdict), symbol, verdict_word(verdict))
}

/// Sign of a status.
pub(super) fn status(status: Status) -> Markup {
    let (class, symbol) = match status {
        Status::Allow => ("good", "✓"),
        Status::Deny => ("bad", "✗"),
        Status::Wait => ("open", "…"),
        Status::Expired => ("bad", "!"),
        Status::Error => ("bad", "!"),
    };
    sign(class, symbol, status.name())
}

/// A sign.
pub(super) fn sign(class: &str, symbol: &str, word: &str) -> Markup {
    html! { span class={ "sign " (class) } { span aria-hidden="true" { (symbol) " " } (word) } }
}
