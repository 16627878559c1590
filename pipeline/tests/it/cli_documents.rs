//! Golden texts of bad documents: file, line, key, value and remedy, all at once.

use crate::cli_support::{Installed, Ran, mettle};
use std::fs;

/// What `validate` says about documents in a folder.
fn validate(files: &[(&str, &str)]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let args: Vec<&str> = std::iter::once("validate").chain(files.iter().map(|(name, _)| *name)).collect();
    let ran = mettle(folder.path(), &args);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    ran
}

#[test]
fn product() {
    let text = "apiVersion: mettle/v1\nkind: Product\nmetadata: {nam: shop}\ncomponents:\n  - {name: web, version: 1.0, repo: ../web}\n";
    insta::assert_snapshot!(validate(&[("product.yaml", text)]).stderr, @r#"
    error: 3 problems
      product.yaml:3  metadata.nam  unknown key; did you mean `name`?
      product.yaml:3  metadata  missing key `name`; add `name:` (Name)
      product.yaml:5  components[0].version = 1.0  has the wrong type; write it in quotes: "1.0"
    "#);
}

#[test]
fn product_rules() {
    let text = "apiVersion: mettle/v1\nkind: Product\nmetadata: {name: shop}\ncomponents:\n  - {name: web, version: v1, repo: ../web, dependsOn: [db]}\n";
    insta::assert_snapshot!(validate(&[("product.yaml", text)]).stderr, @r#"
    error: 2 problems
      product.yaml:5  components[0].version = v1  is not a strict version; write MAJOR.MINOR.PATCH such as 3.4.1, without a prefix
      product.yaml:5  components[0].dependsOn[0] = db  is not a component of this product; known: web
    "#);
}

#[test]
fn landscape_and_processes_at_once() {
    let landscape = "apiVersion: mettle/v1\nkind: Landscape\nmetadata: {name: staging, product: shop, tier: stage}\nclusters:\n  - {name: here, backend: local}\nstagingTrigger: []\n";
    let processes =
        "apiVersion: mettle/v1\nkind: Processes\nmetadata: {name: shop}\ncomponents:\n  - {name: web, comand: [x]}\n";
    insta::assert_snapshot!(validate(&[("landscape.yaml", landscape), ("processes.yaml", processes)]).stderr, @r#"
    error: 4 problems
      landscape.yaml:3  metadata.tier = "stage"  not one of the allowed forms; known: ci, pr, staging, canary, prod
      landscape.yaml:6  stagingTrigger  unknown key; did you mean `stagingTriggers`?
      processes.yaml:5  components[0]  missing key `command`; add `command:` (Program and arguments. `{version}`, `{tag}`, `{port}`, `{dir}` (a folder of its own, kept across versions) and `{here}` (the folder of this document) are substituted. The program is found on PATH, or, when it is written with a slash, relative to this document. It runs in `{dir}`)
      processes.yaml:5  components[0].comand  unknown key; did you mean `command`?
    "#);
}

#[test]
fn a_distribution_has_a_margin_of_a_share() {
    let signals = "apiVersion: mettle/v1\nkind: Signals\nsignals:\n  - {name: d, kind: distribution, buckets: dur_bucket, tier: gate, margin: 250ms}\n  - {name: e, kind: distribution, buckets: dur_bucket, tier: gate, margin: 5pp}\n";
    insta::assert_snapshot!(validate(&[("signals.yaml", signals)]).stderr, @r#"
    error: 1 problem
      signals.yaml:4  signals[0].margin = 250ms  is no margin of a distribution, which is judged by how probable a larger observation is; write percentage points, `5pp`: larger than one of the baseline in 55 % of cases
    "#);
}

#[test]
fn programme_and_signals() {
    let programme = "apiVersion: mettle/v1\nkind: Programme\nmetadata: {name: p}\ninterval: 10\nphases:\n  - {name: steady, sample: 20}\nlooks: {first: 5}\n";
    let signals = "apiVersion: mettle/v1\nkind: Signals\nsignals:\n  - {name: a, kind: ratio, good: x}\n  - {name: b, kind: share}\n";
    insta::assert_snapshot!(validate(&[("programme.yaml", programme), ("signals.yaml", signals)]).stderr, @r#"
    error: 4 problems
      programme.yaml:4  interval = 10  has the wrong type; a duration with a unit: write "250ms", "10s", "5m", "6h" or "7d"
      programme.yaml:6  phases[0].sample  unknown key; did you mean `samples`?
      programme.yaml:7  looks.first = 5  5 is less than the minimum of 10; Samples at the first look
      signals.yaml:5  signals[1].kind = "share"  not one of the allowed forms; known: ratio, latency, distribution, gauge, rate, count, query
    "#);
}

#[test]
fn suites_of_every_class() {
    let business = "apiVersion: mettle/v1\nkind: Suite\nclass: business\nname: b\njourneys:\n  - {name: j, step: []}\n";
    let load = "apiVersion: mettle/v1\nkind: Suite\nclass: performance\nname: l\nload: {rate: 100, requests: []}\n";
    let security = "apiVersion: mettle/v1\nkind: Suite\nclass: security\nname: s\nchecks: [nothing]\nendpoints:\n  - {component: web, method: GET, path: x, auth: none}\n";
    insta::assert_snapshot!(validate(&[("b.yaml", business), ("l.yaml", load), ("s.yaml", security)]).stderr, @r#"
    error: 5 problems
      b.yaml:6  journeys[0]  missing key `steps`; add `steps:` (Steps in order; the first that fails ends the journey)
      b.yaml:6  journeys[0].step  unknown key; did you mean `steps`?
      l.yaml:5  load.rate = 100  has the wrong type; a rate a second: write "300/s"
      s.yaml:5  checks[0] = nothing  unknown check; use one of: exposure.metrics, exposure.debug, exposure.git, exposure.env, exposure.stack_trace, auth.matrix
      s.yaml:7  endpoints[0].path = x  no leading slash; write `/path`
    "#);
}

#[test]
fn experiment_and_installation() {
    let experiment = "apiVersion: mettle/v1\nkind: Experiment\nmetadata: {name: x}\nhypothesis: {title: t}\ntargets: {web: {component: web}}\nmethod:\n  - {fault: {kind: net.delay, target: webb, delay: 10ms}, hold: 0s, rest: 1}\n";
    let settings = "apiVersion: mettle/v2\nkind: Installation\nproduct: {repo: shop}\nlisten: here\n";
    insta::assert_snapshot!(validate(&[("x.yaml", experiment), ("mettle.yaml", settings)]).stderr, @r#"
    error: 3 problems
      x.yaml:7  method[0].rest = 1  has the wrong type; a duration with a unit: write "10s", "250ms", "2m"
      mettle.yaml:1  missing key `landscape`; add `landscape:` (A git repository)
      mettle.yaml:1  apiVersion = "mettle/v2"  not one of the allowed forms; known: mettle/v1
    "#);
}

#[test]
fn what_is_no_document() {
    let ran = validate(&[
        ("broken.yaml", "a: [1\nb: 2\n"),
        ("kind.yaml", "kind: Produkt\n"),
        ("none.yaml", "a: 1\n"),
        ("twice.yaml", "kind: Product\nkind: Product\n"),
    ]);
    insta::assert_snapshot!(ran.stderr, @r#"
    error: 4 problems
      broken.yaml:2  not readable as YAML: illegal placement of ':' indicator (column 2); check indentation, quotes and colons of this line
      kind.yaml  kind `Produkt` is not known; known: Product, Landscape, Processes, Programme, Signals, Suite, Experiment, Installation, JudgePolicy
      none.yaml  does not say what it is; write `kind:` with one of Product, Landscape, Processes, Programme, Signals, Suite, Experiment, Installation, JudgePolicy
      twice.yaml:2  not readable as YAML: duplicated key in mapping (column 1); check indentation, quotes and colons of this line
    "#);
    let folder = tempfile::tempdir().unwrap();
    let ran = mettle(folder.path(), &["validate", "absent.yaml", "."]);
    insta::assert_snapshot!(ran.stderr, @r#"
    error: 2 problems
      absent.yaml  cannot be read: No such file or directory (os error 2); check the path and its permissions
      .  holds no product.yaml, landscape.yaml or mettle.yaml; name a product, a landscape or an installation folder, or single files
    "#);
}

#[test]
fn a_folder_is_checked_as_a_whole() {
    let installed = Installed::new();
    let ran = installed.mettle(&["validate", "i"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.stdout.lines().count(), 7, "{}", ran.stdout);
    installed.write("shop/mettle/programme.yaml", "apiVersion: mettle/v1\nkind: Programme\nmetadata: {name: p}\nsuites: [journey]\nphases: [{name: steady, samples: 20}]\n");
    let ran = installed.mettle(&["check", "i/shop"]);
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.stderr, @r#"
    error: 1 problem
      i/shop/mettle/programme.yaml:4  suites[0] = journey  is not a suite of this product; known: exposure, journeys
    "#);
}
