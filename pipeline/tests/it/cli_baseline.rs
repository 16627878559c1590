//! `mettle baseline` on a real installation.

use crate::cli_support::Installed;
use serde_json::Value;

const REASON: &str = "a first measure of the server";

fn shown(installed: &Installed, more: &[&str]) -> Value {
    let ran = installed.mettle(&[&["baseline", "show", "--dir", "i", "-o", "json"], more].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn a_whole_soak_is_adopted_once_and_shown_with_its_reason() {
    let installed = Installed::new();
    let soak = installed.mettle(&["soak", "run", "--tag", "v1.0.0", "--dir", "i", "-o", "json"]);
    let soak: Value = serde_json::from_str(&soak.stdout).unwrap();
    let id = soak["id"].as_str().unwrap();
    assert_eq!(shown(&installed, &[])["baseline"], serde_json::json!([]), "an undecided soak is in no baseline");

    let short = installed.mettle(&["baseline", "adopt", id, "--reason", "because", "--dir", "i"]);
    assert!(short.code == 2 && short.stderr.contains("has 7 characters, at least 20"), "{short:?}");
    let unknown = installed.mettle(&["baseline", "adopt", "zzz", "--reason", REASON, "--dir", "i"]);
    assert!(unknown.code == 2 && unknown.stderr.contains("there is no soak `zzz`"), "{unknown:?}");

    let adopted = installed.mettle(&["baseline", "adopt", &id[..18], "--reason", REASON, "--dir", "i"]);
    assert_eq!((adopted.code, adopted.stdout.trim()), (0, id), "{adopted:?}");
    let again = installed.mettle(&["baseline", "adopt", id, "--reason", "another reason, also long", "--dir", "i"]);
    assert!(again.code == 0 && again.stderr.contains(&format!("adopted: {REASON}")), "{again:?}");

    let run = &shown(&installed, &[])["baseline"][0];
    assert_eq!((run["soak"].as_str(), run["adopted"].as_str()), (Some(id), Some(REASON)));
    let own = &shown(&installed, &["--tag", "v1.0.0"])["others"][0];
    assert_eq!(own["unfit"], "own_tag");
    let text = installed.mettle(&["baseline", "show", "--dir", "i"]).stdout;
    assert!(text.contains("1 of 5 runs") && text.contains("a pass is provisional") && text.contains(REASON), "{text}");

    // Another programme has another baseline.
    let programme = std::fs::read_to_string(installed.path("shop/mettle/programme.yaml")).unwrap();
    installed.write("shop/mettle/programme.yaml", &programme.replace("samples: 20", "samples: 30"));
    installed.tag("v1.1.0");
    let other = shown(&installed, &[]);
    assert_eq!((&other["baseline"], &other["others"][0]["unfit"]), (&serde_json::json!([]), &"other_programme".into()));
    let absent = installed.mettle(&["baseline", "show", "--tag", "v9.0.0", "--dir", "i"]);
    assert!(absent.code == 2 && absent.stderr.contains("known: v1.0.0, v1.1.0"), "{absent:?}");
}

#[test]
fn what_is_no_measure_is_refused() {
    let installed = Installed::new();
    let waiting = installed.mettle(&["soak", "run", "--tag", "v1.0.0", "--no-worker", "--dir", "i"]);
    let id = waiting.stdout.trim();
    let running = installed.mettle(&["baseline", "adopt", id, "--reason", REASON, "--dir", "i"]);
    assert!(running.code == 2 && running.stderr.contains("has not ended"), "{running:?}");
    // Asked to end before it begins: the worker aborts it at its turn.
    installed.mettle(&["soak", "abort", id, "--dir", "i"]);
    let long = "apiVersion: mettle/v1\nkind: Programme\nmetadata: {name: long}\nsuites: [journeys]\nphases: [{name: steady, samples: 3000}]\n";
    installed.write("shop/mettle/programme.yaml", long);
    installed.tag("v1.1.0");
    let soak = installed.mettle(&["soak", "run", "--tag", "v1.1.0", "--no-worker", "--dir", "i"]);
    installed.mettle(&["soak", "abort", soak.stdout.trim(), "--dir", "i"]);
    let ended = installed.mettle(&["soak", "run", "--tag", "v1.1.0", "--dir", "i"]);
    assert!(ended.code == 13 && ended.stdout.contains("aborted"), "{ended:?}");
    let aborted = installed.mettle(&["baseline", "adopt", soak.stdout.trim(), "--reason", REASON, "--dir", "i"]);
    assert!(aborted.code == 2 && aborted.stderr.contains("ended aborted"), "{aborted:?}");
    assert!(aborted.stderr.contains("mettle soak run --tag v1.1.0"), "{aborted:?}");
}
