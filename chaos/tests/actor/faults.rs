//! One fault of every kind of the catalogue, in a dose that a shared machine bears.

use serde_json::{Value, json};

/// A fault of this kind on the target `p`.
///
/// # Panics
/// The kind is new and has no dose here yet.
pub(crate) fn fault(kind: &str) -> Value {
    let mut fault = match kind {
        "process.kill" | "process.stop" | "process.pause" | "stress.fds" => json!({}),
        "process.restartLoop" => json!({"every": "1s"}),
        "net.delay" => json!({"delay": "80ms", "jitter": "5ms"}),
        "net.reset" => json!({"share": 0.5}),
        "http.abort" => json!({"share": 0.5, "status": 503}),
        "stress.cpu" => json!({"cores": 1, "load": 0.3}),
        "stress.memory" => json!({"bytes": "64MiB"}),
        "stress.io" => json!({"rate": "1MiB/s"}),
        "stress.disk" => json!({"bytes": "32MiB"}),
        "stress.inodes" => json!({"count": 200}),
        "stress.connections" => json!({"count": 40}),
        "config.file" => json!({"file": "settings.txt", "content": "colour = red\n"}),
        unknown => panic!("no dose for {unknown} yet"),
    };
    fault["kind"] = kind.into();
    fault["target"] = "p".into();
    fault
}
