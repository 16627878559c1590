//! One installation: a folder with its settings, store, evidence and lock.

use super::own_series::OwnSeries;
use crate::documents::Problems;
use crate::documents::read_file;
use crate::documents::settings::Settings;
use crate::store::{Store, StoreError};
use datasets::EvidenceStore;
use gate_api::SqliteStore;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{AccessFlags, access};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of the settings document.
pub const SETTINGS: &str = "mettle.yaml";

/// An open installation.
#[derive(Clone)]
pub struct Installation {
    /// The folder, absolute.
    pub dir: PathBuf,
    /// Its settings.
    pub settings: Settings,
    /// The worker's tables.
    pub store: Store,
    /// The gate's tables.
    pub gate: Arc<SqliteStore>,
    /// Evidence at rest.
    pub evidence: EvidenceStore,
    /// Our own series of the attempt that this process observes.
    pub own: OwnSeries,
}

/// The right to change an installation; one process has it at a time. Ends with the process.
#[derive(Debug)]
pub struct Lock {
    _file: Flock<File>,
}

/// Why an installation could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is none.
    #[error("{dir} is not an installation: it has no {SETTINGS}; `mettle init` or `mettle demo` makes one", dir = dir.display())]
    NotThere {
        /// Folder.
        dir: PathBuf,
    },
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] Problems),
    /// Another worker has it.
    #[error("another worker uses {dir}: {holder}; stop it first, or give another folder with --dir", dir = dir.display())]
    Taken {
        /// Folder.
        dir: PathBuf,
        /// What the holder wrote about itself.
        holder: String,
    },
    /// The gate cannot listen there.
    #[error("cannot listen on {address}: {source}; give another address with --listen, or end what listens there")]
    Listen {
        /// Address.
        address: std::net::SocketAddr,
        /// Cause.
        source: std::io::Error,
    },
    /// The worker's own series cannot be shown there.
    #[error(
        "cannot show own series on {address}: {source}; give another `metricsListen` in {SETTINGS}, or end what listens there"
    )]
    Metrics {
        /// Address.
        address: std::net::SocketAddr,
        /// Cause.
        source: std::io::Error,
    },
    /// A folder or file could not be made.
    #[error("cannot write to {path}: {source}; make the folder writable or free space", path = path.display())]
    Folder {
        /// Path.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The worker's store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The gate's store.
    #[error("cannot open the gate's store")]
    Gate(#[from] gate_api::StoreError),
    /// The evidence store.
    #[error("cannot open the evidence store")]
    Evidence(#[from] datasets::EvidenceError),
}

impl Installation {
    /// Opens the installation in `dir`; for reading alone when the folder cannot be written.
    ///
    /// # Errors
    /// It is not one, its settings are wrong, or its files cannot be opened.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let settings = dir.join(SETTINGS);
        if !settings.is_file() {
            return Err(OpenError::NotThere { dir: dir.to_owned() });
        }
        let settings = read_file::<Settings>(&settings, Settings::complaints)?.value;
        let dir = fs::canonicalize(dir).map_err(|source| OpenError::Folder { path: dir.to_owned(), source })?;
        // Answers stay available where nothing can be written any more; whoever writes is refused by lock and stores.
        if access(&dir, AccessFlags::W_OK).is_err() {
            let store = Store::open_to_read(&dir.join("store.db"))?;
            let gate = Arc::new(SqliteStore::open_to_read(&dir.join("store.db"))?);
            let evidence = EvidenceStore::open(&dir.join("evidence"))?;
            return Ok(Installation { dir, settings, store, gate, evidence, own: OwnSeries::default() });
        }
        for folder in ["work", "logs"] {
            let path = dir.join(folder);
            fs::create_dir_all(&path).map_err(|source| OpenError::Folder { path, source })?;
        }
        let store = Store::open(&dir.join("store.db"))?;
        let gate = Arc::new(SqliteStore::open(&dir.join("store.db"))?);
        let evidence = EvidenceStore::open(&dir.join("evidence"))?;
        Ok(Installation { dir, settings, store, gate, evidence, own: OwnSeries::default() })
    }

    /// Takes the right to change the installation.
    ///
    /// # Errors
    /// [`OpenError::Taken`] when another process has it.
    pub fn lock(&self) -> Result<Lock, OpenError> {
        let path = self.dir.join("lock");
        let failed = |source| OpenError::Folder { path: path.clone(), source };
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => {
                fs::write(&path, format!("process {}\n", std::process::id())).map_err(failed)?;
                Ok(Lock { _file: file })
            }
            Err(_) => {
                let holder = fs::read_to_string(&path).unwrap_or_default().trim().to_owned();
                Err(OpenError::Taken { dir: self.dir.clone(), holder })
            }
        }
    }

    /// Marks the processes of this installation, so that a later start finds what is left of them.
    pub fn mark(&self) -> String {
        self.dir.display().to_string()
    }

    /// Folder of a soak's files.
    pub fn work(&self, name: &str) -> PathBuf {
        self.dir.join("work").join(name)
    }
}
