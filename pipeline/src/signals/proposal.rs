//! A proposed signal: what will be written, why, and how much it deserves to decide.

use crate::documents::signals::{DimensionSpec, FormKind, SignalSpec, TierSpec};
use scorer::signal::{MatchOp, Matcher, Selector};

/// Gate signals of a proposal by default: the score is the worst of the gate metrics, and with eight of them an
/// unchanged tag still passes in nearly all cases (docs/calibration.md).
pub const GATES: usize = 8;

/// Most gate signals that a proposal may have; with more, one of them is above its margin by chance too often.
pub const MOST_GATES: usize = 30;

/// What a signal would decide as a gate, the most telling first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// What users get: errors.
    Success,
    /// What users feel: durations.
    Latency,
    /// What grows until it falls over.
    Memory,
    /// Work that gets done.
    Throughput,
    /// What a request costs.
    Cost,
}

/// One proposed signal.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// What will be written.
    pub spec: SignalSpec,
    /// Why, one line each; they become comments above it.
    pub why: Vec<String>,
    /// An objective to fill in, as it would be written; `None`: the method needs none, or it is set.
    pub open_objective: Option<&'static str>,
    /// `None`: it only watches.
    pub rank: Option<Rank>,
    /// Margin that it gets if it becomes a gate signal; a watch signal without one has the default of the method.
    pub gate_margin: Option<String>,
}

impl Proposal {
    /// A watch signal of this kind; the rest is filled in by whoever proposes.
    pub fn new(name: String, kind: FormKind, why: impl Into<String>) -> Proposal {
        let spec = SignalSpec {
            name,
            kind,
            good: None,
            total: None,
            buckets: None,
            threshold: None,
            series: None,
            per: None,
            promql: None,
            step: None,
            group_by: Vec::new(),
            component: None,
            tier: TierSpec::Watch,
            dimension: DimensionSpec::Performance,
            worse: None,
            margin: None,
            rise: None,
            objective: None,
            broken_after: 10,
        };
        Proposal { spec, why: vec![why.into()], open_objective: None, rank: None, gate_margin: None }
    }

    /// Asks to decide, with the margin that it then has.
    #[must_use]
    pub fn ranked(mut self, rank: Rank, margin: &str) -> Proposal {
        self.rank = Some(rank);
        self.gate_margin = Some(margin.to_owned());
        self
    }

    /// Whether it decides.
    pub fn is_gate(&self) -> bool {
        self.spec.tier == TierSpec::Gate
    }
}

/// Lets the first `most` of those that ask for it decide: by rank, then in the order given. Names of the others that
/// asked are returned.
pub fn seat(proposals: &mut [Proposal], most: usize) -> Vec<String> {
    let mut asking: Vec<usize> = (0..proposals.len()).filter(|i| proposals[*i].rank.is_some()).collect();
    asking.sort_by_key(|i| (proposals[*i].rank, *i));
    let mut standing = Vec::new();
    for (seat, i) in asking.into_iter().enumerate() {
        let proposal = &mut proposals[i];
        if seat < most {
            proposal.spec.tier = TierSpec::Gate;
            proposal.spec.margin = proposal.gate_margin.clone();
        } else {
            standing.push(proposal.spec.name.clone());
        }
    }
    standing
}

/// `label op "value"`.
pub fn matcher(label: &str, op: MatchOp, value: &str) -> Matcher {
    Matcher { label: label.to_owned(), op, value: value.to_owned() }
}

/// The text of a selector.
pub fn selector(name: &str, matchers: impl IntoIterator<Item = Matcher>) -> String {
    Selector { name: name.to_owned(), matchers: matchers.into_iter().collect() }.to_string()
}
