//! Products that are not the shop: programs that Debian packages, with and without metrics of their own.

use crate::world::{World, unavailable, until};
use pipeline::worker::verdict_of;
use scorer::Verdict;
use scorer::evidence::Class;
use std::process::Command;

const PROCESSES: &str = r#"
apiVersion: mettle/v1
kind: Processes
metadata: {name: site}
components:
  - name: pages
    command: [python3, -m, http.server, "{port}", --bind, 127.0.0.1, --directory, "{here}/pages"]
    user: false
  - name: door
    command: [sh, -c, "exec socat TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr TCP:$PAGES"]
    reaches: {pages: PAGES}
    reachesFormat: "{host}:{port}"
"#;

const PROGRAMME: &str = r#"
apiVersion: mettle/v1
kind: Programme
metadata: {name: site}
interval: 200ms
load: {suite: read, rate: 20/s}
suites: [reading]
phases:
  - {name: warmup, samples: 3}
  - {name: steady, samples: 15}
looks: {first: 10}
"#;

const JOURNEY: &str = r#"
apiVersion: mettle/v1
kind: Suite
class: business
name: reading
every: 100ms
journeys:
  - name: read
    steps:
      - name: the page
        request: {component: door, path: /index.html}
        asserts: ['status == 200', 'body contains "hello"']
"#;

const LOAD: &str = r#"
apiVersion: mettle/v1
kind: Suite
class: performance
name: read
load:
  rate: 20/s
  connections: 8
  limitMs: 500
  requests:
    - {name: page, component: door, path: /index.html}
"#;

#[test]
fn packaged_programs_without_metrics_are_soaked_as_they_are() {
    if Command::new("socat").arg("-V").output().is_err() {
        return unavailable("socat: not installed");
    }
    let world = World::new();
    std::fs::create_dir(world.path().join("pages")).unwrap();
    std::fs::write(world.path().join("pages/index.html"), "<p>hello</p>").unwrap();
    world.set_landscape("processes.yaml", |_| PROCESSES.to_owned());
    let product = "apiVersion: mettle/v1\nkind: Product\nmetadata: {name: tiny}\ncomponents:\n\
                   - {name: pages, repo: ../back.git, version: 1.0.0}\n\
                   - {name: door, repo: ../front.git, version: 1.0.0, dependsOn: [pages]}\n";
    for repository in ["back.git", "front.git"] {
        world.commit(repository, &[("VERSION", "1.0.0")], Some("v1.0.0"));
    }
    let files = [
        ("product.yaml", product),
        ("mettle/programme.yaml", PROGRAMME),
        ("mettle/suites/reading.yaml", JOURNEY),
        ("mettle/suites/read.yaml", LOAD),
    ];
    world.commit("product.git", &files, Some("v1.0.0"));
    let mut up = world.up(&[]).ready();
    until("it is soaked", || world.soaks().first().is_some_and(|s| s.ended()));
    assert_eq!(up.interrupt(), 130);
    let soak = world.soaks().remove(0);
    assert_eq!(verdict_of(&soak), Verdict::Pass, "{soak:?}\n{}", up.said());
    let store = datasets::EvidenceStore::open(&world.path().join("evidence")).unwrap();
    let evidence = store.get(&soak.evidence().unwrap().parse().unwrap()).unwrap();
    let journeys = evidence.checks.iter().filter(|c| c.class == Class::Business).count();
    assert!(journeys > 5, "{journeys} journeys");
    let recorded = |name: &str, job: Option<&str>| {
        let own = |s: &&scorer::evidence::RawSeries| {
            s.name == name && job.is_none_or(|job| s.labels.get("job").is_some_and(|j| j == job))
        };
        evidence.series.iter().filter(own).any(|s| s.values.iter().filter(|v| v.is_finite()).count() > 10)
    };
    for job in ["pages", "door"] {
        assert!(recorded("mettle_process_resident_memory_bytes", Some(job)), "memory of {job}");
    }
    assert!(recorded("mettle_load_requests_total", None) && recorded("mettle_probe_ok_total", Some("door")));
    assert!(!recorded("mettle_probe_ok_total", Some("pages")), "users do not reach the pages but through the door");
}
