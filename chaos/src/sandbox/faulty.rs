//! The pass-through file system with faults: every operation goes to the folder below, unless a fault is in its way.

use super::file_fault::{FileEffect, FileFault, FileOperation as Op, TornEnd};
use super::namespace::Owner;
use super::table::Faults;
use fuse_backend_rs::abi::fuse_abi::{CreateIn, FsOptions, OpenOptions, ROOT_ID, SetattrValid};
use fuse_backend_rs::api::filesystem::{
    Context, DirEntry, Entry, FileSystem, GetxattrReply, ListxattrReply, ZeroCopyReader, ZeroCopyWriter,
};
use fuse_backend_rs::passthrough::PassthroughFs;
use nix::libc::{EIO, O_DIRECT, stat64, statvfs64};
use std::ffi::{CStr, OsStr};
use std::io::{self, Error};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What the kernel adds to the path of a file that has lost its name.
const NAMELESS: &[u8] = b" (deleted)";

/// Number of a file, and of an open one.
type Inode = u64;
type Handle = u64;

pub(super) struct Faulty {
    below: PassthroughFs,
    faults: Arc<Faults>,
    owner: Owner,
}

/// The flags for the file below. Our buffers are not aligned as `O_DIRECT` would demand; past its own memory the kernel
/// goes already.
fn below(flags: u32) -> u32 {
    flags & !(O_DIRECT as u32)
}

/// How much of a write is stored, and what is said about it.
struct Tear {
    stored: f64,
    end: TornEnd,
}

impl Faulty {
    pub(super) fn new(below: PassthroughFs, faults: Arc<Faults>, owner: Owner) -> Self {
        Self { below, faults, owner }
    }

    /// Meets the faults that are in the way of an operation on a file, or on a name in a folder.
    fn meet(&self, op: Op, inode: Inode, name: Option<&CStr>) -> io::Result<Option<Tear>> {
        let mut tear = None;
        for entry in self.faults.files.now() {
            let FileFault { operations, share, effect, .. } = &entry.fault;
            if !operations.contains(&op) || !entry.names(|| self.path(inode, name)) || entry.draw() >= *share {
                continue;
            }
            match *effect {
                FileEffect::Error(error) => return Err(Error::from_raw_os_error(error.number())),
                FileEffect::Delay { delay, jitter } => entry.wait(entry.spread(delay, jitter)),
                FileEffect::Tear(end) => tear = Some(Tear { stored: entry.draw(), end }),
            }
        }
        Ok(tear)
    }

    fn pass(&self, op: Op, inode: Inode) -> io::Result<()> {
        self.meet(op, inode, None).map(drop)
    }

    fn pass_name(&self, op: Op, folder: Inode, name: &CStr) -> io::Result<()> {
        self.meet(op, folder, Some(name)).map(drop)
    }

    /// Path below the folder, as it is called now.
    fn path(&self, inode: Inode, name: Option<&CStr>) -> Option<String> {
        let root = self.below.readlinkat_proc_file(ROOT_ID).ok()?;
        let path = self.below.readlinkat_proc_file(inode).ok()?;
        let bytes = path.as_os_str().as_bytes();
        let path = Path::new(OsStr::from_bytes(bytes.strip_suffix(NAMELESS).unwrap_or(bytes)));
        let path: PathBuf = path.strip_prefix(root).ok()?.to_owned();
        let path = name.map_or(path.clone(), |name| path.join(OsStr::from_bytes(name.to_bytes())));
        Some(path.to_string_lossy().into_owned())
    }

    /// Where one user alone exists, everything is made by it already.
    fn maker(&self, ctx: &Context) -> Context {
        match self.owner {
            Owner::Host => *ctx,
            Owner::User => Context { uid: 0, gid: 0, ..*ctx },
        }
    }
}

impl FileSystem for Faulty {
    type Inode = Inode;
    type Handle = Handle;

    fn init(&self, capable: FsOptions) -> io::Result<FsOptions> {
        let more = FsOptions::ASYNC_READ
            | FsOptions::BIG_WRITES
            | FsOptions::MAX_PAGES
            | FsOptions::PARALLEL_DIROPS
            | FsOptions::ASYNC_DIO
            | FsOptions::AUTO_INVAL_DATA;
        Ok(self.below.init(capable)? | more)
    }

    fn lookup(&self, ctx: &Context, parent: Inode, name: &CStr) -> io::Result<Entry> {
        self.below.lookup(ctx, parent, name)
    }

    fn forget(&self, ctx: &Context, inode: Inode, count: u64) {
        self.below.forget(ctx, inode, count);
    }

    fn batch_forget(&self, ctx: &Context, requests: Vec<(Inode, u64)>) {
        self.below.batch_forget(ctx, requests);
    }

    fn getattr(&self, ctx: &Context, inode: Inode, handle: Option<Handle>) -> io::Result<(stat64, Duration)> {
        self.below.getattr(ctx, inode, handle)
    }

    fn setattr(
        &self,
        ctx: &Context,
        inode: Inode,
        attr: stat64,
        handle: Option<Handle>,
        valid: SetattrValid,
    ) -> io::Result<(stat64, Duration)> {
        if valid.contains(SetattrValid::SIZE) {
            self.pass(Op::Resize, inode)?;
        }
        self.below.setattr(ctx, inode, attr, handle, valid)
    }

    fn readlink(&self, ctx: &Context, inode: Inode) -> io::Result<Vec<u8>> {
        self.below.readlink(ctx, inode)
    }

    fn symlink(&self, ctx: &Context, linkname: &CStr, parent: Inode, name: &CStr) -> io::Result<Entry> {
        self.pass_name(Op::Create, parent, name)?;
        self.below.symlink(&self.maker(ctx), linkname, parent, name)
    }

    fn mknod(&self, ctx: &Context, parent: Inode, name: &CStr, mode: u32, rdev: u32, umask: u32) -> io::Result<Entry> {
        self.pass_name(Op::Create, parent, name)?;
        self.below.mknod(&self.maker(ctx), parent, name, mode, rdev, umask)
    }

    fn mkdir(&self, ctx: &Context, parent: Inode, name: &CStr, mode: u32, umask: u32) -> io::Result<Entry> {
        self.pass_name(Op::Create, parent, name)?;
        self.below.mkdir(&self.maker(ctx), parent, name, mode, umask)
    }

    fn unlink(&self, ctx: &Context, parent: Inode, name: &CStr) -> io::Result<()> {
        self.pass_name(Op::Remove, parent, name)?;
        self.below.unlink(ctx, parent, name)
    }

    fn rmdir(&self, ctx: &Context, parent: Inode, name: &CStr) -> io::Result<()> {
        self.pass_name(Op::Remove, parent, name)?;
        self.below.rmdir(ctx, parent, name)
    }

    fn rename(
        &self,
        ctx: &Context,
        olddir: Inode,
        oldname: &CStr,
        newdir: Inode,
        newname: &CStr,
        flags: u32,
    ) -> io::Result<()> {
        self.pass_name(Op::Rename, olddir, oldname)?;
        self.below.rename(ctx, olddir, oldname, newdir, newname, flags)
    }

    fn link(&self, ctx: &Context, inode: Inode, newparent: Inode, newname: &CStr) -> io::Result<Entry> {
        self.pass_name(Op::Create, newparent, newname)?;
        self.below.link(ctx, inode, newparent, newname)
    }

    fn open(
        &self,
        ctx: &Context,
        inode: Inode,
        flags: u32,
        fuse_flags: u32,
    ) -> io::Result<(Option<Handle>, OpenOptions, Option<u32>)> {
        self.pass(Op::Open, inode)?;
        self.below.open(ctx, inode, below(flags), fuse_flags)
    }

    fn create(
        &self,
        ctx: &Context,
        parent: Inode,
        name: &CStr,
        args: CreateIn,
    ) -> io::Result<(Entry, Option<Handle>, OpenOptions, Option<u32>)> {
        self.pass_name(Op::Create, parent, name)?;
        let args = CreateIn { flags: below(args.flags), ..args };
        self.below.create(&self.maker(ctx), parent, name, args)
    }

    fn read(
        &self,
        ctx: &Context,
        inode: Inode,
        handle: Handle,
        w: &mut dyn ZeroCopyWriter,
        size: u32,
        offset: u64,
        lock_owner: Option<u64>,
        flags: u32,
    ) -> io::Result<usize> {
        self.pass(Op::Read, inode)?;
        self.below.read(ctx, inode, handle, w, size, offset, lock_owner, below(flags))
    }

    fn write(
        &self,
        ctx: &Context,
        inode: Inode,
        handle: Handle,
        r: &mut dyn ZeroCopyReader,
        size: u32,
        offset: u64,
        lock_owner: Option<u64>,
        delayed_write: bool,
        flags: u32,
        fuse_flags: u32,
    ) -> io::Result<usize> {
        let tear = self.meet(Op::Write, inode, None)?;
        // A share below 1 of the size: at least one byte is missing.
        let stored = tear.as_ref().map_or(size, |tear| (f64::from(size) * tear.stored) as u32);
        if stored > 0 || size == 0 {
            let (delayed, flags) = (delayed_write, below(flags));
            let part =
                self.below.write(ctx, inode, handle, r, stored, offset, lock_owner, delayed, flags, fuse_flags)?;
            if tear.is_none() {
                return Ok(part);
            }
        }
        match tear.map(|tear| tear.end) {
            Some(TornEnd::Error) => Err(Error::from_raw_os_error(EIO)),
            Some(TornEnd::Success) | None => Ok(size as usize),
        }
    }

    fn flush(&self, ctx: &Context, inode: Inode, handle: Handle, lock_owner: u64) -> io::Result<()> {
        self.below.flush(ctx, inode, handle, lock_owner)
    }

    fn fsync(&self, ctx: &Context, inode: Inode, datasync: bool, handle: Handle) -> io::Result<()> {
        self.pass(Op::Fsync, inode)?;
        self.below.fsync(ctx, inode, datasync, handle)
    }

    fn fallocate(
        &self,
        ctx: &Context,
        inode: Inode,
        handle: Handle,
        mode: u32,
        offset: u64,
        length: u64,
    ) -> io::Result<()> {
        self.pass(Op::Resize, inode)?;
        self.below.fallocate(ctx, inode, handle, mode, offset, length)
    }

    fn release(
        &self,
        ctx: &Context,
        inode: Inode,
        flags: u32,
        handle: Handle,
        flush: bool,
        flock_release: bool,
        lock_owner: Option<u64>,
    ) -> io::Result<()> {
        self.below.release(ctx, inode, flags, handle, flush, flock_release, lock_owner)
    }

    fn statfs(&self, ctx: &Context, inode: Inode) -> io::Result<statvfs64> {
        self.below.statfs(ctx, inode)
    }

    fn setxattr(&self, ctx: &Context, inode: Inode, name: &CStr, value: &[u8], flags: u32) -> io::Result<()> {
        self.below.setxattr(ctx, inode, name, value, flags)
    }

    fn getxattr(&self, ctx: &Context, inode: Inode, name: &CStr, size: u32) -> io::Result<GetxattrReply> {
        self.below.getxattr(ctx, inode, name, size)
    }

    fn listxattr(&self, ctx: &Context, inode: Inode, size: u32) -> io::Result<ListxattrReply> {
        self.below.listxattr(ctx, inode, size)
    }

    fn removexattr(&self, ctx: &Context, inode: Inode, name: &CStr) -> io::Result<()> {
        self.below.removexattr(ctx, inode, name)
    }

    fn opendir(&self, ctx: &Context, inode: Inode, flags: u32) -> io::Result<(Option<Handle>, OpenOptions)> {
        self.below.opendir(ctx, inode, flags)
    }

    fn readdir(
        &self,
        ctx: &Context,
        inode: Inode,
        handle: Handle,
        size: u32,
        offset: u64,
        add_entry: &mut dyn FnMut(DirEntry) -> io::Result<usize>,
    ) -> io::Result<()> {
        self.pass(Op::List, inode)?;
        self.below.readdir(ctx, inode, handle, size, offset, add_entry)
    }

    fn readdirplus(
        &self,
        ctx: &Context,
        inode: Inode,
        handle: Handle,
        size: u32,
        offset: u64,
        add_entry: &mut dyn FnMut(DirEntry, Entry) -> io::Result<usize>,
    ) -> io::Result<()> {
        self.pass(Op::List, inode)?;
        self.below.readdirplus(ctx, inode, handle, size, offset, add_entry)
    }

    fn fsyncdir(&self, ctx: &Context, inode: Inode, datasync: bool, handle: Handle) -> io::Result<()> {
        self.pass(Op::Fsync, inode)?;
        self.below.fsyncdir(ctx, inode, datasync, handle)
    }

    fn releasedir(&self, ctx: &Context, inode: Inode, flags: u32, handle: Handle) -> io::Result<()> {
        self.below.releasedir(ctx, inode, flags, handle)
    }

    fn access(&self, ctx: &Context, inode: Inode, mask: u32) -> io::Result<()> {
        self.below.access(ctx, inode, mask)
    }

    fn lseek(&self, ctx: &Context, inode: Inode, handle: Handle, offset: u64, whence: u32) -> io::Result<u64> {
        self.below.lseek(ctx, inode, handle, offset, whence)
    }
}
