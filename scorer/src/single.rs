//! Numbers of metrics without a tag around them: no replay, no channels, no verdict.
//!
//! For those who ask what one metric says (calibration, comparison with other judges). A verdict comes from
//! [`crate::judge::judge`] only. The two agree: what is said here of a metric is what `judge` reports of it.

use crate::measure::{Measured, measure};
use crate::metric::Metric;
use crate::policy::Policy;
use crate::pvalue::{Played, evidence};
use crate::report::{MetricNumbers, PassLevel, metric_numbers};
use crate::tables::Tables;

/// Keeps what depends on lengths only, for the next call.
#[derive(Default)]
pub struct Single {
    tables: Tables,
}

impl Single {
    /// Numbers of every metric at `look` samples, at the pass level of the programme's end. The metrics of a call lend
    /// each other their between-run variance, as in a tag.
    pub fn metrics(&mut self, metrics: &[Metric], policy: &Policy, look: usize) -> Vec<MetricNumbers> {
        let measured: Vec<Measured> = metrics.iter().map(|m| measure(m, look, &[], &mut self.tables)).collect();
        let played: Vec<Played<'_>> = measured.iter().map(|m| Played { facts: &m.facts, moments: &m.judged }).collect();
        let level = PassLevel { alpha: policy.alpha_pass / 2.0, kpi: policy.kpi };
        let numbers = metrics.iter().zip(&measured).zip(evidence(&played));
        numbers.map(|((metric, measured), ev)| metric_numbers(metric, &measured.facts, &ev, level)).collect()
    }
}
