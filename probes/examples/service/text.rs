//! Writes families in the text format and in OpenMetrics.

use super::Family;
use probes::metrics::exposition::Format;
use std::fmt::Write as _;

/// Every so many buckets one has an exemplar; OpenMetrics only.
const EXEMPLARS: usize = 10;

impl super::Service {
    /// The answer to a scrape.
    pub fn text(&self, format: Format) -> String {
        let mut out = String::new();
        for family in self.families() {
            write(&mut out, &family, format);
        }
        if format == Format::OpenMetrics {
            out.push_str("# EOF\n");
        }
        out
    }
}

fn write(out: &mut String, family: &Family, format: Format) {
    let Family { name, kind, help, points } = family;
    let declared = match format {
        Format::Prometheus => name,
        Format::OpenMetrics => name.strip_suffix("_total").unwrap_or(name),
    };
    let help = help.replace('\\', r"\\").replace('\n', r"\n");
    let _ = writeln!(out, "# HELP {declared} {help}\n# TYPE {declared} {kind}");
    for (at, point) in points.iter().enumerate() {
        let _ = write!(out, "{name}{}", point.suffix);
        for (position, (label, value)) in point.labels.iter().enumerate() {
            let value = value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n");
            let _ = write!(out, "{}{label}=\"{value}\"", if position == 0 { '{' } else { ',' });
        }
        let _ = write!(out, "}} {}", point.value);
        if format == Format::OpenMetrics && point.suffix == "_bucket" && at % EXEMPLARS == 0 {
            let _ = write!(out, " # {{trace_id=\"{:032x}\"}} 0.0043 1700000000.25", at + 1);
        }
        out.push('\n');
    }
}
