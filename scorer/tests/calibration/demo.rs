//! G5: the numbers of the demo soak, judged at every look by the whole judge.

use crate::cells::{Cell, Event, Promise, hold};
use crate::demo_data::{Demo, MINUTE, soak};
use crate::rng::Rng;
use scorer::judge::{JudgeInput, judge};
use scorer::looks::looks;
use scorer::policy::Policy;
use scorer::verdict::Verdict;

const FIRST_LOOK: usize = 20;

/// Whether a soak ever fails, and whether it passes at its end.
fn outcome(demo: Demo, rng: &mut Rng) -> Vec<usize> {
    let soak = soak(demo, rng);
    let policy = Policy::new(MINUTE, FIRST_LOOK);
    let mut last = Verdict::None;
    for look in looks(MINUTE, FIRST_LOOK, 0) {
        let input = JudgeInput {
            gate: &soak.gate,
            watch: &soak.watch,
            policy: &policy,
            look: look.samples,
            resilience: None,
            hard_rules: &[],
        };
        last = judge(&input).verdict;
        if last == Verdict::Fail {
            break;
        }
    }
    vec![usize::from(last == Verdict::Fail), usize::from(last == Verdict::Pass)]
}

fn cell(what: &str, effort: f64, demo: Demo, events: [Event; 2]) -> Cell {
    Cell {
        name: format!("{what}, K {}", demo.runs),
        events: events.to_vec(),
        trials: 1,
        effort,
        repetition: Box::new(move |rng| outcome(demo, rng)),
    }
}

#[test]
fn g5_the_demo() {
    use Promise::{AtLeast, AtMost, Shown};
    let usual = Demo { runs: 5, tau: 0.2, slow: 0.02, growth: 1.0 };
    let three = Demo { runs: 3, ..usual };
    let events = |fail: Promise, pass: Promise, reference: [f64; 2]| {
        [Event::new("fails", fail).like(reference[0]), Event::new("passes", pass).like(reference[1])]
    };
    let alpha = AtMost(0.01);
    let bad = Demo { slow: 0.06, growth: 6.0, ..usual };
    let worse = Demo { slow: 0.07, growth: 8.0, ..usual };
    let cells = [
        cell("good", 1.0, usual, events(alpha, AtLeast(0.95), [0.0, 0.985])),
        cell("good", 1.0, three, events(alpha, Shown, [0.0, 0.82])),
        cell("good, tau .3", 1.0, Demo { tau: 0.3, ..usual }, events(alpha, Shown, [0.0, 0.89])),
        cell(
            "slow exactly at its margin",
            1.0,
            Demo { slow: 0.04, ..usual },
            events(alpha, AtMost(0.05), [0.005, 0.015]),
        ),
        cell("slow .05, memory x6", 0.1, Demo { slow: 0.05, ..bad }, events(Shown, Shown, [0.95, 0.0])),
        cell("slow .06, memory x6", 1.0, bad, events(AtLeast(0.95), AtMost(0.05), [1.0, 0.0])),
        cell("slow .07, memory x8", 1.0, worse, events(AtLeast(0.95), AtMost(0.05), [1.0, 0.0])),
        cell("slow .06", 1.0, Demo { growth: 1.0, ..bad }, events(Shown, AtMost(0.05), [0.55, 0.0])),
        cell("memory x8", 1.0, Demo { slow: 0.02, ..worse }, events(Shown, AtMost(0.05), [0.98, 0.0])),
        cell("slow .07, memory x8", 1.0, Demo { runs: 3, ..worse }, events(Shown, AtMost(0.05), [0.94, 0.0])),
    ];
    hold("G5: the demo soak (12 gate, 30 watch, n 60, looks 20, 40, 60, alpha 1 %)", &cells);
}
