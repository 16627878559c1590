//! What the judge is told: error rates, the programme's lengths, the KPI.

use serde::{Deserialize, Serialize};

/// Policy of one judgement. Lengths are samples of `steady` and `load` phases, never minutes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Samples of the declared programme.
    pub programme: usize,
    /// First look.
    pub first_look: usize,
    /// Extensions declared before the start: 0 or 1.
    pub extensions: usize,
    /// Total false-fail rate of a tag over all looks.
    pub alpha: f64,
    /// One-sided level of the pass side.
    pub alpha_pass: f64,
    /// Score that `scoreLow` must reach.
    pub kpi: f64,
    /// Share of samples that a gate metric needs.
    pub coverage: f64,
    /// Channel weights (shift, peak, dense) of the gate family.
    pub gate_weights: [f64; 3],
    /// Channel weights (shift, peak, dense) of the watch family.
    pub watch_weights: [f64; 3],
    /// Weight of the resilience channel.
    pub resilience_weight: f64,
}

impl Policy {
    /// The defaults of the design for a programme of `programme` samples whose first look is at `first_look`.
    pub fn new(programme: usize, first_look: usize) -> Self {
        Policy {
            programme,
            first_look,
            extensions: 0,
            alpha: 0.01,
            alpha_pass: 0.05,
            kpi: 85.0,
            coverage: 0.8,
            gate_weights: [0.5, 0.1, 0.1],
            watch_weights: [0.2, 0.05, 0.05],
            resilience_weight: 0.2,
        }
    }
}
