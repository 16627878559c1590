//! Certificates with defects: as asked and not otherwise, relayed to a component that speaks TLS, and gone at the undo.

use crate::doses::{expose, take_away};
use crate::stage::{Small, server, until, within};
use chaos::execute::Ended;
use chaos::lease::{FaultId, Lease};
use chaos::proxy::{Dose, Edge, EdgeFault, EdgeName, Share};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore, ServerConfig};
use serde_json::{Value, json};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A component that answers `hello` with `world` over TLS, and an issuer whom its callers trust.
struct Secure {
    addr: SocketAddr,
    issuer: CertificateDer<'static>,
    folder: TempDir,
}

impl Secure {
    async fn start() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer_key = KeyPair::generate().unwrap();
        let issuer = params.self_signed(&issuer_key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        std::fs::write(folder.path().join("ca.key"), issuer_key.serialize_pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::new(vec!["payments".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        leaf.not_after = date_time_ymd(2100, 1, 1);
        let leaf = leaf.signed_by(&key, &Issuer::new(params, issuer_key)).unwrap();
        let issuer = issuer.der().clone();
        let chain = vec![leaf.der().clone(), issuer.clone()];
        Self { addr: serve(chain, PrivateKeyDer::Pkcs8(key.serialize_der().into())).await, issuer, folder }
    }

    fn landscape(&self) -> Small {
        Small { folder: Some(self.folder.path().to_owned()), ..Small::with(self.addr) }
    }

    fn sabotaged(&self, how: impl Fn(&Edge) + Send + Sync + 'static) -> Small {
        Small { sabotage: Some(Box::new(how)), ..self.landscape() }
    }

    /// Connects as a careful caller.
    async fn connect(&self, addr: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let connector = TlsConnector::from(Arc::new(config.with_no_client_auth()));
        let stream = TcpStream::connect(addr).await?;
        within(connector.connect(ServerName::try_from("payments").unwrap(), stream)).await
    }

    /// What a careful caller says of the certificate.
    async fn verdict(&self, addr: SocketAddr) -> Option<CertificateError> {
        let error = self.connect(addr).await.err()?;
        match error.get_ref()?.downcast_ref::<rustls::Error>()? {
            rustls::Error::InvalidCertificate(error) => Some(error.clone()),
            other => panic!("{other}"),
        }
    }
}

async fn serve(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> SocketAddr {
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await?;
                let mut word = [0; 5];
                while stream.read_exact(&mut word).await.is_ok() && &word == b"hello" {
                    stream.write_all(b"world").await?;
                }
                io::Result::Ok(())
            });
        }
    });
    addr
}

fn issuer() -> Value {
    json!({"certificate": "ca.pem", "key": "ca.key"})
}

/// Every fault, with an issuer and without.
fn faults() -> Vec<Value> {
    vec![
        json!({"kind": "tls.expired", "target": "p", "issuer": issuer()}),
        json!({"kind": "tls.expired", "target": "p"}),
        json!({"kind": "tls.wrongHost", "target": "p", "issuer": issuer()}),
        json!({"kind": "tls.wrongHost", "target": "p"}),
        json!({"kind": "tls.unknownIssuer", "target": "p"}),
    ]
}

/// The fault as the executor puts it into the table.
async fn entered(secure: &Secure, fault: &Value) -> EdgeFault {
    let seen = Arc::new(Mutex::new(None));
    let to = seen.clone();
    let look = move |edge: &Edge| *to.lock().unwrap() = edge.entries().first().map(|entry| entry.fault.clone());
    let exposure = expose(secure.sabotaged(look), fault).await;
    assert!(exposure.verified && exposure.ended == Ended::Completed, "{fault}: {exposure:?}");
    let has_word = exposure.detail.as_ref().is_some_and(|detail| detail.contains("without an issuer"));
    let is_bare = fault.get("issuer").is_none() && fault["kind"] != "tls.unknownIssuer";
    assert_eq!(has_word, is_bare, "{fault}: {exposure:?}");
    let share = exposure.achieved.iter().find(|(name, _)| name.ends_with("_share"));
    assert_eq!(share.map(|(_, share)| *share), Some(1.0), "{exposure:?}");
    seen.lock().unwrap().take().unwrap()
}

fn inject(edge: &Edge, fault: EdgeFault) -> FaultId {
    let lease = Lease::grant(FaultId::new("r", "tls"));
    edge.inject(&lease, fault, 7).unwrap();
    lease.id().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_careful_caller_sees_the_defect_and_no_other_one() {
    let secure = Secure::start().await;
    let edge = Edge::open(EdgeName::new("a", "b"), Some(secure.addr)).unwrap();
    for fault in faults().iter().filter(|fault| fault.get("issuer").is_some() || fault["kind"] == "tls.unknownIssuer") {
        let id = inject(&edge, entered(&secure, fault).await);
        let verdict = secure.verdict(edge.addr()).await;
        let is_right = match fault["kind"].as_str().unwrap() {
            "tls.expired" => matches!(verdict, Some(CertificateError::ExpiredContext { .. })),
            "tls.wrongHost" => matches!(verdict, Some(CertificateError::NotValidForNameContext { .. })),
            _ => matches!(verdict, Some(CertificateError::UnknownIssuer)),
        };
        assert!(is_right, "{fault}: {verdict:?}");
        edge.remove(&id);
        assert_eq!(secure.verdict(edge.addr()).await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_as_asked_is_void() {
    let secure = Secure::start().await;
    let mut all = Vec::new();
    for fault in faults() {
        let exposure = expose(secure.sabotaged(take_away), &fault).await;
        assert!(!exposure.verified && exposure.ended == Ended::NotRun, "{fault}: {exposure:?}");
        all.push((fault.clone(), entered(&secure, &fault).await));
    }
    for (fault, _) in &all {
        for (_, wrong) in all.iter().filter(|(other, _)| other != fault) {
            let dose = Dose { fault: wrong.clone(), seed: 7, connections: Share::ALL };
            let swap = move |edge: &Edge| {
                for entry in edge.entries() {
                    edge.set_dose(&entry.id, dose.clone());
                }
            };
            let exposure = expose(secure.sabotaged(swap), fault).await;
            assert!(!exposure.verified, "{fault} and {wrong:?}: {exposure:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_on_the_edge_to_another_component_is_void() {
    let secure = Secure::start().await;
    let other = Arc::new(Edge::open(EdgeName::new("checkout", "ledger"), Some(secure.addr)).unwrap());
    let wrong = move |edge: &Edge| {
        for entry in edge.entries() {
            edge.remove(&entry.id);
            let lease = Lease::grant(FaultId::new("elsewhere", "x"));
            other.inject(&lease, entry.fault, 7).unwrap();
        }
    };
    let exposure = expose(secure.sabotaged(wrong), &faults()[0]).await;
    assert!(!exposure.verified && exposure.ended == Ended::NotRun, "{exposure:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_on_is_relayed_until_the_undo() {
    let secure = Secure::start().await;
    let edge = Edge::open(EdgeName::new("a", "b"), Some(secure.addr)).unwrap();
    let fault = entered(&secure, &faults()[4]).await;
    let mut open = secure.connect(edge.addr()).await.unwrap();
    let id = inject(&edge, fault);
    let mut careless = careless(edge.addr()).await;
    for stream in [&mut careless, &mut open] {
        stream.write_all(b"hello").await.unwrap();
        let mut word = [0; 5];
        within(stream.read_exact(&mut word)).await.unwrap();
        assert_eq!(&word, b"world");
    }
    edge.remove(&id);
    // An end without a word of TLS is an error to the caller; either way it is over.
    assert!(!matches!(within(careless.read(&mut [0])).await, Ok(1..)));
    open.write_all(b"hello").await.unwrap();
    within(open.read_exact(&mut [0; 5])).await.unwrap();
    drop(open);
    until(|| edge.stats().active == 0).await;
}

/// A caller that trusts whatever it is shown.
async fn careless(addr: SocketAddr) -> TlsStream<TcpStream> {
    let shown = Arc::new(Careless);
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().dangerous();
    let config = config.with_custom_certificate_verifier(shown).with_no_client_auth();
    let stream = TcpStream::connect(addr).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    within(connector.connect(ServerName::try_from("payments").unwrap(), stream)).await.unwrap()
}

#[derive(Debug)]
struct Careless;

impl rustls::client::danger::ServerCertVerifier for Careless {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        self.verify_tls12_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_without_tls_or_an_issuer_that_is_none_is_not_injected() {
    let plain = Small::with(server().await);
    let exposure = expose(plain, &faults()[4]).await;
    let detail = exposure.detail.unwrap();
    assert!(!exposure.verified && detail.contains("speaks no TLS"), "{detail}");
    let secure = Secure::start().await;
    for file in ["ca.pem", "ca.key"] {
        std::fs::write(secure.folder.path().join(file), "nothing").unwrap();
        let exposure = expose(secure.landscape(), &faults()[0]).await;
        let detail = exposure.detail.unwrap();
        assert!(!exposure.verified && detail.contains("issuer"), "{detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_whom_callers_would_not_trust_is_told() {
    let made = |change: &dyn Fn(&mut CertificateParams)| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    };
    let (sound, _) = made(&|_| ());
    let (_, other_key) = made(&|_| ());
    let (leaf, leaf_key) = made(&|params| params.is_ca = IsCa::ExplicitNoCa);
    let (old, old_key) = made(&|params| params.not_after = date_time_ymd(2001, 1, 1));
    let secure = Secure::start().await;
    for (certificate, key, told) in
        [(sound, other_key, "its key"), (leaf, leaf_key, "authority"), (old, old_key, "not valid now")]
    {
        std::fs::write(secure.folder.path().join("ca.pem"), certificate).unwrap();
        std::fs::write(secure.folder.path().join("ca.key"), key).unwrap();
        let exposure = expose(secure.landscape(), &faults()[0]).await;
        let detail = exposure.detail.unwrap();
        assert!(!exposure.verified && detail.contains(told), "{detail}");
    }
}
