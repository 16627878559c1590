//! Numbers of metrics without a tag around them: no replay, no channels, no verdict.
//!
//! For those who ask what one metric says (calibration, comparison with other judges). A verdict comes from
//! [`crate::judge::judge`] only. The two agree: what is said here of a metric is what `judge` reports of it.

use crate::metric::Metric;
use crate::policy::Policy;
use crate::prepare::{Series, View};
use crate::pvalue::evidence;
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
        let series: Vec<Series> = metrics.iter().map(|m| Series::prepare(m, look)).collect();
        let views: Vec<View<'_>> = series.iter().map(Series::view).collect();
        let found = evidence(&views, None, &mut self.tables);
        let level = PassLevel { alpha: policy.alpha_pass / 2.0, kpi: policy.kpi };
        let numbers = metrics.iter().zip(&series).zip(&found);
        numbers.map(|((metric, series), ev)| metric_numbers(metric, series, ev, level)).collect()
    }
}
