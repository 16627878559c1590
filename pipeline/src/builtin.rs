//! The signals of a product that declares none: what Mettle measures itself.

use crate::worker::{Bundle, SuiteDocument};
use scorer::evidence::Class;
use scorer::signal::{Dimension, Form, Margin, MatchOp, Matcher, Selector, Signal, Tier, Worse};

/// Share of journeys, requests and probes that must be right, where nothing else was declared.
const OBJECTIVE: f64 = 0.99;
/// Consecutive broken samples that make an objective a hard rule.
const BROKEN_AFTER: u32 = 10;

/// Declared signals, or the built-in ones.
pub fn signals(bundle: &Bundle) -> Vec<Signal> {
    if bundle.signals.is_empty() { builtin(bundle) } else { bundle.signals.clone() }
}

fn builtin(bundle: &Bundle) -> Vec<Signal> {
    let mut out = Vec::new();
    let business = |name: &String| bundle.suites.get(name).is_some_and(|s| s.class() == Class::Business);
    if bundle.programme.suites.iter().any(business) {
        out.push(ratio("journeys", Dimension::Business, "mettle_journey_ok_total", "mettle_journey_runs_total", &[]));
    }
    if let Some(of) = &bundle.programme.load
        && let Some(SuiteDocument::Performance(suite)) = bundle.suites.get(&of.suite)
    {
        // Its own requests alone: an experiment may run other suites beside it.
        let of_suite = ("suite", suite.name.as_str());
        let ok = Form::Ratio {
            good: select("mettle_load_requests_total", &[of_suite, ("outcome", "ok")]),
            total: select("mettle_load_requests_total", &[of_suite]),
        };
        out.push(Signal {
            objective: Some(OBJECTIVE),
            margin: Some(Margin::Absolute(0.01)),
            ..signal("load-success", ok, Dimension::Performance, Worse::Down)
        });
        let slow = Form::Latency {
            buckets: select("mettle_load_response_seconds_bucket", &[of_suite]),
            threshold_s: suite.load.limit().as_secs_f64(),
        };
        out.push(Signal {
            margin: Some(Margin::Absolute(0.02)),
            ..signal("load-latency", slow, Dimension::Performance, Worse::Up)
        });
    }
    for component in bundle.product.components.iter().filter(|c| bundle.user_sides.contains(&c.name)) {
        let reach = ratio(
            &format!("{}-reach", component.name),
            Dimension::Business,
            "mettle_probe_ok_total",
            "mettle_probe_attempts_total",
            &[("job", &component.name)],
        );
        out.push(Signal { component: Some(component.name.clone()), ..reach });
    }
    let by_job = vec!["job".to_owned()];
    let memory = Form::Gauge { series: select("mettle_process_resident_memory_bytes", &[]), group_by: by_job.clone() };
    out.push(Signal {
        margin: Some(Margin::Relative(0.1)),
        rise: Some(Margin::Relative(0.05)),
        ..signal("memory", memory, Dimension::Performance, Worse::Up)
    });
    let cpu =
        Form::Rate { series: select("mettle_process_cpu_seconds_total", &[]), per: None, group_by: by_job.clone() };
    out.push(Signal { tier: Tier::Watch, ..signal("cpu", cpu, Dimension::Performance, Worse::Up) });
    let restarts = Form::Count { series: select("mettle_process_restarts_total", &[]), group_by: by_job };
    out.push(Signal { tier: Tier::Watch, ..signal("restarts", restarts, Dimension::Resilience, Worse::Up) });
    out
}

fn signal(name: &str, form: Form, dimension: Dimension, worse: Worse) -> Signal {
    Signal {
        name: name.to_owned(),
        component: None,
        tier: Tier::Gate,
        dimension,
        worse,
        form,
        margin: None,
        rise: None,
        objective: None,
        broken_after: BROKEN_AFTER,
    }
}

fn ratio(name: &str, dimension: Dimension, good: &str, total: &str, labels: &[(&str, &str)]) -> Signal {
    let form = Form::Ratio { good: select(good, labels), total: select(total, labels) };
    Signal {
        objective: Some(OBJECTIVE),
        margin: Some(Margin::Absolute(0.01)),
        ..signal(name, form, dimension, Worse::Down)
    }
}

fn select(name: &str, labels: &[(&str, &str)]) -> Selector {
    let matcher = |(label, value): &(&str, &str)| Matcher {
        label: (*label).to_owned(),
        op: MatchOp::Equal,
        value: (*value).to_owned(),
    };
    Selector { name: name.to_owned(), matchers: labels.iter().map(matcher).collect() }
}
