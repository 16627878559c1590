//! The API of Toxiproxy: its client library drives it as it is, and the server itself gives the same answers.

use crate::peer::{python, toxiproxy, unavailable};
use crate::stage::until;
use crate::wired::{crosses, is_reset, pattern, rest};
use chaos::proxy::Reach;
use chaos::toxiproxy::{ServeError, Settings, Toxiproxy, serve};
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener as Blocking};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

fn settings() -> Settings {
    Settings { listen: ([127, 0, 0, 1], 0).into(), ..Settings::default() }
}

async fn start() -> (SocketAddr, JoinHandle<()>) {
    let server = Toxiproxy::bind(settings()).await.unwrap();
    (server.addr(), tokio::spawn(server.run(CancellationToken::new())))
}

/// Status, type of the content, and body.
type Answer = (u16, String, String);

async fn call(addr: SocketAddr, method: &str, path: &str, body: &str, agent: &str) -> Answer {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nuser-agent: {agent}\r\nconnection: close\r\n");
    stream.write_all(format!("{head}content-length: {length}\r\n\r\n{body}").as_bytes()).await.unwrap();
    let mut got = String::new();
    stream.read_to_string(&mut got).await.unwrap();
    let (head, body) = got.split_once("\r\n\r\n").unwrap();
    let head = head.to_lowercase();
    let kind = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap_or_default().to_string();
    (head[9..12].parse().unwrap(), kind, body.to_string())
}

/// Calls and requires success.
async fn good(addr: SocketAddr, method: &str, path: &str, body: Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (status, _, answer) = call(addr, method, path, &body, "test").await;
    assert!((200..300).contains(&status), "{method} {path} {body}: {status} {answer}");
    serde_json::from_str(&answer).unwrap_or_default()
}

/// A proxy named `p` to a listener of ours; its address.
async fn proxy(api: SocketAddr) -> (SocketAddr, TcpListener) {
    let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = target.local_addr().unwrap().to_string();
    let made = good(api, "POST", "/proxies", json!({"name": "p", "listen": "localhost:0", "upstream": upstream})).await;
    (made["listen"].as_str().unwrap().parse().unwrap(), target)
}

async fn connect(addr: SocketAddr, target: &TcpListener) -> (TcpStream, TcpStream) {
    let caller = TcpStream::connect(addr).await.unwrap();
    (caller, target.accept().await.unwrap().0)
}

#[tokio::test]
async fn toxics_outlive_a_lease_and_a_disabled_proxy_and_end_with_the_server() {
    let (api, server) = start().await;
    let (addr, target) = proxy(api).await;
    let toxic = json!({"type": "timeout", "stream": "upstream", "attributes": {"timeout": 5_500}});
    good(api, "POST", "/proxies/p/toxics", toxic).await;
    good(api, "PATCH", "/proxies/p", json!({"enabled": false})).await;
    assert!(TcpStream::connect(addr).await.is_err());
    good(api, "PATCH", "/proxies/p", json!({"enabled": true})).await;
    let start = Instant::now();
    let (mut caller, mut served) = connect(addr, &target).await;
    caller.write_all(b"lost").await.unwrap();
    // Were the lease not renewed, the connection would end with it, after five seconds.
    assert!(rest(&mut served).await.is_empty());
    assert!(start.elapsed() >= Duration::from_millis(5_499), "{:?}", start.elapsed());
    server.abort();
    assert!(server.await.unwrap_err().is_cancelled());
    until(|| std::net::TcpStream::connect(addr).is_err()).await;
}

#[tokio::test]
async fn an_update_changes_the_dose_of_open_connections() {
    let (api, _server) = start().await;
    let (addr, target) = proxy(api).await;
    let (mut caller, mut served) = connect(addr, &target).await;
    let toxic = json!({"name": "slow", "type": "latency", "attributes": {"latency": 120, "jitter": 1}});
    good(api, "POST", "/proxies/p/toxics", toxic).await;
    let start = Instant::now();
    crosses(&mut served, &mut caller, b"late").await;
    assert!(start.elapsed() >= Duration::from_millis(118));
    let changed = good(api, "PATCH", "/proxies/p/toxics/slow", json!({"attributes": {"latency": 60_000}})).await;
    assert_eq!(changed["attributes"], json!({"latency": 60_000, "jitter": 1}));
    served.write_all(b"held").await.unwrap();
    // Without it, what it held goes at once; with a toxicity of nothing it touches nobody.
    good(api, "PATCH", "/proxies/p/toxics/slow", json!({"toxicity": 0})).await;
    let mut held = [0; 4];
    caller.read_exact(&mut held).await.unwrap();
    crosses(&mut served, &mut caller, &pattern(500_000)).await;
    good(api, "POST", "/proxies/p/toxics", json!({"type": "reset_peer", "stream": "upstream"})).await;
    caller.write_all(b"x").await.unwrap();
    is_reset(&mut caller).await;
    good(api, "POST", "/reset", Value::Null).await;
    assert_eq!(good(api, "GET", "/proxies/p/toxics", Value::Null).await, json!([]));
    let (mut caller, mut served) = connect(addr, &target).await;
    crosses(&mut caller, &mut served, b"well").await;
    let (status, kind, text) = call(api, "GET", "/metrics", "", "test").await;
    assert!(status == 200 && kind.starts_with("text/plain"));
    let sent =
        format!("direction=\"upstream\",listener=\"{addr}\",proxy=\"p\",upstream=\"{}\"", target.local_addr().unwrap());
    assert!(text.contains(&format!("toxiproxy_proxy_sent_bytes_total{{{sent}}} 4\n")), "{text}");
}

#[tokio::test]
async fn nothing_but_loopback_without_a_word() {
    let everywhere: SocketAddr = ([0, 0, 0, 0], 0).into();
    let refused = serve(everywhere, CancellationToken::new()).await.unwrap_err();
    assert!(matches!(refused, ServeError::NotLoopback { addr } if addr == everywhere));
    let (api, _server) = start().await;
    for (listen, upstream) in [("0.0.0.0:0", "127.0.0.1:9"), ("127.0.0.1:0", "192.0.2.1:9")] {
        let body = json!({"name": "p", "listen": listen, "upstream": upstream}).to_string();
        let (status, _, text) = call(api, "POST", "/proxies", &body, "test").await;
        assert_eq!(status, 400);
        assert!(text.contains("is not a loopback address"), "{text}");
    }
    assert_eq!(good(api, "GET", "/proxies", Value::Null).await, json!({}));
    let made = good(api, "POST", "/proxies", json!({"name": "p", "upstream": "127.0.0.1:9"})).await;
    assert!(made["listen"].as_str().unwrap().starts_with("127.0.0.1:"), "{made}");
    let open = Settings { reach: Reach::Anywhere, ..settings() };
    assert_eq!(Toxiproxy::bind(open).await.unwrap().addr().ip(), open.listen.ip());
}

#[tokio::test]
async fn a_client_library_drives_it_unchanged() {
    let python = match tokio::task::spawn_blocking(python).await.unwrap() {
        Ok(python) => python,
        Err(why) => return unavailable(&format!("toxiproxy-python: {why}")),
    };
    let (api, _server) = start().await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/drive.py");
    let run = Command::new(python).arg(script).arg(api.port().to_string()).kill_on_drop(true).output().await.unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() && said.contains("all went as the library expects"), "{said}");
}

/// One request after the other, right ones and wrong ones; `{busy}` stands for a port that is taken.
const EXCHANGES: &[(&str, &str, &str)] = &[
    ("GET", "/proxies", ""),
    ("POST", "/proxies", r#"{"name":"a","listen":"127.0.0.1:0","upstream":"127.0.0.1:9"}"#),
    ("POST", "/proxies", r#"{"name":"a","listen":"127.0.0.1:0","upstream":"127.0.0.1:9"}"#),
    ("POST", "/proxies", r#"{"Name":"b","LISTEN":"127.0.0.1:0","upstream":"localhost:9","enabled":false,"other":1}"#),
    ("POST", "/proxies", r#"{"name":"c"}"#),
    ("POST", "/proxies", r#"{"upstream":"127.0.0.1:9"}"#),
    ("POST", "/proxies", r#"{"name":"c","listen":"127.0.0.1:{busy}","upstream":"127.0.0.1:9"}"#),
    ("POST", "/proxies", r#"{"name":"c","listen":"nonsense","upstream":"127.0.0.1:9"}"#),
    ("POST", "/proxies", ""),
    ("POST", "/proxies", "{bad"),
    ("POST", "/proxies", r#"{"name":3}"#),
    ("POST", "/proxies", "[]"),
    ("GET", "/proxies/a", ""),
    ("GET", "/proxies/none", ""),
    ("PUT", "/proxies/a", ""),
    ("PUT", "/proxies", ""),
    ("HEAD", "/version", ""),
    ("GET", "/", ""),
    ("GET", "/none", ""),
    ("GET", "/proxies/a/none", ""),
    ("GET", "/proxies/a/toxics", ""),
    ("POST", "/proxies/a/toxics", r#"{"type":"latency","attributes":{"latency":5,"more":1}}"#),
    ("POST", "/proxies/a/toxics", r#"{"type":"latency"}"#),
    ("POST", "/proxies/a/toxics", r#"{"name":"up","type":"latency","stream":"Upstream","toxicity":0.25}"#),
    ("POST", "/proxies/a/toxics", r#"{"type":"bandwidth","attributes":{"rate":100},"toxicity":0}"#),
    ("POST", "/proxies/a/toxics", r#"{"type":"slow_close","attributes":{"delay":100}}"#),
    ("POST", "/proxies/a/toxics", r#"{"type":"timeout","attributes":{"timeout":100}}"#),
    ("POST", "/proxies/a/toxics", r#"{"type":"reset_peer","attributes":{"timeout":100}}"#),
    ("POST", "/proxies/a/toxics", r#"{"type":"slicer","attributes":{"average_size":9,"size_variation":1,"delay":3}}"#),
    ("POST", "/proxies/a/toxics", r#"{"type":"limit_data","attributes":{"bytes":100}}"#),
    ("POST", "/proxies/a/toxics", r#"{"type":"noop","name":null,"attributes":null}"#),
    ("POST", "/proxies/a/toxics", r#"{"type":"nothing"}"#),
    ("POST", "/proxies/a/toxics", r#"{"type":"nothing","stream":"sideways"}"#),
    ("POST", "/proxies/a/toxics", r#"{"name":"z","type":"latency","attributes":{"latency":"x"}}"#),
    ("POST", "/proxies/a/toxics", r#"{"name":"z","type":"latency","attributes":{"latency":1.5}}"#),
    ("POST", "/proxies/a/toxics", r#"{"name":"z","type":"latency","attributes":3}"#),
    ("POST", "/proxies/a/toxics", r#"{"name":"z","type":"latency","toxicity":"all"}"#),
    ("POST", "/proxies/none/toxics", r#"{"type":"latency"}"#),
    ("GET", "/proxies/a/toxics", ""),
    ("GET", "/proxies/a/toxics/up", ""),
    ("GET", "/proxies/a/toxics/none", ""),
    ("PATCH", "/proxies/a/toxics/up", r#"{"attributes":{"jitter":2},"toxicity":0.1,"stream":"downstream"}"#),
    ("POST", "/proxies/a/toxics/up", r#"{"attributes":{"latency":7}}"#),
    ("PATCH", "/proxies/a/toxics/up", r#"{"attributes":{"latency":true}}"#),
    ("PATCH", "/proxies/a/toxics/none", "{}"),
    ("PATCH", "/proxies/a/toxics/up", ""),
    ("DELETE", "/proxies/a/toxics/up", ""),
    ("DELETE", "/proxies/a/toxics/up", ""),
    ("PUT", "/proxies/a/toxics/up", ""),
    ("GET", "/proxies", ""),
    ("PATCH", "/proxies/a", r#"{"enabled":false}"#),
    ("PATCH", "/proxies/a", r#"{"upstream":"127.0.0.1:10"}"#),
    ("PATCH", "/proxies/a", r#"{"enabled":true}"#),
    ("POST", "/proxies/a", r#"{"upstream":"127.0.0.1:11","name":"other"}"#),
    ("PATCH", "/proxies/a", r#"{"listen":"nonsense"}"#),
    ("PATCH", "/proxies/a", r#"{"listen":"127.0.0.1:{busy}"}"#),
    ("GET", "/proxies/a", ""),
    ("PATCH", "/proxies/a", r#"{"listen":"127.0.0.1:0"}"#),
    ("PATCH", "/proxies/none", "{}"),
    ("POST", "/populate", r#"[{"name":"d","upstream":"127.0.0.1:9","listen":"127.0.0.1:0"},{"name":"e"}]"#),
    ("POST", "/populate", r#"[{"name":"d","upstream":"127.0.0.1:9","listen":"127.0.0.1:0"},{"upstream":"x"}]"#),
    ("POST", "/populate", r#"[{"name":"d","upstream":"127.0.0.1:9","listen":"127.0.0.1:0","enabled":false}]"#),
    ("POST", "/populate", r#"[{"name":"d","upstream":"127.0.0.1:9","listen":"127.0.0.1:0"}]"#),
    (
        "POST",
        "/populate",
        r#"[{"name":"f","upstream":"127.0.0.1:9","listen":"127.0.0.1:0"},
            {"name":"g","upstream":"127.0.0.1:9","listen":"127.0.0.1:{busy}"}]"#,
    ),
    ("POST", "/populate", "[]"),
    ("POST", "/populate", "{}"),
    ("POST", "/populate", ""),
    ("GET", "/proxies/d", ""),
    ("DELETE", "/proxies/b", ""),
    ("DELETE", "/proxies/b", ""),
    ("POST", "/reset", ""),
    ("GET", "/reset", ""),
    ("GET", "/proxies", ""),
];

/// What both servers must say alike: without ports that the system chose, and of a body that makes no sense that it
/// does, since the words for it are those of a JSON library.
fn comparable((status, kind, body): Answer) -> (u16, String, Value) {
    let body = body.trim_end();
    let mut value = serde_json::from_str(body).unwrap_or_else(|_| Value::from(body));
    clean(&mut value);
    (status, kind.replace("; charset", ";charset"), value)
}

fn clean(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("Logger"); // an inner field that the server shows by accident
            for (key, value) in map.iter_mut() {
                match value.as_str() {
                    Some(text) if key == "listen" && text.starts_with("127.0.0.1:") => *value = "loopback".into(),
                    Some(text) if text.starts_with("bad request body: ") => *value = "bad request body".into(),
                    _ => clean(value),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(clean),
        _ => (),
    }
}

#[tokio::test]
async fn the_server_itself_gives_the_same_answers() {
    let program = match tokio::task::spawn_blocking(toxiproxy).await.unwrap() {
        Ok(program) => program,
        Err(why) => return unavailable(&format!("toxiproxy: {why}")),
    };
    let free = Blocking::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let arguments = ["-host", "127.0.0.1", "-port", &free.port().to_string()].map(str::to_owned);
    let mut real = Command::new(program).args(arguments).stdout(Stdio::null()).kill_on_drop(true).spawn().unwrap();
    until(|| std::net::TcpStream::connect(free).is_ok()).await;
    let (api, _server) = start().await;
    let busy = Blocking::bind("127.0.0.1:0").unwrap();
    let busy_port = busy.local_addr().unwrap().port().to_string();
    for (method, path, body) in EXCHANGES {
        let body = body.replace("{busy}", &busy_port);
        let theirs = comparable(call(free, method, path, &body, "test").await);
        let ours = comparable(call(api, method, path, &body, "test").await);
        assert_eq!(ours, theirs, "{method} {path} {body}");
    }
    let browser = "Mozilla/5.0 (X11)";
    let theirs = comparable(call(free, "GET", "/version", "", browser).await);
    assert_eq!(comparable(call(api, "GET", "/version", "", browser).await), theirs);
    assert_eq!(theirs.0, 403);
    real.kill().await.unwrap();
}
