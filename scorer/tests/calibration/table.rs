//! The table of all measured rates, in Markdown.

use crate::cells::{Promise, Rate};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Head of a table.
const TABLE: &str = "| cell | event | measured | promise | limit | reference | trials |\n";

/// Themes run as tests of their own, in any order: one writes at a time.
static WRITING: Mutex<()> = Mutex::new(());

/// Puts a theme into the file that `METTLE_TABLE` names, in the place of an earlier measurement of it. The other themes
/// stay as they are, so that a long measurement can be made in parts; those of another method go.
pub(crate) fn add(theme: &'static str, rates: &[Rate]) {
    let Some(path) = std::env::var_os("METTLE_TABLE") else { return };
    let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut themes = themes_in(&std::fs::read_to_string(Path::new(&path)).unwrap_or_default());
    themes.insert(theme.to_owned(), body(rates));
    std::fs::write(&path, text(&themes)).expect("METTLE_TABLE names a writable file");
}

fn head() -> String {
    format!("# Calibration of `{}`\n", scorer::METHOD)
}

fn text(themes: &BTreeMap<String, String>) -> String {
    let mut out = head();
    out.push_str(
        "\nMeasured by `./dev bench --calibrate`; the cells are in `scorer/tests/calibration/`, their seeds are their names.\n\
         Rates in percent. *Limit*: the promise, widened by the 99.9 % binomial limit of the repetitions; the test fails\n\
         beyond it; of a missed promise, the rate that it may not exceed. *Reference*: rate of the NumPy oracle of `mettle-1` on its own seeds (200 to 400 repetitions), where it\n\
         has one. **Missed** promises are listed with their reason below their theme. *Trials* are the repetitions, times the\n\
         metrics that a repetition asks about.\n",
    );
    for (theme, body) in themes {
        let _ = write!(out, "\n## {theme}\n\n{body}");
    }
    out
}

/// Themes of an earlier table by this method.
fn themes_in(text: &str) -> BTreeMap<String, String> {
    let Some(rest) = text.strip_prefix(&head()) else { return BTreeMap::new() };
    let mut themes = BTreeMap::new();
    for part in rest.split("\n## ").skip(1) {
        if let Some((theme, body)) = part.split_once("\n\n")
            && body.starts_with(TABLE)
        {
            themes.insert(theme.to_owned(), body.to_owned());
        }
    }
    themes
}

fn body(rates: &[Rate]) -> String {
    let mut out = format!("{TABLE}|---|---|--:|--:|--:|--:|--:|\n");
    let mut missed = String::new();
    for rate in rates {
        let _ = writeln!(
            out,
            "| {} | {} | {:.2} | {} | {} | {} | {} |",
            rate.cell,
            rate.event.label,
            100.0 * rate.value(),
            promise(rate),
            rate.limit().map_or_else(String::new, |l| format!("{:.2}", 100.0 * l)),
            rate.event.reference.map_or_else(String::new, |r| format!("{:.1}", 100.0 * r)),
            rate.trials
        );
        if let Promise::Missed { promised, why, .. } = rate.event.promise
            && rate.value() > promised
        {
            let _ = writeln!(
                missed,
                "- Missed: {}, {}: {:.2} instead of {:.1}. {why}",
                rate.cell,
                rate.event.label,
                100.0 * rate.value(),
                100.0 * promised
            );
        }
    }
    if missed.is_empty() { out } else { format!("{out}\n{missed}") }
}

fn promise(rate: &Rate) -> String {
    match rate.event.promise {
        Promise::AtMost(most) => format!("<= {:.1}", 100.0 * most),
        Promise::AtLeast(least) => format!(">= {:.1}", 100.0 * least),
        Promise::Missed { promised, .. } if rate.value() > promised => {
            format!("<= {:.1}, **missed**", 100.0 * promised)
        }
        Promise::Missed { promised, .. } => format!("<= {:.1}", 100.0 * promised),
        Promise::Shown => String::new(),
    }
}

#[test]
fn a_theme_takes_the_place_of_its_earlier_measurement() {
    let made = |pairs: &[(&str, &str)]| pairs.iter().map(|(t, b)| ((*t).to_owned(), (*b).to_owned())).collect();
    let body = |row: &str| format!("{TABLE}{row}");
    let before: BTreeMap<String, String> = made(&[("a", &body("| x |\n\n- Missed: y\n")), ("b", &body("| old |\n"))]);
    assert_eq!(themes_in(&(text(&before) + "\n## No theme\n\n- words\n")), before);
    assert_eq!(themes_in(&text(&before).replace(scorer::METHOD, "another")), BTreeMap::new());
    let mut after = themes_in(&text(&before));
    after.insert("b".to_owned(), body("| new |\n"));
    assert!(text(&after).contains("| x |\n\n- Missed: y\n\n## b\n\n"));
    assert!(text(&after).ends_with("| new |\n") && !text(&after).contains("| old |"));
}
