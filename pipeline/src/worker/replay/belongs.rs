//! Report, record, gate, policy, programme and evidence: whether they belong together.

use super::super::installation::Installation;
use super::super::publish;
use super::super::sources::{SourceError, Sources};
use super::{Proof, Published};
use crate::digest::sha256_json;
use crate::ledger::VerdictRecord;
use crate::report::{Report, canonical};
use datasets::{Digest, EvidenceError};
use gate_api::GateStore as _;

pub(super) async fn together(
    installation: &Installation,
    sources: &Sources,
    tag: &str,
    published: &Published,
) -> Vec<Proof> {
    let report = &published.report;
    let digest = canonical::digest(published.text.as_bytes());
    let mut proofs = vec![Proof::same("tag", tag, &report.tag), recorded(published, &digest), follows(report)];
    proofs.extend(gate_knows(installation, report, &digest));
    proofs.push(policy(published));
    proofs.push(programme(sources, report).await);
    proofs.extend(evidence(installation, report));
    proofs
}

fn recorded(published: &Published, digest: &str) -> Proof {
    let what = "report";
    let wanted = VerdictRecord::of(&published.report, digest);
    match &published.record {
        Some(record) if *record == wanted => Proof::of(what, true, digest),
        Some(record) if record.report_digest != digest => {
            Proof::of(what, false, format!("its digest is {digest}, its record says {}", record.report_digest))
        }
        Some(_) => Proof::of(what, false, "its record says something else of the same soak"),
        None => Proof::of(what, false, "the ledger has no record of its soak"),
    }
}

/// The verdict is what outcome and judgement make of it.
fn follows(report: &Report) -> Proof {
    let judged = report.judgement.as_ref().map(|judgement| judgement.verdict);
    let wanted = report.outcome.verdict(judged);
    let is = report.verdict == wanted;
    let detail =
        if is { "follows from the judgement".to_owned() } else { format!("should be {wanted:?}").to_lowercase() };
    Proof::of("verdict", is, detail)
}

/// What the gate answers from, where this installation knows of the soak.
fn gate_knows(installation: &Installation, report: &Report, digest: &str) -> Option<Proof> {
    let what = "gate";
    let facts = match installation.gate.facts(&report.product, &report.landscape, &report.tag) {
        Ok(facts) => facts,
        Err(error) => return Some(Proof::unknown(what, error.to_string())),
    };
    let (known, wanted) = (facts.verdict_of(&report.soak)?, publish::verdict_record(report, digest));
    let is = wanted.is_some_and(|wanted| {
        (&known.report_digest, &known.policy_digest, &known.evidence, known.judgement.verdict, known.valid_until)
            == (
                &wanted.report_digest,
                &wanted.policy_digest,
                &wanted.evidence,
                wanted.judgement.verdict,
                wanted.valid_until,
            )
    });
    Some(Proof::of(
        what,
        is,
        if is { "answers from this report" } else { "answers from something else than this report" },
    ))
}

fn policy(published: &Published) -> Proof {
    let what = "policy";
    // From the text: a newer program may know more keys than the one that wrote it.
    let value: serde_json::Value = serde_json::from_str(&published.text).unwrap_or_default();
    match value.pointer("/terms/policy") {
        Some(policy) => Proof::same(what, &sha256_json(policy), &published.report.policy_digest),
        None if published.report.judgement.is_none() => Proof::of(what, true, "nothing was judged by it"),
        None => Proof::unknown(what, "the report names no terms: an older program wrote it"),
    }
}

async fn programme(sources: &Sources, report: &Report) -> Proof {
    let what = "programme";
    if report.programme_digest.is_empty() {
        return Proof::of(what, true, "nothing was planned");
    }
    let Some(terms) = &report.terms else {
        return Proof::unknown(what, "the report names no terms: an older program wrote it, or nothing was judged");
    };
    match sources.bundle(&report.commit, terms.programme_path.as_deref()).await {
        Ok(bundle) => Proof::same(what, &bundle.programme_digest, &report.programme_digest),
        Err(error @ (SourceError::Git { .. } | SourceError::Address { .. })) => {
            Proof::unknown(what, format!("commit {} of the product cannot be read: {error}", report.commit))
        }
        Err(error) => Proof::unknown(what, error.to_string()),
    }
}

fn evidence(installation: &Installation, report: &Report) -> Vec<Proof> {
    let own =
        report.evidence.iter().map(|e| ("evidence", e.digest.as_str(), report.soak.as_str(), report.tag.as_str()));
    let baseline = report.terms.iter().flat_map(|terms| &terms.baseline);
    let baseline = baseline.map(|run| ("baseline", run.evidence.as_str(), run.soak.as_str(), run.tag.as_str()));
    own.chain(baseline).map(|(what, digest, soak, tag)| whole(installation, what, digest, (soak, tag))).collect()
}

fn whole(installation: &Installation, what: &'static str, text: &str, (soak, tag): (&str, &str)) -> Proof {
    let Ok(digest) = text.parse::<Digest>() else {
        return Proof::of(what, false, format!("`{text}` is no digest"));
    };
    match installation.evidence.get(&digest) {
        Ok(found) if found.subject.soak == soak && found.subject.tag == tag => Proof::of(what, true, text),
        Ok(found) => {
            let (other, of) = (found.subject.soak, found.subject.tag);
            Proof::of(what, false, format!("{text} is of soak {other} of {of}, not of {soak} of {tag}"))
        }
        Err(error @ EvidenceError::Damaged { .. }) => Proof::of(what, false, error.to_string()),
        Err(error) => Proof::unknown(what, error.to_string()),
    }
}
