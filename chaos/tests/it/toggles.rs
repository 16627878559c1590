//! One value in a settings file is another one; the component is seen to act on it, and on the old one again.

use crate::component::{Component, TOGGLES, until};
use crate::holder::exposure;
use crate::orders::{Holder, entry, order};
use chaos::act::{Flip, Hold};
use chaos::execute::{Ended, ExposureRecord};
use chaos::setting::Format;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::fs;

fn toggle(more: Value) -> Value {
    let mut fault = json!({"kind": "config.toggle", "target": "p", "file": "toggles.yaml",
        "key": "features.newCheckout", "value": false});
    for (name, value) in more.as_object().unwrap() {
        fault[name] = value.clone();
    }
    fault
}

fn void(exposure: &ExposureRecord) -> &str {
    assert!(!exposure.verified && exposure.ended == Ended::NotRun, "{exposure:?}");
    exposure.detail.as_deref().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_to_off_and_back_is_measured() {
    let component = Component::start("sound");
    let seen = json!({"path": "/toggles", "expect": "newCheckout: false"});
    let exposure = exposure(&component, &toggle(json!({"seen": seen}))).await;
    assert!(exposure.verified && exposure.ended == Ended::Completed, "{exposure:?}");
    assert!(exposure.achieved["value_is_ours"] == 1.0, "{exposure:?}");
    // The component reads its file anew after 100 ms: it acts neither at once nor never.
    assert!(exposure.achieved["time_to_off_ms"] > 0.0, "{exposure:?}");
    assert!(exposure.achieved.contains_key("time_to_on_ms") && exposure.detail.is_none(), "{exposure:?}");
    assert_eq!(fs::read_to_string(component.stage.folder.join("toggles.yaml")).unwrap(), TOGGLES);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_does_not_go_back_is_told() {
    let component = Component::start("sound");
    let exposure = exposure(&component, &toggle(json!({"seen": {"path": "/latch", "expect": "off"}}))).await;
    assert!(exposure.verified && exposure.achieved.contains_key("time_to_off_ms"), "{exposure:?}");
    assert!(!exposure.achieved.contains_key("time_to_on_ms"), "{exposure:?}");
    let told = "GET /latch was not seen to show the old value again";
    assert!(exposure.detail.as_ref().is_some_and(|detail| detail.contains(told)), "{exposure:?}");
    assert_eq!(fs::read_to_string(component.stage.folder.join("toggles.yaml")).unwrap(), TOGGLES);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_does_not_act_on_it_makes_it_void() {
    let component = Component::start("sound");
    let never = json!({"path": "/health", "expect": "newCheckout: false", "within": "1s"});
    let exposed = exposure(&component, &toggle(json!({"seen": never}))).await;
    assert!(void(&exposed).contains("not seen: no answer to GET /health held"), "{exposed:?}");
    let always = json!({"path": "/toggles", "expect": "newCheckout"});
    let exposed = exposure(&component, &toggle(json!({"seen": always}))).await;
    assert!(void(&exposed).contains("before anything was changed"), "{exposed:?}");
    let exposed = exposure(&component, &toggle(json!({"value": true}))).await;
    assert!(void(&exposed).contains("`features.newCheckout` has this value already"), "{exposed:?}");
    let exposed = exposure(&component, &toggle(json!({"key": "features.newCheckuot"}))).await;
    assert!(void(&exposed).contains("there are: colour, newCheckout"), "{exposed:?}");
    let same = json!({"kind": "config.file", "target": "p", "file": "toggles.yaml", "content": TOGGLES});
    let exposed = exposure(&component, &same).await;
    assert!(void(&exposed).contains("has this content already"), "{exposed:?}");
    assert_eq!(fs::read_to_string(component.stage.folder.join("toggles.yaml")).unwrap(), TOGGLES);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_put_in_and_told_nowhere() {
    let component = Component::start("sound");
    let more = json!({"key": "features.colour", "value": "hunter2", "secret": true,
        "seen": {"path": "/toggles", "expect": "hunter2"}});
    let exposure = exposure(&component, &toggle(more)).await;
    assert!(exposure.verified && exposure.achieved.contains_key("time_to_off_ms"), "{exposure:?}");
    assert_eq!(exposure.requested["value"], "***");
    assert!(!serde_json::to_string(&exposure).unwrap().contains("hunter2"));
    // Neither a component that does not act on it nor one that shows the text already makes the record tell it.
    for (path, expect) in [("/health", "hunter2"), ("/toggles", "blue")] {
        let seen = json!({"path": path, "expect": expect, "within": "1s"});
        let more = json!({"key": "features.colour", "value": "hunter2", "secret": true, "seen": seen});
        let exposed = self::exposure(&component, &toggle(more)).await;
        assert!(void(&exposed).contains("the expected text"), "{exposed:?}");
        assert!(!serde_json::to_string(&exposed).unwrap().contains(expect), "{exposed:?}");
    }
}

fn flip(value: &str) -> Hold {
    let (key, value) = ("features.colour".parse().unwrap(), serde_json::from_value(json!(value)).unwrap());
    Hold::Toggle(Flip { path: "toggles.yaml".into(), format: Format::Yaml, key, value })
}

#[test]
fn the_undo_comes_without_the_holder_and_keeps_what_somebody_else_has_written() {
    let component = Component::start("sound");
    let file = component.stage.folder.join("toggles.yaml");
    let start = || {
        let mut holder = Holder::start(&order(&component, flip("red")));
        assert_eq!(holder.says(), "in");
        assert_eq!(fs::read_to_string(&file).unwrap(), TOGGLES.replace("blue", "\"red\""));
        holder
    };
    let mut holder = start();
    entry(holder.child.id()).signal(Signal::SIGKILL).unwrap();
    holder.child.wait().unwrap();
    until("the old value is back", || fs::read_to_string(&file).unwrap() == TOGGLES);

    let holder = start();
    fs::write(&file, "features: {colour: green}\n").unwrap();
    assert!(holder.end().contains("was changed by somebody else meanwhile"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "features: {colour: green}\n");
}

#[test]
fn files_outside_the_folder_and_values_that_are_not_single_are_refused() {
    let component = Component::start("sound");
    let on = |path: &str, key: &str| {
        let (key, value) = (key.parse().unwrap(), serde_json::from_value(json!("x")).unwrap());
        let hold = Hold::Toggle(Flip { path: path.into(), format: Format::Yaml, key, value });
        let mut holder = Holder::start(&order(&component, hold));
        let said = holder.says();
        holder.child.wait().unwrap();
        assert!(said.starts_with("refused "), "{said}");
        said
    };
    assert!(on("../elsewhere/toggles.yaml", "features.colour").contains("leads through a link"));
    assert!(on("toggles.yaml", "features").contains("toggles.yaml: `features` is a mapping"));
    assert_eq!(fs::read_to_string(component.stage.folder.join("toggles.yaml")).unwrap(), TOGGLES);
}
