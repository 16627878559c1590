//! Help, completions, schemas: what the binary says about itself.

use crate::cli_support::{command, mettle};
use crate::golden;
use pipeline::cli::reference;
use pipeline::documents::kind::{KINDS, Kind};
use std::path::Path;

#[test]
fn the_reference_is_current() {
    golden::check("docs/cli.md", &reference::reference());
}

#[test]
fn every_command_has_an_example() {
    assert_eq!(reference::without_example(), Vec::<String>::new());
}

#[test]
fn explanations_fit_a_terminal() {
    assert_eq!(reference::too_wide(), Vec::<String>::new());
}

#[test]
fn schemas_are_current_and_accept_the_demo() {
    for kind in KINDS {
        let text = serde_json::to_string_pretty(&kind.schema()).unwrap() + "\n";
        golden::check(&format!("docs/schemas/{}.json", kind.name()), &text);
        assert_eq!(mettle(Path::new("/"), &["schema", kind.name()]).stdout, text);
    }
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo");
    for (kind, path) in [
        (Kind::Landscape, "landscape/landscape.yaml"),
        (Kind::Processes, "landscape/processes.yaml"),
        (Kind::Programme, "product/mettle/programme.yaml"),
        (Kind::Signals, "product/mettle/signals.yaml"),
        (Kind::Suites, "product/mettle/suites/browse-and-buy.yaml"),
        (Kind::Suites, "product/mettle/suites/checkout-journeys.yaml"),
        (Kind::Suites, "product/mettle/suites/exposure.yaml"),
        (Kind::Experiment, "product/mettle/experiments/payments-slow.yaml"),
        (Kind::Installation, "mettle.yaml"),
    ] {
        let text = std::fs::read_to_string(demo.join(path)).unwrap();
        let value = pipeline::documents::yaml::parse(path, &text).unwrap().value;
        assert!(jsonschema::is_valid(&kind.schema(), &value), "{path} against the schema of {}", kind.name());
        let ran = mettle(&demo, &["validate", path]);
        assert_eq!((ran.code, ran.stdout), (0, format!("{path}: no problems\n")), "{}", ran.stderr);
    }
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = mettle(Path::new("/"), &["completions", shell]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.stdout.contains("baseline") && ran.stdout.contains("replay"), "{shell}");
    }
    assert!(mettle(Path::new("/"), &["man"]).stdout.contains(".TH mettle"));
}

#[test]
fn colours_are_asked_for() {
    let help = |args: &[&str], no_color: &str| {
        let output = command(Path::new("/"), args).env("NO_COLOR", no_color).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(help(&["--color", "always", "--help"], "").contains('\u{1b}'));
    assert!(!help(&["--color=never", "--help"], "").contains('\u{1b}'));
    assert!(!help(&["--help"], "1").contains('\u{1b}'));
}
