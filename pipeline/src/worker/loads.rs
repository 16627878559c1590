//! Load suites beside the faults of an experiment.

use super::bundle::{Bundle, SuiteDocument};
use super::suites::targets;
use crate::documents::Complaint;
use crate::landscape::local::Local;
use chaos::document::Experiment;
use chaos::load::{LoadEnd, Loads, RunningLoad, Stopping};
use chaos::plan::Plan;
use probes::load::{Engine, PerformanceSuite, Validity, announce};
use probes::metrics::registry::Registry;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The load suites of a tag, in its landscape.
pub struct SuiteLoads {
    suites: BTreeMap<String, PerformanceSuite>,
    local: Arc<Local>,
    registry: Registry,
}

impl SuiteLoads {
    /// Those of `bundle`; what they count goes into `registry`.
    pub fn new(bundle: &Bundle, local: Arc<Local>, registry: Registry) -> Self {
        let performance = |(name, suite): (&String, &SuiteDocument)| match suite {
            SuiteDocument::Performance(suite) => Some((name.clone(), suite.clone())),
            SuiteDocument::Business(_) | SuiteDocument::Security(_) => None,
        };
        Self { suites: bundle.suites.iter().filter_map(performance).collect(), local, registry }
    }

    /// Lets the counters of these suites begin at zero: of one that appears with its first requests nobody could say
    /// how many they were.
    pub fn announce<'s>(&self, suites: impl IntoIterator<Item = &'s str>) {
        for suite in suites.into_iter().filter_map(|name| self.suites.get(name)) {
            announce(&suite.name, &suite.load, &self.registry);
        }
    }
}

impl Loads for SuiteLoads {
    fn start(&self, suite: &str) -> Result<Box<dyn RunningLoad>, String> {
        let suite = self.suites.get(suite).ok_or("the product has no performance suite of this name")?;
        let engine = Engine::start(&suite.name, &suite.load, None, &targets(&self.local), &self.registry);
        Ok(Box::new(Running(engine.map_err(|error| error.to_string())?)))
    }
}

struct Running(Engine);

impl RunningLoad for Running {
    fn stop(self: Box<Self>) -> Stopping {
        Box::pin(async move {
            let report = match self.0.stop().await {
                Ok(report) => report,
                Err(error) => return LoadEnd { flaw: Some(error.to_string()), ..LoadEnd::default() },
            };
            let flaw = match &report.validity {
                Validity::Invalid { reason } => Some(reason.clone()),
                Validity::Valid if report.sent == 0 => Some("nothing was sent".to_owned()),
                Validity::Valid => None,
            };
            LoadEnd { measured: serde_json::to_value(&report).unwrap_or_default(), flaw }
        })
    }
}

/// Load suites that a plan asks for.
pub fn suites_of(plan: &Plan) -> impl Iterator<Item = &str> {
    let steps = plan.repetitions.iter().flat_map(|repetition| &repetition.steps);
    steps.flat_map(|step| &step.loads).map(String::as_str)
}

/// Loads of an experiment that are no load suites of the product.
pub fn unknown_loads(experiment: &Experiment, suites: &BTreeMap<String, SuiteDocument>) -> Vec<Complaint> {
    let loads = experiment.method.iter().enumerate().flat_map(|(n, step)| step.loads(&format!("method[{n}]")));
    let complaint = |(key, load): (String, &chaos::document::Load)| {
        let message = match suites.get(&load.suite) {
            Some(SuiteDocument::Performance(_)) => return None,
            Some(SuiteDocument::Business(_)) => "is a business suite: it makes no load",
            Some(SuiteDocument::Security(_)) => "is a security suite: it makes no load",
            None => "is not a suite of this product",
        };
        let fit = suites.iter().filter(|(_, suite)| matches!(suite, SuiteDocument::Performance(_)));
        let fit: Vec<&str> = fit.map(|(name, _)| name.as_str()).collect();
        let remedy = match fit.as_slice() {
            [] => "write a performance suite into mettle/suites of the product".to_owned(),
            fit => format!("known: {}", fit.join(", ")),
        };
        Some(Complaint::new(format!("{key}.suite"), &load.suite, message, remedy))
    };
    loads.filter_map(complaint).collect()
}
