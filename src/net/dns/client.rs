//! One server asked many questions: what a caller says and gets. The work is done in `run`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_proto::op::Message;
use jiff::Timestamp;

use super::https::HttpsLane;
use super::message::Ask;
use super::pace::{Gate, Pace};
use super::random::Random;
use super::run::Run;
use super::server::{Server, Via};
use super::stream::StreamLane;
use super::udp::UdpLanes;
use crate::clock::Clock;
use crate::model::fault::Fault;
use crate::net::pki::roots::Roots;

/// How long one answer is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// From the first try to giving up; the question is sent again at growing distances before.
    pub give_up: Duration,
}

/// After how many milliseconds without an answer a question goes again: any reachable server
/// answers from memory within 300 ms, and each further try waits longer.
const AGAIN: [u64; 7] = [300, 450, 700, 1_000, 1_500, 2_200, 3_000];

/// How often a question is sent at most.
#[expect(clippy::cast_possible_truncation, reason = "seven and one")]
pub(super) const TRIES: u8 = AGAIN.len() as u8 + 1;

impl Patience {
    /// Patience of about so long: whole tenths of a second, as people say it.
    #[must_use]
    pub fn about(give_up: Duration) -> Self {
        let millis = u64::try_from(give_up.as_millis()).unwrap_or(u64::MAX);
        let step = if millis > 1_000 { 100 } else { 10 };
        Self { give_up: Duration::from_millis((millis / step * step).max(10)) }
    }

    /// How long after so many tries the next one goes.
    pub(super) fn again(tries: u8) -> Option<Duration> {
        AGAIN.get(usize::from(tries.checked_sub(1)?)).copied().map(Duration::from_millis)
    }
}

/// How an answer came.
#[derive(Debug, Clone, Copy)]
pub struct Meta {
    /// When it was received.
    pub at: Timestamp,
    /// From the first try to the answer, in milliseconds.
    pub millis: f64,
    /// How many times the question had been sent by then.
    pub tries: u8,
    /// What it came over.
    pub via: Via,
    /// For how many seconds a cache on the way had kept it; its TTLs are that much shorter
    /// (RFC 8484 §5.1).
    pub age: u32,
}

/// A client of one server. It keeps no cache: every question asked is a question sent.
pub struct Client {
    pub(super) server: Server,
    pub(super) pace: Pace,
    pub(super) udp: Option<UdpLanes>,
    pub(super) stream: StreamLane,
    pub(super) https: HttpsLane,
    pub(super) random: Random,
    pub(super) gate: Gate,
    pub(super) clock: Clock,
}

impl Client {
    /// A client of a server at a pace.
    #[must_use]
    pub fn new(server: Server, pace: Pace) -> Self {
        Self::with_roots(server, pace, None)
    }

    /// A client that believes a server's certificate by these roots instead of the platform's.
    #[must_use]
    pub fn trusting(server: Server, pace: Pace, roots: Arc<Roots>) -> Self {
        Self::with_roots(server, pace, Some(roots))
    }

    fn with_roots(server: Server, pace: Pace, roots: Option<Arc<Roots>>) -> Self {
        Self {
            server,
            pace,
            udp: None,
            stream: StreamLane::new(server, roots.clone()),
            https: HttpsLane::new(server, roots),
            random: Random::new(),
            gate: Gate::new(pace.rate),
            clock: Clock,
        }
    }

    /// The server.
    #[must_use]
    pub const fn server(&self) -> Server {
        self.server
    }

    /// Asks all the questions, each until it is answered, given up or `until` has come, and reads
    /// every answer with `read`. The results are in the order of the questions.
    pub async fn ask_all<T: Send>(
        &mut self,
        asks: &[Ask],
        patience: Patience,
        until: Instant,
        read: impl Fn(&Ask, &Message, &Meta) -> T + Send,
    ) -> Vec<Result<T, Fault>> {
        if asks.is_empty() {
            return Vec::new();
        }
        // What an earlier call gave up on may still be under way, and its slots are others now.
        self.https.clear();
        if self.server.via == Via::Udp && self.udp.is_none() {
            match UdpLanes::open(self.server.address, asks.len()).await {
                Ok(lanes) => self.udp = Some(lanes),
                Err(error) => {
                    let fault = Fault::from_io(format!("asking {}", self.server), &error);
                    return asks.iter().map(|_| Err(fault.clone())).collect();
                }
            }
        }
        Run::new(self, asks, patience, until, read).finish().await
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::RecordType;

    use super::*;
    use crate::net::dns::{Rate, Recursion, fqdn};

    #[tokio::test]
    async fn each_question_to_a_server_that_is_gone_has_a_fault_of_its_own() {
        let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let server = Server::udp(silent.local_addr().expect("an address"));
        // Four at once, so that the last two are never sent.
        let pace = Pace { rate: Rate::Unlimited, in_flight: 4 };
        let names = ["a.example", "b.example", "c.example", "d.example", "e.example", "f.example"];
        let asks = names
            .map(|name| Ask::new(fqdn(name).expect("a name"), RecordType::A, Recursion::Desired));
        let patience = Patience::about(Duration::from_millis(200));
        let until = Clock.tick() + Duration::from_secs(5);
        let mut client = Client::new(server, pace);
        let answers = client.ask_all(&asks, patience, until, |_, _, _| ()).await;
        for (name, answer) in names.iter().zip(answers) {
            let Err(Fault::Timeout { what, .. }) = answer else { panic!("{name}: {answer:?}") };
            assert_eq!(what, format!("asking {server} for {name}. A"));
        }
    }
}
