//! A dose that rises from one injection to the next.

use super::Step;
use crate::fault::Fault;
use crate::problem::Problem;
use serde_json::Value;

impl Step {
    /// The faults of a ramp, one for each dose, each with its path below `key`; empty without a ramp.
    ///
    /// # Errors
    /// Everything that is wrong with the ramp.
    pub fn rungs(&self, key: &str) -> Result<Vec<(String, Fault)>, Vec<Problem>> {
        let key = format!("{key}.ramp");
        let Some((parameter, doses)) = self.ramp.iter().next() else {
            return Ok(Vec::new());
        };
        let wrong =
            |at: String, value: &str, message: &str, remedy: String| vec![Problem::new(at, value, message, remedy)];
        let Some(fault) = &self.fault else {
            return Err(wrong(key, parameter, "has no single fault", "write `fault`, without `parallel`".into()));
        };
        // The doses stand in the document as they are, whatever the fault leaves out of its own serial form.
        if fault.is_secret() || parameter == "secret" {
            let remedy = "write one step for each value, without `ramp`".to_owned();
            return Err(wrong(key, parameter, "is over a fault with a secret, which would be kept", remedy));
        }
        if self.ramp.len() > 1 {
            let names: Vec<_> = self.ramp.keys().map(String::as_str).collect();
            return Err(wrong(key, &names.join(", "), "raises several parameters", "write one of them".into()));
        }
        let known: Vec<_> = fault.declaration().parameters.iter().map(|(name, _)| *name).collect();
        if !known.contains(&parameter.as_str()) {
            let remedy = format!("known: {}", known.join(", "));
            return Err(wrong(key, parameter, "is not a parameter of the fault", remedy));
        }
        if doses.is_empty() {
            return Err(wrong(format!("{key}.{parameter}"), "[]", "has no dose", "write at least one".into()));
        }
        let mut rungs = Vec::new();
        let mut problems = Vec::new();
        for (n, dose) in doses.iter().enumerate() {
            let at = format!("{key}.{parameter}[{n}]");
            match with(fault, parameter, dose) {
                Ok(fault) => {
                    problems
                        .extend(fault.problems("").into_iter().map(|problem| Problem { key: at.clone(), ..problem }));
                    rungs.push((at, fault));
                }
                Err(error) => {
                    let remedy = "write it as the fault itself does".to_owned();
                    problems.push(Problem::new(at, dose, &error.to_string(), remedy));
                }
            }
        }
        if problems.is_empty() { Ok(rungs) } else { Err(problems) }
    }
}

/// The fault with another value of one parameter.
pub(super) fn with(fault: &Fault, parameter: &str, dose: &Value) -> serde_json::Result<Fault> {
    let mut value = serde_json::to_value(fault)?;
    value[parameter] = dose.clone();
    serde_json::from_value(value)
}
