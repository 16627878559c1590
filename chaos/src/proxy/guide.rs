//! Leads a connection over a road while a fault asks for one.

use super::fate::Fate;
use super::tap::Witness;
use super::wire::{Course, Wire};
use crate::road::{Detour, Road};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Pause after a detour that could not be had.
const AGAIN: Duration = Duration::from_millis(100);

pub(super) struct Guide<'a> {
    wire: &'a Wire<'a>,
    fate: &'a Fate<'a>,
    /// The road that the connection takes, or is to take.
    road: Option<Road>,
    coming: Option<BoxFuture<'static, io::Result<Detour>>>,
    /// Whether the connection was there before the road: its detour is set up without the fault.
    calm: bool,
    /// Told when the connection turns to a road.
    witness: Option<Witness>,
}

impl<'a> Guide<'a> {
    pub(super) fn new(wire: &'a Wire<'a>, fate: &'a Fate<'a>, witness: Option<Witness>) -> Self {
        let mut guide = Self { wire, fate, road: None, coming: None, calm: false, witness };
        if let Some(road) = fate.road(None) {
            guide.turn_to(Some(road));
        }
        guide
    }

    /// Turns to the road that the faults ask for now.
    pub(super) fn look(&mut self) {
        let road = self.fate.road(self.road.as_ref());
        if road != self.road {
            self.calm = true;
            self.turn_to(road);
        }
    }

    fn turn_to(&mut self, road: Option<Road>) {
        if road.is_some() {
            self.witness.iter().for_each(Witness::tell);
        }
        self.coming = None;
        self.wire.turn_to(if road.is_some() { Course::Coming } else { Course::Straight });
        self.road = road;
        self.set_out(Duration::ZERO);
    }

    fn set_out(&mut self, after: Duration) {
        let calm = self.calm;
        self.coming = self.road.clone().map(|road| {
            let made = async move {
                tokio::time::sleep(after).await;
                road.detour(calm).await
            };
            made.boxed()
        });
    }

    /// Waits until something about the road changes, and sees to it.
    pub(super) async fn turn(&mut self) {
        let Some(road) = self.road.clone() else {
            return std::future::pending().await;
        };
        tokio::select! {
            () = road.ends() => self.look(),
            Some(made) = async { Some(self.coming.as_mut()?.await) } => match made {
                Ok(detour) => {
                    self.coming = None;
                    self.wire.turn_to(Course::Over(Arc::new(detour)));
                }
                // No packet came through for as long as the kernel tries: it goes on trying.
                Err(_) => self.set_out(AGAIN),
            },
        }
    }
}
