//! The judgement, made again from evidence, baseline, policy and the documents of the commit.

use super::super::installation::Installation;
use super::super::judge::{self, Bench};
use super::super::sources::Sources;
use super::{Proof, Published};
use crate::report::{Report, canonical};
use scorer::verdict::Judgement;

const WHAT: &str = "judged again";

pub(super) async fn judged(installation: &Installation, sources: &Sources, published: &Published) -> Proof {
    if published.report.judgement.is_none() {
        return Proof::of(WHAT, true, "nothing was judged");
    }
    let method = &published.report.method;
    if method != scorer::METHOD {
        let now = scorer::METHOD;
        return Proof::unknown(WHAT, format!("it was judged by {method}, and this program judges by {now}"));
    }
    match again(installation, sources, &published.report).await {
        Ok(judgement) => compared(&published.text, &judgement),
        Err(why) => Proof::unknown(WHAT, why),
    }
}

async fn again(installation: &Installation, sources: &Sources, report: &Report) -> Result<Judgement, String> {
    let terms = report.terms.clone().ok_or("the report names no terms: an older program wrote it")?;
    let evidence = report.evidence.first().ok_or("the report names no evidence")?.digest.clone();
    let bundle = sources.bundle(&report.commit, terms.programme_path.as_deref()).await;
    let mut bundle = bundle.map_err(|error| format!("the documents at {} cannot be read: {error}", report.commit))?;
    // As the landscape was then: whose side users reached.
    bundle.user_sides.clone_from(&terms.judged_as.user_sides);
    let installation = installation.clone();
    let judged = tokio::task::spawn_blocking(move || {
        let text = |error: &dyn std::error::Error| error.to_string();
        let candidate = judge::evidence(&installation, &evidence).map_err(|error| text(&error))?;
        let first_tag = terms.judged_as.first_tag;
        let bench = Bench::load(&installation, &terms.baseline, &bundle, &terms.policy, first_tag);
        Ok(bench.map_err(|error| text(&error))?.judge_last(&candidate, terms.judged_as.ended.into()))
    });
    judged.await.map_err(|error| error.to_string())?
}

fn compared(text: &str, judgement: &Judgement) -> Proof {
    let Ok(bytes) = canonical::to_bytes(judgement) else {
        return Proof::unknown(WHAT, "the judgement has no bytes");
    };
    let again = String::from_utf8_lossy(&bytes);
    let (again, Some(published)) = (again.lines().collect::<Vec<_>>(), judgement_of(text)) else {
        return Proof::unknown(WHAT, "the report holds no judgement");
    };
    if published == again {
        return Proof::of(WHAT, true, format!("the same, byte for byte ({} bytes)", bytes.len()));
    }
    let at = published.iter().zip(&again).position(|(was, is)| was != is);
    let at = at.unwrap_or(published.len().min(again.len()));
    let line = |lines: &[&str]| lines.get(at).map_or("nothing", |line| line.trim()).to_owned();
    Proof::of(WHAT, false, format!("line {} was `{}`, is `{}`", at + 1, line(&published), line(&again)))
}

/// Lines of the judgement in a canonical report, moved to the left as if it stood alone.
fn judgement_of(text: &str) -> Option<Vec<&str>> {
    let mut lines = text.lines().skip_while(|line| *line != "  \"judgement\": {");
    lines.next()?;
    let inside = lines.map_while(|line| {
        let ends = matches!(line, "  }" | "  },");
        (!ends).then(|| line.strip_prefix("  ").unwrap_or(line))
    });
    Some(std::iter::once("{").chain(inside).chain(["}"]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_judgement_is_cut_out_of_the_report_as_it_stands_there() {
        let judgement = json!({"verdict": "pass", "level": 0.1, "metrics": [{"name": "a"}, {}], "note": "  },"});
        let report = json!({"a": 1, "judgement": judgement, "z": {"judgement": {}}});
        let text = String::from_utf8(canonical::to_bytes(&report).unwrap()).unwrap();
        let alone = String::from_utf8(canonical::to_bytes(&judgement).unwrap()).unwrap();
        assert_eq!(judgement_of(&text).unwrap(), alone.lines().collect::<Vec<_>>());
        assert_eq!(judgement_of("{\n  \"judgement\": null\n}\n"), None);
    }
}
