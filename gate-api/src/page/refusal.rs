//! Pages that say why there is none.

use super::frame::{Refresh, frame};
use maud::{Markup, html};

/// A page for something that is not known or cannot be read, with what would help.
pub fn refusal(title: &str, message: &str, hints: &[String]) -> Markup {
    let body = html! {
        h1 { (title) }
        p { (message) "." }
        @if !hints.is_empty() {
            h2 { "What would help" }
            ul { @for hint in hints { li { (hint) } } }
        }
        p { a href="/" { "All tags" } }
    };
    frame(title, Refresh::Never, &body)
}
