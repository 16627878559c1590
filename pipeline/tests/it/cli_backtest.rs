//! `mettle backtest` on small cases of its own: it must not say less than `mettle judge` says of the same rows.

use crate::cli_files::Noise;
use crate::cli_support::mettle;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const SAMPLES: usize = 60;

/// Which samples are there.
type Kept = fn(usize) -> bool;

/// Rows of one case: three baseline runs and a candidate of `flat`, about 100, and `ramp`, 0 to 60; `kept` says which
/// samples of `ramp` the candidate has.
fn rows(case: &str, kept: Kept) -> String {
    let mut text = String::new();
    for run in 0..4 {
        let (role, mut noise) = (if run < 3 { "baseline" } else { "candidate" }, Noise(run + 1));
        for i in 0..SAMPLES {
            let (time, n) = (1_700_000_000 + 86_400 * run + 15 * i as u64, noise.next());
            let _ = writeln!(text, "{case},{role},{run},flat,{time},{}", 100.0 + 0.5 * n);
            if run < 3 || kept(i) {
                let _ = writeln!(text, "{case},{role},{run},ramp,{time},{}", i as f64 + 0.5 * n);
            }
        }
    }
    text
}

#[test]
fn what_is_missing_is_never_a_pass() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&str, Kept, &str); 5] = [
        ("whole", |_| true, "pass"),
        // 83 % of the samples, and the rest where they belong: by their time, not by their place in the file.
        ("late", |i| i >= 10, "pass"),
        ("thin", |i| i % 4 != 0, "insufficient"),
        ("two", |i| i < 2, "insufficient"),
        ("vanished", |_| false, "insufficient"),
    ];
    let head = "case_id,role,run,metric,timestamp,value\n".to_owned();
    let (mut list, mut table) = ("case_id,dataset,label,aligned\n".to_owned(), head.clone());
    for (case, kept, _) in cases {
        let _ = writeln!(list, "{case},own,stable,true");
        table.push_str(&rows(case, kept));
        fs::write(folder.path().join(format!("{case}.csv")), head.clone() + &rows(case, kept)).unwrap();
    }
    fs::write(folder.path().join("cases.csv"), list).unwrap();
    fs::write(folder.path().join("own.csv"), table).unwrap();
    let ran = mettle(folder.path(), &["backtest", ".", "--judge", "native", "-o", "json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(found["datasets"]["own"]["native"]["insufficient"], 3, "{found}");
    for ((case, _, verdict), answer) in cases.iter().zip(found["cases"].as_array().unwrap()) {
        assert_eq!((answer["verdict"].as_str(), answer["case_id"].as_str()), (Some(*verdict), Some(*case)), "{answer}");
        assert_eq!(answer["missing"].is_array(), *verdict == "insufficient", "{answer}");
        assert_eq!(judged(folder.path(), &format!("{case}.csv")), *verdict, "{case}");
    }
}

#[test]
fn wrong_cases_are_told_whole() {
    let folder = tempfile::tempdir().unwrap();
    let list = "case_id,dataset,label,aligned\na,own,stable,maybe\nb,own,fine,true\n";
    fs::write(folder.path().join("cases.csv"), list).unwrap();
    let ran = mettle(folder.path(), &["backtest", "."]);
    assert!(ran.code == 2 && ran.stderr.contains("2 problems"), "{ran:?}");
    for told in ["line 2: aligned = \"maybe\"; known: true, false", "line 3: label = \"fine\"; known: stable"] {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
    fs::write(folder.path().join("cases.csv"), "case_id,dataset,label\na,own,stable\nb,own,stable\n").unwrap();
    let two = "a,candidate,1,m,1700000000,1\na,candidate,2,m,1700000000,1\nb,,1,m,1700000000,1\n";
    fs::write(folder.path().join("own.csv"), format!("case_id,role,run,metric,timestamp,value\n{two}")).unwrap();
    let ran = mettle(folder.path(), &["backtest", "."]);
    assert!(ran.code == 2 && ran.stderr.contains("case a: 2 runs are candidates"), "{ran:?}");
    assert!(ran.stderr.contains("case b: rows of metric m have no role"), "{ran:?}");
}

/// What `mettle judge` says of the same rows.
fn judged(folder: &Path, file: &str) -> String {
    let ran = mettle(folder, &["judge", "--candidate", file, "--baseline", file, "-o", "json"]);
    let judgement: Value = serde_json::from_str(&ran.stdout).unwrap();
    judgement["verdict"].as_str().unwrap().to_owned()
}
