//! A road for packets, laid and kept.

use super::privileges::drop_all_but;
use super::{Held, MARK, Order};
use crate::road::{Laid, PacketFault, address};
use rustix::thread::CapabilitySet;
use std::io;
use std::time::Duration;

pub(super) struct Packets(Laid);

impl Packets {
    pub(super) fn lay(order: &Order, fault: PacketFault) -> io::Result<Self> {
        let id = std::env::var(MARK).unwrap_or_default();
        let laid = Laid::lay(&address(&id, &order.mark), (fault, order.seed), || drop_all_but(CapabilitySet::empty()))?;
        Ok(Self(laid))
    }
}

impl Held for Packets {
    fn turn(&mut self, _: Duration) -> io::Result<()> {
        if self.0.is_open() { Ok(()) } else { Err(io::Error::other("packets are not relayed any more")) }
    }
}
