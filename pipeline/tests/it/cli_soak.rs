//! `mettle soak` and `mettle evidence` on a real installation.

use crate::cli_support::{Installed, git};
use gate_api::facts::{Ended, Outcome as GateOutcome, SoakFact, SoakState};
use gate_api::store::{Act, AuditCheck};
use gate_api::{GateStore as _, SqliteStore};
use pipeline::soak::{Outcome, State};
use pipeline::store::Store;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Deadline of every wait: far more than a busy machine needs.
const DEADLINE: Duration = Duration::from_secs(120);

fn soaks(installed: &Installed) -> Vec<Value> {
    let ran = installed.mettle(&["soak", "list", "--dir", "i", "-o", "json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn the_demo_can_be_made_in_a_folder_beside_the_shell() {
    let installed = Installed::new();
    let ran = installed.mettle(&["demo", "--dir", "beside", "--init-only"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "beside\n"), "{ran:?}");
    // The second time everything is there.
    assert_eq!(installed.mettle(&["demo", "--dir", "beside", "--init-only"]).code, 0);
}

#[test]
fn a_soak_runs_here_when_no_worker_runs() {
    let installed = Installed::new();
    let ran = installed.mettle(&["soak", "run", "--tag", "v1.0.0", "--dir", "i"]);
    // Four seconds are not enough evidence, and the exit code says so.
    assert_eq!(ran.code, 11, "{ran:?}");
    assert!(ran.stdout.starts_with("v1.0.0: insufficient; "), "{ran:?}");
    assert!(ran.stderr.contains("no worker runs: soaked here"), "{ran:?}");
    let all = soaks(&installed);
    assert_eq!((all.len(), &all[0]["outcome"], &all[0]["state"]), (1, &Value::from("done"), &Value::from("ended")));
    let id = all[0]["id"].as_str().unwrap();

    let status = installed.mettle(&["soak", "status", &id[..13], "--dir", "i"]);
    assert!(status.stdout.contains("of shop v1.0.0 in staging") && status.stdout.contains("ended"), "{status:?}");
    let yaml = installed.mettle(&["soak", "list", "--dir", "i", "-o", "yaml"]);
    assert!(yaml.stdout.contains("tag: v1.0.0"), "{yaml:?}");
    let none = installed.mettle(&["soak", "list", "--tag", "v9.9.9", "--dir", "i", "-o", "json"]);
    assert_eq!(none.stdout, "[]\n");
    let again = installed.mettle(&["soak", "abort", id, "--dir", "i"]);
    assert!(again.code == 0 && again.stderr.contains("has ended already"), "{again:?}");

    evidence(&installed, id);
}

fn evidence(installed: &Installed, soak: &str) {
    let ls = installed.mettle(&["evidence", "ls", "--dir", "i", "-o", "json"]);
    let listed: Vec<Value> = serde_json::from_str(&ls.stdout).unwrap();
    let digest = listed[0]["digest"].as_str().unwrap();
    assert_eq!((listed.len(), listed[0]["soak"].as_str()), (1, Some(soak)));
    let show = installed.mettle(&["evidence", "show", &digest[..6], "--dir", "i"]);
    assert!(show.stdout.contains(digest) && show.stdout.contains("suite     journeys:"), "{show:?}");
    let json = installed.mettle(&["evidence", "show", &format!("sha256:{digest}"), "--dir", "i", "-o", "json"]);
    let whole: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(whole["subject"]["tag"], "v1.0.0");
    let export = installed.mettle(&["evidence", "export", &digest[..6], "copy", "--dir", "i"]);
    assert_eq!((export.code, export.stdout.as_str()), (0, "copy\n"));
    let twice = installed.mettle(&["evidence", "export", &digest[..6], "copy", "--dir", "i"]);
    assert!(twice.code == 1 && twice.stderr.contains("choose a folder that does not exist yet"), "{twice:?}");
    let unknown = installed.mettle(&["evidence", "show", "zz", "--dir", "i"]);
    assert!(unknown.code == 2 && unknown.stderr.contains(&format!("there are 1: {}", &digest[..12])), "{unknown:?}");
}

#[test]
fn what_cannot_be_soaked_is_refused() {
    let installed = Installed::new();
    let unknown = installed.mettle(&["soak", "run", "--tag", "v9.0.0", "--dir", "i"]);
    assert_eq!((unknown.code, unknown.stderr.as_str()), (2, "error: shop has no tag `v9.0.0`; known: v1.0.0\n"));
    let none = installed.mettle(&["soak", "status", "abc", "--dir", "i"]);
    assert!(none.code == 2 && none.stderr.contains("there are none yet"), "{none:?}");

    let asked = installed.mettle(&["soak", "run", "--tag", "v1.0.0", "--no-worker", "--dir", "i"]);
    assert_eq!(asked.code, 0, "{asked:?}");
    let again = installed.mettle(&["soak", "run", "--tag", "v1.0.0", "--no-worker", "--dir", "i"]);
    assert!(again.stderr.contains("v1.0.0 waits already"), "{again:?}");
    assert_eq!(asked.stdout, again.stdout, "the same request twice is one soak");

    let shop = installed.path("shop");
    let was = git(&shop, &["rev-parse", "v1.0.0^{commit}"]);
    installed.commit("shop");
    git(&shop, &["tag", "-f", "-a", "v1.0.0", "-m", "moved"]);
    let now = git(&shop, &["rev-parse", "v1.0.0^{commit}"]);
    let moved = installed.mettle(&["soak", "run", "--tag", "v1.0.0", "--dir", "i"]);
    assert_eq!(moved.code, 2, "{moved:?}");
    let text = moved.stderr.replace(&was, "WAS").replace(&now, "NOW");
    insta::assert_snapshot!(text, @r#"
    error: tag v1.0.0 moved: it was WAS when it was first seen and is NOW now; what was soaked and what would be soaked must be one thing; make a new tag (git tag -a NEXT), or put this one back (git tag -f -a v1.0.0 WAS)
    "#);
    let nowhere = installed.mettle(&["soak", "list", "--dir", "elsewhere"]);
    assert!(nowhere.code == 2 && nowhere.stderr.contains("`mettle init` or `mettle demo` makes one"), "{nowhere:?}");
}

/// A running `mettle up`; ends with the test.
struct Up(Child);

impl Up {
    fn start(installed: &Installed) -> (Self, String) {
        let mut command = installed.command(&["up", "--dir", "i", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.find_map(|line| line.ok().filter(|l| l.contains("the gate answers on "))).unwrap();
        let url = line.rsplit(' ').next().unwrap().to_owned();
        // Somebody must read what it says, or it would stand still.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| eprintln!("up: {line}")));
        (Up(child), url)
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

#[test]
fn a_running_worker_takes_the_request_and_ends_it_when_asked() {
    let installed = Installed::new();
    // Nothing is triggered: what runs is what a person asked for.
    let landscape = std::fs::read_to_string(installed.path("staging/landscape.yaml")).unwrap();
    installed.write("staging/landscape.yaml", &landscape.replace("[{bump: patch}]", "[]"));
    installed.commit("staging");
    let long = "apiVersion: mettle/v1\nkind: Programme\nmetadata: {name: long}\nsuites: [journeys]\nphases: [{name: steady, samples: 3000}]\n";
    installed.write("shop/mettle/programme.yaml", long);
    installed.tag("v1.1.0");
    let (mut up, url) = Up::start(&installed);
    let asked = installed.mettle(&["soak", "run", "--tag", "v1.1.0", "--dir", "i"]);
    assert!(asked.code == 0 && asked.stderr.contains("the running worker takes it"), "{asked:?}");
    let id = asked.stdout.trim().to_owned();
    let ends = Instant::now() + DEADLINE;
    let mut wait_for = |what: &dyn Fn(&Value) -> bool| loop {
        assert_eq!(up.0.try_wait().unwrap(), None, "the worker runs on");
        let all = soaks(&installed);
        if let Some(soak) = all.iter().find(|soak| soak["id"] == id.as_str()).filter(|soak| what(soak)) {
            break soak.clone();
        }
        assert!(Instant::now() < ends, "{all:?}");
    };
    wait_for(&|soak| soak["state"] == "soaking");
    let status = installed.mettle(&["soak", "status", "--dir", "i"]);
    assert!(status.stdout.contains(&id) && status.stdout.contains("of the evidence"), "{status:?}");

    // The gate of the server and the gate of the folder answer alike.
    let ask = ["gate", "check", "release", "--product", "shop", "--tag", "v1.1.0", "--landscape", "staging"];
    let here = installed.mettle(&[&ask[..], &["--dir", "i"]].concat());
    let there = installed.mettle(&[&ask[..], &["--url", &url]].concat());
    assert_eq!((here.code, there.code), (11, 11), "{here:?} {there:?}");
    assert!(there.stdout.contains("wait: shop v1.1.0") && there.stdout.contains("ask again in"), "{there:?}");

    let chaos = installed.mettle(&["chaos", "replay", "nothing", "--dir", "i"]);
    assert!(chaos.code == 2 && chaos.stderr.contains("no experiment was run yet"), "{chaos:?}");

    let abort = installed.mettle(&["soak", "abort", &id, "--dir", "i"]);
    assert!(abort.stderr.contains("it ends within seconds"), "{abort:?}");
    let ended = wait_for(&|soak| soak["state"] == "ended");
    assert_eq!(ended["outcome"], "aborted", "{ended}");
    drop(up);
}

#[test]
fn a_person_resolves_a_taint_once_and_with_a_reason() {
    let installed = Installed::new();
    let ran = installed.mettle(&["soak", "run", "--tag", "v1.0.0", "--dir", "i"]);
    assert_eq!(ran.code, 11, "{ran:?}");
    let resolve =
        |reason: &str| installed.mettle(&["soak", "resolve", "--tag", "v1.0.0", "--reason", reason, "--dir", "i"]);
    let reason = "the stray process was ended by hand";
    let nothing = resolve(reason);
    assert!(nothing.code == 2 && nothing.stderr.contains("no soak of v1.0.0 ended tainted"), "{nothing:?}");

    // As a soak ends whose fault could not be taken out.
    let path = installed.path("store.db");
    let (store, gate) = (Store::open(&path).unwrap(), SqliteStore::open(&path).unwrap());
    let mut soak = store.every_soak().unwrap().remove(0);
    soak.state = State::Ended { outcome: Outcome::Tainted { residue: "a delay of checkout".into() } };
    store.put_soak(&soak).unwrap();
    let untold = resolve(reason);
    assert!(untold.code == 2 && untold.stderr.contains("start `mettle up`"), "{untold:?}");
    let known = || gate.facts(&soak.product, &soak.landscape, &soak.tag).unwrap().soaks.remove(0);
    let ended = Ended { outcome: GateOutcome::Tainted, at: soak.ended_at.unwrap(), superseded_by: None, detail: None };
    let told = SoakFact { state: SoakState::Ended(ended), ..known() };
    gate.put_soak(&told, Act { by: "worker", at: soak.ended_at.unwrap() }).unwrap();

    let asked = || {
        let subject = ["--product", "shop", "--tag", "v1.0.0", "--landscape", "staging", "-o", "json", "--dir", "i"];
        let ran = installed.mettle(&[&["gate", "check", "release"], subject.as_slice()].concat());
        serde_json::from_str::<Value>(&ran.stdout).unwrap()["reasons"][0]["code"].clone()
    };
    assert_eq!(asked(), "tainted");
    let short = resolve("fine now");
    assert!(short.code == 2 && short.stderr.contains("at least 20 are needed"), "{short:?}");
    let done = resolve(reason);
    assert!(done.code == 0 && done.stderr.contains("is resolved"), "{done:?}");
    assert_ne!(asked(), "tainted");
    let again = resolve("somebody else says it again");
    assert!(again.code == 0 && again.stderr.contains("was resolved already by"), "{again:?}");
    assert_eq!(known().taint_resolved.map(|word| word.reason).as_deref(), Some(reason));
    assert!(matches!(gate.check_audit().unwrap(), AuditCheck::Intact { .. }));
}
