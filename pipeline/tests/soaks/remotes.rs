//! Git remotes that cannot be reached.

use crate::world::{World, soaking, until};
use std::fs;

#[test]
fn an_unreachable_remote_loses_nothing_and_doubles_nothing() {
    let world = World::new();
    world.push("1.0.0");
    let mut up = world.up(&[]).ready();
    until("the soak runs", || soaking(&world, "v1.0.0"));
    let (there, away) = (world.path().join("product.git"), world.path().join("away.git"));
    fs::rename(&there, &away).unwrap();
    until("it ended all the same", || world.soaks().iter().all(|s| s.ended()));
    until("the push failed and is told", || up.said().contains("it stays in the outbox"));
    assert!(up.said().contains("run `git ls-remote"), "names what to do: {}", up.said());
    assert_eq!(world.store().outgoing().unwrap().len(), 1);
    // Killed meanwhile: the outbox is on the disk.
    up.kill();
    let mut up = world.up(&[]).ready();
    until("the remote is missed", || up.said().matches("cannot read the product repository").count() > 0);
    fs::rename(&away, &there).unwrap();
    until("it is pushed", || world.store().outgoing().unwrap().is_empty());
    assert_eq!(up.interrupt(), 130);
    let soak = world.soaks()[0].id.to_string();
    assert_eq!(world.ledger().get(&soak), Some(&1));
    assert_eq!(world.ledger_commits().get(&soak), Some(&1));
}
