//! The kinds of documents, by the names that people give them.

use super::judge_policy::JudgePolicy;
use super::landscape::Landscape;
use super::product::Product;
use super::programme::Programme;
use super::settings::Settings;
use super::signals::Signals;
use super::{Complaint, Problems, read_text};
use crate::landscape::processes::Processes;
use chaos::document::Experiment;
use probes::load::PerformanceSuite;
use probes::suite::{BusinessSuite, SecuritySuite};
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// A kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// product.yaml
    Product,
    /// landscape.yaml
    Landscape,
    /// processes.yaml
    Processes,
    /// mettle/programme.yaml
    Programme,
    /// mettle/signals.yaml
    Signals,
    /// mettle/suites/*.yaml
    Suites,
    /// mettle/experiments/*.yaml
    Experiment,
    /// mettle.yaml
    Installation,
    /// policy of `mettle judge`
    JudgePolicy,
}

/// Every kind.
pub const KINDS: [Kind; 9] = [
    Kind::Product,
    Kind::Landscape,
    Kind::Processes,
    Kind::Programme,
    Kind::Signals,
    Kind::Suites,
    Kind::Experiment,
    Kind::Installation,
    Kind::JudgePolicy,
];

impl Kind {
    /// Name on the command line and of the file in docs/schemas.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Product => "product",
            Kind::Landscape => "landscape",
            Kind::Processes => "processes",
            Kind::Programme => "programme",
            Kind::Signals => "signals",
            Kind::Suites => "suites",
            Kind::Experiment => "experiment",
            Kind::Installation => "installation",
            Kind::JudgePolicy => "judge-policy",
        }
    }

    /// What `kind:` says in the document.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Product => "Product",
            Kind::Landscape => "Landscape",
            Kind::Processes => "Processes",
            Kind::Programme => "Programme",
            Kind::Signals => "Signals",
            Kind::Suites => "Suite",
            Kind::Experiment => "Experiment",
            Kind::Installation => "Installation",
            Kind::JudgePolicy => "JudgePolicy",
        }
    }

    /// The kind whose documents say `word`.
    pub fn of_word(word: &str) -> Option<Kind> {
        KINDS.into_iter().find(|kind| kind.word() == word)
    }

    /// Its JSON Schema.
    pub fn schema(self) -> Value {
        match self {
            Kind::Product => schemars::schema_for!(Product).to_value(),
            Kind::Landscape => schemars::schema_for!(Landscape).to_value(),
            Kind::Processes => schemars::schema_for!(Processes).to_value(),
            Kind::Programme => schemars::schema_for!(Programme).to_value(),
            Kind::Signals => schemars::schema_for!(Signals).to_value(),
            Kind::Suites => suites_schema(),
            Kind::Experiment => schemars::schema_for!(Experiment).to_value(),
            Kind::Installation => schemars::schema_for!(Settings).to_value(),
            Kind::JudgePolicy => schemars::schema_for!(JudgePolicy).to_value(),
        }
    }

    /// Everything that is wrong with one document of this kind. Names of other documents are not known here.
    pub fn problems(self, file: &str, text: &str) -> Problems {
        let checked = match self {
            Kind::Product => check::<Product>(file, text, Product::complaints),
            Kind::Landscape => check::<Landscape>(file, text, Landscape::complaints),
            Kind::Programme => check::<Programme>(file, text, Programme::complaints),
            Kind::Signals => check::<Signals>(file, text, |s| s.signals().err().unwrap_or_default()),
            Kind::Installation => check::<Settings>(file, text, |_| vec![]),
            Kind::JudgePolicy => check::<JudgePolicy>(file, text, |p| p.signals().err().unwrap_or_default()),
            Kind::Processes => check::<Processes>(file, text, |p| Complaint::all(p.problems())),
            Kind::Experiment => check::<Experiment>(file, text, |e| Complaint::all(e.problems(None))),
            Kind::Suites => suite(file, text),
        };
        checked.err().unwrap_or_default()
    }
}

fn check<T: serde::de::DeserializeOwned + schemars::JsonSchema>(
    file: &str,
    text: &str,
    rules: impl Fn(&T) -> Vec<Complaint>,
) -> Result<(), Problems> {
    read_text::<T>(file, text, rules).map(|_| ())
}

/// A suite alone: its components are those that it names, since the product is not known.
fn suite(file: &str, text: &str) -> Result<(), Problems> {
    let value = super::yaml::parse(file, text).map_err(Problems)?.value;
    let mut named = Vec::new();
    components(&value, &mut named);
    match value.get("class").and_then(Value::as_str) {
        Some("performance") => check::<PerformanceSuite>(file, text, |s| Complaint::all(s.problems(&named))),
        Some("security") => check::<SecuritySuite>(file, text, |s| Complaint::all(s.problems(&named))),
        _ => check::<BusinessSuite>(file, text, |s| Complaint::all(s.problems(&named))),
    }
}

/// Every value of a key `component`.
fn components(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| components(item, out)),
        Value::Object(map) => {
            out.extend(map.get("component").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| components(value, out));
        }
        _ => {}
    }
}

/// One schema for the three classes of suites.
fn suites_schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let classes = [
        generator.subschema_for::<BusinessSuite>().to_value(),
        generator.subschema_for::<PerformanceSuite>().to_value(),
        generator.subschema_for::<SecuritySuite>().to_value(),
    ];
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Suite",
        "description": "A named set of checks of one class: business, performance or security.",
        "oneOf": classes,
        "$defs": generator.take_definitions(true),
    })
}
