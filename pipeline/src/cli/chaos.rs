//! `mettle chaos`: experiments without a soak.

use super::chaos_compare::{self, CompareArgs};
use super::chaos_dose::{self, DoseArgs};
use super::chaos_faults;
use super::chaos_import::{self, ImportArgs};
use super::chaos_report;
use super::chaos_roam::{self, RoamArgs};
use super::chaos_run::{self, Replay, Run};
use super::chaos_search::{self, SearchArgs};
use super::chaos_shrink::{self, ShrinkArgs};
use super::chaos_toxiproxy::{self, ToxiproxyArgs};
use super::opened::Opened;
use super::output::{Output, table, tell, write_line, write_out};
use super::{Dir, Exit};
use crate::documents::{Complaint, Document, Problems, read_file};
use crate::landscape::faults::inventory;
use crate::landscape::processes::Processes;
use crate::worker::Installation;
use crate::worker::chaos_record::ChaosRecord;
use crate::worker::experiment::{Wanted, complaints_before};
use ::chaos::document::Experiment;
use ::chaos::inventory::Inventory;
use ::chaos::plan::{Objection, Plan};
use ::chaos::proxy::EdgeName;
use chrono::Utc;
use clap::{Args, Subcommand};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Bits of a drawn seed: JSON keeps so many exactly.
const SEED_BITS: u32 = 53;

/// Experiments.
#[derive(Debug, Subcommand)]
pub(super) enum Chaos {
    /// Prints a commented experiment for a kind of fault, with component names of the landscape.
    #[command(
        after_help = "Examples:\n  mettle chaos new net.delay --dir soak > payments-slow.yaml\n  mettle chaos new stress.cpu --landscape ../staging --target payments\n  mettle chaos new net.delay --components checkout,payments"
    )]
    New(New),
    /// Checks experiments; all problems at once.
    #[command(after_help = "Example:\n  mettle chaos validate mettle/experiments/*.yaml")]
    Validate {
        /// Files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Shows what an experiment would do, before anything happens: targets, doses, timeline, undo, every objection.
    #[command(
        after_help = "Examples:\n  mettle chaos plan payments-slow.yaml --dir soak\n  mettle chaos plan payments-slow.yaml --landscape ../staging -o json"
    )]
    Plan(PlanOf),
    /// Runs an experiment in the landscape of an installation, and undoes it.
    #[command(after_help = chaos_run::RUN_EXAMPLES)]
    Run(Run),
    /// Runs a recorded experiment again: same seed, same plan.
    #[command(after_help = chaos_run::REPLAY_EXAMPLES)]
    Replay(Replay),
    /// Looks for the smallest fault that breaks a tag, and prints it as an experiment.
    #[command(after_help = chaos_search::EXAMPLES)]
    Search(SearchArgs),
    /// Leaves out of an experiment what is not needed to break a tag.
    #[command(after_help = chaos_shrink::EXAMPLES)]
    Shrink(ShrinkArgs),
    /// Looks for the dose at which a tag begins to break, with an interval, and compares it with another tag.
    #[command(after_help = chaos_dose::EXAMPLES)]
    DoseResponse(DoseArgs),
    /// Runs an experiment on two tags, with the same seeds: what breaks, and how long recovery takes.
    #[command(after_help = chaos_compare::EXAMPLES)]
    Compare(CompareArgs),
    /// Draws experiments at random and runs one after the other, for hours: a random soak.
    #[command(after_help = chaos_roam::EXAMPLES)]
    Roam(RoamArgs),
    /// Makes experiments of those of Chaos Toolkit, Chaos Mesh, Litmus and Krkn.
    #[command(after_help = chaos_import::EXAMPLES)]
    Import(ImportArgs),
    /// Serves Toxiproxy's HTTP API with all its toxics.
    #[command(after_help = chaos_toxiproxy::EXAMPLES)]
    Toxiproxy(ToxiproxyArgs),
    /// A recorded experiment as a Markdown text.
    #[command(
        after_help = "Example:\n  mettle chaos report payments-slow-20260101T120000Z-0a1b2c3d --dir soak > report.md"
    )]
    Report {
        /// File of a record, or the beginning of its id.
        record: String,
        #[command(flatten)]
        dir: Dir,
        #[command(flatten)]
        output: Output,
    },
    /// Kinds of faults: what each does, what this host can hold, and what would enable the rest.
    #[command(
        after_help = "Examples:\n  mettle chaos faults\n  mettle chaos faults stress.disk\n  mettle chaos faults -o json"
    )]
    Faults {
        /// One kind, or the start of several: net.delay, stress. Shown with its parameters.
        kind: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// The experiments that ran here.
    #[command(after_help = "Examples:\n  mettle chaos list --dir soak\n  mettle chaos list --dir soak -o json")]
    List {
        #[command(flatten)]
        dir: Dir,
        #[command(flatten)]
        output: Output,
    },
}

/// `mettle chaos new`.
#[derive(Debug, Args)]
pub(super) struct New {
    /// Kind, for instance net.delay; `mettle chaos faults` shows all.
    kind: String,
    /// Component that is to suffer [default: one that another component calls].
    #[arg(long, conflicts_with = "components")]
    target: Option<String>,
    /// Components of the product, the caller first and the target last, instead of those of a landscape.
    #[arg(long, value_delimiter = ',')]
    components: Vec<String>,
    #[command(flatten)]
    ground: Ground,
}

/// Where the components are described.
#[derive(Debug, Args)]
struct Ground {
    #[command(flatten)]
    dir: Dir,
    /// Folder with processes.yaml, instead of an installation.
    #[arg(long, value_name = "DIR")]
    landscape: Option<PathBuf>,
}

impl Ground {
    async fn inventory(&self) -> anyhow::Result<Inventory> {
        Ok(self.seen(None).await?.0)
    }

    /// What faults can act on, and what is wrong with an experiment here; a landscape alone knows no suites.
    async fn seen(&self, experiment: Option<&Experiment>) -> anyhow::Result<(Inventory, Vec<Complaint>)> {
        if let Some(folder) = &self.landscape {
            return Ok((inventory_in(folder)?, Vec::new()));
        }
        let opened = Opened::at(&self.dir.dir).await?;
        let Opened { installation, sources, .. } = &opened;
        let truth = sources.read().await?;
        let complaints = match experiment {
            Some(experiment) => complaints_before((installation, sources), &truth, experiment).await?,
            None => Vec::new(),
        };
        Ok((inventory(&truth.processes), complaints))
    }
}

/// `mettle chaos plan`.
#[derive(Debug, Args)]
pub(super) struct PlanOf {
    /// The experiment.
    file: PathBuf,
    #[command(flatten)]
    ground: Ground,
    #[command(flatten)]
    dose: Dose,
    #[command(flatten)]
    output: Output,
}

/// What replaces the experiment's own.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Dose {
    /// Seed of every draw [default: the experiment's; drawn and printed when it has none].
    #[arg(long)]
    seed: Option<u64>,
    /// Repetitions, exactly so many [default: the experiment's least; with `until: decided`, until it is].
    #[arg(long, value_name = "N")]
    repeat: Option<u32>,
}

impl Dose {
    /// The experiment with its seed.
    pub(super) fn wanted(self, experiment: Experiment) -> Wanted {
        let seed = self.seed.or(experiment.seed).unwrap_or_else(drawn_seed);
        Wanted { experiment, repeat: self.repeat, seed, replay_of: None }
    }
}

/// A seed for whoever gave none; it is printed.
pub(super) fn drawn_seed() -> u64 {
    rand::random::<u64>() >> (u64::BITS - SEED_BITS)
}

pub(super) async fn run(command: Chaos) -> anyhow::Result<u8> {
    match command {
        Chaos::New(new) => return print_new(new).await,
        Chaos::Validate { files } => {
            let found = files.iter().filter_map(|file| read_experiment(file).err()).flat_map(|p| p.0).collect();
            Problems(found).or(())?;
            files.iter().try_for_each(|file| write_line(format!("{}: no problems", file.display())))?;
        }
        Chaos::Plan(plan) => return show_plan(plan).await,
        Chaos::Run(run) => return chaos_run::run(run).await,
        Chaos::Replay(replay) => return chaos_run::replay(replay).await,
        Chaos::Search(search) => return chaos_search::run(search).await,
        Chaos::Shrink(shrink) => return chaos_shrink::run(shrink).await,
        Chaos::DoseResponse(dose) => return chaos_dose::run(dose).await,
        Chaos::Compare(compare) => return chaos_compare::run(compare).await,
        Chaos::Roam(roam) => return chaos_roam::run(roam).await,
        Chaos::Import(import) => return chaos_import::run(&import),
        Chaos::Toxiproxy(toxiproxy) => return chaos_toxiproxy::run(toxiproxy).await,
        Chaos::Report { record, dir, output } => {
            let Some(record) = chaos_run::recorded(&Installation::open(&dir.dir)?, &record)? else {
                return Ok(Exit::Usage as u8);
            };
            output.print(&record, || chaos_report::markdown(&record))?;
        }
        Chaos::Faults { kind, output } => return chaos_faults::show(kind.as_deref(), output),
        Chaos::List { dir, output } => list(&dir, output)?,
    }
    Ok(Exit::Ok as u8)
}

async fn print_new(new: New) -> anyhow::Result<u8> {
    let components = match new.components.as_slice() {
        [] => match on_an_edge(&new.ground.inventory().await?, new.target.as_deref()) {
            Ok(components) => components,
            Err(remedy) => {
                tell!("error: {remedy}");
                return Ok(Exit::Usage as u8);
            }
        },
        given => given.to_vec(),
    };
    let names: Vec<&str> = components.iter().map(String::as_str).collect();
    let Some(text) = ::chaos::template(&new.kind, &names) else {
        return Ok(chaos_faults::unknown(&new.kind));
    };
    write_out(&text)?;
    Ok(Exit::Ok as u8)
}

/// A caller and its target: a component before the user's side, and only one edge, because that shows most.
fn on_an_edge(inventory: &Inventory, target: Option<&str>) -> Result<Vec<String>, String> {
    let to = |edge: &&EdgeName| target.is_none_or(|target| edge.to == target);
    let inner = |edge: &&EdgeName| inventory.components.contains_key(&edge.from);
    let edges = || inventory.edges.iter().filter(to);
    if let Some(edge) = edges().find(inner).or_else(|| edges().next()) {
        return Ok(vec![edge.from.clone(), edge.to.clone()]);
    }
    let names: Vec<String> = inventory.components.keys().cloned().collect();
    match (target, names.first()) {
        (Some(target), _) if inventory.components.contains_key(target) => Ok(vec![target.to_owned()]),
        (Some(target), _) => Err(format!("there is no component `{target}`; known: {}", names.join(", "))),
        (None, Some(name)) => Ok(vec![name.clone()]),
        (None, None) => Err("the landscape has no component yet; name them with --components".to_owned()),
    }
}

/// An experiment from a file, without problems.
pub(super) fn read_experiment(file: &Path) -> Result<Experiment, Problems> {
    Ok(read_document(file)?.value)
}

/// The same with its lines, so that more can be found wrong with it.
pub(super) fn read_document(file: &Path) -> Result<Document<Experiment>, Problems> {
    read_file(file, |e: &Experiment| Complaint::all(e.problems(None)))
}

/// The answer of `plan`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Planned<'a> {
    plan: &'a Plan,
    plan_hash: String,
    objections: &'a [Objection],
}

/// A plan with its seed and hash, and what speaks against it, for people.
pub(super) fn plan_text(wanted: &Wanted, plan: &Plan) -> String {
    let mut text = plan.gantt();
    let _ = writeln!(text, "seed {}, plan {}", plan.seed, plan.hash());
    if wanted.until_decided() {
        let (least, most) = (wanted.experiment.repeat.least_until_decided(), plan.repetitions.len());
        let less =
            if most < wanted.experiment.repeat.max as usize { ", more do not fit into blast.maxDuration" } else { "" };
        let _ = writeln!(
            text,
            "until decided: at least {least} and at most {most} repetitions{less}, after a while without a fault"
        );
    }
    text
}

/// Prints objections; whether there are any.
pub(super) fn objected(objections: &[Objection]) -> bool {
    if !objections.is_empty() {
        tell!("error: {} objection{} to the plan", objections.len(), if objections.len() == 1 { "" } else { "s" });
    }
    for o in objections {
        tell!("  {}  {}: {}; {}", o.at, o.rule, o.message, o.remedy);
    }
    !objections.is_empty()
}

async fn show_plan(args: PlanOf) -> anyhow::Result<u8> {
    let document = read_document(&args.file)?;
    let wanted = args.dose.wanted(document.value.clone());
    let (inventory, complaints) = args.ground.seen(Some(&wanted.experiment)).await?;
    document.place(complaints).or(())?;
    let (plan, objections) = wanted.plan(&inventory)?;
    let planned = Planned { plan: &plan, plan_hash: plan.hash(), objections: &objections };
    args.output.print(&planned, || plan_text(&wanted, &plan))?;
    Ok(if objected(&objections) { Exit::Usage as u8 } else { Exit::Ok as u8 })
}

fn inventory_in(folder: &Path) -> Result<Inventory, Problems> {
    let file = folder.join("processes.yaml");
    Ok(inventory(&read_file(&file, |p: &Processes| Complaint::all(p.problems()))?.value))
}

fn list(dir: &Dir, output: Output) -> anyhow::Result<()> {
    let runs = ChaosRecord::all(&Installation::open(&dir.dir)?)?;
    output.print(&runs, || list_text(&runs))
}

fn list_text(runs: &[ChaosRecord]) -> String {
    if runs.is_empty() {
        return "no experiment was run here yet: mettle chaos run FILE\n".to_owned();
    }
    let head = ["RUN", "TAG", "SEED", "PLAN", "OUTCOME", "ENDED"].map(str::to_owned).to_vec();
    let row = |record: &ChaosRecord| {
        vec![
            record.id.clone(),
            record.tag.clone(),
            record.seed.to_string(),
            record.plan_hash[..12.min(record.plan_hash.len())].to_owned(),
            chaos_run::outcome_text(record),
            super::soak_view::ago(record.ended_at, Utc::now()),
        ]
    };
    table(&std::iter::once(head).chain(runs.iter().map(row)).collect::<Vec<_>>())
}
