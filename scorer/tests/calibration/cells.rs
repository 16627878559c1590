//! Cells: a rate to be measured, what is promised of it, and the machinery that measures many of them.

use crate::rng::Rng;
use crate::table;
use scorer::special::beta_p;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Repetitions of a cell in the ordinary test run.
const REPETITIONS: usize = 2000;
/// Chance that a cell which just keeps its promise is called broken.
const LIMIT: f64 = 0.001;

/// What is promised of a rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Promise {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
    /// The promise is not kept here, for a reason that is known; the rate must not get worse than `at_most`.
    Missed { promised: f64, at_most: f64, why: &'static str },
    /// Nothing is promised; the rate is for readers.
    Shown,
}

/// One counted event of a cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    /// What is counted.
    pub(crate) label: &'static str,
    pub(crate) promise: Promise,
    /// Rate of the reference implementation, where it was measured.
    pub(crate) reference: Option<f64>,
    /// The event of the cell that the rate is a share of; `None`: of all trials.
    pub(crate) among: Option<usize>,
}

impl Event {
    /// An event with a promise.
    pub(crate) fn new(label: &'static str, promise: Promise) -> Event {
        Event { label, promise, reference: None, among: None }
    }

    /// The same with the rate that the reference had.
    pub(crate) fn like(self, reference: f64) -> Event {
        Event { reference: Some(reference), ..self }
    }

    /// The same as a share of the trials in which another event of the cell happened, given by its place.
    pub(crate) fn among(self, other: usize) -> Event {
        Event { among: Some(other), ..self }
    }
}

/// How often each event of a cell happened in one repetition.
type Repetition = dyn Fn(&mut Rng) -> Vec<usize> + Sync;

/// One simulated situation.
pub(crate) struct Cell {
    pub(crate) name: String,
    pub(crate) events: Vec<Event>,
    /// Trials of one repetition, for instance the metrics of a tag.
    pub(crate) trials: usize,
    /// Share of the usual repetitions: slow cells are repeated less often.
    pub(crate) effort: f64,
    pub(crate) repetition: Box<Repetition>,
}

/// A measured event.
#[derive(Clone, Debug)]
pub(crate) struct Rate {
    pub(crate) cell: String,
    pub(crate) event: Event,
    pub(crate) hits: usize,
    pub(crate) trials: usize,
}

impl Rate {
    /// Measured rate.
    pub(crate) fn value(&self) -> f64 {
        self.hits as f64 / self.trials as f64
    }

    /// What the rate is held to: the promise, widened by what chance may do to it.
    pub(crate) fn limit(&self) -> Option<f64> {
        let n = self.trials;
        match self.event.promise {
            Promise::AtMost(rate) | Promise::Missed { at_most: rate, .. } => Some(most(rate, n) as f64 / n as f64),
            Promise::AtLeast(rate) => Some((n - most(1.0 - rate, n)) as f64 / n as f64),
            Promise::Shown => None,
        }
    }

    fn kept(&self) -> bool {
        match (self.event.promise, self.limit()) {
            (Promise::AtLeast(_), Some(limit)) => self.value() >= limit,
            (_, Some(limit)) => self.value() <= limit,
            (_, None) => true,
        }
    }
}

/// Most hits of `n` that a rate produces but for [`LIMIT`].
fn most(rate: f64, n: usize) -> usize {
    // P(X >= x) = I_rate(x, n - x + 1).
    let beyond = |hits: usize| beta_p((hits + 1) as f64, (n - hits) as f64, rate);
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = (low + high) / 2;
        if beyond(middle) <= LIMIT {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// Repetitions of an ordinary cell: `METTLE_REPS`, or 2,000.
fn repetitions() -> usize {
    std::env::var("METTLE_REPS").ok().map_or(REPETITIONS, |text| {
        text.parse().unwrap_or_else(|_| panic!("METTLE_REPS must be a number, not `{text}`"))
    })
}

impl Cell {
    fn rounds(&self) -> usize {
        let wanted = (repetitions() as f64 * self.effort).ceil() as usize;
        wanted.div_ceil(self.trials).max(1)
    }
}

/// Measures all cells of a theme on all cores, writes them to the table, and ends with every broken promise; the rates
/// otherwise.
pub(crate) fn hold(theme: &'static str, cells: &[Cell]) -> Vec<Rate> {
    let rates = measure(cells);
    table::add(theme, &rates);
    let mut broken = String::new();
    for rate in rates.iter().filter(|r| !r.kept()) {
        let _ = writeln!(
            broken,
            "{}: {} in {:.2} % of {}, limit {:.2} %, {:?}",
            rate.cell,
            rate.event.label,
            100.0 * rate.value(),
            rate.trials,
            100.0 * rate.limit().unwrap_or(1.0),
            rate.event.promise
        );
    }
    // The seeds of a cell are its name and the number of the repetition.
    assert!(broken.is_empty(), "promises broken ({theme}):\n{broken}");
    rates
}

fn measure(cells: &[Cell]) -> Vec<Rate> {
    let jobs: Vec<(usize, usize)> =
        cells.iter().enumerate().flat_map(|(c, cell)| (0..cell.rounds()).map(move |r| (c, r))).collect();
    let totals: Mutex<Vec<Vec<usize>>> = Mutex::new(cells.iter().map(|c| vec![0; c.events.len()]).collect());
    let next = AtomicUsize::new(0);
    let work = || {
        let mut own: Vec<Vec<usize>> = cells.iter().map(|c| vec![0; c.events.len()]).collect();
        while let Some(&(c, round)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let hits = (cells[c].repetition)(&mut Rng::of(&cells[c].name, round));
            own[c].iter_mut().zip(hits).for_each(|(sum, hits)| *sum += hits);
        }
        let mut totals = totals.lock().expect("no worker panics while it adds");
        for (total, own) in totals.iter_mut().zip(own) {
            total.iter_mut().zip(own).for_each(|(total, own)| *total += own);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
    let totals = totals.into_inner().expect("no worker panicked");
    let rates = cells.iter().zip(totals).flat_map(|(cell, hits)| {
        let all = cell.rounds() * cell.trials;
        let rate = |(event, own): (&Event, &usize)| Rate {
            cell: cell.name.clone(),
            event: *event,
            hits: *own,
            trials: event.among.map_or(all, |other| hits[other]),
        };
        cell.events.iter().zip(&hits).map(rate).collect::<Vec<_>>()
    });
    rates.collect()
}

#[test]
fn limits_agree_with_the_binomial_distribution() {
    // P(X > 134 | 2000, .05) = .0004 and P(X > 133) = .0011 would be the normal answer; exact tails are used.
    let most_of = most(0.05, 2000);
    assert!((128..=134).contains(&most_of), "{most_of}");
    assert_eq!(most(0.0, 100), 0);
    assert_eq!(most(1.0, 100), 100);
    assert_eq!(most(0.5, 1), 1);
}
