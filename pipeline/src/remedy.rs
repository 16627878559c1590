//! What a person can do about an error, from whatever caused it.

use crate::git::GitError;
use crate::ledger::LedgerError;
use probes::metrics::server::SourceError;
use std::io::ErrorKind;

/// Hints of the first cause that has some, one sentence each.
pub fn hints(error: &anyhow::Error) -> Vec<String> {
    let of = |cause: &(dyn std::error::Error + 'static)| {
        let ledger = || cause.downcast_ref::<LedgerError>().map(LedgerError::hints);
        let git = || cause.downcast_ref::<GitError>().map(GitError::hints);
        let metrics = || cause.downcast_ref::<SourceError>().map(|error| vec![error.remedy().to_owned()]);
        let disk = || cause.downcast_ref::<std::io::Error>().map(of_disk);
        ledger().or_else(git).or_else(metrics).or_else(disk).filter(|hints| !hints.is_empty())
    };
    error.chain().find_map(of).unwrap_or_default()
}

fn of_disk(error: &std::io::Error) -> Vec<String> {
    let hint = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free space and start again; what was stored is kept",
        ErrorKind::ReadOnlyFilesystem => "make the folder writable",
        _ => return Vec::new(),
    };
    vec![hint.to_owned()]
}

/// The error with its causes and, after a semicolon, what can be done about it.
pub fn told(error: &anyhow::Error) -> String {
    let hints = hints(error);
    if hints.is_empty() { format!("{error:#}") } else { format!("{error:#}; {}", hints.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::place::PlaceError;
    use anyhow::Context as _;

    #[test]
    fn causes_are_asked_for_a_remedy() {
        let missing = || GitError::NoSuchRef { place: "shop.git".into(), name: "v1.0.0".into() };
        let error = Err::<(), _>(missing()).context("cannot plan").unwrap_err();
        assert_eq!(hints(&error), ["push v1.0.0 to shop.git, or correct the name"]);
        assert!(told(&error).starts_with("cannot plan: ") && told(&error).ends_with("or correct the name"));
        let of_ledger = anyhow::Error::from(LedgerError::Git { operation: "fetch", source: missing() });
        assert_eq!(hints(&of_ledger), hints(&error));
        let full = Err::<(), _>(std::io::Error::from(ErrorKind::StorageFull)).context("cannot keep it").unwrap_err();
        assert!(hints(&full)[0].starts_with("free space"));
        let refused = SourceError::Status { url: "there".into(), status: 401, says: "no".into() };
        assert_eq!(hints(&anyhow::Error::from(PlaceError::Server(refused))).len(), 1);
        assert_eq!(told(&anyhow::anyhow!("nothing helps")), "nothing helps");
    }
}
