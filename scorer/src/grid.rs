//! The programme's time axis: which samples exist, when each one was, and which scrape closes it.
//!
//! Sample i of a phase is the window `(start + i*interval, start + (i+1)*interval]`. Only `steady` and `load` phases
//! have samples; fault and recovery windows between them leave holes in [`Grid::offsets`]; warm-up has none.
//!
//! Invariant: positions come from the *declared* lengths, so sample i means the same place of the programme in every
//! run; a phase that was cut short leaves absent samples, it never moves later ones.

use crate::evidence::{Evidence, PhaseLabel};
use std::f64::consts::TAU;

/// Scrapes at the start of a phase from which the scraper's own rhythm is estimated.
///
/// With a jitter of 30 % of the interval their circular mean is known to about 3 %, far inside the half interval that
/// would move a sample; and it does not change while a phase grows, so that a later look sees the same samples.
const RHYTHM_SCRAPES: usize = 32;

/// How late after a window's end a scrape rhythm may be and still close it, in intervals. A rhythm later than that
/// closes the window in which it lies. Off zero, because a rhythm that is aligned with the phase jitters around zero.
const LATEST: f64 = 0.35;

/// Most samples that a grid holds: a week at one second, with room.
pub const MAX_SAMPLES: usize = 1 << 20;

/// Farthest position of a phase on the time axis, in samples: all later ones are there.
const FARTHEST: i64 = 1 << 31;

/// One phase with samples.
#[derive(Clone, Debug, PartialEq)]
pub struct GridPhase {
    /// Name in the programme.
    pub name: String,
    /// Start, inclusive.
    pub start_ms: i64,
    /// Position of its first sample.
    pub first: usize,
    /// Declared samples.
    pub samples: usize,
    /// Samples whose windows are over.
    pub elapsed: usize,
}

/// Samples of a programme on the clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    interval_ms: i64,
    phases: Vec<GridPhase>,
}

impl Grid {
    /// The grid of one soak. A context without a positive interval, or no counting phase, gives an empty grid.
    pub fn of(evidence: &Evidence) -> Grid {
        let interval_ms = evidence.context.interval_ms;
        let mut phases: Vec<GridPhase> = Vec::new();
        let mut first = 0;
        for phase in evidence.phases.iter().filter(|p| p.label.counts() && interval_ms > 0) {
            // Half an interval of grace: the end of a phase is as jittery as a scrape.
            let length = phase.end_ms.saturating_sub(phase.start_ms).max(0);
            let over = (length.saturating_add(interval_ms / 2) / interval_ms) as usize;
            let samples = if phase.samples > 0 { phase.samples as usize } else { over };
            let samples = samples.min(MAX_SAMPLES - first);
            phases.push(GridPhase {
                name: phase.name.clone(),
                start_ms: phase.start_ms,
                first,
                samples,
                elapsed: over.min(samples),
            });
            first += samples;
        }
        Grid { interval_ms, phases }
    }

    /// A grid over any window `(start, end]`, as for the recovery after a fault.
    pub fn window(start_ms: i64, end_ms: i64, interval_ms: i64) -> Grid {
        if interval_ms <= 0 || end_ms <= start_ms {
            return Grid { interval_ms, phases: Vec::new() };
        }
        let samples = ((end_ms.saturating_sub(start_ms) / interval_ms) as usize).min(MAX_SAMPLES);
        let phase = GridPhase { name: "window".to_owned(), start_ms, first: 0, samples, elapsed: samples };
        Grid { interval_ms, phases: vec![phase] }
    }

    /// Declared samples of all phases so far.
    pub fn len(&self) -> usize {
        self.phases.last().map_or(0, |p| p.first + p.samples)
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Samples whose place in the programme is over, whether they were recorded or not. This is what looks count.
    pub fn elapsed(&self) -> usize {
        self.phases.iter().filter(|p| p.elapsed > 0).map(|p| p.first + p.elapsed).max().unwrap_or(0)
    }

    /// Phases with samples, in order.
    pub fn phases(&self) -> &[GridPhase] {
        &self.phases
    }

    /// Scrape interval in milliseconds.
    pub fn interval_ms(&self) -> i64 {
        self.interval_ms
    }

    /// Position of every sample on the programme's time axis, in samples from the first one; strictly rising.
    pub fn offsets(&self) -> Vec<u32> {
        let Some(origin) = self.phases.first().map(|p| p.start_ms) else { return Vec::new() };
        let mut offsets = Vec::with_capacity(self.len());
        for phase in &self.phases {
            let since = phase.start_ms.saturating_sub(origin).saturating_add(self.interval_ms / 2);
            let at = (since.max(0) / self.interval_ms).min(FARTHEST);
            let start = (at as u32).max(offsets.last().map_or(0, |last: &u32| last + 1));
            offsets.extend((0..phase.samples as u32).map(|i| start + i));
        }
        offsets
    }

    /// Phase of a sample.
    pub fn phase_of(&self, sample: usize) -> Option<&GridPhase> {
        self.phases.iter().find(|p| (p.first..p.first + p.samples).contains(&sample))
    }

    /// Middle of the window of a sample, in milliseconds since the epoch.
    pub fn time_of(&self, sample: usize) -> Option<i64> {
        let phase = self.phase_of(sample)?;
        let into =
            ((sample - phase.first) as i64).saturating_mul(self.interval_ms).saturating_add(self.interval_ms / 2);
        Some(phase.start_ms.saturating_add(into))
    }

    /// The scrape that stands at each edge of each phase: `[phase][j]` is the time of the scrape at the end of sample
    /// j - 1, j = 0 being the scrape before the first sample. `scrapes` rise strictly.
    ///
    /// A scraper that keeps a rhythm of one interval has its own offset to the phase. The offset is estimated, then
    /// every scrape goes to the nearest edge of the shifted grid: jitter below half an interval neither loses nor
    /// doubles a sample, wherever the offset lies.
    pub fn edges(&self, scrapes: &[i64]) -> Vec<Vec<Option<i64>>> {
        self.phases.iter().map(|phase| self.phase_edges(phase, scrapes)).collect()
    }

    fn phase_edges(&self, phase: &GridPhase, scrapes: &[i64]) -> Vec<Option<i64>> {
        let mut edges = vec![None; phase.samples + 1];
        let end = phase.start_ms.saturating_add((phase.samples as i64).saturating_mul(self.interval_ms));
        let from = scrapes.partition_point(|t| *t < phase.start_ms.saturating_sub(self.interval_ms.saturating_mul(2)));
        let to = scrapes.partition_point(|t| *t <= end.saturating_add(self.interval_ms));
        let near = &scrapes[from.min(to)..to];
        let Some(rhythm) = self.rhythm(phase.start_ms, near) else { return edges };
        let mut distance = vec![f64::INFINITY; edges.len()];
        for &time in near {
            let position = time.saturating_sub(phase.start_ms) as f64 / self.interval_ms as f64 - rhythm;
            let edge = position.round();
            if edge < 0.0 || edge as usize >= edges.len() {
                continue;
            }
            let away = (position - edge).abs();
            if away < distance[edge as usize] {
                distance[edge as usize] = away;
                edges[edge as usize] = Some(time);
            }
        }
        edges
    }

    /// Offset of the scraper to the phase in intervals, in `(LATEST - 1, LATEST]`: circular mean of the first scrapes.
    fn rhythm(&self, start_ms: i64, scrapes: &[i64]) -> Option<f64> {
        if scrapes.is_empty() {
            return None;
        }
        let (mut sin, mut cos) = (0.0, 0.0);
        for time in scrapes.iter().take(RHYTHM_SCRAPES) {
            let angle =
                time.saturating_sub(start_ms).rem_euclid(self.interval_ms) as f64 / self.interval_ms as f64 * TAU;
            sin += angle.sin();
            cos += angle.cos();
        }
        let mean = sin.atan2(cos) / TAU;
        Some(if mean > LATEST { mean - 1.0 } else { mean })
    }
}

/// Whether a moment lies in a window in which a fault was in.
pub fn in_fault(evidence: &Evidence, time_ms: i64) -> bool {
    evidence.phases.iter().any(|p| p.label == PhaseLabel::Fault && (p.start_ms..p.end_ms).contains(&time_ms))
}
