//! Secrets of a server, read from their files anew for every request: a token that was renewed is used at once.

use super::error::SourceError;
use super::settings::ServerSettings;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Identity};
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// Longest secret or certificate file, bytes.
const MAX_FILE: u64 = 1 << 20;

/// How long a connection may take to open.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Contents of the files; shown as nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Secrets {
    bearer: Option<String>,
    password: Option<String>,
    ca: Option<Vec<u8>>,
    identity: Option<Vec<u8>>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(..)")
    }
}

impl Secrets {
    pub(super) fn read(settings: &ServerSettings) -> Result<Self, SourceError> {
        let (auth, tls) = (&settings.auth, &settings.tls);
        let text = |what, path: &Option<_>| path.as_deref().map(|path| line(what, path)).transpose();
        let pem = |what, path: &Option<_>| path.as_deref().map(|path| bytes(what, path)).transpose();
        let identity = match (pem("a certificate", &tls.cert_file)?, pem("a key", &tls.key_file)?) {
            (Some(mut cert), Some(key)) => {
                cert.push(b'\n');
                cert.extend(key);
                Some(cert)
            }
            _ => None,
        };
        Ok(Secrets {
            bearer: text("a bearer token", &auth.bearer_file)?,
            password: text("a password", &auth.password_file)?,
            ca: pem("the certificate of an authority", &tls.ca_file)?,
            identity,
        })
    }

    /// A client that uses them.
    pub(super) fn client(&self, settings: &ServerSettings) -> Result<Client, SourceError> {
        // Answers are not to be compressed: unpacking bulk answers takes longer than sending them.
        let mut builder = Client::builder()
            .default_headers(self.headers(settings)?)
            .connect_timeout(CONNECT_WITHIN)
            .read_timeout(settings.timeout.duration())
            // A redirect would carry the credentials to somebody else.
            .redirect(reqwest::redirect::Policy::none());
        if let Some(ca) = &self.ca {
            let path = settings.tls.ca_file.clone().unwrap_or_default();
            let authorities = Certificate::from_pem_bundle(ca).unwrap_or_default();
            if authorities.is_empty() {
                return Err(SourceError::Contents { what: "the certificate of an authority", path });
            }
            builder = builder.tls_certs_only(authorities);
        }
        if let Some(identity) = &self.identity {
            let path = settings.tls.cert_file.clone().unwrap_or_default();
            let identity = Identity::from_pem(identity);
            builder = builder
                .identity(identity.map_err(|_| SourceError::Contents { what: "a certificate with its key", path })?);
        }
        builder.build().map_err(SourceError::Client)
    }

    fn headers(&self, settings: &ServerSettings) -> Result<HeaderMap, SourceError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &settings.headers {
            // Checked with the settings.
            if let (Ok(name), Ok(mut value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
        }
        let secret = |what, path: &Option<std::path::PathBuf>, text: String| {
            let mut value = HeaderValue::try_from(text)
                .map_err(|_| SourceError::Contents { what, path: path.clone().unwrap_or_default() })?;
            value.set_sensitive(true);
            Ok(value)
        };
        if let Some(token) = &self.bearer {
            let value = secret("a bearer token", &settings.auth.bearer_file, format!("Bearer {token}"))?;
            headers.insert(AUTHORIZATION, value);
        }
        if let (Some(user), Some(password)) = (&settings.auth.user, &self.password) {
            let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
            let value = secret("a password", &settings.auth.password_file, format!("Basic {pair}"))?;
            headers.insert(AUTHORIZATION, value);
        }
        Ok(headers)
    }
}

fn bytes(what: &'static str, path: &Path) -> Result<Vec<u8>, SourceError> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes));
    read.map_err(|source| SourceError::File { what, path: path.to_owned(), source })?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(SourceError::Contents { what, path: path.to_owned() });
    }
    Ok(bytes)
}

fn line(what: &'static str, path: &Path) -> Result<String, SourceError> {
    let wrong = || SourceError::Contents { what, path: path.to_owned() };
    let text = String::from_utf8(bytes(what, path)?).map_err(|_| wrong())?;
    let text = text.trim().to_owned();
    if text.is_empty() || text.contains(['\n', '\r']) { Err(wrong()) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "s3cret\n").unwrap();
        let mut settings = ServerSettings::of("http://there/".parse().unwrap());
        settings.auth.bearer_file = Some(path.clone());
        let secrets = Secrets::read(&settings).unwrap();
        let client = secrets.client(&settings).unwrap();
        assert!(!format!("{secrets:?} {client:?}").contains("s3cret"));
        for text in ["", "two\nlines\n"] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(Secrets::read(&settings), Err(SourceError::Contents { what: "a bearer token", .. })));
        }
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(Secrets::read(&settings), Err(SourceError::File { .. })));
    }
}
