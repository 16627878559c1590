//! Certificates of both sides.

use probes::metrics::server::{ReadLimits, ReadPath, Server, ServerSettings, SourceError, Window};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use scorer::signal::Selector;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

struct Signed {
    cert_pem: String,
    key_pem: String,
    der: rustls::pki_types::CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn signed(by: &Authority, name: &str) -> Signed {
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, by).unwrap();
    let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Signed { cert_pem: cert.pem(), key_pem: key.serialize_pem(), der: cert.der().clone(), key: der }
}

/// A server that wants a certificate of `clients` and answers every remote read with nothing found.
async fn serve(own: Signed, clients: &Authority) -> (u16, AbortOnDropHandle<()>) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(clients.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![own.der], own.key)
        .unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let task = tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut connection) = acceptor.accept(connection).await else { return };
                let mut request = [0; 4096];
                if connection.read(&mut request).await.is_ok_and(|read| read > 0) {
                    let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/x-streamed-protobuf\r\n\
                                  Content-Length: 0\r\nConnection: close\r\n\r\n";
                    let _ = connection.write_all(answer.as_bytes()).await;
                    let _ = connection.shutdown().await;
                }
            });
        }
    });
    (port, AbortOnDropHandle::new(task))
}

fn file(dir: &Path, name: &str, text: &str) -> Option<std::path::PathBuf> {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    Some(path)
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_show_certificates() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (authority(), authority());
    let (port, _server) = serve(signed(&theirs, "localhost"), &ours).await;
    let client = signed(&ours, "mettle");
    let mut settings = ServerSettings::of(format!("https://localhost:{port}").parse().unwrap());
    settings.read = ReadPath::RemoteRead;
    settings.tls.ca_file = file(dir.path(), "ca.pem", &theirs.pem());
    settings.tls.cert_file = file(dir.path(), "cert.pem", &client.cert_pem);
    settings.tls.key_file = file(dir.path(), "key.pem", &client.key_pem);
    let read = |settings: ServerSettings| async move {
        let window = Window { from_ms: 0, to_ms: 1 };
        Server::new(settings, ReadLimits::default()).read(&[Selector::parse("up").unwrap()], window).await
    };
    assert_eq!(read(settings.clone()).await.unwrap(), []);

    let mut nameless = settings.clone();
    (nameless.tls.cert_file, nameless.tls.key_file) = (None, None);
    let error = read(nameless).await.unwrap_err();
    assert!(matches!(error, SourceError::Unreachable { .. } | SourceError::BrokeOff { .. }), "{error}");

    let mut mistrusted = settings.clone();
    mistrusted.tls.ca_file = file(dir.path(), "other.pem", &ours.pem());
    assert!(matches!(read(mistrusted).await, Err(SourceError::Unreachable { .. })));

    let mut garbled = settings;
    garbled.tls.ca_file = file(dir.path(), "none.pem", "no certificate\n");
    let error = read(garbled).await.unwrap_err();
    assert!(matches!(error, SourceError::Contents { what: "the certificate of an authority", .. }), "{error}");
}
