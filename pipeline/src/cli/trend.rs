//! `mettle trend`: levels over the tags.

use super::judge::chance;
use super::opened::Opened;
use super::output::{Output, table, tell};
use super::{Dir, Exit};
use crate::worker::across::{self, Course, Courses, unread_text};
use clap::Args;
use scorer::quantity::Unit;
use scorer::trend::FEWEST;
use serde::Serialize;
use std::fmt::Write as _;

/// `mettle trend`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mettle trend --dir soak                        every gate signal
  mettle trend --signal checkout-memory --last 10 --dir soak

The level of a tag is the median of its soaks' means; only whole soaks of the newest programme
count, by version. A metric creeps when its order over the tags is hardly chance (Mann-Kendall, p at
most 0.01) and its change from the first to the last (Sen's slope) is worse than its margin. Of
metrics that do not change, one in a hundred seems to.

Exit: 0 nothing creeps, 10 something does, 11 too few tags to say, or evidence that cannot be read.")]
pub(super) struct Trends {
    /// This signal alone, gate or watch.
    #[arg(long)]
    signal: Option<String>,
    /// Newest tags that are looked at.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(5..=500))]
    last: u16,
    #[command(flatten)]
    dir: Dir,
    #[command(flatten)]
    output: Output,
}

/// The answer.
#[derive(Serialize)]
struct Told {
    courses: Vec<Course>,
    /// Soaks whose evidence cannot be read.
    unread: Vec<String>,
}

pub(super) async fn run(asked: Trends) -> anyhow::Result<u8> {
    let opened = Opened::at(&asked.dir.dir).await?;
    let truth = opened.sources.read().await?;
    let wanted = (asked.signal.as_deref(), usize::from(asked.last));
    let Courses { courses, unread } = across::courses(&opened.installation, &opened.sources, &truth, wanted).await?;
    if !unread.is_empty() {
        tell!("left out, because it cannot be read: evidence of {}", unread_text(&unread.iter().collect::<Vec<_>>()));
    }
    let told = Told { unread: unread.iter().map(|soak| soak.id.to_string()).collect(), courses };
    asked.output.print(&told, || text(&told.courses))?;
    let creeps = told.courses.iter().any(|course| course.found.as_ref().is_some_and(|found| found.creeps));
    let silent = !unread.is_empty() || told.courses.iter().all(|course| course.found.is_none());
    Ok(match (creeps, silent) {
        (true, _) => Exit::Deny,
        (false, true) => Exit::Insufficient,
        (false, false) => Exit::Ok,
    } as u8)
}

fn text(courses: &[Course]) -> String {
    let head = ["METRIC", "TAGS", "FIRST", "LAST", "CHANGE", "ALLOWED", "P", ""].map(str::to_owned).to_vec();
    let mut rows = vec![head];
    rows.extend(courses.iter().map(row));
    let mut text = table(&rows);
    for course in courses.iter().filter(|course| courses.len() == 1 || course.found.as_ref().is_some_and(|f| f.creeps))
    {
        let unit = Unit::named(course.unit);
        let levels: Vec<String> =
            course.tags.iter().map(|one| format!("{} {}", one.tag, unit.level(one.level))).collect();
        let _ = writeln!(text, "\n{}: {}", course.metric, levels.join(", "));
    }
    text
}

fn row(course: &Course) -> Vec<String> {
    let unit = Unit::named(course.unit);
    let level = |at: Option<&across::TagLevel>| at.map_or("?".to_owned(), |one| unit.level(one.level));
    let found = course.found.as_ref();
    let word = match found {
        None => format!("fewer than {FEWEST} tags"),
        Some(found) if found.creeps && found.unseen => "creeps, and no step shows it".to_owned(),
        Some(found) if found.creeps => "creeps".to_owned(),
        Some(_) => String::new(),
    };
    vec![
        course.metric.clone(),
        course.tags.len().to_string(),
        level(course.tags.first()),
        level(course.tags.last()),
        found.map_or("?".to_owned(), |found| unit.difference(found.change)),
        course.margin.map_or("?".to_owned(), |margin| unit.difference(margin)),
        found.map_or("?".to_owned(), |found| chance(found.p)),
        word,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::across::{course_of, levels};
    use scorer::Evidence;
    use scorer::assess::{Assessment, Ended, Reference, assess};
    use scorer::evidence::{Context, Phase, PhaseLabel, RawSeries, Subject};
    use scorer::signal::{Dimension, Form, Labels, Margin, Selector, Signal, Tier, Worse};
    use scorer::{Policy, Verdict};

    const SAMPLES: u32 = 240;

    fn memory() -> Signal {
        let series = Selector { name: "memory".to_owned(), matchers: Vec::new() };
        Signal {
            name: "memory".to_owned(),
            component: None,
            tier: Tier::Gate,
            dimension: Dimension::Performance,
            worse: Worse::Up,
            form: Form::Gauge { series, group_by: Vec::new() },
            margin: Some(Margin::Relative(0.1)),
            rise: None,
            objective: None,
            broken_after: 10,
        }
    }

    /// A soak about a level, with noise that is fixed by its number.
    fn soak(level: f64, number: u64) -> Evidence {
        let mut state = number * 2_654_435_761 + 1;
        let mut noise = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % 1000) as f64 / 1000.0 - 0.5
        };
        let times_ms: Vec<i64> = (0..=i64::from(SAMPLES)).map(|i| i * 1000).collect();
        let values = times_ms.iter().map(|_| level * (1.0 + 0.05 * noise())).collect();
        let series = RawSeries { name: "memory".to_owned(), labels: Labels::new(), times_ms, values };
        let end_ms = i64::from(SAMPLES) * 1000;
        let phase =
            Phase { label: PhaseLabel::Steady, name: "steady".to_owned(), start_ms: 0, end_ms, samples: SAMPLES };
        let context = Context { programme: "p".to_owned(), interval_ms: 1000, ..Context::default() };
        let subject = Subject { tag: format!("v{number}"), soak: number.to_string(), ..Subject::default() };
        Evidence { subject, context, phases: vec![phase], series: vec![series], ..Evidence::default() }
    }

    /// The runs of ten tags, three each; every tag is `step` worse than the one before.
    fn ten(step: f64) -> Vec<Vec<Evidence>> {
        let of_tag =
            |tag: i32| (0..3).map(|run| soak(100.0 * (1.0 + step).powi(tag), (tag * 3 + run) as u64)).collect();
        (0..10).map(of_tag).collect()
    }

    fn course(tags: &[Vec<Evidence>]) -> Course {
        let names: Vec<String> = (0..tags.len()).map(|tag| format!("v1.{tag}.0")).collect();
        let signals = [memory()];
        let runs: Vec<_> = names
            .iter()
            .zip(tags)
            .flat_map(|(name, runs)| runs.iter().map(|run| (name.clone(), levels(run, &signals))))
            .collect();
        course_of(&names, &runs, &signals).remove(0)
    }

    #[test]
    fn a_creep_over_ten_tags_is_found_that_no_comparison_shows() {
        let tags = ten(0.02);
        for pair in tags.windows(2) {
            let runs: Vec<&Evidence> = pair[0].iter().collect();
            let judgement = assess(&Assessment {
                candidate: &pair[1][0],
                reference: Reference::Runs(&runs),
                signals: &[memory()],
                policy: &Policy::new(SAMPLES as usize, SAMPLES as usize),
                look: SAMPLES as usize,
                ended: Ended::Programme,
                experiments: &[],
                suites: &[],
            });
            assert_eq!(judgement.verdict, Verdict::Pass, "{:?}", judgement.reasons);
        }
        let course = course(&tags);
        let found = course.found.clone().unwrap();
        assert!(found.creeps && found.unseen && found.p < 1e-6 && found.change > 15.0, "{found:?}");
        let text = text(&[course]);
        assert!(text.contains("creeps, and no step shows it"), "{text}");
    }

    #[test]
    fn tags_that_only_differ_by_chance_do_not_creep() {
        let found = course(&ten(0.0)).found.unwrap();
        assert!(!found.creeps && found.unseen, "{found:?}");
        let few = course(&ten(0.02)[..3]);
        assert_eq!(few.found, None);
    }
}
