//! Cost: processor seconds, for each answered request where requests are counted (the U of USE, made comparable).

use super::draft::Draft;
use super::requests::Requests;
use super::view::View;
use crate::documents::signals::{FormKind, WorseSpec};
use crate::signals::proposal::{Proposal, Rank, selector};

/// A machine that is shared makes the same request dearer by some percent.
const MARGIN: &str = "20%";

/// Counters of processor seconds of one process: client libraries of Prometheus, then OpenTelemetry's.
const CPU: [&str; 2] = ["process_cpu_seconds_total", "process_cpu_time_seconds_total"];

pub(super) fn propose(view: &View<'_>, requests: &[Requests<'_>], draft: &mut Draft) {
    for family in CPU.iter().filter_map(|name| view.family(name)) {
        let mut alone = false;
        for component in view.components(family) {
            let Some(own) = requests.iter().find(|one| one.component == component && !one.watches) else {
                alone = true;
                continue;
            };
            let why = format!("Processor seconds of each answer{}: the same work, made dearer.", component.of());
            let name = draft.name(&[&component.prefix(), "cpu-per-request"]);
            let mut proposal = Proposal::new(name, FormKind::Rate, why);
            proposal.spec.series = Some(selector(&family.name, component.matcher()));
            proposal.spec.per = Some(selector(&own.counter, own.all()));
            proposal.spec.worse = Some(WorseSpec::Up);
            proposal.spec.component = component.name();
            draft.add(&family.name, proposal.ranked(Rank::Cost, MARGIN));
        }
        if alone {
            let why = "Processor seconds a second of each process; some of them count no requests to divide by.";
            let mut proposal = Proposal::new(draft.name(&["cpu"]), FormKind::Rate, why);
            proposal.spec.series = Some(family.name.clone());
            proposal.spec.worse = Some(WorseSpec::Up);
            proposal.spec.group_by = view.group_by(family, &[]);
            draft.add(&family.name, proposal);
        }
    }
}
