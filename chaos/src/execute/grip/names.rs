//! Questions to the resolver of a component, against the same straight to those that it passes them on to.

use super::sandboxed::{AllSeen, Looks, Seen};
use crate::holder::Order;
use crate::sandbox::{
    Answer, NameEffect, NameError, NameFault, ResolvConf, ask, code_of, is_elsewhere, probe_name, read,
};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Questions at once.
const CONCURRENT: u32 = 16;
/// How long a resolver may take on top of a delay that is asked for.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// How long a silent resolver is listened to, on top of [`STRAIGHT_TIMES`] what it takes straight to the host's.
const SILENT_MAX: Duration = Duration::from_millis(400);
const STRAIGHT_TIMES: u32 = 2;

/// Whom to ask, and for what.
#[derive(Clone)]
pub(super) struct NameProbe {
    fault: NameFault,
    through: SocketAddr,
    straight: SocketAddr,
    name: String,
}

impl NameProbe {
    /// Reads from the component's own `resolv.conf` whom it asks.
    pub(super) fn new(order: &Order, fault: &NameFault) -> Result<Self, String> {
        let main = order.processes.first().ok_or("the component does not run")?;
        if !is_elsewhere(main) {
            return Err(format!("process {} lives in no sandbox", main.pid));
        }
        let path = format!("/proc/{}/root/etc/resolv.conf", main.pid);
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let conf = ResolvConf::read(&text);
        let ours = conf.servers.first().zip(conf.passes_on.first());
        let (through, straight) = ours.ok_or("the component asks no resolver of ours")?;
        let name = probe_name(&fault.names, &order.probe_key());
        Ok(Self { fault: fault.clone(), through: *through, straight: *straight, name })
    }

    /// Asks so often, until enough questions met the fault.
    pub(super) async fn look(self, looks: Looks) -> Result<AllSeen, String> {
        let base = self.base().await?;
        let patience = self.patience(base);
        let mut seen = Seen::default();
        while looks.left(seen.hits) > 0 {
            let mut wave = JoinSet::new();
            for _ in 0..looks.left(seen.hits).min(CONCURRENT) {
                let this = self.clone();
                wave.spawn(async move { question(this.through, &this.name, this.like(), patience).await });
            }
            for answer in wave.join_all().await {
                self.count(&mut seen, answer.map_err(|error| error.to_string())?, base);
            }
        }
        if self.fault.effect == NameEffect::Error(NameError::Drop) && self.base().await? >= patience {
            return Err(format!("{} has become too slow: nobody could tell the fault from that", self.straight));
        }
        Ok([(None, seen)].into())
    }

    fn like(&self) -> Option<IpAddr> {
        if let NameEffect::Address(address) = self.fault.effect { Some(address) } else { None }
    }

    fn patience(&self, base: Duration) -> Duration {
        match self.fault.effect {
            NameEffect::Delay { delay, jitter } => delay + jitter + ANSWER_MAX,
            NameEffect::Error(NameError::Drop) => SILENT_MAX + base * STRAIGHT_TIMES,
            NameEffect::Error(_) | NameEffect::Address(_) => ANSWER_MAX,
        }
    }

    /// How long it takes straight to the resolver of the host; only where that is what the dose is measured against.
    async fn base(&self) -> Result<Duration, String> {
        if !matches!(self.fault.effect, NameEffect::Delay { .. } | NameEffect::Error(NameError::Drop)) {
            return Ok(Duration::ZERO);
        }
        let answer = question(self.straight, &self.name, None, ANSWER_MAX).await.map_err(|error| error.to_string())?;
        let none = format!("{} does not answer either: nobody could tell the fault from that", self.straight);
        answer.map(|(_, took)| took).ok_or(none)
    }

    fn count(&self, seen: &mut Seen, answer: Option<(Answer, Duration)>, base: Duration) {
        seen.hits.probes += 1;
        let is_hit = match (self.fault.effect, &answer) {
            (NameEffect::Error(error), Some((answer, _))) => {
                answer.fault.is_some() && code_of(error) == Some(answer.code)
            }
            (NameEffect::Error(error), None) => error == NameError::Drop,
            (NameEffect::Address(address), Some((answer, _))) => {
                answer.fault.is_some() && answer.addresses == [address]
            }
            (NameEffect::Delay { delay, .. }, Some((_, took))) => {
                let added = took.saturating_sub(base);
                let is_late = added * 2 >= delay;
                seen.delays_ms.extend(is_late.then_some(added.as_secs_f64() * 1_000.0));
                is_late
            }
            (NameEffect::Address(_) | NameEffect::Delay { .. }, None) => false,
        };
        seen.hits.hits += u32::from(is_hit);
    }
}

/// Asks once; `None` when nobody answers in time.
async fn question(
    server: SocketAddr,
    name: &str,
    like: Option<IpAddr>,
    patience: Duration,
) -> io::Result<Option<(Answer, Duration)>> {
    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    let id = rand::random();
    let start = Instant::now();
    socket.send(&ask(id, name, like)?).await?;
    let mut buffer = vec![0; 65_535];
    let answered = timeout(patience, async {
        loop {
            let length = socket.recv(&mut buffer).await?;
            if let Some(answer) = read(id, &buffer[..length]) {
                return Ok::<_, io::Error>(answer);
            }
        }
    });
    // A port that nobody listens at answers nothing, and says so at once.
    Ok(answered.await.ok().and_then(Result::ok).map(|answer| (answer, start.elapsed())))
}
