//! Tables of published cases and the count of those that agree.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// A case either agrees or says how it differs.
pub type Agreement = Result<(), String>;

/// How the cases of one table are tried.
pub struct Table {
    pub file: &'static str,
    pub case: fn(&Value) -> Agreement,
}

/// A published case that does not agree.
pub struct Difference {
    pub file: &'static str,
    pub case: &'static str,
    pub why: &'static str,
}

/// Tries every case of every table; the cases that differ must be exactly `known`, and the counts those declared.
pub fn check(project: &str, tables: &[Table], known: &[Difference], counts: [usize; 3]) {
    let (mut agree, mut outside, mut found) = (0, 0, BTreeSet::new());
    for table in tables {
        let document = read(project, table.file);
        for key in ["repository", "commit", "file", "licence"] {
            assert!(document["source"][key].is_string(), "{project}/{}: source.{key} is missing", table.file);
        }
        outside += document["outside"].as_array().expect("the cases outside").len();
        for case in document["cases"].as_array().expect("cases") {
            match (table.case)(case) {
                Ok(()) => agree += 1,
                Err(how) => {
                    println!("{project}/{} {}: {how}", table.file, case["name"]);
                    found.insert((table.file, text(&case["name"])));
                }
            }
        }
    }
    println!("{project}: {agree} of {} cases agree; {outside} are outside the judge", agree + found.len());
    for difference in known {
        println!("{project}/{} {:?} differs: {}", difference.file, difference.case, difference.why);
    }
    assert_eq!(found, known.iter().map(|d| (d.file, d.case.to_owned())).collect(), "cases that differ");
    assert_eq!([agree, agree + found.len(), outside], counts, "cases that agree, all cases, cases outside");
}

fn read(project: &str, file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat").join(project).join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Agrees if `holds`; otherwise both sides are told.
pub fn agrees(holds: bool, what: &str, got: &dyn std::fmt::Debug, want: &Value) -> Agreement {
    if holds { Ok(()) } else { Err(format!("{what} is {got:?}, published is {want}")) }
}

/// Agrees within a tolerance, at least the rounding of one operation; the text "NaN" stands for NaN.
pub fn near(what: &str, got: f64, want: &Value, within: f64) -> Agreement {
    let holds = match want.as_f64() {
        Some(want) => (got - want).abs() <= within.max(4.0 * f64::EPSILON * want.abs()),
        None => want == "NaN" && got.is_nan(),
    };
    agrees(holds, what, &got, want)
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

pub fn real(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

pub fn truth(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| panic!("{value} is no truth value"))
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

/// Numbers; null is NaN.
pub fn reals(value: &Value) -> Vec<f64> {
    list(value).iter().map(|v| if v.is_null() { f64::NAN } else { real(v) }).collect()
}
