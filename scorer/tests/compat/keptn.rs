//! The cases that keptn/keptn publishes.

use crate::agreement::{Agreement, Difference, Table, agrees, check, list, near, real, reals, text, truth};
use scorer::compat::keptn::aggregate::percentile;
use scorer::compat::keptn::criterion::{Change, Criterion, Operator, Reference, Target, Unit, any_set};
use scorer::compat::keptn::slo::{Comparison, CriteriaSet, Objective, TotalScore};
use scorer::compat::keptn::total::{KeyObjectives, Thresholds, total};
use scorer::compat::keptn::{
    EarlierResult, EvaluationResult, ObjectiveOutcome, SliValue, Slo, Status, aggregate, evaluate, select,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

#[test]
fn published_cases_agree() {
    let tables = [
        Table { file: "parse.json", case: parse },
        Table { file: "value.json", case: value },
        Table { file: "fixed.json", case: fixed },
        Table { file: "percentile.json", case: percentiles },
        Table { file: "comparison.json", case: comparison },
        Table { file: "criterion.json", case: criterion },
        Table { file: "set.json", case: sets },
        Table { file: "sets.json", case: sets },
        Table { file: "objectives.json", case: objectives },
        Table { file: "score.json", case: score },
        Table { file: "select.json", case: selection },
        Table { file: "aggregate.json", case: aggregates },
        Table { file: "pool.json", case: pool },
        Table { file: "slo.json", case: slo },
        Table { file: "service.json", case: service },
    ];
    let known = [Difference {
        file: "service.json",
        case: "Test_WrongCriteria",
        why: "Keptn finds the unreadable criterion while it evaluates and reports `fail`; here the document is read \
              before anything is evaluated, and the two unreadable criteria are an error",
    }];
    check("keptn", &tables, &known, [74, 75, 18]);
}

fn word<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|e| panic!("{value}: {e}"))
}

fn sli(value: &Value) -> SliValue {
    SliValue { sli: text(&value["sli"]), value: value["value"].as_f64() }
}

fn slis(value: &Value) -> Vec<SliValue> {
    list(value).iter().map(sli).collect()
}

/// `null` is the comparison that a document without one has.
fn compare(value: &Value) -> Comparison {
    word::<Slo>(&json!({ "comparison": value })).comparison
}

fn operator(value: &Value) -> Result<Operator, String> {
    Criterion::parse(&format!("{}1", text(value))).map(|c| c.operator).map_err(|e| e.to_string())
}

/// A criterion in the fields of the original.
fn fields(value: &Value) -> Result<Criterion, String> {
    let change = if truth(&value["increase"]) { Change::Increase } else { Change::Decrease };
    let unit = if truth(&value["percent"]) { Unit::Percent } else { Unit::Own };
    let reference = if truth(&value["comparison"]) { Reference::Earlier(change, unit) } else { Reference::Fixed };
    Ok(Criterion {
        text: String::new(),
        operator: operator(&value["operator"])?,
        value: real(&value["value"]),
        reference,
    })
}

/// An error agrees with a published error.
fn against_error<T>(got: Result<T, String>, case: &Value, check: impl FnOnce(T) -> Agreement) -> Agreement {
    match got {
        Ok(got) if case["error"].is_null() => check(got),
        Ok(_) => Err(format!("no error, published is {}", case["error"])),
        Err(error) => agrees(!case["error"].is_null(), "the error", &error, &case["error"]),
    }
}

fn parse(case: &Value) -> Agreement {
    let got = Criterion::parse(&text(&case["text"])).map_err(|e| e.to_string())?;
    let want = Criterion { text: text(&case["text"]), ..fields(&case["expected"])? };
    agrees(got == want, "the criterion", &got, &case["expected"])
}

fn value(case: &Value) -> Agreement {
    against_error(operator(&case["operator"]), case, |operator| {
        let got = operator.holds(real(&case["measured"]), real(&case["target"]));
        agrees(case["expected"] == got, "the comparison", &got, &case["expected"])
    })
}

fn measured(case: &Value) -> f64 {
    real(&case["current"]["value"])
}

fn fixed(case: &Value) -> Agreement {
    against_error(fields(&case["criterion"]), case, |criterion| {
        let got = criterion.check(measured(case), None);
        agrees(case["target"] == json!(got.value), "the target", &got.value, &case["target"])?;
        agrees(case["expected"] == !got.violated, "the outcome", &got, &case["expected"])
    })
}

fn percentiles(case: &Value) -> Agreement {
    near("the percentile", percentile(&reals(&case["values"]), real(&case["share"])), &case["expected"], 0.0)
}

fn earlier(case: &Value) -> Option<f64> {
    let values: Vec<Option<f64>> = slis(&case["earlier"]).iter().map(|v| v.value).collect();
    aggregate(&values, compare(&case["comparison"]).aggregate_function)
}

fn comparison(case: &Value) -> Agreement {
    against_error(fields(&case["criterion"]), case, |criterion| {
        let got = criterion.check(measured(case), earlier(case));
        agrees(case["expected"] == !got.violated, "the outcome", &got, &case["expected"])
    })
}

fn criterion(case: &Value) -> Agreement {
    let criterion = Criterion::parse(&text(&case["criterion"])).map_err(|e| e.to_string());
    against_error(criterion, case, |criterion| {
        let got = criterion.check(measured(case), earlier(case));
        agrees(case["expected"] == !got.violated, "the outcome", &got, &case["expected"])
    })
}

/// Targets in the form of the tables; 0 stands for "nothing to compare with".
fn rows(targets: &[Target]) -> Value {
    targets.iter().map(|t| json!([t.criterion, t.value.unwrap_or(0.0), t.violated])).collect()
}

fn sets(case: &Value) -> Agreement {
    let set = |set: &Value| list(&set["criteria"]).iter().map(|c| Criterion::parse(&text(c))).collect();
    let sets: Result<Vec<Vec<Criterion>>, _> = list(&case["sets"]).iter().map(set).collect();
    against_error(sets.map_err(|e| e.to_string()), case, |sets| {
        let (satisfied, targets) = any_set(&sets, measured(case), earlier(case));
        agrees(rows(&targets) == case["targets"], "the list of targets", &targets, &case["targets"])?;
        agrees(case["expected"] == satisfied, "the outcome", &satisfied, &case["expected"])
    })
}

fn previous(value: &Value) -> Vec<EarlierResult> {
    list(value).iter().map(|p| EarlierResult { result: word(&p["result"]), values: slis(&p["values"]) }).collect()
}

fn objectives(case: &Value) -> Agreement {
    let mut slo: Slo = word(&case["slo"]);
    // The function under test never looks at the thresholds.
    slo.total_score = TotalScore { pass: "90%".to_owned(), warning: String::new() };
    let got = evaluate(&slo, &slis(&case["current"]), &previous(&case["previous"])).map_err(|e| e.to_string())?;
    let want = &case["expected"];
    near("the maximum", got.maximum, &want["maximum"], 0.0)?;
    agrees(want["key_failed"] == got.failed_key.is_some(), "the failed key", &got.failed_key, &want["key_failed"])?;
    agrees(json!(got.unused) == want["unused"], "the unused values", &got.unused, &want["unused"])?;
    let result = json!(got.result);
    agrees(want["result"] == "" || want["result"] == result, "the result", &result, &want["result"])?;
    let row = |o: &ObjectiveOutcome| {
        json!({
            "sli": o.sli, "status": o.status, "score": o.score, "compared": o.compared.unwrap_or(0.0),
            "pass_targets": rows(&o.pass_targets), "warning_targets": rows(&o.warning_targets),
        })
    };
    let outcomes: Value = got.objectives.iter().map(row).collect();
    agrees(outcomes == want["objectives"], "the list of outcomes", &outcomes, &want["objectives"])
}

fn outcome(value: &Value) -> ObjectiveOutcome {
    let target = |t: &Value| Target { criterion: text(&t[0]), value: t[1].as_f64(), violated: truth(&t[2]) };
    let targets = |key: &str| list(&value[key]).iter().map(target).collect();
    let status = [Status::Pass, Status::Warning, Status::Fail, Status::Info];
    ObjectiveOutcome {
        sli: text(&value["sli"]),
        status: status.into_iter().find(|s| json!(s) == value["status"]).expect("a status"),
        score: real(&value["score"]),
        value: None,
        compared: value["compared"].as_f64(),
        pass_targets: targets("pass_targets"),
        warning_targets: targets("warning_targets"),
    }
}

fn score(case: &Value) -> Agreement {
    let outcomes: Vec<ObjectiveOutcome> = list(&case["outcomes"]).iter().map(outcome).collect();
    let key = if truth(&case["key_failed"]) { KeyObjectives::Failed } else { KeyObjectives::Hold };
    let thresholds = Thresholds::parse(&word(&case["total_score"])).map_err(|e| e.to_string());
    against_error(thresholds, case, |thresholds| {
        let (score, result) = total(&outcomes, real(&case["maximum"]), thresholds, key);
        near("the score", score, &case["expected"]["score"], 0.0)?;
        agrees(case["expected"]["result"] == json!(result), "the result", &result, &case["expected"]["result"])
    })
}

fn selection(case: &Value) -> Agreement {
    let earlier = |result: &Value| EarlierResult { result: word(result), values: Vec::new() };
    let previous: Vec<EarlierResult> = list(&case["previous"]).iter().map(earlier).collect();
    let selected = select(&compare(&case["comparison"]), &previous);
    let at = |s: &&EarlierResult| previous.iter().position(|p| std::ptr::eq(p, *s));
    let got: Vec<Option<usize>> = selected.iter().map(at).collect();
    agrees(json!(got) == case["expected"], "the selection", &got, &case["expected"])
}

fn aggregates(case: &Value) -> Agreement {
    let got = earlier(case);
    agrees(json!(got) == case["expected"], "the aggregate", &got, &case["expected"])
}

fn pool(case: &Value) -> Agreement {
    let objective = Objective {
        sli: text(&case["sli"]),
        display_name: String::new(),
        pass: vec![CriteriaSet { criteria: vec!["<1e9".to_owned()] }],
        warning: Vec::new(),
        weight: 1,
        key_sli: false,
    };
    let total_score = TotalScore { pass: "90%".to_owned(), warning: String::new() };
    let slo = Slo { objectives: vec![objective], total_score, ..Slo::default() };
    let got = evaluate(&slo, &slis(&case["current"]), &[]).map_err(|e| e.to_string())?;
    let found = got.result == EvaluationResult::Pass;
    agrees(case["expected"]["found"] == found, "whether it was found", &found, &case["expected"]["found"])?;
    agrees(json!(got.unused) == case["expected"]["left"], "what is left", &got.unused, &case["expected"]["left"])
}

fn slo(case: &Value) -> Agreement {
    let got = serde_json::from_value::<Slo>(case["document"].clone()).map_err(|e| e.to_string());
    against_error(got, case, |got| agrees(got == word(&case["expected"]), "the document", &got, &case["expected"]))?;
    // The expected document spells every default out: reading it must change nothing.
    let Ok(read) = serde_json::from_value::<Slo>(case["document"].clone()) else { return Ok(()) };
    let comparison = json!(read.comparison);
    agrees(comparison == case["expected"]["comparison"], "the comparison", &comparison, &case["expected"])
}

fn service(case: &Value) -> Agreement {
    let got = match evaluate(&word(&case["slo"]), &slis(&case["current"]), &previous(&case["previous"])) {
        Ok(evaluation) => json!(evaluation.result),
        Err(_) => json!("error"),
    };
    agrees(got == case["expected"], "the result", &got, &case["expected"])
}
