//! One service as one component.

use super::super::container_address::{self, Address};
use super::super::part::{Part, Ready, Side, StaysDown};
use super::super::sketch::{Flags, Sketch};
use super::command::{self, tell_port};
use super::health::{self, Test};
use super::{Source, environment, ports};
use crate::documents::Problem;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Keys of a service that are mapped.
const MAPPED: [&str; 9] =
    ["image", "build", "command", "entrypoint", "environment", "ports", "expose", "depends_on", "healthcheck"];
/// Keys whose loss changes nothing for a local landscape.
const HARMLESS: [&str; 6] = ["restart", "container_name", "hostname", "labels", "stdin_open", "tty"];

/// What is known of a service before its addresses are resolved.
struct Raw {
    part: Part,
    ports: ports::Ports,
    health_port: Option<u16>,
    addresses: Vec<(String, Address)>,
}

/// All services that are not left out, in the order of their names.
pub(super) fn parts(
    source: &Source<'_>,
    services: &Map<String, Value>,
    flags: &Flags,
    (sketch, problems): (&mut Sketch, &mut Vec<Problem>),
) {
    let names: Vec<String> = services.keys().filter(|name| !flags.without.contains(name)).cloned().collect();
    let mut raws: Vec<Raw> = Vec::new();
    for name in &names {
        match raw(source, name, &services[name], (&names, &flags.without, &mut sketch.notes)) {
            Ok(raw) => raws.push(raw),
            Err(problem) => problems.push(*problem),
        }
    }
    // A port that only the callers name is the port of the service.
    let named: BTreeMap<String, u16> = raws
        .iter()
        .flat_map(|raw| &raw.addresses)
        .filter_map(|(_, address)| Some((address.service.clone(), address.port?)))
        .collect();
    for mut raw in raws {
        // A command of the command line wins, and is split there.
        let given =
            flags.components.iter().filter_map(|c| c.split_once('=')).find(|(name, _)| name.trim() == raw.part.name);
        if let Some((_, command)) = given {
            raw.part.command = vec![command.to_owned()];
        }
        let named = named.get(&raw.part.name).copied();
        listen(&mut raw, named, &mut sketch.notes);
        reach(&mut raw, &mut sketch.notes);
        sketch.parts.push(raw.part);
    }
    unreached(sketch);
}

fn raw(
    source: &Source<'_>,
    name: &str,
    service: &Value,
    (names, without, notes): (&[String], &[String], &mut Vec<String>),
) -> Result<Raw, Box<Problem>> {
    let command = command::of(service).map_err(|(key, why)| {
        let key = format!("services.{name}.{key}");
        Box::new(source.problem(&key, "", why, "write the program and its arguments, as a text or as a list".into()))
    })?;
    let mut part = Part::new(name, command);
    for (key, what) in [("image", "image"), ("build", "build context")] {
        if let Some(value) = service.get(key) {
            let value = value.get("context").unwrap_or(value);
            part.remarks.push(format!(
                "Compose: {what} {}. A local landscape runs programs, not images: the command runs on this host.",
                command::text_of(value)
            ));
        }
    }
    let (variables, absent) = environment::of(service, source.value);
    for name_of_variable in absent {
        notes.push(format!("{name}: variable {name_of_variable} has no value here and is left out, as Compose does"));
    }
    let mut addresses = Vec::new();
    for (key, value) in variables {
        if let Some(gone) = container_address::find(&value, without) {
            notes.push(format!(
                "{name}: variable {key} names {}, which is left out; write where it is on this host",
                gone.service
            ));
        }
        match container_address::find(&value, names).filter(|address| address.service != name) {
            Some(address) => addresses.push((key, address)),
            None => drop(part.env.insert(key, value)),
        }
    }
    part.depends_on = depends_on(service, names);
    if matches!(service.get("restart").and_then(Value::as_str), Some("no")) {
        part.stays_down = StaysDown::Yes;
    }
    let (test, start) = health::of(service);
    part.deadline = start;
    let mut health_port = None;
    match test {
        Test::Http { path, port } => (part.ready, health_port) = (Ready::Http(path), port),
        Test::Other(test) => notes
            .push(format!("{name}: its health check `{test}` is not run; ready when its port accepts a connection")),
        Test::None => {}
    }
    not_mapped(name, service, notes);
    Ok(Raw { part, ports: ports::of(service), health_port, addresses })
}

fn depends_on(service: &Value, names: &[String]) -> Vec<String> {
    let given: Vec<String> = match service.get("depends_on") {
        Some(Value::Array(items)) => items.iter().map(command::text_of).collect(),
        Some(Value::Object(map)) => map.keys().cloned().collect(),
        _ => vec![],
    };
    given.into_iter().filter(|name| names.contains(name)).collect()
}

fn not_mapped(name: &str, service: &Value, notes: &mut Vec<String>) {
    let keys = service.as_object().into_iter().flat_map(Map::keys).map(String::as_str);
    let lost: Vec<&str> =
        keys.filter(|key| !MAPPED.contains(key) && !HARMLESS.contains(key) && !key.starts_with("x-")).collect();
    if !lost.is_empty() {
        notes.push(format!("{name}: not mapped: {}", lost.join(", ")));
    }
}

/// Decides who reaches the component, and tells it its port.
fn listen(raw: &mut Raw, named_by_callers: Option<u16>, notes: &mut Vec<String>) {
    let name = raw.part.name.clone();
    let part = &mut raw.part;
    part.side = if raw.ports.published > 0 { Side::User } else { Side::Internal };
    let port = raw.health_port.or(raw.ports.container.first().copied()).or(named_by_callers);
    if raw.ports.container.len() > 1 {
        let all: Vec<String> = raw.ports.container.iter().map(u16::to_string).collect();
        notes.push(format!("{name}: listens on {}; a component has one port here, the first one that its health check, `ports` or `expose` names", all.join(", ")));
    }
    let mut told = part.command.iter().chain(part.env.values()).any(|text| text.contains("{port}"));
    let Some(port) = port else {
        if part.ready == Ready::Tcp && part.side == Side::Internal && !told {
            part.ready = Ready::Alive;
            part.remarks.push("No port is known: ready when it runs.".into());
        }
        return;
    };
    for text in part.command.iter_mut().chain(part.env.values_mut()) {
        told |= tell_port(text, port);
    }
    if !told && !part.command.is_empty() {
        part.env.insert("PORT".into(), "{port}".into());
        notes.push(format!("{name}: its command never names port {port}, so it is told its port by the variable PORT; if it does not read that, write {{port}} into its command"));
    }
}

/// Variables with addresses of other services become edges.
fn reach(raw: &mut Raw, notes: &mut Vec<String>) {
    let part = &mut raw.part;
    let name = part.name.clone();
    for (variable, address) in &raw.addresses {
        let format = part.reaches_format.get_or_insert_with(|| address.format.clone());
        if *format == address.format && !part.reaches.contains_key(&address.service) {
            part.reaches.insert(address.service.clone(), variable.clone());
        } else {
            notes.push(format!(
                "{name}: not mapped: {variable}; a component writes all its addresses in one format (`{format}`) and has one variable for each component that it reaches"
            ));
        }
        if !part.depends_on.contains(&address.service) {
            part.depends_on.push(address.service.clone());
        }
    }
    // The default of the documents needs no line of its own.
    if part.reaches_format.as_deref() == Some("http://{host}:{port}") {
        part.reaches_format = None;
    }
    for other in part.depends_on.clone() {
        if !part.reaches.contains_key(&other) {
            let variable = format!("{}_URL", other.to_uppercase().replace('-', "_"));
            if part.reaches_format.is_none() && !part.env.contains_key(&variable) {
                notes.push(format!("{name}: depends on {other} but no variable names its address; it finds it in {variable}, if it reads that"));
                part.reaches.insert(other, variable);
            }
        }
    }
}

/// Nobody can reach a component that listens nowhere.
fn unreached(sketch: &mut Sketch) {
    let deaf: Vec<String> =
        sketch.parts.iter().filter(|part| part.ready == Ready::Alive).map(|part| part.name.clone()).collect();
    for part in &mut sketch.parts {
        part.reaches.retain(|name, _| !deaf.contains(name));
    }
}
