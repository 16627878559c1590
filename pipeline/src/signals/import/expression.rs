//! Reads expressions of PromQL: what of them can be said on raw series, and of the rest why not.

use super::selectors::{same, selector};
use super::value::{By, Counted, Pace, Value};
use promql_parser::parser::{self, AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, VectorSelector};
use std::cell::Cell;
use std::collections::BTreeSet;

/// Longest expression that is read; those of people have some hundred bytes.
const MAX_BYTES: usize = 16 << 10;

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 64;

/// Most steps of one expression with all recorded series that it reads. Rules that each read another one twice double
/// the work with every rule; those of people take some hundred steps.
const MAX_STEPS: usize = 4_000;

/// Text that is parsed in about the time of one step, bytes.
const BYTES_OF_A_STEP: usize = 16;

/// What recorded series stand for.
pub(super) trait Recorded {
    /// The expression that a selector of a recorded series stands for.
    ///
    /// # Errors
    /// It is known under no name, or under several.
    fn stands_for(&self, series: &VectorSelector) -> Result<String, String>;
}

/// How an expression is read.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) recorded: &'a dyn Recorded,
    /// Whether plain selectors are counters, because the document says so.
    pub(super) counters: bool,
}

/// No recorded series at all.
pub(super) struct Nothing;

impl Recorded for Nothing {
    fn stands_for(&self, series: &VectorSelector) -> Result<String, String> {
        Err(not_raw(series.name.as_deref().unwrap_or_default()))
    }
}

pub(super) fn not_raw(name: &str) -> String {
    format!(
        "reads the recorded series `{name}`, not a raw one; import the file that records it together with this one, or \
         judge what a metrics server makes of it with `kind: query`"
    )
}

/// How far the reading of one expression has come.
#[derive(Clone, Copy)]
struct Way<'a> {
    depth: usize,
    /// Steps that are left, shared by all branches.
    left: &'a Cell<usize>,
}

impl Way<'_> {
    /// One level deeper, which is a step.
    fn deeper(self) -> Result<Self, String> {
        if self.depth > MAX_DEPTH {
            return Err("recorded series refer to each other without end".into());
        }
        self.spend(1)?;
        Ok(Way { depth: self.depth + 1, ..self })
    }

    fn spend(self, steps: usize) -> Result<(), String> {
        let Some(left) = self.left.get().checked_sub(steps) else {
            return Err(format!("reads recorded series again and again, in more than {MAX_STEPS} steps"));
        };
        self.left.set(left);
        Ok(())
    }
}

impl Reading<'_> {
    /// What an expression means.
    ///
    /// # Errors
    /// One sentence: it is no PromQL, or cannot be said.
    pub(super) fn read(self, text: &str) -> Result<Value, String> {
        self.read_within(text, Way { depth: 0, left: &Cell::new(MAX_STEPS) })
    }

    fn read_within(self, text: &str, way: Way<'_>) -> Result<Value, String> {
        let nested = text.chars().scan(0_usize, |open, c| {
            *open = match c {
                '(' | '{' | '[' => *open + 1,
                ')' | '}' | ']' => open.saturating_sub(1),
                _ => *open,
            };
            Some(*open)
        });
        if text.len() > MAX_BYTES || nested.max().unwrap_or(0) > MAX_DEPTH {
            return Err(format!("is longer than {MAX_BYTES} bytes, or nested deeper than {MAX_DEPTH} levels"));
        }
        way.spend(text.len() / BYTES_OF_A_STEP)?;
        let parsed = parser::parse(text).map_err(|error| format!("is no PromQL: {}", one_line(&error)))?;
        self.value(&parsed, way)
    }

    fn value(self, expr: &Expr, way: Way<'_>) -> Result<Value, String> {
        let way = way.deeper()?;
        match expr {
            Expr::Paren(paren) => self.value(&paren.expr, way),
            Expr::NumberLiteral(number) => Ok(Value::Number(number.val)),
            Expr::VectorSelector(series) => self.series(series, way),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, way),
            Expr::Binary(binary) => self.binary(binary, way),
            Expr::Call(call) => self.call(call, way),
            Expr::Unary(_) => Err("changes a sign, which no signal can say".into()),
            Expr::Subquery(_) => Err("evaluates a query again and again (a subquery); signals read raw samples".into()),
            Expr::MatrixSelector(_) => Err("is a range of samples, not a value".into()),
            Expr::StringLiteral(_) | Expr::Extension(_) => Err("is no number".into()),
        }
    }

    fn series(self, series: &VectorSelector, way: Way<'_>) -> Result<Value, String> {
        // A colon is what recording rules write, and nobody else.
        if series.name.as_deref().is_some_and(|name| name.contains(':')) {
            let text = self.recorded.stands_for(series)?;
            return self.read_within(&text, way);
        }
        let series = selector(series)?;
        let by = By::Unknown("has a value for each series; write sum(...) or sum by (...) around it");
        Ok(if self.counters {
            Value::Counted(Counted { series, by, pace: Pace::Raw, window: String::new() })
        } else {
            Value::Level(series, by)
        })
    }

    fn aggregate(self, aggregate: &AggregateExpr, way: Way<'_>) -> Result<Value, String> {
        let op = aggregate.op.to_string();
        if op != "sum" {
            return Err(format!("aggregates with `{op}`; signals sum the series of a group"));
        }
        let by = match &aggregate.modifier {
            None => By::All,
            Some(LabelModifier::Include(labels)) if labels.labels.is_empty() => By::All,
            Some(LabelModifier::Include(labels)) => By::Labels(labels.labels.iter().cloned().collect()),
            Some(LabelModifier::Exclude(_)) => {
                By::Unknown("sums `without` labels: which remain only the data know; write sum by (...)")
            }
        };
        match self.value(&aggregate.expr, way)? {
            Value::Counted(counted) => Ok(Value::Counted(Counted { by: over(&counted.by, by)?, ..counted })),
            Value::Level(series, of) => Ok(Value::Level(series, over(&of, by)?)),
            Value::Number(number) if by == By::All => Ok(Value::Number(number)),
            _ => Err("sums a quotient or a difference, which is not the quotient of the sums".into()),
        }
    }

    fn call(self, call: &Call, way: Way<'_>) -> Result<Value, String> {
        let argument = |i: usize| call.args.args.get(i).map(AsRef::as_ref);
        match (call.func.name, argument(0)) {
            (name @ ("rate" | "increase"), Some(Expr::MatrixSelector(matrix))) => {
                if matrix.vs.name.as_deref().is_some_and(|name| name.contains(':')) {
                    return Err(format!("takes a {name} of a recorded series"));
                }
                let window = format!("{}s", matrix.range.as_secs_f64());
                let pace = if name == "rate" { Pace::Second } else { Pace::Window };
                let by = By::Unknown("has a value for each series; write sum(...) or sum by (...) around it");
                Ok(Value::Counted(Counted { series: selector(&matrix.vs)?, by, pace, window }))
            }
            ("vector" | "scalar", Some(inner)) => match self.value(inner, way)? {
                Value::Number(number) => Ok(Value::Number(number)),
                _ => Err(format!("calls `{}`, which no signal can say", call.func.name)),
            },
            ("histogram_quantile", Some(quantile)) => {
                let buckets = argument(1).ok_or("lacks its buckets")?;
                match (self.value(quantile, way)?, self.value(buckets, way)?) {
                    (Value::Number(q), Value::Counted(counted)) => Ok(Value::Quantile(q, without_le(counted)?)),
                    _ => Err("takes a quantile of something that is no rate of one histogram's buckets".into()),
                }
            }
            (name @ ("irate" | "delta" | "idelta" | "deriv"), _) => {
                Err(format!("calls `{name}`, which looks at few samples of its window; signals count all increments"))
            }
            (name, _) if name.ends_with("_over_time") => Err(format!(
                "calls `{name}`: it looks at a window of values; signals judge each sample, or what `kind: query` asks"
            )),
            (name, _) => Err(format!("calls `{name}`, which no signal can say")),
        }
    }

    fn binary(self, binary: &BinaryExpr, way: Way<'_>) -> Result<Value, String> {
        let op = binary.op.to_string();
        let (left, right) = (self.value(&binary.lhs, way)?, self.value(&binary.rhs, way)?);
        if op == "or" && right == Value::Number(0.0) {
            // Where no series is there, signals take a zero, too.
            return Ok(left);
        }
        let matched = binary.modifier.as_ref().is_some_and(|m| m.matching.is_some());
        match (op.as_str(), left, right) {
            (_, Value::Number(a), Value::Number(b)) => constant(&op, a, b),
            ("-", Value::Number(1.0), Value::Quotient(above, below)) => Ok(Value::Complement(above, below)),
            ("-", Value::Number(1.0), Value::Complement(above, below)) => Ok(Value::Quotient(above, below)),
            ("-", Value::Counted(a), Value::Counted(b)) => paired(a, b, matched).map(|(a, b)| Value::Less(a, b)),
            ("/", Value::Counted(a), Value::Counted(b)) => paired(a, b, matched).map(|(a, b)| Value::Quotient(a, b)),
            ("/", Value::Less(whole, part), Value::Counted(below)) => {
                let (whole, below) = paired(whole, below, matched)?;
                let (part, below) = paired(part, below, matched)?;
                if same(&whole.series, &below.series) {
                    Ok(Value::Complement(part, below))
                } else {
                    Err("divides a difference by something else than what it was taken from".into())
                }
            }
            ("+", ..) => Err("adds several series; a selector of a signal names one metric".into()),
            (">" | "<" | ">=" | "<=" | "==" | "!=", ..) => {
                Err("compares, as alerts do; a signal is the value that is compared".into())
            }
            ("and" | "or" | "unless", ..) => Err(format!("joins sets of series with `{op}`, which no signal can say")),
            _ => Err(format!("calculates with `{op}` over what are not two counters, which no signal can say")),
        }
    }
}

/// What a sum makes of groups.
fn over(of: &By, wanted: By) -> Result<By, String> {
    match (of, &wanted) {
        (_, By::All) | (By::Unknown(_), _) => Ok(wanted),
        (By::Labels(there), By::Labels(labels)) if labels.is_subset(there) => Ok(wanted),
        _ => Err("sums by labels that an earlier sum took away".into()),
    }
}

/// Two counters that can be set against each other.
fn paired(a: Counted, b: Counted, matched: bool) -> Result<(Counted, Counted), String> {
    let (a, b) = (a.settled(), b.settled());
    if a.pace != b.pace || a.window != b.window {
        return Err("sets increments of two different windows against each other".into());
    }
    match (&a.by, &b.by) {
        (By::All, By::All) => Ok((a, b)),
        (By::Labels(left), By::Labels(right)) if left == right && !matched => Ok((a, b)),
        (By::Unknown(why), _) | (_, By::Unknown(why)) => Err((*why).to_owned()),
        _ => Err("sets groups against each other that do not have the same labels".into()),
    }
}

fn without_le(mut counted: Counted) -> Result<Counted, String> {
    let kept = match &mut counted.by {
        By::Labels(labels) => labels.remove("le"),
        By::All => false,
        By::Unknown(_) => true,
    };
    if !kept {
        return Err("takes a quantile of buckets that were summed over `le`".into());
    }
    if matches!(&counted.by, By::Labels(labels) if labels.is_empty()) {
        counted.by = By::All;
    }
    Ok(counted.settled())
}

fn constant(op: &str, a: f64, b: f64) -> Result<Value, String> {
    Ok(Value::Number(match op {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        _ => return Err(format!("calculates a constant with `{op}`")),
    }))
}

/// The labels of a group, in order.
pub(super) fn labels(by: &By) -> Result<Vec<String>, String> {
    match by {
        By::All => Ok(Vec::new()),
        By::Labels(labels) => Ok(labels.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect()),
        By::Unknown(why) => Err((*why).to_owned()),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `x:r3` is `x:r2 + x:r2`, and `x:r0` is one.
    struct Doubled;

    impl Recorded for Doubled {
        fn stands_for(&self, series: &VectorSelector) -> Result<String, String> {
            let name = series.name.as_deref().unwrap_or_default();
            let rule: usize = name.trim_start_matches("x:r").parse().map_err(|_| name.to_owned())?;
            let before = |rule: usize| format!("x:r{rule} + x:r{rule}");
            Ok(rule.checked_sub(1).map_or_else(|| "vector(1)".to_owned(), before))
        }
    }

    #[test]
    fn rules_that_double_the_work_end_after_a_number_of_steps() {
        let reading = Reading { recorded: &Doubled, counters: false };
        assert_eq!(reading.read("x:r5"), Ok(Value::Number(32.0)));
        assert!(reading.read("x:r28").unwrap_err().contains("again and again"));
    }
}
