//! Both sides of a handshake: a client that takes any certificate, and a server that presents a given one.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long a handshake on loopback may take: it is milliseconds.
const HANDSHAKE_MAX: Duration = Duration::from_secs(2);

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));

static INDIFFERENT: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let config = ClientConfig::builder_with_provider(PROVIDER.clone()).with_safe_default_protocol_versions();
    let config = config.expect("the provider has suites of every version").dangerous();
    Arc::new(config.with_custom_certificate_verifier(Arc::new(Indifferent)).with_no_client_auth())
});

/// Takes any certificate; the server must have its key all the same.
#[derive(Debug)]
struct Indifferent;

impl ServerCertVerifier for Indifferent {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &PROVIDER.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &PROVIDER.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER.signature_verification_algorithms.supported_schemes()
    }
}

/// A client that goes on whatever the certificate says. For looks, and for a component behind its own edge.
pub(crate) fn indifferent() -> TlsConnector {
    TlsConnector::from(INDIFFERENT.clone())
}

/// A server that presents `chain`. It agrees on no application protocol, which clients take for HTTP/1.1.
pub(crate) fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, Error> {
    let config = ServerConfig::builder_with_provider(PROVIDER.clone()).with_safe_default_protocol_versions()?;
    config.with_no_client_auth().with_single_cert(chain, key)
}

/// The chain that whoever listens at `addr` presents.
///
/// # Errors
/// Nobody listens, or no TLS is spoken there.
pub(crate) async fn certificates(addr: SocketAddr) -> io::Result<Vec<CertificateDer<'static>>> {
    let shake = async {
        let stream = TcpStream::connect(addr).await?;
        let stream = indifferent().connect(ServerName::IpAddress(addr.ip().into()), stream).await?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        Ok(chain.iter().map(|certificate| certificate.clone().into_owned()).collect())
    };
    timeout(HANDSHAKE_MAX, shake).await.unwrap_or_else(|late| Err(late.into()))
}
