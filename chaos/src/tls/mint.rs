//! Certificates like one that there is, but for one defect.

use super::TlsDefect;
use super::defect::{issuer_problem, names};
use super::handshake::server_config;
use chrono::{DateTime, Datelike, Days, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PublicKeyData, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Whom nobody looks for: the top-level domain is reserved for names that do not exist (RFC 2606).
const WRONG_HOST: &str = "wrong-host.invalid";
/// Length of a certificate's life, as public issuers give it.
const LIFE: Days = Days::new(90);

/// A certificate of an issuer, and the key that goes with it, PEM.
#[derive(Clone, Debug)]
pub(crate) struct Issuer {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// What an edge is to present, and who signed it if that was asked for.
#[derive(Debug)]
pub(crate) struct Minted {
    pub(crate) config: ServerConfig,
    pub(crate) issuer: Option<CertificateDer<'static>>,
}

fn failed(what: &str) -> impl Fn(rcgen::Error) -> String {
    move |error| format!("{what}: {error}")
}

/// Makes a certificate for the same names as `own`, but for the defect.
///
/// # Errors
/// What makes no sense: the certificate, or one of the issuer's files.
pub(crate) fn mint(
    defect: TlsDefect,
    own: &CertificateDer<'_>,
    issuer: Option<&Issuer>,
    now: DateTime<Utc>,
) -> Result<Minted, String> {
    let own_names = names(own).filter(|names| !names.is_empty()).ok_or("its certificate names no host")?;
    let names: Vec<String> = match defect {
        TlsDefect::WrongHost => vec![WRONG_HOST.to_owned()],
        TlsDefect::Expired | TlsDefect::UnknownIssuer => own_names.into_iter().collect(),
    };
    let leaf = leaf(defect, names, now).map_err(failed("its names"))?;
    let key = KeyPair::generate().map_err(failed("a key"))?;
    let (signed, known) = match issuer {
        Some(Issuer { certificate, key: issuer_key }) => {
            let issuer_key = KeyPair::from_pem(issuer_key).map_err(failed("the issuer's key"))?;
            let public_key = issuer_key.subject_public_key_info();
            let issuer = rcgen::Issuer::from_ca_cert_pem(certificate, issuer_key).map_err(failed("the issuer"))?;
            let known = rustls::pki_types::pem::PemObject::from_pem_slice(certificate.as_bytes());
            let known: CertificateDer<'static> = known.map_err(|error| format!("the issuer: {error}"))?;
            if let Some(problem) = issuer_problem(&known, &public_key, now.timestamp()) {
                return Err(format!("the issuer: {problem}"));
            }
            (leaf.signed_by(&key, &issuer), Some(known))
        }
        None => {
            let nobody = rcgen::Issuer::new(nobody(), KeyPair::generate().map_err(failed("a key"))?);
            (leaf.signed_by(&key, &nobody), None)
        }
    };
    let chain = std::iter::once(signed.map_err(failed("signing"))?.der().clone()).chain(known.clone()).collect();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = server_config(chain, key).map_err(|error| error.to_string())?;
    Ok(Minted { config, issuer: known })
}

fn leaf(defect: TlsDefect, names: Vec<String>, now: DateTime<Utc>) -> Result<CertificateParams, rcgen::Error> {
    let yesterday = now - Days::new(1);
    let (from, to) = match defect {
        TlsDefect::Expired => (yesterday - LIFE, yesterday),
        TlsDefect::WrongHost | TlsDefect::UnknownIssuer => (yesterday, yesterday + LIFE),
    };
    let day = |day: DateTime<Utc>| date_time_ymd(day.year(), day.month() as u8, day.day() as u8);
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, names.first().map_or("", String::as_str));
    let mut leaf = CertificateParams::new(names)?;
    leaf.distinguished_name = name;
    (leaf.not_before, leaf.not_after) = (day(from), day(to));
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    Ok(leaf)
}

/// An issuer that is made for one certificate and forgotten.
fn nobody() -> CertificateParams {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "an issuer that nobody knows");
    let mut nobody = CertificateParams::default();
    nobody.distinguished_name = name;
    nobody.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    nobody
}
