//! The threads that answer the kernel for the pass-through file system.

use super::faulty::Faulty;
use super::namespace::{Owner, open_fuse};
use super::table::Faults;
use fuse_backend_rs::api::server::Server;
use fuse_backend_rs::passthrough::{CachePolicy, Config, PassthroughFs};
use fuse_backend_rs::transport::FuseSession;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::mount::{MsFlags, mount as mount_at};
use nix::unistd::{getegid, geteuid};
use rustix::fs::{Mode, OFlags, StatVfsMountFlags, open, statvfs};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Threads at most. One is added whenever none is left that waits for the kernel, so that what is held back holds
/// nothing else up.
const MAX_THREADS: usize = 256;

/// A file system that is mounted and not yet served.
pub(super) struct Mounted {
    folder: PathBuf,
    /// The folder below the mount.
    below: OwnedFd,
    device: File,
    owner: Owner,
}

/// Mounts over the folder. Whoever looks into it from now on waits for [`serve`].
pub(super) fn mount(folder: &Path, owner: Owner) -> io::Result<Mounted> {
    let folder = folder.canonicalize()?;
    let below = open(&folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let device = open_fuse()?;
    let session = session(&folder)?;
    // The library's largest message, without its head: longer ones would not fit.
    let mut options = format!(
        "default_permissions,fd={},rootmode={:o},user_id={},group_id={},max_read={}",
        device.as_raw_fd(),
        folder.metadata()?.mode() & nix::libc::S_IFMT,
        geteuid(),
        getegid(),
        session.bufsize(),
    );
    if owner == Owner::Host {
        options.push_str(",allow_other");
    }
    let flags = flags(statvfs(&folder)?.f_flag);
    mount_at(Some("mettle"), &folder, Some("fuse.mettle"), flags, Some(options.as_str()))?;
    Ok(Mounted { folder, below, device, owner })
}

/// Those of the disk below and no more: what the component may do with its files stays as it was.
fn flags(below: StatVfsMountFlags) -> MsFlags {
    let same = [
        (StatVfsMountFlags::NOSUID, MsFlags::MS_NOSUID),
        (StatVfsMountFlags::NODEV, MsFlags::MS_NODEV),
        (StatVfsMountFlags::NOEXEC, MsFlags::MS_NOEXEC),
    ];
    same.into_iter().filter(|(flag, _)| below.contains(*flag)).map(|(_, flag)| flag).collect()
}

fn session(folder: &Path) -> io::Result<FuseSession> {
    FuseSession::new(folder, "mettle", "", false).map_err(|error| io::Error::other(format!("{error:?}")))
}

/// Starts the threads, and sees that they answer.
pub(super) fn serve(mounted: Mounted, faults: Arc<Faults>) -> io::Result<()> {
    let Mounted { folder, below, device, owner } = mounted;
    let config = Config {
        // Through the open folder, past our own mount.
        root_dir: format!("/proc/self/fd/{}/.", below.as_raw_fd()),
        // Nothing is remembered: others change the same files on the host.
        entry_timeout: std::time::Duration::ZERO,
        attr_timeout: std::time::Duration::ZERO,
        cache_policy: CachePolicy::Auto,
        xattr: true,
        killpriv_v2: true,
        use_host_ino: true,
        ..Config::default()
    };
    let mut session = session(Path::new("/"))?;
    fcntl(&device, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    session.set_fuse_file(device);
    let server = Server::new(Faulty::new(PassthroughFs::new(config)?, faults, owner));
    let crew = Arc::new(Crew { session, server, _below: below, idle: AtomicUsize::new(0), all: AtomicUsize::new(0) });
    crew.hire()?;
    folder.metadata().map(drop)
}

struct Crew {
    session: FuseSession,
    server: Server<Faulty>,
    /// The file system opens it when the kernel says its first word.
    _below: OwnedFd,
    /// Threads that wait for the kernel.
    idle: AtomicUsize,
    all: AtomicUsize,
}

impl Crew {
    fn hire(self: &Arc<Self>) -> io::Result<()> {
        if self.all.fetch_add(1, Ordering::AcqRel) >= MAX_THREADS {
            self.all.fetch_sub(1, Ordering::AcqRel);
            return Ok(());
        }
        self.idle.fetch_add(1, Ordering::AcqRel);
        let crew = self.clone();
        let hired = std::thread::Builder::new().name("files".into()).spawn(move || crew.work());
        if hired.is_err() {
            self.idle.fetch_sub(1, Ordering::AcqRel);
            self.all.fetch_sub(1, Ordering::AcqRel);
        }
        hired.map(drop)
    }

    /// Answers for good: a file system that the kernel has given up is the end of the sandbox.
    fn work(self: Arc<Self>) {
        let Ok(mut channel) = self.session.new_channel() else {
            std::process::exit(1);
        };
        while let Ok(Some((request, answer))) = channel.get_request() {
            if self.idle.fetch_sub(1, Ordering::AcqRel) == 1 {
                // Without another thread this one comes back to its work later.
                let _ = self.hire();
            }
            // An error here concerns one request: whoever made it is gone, or gets the error.
            let _ = self.server.handle_message(request, answer.into(), None, None);
            self.idle.fetch_add(1, Ordering::AcqRel);
        }
        std::process::exit(1);
    }
}
