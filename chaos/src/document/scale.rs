//! The ramp of an experiment as a scale of doses: from the weakest that is worth trying to the strongest.

use super::Experiment;
use super::ramp::with;
use crate::amount::{Bytes, BytesPerSecond};
use crate::fault::Fault;
use crate::problem::Problem;
use crate::span::Span;
use serde_json::Value;

/// Doses between the first and the last of a ramp. A strength of 1 is the first; the last has the largest.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    experiment: Experiment,
    step: usize,
    fault: Fault,
    parameter: String,
    first: f64,
    last: f64,
    unit: Unit,
}

/// How a dose is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Milliseconds,
    Bytes,
    BytesPerSecond,
    Whole,
    Number,
}

impl Unit {
    fn read(value: &Value) -> Option<(Unit, f64)> {
        match value {
            Value::Number(number) => {
                let unit = if number.is_u64() { Unit::Whole } else { Unit::Number };
                Some((unit, number.as_f64()?))
            }
            Value::String(text) => {
                let span = text.parse::<Span>().map(|span| (Unit::Milliseconds, span.ms()));
                let bytes = text.parse::<Bytes>().map(|bytes| (Unit::Bytes, bytes.0));
                let rate = text.parse::<BytesPerSecond>().map(|rate| (Unit::BytesPerSecond, rate.0));
                let (unit, amount) = span.ok().or(bytes.ok()).or(rate.ok())?;
                Some((unit, amount as f64))
            }
            _ => None,
        }
    }

    fn write(self, dose: f64) -> Value {
        let whole = dose.round() as u64;
        match self {
            Unit::Milliseconds => Span::from_ms(whole).to_string().into(),
            Unit::Bytes => Bytes(whole).to_string().into(),
            Unit::BytesPerSecond => BytesPerSecond(whole).to_string().into(),
            Unit::Whole => whole.into(),
            // Three digits are finer than any experiment can tell apart.
            Unit::Number => ((dose * 1e3).round() / 1e3).into(),
        }
    }
}

impl Scale {
    /// The scale of the one step that has a ramp.
    ///
    /// # Errors
    /// No step or several have a ramp, or its ends are no two different doses of one unit.
    pub fn of(experiment: &Experiment) -> Result<Self, Problem> {
        let ramped: Vec<usize> =
            (0..experiment.method.len()).filter(|n| !experiment.method[*n].ramp.is_empty()).collect();
        let [step] = ramped[..] else {
            let remedy = "write the weakest and the strongest dose into one step: ramp: {delay: [10ms, 2s]}";
            return Err(Problem::new(
                "method",
                format!("{} ramps", ramped.len()),
                "has no single scale of doses",
                remedy,
            ));
        };
        let of_step = &experiment.method[step];
        let fault = of_step.fault.clone();
        let (parameter, doses) = of_step.ramp.iter().next().expect("its ramp is not empty");
        let ends = doses.first().zip(doses.last()).and_then(|(first, last)| Unit::read(first).zip(Unit::read(last)));
        let key = format!("method[{step}].ramp.{parameter}");
        let wrong = |message: &str| {
            let written = doses.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
            Problem::new(&key, written, message, "write two different doses above zero, the weakest first: [10ms, 2s]")
        };
        match (ends, fault) {
            (Some(((one, first), (other, last))), Some(fault)) if first > 0.0 && last > 0.0 && first != last => {
                // 0.5 and 1 are the same unit.
                let unit = if one == other { one } else { Unit::Number };
                let mixed = one != other && ![one, other].iter().all(|u| matches!(u, Unit::Whole | Unit::Number));
                if mixed {
                    return Err(wrong("has two units"));
                }
                let (experiment, parameter) = (experiment.clone(), parameter.clone());
                Ok(Self { experiment, step, fault, parameter, first, last, unit })
            }
            _ => Err(wrong("is no range of doses")),
        }
    }

    /// The largest strength.
    pub fn strongest(&self) -> f64 {
        (self.last / self.first).max(self.first / self.last)
    }

    /// The dose of a strength. A ramp may fall: a lower rate is the stronger dose.
    fn dose(&self, strength: f64) -> f64 {
        if self.last > self.first { self.first * strength } else { self.first / strength }
    }

    /// The dose of a strength as the document writes it: `354ms`; what lies beyond an end is that end.
    pub fn written(&self, strength: f64) -> String {
        match self.unit.write(self.dose(strength.clamp(1.0, self.strongest()))) {
            Value::String(text) => text,
            number => number.to_string(),
        }
    }

    /// The strength that a dose really has once it is written in whole units; never beyond the ends.
    pub fn settled(&self, strength: f64) -> f64 {
        let written = self.unit.write(self.dose(strength));
        let dose = Unit::read(&written).map_or(self.first, |(_, dose)| dose.max(f64::MIN_POSITIVE));
        (dose / self.first).max(self.first / dose).clamp(1.0, self.strongest())
    }

    /// `delay of net.delay`.
    pub fn name(&self) -> String {
        format!("{} of {}", self.parameter, self.fault.kind())
    }

    /// The experiment at one strength; every other step is as it was.
    ///
    /// # Errors
    /// The parameter cannot take the dose, which lies between two that it can.
    pub fn at(&self, strength: f64) -> Result<Experiment, Problem> {
        let key = format!("method[{}].ramp.{}", self.step, self.parameter);
        let written = self.unit.write(self.dose(strength));
        let fault = with(&self.fault, &self.parameter, &written).map_err(|error| {
            Problem::new(&key, &written, &error.to_string(), "write doses with a dose between them")
        })?;
        if let Some(problem) = fault.problems(&key).into_iter().next() {
            return Err(problem);
        }
        let mut experiment = self.experiment.clone();
        let step = &mut experiment.method[self.step];
        step.ramp.clear();
        step.fault = Some(fault);
        Ok(experiment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn experiment(fault: Value, ramp: Value) -> Experiment {
        serde_json::from_value(json!({"apiVersion": "mettle/v1", "kind": "Experiment", "metadata": {"name": "x"},
            "hypothesis": {"title": "t"}, "targets": {"b": {"component": "b"}},
            "method": [{"fault": fault, "ramp": ramp, "hold": "2s", "rest": "1s"}]}))
        .unwrap()
    }

    #[test]
    fn a_ramp_is_a_scale_that_may_fall() {
        let delay = json!({"kind": "net.delay", "target": "b", "delay": "1s"});
        let scale = Scale::of(&experiment(delay, json!({"delay": ["10ms", "100ms", "2s"]}))).unwrap();
        assert_eq!((scale.strongest(), scale.written(35.4)), (200.0, "354ms".into()));
        let at = scale.at(35.4).unwrap();
        assert!(at.method[0].ramp.is_empty());
        assert_eq!(at.method[0].fault.as_ref().unwrap().requested()["delay"], "354ms");
        assert_eq!((scale.written(300.0).as_str(), scale.name().as_str()), ("2s", "delay of net.delay"));
        assert_eq!((scale.settled(35.44), scale.settled(300.0)), (35.4, 200.0));

        let rate = json!({"kind": "net.bandwidth", "target": "b", "rate": "1MiB/s"});
        let scale = Scale::of(&experiment(rate, json!({"rate": ["1MiB/s", "1KiB/s"]}))).unwrap();
        assert_eq!((scale.strongest(), scale.written(1_024.0)), (1_024.0, "1KiB/s".into()));
        assert_eq!(scale.settled(1_024.0), 1_024.0);

        let share = json!({"kind": "http.abort", "target": "b", "status": 503, "share": 1.0});
        let scale = Scale::of(&experiment(share, json!({"share": [0.05, 1]}))).unwrap();
        assert_eq!((scale.written(1.0), scale.written(20.0)), ("0.05".into(), "1.0".into()));
    }

    #[test]
    fn what_is_no_scale_is_said() {
        let delay = json!({"kind": "net.delay", "target": "b", "delay": "1s"});
        let wrong = |ramp: Value| Scale::of(&experiment(delay.clone(), ramp)).unwrap_err();
        assert_eq!(wrong(json!({})).message, "has no single scale of doses");
        for ramp in [json!({"delay": ["10ms"]}), json!({"delay": ["0ms", "1s"]}), json!({"delay": ["x", "1s"]})] {
            assert_eq!(wrong(ramp).message, "is no range of doses");
        }
        assert_eq!(wrong(json!({"delay": ["10ms", 7]})).message, "has two units");
    }
}
