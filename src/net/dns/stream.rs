//! TCP, and TLS over it: one connection with several questions under way, each message led by its length
//! (RFC 7766 §6.2.1, §8).

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::random::Random;
use super::secure;
use super::server::{Server, Via};
use crate::model::fault::Fault;
use crate::net::pki::roots::Roots;
use crate::net::tcp::{Dial, dial};

/// How many questions wait on one connection at most.
const PIPELINE: usize = 30;

/// How much is read at once.
const CHUNK: usize = 16 * 1024;

/// A connection that may not be open yet, or not any more.
pub(super) struct StreamLane {
    server: Server,
    roots: Option<Arc<Roots>>,
    state: State,
    slots: HashMap<u16, usize>,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    unflushed: bool,
}

enum State {
    Closed,
    Dialing(Dialing),
    Open(Box<dyn Duplex>),
}

/// A connection being opened.
type Dialing = Pin<Box<dyn Future<Output = Result<Box<dyn Duplex>, Fault>> + Send>>;

/// A way to read and write bytes.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Something the connection had to say.
#[derive(Debug)]
pub(super) enum Spoken {
    /// A message for a slot.
    Message(usize, Vec<u8>),
    /// A message with the id of no question.
    Stray,
    /// The connection is gone, and with it the answers to these slots.
    Lost(Vec<usize>, Fault),
}

impl StreamLane {
    pub(super) fn new(server: Server, roots: Option<Arc<Roots>>) -> Self {
        Self {
            server,
            roots,
            state: State::Closed,
            slots: HashMap::new(),
            incoming: Vec::new(),
            outgoing: Vec::new(),
            unflushed: false,
        }
    }

    /// Whether another question may be sent.
    pub(super) fn has_room(&self) -> bool {
        self.slots.len() < PIPELINE
    }

    /// An id for a question.
    pub(super) fn berth(&mut self, slot: usize, random: &mut Random) -> u16 {
        loop {
            let id = random.next_u16();
            if let std::collections::hash_map::Entry::Vacant(entry) = self.slots.entry(id) {
                entry.insert(slot);
                return id;
            }
        }
    }

    /// Whether an answer for the slot can still come.
    pub(super) fn holds(&self, slot: usize) -> bool {
        self.slots.values().any(|owner| *owner == slot)
    }

    /// Forgets a slot's questions.
    pub(super) fn leave(&mut self, slot: usize) {
        self.slots.retain(|_, owner| *owner != slot);
    }

    /// Sends a message as soon as there is a connection, opening one within `limit` if need be.
    pub(super) fn send(&mut self, bytes: &[u8], limit: Duration) {
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        self.outgoing.extend_from_slice(&length.to_be_bytes());
        self.outgoing.extend_from_slice(bytes);
        if matches!(self.state, State::Closed) {
            let (server, roots) = (self.server, self.roots.clone());
            self.state = State::Dialing(Box::pin(async move {
                match dial(server.address, limit).await? {
                    Dial::Open(stream, _) if server.via == Via::Tls => {
                        let stream: Box<dyn Duplex> =
                            secure::shake(stream, server, roots, limit).await?;
                        Ok(stream)
                    }
                    Dial::Open(stream, _) => {
                        let stream: Box<dyn Duplex> = Box::new(stream);
                        Ok(stream)
                    }
                    Dial::Refused(refusal) => {
                        Err(Fault::Unreachable { what: over(server), reason: refusal.to_string() })
                    }
                }
            }));
        }
    }

    /// Moves what can be moved; `Pending` when nothing can.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Spoken> {
        if let State::Dialing(dialing) = &mut self.state {
            match ready!(dialing.as_mut().poll(cx)) {
                Ok(stream) => self.state = State::Open(stream),
                Err(fault) => return Poll::Ready(self.lose(fault)),
            }
        }
        if matches!(self.state, State::Closed) {
            return Poll::Pending;
        }
        if let Poll::Ready(Err(error)) = self.poll_write(cx) {
            return Poll::Ready(self.lose_io(&error));
        }
        loop {
            if let Some(spoken) = self.take_message() {
                return Poll::Ready(spoken);
            }
            match ready!(self.poll_read(cx)) {
                Ok(0) if self.slots.is_empty() => {
                    // A server may close when it has nothing to say (RFC 7766 §6.2.3).
                    self.reset();
                    return Poll::Pending;
                }
                Ok(0) => {
                    let fault = Fault::Unreachable {
                        what: over(self.server),
                        reason: "the connection was closed before the answer".to_owned(),
                    };
                    return Poll::Ready(self.lose(fault));
                }
                Ok(_) => {}
                Err(error) => return Poll::Ready(self.lose_io(&error)),
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let State::Open(stream) = &mut self.state else { return Poll::Pending };
        while !self.outgoing.is_empty() {
            let written = ready!(Pin::new(&mut **stream).poll_write(cx, &self.outgoing))?;
            self.outgoing.drain(..written);
            self.unflushed = true;
        }
        if self.unflushed {
            // TLS keeps records back until it is told.
            ready!(Pin::new(&mut **stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        let State::Open(stream) = &mut self.state else { return Poll::Pending };
        let mut chunk = [0_u8; CHUNK];
        let mut buffer = ReadBuf::new(&mut chunk);
        ready!(Pin::new(&mut **stream).poll_read(cx, &mut buffer))?;
        self.incoming.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// A whole message, if one has arrived. Its length is at most 65535 by its two length bytes.
    fn take_message(&mut self) -> Option<Spoken> {
        let length = usize::from(u16::from_be_bytes(*self.incoming.first_chunk::<2>()?));
        let message = self.incoming.get(2..2 + length)?.to_vec();
        self.incoming.drain(..2 + length);
        let slot = super::message::id_of(&message).and_then(|id| self.slots.get(&id).copied());
        Some(match slot {
            Some(slot) => Spoken::Message(slot, message),
            None => Spoken::Stray,
        })
    }

    fn lose_io(&mut self, error: &std::io::Error) -> Spoken {
        let what = over(self.server);
        self.lose(Fault::from_io(what, error))
    }

    fn lose(&mut self, fault: Fault) -> Spoken {
        let mut slots: Vec<usize> = self.slots.drain().map(|(_, slot)| slot).collect();
        slots.sort_unstable();
        slots.dedup();
        self.reset();
        Spoken::Lost(slots, fault)
    }

    fn reset(&mut self) {
        self.state = State::Closed;
        self.slots.clear();
        self.incoming.clear();
        self.outgoing.clear();
        self.unflushed = false;
    }
}

/// What was attempted, for a fault.
fn over(server: Server) -> String {
    match server.via {
        Via::Udp | Via::Tcp => format!("asking {} over TCP", server.address),
        Via::Tls | Via::Https => format!("asking {server}"),
    }
}
