//! How the deployment of a release ended.

use std::fmt;

/// A release that runs and was ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployed {
    /// Its tag.
    pub tag: String,
    /// Components that were started, in that order; the others went on untouched.
    pub started: Vec<String>,
    /// Components that were stopped because the release does not name them.
    pub removed: Vec<String>,
    /// What a reader should know: circles in the start order.
    pub warnings: Vec<String>,
}

/// A release that does not run, and what runs instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotDeployable {
    /// Its tag.
    pub tag: String,
    /// The component that did not become ready.
    pub component: String,
    /// Why, one sentence.
    pub reason: String,
    /// The last lines that it wrote, oldest first.
    pub last_lines: Vec<String>,
    /// What runs now.
    pub rollback: Rollback,
}

/// What runs after a release could not be deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rollback {
    /// Nothing had been touched: what ran before runs on.
    Untouched,
    /// The release before runs again.
    To {
        /// Its tag.
        tag: String,
    },
    /// There was none before: nothing runs.
    Nothing,
    /// The release before does not come up either: the landscape is broken.
    Failed {
        /// Component.
        component: String,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for NotDeployable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not deployable: {} {}; ", self.tag, self.component, self.reason)?;
        match &self.rollback {
            Rollback::Untouched => write!(f, "nothing was changed"),
            Rollback::To { tag } => write!(f, "{tag} runs again"),
            Rollback::Nothing => write!(f, "nothing runs"),
            Rollback::Failed { component, reason } => {
                write!(f, "the rollback failed too: {component} {reason}")
            }
        }
    }
}
