//! One fault of every kind of the catalogue, in a dose that a shared machine bears.

use serde_json::{Value, json};

/// A fault of this kind on the target `p`.
///
/// # Panics
/// The kind is new and has no dose here yet.
pub(crate) fn fault(kind: &str) -> Value {
    let mut fault = match kind {
        "process.kill" | "process.stop" | "process.pause" | "stress.fds" => json!({}),
        "tls.expired" | "tls.wrongHost" | "tls.unknownIssuer" => json!({}),
        "process.pauseThread" => json!({"thread": "worker-*", "count": 2}),
        "process.restartLoop" => json!({"every": "1s"}),
        "net.delay" => json!({"delay": "80ms", "jitter": "5ms"}),
        "net.reset" => json!({"share": 0.5}),
        "http.abort" => json!({"share": 0.5, "status": 503}),
        "net.bandwidth" => json!({"rate": "64KiB/s"}),
        "net.partition" => json!({"mode": "drop"}),
        "net.slowClose" => json!({"delay": "80ms"}),
        "net.limitConnections" => json!({"max": 4}),
        "net.limitData" => json!({"bytes": "2KiB"}),
        "net.slice" => json!({"size": "8B", "delay": "5ms"}),
        "net.corrupt" => json!({"share": 0.5, "direction": "from"}),
        "net.loss" => json!({"share": 0.3}),
        "net.duplicate" => json!({"share": 0.3, "direction": "from"}),
        "net.reorder" => json!({"share": 0.3, "by": "10ms"}),
        "http.delay" => json!({"share": 0.5, "delay": "80ms"}),
        "http.body" => json!({"share": 0.5, "change": {"truncate": {"bytes": "1B"}}}),
        "http.header" => json!({"share": 0.5, "on": "response", "set": {"x-version": "0"}}),
        "http.slow" => json!({"rate": "20B/s"}),
        "stress.cpu" => json!({"cores": 1, "load": 0.3}),
        "stress.memory" => json!({"bytes": "64MiB"}),
        "stress.io" => json!({"rate": "1MiB/s"}),
        "stress.disk" => json!({"bytes": "32MiB"}),
        "stress.inodes" => json!({"count": 200}),
        "stress.connections" => json!({"count": 40}),
        "config.file" => json!({"file": "settings.txt", "content": "colour = red\n"}),
        "config.toggle" => json!({"file": "toggles.yaml", "key": "features.colour", "value": "red",
            "seen": {"path": "/toggles", "expect": "red"}}),
        "time.offset" => json!({"behind": "1h"}),
        "time.drift" => json!({"speed": 2.0}),
        "io.error" => json!({"errno": "ENOSPC", "path": "**/*.tmp"}),
        "io.latency" => json!({"delay": "40ms", "jitter": "5ms", "operations": ["write", "fsync"]}),
        "io.tornWrite" => json!({}),
        "dns.error" => json!({"rcode": "NXDOMAIN", "names": ["*.example.com"]}),
        "dns.wrong" => json!({"address": "127.0.0.9"}),
        "dns.slow" => json!({"delay": "60ms", "jitter": "5ms"}),
        unknown => panic!("no dose for {unknown} yet"),
    };
    fault["kind"] = kind.into();
    fault["target"] = "p".into();
    fault
}
