//! The mirror against an S3 server over HTTP: round trips, cuts, wrong bytes, wrong credentials, nobody there.
#![allow(clippy::unwrap_used)] // a failed step of a test fails the test; helpers outside of #[test] are tests too

use datasets::{Bucket, Credentials, Digest, EvidenceStore, Mirror, MirrorError, Uploaded};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use scorer::evidence::{Evidence, RawSeries};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const KEY: &str = "KEYOFMETTLE";
const SECRET: &str = "a-secret-that-nobody-prints";

/// An S3 server on loopback with the bucket `evidence`. Its tasks end with it.
struct Server {
    root: TempDir,
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("evidence")).unwrap();
        let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                connections.spawn(async move {
                    let answer = service_fn(move |request| answered(service.clone(), request));
                    let http = hyper::server::conn::http1::Builder::new();
                    // A connection that the other side cut is not this side's failure.
                    let _ = http.serve_connection(TokioIo::new(socket), answer).await;
                });
            }
        });
        Server { root, address, _tasks: tasks }
    }

    /// File of the server that holds an object.
    fn object(&self, digest: &Digest, file: &str) -> PathBuf {
        let digest = digest.to_string();
        self.root.path().join("evidence/mettle/test/sha256").join(&digest[..2]).join(&digest).join(file)
    }
}

/// The answer of the server, with the one code of S3 that this server has another for: it refuses what belongs to an
/// upload that it does not know, where S3 says that there is no such upload.
async fn answered(service: S3Service, request: Request<Incoming>) -> Result<Response<s3s::Body>, s3s::HttpError> {
    let of_upload = request.uri().query().is_some_and(|query| query.contains("uploadId="));
    let (head, body) = request.into_parts();
    let mut body = s3s::Body::from(body);
    // Read to its end first: an answer that comes before may be lost with the connection that is cut under the sender.
    if of_upload {
        // One that was cut has nobody who reads the answer.
        body = body.store_all_limited(16 << 20).await.unwrap_or_default().into();
    }
    let answer = service.call(Request::from_parts(head, body)).await?;
    if !of_upload || answer.status() != StatusCode::FORBIDDEN {
        return Ok(answer);
    }
    let body = "<Error><Code>NoSuchUpload</Code></Error>".to_owned();
    Ok(Response::builder().status(StatusCode::NOT_FOUND).body(body.into()).expect("a status and a body"))
}

/// Passes bytes on to a server as long as there is an allowance for what is sent; then it cuts.
struct Cutter {
    address: SocketAddr,
    left: Arc<AtomicI64>,
    _tasks: JoinSet<()>,
}

impl Cutter {
    async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, left) = (listener.local_addr().unwrap(), Arc::new(AtomicI64::new(0)));
        let (mut tasks, allowance) = (JoinSet::new(), Arc::clone(&left));
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(passed_on(socket, server, Arc::clone(&allowance)));
            }
        });
        Cutter { address, left, _tasks: tasks }
    }
}

async fn passed_on(client: TcpStream, server: SocketAddr, left: Arc<AtomicI64>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let ((mut from, mut back), (mut answers, mut to)) = (client.into_split(), server.into_split());
    let there = async {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            if left.fetch_sub(read as i64, Ordering::SeqCst) < read as i64 {
                return;
            }
            if to.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    };
    let back = async { tokio::io::copy(&mut answers, &mut back).await };
    // Whichever ends first ends both: dropping the halves closes the connections.
    tokio::select! { () = there => (), _ = back => () }
}

fn bucket(server: SocketAddr, credentials: &Path) -> Bucket {
    Bucket {
        name: "evidence".into(),
        endpoint: format!("http://{server}").parse().unwrap(),
        region: "us-east-1".into(),
        prefix: "mettle/test/".into(),
        credentials: Credentials::File(credentials.to_owned()),
    }
}

/// A folder with a store and credentials.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Place { dir: tempfile::tempdir().unwrap() };
        place.write_secret(SECRET);
        place
    }

    fn write_secret(&self, secret: &str) {
        let text = format!("[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {secret}\n");
        fs::write(self.credentials(), text).unwrap();
    }

    fn credentials(&self) -> PathBuf {
        self.dir.path().join("credentials")
    }

    fn store(&self) -> EvidenceStore {
        EvidenceStore::open(&self.dir.path().join("evidence")).unwrap()
    }

    fn mirror(&self, server: SocketAddr) -> Mirror {
        Mirror::new(self.store(), &bucket(server, &self.credentials())).unwrap()
    }

    fn folder(&self, digest: &Digest) -> PathBuf {
        let digest = digest.to_string();
        self.dir.path().join("evidence/sha256").join(&digest[..2]).join(&digest)
    }
}

fn evidence(samples: u32) -> Evidence {
    // Noise, so that many samples are many bytes.
    let noise = |at: u32| {
        let mixed = u64::from(at).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        // Without its highest bits it is no NaN, which equals nothing.
        f64::from_bits((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 2)
    };
    let series = RawSeries {
        name: "noise".into(),
        times_ms: (0..samples).map(|at| 1_700_000_000_000 + i64::from(at) * 1_000).collect(),
        values: (0..samples).map(noise).collect(),
        ..RawSeries::default()
    };
    Evidence { series: vec![series], ..Evidence::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_uploaded_comes_back_to_the_bit() {
    let (server, here, elsewhere) = (Server::start().await, Place::new(), Place::new());
    let (small, other) = (evidence(100), evidence(200));
    let digests = [here.store().put(&small).unwrap(), here.store().put(&other).unwrap()];
    let mirror = here.mirror(server.address);
    assert_eq!(mirror.waiting().unwrap().len(), 2);
    for digest in &digests {
        assert_eq!(mirror.upload(digest).await.unwrap(), Uploaded { sent: 3, there: 0 });
        assert_eq!(mirror.upload(digest).await.unwrap(), Uploaded { sent: 0, there: 3 });
        let object = fs::read(server.object(digest, "manifest.json")).unwrap();
        assert_eq!(Digest::of(&object), *digest, "the keys are the paths of the folder");
    }
    assert_eq!(mirror.waiting().unwrap(), []);
    let far = elsewhere.mirror(server.address);
    assert_eq!(far.get(&digests[1]).await.unwrap(), other);
    assert!(!far.fetch(&digests[1]).await.unwrap(), "it is in the folder now");
    assert_eq!(far.waiting().unwrap(), [], "what came from the bucket needs not go there");
    // What is damaged in the folder is mended from the bucket.
    fs::write(elsewhere.folder(&digests[1]).join("rest.json"), "{}").unwrap();
    assert_eq!(far.get(&digests[1]).await.unwrap(), other);
    let unknown = Digest::of(b"unknown");
    let error = far.get(&unknown).await.unwrap_err();
    assert!(matches!(error, MirrorError::NotThere { digest, .. } if digest == unknown), "{error}");
    assert_eq!(error.hints().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_was_cut_goes_on() {
    let (server, here) = (Server::start().await, Place::new());
    let cutter = Cutter::before(server.address).await;
    // About 24 MB, three parts.
    let large = evidence(3_000_000);
    let digest = here.store().put(&large).unwrap();
    let bytes = fs::metadata(here.folder(&digest).join("samples-0001.parquet")).unwrap().len() as i64;
    assert!(bytes > 20 << 20, "{bytes}");
    let mirror = here.mirror(cutter.address);
    cutter.left.store(12 << 20, Ordering::SeqCst);
    let error = mirror.upload(&digest).await.unwrap_err();
    assert!(error.passes(), "{error:?}");
    assert!(
        !server.object(&digest, "manifest.json").exists() && !server.object(&digest, "samples-0001.parquet").exists()
    );
    assert_eq!(mirror.waiting().unwrap(), [digest]);
    // Another process goes on: what it needs is on the disk.
    let plenty = 1_i64 << 40;
    cutter.left.store(plenty, Ordering::SeqCst);
    let again = here.mirror(cutter.address);
    assert_eq!(again.upload(&digest).await.unwrap(), Uploaded { sent: 3, there: 0 });
    let sent = plenty - cutter.left.load(Ordering::SeqCst);
    assert!(sent < bytes - (7 << 20), "{sent} bytes were sent of {bytes}: the first part was there");
    assert_eq!(fs::read_dir(here.dir.path().join("evidence/uploads")).unwrap().count(), 0);
    fs::remove_dir_all(here.folder(&digest)).unwrap();
    assert!(again.get(&digest).await.unwrap() == large);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_the_server_forgot_begins_anew() {
    let (server, here) = (Server::start().await, Place::new());
    let digest = here.store().put(&evidence(2_000_000)).unwrap();
    let mirror = here.mirror(server.address);
    let uploads = here.dir.path().join("evidence/uploads");
    fs::create_dir_all(&uploads).unwrap();
    let object = format!(
        "http://{}/evidence/mettle/test: mettle/test/sha256/{}/{digest}/samples-0001.parquet",
        server.address,
        &digest.to_string()[..2]
    );
    let lost = format!(
        r#"{{"object":"{object}","upload":"0b2e4b0c-0000-4000-8000-000000000000","partBytes":8388608,"parts":["x"]}}"#
    );
    fs::write(uploads.join(format!("{digest}-samples-0001.parquet.json")), lost).unwrap();
    assert_eq!(mirror.upload(&digest).await.unwrap(), Uploaded { sent: 3, there: 0 });
    fs::remove_dir_all(here.folder(&digest)).unwrap();
    mirror.get(&digest).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_bytes_in_the_bucket_are_never_used_and_never_overwritten() {
    let (server, here, elsewhere) = (Server::start().await, Place::new(), Place::new());
    let original = evidence(1_000);
    let digest = here.store().put(&original).unwrap();
    let mirror = here.mirror(server.address);
    mirror.upload(&digest).await.unwrap();
    for file in ["manifest.json", "samples-0001.parquet", "rest.json"] {
        let object = server.object(&digest, file);
        let good = fs::read(&object).unwrap();
        let mut changed = good.clone();
        changed[good.len() / 2] ^= 1;
        for bad in [&changed[..], &good[..good.len() - 1]] {
            fs::write(&object, bad).unwrap();
            let far = elsewhere.mirror(server.address);
            let error = far.get(&digest).await.unwrap_err();
            assert!(matches!(&error, MirrorError::Damaged { key, .. } if key.ends_with(file)), "{error}");
            assert_eq!(error.hints().len(), 1);
            assert_eq!(far.waiting().unwrap(), [], "nothing of it is in the folder");
            assert_eq!(fs::read_dir(elsewhere.dir.path().join("evidence/incoming")).map_or(0, Iterator::count), 0);
            // The folder that has it is not concerned.
            assert_eq!(mirror.get(&digest).await.unwrap(), original);
        }
        let error = mirror.upload(&digest).await.unwrap_err();
        assert!(matches!(error, MirrorError::Damaged { .. }), "{error}");
        assert_eq!(fs::read(&object).unwrap(), good[..good.len() - 1], "it is not overwritten");
        fs::write(&object, good).unwrap();
    }
    assert_eq!(elsewhere.mirror(server.address).get(&digest).await.unwrap(), original);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_uploads_at_once_are_one() {
    let (server, here) = (Server::start().await, Place::new());
    let digest = here.store().put(&evidence(500)).unwrap();
    let (one, two) = (here.mirror(server.address), here.mirror(server.address));
    let (one, two) = tokio::join!(one.upload(&digest), two.upload(&digest));
    // Whoever comes second either finds a file or is told that it is there by now.
    assert!(one.unwrap().there + two.unwrap().there <= 3);
    assert_eq!(Place::new().mirror(server.address).get(&digest).await.unwrap(), evidence(500));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cannot_be_asked_is_named_with_a_remedy_and_without_the_secret() {
    let (server, here) = (Server::start().await, Place::new());
    let digest = here.store().put(&evidence(10)).unwrap();
    // Bound and not listened to, until the end of this test: nobody else gets the port meanwhile.
    let nobody = tokio::net::TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let away = here.mirror(nobody.local_addr().unwrap()).upload(&digest).await.unwrap_err();
    assert!(matches!(away, MirrorError::Away { .. }) && away.passes(), "{away:?}");
    let wrong = "another-secret-that-nobody-prints";
    here.write_secret(wrong);
    let refused = here.mirror(server.address).upload(&digest).await.unwrap_err();
    assert!(matches!(refused, MirrorError::Refused { .. }) && !refused.passes(), "{refused:?}");
    fs::write(here.credentials(), format!("aws_access_key_id = {KEY}\n")).unwrap();
    let missing = Mirror::new(here.store(), &bucket(server.address, &here.credentials())).unwrap_err();
    assert!(missing.to_string().contains("has no `aws_secret_access_key`"), "{missing}");
    fs::remove_file(here.credentials()).unwrap();
    let unreadable = Mirror::new(here.store(), &bucket(server.address, &here.credentials())).unwrap_err();
    assert!(matches!(unreadable, MirrorError::CredentialsFile { .. }), "{unreadable:?}");
    for error in [away, refused, missing, unreadable] {
        assert_eq!(error.hints().len(), 1, "{error}");
        let said = format!("{error} {error:?}");
        assert!(!said.contains(SECRET) && !said.contains(wrong), "{said}");
    }
    assert_eq!(here.store().verify(&digest), [], "nothing is lost");
    here.write_secret(SECRET);
    assert_eq!(here.mirror(server.address).upload(&digest).await.unwrap().sent, 3);
}
