//! `signals.yaml`: how raw samples become judged series. The wire form; [`scorer::Signal`] is the domain.

use super::problem::Complaint;
use super::product::ApiVersion;
use super::quantity::Span;
use probes::metrics::FeedQuery;
use probes::metrics::server::check_query;
use schemars::JsonSchema;
use scorer::signal::{Dimension, Form, Margin, Selector, Signal, Tier, Worse};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The document.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Signals {
    /// Version of the document family.
    pub api_version: ApiVersion,
    /// Kind of the document.
    pub kind: SignalsKind,
    /// The signals.
    pub signals: Vec<SignalSpec>,
}

/// Kind `Signals`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SignalsKind {
    /// `Signals`.
    Signals,
}

/// Kind of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FormKind {
    /// Good of total.
    Ratio,
    /// Share above a bound.
    Latency,
    /// A whole histogram: how probable it is that an observation is larger than one of the baseline.
    Distribution,
    /// Values as they are.
    Gauge,
    /// Increments a second or per another counter.
    Rate,
    /// Rare events.
    Count,
    /// What a query says that the metrics server evaluates.
    Query,
}

/// Tier on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TierSpec {
    /// Must be shown not worse.
    Gate,
    /// Can only cause a fail.
    #[default]
    Watch,
}

/// Dimension on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DimensionSpec {
    /// What users can do.
    Business,
    /// How fast, at which cost.
    #[default]
    Performance,
    /// How well faults are survived.
    Resilience,
    /// What is exposed.
    Security,
}

/// Direction on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WorseSpec {
    /// More is worse.
    Up,
    /// Less is worse.
    Down,
    /// Any change is worse.
    Either,
}

/// One signal as written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SignalSpec {
    /// Name.
    pub name: String,
    /// Kind.
    pub kind: FormKind,
    /// ratio: selector of good events.
    #[serde(default)]
    pub good: Option<String>,
    /// ratio: selector of all events.
    #[serde(default)]
    pub total: Option<String>,
    /// latency, distribution: selector of the histogram's buckets.
    #[serde(default)]
    pub buckets: Option<String>,
    /// latency: the bound.
    #[serde(default)]
    pub threshold: Option<Span>,
    /// gauge, rate, count: selector of the series.
    #[serde(default)]
    pub series: Option<String>,
    /// query: PromQL that gives one value per series and moment; needs a metrics server in the landscape.
    #[serde(default)]
    pub promql: Option<String>,
    /// query: distance of its values; the programme's interval where absent.
    #[serde(default)]
    pub step: Option<Span>,
    /// rate: counter to divide by.
    #[serde(default)]
    pub per: Option<String>,
    /// distribution, gauge, rate, count, query: one metric per value of these labels.
    #[serde(default)]
    pub group_by: Vec<String>,
    /// Component that it speaks of.
    #[serde(default)]
    pub component: Option<String>,
    /// Tier.
    #[serde(default)]
    pub tier: TierSpec,
    /// Dimension.
    #[serde(default)]
    pub dimension: DimensionSpec,
    /// Direction that is worse; ratio: down, latency, distribution and count: up, gauge: either, rate: either.
    #[serde(default)]
    pub worse: Option<WorseSpec>,
    /// How much worse it may get, in its own unit: write "1pp", "10%", "4MB", "250ms" or a number in quotes.
    #[serde(default)]
    pub margin: Option<String>,
    /// How much more it may grow over the programme, written like a margin.
    #[serde(default)]
    pub rise: Option<String>,
    /// Absolute objective.
    #[serde(default)]
    pub objective: Option<f64>,
    /// Consecutive broken samples that make the objective a hard rule.
    #[serde(default = "ten")]
    pub broken_after: u32,
}

fn ten() -> u32 {
    10
}

impl Signals {
    /// The domain signals, or everything that is wrong with them.
    ///
    /// # Errors
    /// All complaints.
    pub fn signals(&self) -> Result<Vec<Signal>, Vec<Complaint>> {
        signals_of(&self.signals)
    }

    /// Queries that the metrics server evaluates; `interval` is the distance of values where none is given.
    pub fn queries(&self, interval: Duration) -> Vec<FeedQuery> {
        let query = |spec: &SignalSpec| {
            let promql = spec.promql.clone()?;
            Some(FeedQuery { signal: spec.name.clone(), promql, step: spec.step.map_or(interval, |step| step.0) })
        };
        self.signals.iter().filter_map(query).collect()
    }
}

/// The domain signals of a list under the key `signals`, or everything that is wrong with them.
pub(super) fn signals_of(specs: &[SignalSpec]) -> Result<Vec<Signal>, Vec<Complaint>> {
    let mut complaints = Vec::new();
    let mut out = Vec::new();
    for (i, spec) in specs.iter().enumerate() {
        if specs[..i].iter().any(|s| s.name == spec.name) {
            complaints.push(Complaint::new(
                format!("signals[{i}].name"),
                &spec.name,
                "is given twice",
                "give every signal its own name",
            ));
        }
        out.extend(spec.signal(&format!("signals[{i}]"), &mut complaints));
    }
    if complaints.is_empty() { Ok(out) } else { Err(complaints) }
}

/// Reads the parts of one spec; what is wrong goes to `complaints`.
struct Reader<'a> {
    spec: &'a SignalSpec,
    key: &'a str,
    complaints: &'a mut Vec<Complaint>,
}

impl Reader<'_> {
    fn selector(&mut self, name: &str, text: Option<&String>) -> Option<Selector> {
        let Some(text) = text else {
            let message = format!("signal `{}` needs `{name}`", self.spec.name);
            self.complaints.push(Complaint::new(
                format!("{}.{name}", self.key),
                "",
                message,
                format!("add `{name}: 'metric{{label=\"value\"}}'`"),
            ));
            return None;
        };
        Selector::parse(text)
            .map_err(|e| {
                self.complaints.push(Complaint::new(
                    format!("{}.{name}", self.key),
                    text,
                    e.to_string(),
                    "write a selector such as 'http_requests_total{code!~\"5..\"}'",
                ))
            })
            .ok()
    }

    fn margin(&mut self, name: &str, text: Option<&String>) -> Option<Margin> {
        Margin::parse(text?)
            .map_err(|e| {
                self.complaints.push(Complaint::new(
                    format!("{}.{name}", self.key),
                    text.map_or("", String::as_str),
                    e.to_string(),
                    "write \"1pp\", \"10%\", \"4MB\", \"250ms\" or a number in quotes",
                ))
            })
            .ok()
    }

    /// Whether a margin is one of a share: what is compared of a distribution lies between 0 and 1.
    fn of_a_share(&mut self, name: &str, text: Option<&String>) -> bool {
        let Some(text) = text else { return true };
        let fits = text.trim_end().ends_with("pp") || text.trim_end().ends_with('%');
        if !fits {
            self.complaints.push(Complaint::new(
                format!("{}.{name}", self.key),
                text,
                "is no margin of a distribution, which is judged by how probable a larger observation is",
                "write percentage points, `5pp`: larger than one of the baseline in 55 % of cases",
            ));
        }
        fits
    }

    /// Keys that are given but belong to another kind.
    fn strangers(&mut self, allowed: &[&str]) {
        let s = self.spec;
        let given = [
            ("good", s.good.is_some()),
            ("total", s.total.is_some()),
            ("buckets", s.buckets.is_some()),
            ("threshold", s.threshold.is_some()),
            ("series", s.series.is_some()),
            ("per", s.per.is_some()),
            ("groupBy", !s.group_by.is_empty()),
            ("promql", s.promql.is_some()),
            ("step", s.step.is_some()),
        ];
        for (name, _) in given.iter().filter(|(name, given)| *given && !allowed.contains(name)) {
            self.complaints.push(Complaint::new(
                format!("{}.{name}", self.key),
                "",
                format!("does not belong to a signal of kind {:?}", s.kind).to_lowercase(),
                format!("remove it; this kind takes {}", allowed.join(", ")),
            ));
        }
    }

    /// The query, if it can be evaluated.
    fn query(&mut self) -> Option<&'_ str> {
        let key = format!("{}.promql", self.key);
        let Some(promql) = &self.spec.promql else {
            let message = format!("signal `{}` needs `promql`", self.spec.name);
            self.complaints.push(Complaint::new(key, "", message, "add `promql: 'sum(queue_depth)'`"));
            return None;
        };
        let checked = check_query(promql);
        checked.map_err(|e| self.complaints.push(Complaint::new(key, promql, e.to_string(), e.remedy()))).ok()?;
        Some(promql)
    }

    fn form(&mut self) -> Option<(Form, Worse)> {
        let s = self.spec;
        match s.kind {
            FormKind::Ratio => {
                self.strangers(&["good", "total"]);
                let (good, total) = (self.selector("good", s.good.as_ref()), self.selector("total", s.total.as_ref()));
                Some((Form::Ratio { good: good?, total: total? }, Worse::Down))
            }
            FormKind::Latency => {
                self.strangers(&["buckets", "threshold"]);
                let buckets = self.selector("buckets", s.buckets.as_ref());
                if s.threshold.is_none() {
                    self.complaints.push(Complaint::new(
                        format!("{}.threshold", self.key),
                        "",
                        format!("signal `{}` needs `threshold`", s.name),
                        "add `threshold: 250ms`",
                    ));
                }
                Some((Form::Latency { buckets: buckets?, threshold_s: s.threshold?.0.as_secs_f64() }, Worse::Up))
            }
            FormKind::Distribution => {
                self.strangers(&["buckets", "groupBy"]);
                let buckets = self.selector("buckets", s.buckets.as_ref());
                let of_a_share =
                    [self.of_a_share("margin", s.margin.as_ref()), self.of_a_share("rise", s.rise.as_ref())];
                let buckets = buckets.filter(|_| of_a_share.iter().all(|fits| *fits))?;
                Some((Form::Distribution { buckets, group_by: s.group_by.clone() }, Worse::Up))
            }
            FormKind::Gauge => {
                self.strangers(&["series", "groupBy"]);
                Some((
                    Form::Gauge { series: self.selector("series", s.series.as_ref())?, group_by: s.group_by.clone() },
                    Worse::Either,
                ))
            }
            FormKind::Rate => {
                self.strangers(&["series", "per", "groupBy"]);
                let series = self.selector("series", s.series.as_ref());
                let per = match &s.per {
                    Some(_) => Some(self.selector("per", s.per.as_ref())?),
                    None => None,
                };
                Some((Form::Rate { series: series?, per, group_by: s.group_by.clone() }, Worse::Either))
            }
            FormKind::Count => {
                self.strangers(&["series", "groupBy"]);
                Some((
                    Form::Count { series: self.selector("series", s.series.as_ref())?, group_by: s.group_by.clone() },
                    Worse::Up,
                ))
            }
            FormKind::Query => {
                self.strangers(&["promql", "step", "groupBy"]);
                let series = FeedQuery::selector(&s.name, self.query()?);
                Some((Form::Gauge { series, group_by: s.group_by.clone() }, Worse::Either))
            }
        }
    }
}

impl SignalSpec {
    fn signal(&self, key: &str, complaints: &mut Vec<Complaint>) -> Option<Signal> {
        if self.tier == TierSpec::Gate && self.margin.is_none() {
            complaints.push(Complaint::new(
                format!("{key}.margin"),
                "",
                format!("gate signal `{}` has no margin", self.name),
                "say how much worse it may get, for instance `margin: 1pp`, or make it `tier: watch`",
            ));
        }
        let mut reader = Reader { spec: self, key, complaints };
        let form = reader.form();
        let margin = reader.margin("margin", self.margin.as_ref());
        let rise = reader.margin("rise", self.rise.as_ref());
        let (form, natural) = form?;
        Some(Signal {
            name: self.name.clone(),
            component: self.component.clone(),
            tier: if self.tier == TierSpec::Gate { Tier::Gate } else { Tier::Watch },
            dimension: match self.dimension {
                DimensionSpec::Business => Dimension::Business,
                DimensionSpec::Performance => Dimension::Performance,
                DimensionSpec::Resilience => Dimension::Resilience,
                DimensionSpec::Security => Dimension::Security,
            },
            worse: match self.worse {
                Some(WorseSpec::Up) => Worse::Up,
                Some(WorseSpec::Down) => Worse::Down,
                Some(WorseSpec::Either) => Worse::Either,
                None => natural,
            },
            form,
            margin,
            rise,
            objective: self.objective,
            broken_after: self.broken_after,
        })
    }
}
