//! `mettle signals suggest` against servers that want to know who asks: of a landscape, and by their address.

use crate::cli_support::{Ran, command, mettle};
use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::{MethodRouter, get};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use tempfile::TempDir;
use tokio_util::task::AbortOnDropHandle;

/// Part of every secret here.
const SECRET: &str = "s3cret";

const TYPES: &str = r#"{"status":"success","data":{"http_requests_total":[{"type":"counter","help":"","unit":""}]}}"#;
const SERIES: &str = r#"{"status":"success","data":[{"__name__":"http_requests_total","job":"checkout","code":"200"},
    {"__name__":"http_requests_total","job":"checkout","code":"500"}]}"#;

/// What the server and the target below ask for: a token and a tenant, or `me:s3cret` by RFC 7617.
fn known(headers: &HeaderMap) -> bool {
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|given| given == value);
    is("authorization", "Basic bWU6czNjcmV0")
        || (is("authorization", "Bearer s3cret-token") && is("x-scope-orgid", "staging"))
}

async fn serve(router: Router) -> (SocketAddr, AbortOnDropHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, AbortOnDropHandle::new(task))
}

/// Answers with `text` whoever is known.
fn guarded(kind: &'static str, text: &'static str) -> MethodRouter {
    get(move |headers: HeaderMap| async move {
        if known(&headers) {
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        } else {
            (StatusCode::UNAUTHORIZED, "no entry").into_response()
        }
    })
}

/// A metrics server behind a proxy that looks at who asks.
async fn server() -> (SocketAddr, AbortOnDropHandle<()>) {
    let api = |text| guarded("application/json", text);
    serve(Router::new().route("/api/v1/metadata", api(TYPES)).route("/api/v1/series", api(SERIES))).await
}

/// An installation `i` with the landscape `staging`, whose server is at `address`.
fn installation(address: SocketAddr) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for below in ["i/staging", "i/secrets"] {
        fs::create_dir_all(folder.path().join(below)).unwrap();
    }
    fs::write(folder.path().join("i/secrets/prometheus"), "s3cret-token\n").unwrap();
    landscape(
        folder.path(),
        &format!(
            "{{server: {{url: 'http://{address}', auth: {{bearerFile: secrets/prometheus}}, headers: {{X-Scope-OrgID: staging}}}}}}"
        ),
    );
    folder
}

fn landscape(folder: &Path, metrics: &str) {
    let text = format!(
        "apiVersion: mettle/v1\nkind: Landscape\nmetadata: {{name: staging, product: shop, tier: staging}}\nclusters:\n  \
         - name: here\n    backend: local\n    processes: processes.yaml\n    metrics: {metrics}\n"
    );
    fs::write(folder.join("i/staging/landscape.yaml"), text).unwrap();
}

const OF_LANDSCAPE: [&str; 6] = ["signals", "suggest", "--landscape", "i/staging/landscape.yaml", "--dir", "i"];

/// Runs it with everything logged: no secret may be in what it says.
fn quietly(folder: &Path, args: &[&str]) -> Ran {
    let output = command(folder, args).env("METTLE_LOG", "trace").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let ran = Ran { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) };
    for secret in [SECRET, "czNjcmV0", "bWU6"] {
        assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret), "{ran:?}");
    }
    ran
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_of_a_landscape_is_asked_with_its_credentials() {
    let (address, _server) = server().await;
    let folder = installation(address);
    let folder = folder.path();
    let ran = quietly(folder, &OF_LANDSCAPE);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let success = "good: 'http_requests_total{job=\"checkout\",code!~\"5..\"}'";
    assert!(ran.stdout.contains(success) && ran.stdout.contains(&format!("http://{address}/")), "{}", ran.stdout);

    // Beside another place, by its folder, in the folder of the installation.
    fs::write(
        folder.join("catalog.txt"),
        "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes 1\n",
    )
    .unwrap();
    let args = ["signals", "suggest", "--landscape", "staging", "--metrics", "catalog=../catalog.txt"];
    let ran = mettle(&folder.join("i"), &args);
    assert!(ran.stdout.contains(success) && ran.stdout.contains("name: catalog-memory"), "{ran:?}");

    fs::write(folder.join("i/secrets/prometheus"), "s3cret of before").unwrap();
    let ran = quietly(folder, &OF_LANDSCAPE);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    let told = format!("nothing of http://{address}/: its metrics server does not say what it has: ");
    for told in [told.as_str(), "answered 401: no entry", "hint: look at `auth`"] {
        assert!(ran.stderr.contains(told), "{told} in {}", ran.stderr);
    }
    fs::remove_file(folder.join("i/secrets/prometheus")).unwrap();
    let ran = quietly(folder, &OF_LANDSCAPE);
    assert!(ran.code == 1 && ran.stderr.contains("failed to read a bearer token in i/secrets/prometheus"), "{ran:?}");
    assert!(ran.stderr.contains("begins at the folder of the installation"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_landscape_without_a_server_and_one_with_problems_are_told() {
    let (address, _server) = serve(Router::new()).await;
    let folder = installation(address);
    let folder = folder.path();
    let ran = quietly(folder, &OF_LANDSCAPE);
    assert!(ran.code == 1 && ran.stderr.contains("answered 404"), "a server that is none is no target: {ran:?}");
    assert!(ran.stderr.contains("hint: end `url` before `/api/v1`"), "{}", ran.stderr);

    landscape(folder, "{}");
    let ran = quietly(folder, &OF_LANDSCAPE);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    let told =
        "i/staging/landscape.yaml:8  clusters[0].metrics.server  the landscape has no metrics server; add `metrics:";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);

    landscape(folder, "{server: {url: 'http://me:s3cret@there', auht: {}, timeout: 0s}}");
    let args = [&OF_LANDSCAPE[..], &["--metrics", "nowhere"]].concat();
    let ran = quietly(folder, &args);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    for told in ["--metrics `nowhere` is neither", "metrics.server.auht  unknown key; did you mean `auth`?"] {
        assert!(ran.stderr.contains(told), "{told} in {}", ran.stderr);
    }
    landscape(folder, "{server: {url: 'http://me:s3cret@there', timeout: 0s}}");
    let ran = quietly(folder, &OF_LANDSCAPE);
    for told in
        ["2 problems", "metrics.server.url  has credentials in it", "metrics.server.timeout = 0  leaves no time"]
    {
        assert!(ran.stderr.contains(told), "{told} in {}", ran.stderr);
    }
    landscape(folder, "{server: {url: 'http://me:s3cret@there:port'}}");
    let ran = quietly(folder, &OF_LANDSCAPE);
    assert!(ran.code == 2 && ran.stderr.contains("is no address: invalid port"), "{}", ran.stderr);
    fs::remove_file(folder.join("i/staging/landscape.yaml")).unwrap();
    let ran = quietly(folder, &OF_LANDSCAPE);
    assert!(ran.code == 2 && ran.stderr.contains("landscape.yaml  cannot be read"), "{}", ran.stderr);
    let ran = mettle(folder, &["signals", "suggest"]);
    assert!(ran.code == 2 && ran.stderr.contains("--landscape <FILE>"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_an_address_are_used_and_hidden() {
    let (address, _server) = server().await;
    let page = "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes 1\n";
    // Its page is at the address itself, and it knows no other path.
    let (target, _target) = serve(Router::new().route("/", guarded("text/plain", page))).await;
    let suggest = |place: &str| quietly(Path::new("/"), &["signals", "suggest", "--metrics", place]);
    let ran = suggest(&format!("http://me:s3cret@{address}"));
    assert!(ran.code == 0 && ran.stdout.contains("name: checkout-success"), "{ran:?}");
    let ran = suggest(&format!("catalog=http://me:s3cret@{target}"));
    assert!(ran.code == 0 && ran.stdout.contains("name: catalog-memory"), "{ran:?}");
    let ran = suggest(&format!("http://me:s3cret-not@{address}/?token=s3cret"));
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    for told in ["does not answer as a metrics server; one with credentials is given by --landscape", "answered 401"] {
        assert!(ran.stderr.contains(told), "{told} in {}", ran.stderr);
    }
}
