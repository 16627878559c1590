//! What the commands share that try experiments on a deployed tag.

use super::output::tell;
use super::run::myself;
use super::{Dir, Exit};
use crate::worker::Installation;
use crate::worker::experiment::{Ground, NoSuchTag};
use crate::worker::laboratory::{Laboratory, TrialError, Watched, success_signals};
use clap::Args;
use tokio_util::sync::CancellationToken;

/// Which tag is tried, and what must hold.
#[derive(Debug, Args)]
pub(super) struct Tried {
    #[command(flatten)]
    dir: Dir,
    /// Tag [default: the one that was soaked last, else the newest].
    #[arg(long)]
    pub(super) tag: Option<String>,
    /// Signals with an objective that must hold [default: those of the hypothesis, else gate signals
    /// of kind ratio].
    #[arg(long, value_delimiter = ',')]
    signals: Vec<String>,
}

impl Tried {
    /// Whether the arguments name signals.
    pub(super) fn names_signals(&self) -> bool {
        !self.signals.is_empty()
    }

    /// Deploys the tag (or the one of the arguments), watched by the signals of the arguments, else by `signals`, else by
    /// the gate signals of kind ratio.
    ///
    /// # Errors
    /// The tag cannot be deployed or watched, or somebody asked for the end.
    pub(super) async fn open(
        &self,
        tag: Option<&str>,
        signals: &[String],
        stop: &CancellationToken,
    ) -> Result<Laboratory, TrialError> {
        let ground = self.take(tag).await?;
        self.deploy(ground, signals, stop).await
    }

    /// The tag (or the one of the arguments), which is not deployed yet.
    ///
    /// # Errors
    /// There is no such tag, or somebody else has the landscape.
    pub(super) async fn take(&self, tag: Option<&str>) -> anyhow::Result<Ground> {
        let installation = Installation::open(&self.dir.dir)?;
        Ground::take(installation, tag.or(self.tag.as_deref()), &myself()?).await
    }

    /// Deploys, watched as [`Tried::open`] says.
    ///
    /// # Errors
    /// The tag cannot be deployed or watched, or somebody asked for the end.
    pub(super) async fn deploy(
        &self,
        ground: Ground,
        signals: &[String],
        stop: &CancellationToken,
    ) -> Result<Laboratory, TrialError> {
        let named = [self.signals.as_slice(), signals].into_iter().find(|names| !names.is_empty());
        let watched = match named {
            Some(names) => Watched::Named(names.to_vec()),
            None => Watched::Usual(success_signals(&ground)),
        };
        tell!("deploying {}; watched: {}", ground.tag(), watched.names().join(", "));
        Laboratory::open(ground, watched, stop.clone()).await?.ok_or(TrialError::Stopped)
    }
}

/// The exit code of trials that did not come to their end.
pub(super) fn ended(error: TrialError) -> anyhow::Result<u8> {
    match error {
        TrialError::Stopped => {
            tell!("ended early; everything is undone");
            Ok(Exit::Aborted as u8)
        }
        TrialError::Trial(error) if error.is::<NoSuchTag>() => {
            tell!("error: {error:#}");
            Ok(Exit::Usage as u8)
        }
        TrialError::Trial(error) => Err(error),
    }
}

/// One line of what happens.
pub(super) fn told(line: &str) {
    tell!("{line}");
}
