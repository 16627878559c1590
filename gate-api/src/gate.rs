//! The names of the gates, and which of them this installation answers.

use serde::{Deserialize, Serialize};

/// A named question about a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// Conventional commits, strict versions, tags never moved.
    Standards,
    /// Labels of a pull request.
    Labels,
    /// Risk of a pull request.
    Risk,
    /// Before the CI upgrade.
    CiPredeploy,
    /// After the CI upgrade.
    CiPostdeploy,
    /// Last question of a merge bot.
    Automerge,
    /// May this tag replace the one in the landscape?
    Stage,
    /// May this tag be released?
    Release,
    /// May this tag go to the canary?
    Canary,
    /// May the next wave start?
    ProdStep,
    /// May this hotfix go on?
    Hotfix,
    /// Must this tag be rolled back?
    Rollback,
}

/// Whether a gate can be asked here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It decides.
    Available,
    /// Its name is reserved, nobody decides it here: asking is a 404 with a hint.
    NotHere,
}

impl Gate {
    /// Every gate of the contract, in the order of a change's life.
    pub const ALL: [Gate; 12] = [
        Gate::Standards,
        Gate::Labels,
        Gate::Risk,
        Gate::CiPredeploy,
        Gate::CiPostdeploy,
        Gate::Automerge,
        Gate::Stage,
        Gate::Release,
        Gate::Canary,
        Gate::ProdStep,
        Gate::Hotfix,
        Gate::Rollback,
    ];

    /// Name on the wire and the command line.
    pub fn name(self) -> &'static str {
        match self {
            Gate::Standards => "standards",
            Gate::Labels => "labels",
            Gate::Risk => "risk",
            Gate::CiPredeploy => "ci-predeploy",
            Gate::CiPostdeploy => "ci-postdeploy",
            Gate::Automerge => "automerge",
            Gate::Stage => "stage",
            Gate::Release => "release",
            Gate::Canary => "canary",
            Gate::ProdStep => "prod-step",
            Gate::Hotfix => "hotfix",
            Gate::Rollback => "rollback",
        }
    }

    /// The gate of that name; `None` when there is none.
    pub fn parse(name: &str) -> Option<Gate> {
        Gate::ALL.into_iter().find(|gate| gate.name() == name)
    }

    /// Whether it can be asked here.
    pub fn availability(self) -> Availability {
        match self {
            Gate::Stage | Gate::Release => Availability::Available,
            Gate::Standards
            | Gate::Labels
            | Gate::Risk
            | Gate::CiPredeploy
            | Gate::CiPostdeploy
            | Gate::Automerge
            | Gate::Canary
            | Gate::ProdStep
            | Gate::Hotfix
            | Gate::Rollback => Availability::NotHere,
        }
    }

    /// Names of the gates that can be asked here, for hints.
    pub fn available() -> Vec<&'static str> {
        let here = Gate::ALL.into_iter().filter(|gate| gate.availability() == Availability::Available);
        here.map(Gate::name).collect()
    }
}

impl std::fmt::Display for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
