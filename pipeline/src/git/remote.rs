//! Where a repository lives: a URL, an scp-like address or a path. It may hold credentials, so it never prints them.

use regex::Regex;
use std::fmt;
use std::path::Path;
use std::sync::LazyLock;

/// Address of a repository. `Display` and `Debug` leave out credentials.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Remote(String);

/// Why an address is not usable.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RemoteError {
    /// Nothing there.
    #[error("the address of the repository is empty")]
    Empty,
    /// git would read it as an option, or run a program for it.
    #[error("`{address}` is not an address of a repository: write a URL or a path")]
    Forbidden {
        /// Without credentials.
        address: String,
    },
    /// `../x` without anything that it is relative to, or going above it.
    #[error("`{address}` is relative to nothing: write a URL or an absolute path")]
    NoBase {
        /// Without credentials.
        address: String,
    },
}

impl Remote {
    /// An address that stands alone.
    ///
    /// # Errors
    /// Empty, relative (`../x`), or something that git would not read as an address.
    pub fn parse(address: &str) -> Result<Remote, RemoteError> {
        let address = address.trim();
        if address.is_empty() {
            return Err(RemoteError::Empty);
        }
        // `ext::` and other helpers run programs; a leading dash is an option.
        let forbidden = address.starts_with('-') || address.contains("::") || address.chars().any(char::is_control);
        if forbidden {
            return Err(RemoteError::Forbidden { address: redact(address) });
        }
        if is_relative(address) {
            return Err(RemoteError::NoBase { address: redact(address) });
        }
        Ok(Remote(address.to_owned()))
    }

    /// An address written in a document of the repository `base`: `../x` is relative to `base` itself, as in
    /// git's submodules.
    ///
    /// # Errors
    /// As [`Remote::parse`], and when `../` goes above the base.
    pub fn relative_to(base: &Remote, address: &str) -> Result<Remote, RemoteError> {
        let mut rest = address.trim();
        if !is_relative(rest) {
            return Remote::parse(rest);
        }
        let mut at = base.0.trim_end_matches('/').to_owned();
        loop {
            if let Some(next) = rest.strip_prefix("./") {
                rest = next;
            } else if let Some(next) = rest.strip_prefix("../") {
                let cut = at.rfind(['/', ':']).filter(|cut| !at[..*cut].ends_with(['/', ':']));
                let cut = cut.ok_or_else(|| RemoteError::NoBase { address: redact(address) })?;
                // `host:path` keeps its colon: the path after it becomes the relative one.
                at.truncate(if at.as_bytes()[cut] == b':' { cut + 1 } else { cut });
                rest = next;
            } else {
                break;
            }
        }
        let joint = if at.ends_with(':') { "" } else { "/" };
        Remote::parse(&format!("{at}{joint}{rest}"))
    }

    /// An address as a person writes it into a setting: what is neither a URL nor `host:path` is a folder, relative to
    /// `dir`, whether it is there at this moment or not.
    ///
    /// # Errors
    /// As [`Remote::parse`].
    pub fn within(dir: &Path, address: &str) -> Result<Remote, RemoteError> {
        let address = address.trim();
        let host_and_path = address.find(':').is_some_and(|colon| !address[..colon].contains('/'));
        if host_and_path || address.is_empty() || address.starts_with('-') {
            return Remote::parse(address);
        }
        Ok(Remote::folder(&dir.join(address)))
    }

    /// A folder of this machine.
    pub fn folder(path: &Path) -> Remote {
        Remote(path.to_string_lossy().into_owned())
    }

    /// What git is given. Not for messages.
    pub(crate) fn address(&self) -> &str {
        &self.0
    }
}

fn is_relative(address: &str) -> bool {
    address.starts_with("./") || address.starts_with("../")
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact(&self.0))
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({})", redact(&self.0))
    }
}

/// `text` with the user part of every URL and every token in a query replaced by `***`.
pub fn redact(text: &str) -> String {
    static USER: LazyLock<Regex> = LazyLock::new(|| {
        // Greedy up to the last `@` before the path: a password may hold an `@` itself.
        Regex::new(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/\s'\x22]*@").expect("a constant pattern that the tests compile")
    });
    static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)([?&](?:[a-z_-]*token|password|key)=)[^&\s'\x22]+")
            .expect("a constant pattern that the tests compile")
    });
    let text = USER.replace_all(text, "$1***@");
    TOKEN.replace_all(&text, "$1***").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_never_printed() {
        let remote = Remote::parse("https://bot:s3cr@t@git.example/x.git?private_token=abc").unwrap();
        assert_eq!(remote.to_string(), "https://***@git.example/x.git?private_token=***");
        assert_eq!(format!("{remote:?}"), "Remote(https://***@git.example/x.git?private_token=***)");
        assert_eq!(
            redact("fatal: 'https://tok@h/a' and http://u:p@h/b"),
            "fatal: 'https://***@h/a' and http://***@h/b"
        );
        assert_eq!(redact("git@host:team/x.git"), "git@host:team/x.git");
    }

    #[test]
    fn a_setting_is_a_url_or_a_folder() {
        let within = |address: &str| Remote::within(Path::new("/inst"), address).map(|r| r.0);
        assert_eq!(within("repos/shop.git").unwrap(), "/inst/repos/shop.git");
        assert_eq!(within("../shop.git").unwrap(), "/inst/../shop.git");
        assert_eq!(within("/srv/shop.git").unwrap(), "/srv/shop.git");
        assert_eq!(within("https://h/shop.git").unwrap(), "https://h/shop.git");
        assert_eq!(within("git@h:shop.git").unwrap(), "git@h:shop.git");
        assert!(within("ext::sh -c id").is_err() && within("").is_err() && within("-u").is_err());
    }

    #[test]
    fn relative_addresses_follow_the_repository() {
        let to = |base: &str, path: &str| Remote::relative_to(&Remote::parse(base).unwrap(), path).map(|r| r.0);
        assert_eq!(to("/d/repos/shop.git", "../checkout.git").unwrap(), "/d/repos/checkout.git");
        assert_eq!(to("https://h/team/shop.git/", "../../other/x").unwrap(), "https://h/other/x");
        assert_eq!(to("git@h:team/shop.git", "../x.git").unwrap(), "git@h:team/x.git");
        assert_eq!(to("git@h:shop.git", "../x.git").unwrap(), "git@h:x.git");
        assert_eq!(to("/shop", "https://h/x").unwrap(), "https://h/x");
        assert!(matches!(to("https://h", "../../x"), Err(RemoteError::NoBase { .. })));
    }

    #[test]
    fn options_and_programs_are_no_addresses() {
        for address in ["--upload-pack=x", "ext::sh -c id", "a\nb"] {
            assert!(matches!(Remote::parse(address), Err(RemoteError::Forbidden { .. })), "{address}");
        }
        assert_eq!(Remote::parse(" "), Err(RemoteError::Empty));
        assert!(matches!(Remote::parse("../x"), Err(RemoteError::NoBase { .. })));
    }
}
