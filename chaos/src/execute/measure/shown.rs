//! Certificates that an edge presents, beside the one of its target.

use super::hits::Hits;
use super::repeat;
use crate::proxy::Edge;
use crate::tls::{TlsDefect, certificates, defects, expected};
use rustls::pki_types::CertificateDer;

/// Handshakes that end with another certificate than the target's own, which has the asked defect and no other.
pub(super) async fn defective(
    edge: &Edge,
    count: u32,
    asked: TlsDefect,
    issuer: Option<&CertificateDer<'static>>,
) -> Hits {
    let Some(target) = edge.upstream() else {
        return Hits::default();
    };
    let Ok(own) = certificates(target).await else {
        return Hits::default();
    };
    let addr = edge.addr();
    let seen: Vec<_> = repeat(count, || certificates(addr)).await.into_iter().flatten().collect();
    let expected = expected(asked, issuer.is_some());
    let is_hit = |chain: &&Vec<CertificateDer<'static>>| {
        chain.first() != own.first() && defects(chain, &own, issuer).as_ref() == Some(&expected)
    };
    Hits::of(&seen, |_| true, is_hit)
}
