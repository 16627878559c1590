//! What `mettle judge` tells people and CI servers.

use crate::cli_files::{folder, judge};
use crate::cli_support::mettle;
use std::fs;
use std::path::Path;

/// A copy of `from` with the rows of `metric` thinned to every `step`th; none of them where `step` is 0.
fn thinned(folder: &Path, from: &str, to: &str, metric: &str, step: usize) {
    let text = fs::read_to_string(folder.join(from)).unwrap();
    let mut seen = 0;
    let mut kept = String::new();
    for line in text.lines() {
        seen += usize::from(line.starts_with(metric));
        if !line.starts_with(metric) || step > 0 && seen % step == 0 {
            kept += line;
            kept.push('\n');
        }
    }
    fs::write(folder.join(to), kept).unwrap();
}

/// Lines of one test case.
fn case<'a>(junit: &'a str, name: &str) -> &'a str {
    let from = junit.find(&format!("name=\"{name}\"")).unwrap_or_else(|| panic!("no case {name}: {junit}"));
    let rest = &junit[from..];
    &rest[..rest.find("<testcase").unwrap_or(rest.len())]
}

#[test]
fn a_metric_that_could_not_be_judged_is_a_failed_test() {
    let folder = folder();
    let junit = |candidate: &str| judge(folder.path(), candidate, &["-o", "junit"]);
    thinned(folder.path(), "good.csv", "gone.csv", "requests_failed", 0);
    let gone = junit("gone.csv");
    assert!(gone.code == 11 && case(&gone.stdout, "requests_failed").contains("none in this soak"), "{gone:?}");
    assert!(case(&gone.stdout, "verdict").contains("type=\"insufficient\""), "{gone:?}");
    thinned(folder.path(), "good.csv", "half.csv", "latency", 2);
    let half = junit("half.csv");
    assert!(case(&half.stdout, "latency_seconds").contains("120 of 240 samples, too few"), "{half:?}");
    // A failed candidate has not judged what it lacks either.
    thinned(folder.path(), "slow.csv", "both.csv", "requests_failed", 0);
    let both = junit("both.csv");
    assert!(both.code == 10 && case(&both.stdout, "latency_seconds").contains("type=\"fail\""), "{both:?}");
    assert!(case(&both.stdout, "requests_failed").contains("type=\"insufficient\""), "{both:?}");
    let good = judge(folder.path(), "good.csv", &["--policy", "policy.yaml", "-o", "junit"]);
    assert!(good.code == 0 && good.stdout.contains("failures=\"0\""), "{good:?}");
}

#[test]
fn the_policies_that_are_shown_work() {
    let folder = folder();
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let shown = readme.split("```yaml\n").find(|block| block.contains("kind: JudgePolicy")).unwrap();
    fs::write(folder.path().join("shown.yaml"), shown.split("```").next().unwrap()).unwrap();
    let ran = judge(folder.path(), "good.csv", &["--policy", "shown.yaml", "-o", "junit"]);
    assert!(
        ran.code == 0 && ran.stdout.contains("name=\"latency\"") && ran.stdout.contains("name=\"success\""),
        "{ran:?}"
    );
    let help = mettle(folder.path(), &["judge", "--help"]).stdout;
    let shown: Vec<&str> = help.lines().skip_while(|l| !l.starts_with("  apiVersion")).collect();
    let shown: Vec<&str> = shown.into_iter().take_while(|l| l.starts_with("  ")).map(|l| &l[2..]).collect();
    fs::write(folder.path().join("helped.yaml"), shown.join("\n")).unwrap();
    let ran = judge(folder.path(), "good.csv", &["--policy", "helped.yaml"]);
    assert!(ran.code == 0 && ran.stdout.contains("latency"), "{ran:?}");
    // What no policy may say.
    let odd = "apiVersion: mettle/v1\nkind: JudgePolicy\ncoverage: 0%\nsamples: 240\nfirstLook: 999\nsignals: []\n";
    fs::write(folder.path().join("odd.yaml"), odd).unwrap();
    let ran = judge(folder.path(), "good.csv", &["--policy", "odd.yaml"]);
    for told in ["odd.yaml:3  coverage = 0%", "write 50% to 100%", "odd.yaml:5  firstLook = 999", "write at most 240"] {
        assert!(ran.code == 2 && ran.stderr.contains(told), "{told}: {ran:?}");
    }
}

#[test]
fn the_text_says_odds_what_is_missing_and_what_columns_are() {
    let folder = folder();
    let slow = judge(folder.path(), "slow.csv", &["--policy", "policy.yaml"]).stdout;
    assert!(slow.contains("\nA tag without any change looks this bad in "), "{slow}");
    assert!(slow.contains("LIMITS hold the true one in 95 of 100 soaks"), "{slow}");
    let p = slow.lines().find(|l| l.starts_with("latency")).unwrap().rsplit(' ').next().unwrap();
    assert!(p == "<1e-12" || p.parse::<f64>().is_ok_and(|p| p < 0.01), "{slow}");
    let good = judge(folder.path(), "good.csv", &["--policy", "policy.yaml"]).stdout;
    assert!(!good.contains("looks this bad in") && !good.contains("e-1 ") && !good.contains("Missing"), "{good}");
    thinned(folder.path(), "good.csv", "gone.csv", "latency", 0);
    let args = ["judge", "--candidate", "gone.csv", "--baseline", "b1.csv", "--policy", "policy.yaml"];
    let gone = mettle(folder.path(), &args).stdout;
    assert!(gone.contains("against 1 baseline run (") && gone.contains("Missing for a pass:\n- latency: "), "{gone}");
}
