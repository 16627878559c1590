//! `mettle judge`, `power` and `backtest`: the scorer on files, for pipelines that know nothing else of Mettle.

use crate::cli_support::{Ran, mettle};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Noise that is the same at every run: SplitMix64, about normal.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn next(&mut self) -> f64 {
        let mut uniform = || {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
        };
        (0..12).map(|_| uniform()).sum::<f64>() - 6.0
    }
}

/// A run of 240 samples: latency about 200 ms (slower by `slow`), failures about 1 % of requests.
fn run(path: &Path, seed: u64, slow: f64) {
    let mut noise = Noise(seed);
    let mut text = "metric,timestamp,value,total\n".to_owned();
    for i in 0..240 {
        let time = 1_700_000_000 + 86_400 * seed + 15 * i;
        let _ = writeln!(text, "latency_seconds,{time},{},", 0.2 + slow + 0.02 * noise.next());
        let _ = writeln!(text, "requests_failed,{time},{},3000", (30.0 + 5.0 * noise.next()).round().max(0.0));
    }
    fs::write(path, text).unwrap();
}

const POLICY: &str = "apiVersion: mettle/v1
kind: JudgePolicy
signals:
  - {name: latency, kind: gauge, series: latency_seconds, tier: gate, worse: up, margin: 20ms}
";

pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for seed in 1..=4 {
        run(&folder.path().join(format!("b{seed}.csv")), seed, 0.0);
    }
    run(&folder.path().join("good.csv"), 11, 0.0);
    run(&folder.path().join("slow.csv"), 12, 0.05);
    fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
    folder
}

pub(crate) fn judge(folder: &Path, candidate: &str, more: &[&str]) -> Ran {
    let args = ["judge", "--candidate", candidate, "--baseline", "b1.csv", "b2.csv", "b3.csv", "b4.csv"];
    mettle(folder, &[&args[..], more].concat())
}

#[test]
fn files_are_judged_alone() {
    let folder = folder();
    let good = judge(folder.path(), "good.csv", &["--policy", "policy.yaml"]);
    assert!(good.code == 0 && good.stdout.starts_with("pass, score"), "{good:?}");
    let slow = judge(folder.path(), "slow.csv", &["--policy", "policy.yaml"]);
    assert!(slow.code == 10 && slow.stdout.starts_with("fail, score 6"), "{slow:?}");
    assert!(slow.stdout.contains("- latency: 249 ms, 200 ms before"), "{slow:?}");
    let json: Value =
        serde_json::from_str(&judge(folder.path(), "slow.csv", &["--policy", "policy.yaml", "-o", "json"]).stdout)
            .unwrap();
    assert_eq!((&json["verdict"], &json["metrics"][0]["name"]), (&"fail".into(), &"latency".into()));
    let junit = judge(folder.path(), "slow.csv", &["--policy", "policy.yaml", "-o", "junit"]).stdout;
    assert!(junit.contains("<testcase classname=\"mettle judge\" name=\"verdict\">"), "{junit}");
    assert!(junit.contains("<failure type=\"fail\" message=\"latency: 249 ms"), "{junit}");
    assert!(junit.contains("name=\"requests_failed\"/>"), "{junit}");
    // Two runs only warn.
    let args = ["judge", "--candidate", "slow.csv", "--baseline", "b1.csv", "b2.csv", "--policy", "policy.yaml"];
    let two = mettle(folder.path(), &args);
    assert!(two.code == 11 && two.stdout.contains("fewer than 3"), "{two:?}");
}

#[test]
fn two_baseline_runs_pass_nothing_unless_that_is_allowed() {
    let folder = folder();
    let wide = POLICY.replace("20ms", "500ms");
    fs::write(folder.path().join("wide.yaml"), &wide).unwrap();
    let allowed = wide.replace("signals:", "allowProvisional: true\nsignals:");
    fs::write(folder.path().join("allowed.yaml"), allowed).unwrap();
    let judged = |policy: &str, format: &str| {
        let baseline = ["judge", "--candidate", "good.csv", "--baseline", "b1.csv", "b2.csv"];
        mettle(folder.path(), &[&baseline[..], &["--policy", policy, "-o", format]].concat())
    };
    let refused = judged("wide.yaml", "text");
    assert!(refused.code == 11 && refused.stdout.contains("`allowProvisional: true`"), "{refused:?}");
    assert!(refused.stdout.contains("- baseline: 2 of 3 runs"), "{refused:?}");
    let junit = judged("wide.yaml", "junit");
    assert!(junit.code == 11 && junit.stdout.contains("type=\"insufficient\""), "{junit:?}");
    let allowed = judged("allowed.yaml", "text");
    assert!(allowed.code == 0 && allowed.stdout.starts_with("pass, score"), "{allowed:?}");
}

/// The run with a counter of errors beside it, which counts one every `every` samples; never where that is 0.
fn with_errors(folder: &Path, name: &str, every: u64) {
    let path = folder.join(name);
    let text = fs::read_to_string(&path).unwrap().replace(",total\n", ",total,kind\n");
    let mut rows: Vec<String> = text.lines().skip(1).map(|row| format!("{row},gauge")).collect();
    let times: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix("latency_seconds,")?.split(',').next()).collect();
    for (i, time) in (0_u64..).zip(times) {
        rows.push(format!("errors_total,{time},{},,counter", i.checked_div(every).unwrap_or(0)));
    }
    fs::write(path, format!("metric,timestamp,value,total,kind\n{}\n", rows.join("\n"))).unwrap();
}

#[test]
fn a_counter_that_stands_still_blocks_nothing_and_fails_when_it_moves() {
    let folder = folder();
    for (name, every) in [("b1", 0), ("b2", 0), ("b3", 0), ("b4", 0), ("good", 0), ("slow", 8)] {
        with_errors(folder.path(), &format!("{name}.csv"), every);
    }
    run(&folder.path().join("errors.csv"), 13, 0.0);
    with_errors(folder.path(), "errors.csv", 8);
    let good = judge(folder.path(), "good.csv", &[]);
    assert!(good.stdout.contains("errors_total     watch") && !good.stdout.contains("- errors_total"), "{good:?}");
    let errors = judge(folder.path(), "errors.csv", &[]);
    assert!(errors.code == 10 && errors.stdout.contains("- errors_total: "), "{errors:?}");
    // It must be there all the same.
    run(&folder.path().join("gone.csv"), 14, 0.0);
    let gone = judge(folder.path(), "gone.csv", &[]);
    assert!(gone.code == 11 && gone.stdout.contains("- errors_total: vanished"), "{gone:?}");
}

#[test]
fn a_rare_counter_that_stops_is_no_improvement() {
    let folder = folder();
    for name in ["b1", "b2", "b3", "b4"] {
        with_errors(folder.path(), &format!("{name}.csv"), 16);
    }
    with_errors(folder.path(), "good.csv", 0);
    let stopped = judge(folder.path(), "good.csv", &["-o", "json"]);
    assert_eq!(stopped.code, 11, "{stopped:?}");
    let judged: Value = serde_json::from_str(&stopped.stdout).unwrap();
    let of = |m: &&Value| m["name"] == "errors_total";
    let errors = judged["metrics"].as_array().unwrap().iter().find(of).unwrap();
    assert!(errors["scoreLow"].as_f64().unwrap() < 85.0, "not shown to be as before: {errors}");
}

#[test]
fn wrong_files_are_told_whole() {
    let folder = folder();
    let wrong = "metric,timestamp,value\nm,1700000001,x\nm,yesterday,2\nm,1700000003,1\nm,1700000003,2\n";
    fs::write(folder.path().join("wrong.csv"), wrong).unwrap();
    let ran = judge(folder.path(), "wrong.csv", &[]);
    assert_eq!(ran.code, 2, "{ran:?}");
    for told in ["3 problems", "line 2: value = \"x\"", "line 3: timestamp = \"yesterday\"", "two samples at"] {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
    fs::write(folder.path().join("bare.csv"), "name,when\na,1\n").unwrap();
    let ran = judge(folder.path(), "bare.csv", &[]);
    assert!(ran.code == 2 && ran.stderr.contains("no column `metric`"), "{ran:?}");
    fs::write(folder.path().join("text.parquet"), "not parquet").unwrap();
    let ran = judge(folder.path(), "text.parquet", &[]);
    assert!(ran.code == 2 && ran.stderr.contains("ends in .csv"), "{ran:?}");
    fs::write(folder.path().join("bad.yaml"), POLICY.replace("margin: 20ms", "margn: 20ms")).unwrap();
    let ran = judge(folder.path(), "good.csv", &["--policy", "bad.yaml"]);
    assert!(ran.code == 2 && ran.stderr.contains("margn") && ran.stderr.contains("bad.yaml:4"), "{ran:?}");
}

#[test]
fn what_is_wrong_with_several_files_is_told_at_once() {
    let folder = folder();
    fs::write(folder.path().join("odd.csv"), "metric,timestamp,value\nm,1700000000,x\n").unwrap();
    let args = ["judge", "--candidate", "no.csv", "--baseline", "none.csv", "odd.csv", "--policy", "nowhere.yaml"];
    let ran = mettle(folder.path(), &args);
    assert_eq!((ran.code, ran.stderr.matches("error: ").count()), (2, 4), "{ran:?}");
    for told in ["open no.csv (check the path", "open none.csv (check", "odd.csv: 1 problem", "nowhere.yaml"] {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
    fs::write(folder.path().join("cases.csv"), "case_id,dataset,label\na,one,stable\nb,two,stable\n").unwrap();
    let ran = mettle(folder.path(), &["backtest", "."]);
    assert!(ran.code == 2 && ran.stderr.contains("one.parquet") && ran.stderr.contains("two.parquet"), "{ran:?}");
}

#[test]
fn words_that_nobody_knows_are_told() {
    let folder = folder();
    let head = "metric,timestamp,value,kind,role\n";
    let rows: String = (0..30).map(|i| format!("m,{},{i},Counter,canary\n", 1_700_000_000 + i)).collect();
    fs::write(folder.path().join("odd.csv"), format!("{head}{rows}m,1700000030,1,gauge,candidate\n")).unwrap();
    let ran = judge(folder.path(), "odd.csv", &[]);
    assert!(ran.code == 2 && ran.stderr.contains("2 problems"), "{ran:?}");
    for told in [
        "line 2 and 29 more: kind = \"Counter\"; known: gauge, counter",
        "line 2 and 29 more: role = \"canary\"; known: baseline, candidate",
    ] {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
}

#[test]
fn times_that_no_sample_can_have_are_refused() {
    let folder = folder();
    let write = |name: &str, rows: &str| {
        let good = fs::read_to_string(folder.path().join("good.csv")).unwrap();
        fs::write(folder.path().join(name), good + rows).unwrap();
    };
    // Another unit, the epoch, beyond what a calendar knows, a year that does not exist yet: all at once, with line.
    let latest = 1_700_950_400_000_i64;
    write("odd.csv", &format!("m,{latest},1,\nm,0,1,\nm,9e13,1,\nm,2150-01-01T00:00:00Z,1,\nm,{latest}000000,1,\n"));
    let ran = judge(folder.path(), "odd.csv", &[]);
    assert!(ran.code == 2 && ran.stderr.contains("odd.csv: 5 problems"), "{ran:?}");
    for told in [
        "line 482: timestamp = \"1700950400000\" is not of the years 2000 to 2100; it looks like milliseconds",
        "milliseconds: divide by 1000",
        "line 483: timestamp = \"0\" is not of the years",
        "line 484: timestamp = \"9e13\" is not of the years",
        "line 485: timestamp = \"2150-01-01T00:00:00Z\" is not of the years",
        "line 486: timestamp = \"1700950400000000000\" is not of the years 2000 to 2100; it looks like nanoseconds",
    ] {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
    // A slip within those years: not a run of twenty years.
    write("slip.csv", "latency_seconds,1000000000,1,\n");
    let ran = judge(folder.path(), "slip.csv", &[]);
    let told =
        "candidate slip.csv: metric latency_seconds, timestamp = 1000000000 (2001-09-09T01:46:40Z): 1 of 481 rows";
    assert!(ran.code == 2 && ran.stderr.contains(told) && ran.stderr.contains("1048576 are the most"), "{ran:?}");
    let power = mettle(folder.path(), &["power", "--baseline", "b1.csv", "slip.csv"]);
    assert!(power.code == 2 && power.stderr.contains("baseline slip.csv: metric latency_seconds"), "{power:?}");
}

#[test]
fn a_run_is_not_compared_with_itself() {
    let folder = folder();
    fs::copy(folder.path().join("b2.csv"), folder.path().join("copy.csv")).unwrap();
    let own = judge(folder.path(), "./b2.csv", &["--policy", "policy.yaml"]);
    let told = "candidate ./b2.csv and baseline b2.csv are the same file, sample for sample";
    assert!(own.code == 2 && own.stderr.contains(told) && own.stderr.contains("take it out"), "{own:?}");
    let copy = judge(folder.path(), "copy.csv", &[]);
    let told = "candidate copy.csv and baseline b2.csv hold the same run, sample for sample";
    assert!(copy.code == 2 && copy.stderr.contains(told), "{copy:?}");
    let args = ["judge", "--candidate", "good.csv", "--baseline", "b1.csv", "b2.csv", "copy.csv"];
    let twice = mettle(folder.path(), &args);
    assert!(twice.code == 2 && twice.stderr.contains("a run counts once"), "{twice:?}");
}

#[test]
fn longer_soaks_find_smaller_changes() {
    let folder = folder();
    let args = ["power", "--baseline", "b1.csv", "b2.csv", "b3.csv", "b4.csv", "--policy", "policy.yaml"];
    let ran = mettle(folder.path(), &[&args[..], &["--length", "1h,4h", "-o", "json"]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    let lengths: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&lengths[0]["samples"], &lengths[1]["samples"]), (&240.into(), &960.into()));
    let change = |length: usize, metric: usize| lengths[length]["metrics"][metric]["change"].as_f64().unwrap();
    for metric in [0, 1] {
        let margin = lengths[0]["metrics"][metric]["margin"].as_f64().unwrap();
        assert!(change(1, metric) < change(0, metric) && change(1, metric) > margin, "{lengths}");
    }
    // Noise of 20 ms: with four runs that differ a little, a change of one margin beyond the margin is seen, not less.
    assert!((0.03..0.05).contains(&change(0, 0)), "{lengths}");
    let text = mettle(folder.path(), &args).stdout;
    assert!(text.contains("METRIC") && text.contains("finds smaller"), "{text}");
    let unit = mettle(folder.path(), &[&args[..], &["--length", "4"]].concat());
    assert!(unit.code == 2 && unit.stderr.contains("write 30m, 4h or 1d"), "{unit:?}");
}

#[test]
fn what_a_soak_finds_depends_on_no_order_of_files() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let kept = |text: &str, metric: &str| -> String {
        text.lines().filter(|l| l.starts_with("metric") || l.starts_with(metric)).map(|l| format!("{l}\n")).collect()
    };
    let first = fs::read_to_string(at("b1.csv")).unwrap();
    // The first run lacks one metric, and another one is in a single sample of it only.
    fs::write(at("b1.csv"), kept(&first, "latency") + "rare,1700086400,1,\n").unwrap();
    let power =
        |files: &[&str], more: &[&str]| mettle(folder.path(), &[&["power", "--baseline"], files, more].concat());
    let (there, back) = (["b1.csv", "b2.csv", "b3.csv", "b4.csv"], ["b4.csv", "b3.csv", "b2.csv", "b1.csv"]);
    let text = power(&there, &["--length", "30m,15s,4h"]).stdout;
    assert_eq!(text, power(&back, &["--length", "30m,15s,4h"]).stdout);
    let line = |start: &str| text.lines().find(|l| l.starts_with(start)).unwrap().to_owned();
    for head in ["30m  ", "15s  ", "4h  "] {
        assert!(line("METRIC").contains(head), "{text}");
    }
    assert!(line("requests_failed").contains("pp") && line("requests_failed").contains("too short"), "{text}");
    assert!(line("rare").ends_with("nothing"), "{text}");
    assert!(text.contains("- rare: not judged: no baseline run has 80 % of 240 samples of it"), "{text}");
    assert!(text.contains("- requests_failed: from 3 of 4 runs: b1.csv without 80 % of 240 samples of it"), "{text}");
    // Two runs never fail a candidate.
    let two = power(&["b2.csv", "b3.csv"], &[]);
    assert!(
        two.code == 0 && two.stdout.contains("With 2 baseline runs of full length the judge fails no candidate:"),
        "{two:?}"
    );
    assert!(!two.stdout.contains(" %)") && two.stdout.contains("finds nothing"), "{two:?}");
    let json: Value = serde_json::from_str(&power(&["b2.csv"], &["-o", "json"]).stdout).unwrap();
    assert!(json[0]["metrics"][0]["change"].is_null(), "{json}");
    fs::write(at("one.csv"), "metric,timestamp,value\nm,1700000000,1\n").unwrap();
    let one = power(&["one.csv"], &[]);
    assert!(one.code == 2 && one.stderr.contains("no two samples in baseline one.csv"), "{one:?}");
}

#[test]
fn judges_are_tested_on_labelled_cases() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/cases");
    let cases = cases.to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ran = mettle(folder.path(), &["backtest", cases, "--dataset", "nab", "-o", "json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    let of = |judge: &str, key: &str| found["datasets"]["nab"][judge][key].as_f64().unwrap();
    assert_eq!((of("native", "n_stable"), of("native", "n_unstable")), (18.0, 17.0));
    for other in ["kayenta-compat", "keptn-compat"] {
        assert!(of("native", "auc") > of(other, "auc") && of("native", "fpr") < of(other, "fpr"), "{other}: {found}");
    }
    assert_eq!(found["cases"].as_array().unwrap().len(), 3 * 35);
    assert!(found["cases"][0]["case_id"].is_string() && found["cases"][0]["score"].is_number(), "{found}");
    let text = mettle(folder.path(), &["backtest", cases, "--dataset", "nab", "--judge", "native"]).stdout;
    assert!(text.contains("nab       native"), "{text}");
    let none = mettle(folder.path(), &["backtest", cases, "--dataset", "unknown"]);
    assert!(none.code == 2 && none.stderr.contains("no case in"), "{none:?}");
    let gone = mettle(folder.path(), &["backtest", "nowhere"]);
    assert!(gone.code == 2 && gone.stderr.contains("failed to open nowhere"), "{gone:?}");
}
