//! What people do while a soak runs.

use crate::world::{EXPERIMENT, PROGRAMME, SIGNALS, World, leftovers, soaking, until};
use nix::sys::signal::Signal;
use pipeline::git::Oid;
use pipeline::soak::{Outcome, Soak, State};
use probes::metrics::exposition::{self, Format};
use scorer::evidence::Ended;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

fn nothing_runs(world: &World) {
    until("nothing is left", || leftovers::processes(world.path()).is_empty());
}

#[test]
fn interrupted_once_it_undoes_publishes_and_exits_130() {
    let world = World::new();
    world.push("1.0.0");
    let mut up = world.up(&[]).ready();
    until("the soak runs", || soaking(&world, "v1.0.0"));
    assert_eq!(up.interrupt(), 130, "{}", up.said());
    nothing_runs(&world);
    assert!(up.said().contains("faults are undone"), "{}", up.said());
    let soaks = world.soaks();
    assert!(
        matches!(&soaks[0].state, State::Ended { outcome: Outcome::Aborted { reason } } if reason == "interrupted"),
        "{soaks:?}"
    );
    assert_eq!(world.ledger().get(soaks[0].id.as_str()), Some(&1), "what is known is in the ledger");
    assert_eq!(leftovers::files(world.path()), Vec::<String>::new());
    let (exit, body) = world.gate("v1.0.0");
    assert!([10, 11].contains(&exit), "an aborted soak is no yes: {exit} {body}");
    assert_eq!((body["allow"].as_bool(), body["outcome"].as_str()), (Some(false), Some("aborted")));
}

#[test]
fn interrupted_while_a_fault_is_in_it_takes_it_out() {
    let world = World::new();
    let longer = PROGRAMME.replace("hold: 1s", "hold: 5m");
    assert_ne!(longer, PROGRAMME);
    let files = [
        ("mettle/experiments/back-slow.yaml", EXPERIMENT),
        ("mettle/programme.yaml", longer.as_str()),
        ("mettle/signals.yaml", SIGNALS),
    ];
    world.push_with("1.0.0", &files);
    let mut up = world.up(&[]).ready();
    // Of a fault that is in and was measured the journal holds the time; of one that is only meant, the intent.
    let open = || world.store().faults_not("undone").unwrap();
    until("a fault is in", || open().iter().any(|(_, body)| body.parse::<i64>().is_ok()));
    assert_eq!(up.interrupt(), 130, "{}", up.said());
    assert_eq!(open(), [], "the journal knows that it is out");
    nothing_runs(&world);
    let soak = world.soaks().remove(0);
    assert!(
        matches!(&soak.state, State::Ended { outcome: Outcome::Aborted { reason } } if reason == "interrupted"),
        "a residue would have tainted it: {soak:?}"
    );
    let store = datasets::EvidenceStore::open(&world.path().join("evidence")).unwrap();
    let evidence = store.get(&soak.evidence().unwrap().parse().unwrap()).unwrap();
    let [exposure] = evidence.exposures.as_slice() else { panic!("{:?}", evidence.exposures) };
    assert_eq!((exposure.ended, exposure.verified), (Ended::Aborted, true), "{exposure:?}");
    assert!((1..300_000).contains(&(exposure.end_ms - exposure.start_ms)), "{exposure:?}");
    assert_eq!(world.ledger().get(soak.id.as_str()), Some(&1), "what is known is in the ledger");
}

#[test]
fn interrupted_twice_it_ends_at_once_and_the_next_start_clears() {
    let world = World::new();
    world.push("1.0.0");
    let mut up = world.up(&[]).ready();
    until("the soak runs", || soaking(&world, "v1.0.0"));
    up.signal(Signal::SIGINT);
    until("the first is heard", || up.said().contains("once more ends at once"));
    up.signal(Signal::SIGINT);
    assert_eq!(up.wait().code(), Some(130), "{}", up.said());
    nothing_runs(&world);
    let mut up = world.up(&[]).ready();
    until("the soak is over and published", || {
        world.soaks().iter().all(|s| s.ended()) && world.store().outgoing().unwrap().is_empty()
    });
    assert_eq!(up.interrupt(), 130);
    let soak = world.soaks()[0].id.to_string();
    assert_eq!(world.ledger().get(&soak), Some(&1));
    assert_eq!(world.ledger_commits().get(&soak), Some(&1));
}

#[test]
fn a_second_worker_and_a_taken_port_are_refused() {
    let world = World::new();
    let mut up = world.up(&[]).ready();
    let second = |listen: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mettle"));
        command.args(["up", "--listen", listen, "--dir"]).arg(world.path()).output().unwrap()
    };
    let refused = second("127.0.0.1:0");
    let text = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{text}");
    assert!(text.contains("another worker uses") && text.contains(&format!("process {}", up.child.id())), "{text}");
    assert!(text.contains("--dir"), "names the remedy: {text}");
    assert_eq!(up.interrupt(), 130);

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = second(&taken.local_addr().unwrap().to_string());
    let text = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{text}");
    assert!(text.contains("cannot listen on") && text.contains("--listen"), "{text}");
    nothing_runs(&world);
}

/// What `/metrics` of the worker says.
fn own_series(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/plain; version=0.0.4"), "{head}");
    body.to_owned()
}

#[test]
fn own_series_are_shown_while_a_soak_is_observed() {
    let world = World::new();
    let settings = world.path().join("mettle.yaml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, format!("{text}metricsListen: 127.0.0.1:0\n")).unwrap();
    let mut up = world.up(&[]).ready();
    let said = up.said();
    let address = said.split("own series are at http://").nth(1).unwrap().split('/').next().unwrap();
    assert_eq!(own_series(address), "", "nothing is observed");
    world.push("1.0.0");
    let mut shown = String::new();
    until("probes are shown", || {
        shown = own_series(address);
        shown.contains("mettle_probe_attempts_total{") && shown.contains("mettle_phase{")
    });
    let read = exposition::parse(shown.as_bytes(), Format::Prometheus, 10_000).unwrap();
    let names: Vec<_> = read.samples.iter().map(|sample| exposition::series_name(sample.series).unwrap()).collect();
    for (label, value) in [("job", "mettle"), ("product", "tiny"), ("tag", "v1.0.0"), ("landscape", "staging")] {
        assert!(names.iter().all(|name| name.labels.contains_key("job") && name.labels.contains_key(label)), "{shown}");
        assert!(names.iter().any(|name| name.labels.get(label).is_some_and(|own| own == value)), "{label}: {shown}");
    }
    assert!(shown.contains("# TYPE mettle_probe_attempts_total counter\n"), "{shown}");
    until("it ends", || world.soaks().iter().all(Soak::ended));
    until("nothing is observed any more", || own_series(address).is_empty());
    assert_eq!(up.interrupt(), 130);
    assert!(TcpStream::connect(address).is_err());

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    std::fs::write(&settings, format!("{text}metricsListen: {}\n", taken.local_addr().unwrap())).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mettle"));
    let refused = command.args(["up", "--dir"]).arg(world.path()).output().unwrap();
    let text = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{text}");
    assert!(text.contains("cannot show own series on") && text.contains("metricsListen"), "{text}");
    nothing_runs(&world);
}

#[test]
fn a_tag_that_moves_after_its_pass_is_denied() {
    let world = World::new();
    world.set_landscape("landscape.yaml", |text| format!("{text}policy: {{provisional: allow}}\n"));
    world.push("1.0.0");
    let mut up = world.up(&[]).ready();
    until("it is allowed", || world.gate("v1.0.0").0 == 0);
    let (_, body) = world.gate("v1.0.0");
    let first = body["subject"]["commit"].as_str().unwrap().to_owned();
    let moved: Oid = world.commit("product.git", &[("README.md", "other")], None);
    world.git(&["tag", "-f", "v1.0.0", moved.as_str()]);
    until("the move is seen", || world.gate("v1.0.0").0 == 10);
    let (_, body) = world.gate("v1.0.0");
    assert_eq!(body["reasons"][0]["code"], "tag_moved", "{body}");
    assert_eq!(body["subject"]["commit"], first.as_str(), "the commit that was soaked stays known");
    assert_eq!(up.interrupt(), 130);
    let (exit, _) = world.gate("v7.7.7");
    assert_eq!(exit, 2, "a tag that nobody has seen is a wrong question");
}

#[test]
fn a_tag_that_no_trigger_wants_may_be_staged_by_hand() {
    let world = World::new();
    world.set_landscape("landscape.yaml", |text| text.replace("bump: patch", "bump: major"));
    world.push("1.0.0");
    let mut up = world.up(&[]).ready();
    until("the first tag was soaked", || world.soaks().iter().any(Soak::ended));
    world.push("1.0.1");
    until("its changelog is read", || world.ask("stage", "v1.0.1").0 == 0);
    let (_, body) = world.ask("stage", "v1.0.1");
    assert_eq!(body["reasons"][0]["code"], "may_stage", "{body}");
    let soaked: Vec<String> = world.soaks().into_iter().map(|s| s.tag).filter(|tag| tag == "v1.0.1").collect();
    assert!(soaked.is_empty(), "no soak has told it: {soaked:?}");
    // A component whose version was never tagged: its history cannot be read.
    let product = world.file("product.git", "product.yaml").replace("version: 1.0.1", "version: 1.0.77");
    world.commit("product.git", &[("product.yaml", &product)], Some("v1.0.2"));
    until("what is missing is told", || world.ask("stage", "v1.0.2").0 == 10);
    let (_, body) = world.ask("stage", "v1.0.2");
    assert_eq!(body["reasons"][0]["code"], "changelog_incomplete", "{body}");
    assert!(body["reasons"][0]["text"].as_str().is_some_and(|text| text.contains("v1.0.77")), "names it: {body}");
    assert_eq!(up.interrupt(), 130);
}

#[test]
fn the_next_tag_waits_until_the_current_one_was_observed() {
    let world = World::new();
    world.set_landscape("landscape.yaml", |text| format!("{text}policy: {{minObservation: 1h}}\n"));
    world.push("1.0.0");
    let mut up = world.up(&[]).ready();
    until("the first tag was soaked", || world.soaks().iter().any(Soak::ended));
    world.push("1.0.1");
    until("it waits", || up.said().contains("v1.0.1 waits: v1.0.0 is observed until"));
    until("the gate says so", || world.ask("stage", "v1.0.1").1["reasons"][0]["code"] == "observing");
    assert_eq!(world.ask("stage", "v1.0.1").0, 11, "a wait");
    let waiting = || world.soaks().into_iter().find(|s| s.tag == "v1.0.1").map(|s| s.state);
    assert_eq!(waiting(), Some(State::Requested));
    world.set_landscape("landscape.yaml", |text| text.replace("minObservation: 1h", "minObservation: 0s"));
    until("it begins", || waiting().is_some_and(|state| state != State::Requested));
    assert_eq!(up.interrupt(), 130);
}

#[test]
fn while_the_next_tag_waits_the_current_one_is_observed() {
    let world = World::new();
    let settings = world.path().join("mettle.yaml");
    let always = std::fs::read_to_string(&settings).unwrap().replace("idle: rest", "idle: always");
    std::fs::write(&settings, always).unwrap();
    world.set_landscape("landscape.yaml", |text| format!("{text}policy: {{minObservation: 1h}}\n"));
    world.push("1.0.0");
    let mut up = world.up(&[]).ready();
    until("the first tag was soaked", || world.soaks().iter().any(Soak::ended));
    world.push("1.0.1");
    let of = |tag: &str| world.soaks().into_iter().filter(|s| s.tag == tag).collect::<Vec<_>>();
    until("the next one is asked for", || !of("v1.0.1").is_empty());
    let before = of("v1.0.0").len();
    until("the current one is soaked on", || of("v1.0.0").iter().filter(|s| s.ended()).count() > before);
    assert_eq!(of("v1.0.1")[0].state, State::Requested);
    // A person does not wait.
    let mut command = Command::new(env!("CARGO_BIN_EXE_mettle"));
    let asked = command.args(["soak", "run", "--wait", "--tag", "v1.0.1", "--dir"]).arg(world.path()).output().unwrap();
    assert!(asked.status.success() || asked.status.code() == Some(11), "{asked:?}");
    let person = |s: &Soak| matches!(s.cause, pipeline::soak::record::Cause::Person { .. }) && s.ended();
    assert!(of("v1.0.1").iter().any(person), "{:?}", of("v1.0.1"));
    assert_eq!(up.interrupt(), 130);
}
