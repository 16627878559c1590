//! Everything that a product tag says about itself: product, programme, signals, suites, experiments.

use super::loads::unknown_loads;
use crate::digest::sha256_json;
use crate::documents::product::Product;
use crate::documents::programme::{Phase, Programme};
use crate::documents::signals::Signals;
use crate::documents::{Complaint, Document, Problem, Problems, salvage};
use crate::landscape::processes::{Check, Component, Processes};
use chaos::document::Experiment;
use probes::load::PerformanceSuite;
use probes::metrics::FeedQuery;
use probes::suite::{BusinessSuite, SecuritySuite};
use scorer::Signal;
use scorer::evidence::Class;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A suite of any class.
#[derive(Clone, Debug)]
pub enum SuiteDocument {
    /// Journeys.
    Business(BusinessSuite),
    /// Load.
    Performance(PerformanceSuite),
    /// Security checks.
    Security(SecuritySuite),
}

impl SuiteDocument {
    /// Its class.
    pub fn class(&self) -> Class {
        match self {
            SuiteDocument::Business(_) => Class::Business,
            SuiteDocument::Performance(_) => Class::Performance,
            SuiteDocument::Security(_) => Class::Security,
        }
    }
}

/// The documents of one tag, checked against each other.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// `product.yaml`.
    pub product: Product,
    /// The programme, or the default one.
    pub programme: Programme,
    /// Declared signals; empty: the built-in ones are judged.
    pub signals: Vec<Signal>,
    /// Suites by name.
    pub suites: BTreeMap<String, SuiteDocument>,
    /// Experiments by name.
    pub experiments: BTreeMap<String, Experiment>,
    /// Components that Mettle probes from the user's side: all, until the landscape says which.
    pub user_sides: BTreeSet<String>,
    /// Queries that the metrics server evaluates for signals.
    pub queries: Vec<FeedQuery>,
    /// Digest of the programme with its suites and experiments: only soaks of one programme are compared.
    pub programme_digest: String,
}

/// The texts of a tag, by path in the product repository.
pub type Texts = BTreeMap<String, String>;

/// Folders of the product repository that are read, and the files at its root.
pub const FOLDERS: [&str; 3] = ["mettle", "mettle/suites", "mettle/experiments"];

/// Path of the programme unless the landscape names another.
pub const PROGRAMME: &str = "mettle/programme.yaml";

struct Reader<'a> {
    texts: &'a Texts,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    /// What can be read of a document. Every problem of it is kept, and with any the bundle is refused.
    fn read<T: serde::de::DeserializeOwned + schemars::JsonSchema>(&mut self, path: &str) -> Option<Document<T>> {
        let text = self.texts.get(path)?;
        let (document, problems) = salvage(path, text);
        self.problems.extend(problems.0);
        document
    }

    fn complain<T>(&mut self, document: &Document<T>, complaints: impl IntoIterator<Item = Complaint>) {
        self.problems.extend(document.place(complaints).0);
    }

    fn missing(&mut self, file: &str, message: String, remedy: &str) {
        self.problems.push(Problem {
            file: file.into(),
            line: 0,
            key: String::new(),
            value: String::new(),
            message,
            remedy: remedy.into(),
        });
    }

    fn yaml_in(&self, folder: &str) -> Vec<String> {
        let inside =
            |p: &&String| p.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/') && !rest[1..].contains('/'));
        self.texts.keys().filter(inside).filter(|p| p.ends_with(".yaml") || p.ends_with(".yml")).cloned().collect()
    }

    fn suite(&mut self, path: &str, components: &[String]) -> Option<(String, SuiteDocument, Value)> {
        let text = self.texts.get(path)?;
        let class = crate::documents::yaml::parse(path, text)
            .ok()
            .and_then(|l| l.value.get("class")?.as_str().map(str::to_owned));
        match class.as_deref() {
            Some("performance") => {
                let d = self.read::<PerformanceSuite>(path)?;
                let complaints = d.value.problems(components);
                self.complain(&d, Complaint::all(complaints));
                Some((d.value.name.clone(), SuiteDocument::Performance(d.value.clone()), d.json().clone()))
            }
            Some("security") => {
                let d = self.read::<SecuritySuite>(path)?;
                let complaints = d.value.problems(components);
                self.complain(&d, Complaint::all(complaints));
                Some((d.value.name.clone(), SuiteDocument::Security(d.value.clone()), d.json().clone()))
            }
            // An unknown class is reported with the keys of a business suite, whose schema names the class it wants.
            _ => {
                let d = self.read::<BusinessSuite>(path)?;
                let complaints = d.value.problems(components);
                self.complain(&d, Complaint::all(complaints));
                Some((d.value.name.clone(), SuiteDocument::Business(d.value.clone()), d.json().clone()))
            }
        }
    }
}

impl Bundle {
    /// Reads all documents of a tag. `programme_path` is where the landscape says the programme is.
    ///
    /// # Errors
    /// Every problem of every document, with file and line.
    pub fn read(texts: &Texts, programme_path: &str) -> Result<Bundle, Problems> {
        let mut r = Reader { texts, problems: Vec::new() };
        if !texts.contains_key("product.yaml") {
            r.missing("product.yaml", "is missing".into(), "add product.yaml to the product repository");
            return Err(Problems(r.problems));
        }
        let product = r.read::<Product>("product.yaml");
        let product = product.inspect(|d| r.complain(d, d.value.complaints())).map(|d| d.value);
        let components: Vec<String> = product.iter().flat_map(|p| &p.components).map(|c| c.name.clone()).collect();
        let mut parts = Vec::new();
        let mut suites = BTreeMap::new();
        for path in r.yaml_in("mettle/suites") {
            if let Some((name, suite, json)) = r.suite(&path, &components) {
                parts.push(json);
                suites.insert(name, suite);
            }
        }
        let mut experiments = BTreeMap::new();
        for path in r.yaml_in("mettle/experiments") {
            if let Some(d) = r.read::<Experiment>(&path) {
                let mut complaints = Complaint::all(d.value.problems(None));
                complaints.extend(unknown_loads(&d.value, &suites));
                r.complain(&d, complaints);
                parts.push(d.json().clone());
                experiments.insert(d.value.metadata.name.clone(), d.value);
            }
        }
        let declared = r.read::<Signals>("mettle/signals.yaml");
        let signals = declared.as_ref().map(|d| match d.value.signals() {
            Ok(signals) => signals,
            Err(complaints) => {
                r.complain(d, complaints);
                Vec::new()
            }
        });
        let programme = r.programme(programme_path, product.as_ref(), (&suites, &experiments), &mut parts);
        let programme_digest = sha256_json(&json!(parts));
        match (product, programme) {
            (Some(product), Some(programme)) if r.problems.is_empty() => Ok(Bundle {
                user_sides: components.into_iter().collect(),
                queries: declared.map(|d| d.value.queries(programme.interval.0)).unwrap_or_default(),
                product,
                programme,
                signals: signals.unwrap_or_default(),
                suites,
                experiments,
                programme_digest,
            }),
            _ => Err(Problems(r.problems)),
        }
    }
}

impl Bundle {
    /// The same in a landscape: users reach only some of the components there.
    pub fn within(mut self, processes: &Processes) -> Self {
        let reached = |c: &&Component| c.user && !matches!(c.health.check(), Check::Alive(_));
        let names: BTreeSet<&str> = processes.components.iter().filter(reached).map(|c| c.name.as_str()).collect();
        self.user_sides.retain(|name| names.contains(name.as_str()));
        self
    }

    /// Suites that the programme's experiments load beside their faults.
    pub fn loads_of_experiments(&self) -> BTreeSet<String> {
        let experiments = self.programme.experiments().into_iter().filter_map(|name| self.experiments.get(name));
        let steps = experiments.flat_map(|experiment| &experiment.method);
        steps.flat_map(|step| step.loads("")).map(|(_, load)| load.suite.clone()).collect()
    }

    /// How long an observation takes: samples, holds and rests. Deploying and judging come on top.
    pub fn expected(&self) -> std::time::Duration {
        let one = |phase: &Phase| {
            let injections = phase.experiments.iter().filter_map(|name| self.experiments.get(name)).map(|experiment| {
                let step = |s: &chaos::document::Step| {
                    let hold = phase.hold.map_or(s.hold.duration(), |h| h.0);
                    hold + phase.rest.map_or(s.rest.duration(), |r| r.0)
                };
                experiment.method.iter().map(step).sum::<std::time::Duration>()
                    * phase.repeat.unwrap_or(experiment.repeat.min)
            });
            self.programme.interval.0 * phase.samples.unwrap_or(0) + injections.sum::<std::time::Duration>()
        };
        self.programme.phases.iter().map(one).sum()
    }
}

impl Reader<'_> {
    fn programme(
        &mut self,
        path: &str,
        product: Option<&Product>,
        known: (&BTreeMap<String, SuiteDocument>, &BTreeMap<String, Experiment>),
        parts: &mut Vec<Value>,
    ) -> Option<Programme> {
        if !self.texts.contains_key(path) {
            if path != PROGRAMME {
                self.missing(
                    path,
                    "is named by the landscape and missing in the product repository".into(),
                    "add it, or remove `programme:` from landscape.yaml",
                );
            }
            let default = Programme::default_for(&product?.metadata.name);
            parts.push(serde_json::to_value(&default).unwrap_or_default());
            return Some(default);
        }
        let document = self.read::<Programme>(path)?;
        let mut complaints = document.value.complaints();
        complaints.extend(unknown_names(&document.value, known.0, known.1));
        self.complain(&document, complaints);
        parts.push(document.json().clone());
        Some(document.value)
    }
}

fn unknown_names(
    programme: &Programme,
    suites: &BTreeMap<String, SuiteDocument>,
    experiments: &BTreeMap<String, Experiment>,
) -> Vec<Complaint> {
    let known = |names: Vec<&String>| {
        if names.is_empty() {
            "there are none yet".to_owned()
        } else {
            format!("known: {}", names.into_iter().cloned().collect::<Vec<_>>().join(", "))
        }
    };
    let mut out = Vec::new();
    if let Some(load) =
        programme.load.as_ref().filter(|l| !matches!(suites.get(&l.suite), Some(SuiteDocument::Performance(_))))
    {
        let fit = suites.iter().filter(|(_, s)| s.class() == Class::Performance).map(|(n, _)| n).collect();
        out.push(Complaint::new("load.suite", &load.suite, "is not a performance suite of this product", known(fit)));
    }
    for (i, name) in programme.suites.iter().enumerate() {
        match suites.get(name) {
            None => out.push(Complaint::new(
                format!("suites[{i}]"),
                name,
                "is not a suite of this product",
                known(suites.keys().collect()),
            )),
            Some(SuiteDocument::Performance(_)) => {
                out.push(Complaint::new(format!("suites[{i}]"), name, "is a performance suite", "name it in `load:`"))
            }
            Some(SuiteDocument::Business(_) | SuiteDocument::Security(_)) => {}
        }
    }
    for (i, phase) in programme.phases.iter().enumerate() {
        for (j, name) in phase.experiments.iter().enumerate().filter(|(_, n)| !experiments.contains_key(*n)) {
            out.push(Complaint::new(
                format!("phases[{i}].experiments[{j}]"),
                name,
                "is not an experiment of this product",
                known(experiments.keys().collect()),
            ));
        }
    }
    out
}
