//! The release note: Markdown for people with YAML front matter for machines, by a template that users can replace.

use crate::changelog::plain;
use crate::report::Report;
use minijinja::{Environment, Value};
use scorer::Judgement;
use scorer::quantity::Unit;
use scorer::verdict::MetricReport;
use serde::Serialize;
use std::collections::BTreeMap;

/// The template that comes with Mettle.
pub const TEMPLATE: &str = include_str!("../../templates/release.md.j2");

/// Why there is no note.
#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    /// The template is wrong, or asks for something that is not there.
    #[error("failed to write the release note of {tag} with template {template}")]
    Template {
        /// Tag.
        tag: String,
        /// Name of the template.
        template: String,
        /// Why, with the line.
        #[source]
        source: minijinja::Error,
    },
}

/// What a template sees.
#[derive(Serialize)]
struct View<'a> {
    report: &'a Report,
    judgement: Option<&'a Judgement>,
    summary: String,
    against: String,
    figures: Vec<Figure>,
    faults: Vec<Fault>,
    seconds: Option<u64>,
}

#[derive(Serialize)]
struct Figure {
    name: String,
    effect: String,
    limits: String,
    margin: String,
}

#[derive(Serialize)]
struct Fault {
    experiment: String,
    kind: String,
    target: String,
    asked: u32,
    verified: u32,
}

/// The note of a report. `name` and `template`: [`TEMPLATE`], or a file of the user.
///
/// # Errors
/// The template cannot be parsed or rendered.
pub fn render(report: &Report, name: &str, template: &str) -> Result<String, NoteError> {
    let failed = |source| NoteError::Template { tag: report.tag.clone(), template: name.to_owned(), source };
    let mut environment = Environment::new();
    environment.add_filter("plain", |text: &str| plain(text));
    environment.add_filter("yaml", yaml);
    let metrics = report.judgement.as_ref().map_or(&[][..], |judgement| &judgement.metrics);
    let against = if report.against.is_empty() { "the baseline".to_owned() } else { report.against.join(", ") };
    let view = View {
        report,
        judgement: report.judgement.as_ref(),
        summary: summary(report),
        against,
        figures: metrics.iter().filter_map(figure).collect(),
        faults: faults(report),
        seconds: report.way_back.as_ref().and_then(|back| back.takes_ms).map(|ms| ms.div_ceil(1000)),
    };
    environment.render_named_str(name, template, Value::from(minijinja::value::Serde(&view))).map_err(failed)
}

/// JSON is YAML: quoting is complete, whatever a name holds. What is not there is `null`.
fn yaml(value: &Value) -> Result<String, minijinja::Error> {
    if value.is_undefined() {
        return Ok("null".to_owned());
    }
    serde_json::to_string(value).map_err(|error| {
        minijinja::Error::new(minijinja::ErrorKind::BadSerialization, "a value of the front matter").with_source(error)
    })
}

fn summary(report: &Report) -> String {
    let seconds = (report.ended_at - report.started_at).num_seconds().max(0) as f64;
    let minutes = (seconds / 60.0) as i64;
    let watched = match minutes {
        0..60 => format!("watched {:.1} min in {}", seconds / 60.0, report.landscape),
        _ => format!("watched {} h {} min in {}", minutes / 60, minutes % 60, report.landscape),
    };
    let Some(judgement) = &report.judgement else {
        let why = report.outcome_detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
        return format!("{watched}; nothing was judged{why}");
    };
    match (judgement.score, judgement.score_low, judgement.score_high) {
        (Some(score), Some(low), Some(high)) => {
            format!("score {score:.0} ({low:.0}..{high:.0}) of 100; {watched}")
        }
        _ => format!("judged by its objectives; {watched}"),
    }
}

fn figure(metric: &MetricReport) -> Option<Figure> {
    let unit = Unit::named(&metric.unit);
    let limit = |value: Option<f64>| value.map_or_else(|| "?".to_owned(), |v| unit.difference(v));
    Some(Figure {
        name: metric.name.clone(),
        effect: unit.difference(metric.effect?),
        limits: format!("{} .. {}", limit(metric.effect_low), limit(metric.effect_high)),
        margin: unit.difference(metric.margin),
    })
}

fn faults(report: &Report) -> Vec<Fault> {
    let mut faults: BTreeMap<(&str, &str, &str), (u32, u32)> = BTreeMap::new();
    for exposure in &report.exposures {
        let count = faults.entry((&exposure.experiment, &exposure.kind, &exposure.target)).or_default();
        count.0 += 1;
        count.1 += u32::from(exposure.verified);
    }
    let fault = |((experiment, kind, target), (asked, verified)): ((&str, &str, &str), (u32, u32))| Fault {
        experiment: experiment.to_owned(),
        kind: kind.to_owned(),
        target: target.to_owned(),
        asked,
        verified,
    };
    faults.into_iter().map(fault).collect()
}
