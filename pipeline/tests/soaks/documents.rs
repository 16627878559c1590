//! Documents that cannot be used, in a tag and in the landscape.

use crate::world::{PROGRAMME, World, until};

#[test]
fn a_tag_with_bad_documents_is_not_deployable_and_every_problem_is_told() {
    let world = World::new();
    let programme = PROGRAMME.replace("samples: 12", "samples: 12, sampels: 3").replace("hold: 1s", "hold: 600");
    world.push_with("1.0.0", &[("mettle/programme.yaml", &programme), ("mettle/signals.yaml", "kind: [unclosed\n")]);
    let mut up = world.up(&[]).ready();
    until("it is decided", || world.gate("v1.0.0").0 == 10);
    let soak = world.soaks().remove(0);
    let why = format!("{:?}", soak.state);
    for part in ["mettle/programme.yaml", "sampels", "600", "mettle/signals.yaml", "line"] {
        assert!(why.contains(part), "{part} is missing in {why}");
    }
    until("it is published", || world.store().outgoing().unwrap().is_empty());
    assert_eq!(world.ledger().get(soak.id.as_str()), Some(&1));
    let note = world.git(&["show", "mettle/ledger:tags/v1.0.0/release.md"]);
    assert!(note.contains("outcome: \"not_deployable\"") && note.contains("sampels"), "{note}");
    // A good tag afterwards is soaked as if nothing had been.
    world.push("1.0.1");
    until("the next tag is soaked", || world.soaks().iter().any(|s| s.tag == "v1.0.1" && s.ended()));
    assert_eq!(up.interrupt(), 130);
}

#[test]
fn a_broken_landscape_is_told_and_the_work_goes_on_when_it_is_mended() {
    let world = World::new();
    let good = world.file("staging.git", "landscape.yaml");
    world.commit("staging.git", &[("landscape.yaml", &good.replace("deployer:", "deployar:"))], None);
    world.push("1.0.0");
    let mut up = world.up(&[]).ready();
    until("it is told", || up.said().contains("deployar"));
    let said = up.said();
    assert!(said.contains("landscape.yaml:") && said.contains("deployer"), "file, line and remedy: {said}");
    assert!(world.soaks().is_empty());
    world.commit("staging.git", &[("landscape.yaml", &good)], None);
    until("the tag is soaked", || world.soaks().iter().any(|s| s.ended()));
    assert_eq!(up.interrupt(), 130);
}
