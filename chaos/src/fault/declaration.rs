//! What a fault file declares about its fault.

use crate::inventory::Preparation;
use serde::Serialize;

/// What the catalogue says about a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Declaration {
    /// `net.delay`.
    pub kind: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Name, and meaning with unit and range, of each parameter.
    pub parameters: &'static [(&'static str, &'static str)],
    /// Parameters of a first try, as YAML that follows the target: `, delay: 200ms`.
    pub example: &'static str,
    /// Where it runs.
    pub backends: &'static [&'static str],
    /// What it needs of the host beyond the rights of a plain user.
    pub needs: Needs,
    /// What the component has to be started with; `None` when any running component will do.
    pub prepared: Option<Preparation>,
    /// What holds it: whatever happens to that ends the fault.
    pub held_by: &'static str,
    /// How it ends.
    pub undo: &'static str,
    /// How the dose is read back, from outside the injector.
    pub dose: &'static str,
    /// Kinds that must not act on the same target at the same time; `net.*` means all of `net`.
    pub never_with: &'static [&'static str],
}

impl Declaration {
    /// Whether this fault and `other` must not act on the same target at the same time: if either says so.
    pub fn excludes(&self, other: &Declaration) -> bool {
        self.names(other.kind) || other.names(self.kind)
    }

    fn names(&self, kind: &str) -> bool {
        self.never_with.iter().any(|never| match never.strip_suffix('*') {
            Some(start) => kind.starts_with(start),
            None => *never == kind,
        })
    }
}

/// What a fault needs of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Needs {
    /// Nothing that a plain user does not have.
    Nothing,
    /// To trace processes of the same user (`ptrace`).
    Trace,
    /// A clock library for this processor.
    Clock,
    /// Proportional set sizes, limits or files of the component's own user: the same user as the component.
    SameUser,
    /// A file system of ours in a mount namespace of the component's own.
    OwnFiles,
    /// A resolver of ours at port 53 of loopback, in a mount namespace of the component's own.
    OwnResolver,
    /// A network namespace of ours with a device for packets.
    OwnNetwork,
}
