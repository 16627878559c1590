//! Problems read alone, and come all at once.

use chaos::document::Experiment;
use serde_json::json;

#[test]
fn problems_name_key_value_and_remedy() {
    let document = json!({"apiVersion": "mettle/v1", "kind": "Experiment", "metadata": {"name": "x"},
        "hypothesis": {"title": "t"}, "targets": {"p": {"component": "payments"}},
        "method": [{"fault": {"kind": "net.delay", "target": "q", "delay": "1ms", "jitter": "2ms"}, "hold": "0s", "rest": "1s"},
                   {"fault": {"kind": "http.abort", "target": "p", "status": 200, "share": 0.001}, "hold": "1s", "rest": "1s"}],
        "guards": [{"signal": "s", "for": "1s", "then": "abort"}], "repeat": {"min": 3, "max": 2}});
    let experiment: Experiment = serde_json::from_value(document).unwrap();
    let line = |p: &chaos::problem::Problem| format!("{} = {:?}  {}; {}", p.key, p.value, p.message, p.remedy);
    let lines: Vec<_> = experiment.problems(None).iter().map(line).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    method[0].hold = "0ms"  holds nothing; write "10s" or more
    method[0].fault.delay = "1ms"  out of range; write a duration from 5ms to 30s
    method[0].fault.jitter = "2ms"  more than the delay; write at most the delay, 1ms
    method[0].fault.target = "q"  unknown target; known: p
    method[1].fault.share = "0.001"  out of range; write a value from 0.02 to 1
    method[1].fault.status = "200"  out of range; write a value from 400 to 599
    guards[0] = "s"  has no single limit; write exactly one of `below` and `above`
    repeat = "3..2"  not a range of repetitions; write 1 <= min <= max <= 1000
    "#);
}

#[test]
fn unknown_keys_are_errors() {
    let fault = json!({"kind": "net.delay", "target": "p", "delay": "9ms", "ramp": ["1ms"]});
    let error = serde_json::from_value::<chaos::fault::Fault>(fault).unwrap_err().to_string();
    assert!(error.contains("unknown field `ramp`"), "{error}");
    let error = serde_json::from_value::<chaos::span::Span>(json!("10")).unwrap_err().to_string();
    insta::assert_snapshot!(error, @r#"`10` is not a duration with a unit; write "10s", "250ms", "2m""#);
}
