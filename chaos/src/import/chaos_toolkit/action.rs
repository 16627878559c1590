//! Actions: functions of extensions that have an equal here.

use super::super::draft::Draft;
use super::super::node::Node;
use super::super::wish::Wish;
use super::{cluster, mesh, toxic};

/// Why an action makes no fault.
pub(super) enum Refusal {
    /// Nothing is lost: what it does is done anyway.
    Harmless(String),
    /// Its effect is lost.
    Lost(String),
}

/// What an action calls.
pub(super) struct Call<'a> {
    pub module: &'a str,
    pub func: &'a str,
    /// The key that asks for the fault.
    pub asks: Node<'a>,
    /// Its arguments; an empty object without any.
    pub arguments: Node<'a>,
}

impl<'a> Call<'a> {
    pub fn argument(&self, name: &str) -> Option<Node<'a>> {
        self.arguments.some(name)
    }
}

/// The fault that an action asks for.
pub(super) fn wish<'a>(item: &Node<'a>, draft: &mut Draft) -> Result<Wish<'a>, Refusal> {
    let lost = |why: String| Err(Refusal::Lost(why));
    let Some(provider) = item.get("provider") else { return lost("the action has no provider".into()) };
    let word = |key: &str| provider.get(key).and_then(|node| node.text()).unwrap_or_default();
    match word("type") {
        "python" => (),
        "process" => {
            let why =
                format!("the command `{}` is never run: experiments from files cannot run commands", word("path"));
            return lost(why);
        }
        "http" => return lost(format!("no request is sent to `{}`; load is a suite of its own", word("url"))),
        other => return lost(format!("a provider of type `{other}` is not known here")),
    }
    let asks = provider.get("func").unwrap_or_else(|| provider.clone());
    let arguments = provider
        .get("arguments")
        .unwrap_or_else(|| Node { path: format!("{}.arguments", provider.path), value: &serde_json::Value::Null });
    let call = Call { module: word("module"), func: word("func"), asks, arguments };
    let mut wish = called(&call, draft)?;
    for (key, node) in provider.members() {
        match key {
            "type" | "module" => wish.same(&node),
            "secrets" | "configuration" => wish.note(&node, "a landscape needs no access from outside"),
            "timeout" => wish.note(&node, "an injection that is not verified in time is void by itself"),
            _ => (),
        }
    }
    if let Some(namespace) = call.argument("ns") {
        wish.note(&namespace, super::super::labels::NO_NAMESPACE);
    }
    Ok(wish)
}

fn called<'a>(call: &Call<'a>, draft: &mut Draft) -> Result<Wish<'a>, Refusal> {
    let package = call.module.split('.').next().unwrap_or_default();
    let undo = ["delete_toxic", "enable_proxy", "reset", "delete_proxy", "delete_network_fault", "delete_stressor"];
    let words = ["remove_", "unset_", "uncordon_"];
    let known = matches!(package, "chaosk8s" | "chaostoxi" | "toxiproxy" | "chaosistio");
    if known && (undo.contains(&call.func) || words.iter().any(|word| call.func.starts_with(word))) {
        return Err(Refusal::Harmless("an undo: our faults are undone by themselves after their hold".into()));
    }
    match (package, call.module) {
        ("chaosk8s", module) if module.contains("chaosmesh") => mesh::wish(call, draft),
        ("chaosk8s", _) => cluster::kubernetes(call, draft),
        ("chaosistio", _) => cluster::istio(call, draft),
        ("chaostoxi" | "toxiproxy", _) => toxic::wish(call, draft),
        (_, module) => {
            Err(Refusal::Lost(format!("`{module}.{}` is code of an extension without an equal here", call.func)))
        }
    }
}
