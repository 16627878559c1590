//! What a person sees while the worker works: one living view on a terminal, plain lines otherwise.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

/// Something that a person should see.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// A soak begins.
    Begins {
        /// Tag.
        tag: String,
        /// Why.
        why: String,
        /// Baseline runs.
        baseline: usize,
    },
    /// Where it stands.
    Stands {
        /// Tag.
        tag: String,
        /// Phase in words.
        phase: String,
        /// Share of the evidence, 0 to 1.
        share: f64,
        /// Score with interval, if any.
        score: Option<String>,
        /// What is missing.
        missing: String,
    },
    /// A look was taken.
    Look {
        /// Tag.
        tag: String,
        /// One line.
        text: String,
    },
    /// A soak ended.
    Ended {
        /// Tag.
        tag: String,
        /// One line.
        text: String,
    },
    /// Anything else.
    Says(String),
}

#[derive(Debug)]
enum Face {
    Terminal { bars: MultiProgress, bar: ProgressBar },
    Lines { last_phase: String },
    Silent,
}

/// The view. Clones share it; narrative goes to stderr.
#[derive(Clone, Debug)]
pub struct View(Arc<Mutex<Face>>);

impl View {
    /// A living view on a terminal, plain lines otherwise.
    pub fn new() -> Self {
        let face = if std::io::stderr().is_terminal() {
            let bars = MultiProgress::new();
            let bar = bars.add(ProgressBar::new(1000));
            let style = ProgressStyle::with_template("{spinner} {prefix:.bold} {bar:30} {percent:>3} %  {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            Face::Terminal { bars, bar }
        } else {
            Face::Lines { last_phase: String::new() }
        };
        View(Arc::new(Mutex::new(face)))
    }

    /// A view that shows nothing.
    pub fn silent() -> Self {
        View(Arc::new(Mutex::new(Face::Silent)))
    }

    /// Shows a notice.
    pub fn show(&self, notice: &Notice) {
        let mut face = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *face {
            Face::Silent => {}
            Face::Lines { last_phase } => {
                if let Some(line) = line_of(notice, last_phase) {
                    // A terminal that went away must not end a worker that has faults in.
                    let _ = writeln!(std::io::stderr(), "{} {line}", chrono::Utc::now().format("%H:%M:%S"));
                }
            }
            Face::Terminal { bars, bar } => on_terminal(bars, bar, notice),
        }
    }
}

impl Default for View {
    fn default() -> Self {
        Self::new()
    }
}

fn on_terminal(bars: &MultiProgress, bar: &ProgressBar, notice: &Notice) {
    // A terminal that went away must not stop a soak.
    let print = |text: String| drop(bars.println(text));
    match notice {
        Notice::Begins { tag, .. } => {
            bar.set_prefix(tag.clone());
            bar.set_position(0);
            line_of(notice, &mut String::new()).into_iter().for_each(print);
        }
        Notice::Stands { tag, phase, share, score, missing } => {
            bar.set_prefix(tag.clone());
            bar.set_position((share * 1000.0) as u64);
            let score = score.as_deref().map(|s| format!("  score {s}")).unwrap_or_default();
            let missing = if missing.is_empty() { String::new() } else { format!("  missing: {missing}") };
            bar.set_message(format!("{phase}{score}{missing}"));
            bar.tick();
        }
        Notice::Look { .. } | Notice::Ended { .. } | Notice::Says(_) => {
            line_of(notice, &mut String::new()).into_iter().for_each(print)
        }
    }
}

/// The plain line of a notice; progress shows only when the phase changes.
fn line_of(notice: &Notice, last_phase: &mut String) -> Option<String> {
    match notice {
        Notice::Begins { tag, why, baseline } => Some(format!("{tag}: soak begins ({why}; {baseline} baseline runs)")),
        Notice::Stands { tag, phase, .. } => {
            let text = format!("{tag}: {phase}");
            if *last_phase == text {
                return None;
            }
            last_phase.clone_from(&text);
            Some(text)
        }
        Notice::Look { tag, text } | Notice::Ended { tag, text } => Some(format!("{tag}: {text}")),
        Notice::Says(text) => Some(text.clone()),
    }
}
