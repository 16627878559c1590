//! What is wrong with a certificate, seen beside the one that the server itself presents.

use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

/// Why a careful caller refuses a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TlsDefect {
    /// Its time is over.
    Expired,
    /// It is for another host.
    WrongHost,
    /// Nobody knows who signed it.
    UnknownIssuer,
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    X509Certificate::from_der(certificate).ok().map(|(_, parsed)| parsed)
}

/// Hosts that a certificate is for: its alternative names, or else its common name.
pub(super) fn names(certificate: &CertificateDer<'_>) -> Option<BTreeSet<String>> {
    let parsed = parse(certificate)?;
    let alternatives = parsed.subject_alternative_name().ok()?;
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => ip(bytes).map(|ip| ip.to_string()),
        _ => None,
    };
    let mut names: BTreeSet<String> =
        alternatives.iter().flat_map(|found| &found.value.general_names).filter_map(name).collect();
    if names.is_empty() {
        names.extend(parsed.subject().iter_common_name().filter_map(|name| name.as_str().ok()).map(str::to_owned));
    }
    Some(names)
}

/// Why callers would not trust what this issuer signs with the key of `public_key` (its SubjectPublicKeyInfo, DER): they
/// would see more than the defect that was asked for.
pub(super) fn issuer_problem(issuer: &CertificateDer<'_>, public_key: &[u8], now: i64) -> Option<&'static str> {
    let Some(issuer) = parse(issuer) else {
        return Some("its certificate makes no sense");
    };
    let is_valid = ASN1Time::from_timestamp(now).is_ok_and(|now| issuer.validity().is_valid_at(now));
    if issuer.public_key().raw != public_key {
        Some("its key is not the one of its certificate")
    } else if !issuer.is_ca() {
        Some("its certificate is not one of an authority (basicConstraints)")
    } else if !is_valid {
        Some("its certificate is not valid now")
    } else {
        None
    }
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes).map(IpAddr::from).or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// What is wrong with the certificate that begins `presented` for whoever trusts `own`, the chain of the server itself,
/// and `issuer`; none when one of them makes no sense.
pub(crate) fn defects(
    presented: &[CertificateDer<'_>],
    own: &[CertificateDer<'_>],
    issuer: Option<&CertificateDer<'_>>,
) -> Option<BTreeSet<TlsDefect>> {
    let (leaf, own_leaf) = (presented.first()?, own.first()?);
    let parsed = parse(leaf)?;
    let known = match issuer {
        Some(issuer) => vec![parse(issuer)?],
        None => own.iter().filter_map(parse).collect(),
    };
    let is_known = known.iter().any(|known| parsed.verify_signature(Some(known.public_key())).is_ok());
    let found = [
        (TlsDefect::Expired, !parsed.validity().is_valid()),
        (TlsDefect::WrongHost, names(leaf)? != names(own_leaf)?),
        (TlsDefect::UnknownIssuer, !is_known),
    ];
    Some(found.into_iter().filter(|(_, is_there)| *is_there).map(|(defect, _)| defect).collect())
}

/// What a caller is to see: the defect that was asked for, and an unknown issuer when no known one was given.
pub(crate) fn expected(asked: TlsDefect, has_issuer: bool) -> BTreeSet<TlsDefect> {
    let unknown = (!has_issuer).then_some(TlsDefect::UnknownIssuer);
    std::iter::once(asked).chain(unknown).collect()
}
