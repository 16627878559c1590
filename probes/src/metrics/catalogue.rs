//! What a place offers: metric families with type, unit, help, and the labels of their series.
//!
//! Pure values. A catalogue comes from an exposition, or from what a Prometheus server says of itself; whoever asks the
//! server is not here. Values of samples are no part of it: what is worth judging is decided by names, types and labels.

use super::exposition::{self, ExpositionError, Format};
use super::series_name::SeriesName;
use scorer::selector::CompiledSelector;
use scorer::signal::Labels;
use std::collections::{BTreeMap, BTreeSet};

/// Most series of one family that a catalogue keeps; their number is counted beyond it.
///
/// Ten thousand label sets are far more than a person names in selectors, and a few megabytes.
pub const MAX_FAMILY_SERIES: usize = 10_000;

/// Suffixes of the parts of a histogram or summary.
const PARTS: [&str; 6] = ["_bucket", "_sum", "_count", "_gsum", "_gcount", "_created"];

/// Type of a metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyKind {
    /// Only rises, except when its process restarts.
    Counter,
    /// Any value.
    Gauge,
    /// Cumulative buckets with `le` labels.
    Histogram,
    /// Buckets within one sample.
    NativeHistogram,
    /// Quantiles, sum and count.
    Summary,
    /// Describes and does not measure; its value is 1.
    Info,
    /// Not declared, and its name does not say.
    Unknown,
}

impl FamilyKind {
    /// The kind that a `TYPE` line or a server's metadata names. A `gaugehistogram` has buckets of what is there now and
    /// not of what happened: nothing here reads them.
    pub fn named(word: &str) -> Self {
        match word {
            "counter" => FamilyKind::Counter,
            "gauge" | "stateset" => FamilyKind::Gauge,
            "histogram" => FamilyKind::Histogram,
            "summary" => FamilyKind::Summary,
            "info" => FamilyKind::Info,
            _ => FamilyKind::Unknown,
        }
    }
}

/// What is declared of a family, as a server's `/api/v1/metadata` has it; empty texts are not declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// `counter`, `gauge`, `histogram`, ...
    pub kind: String,
    /// Unit by OpenMetrics: `seconds`, `bytes`.
    pub unit: String,
    /// What it counts or measures.
    pub help: String,
}

/// Series of a family with the same labels: one, or all parts of one histogram or summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Labels without the name, `le` and `quantile`.
    pub labels: Labels,
    /// `le` values as written, rising; empty where it is no histogram.
    pub bounds: Vec<String>,
}

/// A metric family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// Name of its samples; of histograms and summaries the name without `_bucket`, `_sum` and `_count`.
    pub name: String,
    /// Type.
    pub kind: FamilyKind,
    /// Declared unit; empty: none.
    pub unit: String,
    /// Declared help; empty: none.
    pub help: String,
    /// At most [`MAX_FAMILY_SERIES`], in the order of their labels.
    pub series: Vec<Series>,
    /// How many there are.
    pub count: usize,
}

impl Family {
    /// Every label that one of the kept series has.
    pub fn labels(&self) -> BTreeSet<&str> {
        self.series.iter().flat_map(|one| one.labels.keys().map(String::as_str)).collect()
    }

    /// Every value of a label among the kept series; an absent label has none.
    pub fn values(&self, label: &str) -> BTreeSet<&str> {
        self.series.iter().filter_map(|one| one.labels.get(label).map(String::as_str)).collect()
    }
}

/// What a place offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// In the order of their names.
    pub families: Vec<Family>,
}

impl Catalogue {
    /// From the text of a target's `/metrics`. `added` are labels that whoever records it adds to every series, such as
    /// the recorder's `job`. One of that name that a series has itself moves to `exported_NAME`, as it does when it is
    /// recorded: otherwise selectors would ask for what no recording has.
    ///
    /// # Errors
    /// A text that cannot be read, or a name that is none.
    pub fn from_exposition(body: &[u8], format: Format, added: &Labels) -> Result<Catalogue, ExpositionError> {
        let read = exposition::parse(body, format, exposition::MAX_SERIES_PER_TARGET)?;
        let mut series = Vec::with_capacity(read.samples.len());
        for sample in &read.samples {
            let SeriesName { name, mut labels } =
                exposition::series_name(sample.series).map_err(|fault| ExpositionError { line: sample.line, fault })?;
            for (label, value) in added {
                if let Some(own) = labels.insert(label.clone(), value.clone()) {
                    labels.insert(format!("exported_{label}"), own);
                }
            }
            series.push((name, labels));
        }
        // Comments are read here and not by the parser, which every scrape pays for.
        let text = std::str::from_utf8(body).unwrap_or_default();
        Ok(built(&declared(text), series))
    }

    /// From a server's answers: metadata by family, and series as `/api/v1/series`
    /// lists them, with their name under `__name__`. Series without a name are left out.
    pub fn from_discovery(
        metadata: &BTreeMap<String, Metadata>,
        series: impl IntoIterator<Item = Labels>,
    ) -> Catalogue {
        let named = |mut labels: Labels| Some((labels.remove("__name__")?, labels));
        built(metadata, series.into_iter().filter_map(named).collect())
    }

    /// Several places as one. What one of them declares holds for all that declare nothing.
    pub fn joined(places: impl IntoIterator<Item = Catalogue>) -> Catalogue {
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        for family in places.into_iter().flat_map(|place| place.families) {
            let Some(known) = families.get_mut(&family.name) else {
                families.insert(family.name.clone(), family);
                continue;
            };
            if known.kind == FamilyKind::Unknown {
                known.kind = family.kind;
            }
            for (ours, theirs) in [(&mut known.unit, family.unit), (&mut known.help, family.help)] {
                if ours.is_empty() {
                    *ours = theirs;
                }
            }
            let beyond = (known.count - known.series.len()) + (family.count - family.series.len());
            known.series.extend(family.series);
            known.series.sort_by(|a, b| a.labels.cmp(&b.labels));
            known.series.dedup_by(|a, b| a.labels == b.labels);
            known.count = known.series.len() + beyond;
            known.series.truncate(MAX_FAMILY_SERIES);
        }
        Catalogue { families: families.into_values().collect() }
    }

    /// The series that one of the selectors selects; without any selector everything. A histogram or summary is selected
    /// by its own name and by those of its parts.
    #[must_use]
    pub fn only(self, selectors: &[CompiledSelector]) -> Catalogue {
        if selectors.is_empty() {
            return self;
        }
        let kept = |mut family: Family| {
            let names: Vec<String> = match family.kind {
                FamilyKind::Histogram | FamilyKind::Summary => {
                    ["", "_bucket", "_sum", "_count"].iter().map(|part| format!("{}{part}", family.name)).collect()
                }
                _ => vec![family.name.clone()],
            };
            let wanted = |one: &Series| selectors.iter().any(|s| names.iter().any(|name| s.matches(name, &one.labels)));
            let (all, truncated) = (family.series.len(), family.count > family.series.len());
            family.series.retain(wanted);
            // Of what was not kept it is not known whether it is selected; it counts as long as anything is.
            if !truncated || family.series.len() < all {
                family.count = family.series.len();
            }
            (!family.series.is_empty()).then_some(family)
        };
        Catalogue { families: self.families.into_iter().filter_map(kept).collect() }
    }

    /// Series of all families.
    pub fn series(&self) -> usize {
        self.families.iter().map(|family| family.count).sum()
    }
}

/// What the comments of an exposition declare.
fn declared(text: &str) -> BTreeMap<String, Metadata> {
    let mut all: BTreeMap<String, Metadata> = BTreeMap::new();
    for line in text.lines() {
        let Some(comment) = line.trim_start_matches([' ', '\t']).strip_prefix('#') else { continue };
        let mut words = comment.trim_start_matches([' ', '\t']).splitn(3, [' ', '\t']);
        let (Some(what), Some(name), Some(text)) = (words.next(), words.next(), words.next()) else { continue };
        let text = text.trim().to_owned();
        // Newer names are quoted where they are no classic ones.
        let name = name.trim_matches('"');
        match what {
            "TYPE" => all.entry(name.to_owned()).or_default().kind = text,
            "UNIT" => all.entry(name.to_owned()).or_default().unit = text,
            "HELP" => all.entry(name.to_owned()).or_default().help = text,
            _ => {}
        }
    }
    all
}

/// A family while its series come in.
struct Gathered {
    kind: FamilyKind,
    declared_as: String,
    bounds: BTreeMap<Labels, Vec<String>>,
}

fn built(metadata: &BTreeMap<String, Metadata>, series: Vec<(String, Labels)>) -> Catalogue {
    let names: BTreeSet<String> = series.iter().map(|(name, _)| name.clone()).collect();
    let mut families: BTreeMap<String, Gathered> = BTreeMap::new();
    for (name, mut labels) in series {
        let Some(place) = placed(&name, &labels, metadata, &names) else { continue };
        let bound = labels.remove("le");
        labels.remove("quantile");
        let family = families.entry(place.family).or_insert_with(|| Gathered {
            kind: place.kind,
            declared_as: place.declared_as,
            bounds: BTreeMap::new(),
        });
        // A histogram whose classic buckets are there is one, whatever else it has.
        if place.kind == FamilyKind::Histogram {
            family.kind = FamilyKind::Histogram;
        }
        family.bounds.entry(labels).or_default().extend(bound);
    }
    Catalogue { families: families.into_iter().map(|(name, gathered)| family(name, gathered, metadata)).collect() }
}

fn family(name: String, gathered: Gathered, metadata: &BTreeMap<String, Metadata>) -> Family {
    let Metadata { unit, help, .. } = metadata.get(&gathered.declared_as).cloned().unwrap_or_default();
    let count = gathered.bounds.len();
    let sorted = |(labels, mut bounds): (Labels, Vec<String>)| {
        bounds.sort_by(|a, b| bound_value(a).total_cmp(&bound_value(b)));
        bounds.dedup();
        Series { labels, bounds }
    };
    let series = gathered.bounds.into_iter().take(MAX_FAMILY_SERIES).map(sorted).collect();
    Family { name, kind: gathered.kind, unit, help, series, count }
}

/// Value of a `le` label; what is no number comes last.
fn bound_value(text: &str) -> f64 {
    text.parse().unwrap_or(f64::INFINITY)
}

/// Where a series belongs.
struct Place {
    family: String,
    kind: FamilyKind,
    /// Name under which type, unit and help are declared.
    declared_as: String,
}

/// `None`: it says when a counter began and measures nothing.
fn placed(
    name: &str,
    labels: &Labels,
    metadata: &BTreeMap<String, Metadata>,
    names: &BTreeSet<String>,
) -> Option<Place> {
    let kind_of = |name: &str| metadata.get(name).map(|m| FamilyKind::named(&m.kind));
    let place = |family: &str, kind, declared_as: &str| {
        Some(Place { family: family.to_owned(), kind, declared_as: declared_as.to_owned() })
    };
    match kind_of(name) {
        None | Some(FamilyKind::Unknown) => {}
        Some(FamilyKind::Gauge) if name.ends_with("_info") => return place(name, FamilyKind::Info, name),
        // Samples of a histogram that have no part of their own hold all buckets in one.
        Some(FamilyKind::Histogram) => return place(name, FamilyKind::NativeHistogram, name),
        Some(kind) => return place(name, kind, name),
    }
    for part in PARTS {
        let Some(base) = name.strip_suffix(part) else { continue };
        if metadata.get(base).is_some_and(|declared| declared.kind == "gaugehistogram") {
            return place(name, FamilyKind::Unknown, base);
        }
        match kind_of(base) {
            Some(FamilyKind::Histogram | FamilyKind::Summary | FamilyKind::Counter) if part == "_created" => {
                return None;
            }
            Some(FamilyKind::Histogram) => return place(base, FamilyKind::Histogram, base),
            Some(FamilyKind::Summary) => return place(base, FamilyKind::Summary, base),
            _ => {}
        }
    }
    // OpenMetrics declares these without their suffix.
    for (suffix, kind) in [("_total", FamilyKind::Counter), ("_info", FamilyKind::Info)] {
        if let Some(base) = name.strip_suffix(suffix).filter(|base| kind_of(base) == Some(kind)) {
            return place(name, kind, base);
        }
    }
    let (family, kind) = by_name(name, labels, names);
    place(&family, kind, name)
}

/// Family and type by the naming rules of Prometheus alone.
fn by_name(name: &str, labels: &Labels, names: &BTreeSet<String>) -> (String, FamilyKind) {
    let beside = |base: &str, part: &str| names.contains(&format!("{base}{part}"));
    if let Some(base) = name.strip_suffix("_bucket").filter(|_| labels.contains_key("le")) {
        return (base.to_owned(), FamilyKind::Histogram);
    }
    for part in ["_sum", "_count"] {
        let Some(base) = name.strip_suffix(part) else { continue };
        if beside(base, "_bucket") {
            return (base.to_owned(), FamilyKind::Histogram);
        }
        if beside(base, "_sum") && beside(base, "_count") {
            return (base.to_owned(), FamilyKind::Summary);
        }
    }
    let kind = match () {
        () if labels.contains_key("quantile") => FamilyKind::Summary,
        () if name.ends_with("_total") => FamilyKind::Counter,
        () if name.ends_with("_info") => FamilyKind::Info,
        () => FamilyKind::Unknown,
    };
    (name.to_owned(), kind)
}
