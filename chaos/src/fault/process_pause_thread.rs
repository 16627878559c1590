//! `process.pauseThread`: some threads of chosen replicas stand still, the others run on.

use super::{Declaration, Kind, Needs, range_problem};
use crate::act::{Act, Hold};
use crate::problem::Problem;
use crate::thread_choice::{NAME_MAX, ThreadChoice};
use glob::Pattern;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most threads of one fault.
const MAX_COUNT: u32 = 1_024;

const DECLARATION: Declaration = Declaration {
    kind: "process.pauseThread",
    summary: "freezes some threads of the chosen replicas of a component; its other threads run on",
    parameters: &[
        (
            "thread",
            "name of the threads as the kernel keeps it, 15 bytes at most (ps -T shows it), with * and ?: worker-* (default: any but the main ones)",
        ),
        ("count", "how many of them, drawn with the seed, 1 to 1024 (default 1)"),
    ],
    example: ", count: 1",
    backends: &["local"],
    needs: Needs::Trace,
    prepared: None,
    held_by: "the holder process: its end ends the fault; a kernel timer ends a holder that is not renewed",
    undo: "the holder lets go of every thread; the kernel does so too when the holder ends in any way",
    dose: "state, tracer and context switches of every thread in /proc: stopped_threads of those that were meant; others_running (1) unless another one stands",
    never_with: &["process.*", "net.*", "http.*", "stress.fds", "stress.connections"],
};

/// Freeze some threads of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ProcessPauseThread {
    /// Key in `targets`.
    pub target: String,
    /// Name of the threads as the kernel keeps it, with `*` and `?`: `worker-*`. Without it any but the main threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// How many of them.
    #[serde(default = "one")]
    pub count: u32,
}

fn one() -> u32 {
    1
}

impl Kind for ProcessPauseThread {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn act(&self) -> Act {
        Act::Held(Hold::Threads(ThreadChoice { name: self.thread.clone(), count: self.count }))
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        let thread = self.thread.clone().map(|thread| ("thread", thread));
        thread.into_iter().chain([("count", self.count.to_string())]).collect()
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("stopped_threads", f64::from(self.count)), ("others_running", 1.0)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        let count = range_problem(&format!("{key}.count"), self.count, (1, MAX_COUNT));
        let thread = self.thread.as_deref().and_then(|thread| name_problem(&format!("{key}.thread"), thread));
        count.into_iter().chain(thread).collect()
    }
}

/// What keeps a pattern from ever fitting a name.
fn name_problem(key: &str, thread: &str) -> Option<Problem> {
    if thread.is_empty() {
        return Some(Problem::new(key, thread, "names nothing", "write a name such as worker-*, or leave the key out"));
    }
    if let Err(error) = Pattern::new(thread) {
        return Some(Problem::new(key, thread, error.msg, "write a name, with * for any number of characters"));
    }
    let written_out = thread.split(['*', '?', '[']).next().unwrap_or_default();
    if written_out.len() <= NAME_MAX {
        return None;
    }
    let kept = &written_out[..written_out.floor_char_boundary(NAME_MAX)];
    let message = "longer than the 15 bytes that the kernel keeps of a name";
    Some(Problem::new(key, thread, message, format!("write {kept}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_never_fit_are_told() {
        let told = |thread: &str, count: u32| {
            let fault = ProcessPauseThread { target: "p".into(), thread: Some(thread.into()), count };
            let line = |p: Problem| format!("{} = {:?} {}; {}", p.key, p.value, p.message, p.remedy);
            fault.problems("fault").into_iter().map(line).collect::<Vec<_>>()
        };
        assert!(told("worker-*", 1).is_empty() && told("tokio-runtime-*", 1_024).is_empty());
        assert!(told("tokio-runtime-worker", 1)[0].ends_with("write tokio-runtime-w"));
        assert!(told("", 1)[0].contains("names nothing"));
        assert_eq!(told("worker-[", 0).len(), 2);
    }
}
