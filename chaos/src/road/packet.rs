//! The few fields of a packet that the road looks at: IPv4 as in RFC 791, ports as in RFC 9293 and RFC 768.

use crate::proxy::Direction;
use std::net::Ipv4Addr;

/// The one address of the road's namespace: both ends of every connection live there.
pub(super) const HERE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// Bits of the network that is reached through the road.
pub(super) const NETWORK: u8 = 8;
/// Under which the caller's end knows the other one.
pub(super) const TARGET: Ipv4Addr = Ipv4Addr::new(10, 1, 10, 2);
/// Under which the target's end knows the other one. Its halves are those of [`TARGET`] the other way round: packets
/// are readdressed from one to the other, and their checksums, sums of halves, stay right.
pub(super) const CALLER: Ipv4Addr = Ipv4Addr::new(10, 2, 10, 1);

/// Type of service of packets that no fault touches: connections that were there before the fault are set up so.
pub(super) const CALM: u8 = 0x10;

const SHORTEST: usize = 20;
pub(super) const TCP: u8 = 6;
const UDP: u8 = 17;

/// Tells packets of one connection from others: protocol, the caller's port, the target's port.
pub(super) type Flow = (u8, u16, u16);

/// A packet on the road.
pub(super) struct Packet<'a> {
    bytes: &'a mut [u8],
    way: Direction,
    flow: Flow,
}

impl<'a> Packet<'a> {
    /// Reads a packet; none when it is not for the other end.
    pub(super) fn read(bytes: &'a mut [u8]) -> Option<Self> {
        if bytes.len() < SHORTEST || bytes[0] >> 4 != 4 {
            return None;
        }
        let way = match address(bytes, 16) {
            TARGET => Direction::To,
            CALLER => Direction::From,
            _ => return None,
        };
        let (protocol, head) = (bytes[9], usize::from(bytes[0] & 0xf) * 4);
        if !matches!(protocol, TCP | UDP) || bytes.len() < head + 4 {
            return None;
        }
        let port = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let (source, destination) = (port(head), port(head + 2));
        let flow = match way {
            Direction::To | Direction::Both => (protocol, source, destination),
            Direction::From => (protocol, destination, source),
        };
        Some(Self { bytes, way, flow })
    }

    pub(super) fn way(&self) -> Direction {
        self.way
    }

    pub(super) fn flow(&self) -> Flow {
        self.flow
    }

    pub(super) fn is_calm(&self) -> bool {
        self.bytes[1] == CALM
    }

    /// The packet as the other end is to see it.
    pub(super) fn readdressed(self) -> &'a [u8] {
        let sender = if self.way == Direction::To { CALLER } else { TARGET };
        self.bytes[12..16].copy_from_slice(&sender.octets());
        self.bytes[16..20].copy_from_slice(&HERE.octets());
        self.bytes
    }
}

fn address(bytes: &[u8], at: usize) -> Ipv4Addr {
    Ipv4Addr::new(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet(from: Ipv4Addr, to: Ipv4Addr, protocol: u8) -> Vec<u8> {
        let mut bytes = vec![0; 28];
        bytes[0] = 0x45;
        bytes[9] = protocol;
        bytes[12..16].copy_from_slice(&from.octets());
        bytes[16..20].copy_from_slice(&to.octets());
        bytes[20..24].copy_from_slice(&[0x12, 0x34, 0, 80]);
        bytes
    }

    /// One's complement sum of 16-bit words (RFC 1071).
    fn sum(bytes: &[u8]) -> u32 {
        let words = bytes.chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
        words.fold(0, |sum, word| (sum + word) % 0xffff)
    }

    #[test]
    fn readdressing_keeps_sums_and_flows() {
        let mut there = packet(HERE, TARGET, TCP);
        let before = sum(&there);
        let read = Packet::read(&mut there).unwrap();
        assert_eq!((read.way(), read.flow()), (Direction::To, (TCP, 0x1234, 80)));
        let arrived = read.readdressed();
        assert_eq!((sum(arrived), address(arrived, 12), address(arrived, 16)), (before, CALLER, HERE));
        let mut back = packet(HERE, CALLER, TCP);
        back[20..24].copy_from_slice(&[0, 80, 0x12, 0x34]);
        assert_eq!(Packet::read(&mut back).unwrap().flow(), (TCP, 0x1234, 80));
        assert!(
            Packet::read(&mut packet(HERE, HERE, TCP)).is_none()
                && Packet::read(&mut packet(HERE, TARGET, 1)).is_none()
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_left(mut bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Some(packet) = Packet::read(&mut bytes) {
                packet.readdressed();
            }
        }
    }
}
