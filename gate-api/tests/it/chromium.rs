//! Pages in real Chromium: what is rendered, in light and dark, on a phone, and what the console says.

use crate::served::{Served, serve};
use crate::story::{RUNNING, told};
use chrono::Utc;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// A page is rendered within this; a browser that hangs fails the test.
const RENDER_MAX: Duration = Duration::from_secs(60);

/// Where pictures are kept for people, when they ask: `PICTURES=DIR cargo test -p gate-api chromium`.
const PICTURES: &str = "PICTURES";

struct Browser {
    program: PathBuf,
    folder: tempfile::TempDir,
}

/// `None`: there is none here, and the summary of the tests says so.
#[expect(clippy::explicit_write, reason = "the macro would be captured, and nobody would see the line")]
fn browser() -> Option<Browser> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = std::env::split_paths(&path).flat_map(|dir| names.map(|name| dir.join(name))).find(|p| p.is_file());
    let Some(program) = found else {
        // Past the capture of the test harness, on a line of its own: the summary of `./dev test` reads it.
        writeln!(std::io::stdout(), "\nunavailable: chromium: none of {names:?} is on the search path").unwrap();
        return None;
    };
    Some(Browser { program, folder: tempfile::tempdir().unwrap() })
}

struct Rendered {
    dom: String,
    console: Vec<String>,
}

impl Browser {
    async fn run(&self, more: &[&str], url: &str) -> (String, String) {
        let fixed = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--enable-logging=stderr",
        ];
        let mut command = Command::new(&self.program);
        command.args(fixed).arg(format!("--user-data-dir={}", self.folder.path().join("profile").display()));
        command.args(more).arg(url).stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(RENDER_MAX, command.output()).await.expect("the browser hangs").unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (text(output.stdout), text(output.stderr))
    }

    async fn render(&self, url: &str) -> Rendered {
        let (dom, log) = self.run(&["--dump-dom", "--window-size=1200,900"], url).await;
        let console = log.lines().filter(|l| l.contains(":CONSOLE")).map(str::to_owned).collect();
        Rendered { dom, console }
    }

    /// A picture of a page; `scheme` is a flag of the browser.
    async fn picture(&self, name: &str, (scheme, size): (&str, &str), url: &str) -> PathBuf {
        let path = self.folder.path().join(format!("{name}.png"));
        let shot = format!("--screenshot={}", path.display());
        self.run(&[&shot, &format!("--window-size={size}"), scheme], url).await;
        assert!(path.is_file(), "no picture of {url}");
        if let Some(keep) = std::env::var_os(PICTURES) {
            std::fs::copy(&path, Path::new(&keep).join(format!("{name}.png"))).unwrap();
        }
        path
    }

    /// Mean brightness (0 to 255) and number of different colours of a picture, as the browser itself reads it.
    async fn seen(&self, picture: &Path) -> (f64, usize) {
        let probe = picture.with_extension("html");
        let page = format!(
            r#"<!doctype html><img id="i" src="{}"><p id="out"></p><script>
const i = document.getElementById("i");
i.onload = () => {{
  const c = document.createElement("canvas"); c.width = i.naturalWidth; c.height = i.naturalHeight;
  const d = c.getContext("2d"); d.drawImage(i, 0, 0);
  const p = d.getImageData(0, 0, c.width, c.height).data; let sum = 0; const seen = new Set();
  for (let k = 0; k < p.length; k += 4) {{
    sum += (p[k] + p[k + 1] + p[k + 2]) / 3; seen.add(p[k] << 16 | p[k + 1] << 8 | p[k + 2]);
  }}
  document.getElementById("out").textContent = "seen " + sum / (p.length / 4) + " " + seen.size + " end";
}};</script>"#,
            picture.file_name().unwrap().to_str().unwrap()
        );
        std::fs::write(&probe, page).unwrap();
        let flags = ["--dump-dom", "--allow-file-access-from-files", "--virtual-time-budget=10000"];
        let (dom, log) = self.run(&flags, &format!("file://{}", probe.display())).await;
        let read = || {
            let said = dom.split("seen ").nth(1)?.split(" end").next()?;
            let (mean, colours) = said.split_once(' ')?;
            Some((mean.parse().ok()?, colours.parse().ok()?))
        };
        read().unwrap_or_else(|| panic!("the picture cannot be read: {dom}\n{log}"))
    }
}

async fn gate() -> (crate::story::Story, Served) {
    let story = told(Utc::now());
    let gate = serve(story.store.clone()).await;
    (story, gate)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_is_rendered_in_order_with_its_charts_and_a_quiet_console() {
    let Some(browser) = browser() else { return };
    let (_story, gate) = gate().await;
    let page = browser.render(&format!("{}/products/shop/tags/v1.1.1", gate.url)).await;
    let order = [
        "id=\"verdict\"",
        "id=\"gates\"",
        "id=\"reasons\"",
        "id=\"scores\"",
        "id=\"charts\"",
        "id=\"faults\"",
        "id=\"evidence\"",
    ];
    let places: Vec<usize> =
        order.iter().map(|id| page.dom.find(id).unwrap_or_else(|| panic!("{id} is not there"))).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert_eq!(page.dom.matches("class=\"candidate\" d=\"M").count(), 4 + 1, "four charts and the legend");
    assert_eq!(page.console, Vec::<String>::new());
    // A shape that is not closed swallows everything after it, and the picture stays empty.
    for shape in ["line", "rect", "path", "circle"] {
        for at in page.dom.split(&format!("<{shape} ")).skip(1) {
            let after = at.split_once('>').unwrap().1;
            assert!(after.starts_with(&format!("</{shape}>")), "{shape} holds {}", &after[..60]);
        }
    }
    let list = browser.render(&gate.url).await;
    assert!(list.dom.contains(RUNNING) && list.dom.contains("<progress"));
    assert_eq!(list.console, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_light_or_dark_as_asked_and_never_blank() {
    let Some(browser) = browser() else { return };
    let (_story, gate) = gate().await;
    let light = "--blink-settings=preferredColorScheme=1";
    let dark = "--blink-settings=preferredColorScheme=0";
    let tag = format!("{}/products/shop/tags/v1.1.1", gate.url);
    for (name, scheme, size, url) in [
        ("tag-light", light, "1200,3300", &tag),
        ("tag-dark", dark, "1200,3300", &tag),
        ("tag-narrow", light, "400,7000", &tag),
        ("first-tag-light", light, "1200,2400", &format!("{}/products/shop/tags/v1.0.0", gate.url)),
        ("not-deployable-dark", dark, "1200,800", &format!("{}/products/shop/tags/v1.3.0", gate.url)),
        ("list-light", light, "1200,1100", &gate.url),
        ("list-dark", dark, "1200,1100", &gate.url),
        ("running-dark", dark, "1200,1000", &format!("{}/products/shop/tags/{RUNNING}", gate.url)),
    ] {
        let picture = browser.picture(name, (scheme, size), url).await;
        let (mean, colours) = browser.seen(&picture).await;
        assert!(colours > 100, "{name}: {colours} colours are a blank page");
        let fits = if scheme == dark { mean < 70.0 } else { mean > 190.0 };
        assert!(fits, "{name}: mean brightness {mean}");
    }
}
