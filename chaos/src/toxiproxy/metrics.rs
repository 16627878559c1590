//! Bytes of every proxy, in the text format of Prometheus.

use super::link::Link;
use crate::proxy::EdgeStats;
use std::fmt::Write;

/// Type of the text.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn family(
    text: &mut String,
    name: &str,
    links: &[(&Link, EdgeStats)],
    bytes: fn(&EdgeStats) -> [(&'static str, u64); 2],
) {
    let _ = writeln!(text, "# TYPE toxiproxy_proxy_{name}_bytes_total counter");
    for (link, stats) in links {
        for (direction, bytes) in bytes(stats) {
            let [proxy, listener, upstream] = [&link.name, &link.listen, &link.upstream].map(|label| escaped(label));
            let labels =
                format!("direction=\"{direction}\",listener=\"{listener}\",proxy=\"{proxy}\",upstream=\"{upstream}\"");
            let _ = writeln!(text, "toxiproxy_proxy_{name}_bytes_total{{{labels}}} {bytes}");
        }
    }
}

/// The counters of every proxy that is enabled; they begin anew whenever it is.
pub(super) fn text<'a>(links: impl Iterator<Item = &'a Link>) -> String {
    let links: Vec<_> = links.filter_map(|link| link.stats().map(|stats| (link, stats))).collect();
    let mut text = String::new();
    family(&mut text, "received", &links, |stats| [("downstream", stats.read_from), ("upstream", stats.read_to)]);
    family(&mut text, "sent", &links, |stats| [("downstream", stats.bytes_from), ("upstream", stats.bytes_to)]);
    text
}
