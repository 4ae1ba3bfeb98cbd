//! UDP: connected sockets on ports the kernel chose at random, and which question each id stands
//! for. A connected socket hears only the server it asked (RFC 5452 §9.1).

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use tokio::net::UdpSocket;

use super::random::Random;

/// How many sockets share the questions of one client.
const SOCKETS: usize = 8;

/// Some sockets to one server.
#[derive(Debug)]
pub(super) struct UdpLanes {
    lanes: Vec<Lane>,
}

#[derive(Debug)]
struct Lane {
    socket: UdpSocket,
    slots: HashMap<u16, usize>,
}

/// Where a question is registered: the socket and the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Berth {
    lane: usize,
    id: u16,
}

impl Berth {
    pub(super) const fn id(self) -> u16 {
        self.id
    }
}

/// Something a socket had to say.
#[derive(Debug)]
pub(super) enum Heard {
    /// Bytes that bear the id of a question, and its slot.
    Bytes(usize, usize),
    /// Bytes that bear the id of none.
    Stray,
    /// The host answered that nobody listens (ICMP port unreachable), or the like.
    Failed(io::Error),
}

impl UdpLanes {
    /// Opens as many sockets as so many questions are worth.
    pub(super) async fn open(server: SocketAddr, questions: usize) -> io::Result<Self> {
        let mut lanes = Vec::new();
        for _ in 0..questions.clamp(1, SOCKETS) {
            let any: SocketAddr = if server.is_ipv4() {
                (Ipv4Addr::UNSPECIFIED, 0).into()
            } else {
                (Ipv6Addr::UNSPECIFIED, 0).into()
            };
            let socket = UdpSocket::bind(any).await?;
            socket.connect(server).await?;
            lanes.push(Lane { socket, slots: HashMap::new() });
        }
        Ok(Self { lanes })
    }

    /// A socket and an id for a question, both at random.
    pub(super) fn berth(&mut self, slot: usize, random: &mut Random) -> Berth {
        let lane = random.below(self.lanes.len());
        loop {
            let id = random.next_u16();
            if let std::collections::hash_map::Entry::Vacant(entry) =
                self.lanes[lane].slots.entry(id)
            {
                entry.insert(slot);
                return Berth { lane, id };
            }
        }
    }

    /// Forgets a question.
    pub(super) fn leave(&mut self, berth: Berth) {
        self.lanes[berth.lane].slots.remove(&berth.id);
    }

    /// Sends; `Pending` when the socket's buffer is full.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        berth: Berth,
        bytes: &[u8],
    ) -> Poll<io::Result<()>> {
        let socket = &self.lanes[berth.lane].socket;
        loop {
            match socket.try_send(bytes) {
                Ok(_) => return Poll::Ready(Ok(())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            match socket.poll_send_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Reads one datagram into `buffer`, from the socket numbered `lane`.
    pub(super) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        lane: usize,
        buffer: &mut [u8],
    ) -> Poll<Heard> {
        let lane = &mut self.lanes[lane];
        loop {
            match lane.socket.try_recv(buffer) {
                Ok(length) => {
                    let slot = super::message::id_of(&buffer[..length])
                        .and_then(|id| lane.slots.get(&id).copied());
                    return Poll::Ready(match slot {
                        Some(slot) => Heard::Bytes(slot, length),
                        None => Heard::Stray,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Heard::Failed(error)),
            }
            match lane.socket.poll_recv_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Heard::Failed(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// The slots whose questions are under way on a socket.
    pub(super) fn slots_of(&self, lane: usize) -> Vec<usize> {
        self.lanes[lane].slots.values().copied().collect()
    }

    /// How many sockets there are.
    pub(super) const fn len(&self) -> usize {
        self.lanes.len()
    }
}
