use probes::metrics::catalogue::{Catalogue, Family, FamilyKind, MAX_FAMILY_SERIES, Metadata};
use probes::metrics::exposition::Format;
use proptest::prelude::*;
use scorer::signal::{Labels, Selector};
use std::collections::BTreeMap;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect()
}

fn exposed(text: &str, format: Format) -> Catalogue {
    Catalogue::from_exposition(text.as_bytes(), format, &labels(&[("job", "shop"), ("code", "added")])).unwrap()
}

fn family<'a>(catalogue: &'a Catalogue, name: &str) -> &'a Family {
    let names: Vec<&str> = catalogue.families.iter().map(|f| f.name.as_str()).collect();
    catalogue.families.iter().find(|f| f.name == name).unwrap_or_else(|| panic!("no {name} among {names:?}"))
}

const TEXT: &str = "# HELP r_total Answered.\n# TYPE r_total counter\nr_total{code=\"200\"} 1\nr_total 2\n\
    # TYPE d_seconds histogram\nd_seconds_bucket{le=\"0.5\"} 1\nd_seconds_bucket{le=\"0.1\"} 1\n\
    d_seconds_bucket{le=\"+Inf\"} 1\nd_seconds_sum 1\nd_seconds_count 1\n\
    # TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 1\ns_count 1\n# TYPE build_info gauge\nbuild_info{v=\"1\"} 1\n\
    plain 1\nguessed_total 1\nbare_bucket{le=\"1\"} 1\nbare_count 1\nbare_sum 1\n";

#[test]
fn families_have_type_unit_help_and_the_labels_of_their_series() {
    let catalogue = exposed(TEXT, Format::Prometheus);
    let kinds: Vec<(&str, FamilyKind)> = catalogue.families.iter().map(|f| (f.name.as_str(), f.kind)).collect();
    let wanted = [
        ("bare", FamilyKind::Histogram),
        ("build_info", FamilyKind::Info),
        ("d_seconds", FamilyKind::Histogram),
        ("guessed_total", FamilyKind::Counter),
        ("plain", FamilyKind::Unknown),
        ("r_total", FamilyKind::Counter),
        ("s", FamilyKind::Summary),
    ];
    assert_eq!(kinds, wanted);
    let requests = family(&catalogue, "r_total");
    assert_eq!((requests.help.as_str(), requests.count), ("Answered.", 2));
    // What a series says itself moves away from what is added, as in recordings.
    assert_eq!(requests.values("code").into_iter().collect::<Vec<_>>(), ["added"]);
    assert_eq!(requests.values("exported_code").into_iter().collect::<Vec<_>>(), ["200"]);
    assert_eq!(requests.values("job").into_iter().collect::<Vec<_>>(), ["shop"]);
    let durations = family(&catalogue, "d_seconds");
    assert_eq!(
        (durations.count, durations.series[0].bounds.as_slice()),
        (1, &["0.1", "0.5", "+Inf"].map(str::to_owned)[..])
    );
    assert!(!durations.labels().contains("le"));
}

#[test]
fn openmetrics_declares_counters_and_info_without_their_suffix() {
    let text = "# TYPE r counter\n# UNIT r_seconds seconds\n# HELP r Of \"r\".\nr_total 1\nr_created 1.5\n# TYPE target info\n\
        target_info{v=\"1\"} 1\n# TYPE g gauge\n# UNIT g bytes\ng 1\n# EOF\n";
    let catalogue = exposed(text, Format::OpenMetrics);
    assert_eq!(catalogue.families.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["g", "r_total", "target_info"]);
    assert_eq!(
        (family(&catalogue, "r_total").help.as_str(), family(&catalogue, "g").unit.as_str()),
        ("Of \"r\".", "bytes")
    );
    assert!(Catalogue::from_exposition(b"# TYPE a gauge\na 1\n", Format::OpenMetrics, &Labels::new()).is_err());
}

#[test]
fn a_server_says_the_same_and_tells_native_histograms() {
    let declare = |kind: &str| Metadata { kind: kind.to_owned(), unit: String::new(), help: "h".to_owned() };
    let metadata: BTreeMap<String, Metadata> = [("d", "histogram"), ("n", "histogram"), ("g", "gauge")]
        .map(|(name, kind)| (name.to_owned(), declare(kind)))
        .into();
    let series = [
        labels(&[("__name__", "d_bucket"), ("le", "1"), ("job", "a")]),
        labels(&[("__name__", "d_count"), ("job", "a")]),
        labels(&[("__name__", "d"), ("job", "a")]),
        labels(&[("__name__", "n"), ("job", "a")]),
        labels(&[("__name__", "g"), ("job", "b")]),
        labels(&[("job", "nameless")]),
    ];
    let catalogue = Catalogue::from_discovery(&metadata, series);
    let kinds: Vec<FamilyKind> = catalogue.families.iter().map(|f| f.kind).collect();
    // Classic buckets are what signals are formed from, whatever else a histogram has.
    assert_eq!(kinds, [FamilyKind::Histogram, FamilyKind::Gauge, FamilyKind::NativeHistogram]);
    assert_eq!(family(&catalogue, "d").help, "h");
}

#[test]
fn buckets_of_what_is_there_now_are_no_histogram() {
    let text = "# TYPE q gaugehistogram\nq_bucket{le=\"1\"} 1\nq_bucket{le=\"+Inf\"} 1\nq_gcount 1\nq_gsum 1\n# EOF\n";
    let catalogue = exposed(text, Format::OpenMetrics);
    let kinds: Vec<(&str, FamilyKind)> = catalogue.families.iter().map(|f| (f.name.as_str(), f.kind)).collect();
    assert_eq!(kinds, ["q_bucket", "q_gcount", "q_gsum"].map(|name| (name, FamilyKind::Unknown)));
}

#[test]
fn many_series_are_counted_and_some_of_them_kept() {
    let one = |i: usize| labels(&[("__name__", "g"), ("i", &format!("{i:06}"))]);
    let catalogue = Catalogue::from_discovery(&BTreeMap::new(), (0..MAX_FAMILY_SERIES + 5).map(one));
    let all = family(&catalogue, "g");
    assert_eq!((all.count, all.series.len()), (MAX_FAMILY_SERIES + 5, MAX_FAMILY_SERIES));
}

#[test]
fn selectors_narrow_and_places_join() {
    let catalogue = exposed(TEXT, Format::Prometheus);
    let only = |text: &str| {
        let narrowed = catalogue.clone().only(&[Selector::parse(text).unwrap().compile().unwrap()]);
        narrowed.families.iter().map(|f| (f.name.clone(), f.count)).collect::<Vec<_>>()
    };
    assert_eq!(only("{exported_code=\"200\"}"), [("r_total".to_owned(), 1)]);
    assert_eq!(only("d_seconds_bucket"), [("d_seconds".to_owned(), 1)]);
    assert_eq!(only("nothing"), []);
    assert_eq!(catalogue.clone().only(&[]), catalogue);
    assert_eq!(Catalogue::joined([catalogue.clone(), catalogue.clone()]).families.len(), catalogue.families.len());
    let untyped = Catalogue::from_exposition(b"g 1\n", Format::Prometheus, &labels(&[("job", "b")])).unwrap();
    let typed =
        Catalogue::from_exposition(b"# TYPE g gauge\ng 1\n", Format::Prometheus, &labels(&[("job", "a")])).unwrap();
    let joined = Catalogue::joined([untyped, typed]);
    assert_eq!((joined.families[0].kind, joined.families[0].count, joined.series()), (FamilyKind::Gauge, 2, 2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_text_never_panics(text in r#"([a-z_]{1,6}(_total|_bucket|_sum|_count)?(\{(le|a)="[0-9a]{0,3}"\})? [0-9]\n|# (TYPE|HELP|UNIT) [a-z_"]{0,6} ?[a-z]{0,9}\n){0,12}"#) {
        if let Ok(catalogue) = Catalogue::from_exposition(text.as_bytes(), Format::Prometheus, &Labels::new()) {
            for family in &catalogue.families {
                prop_assert!(family.count >= family.series.len() && !family.series.is_empty());
            }
        }
    }
}
