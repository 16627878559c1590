//! `mettle init`: what it writes is read by the product's own readers, and soaked without further edits.

use crate::cli_support::{git, mettle};
use pipeline::init::texts::{check, files};
use pipeline::init::{Flags, Part, Ready, Side, Sketch, compose};
use std::fs;

const COMPOSE: &str = r#"
name: Web Shop
x-common: &common
  restart: unless-stopped
services:
  web:
    <<: *common
    build: {context: ./web}
    command: ["python3", "-m", "http.server", "8000"]
    ports: ["${WEB_PORT:-8080}:8000"]
    depends_on: {api: {condition: service_healthy}}
    environment: {API_URL: "http://api:9000", TOKEN: "${TOKEN}", MODE: "${MODE:-a, b}"}
    healthcheck: {test: ["CMD", "curl", "-f", "http://localhost:8000/healthz"], start_period: 20s}
    volumes: [".:/srv"]
  api:
    image: example/api:1
    entrypoint: /usr/bin/api
    command: --listen ':9000' --name "the api"
    environment: ["DB=postgres://shop@db/shop"]
    healthcheck: {test: api-health}
  db: {image: "postgres:16"}
  cron: {command: "sh -c 'while true; do sleep 1; done'", restart: "no"}
networks: {inner: {}}
"#;

fn read(flags: &Flags) -> Result<Sketch, pipeline::documents::Problems> {
    let value = |name: &str| (name == "TOKEN").then(|| "secret".to_owned());
    compose::read("docker-compose.yml", COMPOSE, &value, flags)
}

fn part<'a>(sketch: &'a Sketch, name: &str) -> &'a Part {
    sketch.parts.iter().find(|part| part.name == name).unwrap()
}

#[test]
fn a_compose_file_becomes_components() {
    let flags = Flags { components: vec!["db=postgres -p {port}".into()], ..Flags::default() };
    let sketch = read(&flags).unwrap();
    assert_eq!((sketch.product.as_str(), sketch.landscape.as_str()), ("web-shop", "staging"));
    let web = part(&sketch, "web");
    assert_eq!(web.command, ["python3", "-m", "http.server", "{port}"]);
    assert_eq!((web.ready.clone(), web.deadline.as_deref()), (Ready::Http("/healthz".into()), Some("20s")));
    assert_eq!(
        (web.side, web.reaches["api"].as_str(), &web.depends_on),
        (Side::User, "API_URL", &vec!["api".to_owned()])
    );
    assert_eq!((web.env["MODE"].as_str(), web.env["TOKEN"].as_str()), ("a, b", "secret"));
    let api = part(&sketch, "api");
    // Only its caller names the port of `api`.
    assert_eq!(api.command, ["/usr/bin/api", "--listen", ":{port}", "--name", "the api"]);
    assert_eq!((api.side, api.ready.clone()), (Side::Internal, Ready::Tcp));
    assert_eq!(api.reaches_format.as_deref(), Some("postgres://shop@{host}:{port}/shop"));
    assert_eq!(part(&sketch, "cron").ready, Ready::Alive);
    insta::assert_snapshot!(sketch.notes.join("\n"), @r#"
    values of TOKEN are now in the documents as they are; remove secrets before you share the repositories
    not mapped at the top of the file: networks
    api: its health check `api-health` is not run; ready when its port accepts a connection
    web: not mapped: volumes
    "#);
    check(&files(&sketch)).unwrap();
    let processes = &files(&sketch).landscape["processes.yaml"];
    assert!(processes.contains("# Compose: image example/api:1. A local landscape runs programs"), "{processes}");
}

#[test]
fn services_without_a_command_are_listed_with_the_flag() {
    insta::assert_snapshot!(read(&Flags::default()).unwrap_err(), @r#"
    1 problem
      docker-compose.yml:21  services.db  has no command (its image postgres:16 brings one); a local landscape runs programs, not images; give it: --component 'db=PROGRAM ARGUMENTS {port}', or leave it out: --without db
    "#);
    let without = Flags { without: vec!["db".into()], ..Flags::default() };
    let sketch = read(&without).unwrap();
    assert!(sketch.parts.iter().all(|part| part.name != "db"));
    assert!(sketch.notes.iter().any(|note| note.contains("DB names db, which is left out")), "{:?}", sketch.notes);
}

#[test]
fn what_is_demanded_and_what_is_no_compose_file_is_told() {
    let read = |text: &str| compose::read("c.yml", text, &|_| None, &Flags::default()).unwrap_err().to_string();
    assert!(
        read("services:\n  a: {command: \"x ${P:?which port}\"}\n")
            .contains("${P}  is demanded and not set: which port")
    );
    assert!(read("a: 1\n").contains("services  is missing or empty"));
    assert!(read("services:\n  a: {command: \"x 'y\"}\n").contains("c.yml:2  services.a.command  a ' is not closed"));
    assert!(read("services: [").contains("not readable as YAML"));
}

#[test]
fn init_writes_repositories_that_people_edit_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let web = "web=python3 -m http.server {port} --bind 127.0.0.1";
    let args = ["init", "--dir", "i", "--product", "shop", "--component", web, "--health", "web=/"];
    let ran = mettle(folder.path(), &args);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("mettle up --dir i"), "{}", ran.stderr);
    let written: Vec<&str> = ran.stdout.lines().map(|l| l.rsplit_once("/i/").unwrap().1).collect();
    assert_eq!(
        written,
        [
            "mettle.yaml",
            "shop/mettle/programme.yaml",
            "shop/mettle/suites/exposure.yaml",
            "shop/mettle/suites/journeys.yaml",
            "shop/product.yaml",
            "staging/landscape.yaml",
            "staging/processes.yaml"
        ]
    );
    let shop = folder.path().join("i/shop");
    assert_eq!(git(&shop, &["status", "--porcelain"]), "");
    assert_eq!(git(&shop, &["cat-file", "-t", "v1.0.0"]), "tag");
    assert_eq!(mettle(folder.path(), &["validate", "i"]).code, 0);

    fs::write(shop.join("product.yaml"), "mine").unwrap();
    let again = mettle(folder.path(), &args);
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("would be overwritten") && again.stderr.contains("i/shop"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(shop.join("product.yaml")).unwrap(), "mine");
    let left: Vec<_> = fs::read_dir(folder.path().join("i")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn init_without_a_terminal_names_the_flags() {
    let folder = tempfile::tempdir().unwrap();
    let ran = mettle(folder.path(), &["init", "--dir", "i"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("--product") && ran.stderr.contains("--component 'web="), "{}", ran.stderr);
    assert!(!folder.path().join("i").exists());
}
