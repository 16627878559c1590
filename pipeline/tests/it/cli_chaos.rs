//! `mettle chaos` alone: plan, run, replay, list, and Ctrl-C.

use crate::cli_support::{Installed, Ran};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

fn experiment(hold: &str) -> String {
    format!(
        "apiVersion: mettle/v1\nkind: Experiment\nmetadata: {{name: web-slow}}\nhypothesis: {{title: holds}}\n\
         targets: {{web: {{component: web}}}}\nmethod:\n  - fault: {{kind: net.delay, target: web, from: user, delay: 100ms}}\n    \
         hold: {hold}\n    rest: 100ms\nrepeat: {{min: 2, max: 2}}\n"
    )
}

fn installed(hold: &str) -> Installed {
    let installed = Installed::new();
    installed.write("e.yaml", &experiment(hold));
    installed
}

/// Seed and plan hash of the narrative.
fn seed_and_hash(ran: &str) -> (String, String) {
    let line = ran.lines().find(|line| line.starts_with("seed ")).unwrap();
    let (seed, hash) = line.trim_start_matches("seed ").split_once(", plan ").unwrap();
    (seed.to_owned(), hash.to_owned())
}

#[test]
fn the_catalogue_tells_what_this_host_can_hold() {
    let installed = Installed::new();
    let all: Value = serde_json::from_str(&installed.mettle(&["chaos", "faults", "-o", "json"]).stdout).unwrap();
    let all = all.as_array().unwrap();
    assert!(all.iter().all(|fault| fault["able"].as_bool().unwrap() == fault["lacks"].is_null()), "{all:?}");
    let table = installed.mettle(&["chaos", "faults"]).stdout;
    let one = installed.mettle(&["chaos", "faults", "stress.disk"]).stdout;
    assert!(all.iter().all(|fault| table.contains(fault["kind"].as_str().unwrap())), "{table}");
    for part in ["leave: fill until", "held by: the holder process", "undo: ", "dose: ", "never with: ", "here: yes"] {
        assert!(one.contains(part) && !one.contains("net."), "{one}");
    }
    let unknown = installed.mettle(&["chaos", "faults", "net.nothing"]);
    assert!(unknown.code == 2 && unknown.stderr.contains("known: process.kill"), "{unknown:?}");
    // What the catalogue shows can be written down, and is valid as it stands.
    let named = installed.mettle(&["chaos", "new", "net.delay", "--components", "shop,web"]).stdout;
    assert!(named.contains("target: web, from: shop"), "{named}");
    let missing = installed.mettle(&["chaos", "new", "net.delay", "--dir", "i", "--target", "api"]);
    assert_eq!((missing.code, missing.stderr.as_str()), (2, "error: there is no component `api`; known: web\n"));
    for fault in all {
        let kind = fault["kind"].as_str().unwrap();
        let new = installed.mettle(&["chaos", "new", kind, "--dir", "i"]);
        installed.write("new.yaml", &new.stdout);
        let valid = installed.mettle(&["chaos", "validate", "i/new.yaml"]);
        assert_eq!(valid.code, 0, "{kind}: {valid:?}\n{}", new.stdout);
    }
}

#[test]
fn a_plan_is_shown_before_anything_happens() {
    let installed = installed("1s");
    let plan = |more: &[&str]| installed.mettle(&[&["chaos", "plan", "i/e.yaml"], more].concat());
    let shown = plan(&["--dir", "i", "--seed", "7"]);
    assert_eq!(shown.code, 0, "{shown:?}");
    let (_, hash) = seed_and_hash(&shown.stdout);
    insta::assert_snapshot!(shown.stdout.replace(&hash, "HASH"), @r#"
    web-slow: 2 repetitions, 2200ms, seed 7 (# fault, . rest)
    #1 |#####################...                        | net.delay (delay 100ms, direction to, jitter 0ms) on user->web
       undo: the entry with our id leaves the table of the edge; bytes held back are released at once
    #2 |                        #####################...| net.delay (delay 100ms, direction to, jitter 0ms) on user->web
       undo: the entry with our id leaves the table of the edge; bytes held back are released at once
    seed 7, plan HASH
    "#);
    // A landscape folder alone gives the same plan; another seed gives another one.
    assert_eq!(plan(&["--landscape", "i/staging", "--seed", "7"]).stdout, shown.stdout);
    assert_ne!(seed_and_hash(&plan(&["--dir", "i", "--seed", "8"]).stdout).1, hash);
    // A seed that nobody gave is drawn and printed.
    assert_ne!(seed_and_hash(&plan(&["--dir", "i"]).stdout).0, seed_and_hash(&plan(&["--dir", "i"]).stdout).0);
    let json: Value = serde_json::from_str(&plan(&["--dir", "i", "--seed", "7", "-o", "json"]).stdout).unwrap();
    assert_eq!((json["planHash"].as_str(), &json["objections"]), (Some(hash.as_str()), &serde_json::json!([])));
    assert!(!installed.path("work/components").exists(), "nothing was started");
}

#[test]
fn every_objection_is_told_at_once() {
    let installed = Installed::new();
    let text = experiment("20m").replace("from: user", "from: nobody") + "blast: {maxDuration: 1m, forbid: [web]}\n";
    installed.write("e.yaml", &text);
    let ran = installed.mettle(&["chaos", "plan", "i/e.yaml", "--dir", "i", "--seed", "1", "--repeat", "1"]);
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.stderr, @r#"
    error: 3 objections to the plan
      web-slow  max_duration: takes 1200100ms, allowed 1m; repeat less, hold and rest shorter, or raise blast.maxDuration
      web-slow#1/0.0  unknown_edge: no edge from nobody to web; name a caller of the target
      web-slow#1/0.0  forbidden: web is forbidden; take another target
    "#);
    let run = installed.mettle(&["chaos", "run", "i/e.yaml", "--dir", "i", "--seed", "1", "--repeat", "1"]);
    assert!(run.code == 2 && run.stderr.contains("3 objections"), "{run:?}");
    assert!(!installed.path("work/chaos").exists(), "nothing was recorded");
    installed
        .write("e.yaml", &experiment("1s").replace("delay: 100ms", "delay: 1ms").replace("target: web", "target: b"));
    let validate = installed.mettle(&["chaos", "validate", "i/e.yaml"]);
    assert_eq!(validate.code, 2);
    insta::assert_snapshot!(validate.stderr, @r#"
    error: 2 problems
      i/e.yaml:7  method[0].fault.delay = 1ms  out of range; write a duration from 5ms to 30s
      i/e.yaml:7  method[0].fault.target = b  unknown target; known: web
    "#);
}

/// Faults that a holder keeps in place, on a component that the supervisor runs.
#[test]
fn a_holder_acts_on_the_processes_of_a_landscape() {
    let installed = Installed::new();
    let step = |fault: &str| format!("  - {{fault: {{target: web, {fault}}}, hold: 1s, rest: 200ms}}\n");
    let faults = [
        "kind: process.pause",
        "kind: stress.cpu, cores: 1, load: 0.2",
        "kind: stress.memory, bytes: 32MiB",
        "kind: stress.disk, bytes: 8MiB",
        "kind: stress.fds",
        "kind: stress.connections, count: 5",
    ];
    installed.write(
        "e.yaml",
        &format!(
            "apiVersion: mettle/v1\nkind: Experiment\nmetadata: {{name: held}}\nhypothesis: {{title: holds}}\n\
             targets: {{web: {{component: web}}}}\nmethod:\n{}blast: {{keepHealthy: 0}}\n",
            faults.map(step).concat()
        ),
    );
    let ran = installed.mettle(&["chaos", "run", "i/e.yaml", "--dir", "i", "-o", "json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let record: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(record["outcome"], "completed");
    let exposures = record["exposures"].as_array().unwrap();
    assert_eq!(exposures.len(), faults.len());
    for (exposure, name) in exposures.iter().zip(["stopped_share", "burnt_cores", "resident_bytes", "filled_bytes"]) {
        assert!(exposure["achieved"][name].as_f64().unwrap() > 0.0, "{exposure}");
    }
    assert!(
        installed
            .path("work/components/web")
            .read_dir()
            .unwrap()
            .all(|file| { !file.unwrap().file_name().to_string_lossy().contains("mettle") })
    );
}

#[test]
fn an_experiment_runs_is_recorded_and_replayed() {
    let installed = installed("1s");
    let ran = installed.mettle(&["chaos", "run", "i/e.yaml", "--dir", "i", "-o", "json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let record: Value = serde_json::from_str(&ran.stdout).unwrap();
    let (seed, hash) = seed_and_hash(&ran.stderr);
    assert_eq!((record["seed"].to_string(), record["planHash"].as_str()), (seed, Some(hash.as_str())));
    assert_eq!((&record["outcome"], &record["tag"]), (&"completed".into(), &"v1.0.0".into()));
    for exposure in record["exposures"].as_array().unwrap() {
        assert_eq!((&exposure["verified"], &exposure["requested"]["delay"]), (&true.into(), &"100ms".into()));
        assert!(exposure["achieved"]["delay_ms_p50"].as_f64().unwrap() >= 50.0, "{exposure}");
    }
    let id = record["id"].as_str().unwrap();
    let file = installed.path("work/chaos").join(format!("{id}.json"));
    assert_eq!(serde_json::from_str::<Value>(&std::fs::read_to_string(&file).unwrap()).unwrap(), record);

    let dry = installed.mettle(&["chaos", "replay", "web-slow", "--dir", "i", "--dry-run"]);
    assert_eq!((dry.code, dry.stdout.trim()), (0, hash.as_str()), "{dry:?}");
    let by_file = installed.mettle(&["chaos", "replay", file.to_str().unwrap(), "--dir", "i", "-o", "json"]);
    let again: Value = serde_json::from_str(&by_file.stdout).unwrap();
    assert_eq!((&again["planHash"], &again["replayOf"]), (&record["planHash"], &record["id"]));
    let listed: Value =
        serde_json::from_str(&installed.mettle(&["chaos", "list", "--dir", "i", "-o", "json"]).stdout).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let text = installed.mettle(&["chaos", "list", "--dir", "i"]).stdout;
    assert!(text.contains(id), "{text}");

    let report = installed.mettle(&["chaos", "report", id, "--dir", "i"]).stdout;
    assert!(report.starts_with("# web-slow: completed\n") && report.contains("| 1 | net.delay | web |"), "{report}");
    assert!(report.contains(&hash) && report.contains("left behind: nothing"), "{report}");

    // Another landscape is another experiment.
    let processes = std::fs::read_to_string(installed.path("staging/processes.yaml")).unwrap();
    installed.write("staging/processes.yaml", &processes.replace("health: ", "user: false\n    health: "));
    installed.commit("staging");
    let changed = installed.mettle(&["chaos", "replay", id, "--dir", "i", "--dry-run"]);
    assert!(changed.code == 2 && changed.stderr.contains("the landscape has changed since"), "{changed:?}");
    let unknown = installed.mettle(&["chaos", "run", "i/e.yaml", "--tag", "v9.0.0", "--dir", "i"]);
    assert_eq!((unknown.code, unknown.stderr.as_str()), (2, "error: shop has no tag `v9.0.0`; known: v1.0.0\n"));
}

#[test]
fn one_interrupt_undoes_the_fault() {
    let installed = installed("10m");
    installed.write("e.yaml", &(experiment("10m") + "blast: {maxDuration: 1h}\n"));
    let mut command = installed.command(&["chaos", "run", "i/e.yaml", "--dir", "i", "-o", "json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let is_in = lines.find(|line| line.as_ref().is_ok_and(|l| l.contains("fault is in")));
    assert!(is_in.is_some());

    // A second one finds the installation taken.
    let second = installed.mettle(&["chaos", "run", "i/e.yaml", "--dir", "i"]);
    assert!(second.code == 2 && second.stderr.contains("another worker uses"), "{second:?}");

    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    let stderr: Vec<String> = lines.map(|line| line.unwrap()).collect();
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    let ran = Ran { code: child.wait().unwrap().code().unwrap_or(-1), stdout, stderr: stderr.join("\n") };
    assert_eq!(ran.code, 13, "{ran:?}");
    assert!(ran.stderr.contains("undone, recovering"), "{ran:?}");
    let record: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&record["outcome"], &record["residue"]), (&"aborted".into(), &Value::Null));
    assert_eq!(record["exposures"][0]["ended"], "aborted");
    assert_eq!(record["exposures"][1]["ended"], "notRun");
}

#[test]
fn an_experiment_of_another_tool_is_imported_and_nothing_is_dropped_silently() {
    let installed = Installed::new();
    let text = "apiVersion: chaos-mesh.org/v1alpha1\nkind: NetworkChaos\nmetadata: {name: ../../slow}\nspec:\n  \
                action: delay\n  mode: all\n  selector: {labelSelectors: {app: web}}\n  delay: {latency: 10ms, made: up}\n  \
                duration: 30s\n---\nkind: Service\n";
    installed.write("foreign.yaml", text);
    let shown = installed.mettle(&["chaos", "import", "i/foreign.yaml", "--out", "i/new"]);
    assert_eq!(shown.code, 0, "{shown:?}");
    for part in ["maps exactly", "maps with a caveat", "does not map", "spec.delay.made = up", "1 refused"] {
        assert!(shown.stdout.contains(part), "{part}: {}", shown.stdout);
    }
    // The name came from a stranger: the file lies where it was asked for.
    let files: Vec<_> = installed.path("new").read_dir().unwrap().map(|f| f.unwrap().file_name()).collect();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    let file = format!("i/new/{}", file.to_str().unwrap());
    let valid = installed.mettle(&["chaos", "validate", &file]);
    assert_eq!(valid.code, 0, "{valid:?}");
    let again = installed.mettle(&["chaos", "import", "i/foreign.yaml", "--out", "i/new"]);
    assert!(again.code != 0 && again.stderr.contains("is not overwritten"), "{again:?}");
    // An engine that a workflow carries as a text is read like one in a file of its own.
    let engine = "apiVersion: litmuschaos.io/v1alpha1\nkind: ChaosEngine\nmetadata: {name: e}\nspec:\n  appinfo: {applabel: app=web, appkind: deployment}\n  experiments: [{name: pod-delete}]\n";
    let folded = engine.lines().map(|line| format!("          {line}\n")).collect::<String>();
    let workflow = format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {{name: w}}\nspec:\n  entrypoint: a\n  templates:\n  - name: a\n    inputs:\n      artifacts:\n      - raw:\n         data: |\n{folded}"
    );
    installed.write("workflow.yaml", &workflow);
    let shown = installed.mettle(&["chaos", "import", "i/workflow.yaml"]).stdout;
    assert!(shown.contains("raw.data.kind = ChaosEngine"), "{shown}");
    installed.write("other.yaml", "a: 1\n");
    let other = installed.mettle(&["chaos", "import", "i/other.yaml"]);
    assert!(other.code == 2 && other.stderr.contains("known: Chaos Toolkit"), "{other:?}");
    installed.write("bad.yaml", "a: [1\n");
    let bad = installed.mettle(&["chaos", "import", "i/bad.yaml"]);
    assert!(bad.code == 2 && bad.stderr.contains("bad.yaml:"), "{bad:?}");
}

#[test]
fn toxiproxys_api_is_served_until_it_is_asked_to_end() {
    let installed = Installed::new();
    let refused = installed.mettle(&["chaos", "toxiproxy", "--listen", "0.0.0.0:0"]);
    assert!(refused.code == 1 && refused.stderr.contains("not a loopback address"), "{refused:?}");
    let mut command = installed.command(&["chaos", "toxiproxy", "--listen", "127.0.0.1:0"]);
    let mut server = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
    let said = lines.next().unwrap().unwrap();
    let address = said.split_once("http://").unwrap().1.to_owned();
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /version HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("mettle"), "{answer}");
    kill(Pid::from_raw(i32::try_from(server.id()).unwrap()), Signal::SIGINT).unwrap();
    assert!(server.wait().unwrap().success());
    assert!(std::net::TcpStream::connect(&address).is_err());
}

#[test]
fn a_search_names_a_signal_that_is_not_there() {
    let installed = Installed::new();
    let ran = installed.mettle(&["chaos", "search", "--dir", "i", "--signals", "nothing"]);
    assert!(ran.code == 1 && ran.stderr.contains("signal `nothing` is not declared"), "{ran:?}");
}
