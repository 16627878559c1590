//! `mettle baseline select`: the soaks that a query chooses.

use super::opened::Opened;
use super::output::{Output, table, tell};
use super::soak_view::ago;
use super::{Dir, Exit};
use crate::worker::across::{self, Level, unread_text};
use crate::worker::chosen::{Chosen, QueryProblems, chosen};
use chrono::{DateTime, Utc};
use clap::Args;
use scorer::Verdict;
use scorer::quantity::digits;
use serde::Serialize;

pub(super) const EXAMPLES: &str = "Examples:
  mettle baseline select 'tag >= v1.0.0 and tag < v2.0.0 and verdict = pass' --dir soak
  mettle baseline select 'age <= 14d and score >= 90 and checkout-memory <= 200MB' --dir soak

Of whole soaks of the newest programme. A query is conditions FIELD OPERATOR VALUE, with spaces,
joined by `and`; operators are <, <=, =, !=, >=, >, and of tags ~.
  tag      order of versions; `tag ~ v1[.].*`: a regular expression that fits all of the tag
  verdict  pass, fail, insufficient; = and != alone
  score    0 to 100
  age      time since the soak ended: 14d, 12h
  SIGNAL   level of a signal, or of one of its groups as `mettle trend` names them: the mean; of a
           share of good events the share of bad ones; written 200MB, 250ms, 0.5% or as a number
What is not known of a soak, as the score of a first tag, fulfils no condition.

A name with a space in it cannot be asked for.

Exit: 0 some were chosen, 2 the query is wrong, 11 none was, or it is open of some, because their
evidence cannot be read.";

/// `mettle baseline select`.
#[derive(Debug, Args)]
pub(super) struct Select {
    /// Conditions that all must hold.
    query: String,
    #[command(flatten)]
    dir: Dir,
    #[command(flatten)]
    output: Output,
}

/// The answer.
#[derive(Serialize)]
struct Selected {
    soaks: Vec<Line>,
    /// Soaks of which it is open, because their evidence cannot be read.
    unread: Vec<String>,
}

/// One soak.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    tag: String,
    soak: String,
    ended_at: Option<DateTime<Utc>>,
    verdict: Option<Verdict>,
    score: Option<f64>,
    levels: Vec<OfMetric>,
}

/// Level of a metric that the query asks for.
#[derive(Serialize)]
struct OfMetric {
    metric: String,
    level: f64,
    unit: &'static str,
    #[serde(skip)]
    text: String,
}

pub(super) async fn run(asked: Select) -> anyhow::Result<u8> {
    let opened = Opened::at(&asked.dir.dir).await?;
    let truth = opened.sources.read().await?;
    let soaks = across::watched(&opened.installation, &truth)?;
    let answer = match chosen(&opened.installation, &opened.sources, &truth, &soaks, &asked.query).await {
        Ok(answer) => answer,
        Err(error) => return refused(error),
    };
    if !answer.unread.is_empty() {
        tell!("open, because it cannot be read: evidence of {}", unread_text(&answer.unread));
    }
    let unread = answer.unread.iter().map(|soak| soak.id.to_string()).collect();
    let selected = Selected { soaks: answer.chosen.into_iter().map(line).collect(), unread };
    asked.output.print(&selected, || text(&selected.soaks, Utc::now()))?;
    if selected.soaks.is_empty() {
        tell!("none of {} whole soaks", soaks.len());
    }
    let whole = selected.unread.is_empty() && !selected.soaks.is_empty();
    Ok(if whole { Exit::Ok } else { Exit::Insufficient } as u8)
}

/// Says what is wrong with a query; every other error goes on.
pub(super) fn refused(error: anyhow::Error) -> anyhow::Result<u8> {
    let QueryProblems(problems) = error.downcast()?;
    problems.iter().for_each(|problem| tell!("error: {problem}"));
    Ok(Exit::Usage as u8)
}

fn line(chosen: Chosen<'_>) -> Line {
    let of_metric = |one: Level| OfMetric {
        level: one.level,
        unit: one.unit.name(),
        text: one.unit.level(one.level),
        metric: one.metric,
    };
    let soak = chosen.soak;
    Line {
        tag: soak.tag.clone(),
        soak: soak.id.to_string(),
        ended_at: soak.ended_at,
        verdict: soak.judgement.as_ref().map(|judgement| judgement.verdict),
        score: soak.judgement.as_ref().and_then(|judgement| judgement.score),
        levels: chosen.levels.into_iter().map(of_metric).collect(),
    }
}

fn text(lines: &[Line], now: DateTime<Utc>) -> String {
    let row = |line: &Line| {
        let levels = line.levels.iter().map(|one| format!("{} {}", one.metric, one.text));
        vec![
            line.tag.clone(),
            line.soak.clone(),
            line.ended_at.map_or("?".to_owned(), |at| ago(at, now)),
            line.verdict.map_or("none".to_owned(), |verdict| format!("{verdict:?}").to_lowercase()),
            line.score.map_or("none".to_owned(), digits),
            levels.collect::<Vec<_>>().join(", "),
        ]
    };
    let head = ["TAG", "SOAK", "ENDED", "VERDICT", "SCORE", ""].map(str::to_owned).to_vec();
    table(&std::iter::once(head).chain(lines.iter().map(row)).collect::<Vec<_>>())
}
