//! One kind of chaos as faults that go in together.

use super::super::draft::{HOLD_MS, REST_MS};
use super::super::node::Node;
use super::super::units;
use super::super::wish::Wish;
use super::{Work, http, network, pod, resources};
use crate::fault::Fault;
use crate::span::Span;

/// Faults and how long they hold.
#[derive(Debug)]
pub(super) struct Part {
    pub faults: Vec<Fault>,
    pub hold: Span,
    pub rest: Span,
}

/// Reads the specification of a kind of chaos.
pub(super) fn read(kind: &str, spec: &Node, work: &mut Work) -> Part {
    let mut wishes = match kind {
        "PodChaos" => pod::wishes(spec, work),
        "NetworkChaos" => network::wishes(spec, work),
        "StressChaos" => resources::stress(spec, work),
        "IOChaos" | "IoChaos" => resources::io(spec, work),
        "TimeChaos" => resources::time(spec, work),
        "DNSChaos" => resources::dns(spec, work),
        "HTTPChaos" => http::wishes(spec, work),
        _ => {
            work.sheet.not(spec, without_equal(kind));
            return Part { faults: Vec::new(), hold: Span::from_ms(HOLD_MS), rest: Span::from_ms(REST_MS) };
        }
    };
    if wishes.is_empty() {
        work.sheet.not(spec, format!("no action of {kind} that is known here"));
    }
    let hold = duration(spec, &mut wishes);
    if let Some(scheduler) = spec.some("scheduler") {
        for wish in &mut wishes {
            wish.note(&scheduler, "once in a repetition; when and how often is up to `repeat` and the soak");
        }
    }
    if let Some(remote) = spec.some("remoteCluster") {
        for wish in &mut wishes {
            wish.refuse("the fault is meant for another cluster");
            wish.lost(&remote, "an experiment acts on one landscape");
        }
    }
    let faults = wishes.into_iter().filter_map(|wish| wish.grant(&mut work.sheet)).collect();
    Part { faults, hold, rest: Span::from_ms(REST_MS) }
}

fn duration<'a>(spec: &Node<'a>, wishes: &mut [Wish<'a>]) -> Span {
    let standard = Span::from_ms(HOLD_MS);
    let Some(node) = spec.some("duration") else {
        for wish in wishes {
            let why = if is_kill(wish) {
                format!("a kill has no duration; its return is watched for {standard}")
            } else {
                format!("without a duration it stays until it is deleted; here it holds {standard}")
            };
            wish.but(why);
        }
        return standard;
    };
    match units::span(&node, 1e3) {
        Ok((span, _)) if span.ms() == 0 => {
            for wish in wishes {
                wish.note(&node, format!("no time at all; here it holds {standard}"));
            }
            standard
        }
        Ok((span, rounded)) => {
            for wish in wishes {
                let clock = if is_kill(wish) {
                    "a kill is over at once; the time only bounds how long its return is watched"
                } else {
                    "counts from the creation there and from the verified injection here"
                };
                let caveat = rounded.as_ref().map_or(clock.into(), |rounded| format!("{clock}; {rounded}"));
                wish.becomes(&node, "method.hold", Some(caveat));
            }
            span
        }
        Err(why) => {
            for wish in wishes {
                wish.lost(&node, format!("{why}; here it holds {standard}"));
            }
            standard
        }
    }
}

fn is_kill(wish: &Wish) -> bool {
    matches!(wish.kind(), "process.kill" | "process.stop")
}

fn without_equal(kind: &str) -> String {
    let what = match kind {
        "JVMChaos" => "faults inside a Java virtual machine",
        "KernelChaos" => "faults inside the kernel",
        "AWSChaos" | "GCPChaos" | "AzureChaos" => "faults on machines and disks of a cloud",
        "BlockChaos" => "faults on block devices",
        "PhysicalMachineChaos" => "faults that hurt everything on a host",
        _ => "faults of this kind",
    };
    format!("{kind}: {what} have no equal in the catalogue")
}
