//! `ports` and `expose`: which port a service listens on within its container.

use super::command::text_of;
use serde_json::Value;

/// Whether a service is published to users, and where it listens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ports {
    /// Container ports that are published, then those that are only exposed; each once.
    pub(super) container: Vec<u16>,
    /// How many of them are published.
    pub(super) published: usize,
}

/// Reads the short (`"8080:80"`) and the long form.
pub(super) fn of(service: &Value) -> Ports {
    let list = |key: &str| service.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut ports = Ports::default();
    let published: Vec<u16> = list("ports").iter().filter_map(port).collect();
    let exposed: Vec<u16> = list("expose").iter().filter_map(port).collect();
    for port in &published {
        if !ports.container.contains(port) {
            ports.container.push(*port);
        }
    }
    ports.published = ports.container.len();
    for port in exposed {
        if !ports.container.contains(&port) {
            ports.container.push(port);
        }
    }
    ports
}

/// `target` of the long form, the last part of the short one; of a range the first.
fn port(item: &Value) -> Option<u16> {
    let text = text_of(item.get("target").unwrap_or(item));
    let last = text.rsplit(':').next()?.split('/').next()?.split('-').next()?;
    last.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_both_forms() {
        let service = json!({"ports": ["127.0.0.1:8080:80/tcp", "90-91", 100, {"target": 70, "published": 7000}, "80"], "expose": [80, "60"]});
        assert_eq!(of(&service), Ports { container: vec![80, 90, 100, 70, 60], published: 4 });
        assert_eq!(of(&json!({})), Ports::default());
    }
}
