//! Where metric families are looked up: a file, a target's `/metrics`, or a Prometheus-compatible server.

mod exposed;
mod landscape;

use probes::metrics::catalogue::Catalogue;
use probes::metrics::exposition::ExpositionError;
use probes::metrics::server::{ReadLimits, Server, ServerSettings, SourceError};
use scorer::signal::{Labels, Selector};
use std::path::PathBuf;
use url::Url;

/// Longest answer that is read: the series of a large server are a hundred megabytes.
const MAX_BYTES: usize = 128 << 20;

/// A place as the person named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Component that the target is, as the recorder adds it under `job`.
    pub component: Option<String>,
    /// Where.
    pub source: Source,
}

/// Where metric families come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An exposition in a file.
    File(PathBuf),
    /// A target or a server; which of them its answer tells.
    Url(Url),
    /// A server with all that it asks for.
    Server(Box<ServerSettings>),
}

/// Why a place told nothing.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// No place at all.
    #[error(
        "`{text}` is neither a file nor an http URL; write http://HOST:PORT/metrics, http://HOST:PORT of a server, or a file; in a password / is %2F, ? is %3F, # is %23"
    )]
    Place {
        /// As written, without what may be a secret.
        text: String,
    },
    /// A file that cannot be read.
    #[error("cannot read {path}")]
    File {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No answer.
    #[error("no whole answer of {url}: is it up, and is this its address?")]
    Exchange {
        /// What was asked.
        url: Url,
        /// Why.
        source: reqwest::Error,
    },
    /// Another answer than 200.
    #[error("{url} answers {status}; an exposition is usually at /metrics, a server's address ends before /api/v1")]
    Status {
        /// What was asked.
        url: Url,
        /// What it says.
        status: reqwest::StatusCode,
    },
    /// An answer that is too long.
    #[error("the answer of {url} is longer than {MAX_BYTES} bytes; ask a server, and narrow it with --match")]
    TooLong {
        /// What was asked.
        url: Url,
    },
    /// A file that is too long.
    #[error("{path} is longer than {MAX_BYTES} bytes; leave out the families that nobody judges")]
    LargeFile {
        /// Its path.
        path: PathBuf,
    },
    /// A server does not say what it has.
    #[error("its metrics server does not say what it has")]
    Server(#[source] SourceError),
    /// The same of an address, which may be meant otherwise.
    #[error(
        "it does not answer as a metrics server; one with credentials is given by --landscape, a target by its whole address, usually /metrics"
    )]
    Address(#[source] SourceError),
    /// A component's name in front of a server, which names its components itself.
    #[error(
        "{url} is a server, whose series name their components; leave out `{component}=`, and narrow it with --match"
    )]
    ComponentOfServer {
        /// The server.
        url: Url,
        /// What stands in front of it.
        component: String,
    },
    /// An exposition that is none.
    #[error("{place} is no exposition in the Prometheus or OpenMetrics text format")]
    Exposition {
        /// File or URL.
        place: String,
        /// Where it is wrong.
        source: ExpositionError,
    },
}

impl Place {
    /// Reads `[COMPONENT=]PLACE`.
    ///
    /// # Errors
    /// A place that is neither a file nor an HTTP URL.
    pub fn parse(text: &str) -> Result<Place, PlaceError> {
        let name = |name: &str| !name.is_empty() && !name.contains(['/', ':', '.', '?']);
        let (component, rest) = match text.split_once('=') {
            Some((component, rest)) if name(component) && !PathBuf::from(text).exists() => {
                (Some(component.to_owned()), rest)
            }
            _ => (None, text),
        };
        let url = Url::parse(rest).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        // A password with `/`, `?` or `#` in it ends the address before its `@`: the rest would be shown, and the user asked.
        let cut_short = |url: &Url| url.username().is_empty() && rest.contains('@');
        if url.as_ref().is_some_and(cut_short) {
            return Err(PlaceError::Place { text: harmless(text) });
        }
        let source = match url {
            Some(url) => Source::Url(url),
            None if PathBuf::from(rest).exists() => Source::File(rest.into()),
            None => return Err(PlaceError::Place { text: harmless(text) }),
        };
        Ok(Place { component, source })
    }

    /// As written, without a secret.
    pub fn shown(&self) -> String {
        match &self.source {
            Source::File(path) => path.display().to_string(),
            Source::Url(url) => shown(url).to_string(),
            Source::Server(settings) => shown(&settings.url).to_string(),
        }
    }

    /// Asks it. `selectors` narrow what a server is asked for; what a target says is whole.
    ///
    /// # Errors
    /// What it does not answer, or cannot be read.
    pub async fn catalogue(&self, selectors: &[Selector]) -> Result<Catalogue, PlaceError> {
        let added: Labels = self.component.iter().map(|name| ("job".to_owned(), name.clone())).collect();
        match &self.source {
            Source::File(path) => exposed::file(path, &added),
            Source::Server(settings) => listed(*settings.clone(), selectors).await.map_err(PlaceError::Server),
            // A path of its own means a target; a bare address is asked for what only servers have.
            Source::Url(url) if url.path().trim_end_matches('/').ends_with("/metrics") => {
                exposed::target(url, &added).await
            }
            Source::Url(url) => match (listed(ServerSettings::typed(url.clone()), selectors).await, &self.component) {
                (Ok(catalogue), None) => Ok(catalogue),
                (Ok(_), Some(component)) => {
                    Err(PlaceError::ComponentOfServer { url: shown(url), component: component.clone() })
                }
                (Err(SourceError::Status { status: 404, .. }), _) => exposed::target(url, &added).await,
                // Whatever else it is, it speaks as one.
                (
                    Err(
                        source @ (SourceError::Partial { .. }
                        | SourceError::Refused { .. }
                        | SourceError::TooLong { .. }),
                    ),
                    _,
                ) => Err(PlaceError::Server(source)),
                (Err(source), _) => Err(PlaceError::Address(source)),
            },
        }
    }
}

async fn listed(settings: ServerSettings, selectors: &[Selector]) -> Result<Catalogue, SourceError> {
    let limits = ReadLimits { body_bytes: MAX_BYTES, ..ReadLimits::default() };
    Server::new(settings, limits).catalogue(selectors).await
}

/// An address for people: users, passwords, tokens stay out of messages and documents.
fn shown(url: &Url) -> Url {
    let mut shown = url.clone();
    // Both fail only for addresses that cannot have a user.
    let _ = shown.set_password(None);
    let _ = shown.set_username("");
    // A part without `=` is all value.
    let hidden = |part: &str| part.split_once('=').map_or("...".to_owned(), |(name, _)| format!("{name}=..."));
    let query = url.query().map(|query| query.split('&').map(hidden).collect::<Vec<_>>().join("&"));
    shown.set_query(query.as_deref());
    shown.set_fragment(None);
    shown
}

/// What is no place may be an address with a slip of the pen, and have the same secrets.
fn harmless(text: &str) -> String {
    let path = text.split(['?', '#']).next().unwrap_or_default();
    match path.rsplit_once('@') {
        Some((_, behind)) => format!("...@{behind}"),
        None if text.contains('@') => "...".to_owned(),
        None if path.len() < text.len() => format!("{path}..."),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_file_or_a_url_and_may_have_a_component() {
        let read = |text: &str| Place::parse(text).unwrap();
        assert_eq!(read("checkout=http://127.0.0.1:1/metrics").component.as_deref(), Some("checkout"));
        let query = read("http://127.0.0.1:1/metrics?name[]=a");
        assert_eq!((query.component.clone(), query.shown().as_str()), (None, "http://127.0.0.1:1/metrics?name[]=..."));
        assert_eq!(read("Cargo.toml").source, Source::File("Cargo.toml".into()));
        for text in ["", "nowhere.txt", "ftp://x/metrics", "a=nowhere"] {
            assert!(Place::parse(text).unwrap_err().to_string().contains("neither a file nor"), "{text}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        for (text, shown) in [
            ("http://user:secret@h:1/metrics", "http://h:1/metrics"),
            ("http://secret@h:1/", "http://h:1/"),
            ("http://h:1/metrics?a=secret&b=secret=", "http://h:1/metrics?a=...&b=..."),
            ("http://h:1/metrics?secret#secret", "http://h:1/metrics?..."),
        ] {
            assert_eq!(Place::parse(text).unwrap().shown(), shown);
        }
        for text in [
            "htp://user:secret@h:1/",
            "user:secret@h/metrics",
            "ftp://h/?token=secret",
            "a=secret@",
            "h#secret",
            "http://user:s#secret@h:1/",
            "http://user:s?secret@h/",
            "http://user:12/secret@h/",
            "http://user:12#secret@h",
        ] {
            let told = Place::parse(text).unwrap_err().to_string();
            assert!(told.contains("neither a file nor") && !told.contains("secret"), "{told}");
        }
    }
}
