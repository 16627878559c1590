//! Which tag an idle landscape soaks again, by what the store holds.

use super::*;
use crate::soak::baseline::Run;
use crate::soak::machine::{Outcome, State};

struct History {
    _dir: tempfile::TempDir,
    store: Store,
}

impl History {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(&dir.path().join("store.db")).expect("opens");
        History { _dir: dir, store }
    }

    fn soak(&self, tag: &str, outcome: Outcome) -> Soak {
        let subject =
            Subject { product: "shop".into(), tag: tag.into(), commit: "c".into(), landscape: "staging".into() };
        let mut soak = self.store.request(subject, Cause::Idle, Utc::now()).expect("requests");
        soak.state = State::Ended { outcome };
        self.store.put_soak(&soak).expect("writes");
        soak
    }

    /// A soak that gave a run.
    fn run(&self, tag: &str) {
        let soak = self.soak(tag, Outcome::Done);
        let run = Run {
            soak: soak.id.to_string(),
            tag: tag.into(),
            landscape: "staging".into(),
            programme: "p".into(),
            evidence: "e".into(),
            ended_at: Utc::now(),
            adopted: None,
        };
        self.store.put_run(&run).expect("writes");
    }

    fn again(&self) -> Option<String> {
        idle_again(&self.store, Idle::Baseline, &self.store.lines("shop").expect("reads")).expect("reads")
    }
}

#[test]
fn tags_that_gave_no_run_do_not_keep_the_first_good_one_from_a_full_baseline() {
    for before in [
        Outcome::Superseded { by: "v1.1.0".into() },
        Outcome::NotDeployable { reason: "exits at once".into() },
        Outcome::Aborted { reason: "a person asked for its end".into() },
    ] {
        let history = History::new();
        history.soak("v1.0.0", before.clone());
        for runs in 1..=RUNS {
            history.run("v1.1.0");
            let wanted = (runs < RUNS).then(|| "v1.1.0".to_owned());
            assert_eq!(history.again(), wanted, "after {before:?} and {runs} runs");
        }
    }
}

#[test]
fn with_runs_of_another_tag_one_soak_is_enough() {
    let history = History::new();
    history.run("v1.0.0");
    assert_eq!(history.again().as_deref(), Some("v1.0.0"));
    history.run("v1.1.0");
    assert_eq!(history.again(), None);
}

#[test]
fn a_current_tag_that_could_not_be_deployed_is_not_tried_again() {
    let history = History::new();
    history.run("v1.0.0");
    history.soak("v1.1.0", Outcome::NotDeployable { reason: "exits at once".into() });
    assert_eq!(history.again(), None);
}
