//! A bucket gets a copy of all evidence, and gives back what the folder lacks.

use crate::world::{World, until};
use datasets::{Digest, EvidenceStore};
use hyper_util::rt::TokioIo;
use pipeline::soak::Soak;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const SECRET: &str = "a-secret-that-nobody-prints";

/// An S3 server on loopback, which ends with its runtime.
fn server(root: &Path) -> (Runtime, SocketAddr) {
    fs::create_dir(root.join("evidence")).unwrap();
    let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root).unwrap());
    service.set_auth(SimpleAuth::from_single("KEY", SECRET));
    let (service, runtime) = (service.build(), Runtime::new().unwrap());
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let http = hyper::server::conn::http1::Builder::new();
            // A connection that the other side cut is not this side's failure.
            let served = http.serve_connection(TokioIo::new(socket), service.clone());
            tokio::spawn(async move { drop(served.await) });
        }
    });
    (runtime, address)
}

fn in_bucket(root: &Path, digest: &Digest) -> PathBuf {
    let digest = digest.to_string();
    root.join("evidence/shop/sha256").join(&digest[..2]).join(&digest).join("manifest.json")
}

fn ended(world: &World, tag: &str) -> Option<Soak> {
    world.soaks().into_iter().find(|soak| soak.tag == tag && soak.ended())
}

#[test]
fn a_bucket_has_a_copy_and_gives_a_baseline_back() {
    let (world, root) = (World::new(), tempfile::tempdir().unwrap());
    let (_runtime, address) = server(root.path());
    let settings = world.path().join("mettle.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    let evidence = format!(
        "evidence: {{bucket: evidence, endpoint: 'http://{address}', prefix: shop, credentials: {{file: keys}}}}\n"
    );
    fs::write(&settings, text + &evidence).unwrap();
    // The wrong secret first: it is told, and nothing of it is printed.
    fs::write(world.path().join("keys"), "aws_access_key_id = KEY\naws_secret_access_key = wrong-one\n").unwrap();
    world.push("1.0.0");
    let mut up = world.up(&[]).ready();
    until("the first soak is over", || ended(&world, "v1.0.0").is_some());
    until("the refusal is told", || up.said().contains("refuses these credentials"));
    assert!(!up.said().contains("wrong-one"), "{}", up.said());
    fs::write(world.path().join("keys"), format!("aws_access_key_id = KEY\naws_secret_access_key = {SECRET}\n"))
        .unwrap();
    assert_eq!(up.interrupt(), 130);
    let first: Digest = ended(&world, "v1.0.0").unwrap().evidence().unwrap().parse().unwrap();
    assert!(in_bucket(root.path(), &first).is_file(), "the end of a worker sends what waits: {}", up.said());
    // The folder loses it; the next soak needs it.
    fs::remove_dir_all(world.path().join("evidence/sha256")).unwrap();
    world.push("1.0.1");
    let mut up = world.up(&[]).ready();
    until("the second soak is over", || ended(&world, "v1.0.1").is_some());
    let second = ended(&world, "v1.0.1").unwrap();
    assert_eq!(second.plan.as_ref().unwrap().baseline[0].evidence, first.to_string());
    let store = EvidenceStore::open(&world.path().join("evidence")).unwrap();
    assert_eq!(store.verify(&first), [], "it came back");
    let digest: Digest = second.evidence().unwrap().parse().unwrap();
    until("the second evidence is in the bucket", || in_bucket(root.path(), &digest).is_file());
    assert_eq!(up.interrupt(), 130);
    assert!(!up.said().contains(SECRET), "{}", up.said());
    // What the bucket alone has is fetched by whoever looks at it.
    let (first, second) = (first.to_string(), digest.to_string());
    for words in [
        vec!["evidence", "show", first.as_str()],
        vec!["evidence", "replay", "v1.0.1"],
        vec!["compare", "v1.0.0", "v1.0.1"],
        vec!["evidence", "show", second.as_str()],
    ] {
        fs::remove_dir_all(world.path().join("evidence/sha256")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_mettle"));
        let output = command.args(&words).arg("--dir").arg(world.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let judged = words[0] == "compare" && matches!(output.status.code(), Some(10 | 11));
        assert!(judged || output.status.success(), "{words:?}: {said}");
        assert!(!said.contains(SECRET), "{said}");
    }
}
