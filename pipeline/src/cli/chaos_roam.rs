//! `mettle chaos roam`: experiments drawn at random, for hours.

use super::Exit;
use super::chaos::{drawn_seed, read_document};
use super::chaos_run::show;
use super::chaos_trials::{Tried, ended};
use super::output::{Output, table, tell, unusable};
use super::run::on_interrupt;
use crate::documents::{Complaint, Document, Problems};
use crate::worker::experiment::{Ground, Wanted};
use crate::worker::laboratory::{Laboratory, LeftBehind, TrialError, Watched, objective_guard};
use crate::worker::roam::{AllRefused, Event, Lot, Lots, Roam, Roamed, Tally, Terms};
use crate::worker::{Notice, View};
use ::chaos::document::Experiment;
use ::chaos::span::Span;
use clap::Args;
use scorer::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;
use tokio_util::sync::CancellationToken;

pub(super) const EXAMPLES: &str = "Examples:
  mettle chaos roam --for 2h mettle/experiments/*.yaml --dir soak
  mettle chaos roam --for 8h --weight payments-slow=3 --pause 1m mettle/experiments/*.yaml
  mettle chaos roam --count 20 --seed 7 --from 12 mettle/experiments/*.yaml

The same seed draws the same order with the same seed for each run. An experiment waits for the end
of its quiet times; one whose plan is refused is told and left out. It breaks when a signal of its
hypothesis (or of --signals) misses its objective for 3 s, or a guard of its own trips; the tag is
deployed anew then. At the end of the time, or with Ctrl-C, whatever is in is undone.
Exit: 0 each that was run held, 2 every experiment is refused or one makes no sense for this tag,
11 one that was run never said anything, or none was run, 13 an objective broke, or it was ended
early (Ctrl-C), 14 something could not be undone.";

/// Heaviest experiment: the lightest beside it still has its turn within a thousand draws or so.
const MAX_WEIGHT: u32 = 1_000;

/// `mettle chaos roam`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("end").required(true).multiple(true))]
pub(super) struct RoamArgs {
    /// Experiments.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Ends after so long, from the first draw on: 2h.
    #[arg(long = "for", value_name = "DURATION", group = "end")]
    length: Option<Span>,
    /// Ends after so many runs.
    #[arg(long, value_name = "N", group = "end", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
    /// How often an experiment is drawn, beside the others: NAME=3, at most 1000; 0 is never
    /// [default: 1 each].
    #[arg(long = "weight", value_name = "NAME=N", value_parser = weight)]
    weights: Vec<(String, u32)>,
    /// Rest of the tag between two experiments.
    #[arg(long, default_value = "10s", value_name = "DURATION")]
    pause: Span,
    /// Seed of every draw [default: drawn and printed].
    #[arg(long)]
    seed: Option<u64>,
    /// Number of the first draw: goes on where another roam ended.
    #[arg(long, default_value_t = 0, value_name = "DRAW")]
    from: u64,
    #[command(flatten)]
    tried: Tried,
    #[command(flatten)]
    output: Output,
}

fn weight(text: &str) -> Result<(String, u32), String> {
    let of = text.rsplit_once('=').and_then(|(name, weight)| Some((name.to_owned(), weight.parse().ok()?)));
    let of = of.filter(|(_, weight)| *weight <= MAX_WEIGHT);
    of.ok_or_else(|| "write the name of an experiment and a whole number up to 1000: payments-slow=3".to_owned())
}

/// The experiments with their weights.
fn lots(files: &[PathBuf], weights: &[(String, u32)]) -> Result<Vec<(Document<Experiment>, u32)>, Vec<anyhow::Error>> {
    let read: Vec<Result<Document<Experiment>, Problems>> = files.iter().map(|file| read_document(file)).collect();
    let mut errors: Vec<anyhow::Error> = Vec::new();
    let mut lots: BTreeMap<String, (Document<Experiment>, u32)> = BTreeMap::new();
    let mut order = Vec::new();
    for (file, experiment) in files.iter().zip(read) {
        match experiment {
            Ok(document) => {
                let name = document.value.metadata.name.clone();
                if lots.insert(name.clone(), (document, 1)).is_some() {
                    errors.push(anyhow::anyhow!("{}: `{name}` is given twice; leave one out", file.display()));
                }
                order.push(name);
            }
            Err(problems) => errors.push(problems.into()),
        }
    }
    for (name, weight) in weights {
        match lots.get_mut(name) {
            Some((_, of)) => *of = *weight,
            None if errors.is_empty() => {
                errors.push(anyhow::anyhow!("--weight {name}: no such experiment; known: {}", order.join(", ")));
            }
            None => (),
        }
    }
    // In the order of the files: it decides what a draw is.
    if errors.is_empty() { Ok(order.iter().filter_map(|name| lots.remove(name)).collect()) } else { Err(errors) }
}

pub(super) async fn run(args: RoamArgs) -> anyhow::Result<u8> {
    let documents = match lots(&args.files, &args.weights) {
        Ok(documents) => documents,
        Err(errors) => return Ok(unusable(&errors)),
    };
    let seed = args.seed.unwrap_or_else(drawn_seed);
    let lot =
        |(document, weight): &(Document<Experiment>, u32)| Lot { experiment: document.value.clone(), weight: *weight };
    let Some(lots) = Lots::new(documents.iter().map(lot).collect(), seed) else {
        return Ok(unusable(&[anyhow::anyhow!("every experiment has the weight 0; give one another")]));
    };
    let stop = on_interrupt()?;
    let ends = stop.child_token();
    let ground = match args.tried.take(None).await {
        Ok(ground) => ground,
        Err(error) => return ended(error.into()),
    };
    let errors = unfit(&documents, &ground, (seed, args.tried.names_signals()));
    if !errors.is_empty() {
        return Ok(unusable(&errors));
    }
    let mut laboratory = match open(&args, &lots, (ground, &ends)).await {
        Ok(laboratory) => laboratory,
        Err(error) => return ended(error),
    };
    let mut roamed = Roamed::begin(&lots, (laboratory.tag(), args.from));
    let ran = roam(&args, (&lots, &ends), &mut laboratory, &mut roamed).await;
    laboratory.close().await;
    // Whatever ended it: what was run is known.
    tell!("seed {seed}; go on with --seed {seed} --from {}", roamed.next_draw);
    args.output.print(&roamed, || text(&roamed))?;
    match ran {
        Ok(()) if stop.is_cancelled() => Ok(Exit::Aborted as u8),
        Ok(()) => Ok(exit_of(&roamed.experiments) as u8),
        Err(error) if error.is::<AllRefused>() => Ok(unusable(&[error])),
        Err(error) if error.is::<LeftBehind>() => {
            tell!("error: {error:#}");
            Ok(Exit::UndoIncomplete as u8)
        }
        Err(error) => Err(error),
    }
}

/// What this tag cannot do of the experiments that may be drawn; told before anything is deployed.
fn unfit(
    documents: &[(Document<Experiment>, u32)],
    ground: &Ground,
    (seed, are_named): (u64, bool),
) -> Vec<anyhow::Error> {
    let mut errors = Vec::new();
    for (document, _) in documents.iter().filter(|(_, weight)| *weight > 0) {
        let experiment = document.value.clone();
        let guards = ground.check_guards(&experiment).err();
        let wanted = Wanted { experiment, repeat: Some(1), seed, replay_of: None };
        let mut complaints = ground.complaints(&wanted);
        if !are_named {
            complaints.extend(unwatched(&wanted.experiment, &ground.signals()));
        }
        let placed = document.place(complaints).or(()).err();
        errors.extend(placed.map(anyhow::Error::from));
        errors.extend(guards.map(|error| error.context(document.value.metadata.name.clone())));
    }
    errors
}

/// Signals of a hypothesis that cannot be watched.
fn unwatched(experiment: &Experiment, signals: &[Signal]) -> Vec<Complaint> {
    let fit: Vec<&str> = signals.iter().filter(|s| objective_guard(s).is_ok()).map(|s| s.name.as_str()).collect();
    let remedy = match fit.as_slice() {
        [] => {
            "no signal of the tag has an objective that can be watched: declare one in mettle/signals.yaml".to_owned()
        }
        fit => format!("known: {}; or name what must hold with --signals", fit.join(", ")),
    };
    let complaint = |(n, name): (usize, &String)| {
        let signal = signals.iter().find(|signal| signal.name == *name);
        let message = signal.map_or(Some("is not a signal of this tag"), |signal| objective_guard(signal).err())?;
        Some(Complaint::new(format!("hypothesis.signals[{n}]"), name, message, remedy.clone()))
    };
    experiment.hypothesis.signals.iter().enumerate().filter_map(complaint).collect()
}

/// Deploys the tag.
async fn open(
    args: &RoamArgs,
    lots: &Lots,
    (ground, ends): (Ground, &CancellationToken),
) -> Result<Laboratory, TrialError> {
    let drawn = || lots.all().iter().filter(|lot| lot.weight > 0).map(|lot| &lot.experiment.hypothesis.signals);
    let all_named = drawn().all(|signals| !signals.is_empty());
    let named: BTreeSet<&String> = drawn().flatten().collect();
    let signals: Vec<String> = if all_named { named.into_iter().cloned().collect() } else { Vec::new() };
    args.tried.deploy(ground, &signals, ends).await
}

async fn roam(
    args: &RoamArgs,
    (lots, ends): (&Lots, &CancellationToken),
    laboratory: &mut Laboratory,
    roamed: &mut Roamed,
) -> anyhow::Result<()> {
    let watched = match laboratory.watched() {
        named if args.tried.names_signals() => named.clone(),
        usual => Watched::Usual(usual.names().to_vec()),
    };
    let (view, began, length) = (View::new(), Instant::now(), args.length.map(Span::duration));
    let ran = AtomicU32::new(0);
    let told = |event: Event<'_>| {
        let so_far = ran.fetch_add(u32::from(matches!(event, Event::Ran(..))), Ordering::Relaxed);
        let by_time = length.map_or(0.0, |length| began.elapsed().as_secs_f64() / length.as_secs_f64());
        let by_count = args.count.map_or(0.0, |count| f64::from(so_far) / f64::from(count));
        tells(&view, &event, by_time.max(by_count).clamp(0.0, 1.0));
    };
    let terms = Terms { count: args.count, pause: args.pause.duration() };
    let roam = Roam { lots, terms, watched, stop: ends.clone(), told: &told };
    let time_is_over = async {
        match length {
            Some(length) => tokio::time::sleep(length).await,
            None => std::future::pending().await,
        }
        ends.cancel();
        std::future::pending().await
    };
    // The roam sees the end of its time itself, because it has something to undo.
    tokio::select! {
        ended = roam.run(laboratory, roamed) => ended,
        () = time_is_over => Ok(()),
    }
}

fn tells(view: &View, event: &Event<'_>, share: f64) {
    let says = |text: String| view.show(&Notice::Says(text));
    match event {
        Event::Waits(drawn, experiment, at) => says(format!(
            "draw {}: {} waits for the end of a quiet time, until {}",
            drawn.number,
            experiment.metadata.name,
            at.format("%F %T UTC")
        )),
        Event::Refused(drawn, experiment, why) => {
            says(format!("draw {}: {} is left out: {why}", drawn.number, experiment.metadata.name));
        }
        Event::Runs(plan, progress) => show(view, plan, progress, share),
        Event::Ran(drawn, experiment, tried) => {
            let recovered = tried.recovery.filter(|recovery| recovery.time > 0.0 && !recovery.censored);
            let recovered =
                recovered.map_or_else(String::new, |recovery| format!(", well again after {:.1} s", recovery.time));
            let (number, name, seed) = (drawn.number, &experiment.metadata.name, drawn.seed);
            says(format!("draw {number}: {name} (seed {seed}): {}{recovered}", tried.trial));
        }
    }
}

fn text(roamed: &Roamed) -> String {
    let head =
        ["EXPERIMENT", "WEIGHT", "RUN", "HELD", "BROKEN", "VOID", "REFUSED", "SIGNALS"].map(str::to_owned).to_vec();
    let row = |tally: &Tally| {
        let numbers = [tally.weight, tally.run, tally.held, tally.broken, tally.void, tally.refused];
        let signals: Vec<&str> = tally.signals.iter().map(String::as_str).collect();
        let signals = if signals.is_empty() { "-".to_owned() } else { signals.join(", ") };
        [tally.name.clone()].into_iter().chain(numbers.map(|n| n.to_string())).chain([signals]).collect()
    };
    table(&std::iter::once(head).chain(roamed.experiments.iter().map(row)).collect::<Vec<_>>())
}

fn exit_of(all: &[Tally]) -> Exit {
    let sum = |of: fn(&Tally) -> u32| all.iter().map(of).sum::<u32>();
    match (sum(|tally| tally.broken), sum(|tally| tally.held)) {
        (0, 0) => Exit::Insufficient,
        // One that was only ever void may break the tag.
        (0, _) if all.iter().any(|tally| tally.run > 0 && tally.held == 0) => Exit::Insufficient,
        (0, _) => Exit::Ok,
        _ => Exit::Aborted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_measured_is_no_success() {
        let tally = |run, held, broken| Tally { run, held, broken, void: run - held - broken, ..Tally::default() };
        assert_eq!(exit_of(&[tally(2, 2, 0), tally(0, 0, 0), tally(3, 1, 0)]), Exit::Ok);
        assert_eq!(exit_of(&[tally(2, 2, 0), tally(3, 0, 0)]), Exit::Insufficient);
        assert_eq!(exit_of(&[tally(0, 0, 0)]), Exit::Insufficient);
        assert_eq!(exit_of(&[tally(2, 1, 1), tally(3, 0, 0)]), Exit::Aborted);
    }
}
