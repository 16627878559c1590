//! The frame of every page.

use maud::{DOCTYPE, Markup, html};

/// The style sheet, served at `/style.css`.
pub const STYLE: &str = include_str!("style.css");

/// Seconds between two loads of a page while a soak runs; the worker writes about that often.
const REFRESH_S: u32 = 5;

/// Whether a page loads itself again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refresh {
    /// While something is under way.
    WhileRunning,
    /// It is what it is.
    Never,
}

/// A whole page.
pub(super) fn frame(title: &str, refresh: Refresh, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if refresh == Refresh::WhileRunning { meta http-equiv="refresh" content=(REFRESH_S); }
                title { (title) " · Mettle" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/style.css";
            }
            body {
                header class="top" { a href="/" { "Mettle" } span { "May this product tag go on?" } }
                main { (body) }
            }
        }
    }
}
