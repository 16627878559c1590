//! HTTPChaos.

use super::super::aim::Aim;
use super::super::node::Node;
use super::super::units;
use super::super::wish::Wish;
use super::{Work, selector};
use serde_json::{Map, Value, json};

/// Keys that narrow which requests are meant.
const FILTERS: [&str; 6] = ["path", "method", "code", "port", "request_headers", "response_headers"];

pub(super) fn wishes<'a>(spec: &Node<'a>, work: &mut Work) -> Vec<Wish<'a>> {
    let aim = selector::read(spec);
    let side = spec.get("target").and_then(|side| side.text()).unwrap_or_default().to_ascii_lowercase();
    let mut wishes = Vec::new();
    if let Some(abort) = spec.get("abort").filter(|abort| abort.flag() == Some(true)) {
        let mut wish = aim.edge("net.reset", &abort, &mut work.draft);
        wish.with("share", 1.0);
        wish.but("the connection is reset as there, for every new connection instead of every request");
        wishes.push(wish);
    }
    if let Some(delay) = spec.some("delay") {
        let mut wish = aim.edge("http.delay", &delay, &mut work.draft);
        match units::span(&delay, 1e3) {
            Ok((span, caveat)) => {
                wish.with("delay", span.to_string());
                caveat.into_iter().for_each(|caveat| wish.but(caveat));
            }
            Err(why) => wish.refuse(why),
        }
        wishes.push(wish);
    }
    for how in ["replace", "patch"] {
        let Some(changes) = spec.some(how) else { continue };
        for (key, node) in changes.members() {
            wishes.extend(change(how, key, &node, (&aim, &side), work));
        }
    }
    for wish in &mut wishes {
        match spec.get("target") {
            Some(target) if matches!(side.as_str(), "request" | "response") => wish.same(&target),
            Some(target) => wish.lost(&target, "neither Request nor Response"),
            None => (),
        }
        for key in FILTERS {
            filter(spec, key, wish);
        }
        if let Some(tls) = spec.some("tls") {
            wish.lost(&tls, "edges carry plain HTTP; a landscape ends TLS before");
        }
    }
    wishes
}

fn filter<'a>(spec: &Node<'a>, key: &str, wish: &mut Wish<'a>) {
    let Some(node) = spec.some(key) else { return };
    match (key, node.text()) {
        ("path", Some("*" | "/*")) => wish.same(&node),
        ("port", _) => wish.note(&node, "the port of the edge is meant, whatever its number"),
        _ => wish.note(&node, "every request of the edge is meant, not only these"),
    }
}

fn change<'a>(
    how: &str,
    key: &str,
    node: &Node<'a>,
    (aim, side): (&Aim<'a>, &str),
    work: &mut Work,
) -> Option<Wish<'a>> {
    let draft = &mut work.draft;
    let wish = match (how, key) {
        ("replace", "code") => {
            let mut wish = aim.edge("http.abort", node, draft);
            match node.number().filter(|code| (400.0..600.0).contains(code) && code.fract() == 0.0) {
                Some(code) => wish.with("status", code as u16),
                None => wish.refuse("only error statuses, 400 to 599, can be answered"),
            }
            wish.but("the request does not reach the component here; there it does, and the answer is changed");
            wish
        }
        ("replace", "body") => {
            let mut wish = aim.edge("http.body", node, draft);
            match node.text().and_then(text_of_base64) {
                Some(text) if side == "response" => wish.with("change", json!({"replace": {"with": text}})),
                Some(_) => wish.refuse("bodies of requests are not changed"),
                None => wish.refuse("the body is not the base64 of a text"),
            }
            wish
        }
        (_, "headers") => {
            let mut wish = aim.edge("http.header", node, draft);
            let set = headers(node);
            if set.is_empty() {
                wish.refuse("no header is given as a name and a text");
            }
            wish.with("on", if side == "request" { "request" } else { "response" });
            wish.with("set", Value::Object(set));
            wish.same(node);
            if how == "patch" {
                wish.but("a header of that name is replaced, not added to");
            }
            wish
        }
        ("patch", "body") => {
            let mut wish = aim.edge("http.body", node, draft);
            wish.refuse("a body can be replaced or cut, not merged with JSON");
            wish
        }
        (_, "path" | "method" | "queries") => {
            let mut wish = aim.edge("http.header", node, draft);
            wish.refuse("path, method and queries of a request are not changed");
            wish
        }
        _ => return None,
    };
    Some(wish)
}

/// The text whose bytes are written in base64, as the resource carries them.
fn text_of_base64(text: &str) -> Option<String> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letters = text.trim_end_matches('=').bytes();
    let (mut bits, mut held, mut bytes) = (0_u32, 0_u32, Vec::new());
    for letter in letters {
        let value = LETTERS.iter().position(|known| *known == letter)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}

/// Headers as an object of texts, or as a list of pairs.
fn headers(node: &Node) -> Map<String, Value> {
    let of_object = node.members().into_iter().filter_map(|(name, value)| Some((name.to_string(), value.word()?)));
    let of_list = node.items().into_iter().filter_map(|item| match item.items().as_slice() {
        [name, value] => Some((name.word()?, value.word()?)),
        _ => None,
    });
    of_object.chain(of_list).map(|(name, value)| (name, Value::from(value))).collect()
}
