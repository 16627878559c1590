//! Takes every packet out of the device and puts it back for the other end, as the fates say.

use super::fates::{Fate, Fates};
use super::packet::Packet;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::SigSet;
use nix::sys::time::TimeSpec;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use tun_rs::SyncDevice;

/// Bytes of the longest packet: more than the device lets through.
const LONGEST: usize = 2_048;
/// Packets that wait at once, 48 MiB of them; further ones are not held back.
const MOST_WAITING: usize = 32_768;
/// Packets taken before those that are due are looked after again.
const AT_ONCE: usize = 64;

/// A packet that waits, by the time at which it goes on.
type Waiting = Reverse<(Instant, u64, Vec<u8>)>;

pub(super) struct Relay {
    device: SyncDevice,
    fates: Fates,
    waiting: BinaryHeap<Waiting>,
    /// Keeps packets of one time in order.
    held: u64,
}

impl Relay {
    /// `device` must not block.
    pub(super) fn new(device: SyncDevice, fates: Fates) -> Self {
        Self { device, fates, waiting: BinaryHeap::new(), held: 0 }
    }

    /// Relays until the device fails.
    pub(super) fn run(mut self) -> io::Error {
        let mut buffer = [0; LONGEST];
        loop {
            self.send_due();
            if let Err(error) = self.wait().and_then(|()| self.take(&mut buffer)) {
                return error;
            }
        }
    }

    fn send_due(&mut self) {
        let now = Instant::now();
        while self.waiting.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
            if let Some(Reverse((_, _, packet))) = self.waiting.pop() {
                self.send(&packet);
            }
        }
    }

    /// Waits for packets, or for the time of one that waits.
    fn wait(&self) -> io::Result<()> {
        let until = self.waiting.peek().map(|Reverse((at, ..))| at.saturating_duration_since(Instant::now()));
        let mut fds = [PollFd::new(self.device.as_fd(), PollFlags::POLLIN)];
        match ppoll(&mut fds, until.map(TimeSpec::from_duration), Some(SigSet::empty())) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn take(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        for _ in 0..AT_ONCE {
            match self.device.recv(buffer) {
                Ok(length) => self.relay(&mut buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn relay(&mut self, bytes: &mut [u8]) {
        // What is not for the other end (the kernel greets its neighbours on a new link) goes nowhere.
        let Some(packet) = Packet::read(bytes) else { return };
        let fate = if packet.is_calm() { Fate::Passes } else { self.fates.next(packet.flow(), packet.way()) };
        let packet = packet.readdressed();
        match fate {
            Fate::Vanishes => (),
            Fate::IsLate(by) if self.waiting.len() < MOST_WAITING => self.hold(packet.to_vec(), by),
            Fate::Passes | Fate::IsLate(_) => self.send(packet),
            Fate::ArrivesTwice => {
                self.send(packet);
                self.send(packet);
            }
        }
    }

    fn hold(&mut self, packet: Vec<u8>, by: Duration) {
        self.held += 1;
        self.waiting.push(Reverse((Instant::now() + by, self.held, packet)));
    }

    fn send(&self, packet: &[u8]) {
        // A full queue loses it, as any link does.
        let _ = self.device.send(packet);
    }
}
