//! An experiment around one fault.

use chaos::document::Experiment;
use serde_json::{Value, json};

/// An experiment of one step with this fault.
pub(crate) fn experiment(fault: &Value, hold: &str, repeat: u32) -> Experiment {
    let document = json!({"apiVersion": "mettle/v1", "kind": "Experiment", "metadata": {"name": "x"},
        "hypothesis": {"title": "holds"}, "targets": {"p": {"component": "payments"}},
        "method": [{"fault": fault, "hold": hold, "rest": "50ms"}],
        "blast": {"keepHealthy": 0, "maxDuration": "24h"}, "repeat": {"min": repeat, "max": repeat}});
    serde_json::from_value(document).expect("the document is complete")
}
