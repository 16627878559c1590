//! The files of a sketch. Every text is for a stranger: the comments say what a line does and what may be changed.

use super::part::{Part, Ready, Side, StaysDown};
use super::scalar::{list, map, scalar};
use super::sketch::Sketch;
use crate::documents::Problems;
use crate::documents::kind::Kind;
use crate::worker::Bundle;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// First version of every component, and first tag of the product.
pub const FIRST: &str = "1.0.0";

/// Texts by path in a repository.
pub type Tree = BTreeMap<String, String>;

/// Everything that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The product repository.
    pub product: Tree,
    /// The landscape repository.
    pub landscape: Tree,
    /// `mettle.yaml`.
    pub settings: String,
}

/// The files of a sketch.
pub fn files(sketch: &Sketch) -> Files {
    let mut product = Tree::from([
        ("product.yaml".to_owned(), product_yaml(sketch)),
        ("mettle/programme.yaml".to_owned(), programme_yaml(sketch)),
    ]);
    if sketch.parts.iter().any(|part| part.visited().is_some()) {
        product.insert("mettle/suites/journeys.yaml".into(), journeys_yaml(sketch));
        product.insert("mettle/suites/exposure.yaml".into(), exposure_yaml(sketch));
    }
    let landscape = Tree::from([
        ("landscape.yaml".to_owned(), landscape_yaml(sketch)),
        ("processes.yaml".to_owned(), processes_yaml(sketch)),
    ]);
    Files { product, landscape, settings: settings_yaml(sketch) }
}

/// Reads the files as `mettle up` will.
///
/// # Errors
/// Everything that the readers of the documents object to.
pub fn check(files: &Files) -> Result<(), Problems> {
    let mut problems = Vec::new();
    problems.extend(Bundle::read(&files.product, "mettle/programme.yaml").err().into_iter().flat_map(|p| p.0));
    problems.extend(Kind::Landscape.problems("landscape.yaml", &files.landscape["landscape.yaml"]).0);
    problems.extend(Kind::Processes.problems("processes.yaml", &files.landscape["processes.yaml"]).0);
    problems.extend(Kind::Installation.problems("mettle.yaml", &files.settings).0);
    Problems(problems).or(())
}

fn product_yaml(sketch: &Sketch) -> String {
    let name = scalar(&sketch.product);
    let mut text = format!(
        "# The exact component versions of the product. A product tag such as v{FIRST} is one such set: change versions here,\n\
         # commit, and make the next annotated tag (git tag -a v1.0.1 -m v1.0.1). A tag that was seen is never moved.\n\
         apiVersion: mettle/v1\nkind: Product\nmetadata: {{name: {name}}}\nversioning: {{tagPrefix: v}}\n\
         components:\n\
         \x20 # repo: where the component's own history is, any git URL or a path relative to this repository. It is read for the\n\
         \x20 # changelog between two versions, which must be tagged there (tagPattern, default \"v{{version}}\"). Until a component\n\
         \x20 # has a repository of its own, this one stands in: versions and product tags are then the same.\n",
    );
    for part in &sketch.parts {
        let _ =
            writeln!(text, "  - name: {}\n    repo: ../{}\n    version: {FIRST}", scalar(&part.name), sketch.product);
        if !part.depends_on.is_empty() {
            let _ = writeln!(text, "    dependsOn: {}", list(&part.depends_on));
        }
    }
    text
}

fn programme_yaml(sketch: &Sketch) -> String {
    let suites = if sketch.parts.iter().any(|part| part.visited().is_some()) {
        "# Suites that run through all phases: mettle/suites/*.yaml.\nsuites: [journeys, exposure]\n"
    } else {
        "# No component has an HTTP path for users, so no suite is written: what runs is watched from outside.\n\
         # Suites go into mettle/suites/*.yaml and are named here: suites: [journeys]\n"
    };
    format!(
        "# What a soak of this product does. Only soaks of one programme are compared: a change here begins a new baseline.\n\
         # Lengths are samples, one each interval. This one takes a little more than two minutes; a real one may take hours.\n\
         apiVersion: mettle/v1\nkind: Programme\nmetadata: {{name: {name}-soak}}\ninterval: 1s\nseed: 42\n{suites}\
         # Load comes from a performance suite: load: {{suite: NAME, rate: 100/s}}\n\
         phases:\n\
         \x20 - {{name: warmup, samples: 10}}     # dropped before judging\n\
         \x20 - {{name: steady, samples: 120}}\n\
         \x20 # - {{name: faults, experiments: [NAME], repeat: 3, hold: 10s, rest: 10s}}   after `mettle chaos new`, in mettle/experiments\n\
         # The tag is judged at the first look, then after twice as many samples, and at the end.\n\
         looks: {{first: 60}}\n",
        name = sketch.product,
    )
}

fn journeys_yaml(sketch: &Sketch) -> String {
    let mut text = String::from(
        "# What users do, again and again, through all phases. A step is a request and what must be true of its answer, in\n\
         # Hurl's words: 'status == 200', 'header \"content-type\" contains \"json\"', 'jsonpath \"$.id\" isInteger'. A capture\n\
         # (captures: {id: 'jsonpath \"$.id\"'}) is used by later steps as {{id}}. Replace these by what your users do.\n\
         apiVersion: mettle/v1\nkind: Suite\nclass: business\nname: journeys\nevery: 500ms\njourneys:\n",
    );
    for (part, path) in visited(sketch) {
        let _ = write!(
            text,
            "  - name: visit-{name}\n    steps:\n      - name: open\n        request: {{component: {name}, path: {path}}}\n\
             \x20       asserts: ['status >= 200', 'status < 400']\n        timeLimit: 2s\n",
            name = part.name,
            path = scalar(path)
        );
    }
    text
}

fn exposure_yaml(sketch: &Sketch) -> String {
    let mut text = String::from(
        "# What the user's side must not show (/.git, /.env, debug pages, metrics, stack traces), and who may call what.\n\
         # `auth: none` says that an endpoint is open on purpose; write `auth: bearer` where a token is needed.\n\
         apiVersion: mettle/v1\nkind: Suite\nclass: security\nname: exposure\nendpoints:\n",
    );
    for (part, path) in visited(sketch) {
        let _ = writeln!(text, "  - {{component: {}, method: GET, path: {}, auth: none}}", part.name, scalar(path));
    }
    text
}

fn visited(sketch: &Sketch) -> impl Iterator<Item = (&Part, &str)> {
    sketch.parts.iter().filter_map(|part| Some((part, part.visited()?)))
}

fn landscape_yaml(sketch: &Sketch) -> String {
    format!(
        "# One environment: what is soaked in it, and what a pass needs.\n\
         apiVersion: mettle/v1\nkind: Landscape\nmetadata: {{name: {landscape}, product: {product}, tier: staging}}\n\
         clusters:\n\
         \x20 # Plain programs on this host; processes.yaml says how each is started.\n\
         \x20 - {{name: here, backend: local, processes: processes.yaml}}\n\
         deployer: {{kind: local}}\n\
         # Which tags are soaked: every new patch, minor or major tag. Others: {{patches: 5}}, {{every: \"0 2 * * *\"}}.\n\
         stagingTriggers: [{{bump: patch}}]\n\
         # kpi: what the lower limit of the score must reach (0 to 100). falseBlock: how often a harmless tag may be failed.\n\
         # provisional: what the gate says to a pass that rests on fewer than three baseline runs.\n\
         policy: {{kpi: 85, falseBlock: 0.01, provisional: deny}}\n",
        landscape = sketch.landscape,
        product = sketch.product
    )
}

fn settings_yaml(sketch: &Sketch) -> String {
    format!(
        "# This installation: `mettle up --dir` this folder watches both repositories, soaks, judges and answers the gate.\n\
         # Evidence, store and logs lie beside this file.\n\
         apiVersion: mettle/v1\nkind: Installation\n\
         # Any git URL, or a path relative to this file. What is committed counts, not what is only saved.\n\
         product: {{repo: {product}}}\nlandscape: {{repo: {landscape}, branch: main}}\n\
         # Loopback: open to this host alone.\n\
         listen: {listen}\n\
         # When nothing waits: `baseline` soaks the current tag until five runs make a baseline, `always`, or `rest`.\n\
         idle: baseline\n",
        product = sketch.product,
        landscape = sketch.landscape,
        listen = crate::documents::settings::DEFAULT_LISTEN
    )
}

fn processes_yaml(sketch: &Sketch) -> String {
    let mut text = format!(
        "# How the components run as programs of this host. Replaced in `command` and `env`: {{port}} (a free port, different\n\
         # at every start), {{version}}, {{tag}}, {{dir}} (a folder of the component's own, in which it runs) and {{here}} (the\n\
         # folder of the installation). A program without a slash is found on PATH. Every connection between components goes\n\
         # through a proxy of Mettle: `reaches` names the variable in which a component finds the address of another.\n\
         apiVersion: mettle/v1\nkind: Processes\nmetadata: {{name: {}}}\ncomponents:\n",
        sketch.product
    );
    for part in &sketch.parts {
        process(&mut text, part);
    }
    text
}

fn process(text: &mut String, part: &Part) {
    let mut line = |line: String| {
        let _ = writeln!(text, "{line}");
    };
    part.remarks.iter().for_each(|remark| line(format!("  # {}", remark.replace('\n', " "))));
    line(format!("  - name: {}", scalar(&part.name)));
    line(format!("    command: {}", list(&part.command)));
    if !part.env.is_empty() {
        line(format!("    env: {}", map(&part.env)));
    }
    let deadline = part.deadline.as_ref().map_or_else(String::new, |span| format!(", deadline: {span}"));
    match &part.ready {
        Ready::Http(path) => line(format!("    health: {{http: {}{deadline}}}", scalar(path))),
        Ready::Tcp => line(format!("    health: {{tcp: true{deadline}}}   # ready when its port accepts a connection")),
        Ready::Alive => line("    health: {alive: 1s}   # it listens nowhere: ready when it has run this long".into()),
    }
    if let Some(path) = &part.metrics {
        line(format!("    metrics: {}", scalar(path)));
    }
    if !part.reaches.is_empty() {
        line(format!("    reaches: {}", map(&part.reaches)));
    }
    if let Some(format) = &part.reaches_format {
        line(format!("    reachesFormat: {}", scalar(format)));
    }
    if part.stays_down == StaysDown::Yes {
        line("    restart: {policy: never}".into());
    }
    if part.side == Side::Internal {
        line("    user: false   # users do not reach it".into());
    }
}
