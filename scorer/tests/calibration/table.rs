//! The table of all measured rates, in Markdown.

use crate::cells::{Promise, Rate, repetitions};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;

/// Rates by theme; the themes run as tests of their own, in any order.
static MEASURED: Mutex<BTreeMap<&'static str, Vec<Rate>>> = Mutex::new(BTreeMap::new());

/// Adds a theme, and writes all themes so far to the file that `METTLE_TABLE` names.
pub(crate) fn add(theme: &'static str, rates: &[Rate]) {
    let mut measured = MEASURED.lock().expect("nothing panics while the table is written");
    measured.insert(theme, rates.to_vec());
    if let Some(path) = std::env::var_os("METTLE_TABLE") {
        std::fs::write(&path, text(&measured)).expect("METTLE_TABLE names a writable file");
    }
}

fn text(measured: &BTreeMap<&'static str, Vec<Rate>>) -> String {
    let mut out = format!(
        "# Calibration of `{}`\n\nMeasured by `./dev bench --calibrate`; the cells are in `scorer/tests/calibration/`, their seeds are their names.\n\
         Rates in percent. *Limit*: the promise, widened by the 99.9 % binomial limit of the repetitions; the test fails\n\
         beyond it. *Reference*: rate of the NumPy oracle of `mettle-1` on its own seeds (200 to 400 repetitions), where it\n\
         has one. **Missed** promises are listed with their reason at the end. This run had {} repetitions a cell, slow cells\n\
         fewer: see *trials*.\n",
        scorer::METHOD,
        repetitions()
    );
    let mut missed = String::new();
    for (theme, rates) in measured {
        let _ = write!(
            out,
            "\n## {theme}\n\n| cell | event | measured | promise | limit | reference | trials |\n|---|---|--:|--:|--:|--:|--:|\n"
        );
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
                    "- {}, {}: {:.2} instead of {:.1}. {why}",
                    rate.cell,
                    rate.event.label,
                    100.0 * rate.value(),
                    100.0 * promised
                );
            }
        }
    }
    if !missed.is_empty() {
        let _ = write!(out, "\n## Missed\n\n{missed}");
    }
    out
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
