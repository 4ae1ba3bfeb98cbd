//! The work of a client: many questions under way at once in one future, without a task for each.
//!
//! Every question is a slot. A slot is sent, sent again at growing distances while earlier tries
//! may still be answered, moved to TCP when its answer was cut, and given up in the end.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, ResponseCode};
use tokio::time::Sleep;

use super::client::{Client, Meta, Patience, TRIES};
use super::message::{Ask, Extension, Reading, decode, encode};
use super::server::Via;
use super::slot::Slot;
use super::stream::Spoken;
use super::udp::Heard;
use super::window::Window;
use crate::clock::round_millis;
use crate::model::fault::Fault;

/// How many datagrams are read from one socket before the others get their turn.
const TURN: usize = 32;

/// How many turns before other work on this thread gets its own.
const TURNS: usize = 32;

/// When to look again at a question that waits on a connection.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// After how many questions given up in a row a server counts as gone.
const GONE: usize = 50;

/// All questions of one call.
pub(super) struct Run<'a, T, F> {
    client: &'a mut Client,
    asks: &'a [Ask],
    patience: Patience,
    until: Instant,
    read: F,
    /// The question being sent.
    message: Vec<u8>,
    slots: Vec<Slot>,
    results: Vec<Option<Result<T, Fault>>>,
    /// Not sent yet.
    fresh: VecDeque<usize>,
    /// To be sent again.
    again: VecDeque<usize>,
    /// When to look at a slot again, and why.
    timers: BinaryHeap<Reverse<(Instant, usize, Alarm)>>,
    in_flight: usize,
    open: usize,
    window: Window,
    answered: usize,
    /// Whether a question was answered only when it was asked again: then answers get lost,
    /// whatever the question.
    lossy: bool,
    /// Whether TCP failed when a late try went over it.
    tcp_fails: bool,
    given_up_in_a_row: usize,
    /// What the host last said instead of the server, as the system numbers it.
    refusal: Option<i32>,
    /// Before this instant the gate lets nothing pass.
    gate_opens: Option<Instant>,
    sleep: Pin<Box<Sleep>>,
    armed: Instant,
}

/// Why a timer was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Alarm {
    /// To send it again if this many tries have not been answered.
    Again(u8),
    /// To give it up.
    GiveUp,
}

impl<'a, T, F: Fn(&Ask, &Message, &Meta) -> T> Run<'a, T, F> {
    pub(super) fn new(
        client: &'a mut Client,
        asks: &'a [Ask],
        patience: Patience,
        until: Instant,
        read: F,
    ) -> Self {
        let now = client.clock.tick();
        let via = client.server.via;
        Self {
            asks,
            patience,
            until,
            read,
            message: Vec::with_capacity(64),
            slots: asks.iter().map(|_| Slot::new(via)).collect(),
            results: asks.iter().map(|_| None).collect(),
            fresh: (0..asks.len()).collect(),
            again: VecDeque::new(),
            timers: BinaryHeap::new(),
            in_flight: 0,
            open: asks.len(),
            window: Window::new(client.pace.in_flight),
            answered: 0,
            lossy: false,
            tcp_fails: false,
            given_up_in_a_row: 0,
            refusal: None,
            gate_opens: None,
            sleep: Box::pin(tokio::time::sleep_until(until.into())),
            armed: until.max(now),
            client,
        }
    }

    /// Works until every question has its result.
    pub(super) async fn finish(mut self) -> Vec<Result<T, Fault>> {
        poll_fn(|cx| self.poll(cx)).await;
        let (client, asks) = (&self.client, self.asks);
        self.results
            .into_iter()
            .zip(asks)
            .map(|(result, ask)| {
                result.unwrap_or_else(|| {
                    Err(Fault::Timeout {
                        what: format!("asking {} for {} {}", client.server, ask.name, ask.kind),
                        after: self.patience.give_up.into(),
                    })
                })
            })
            .collect()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..TURNS {
            let now = self.client.clock.tick();
            if now >= self.until {
                self.abandon();
                return Poll::Ready(());
            }
            let mut moved = self.hear_udp(cx);
            moved |= self.hear_stream(cx);
            moved |= self.hear_https(cx);
            moved |= self.ring(now);
            moved |= self.send(cx, now);
            if self.open == 0 {
                return Poll::Ready(());
            }
            if !moved && self.wait(cx, now).is_pending() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Sets the timer for the next thing to do.
    fn wait(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        let timer = self.timers.peek().map(|Reverse((at, _, _))| *at);
        let next = [timer, self.gate_opens, Some(self.until)].into_iter().flatten().min();
        let next = next.unwrap_or(self.until);
        // Waking too early is harmless; setting the timer anew each time is not free.
        if next < self.armed || self.armed <= now {
            self.armed = next;
            self.sleep.as_mut().reset(next.into());
        }
        self.sleep.as_mut().poll(cx)
    }

    fn hear_udp(&mut self, cx: &mut Context<'_>) -> bool {
        let mut buffer = [0_u8; 4096];
        let mut moved = false;
        let lanes = self.client.udp.as_ref().map_or(0, super::udp::UdpLanes::len);
        for lane in 0..lanes {
            for _ in 0..TURN {
                let Some(udp) = &mut self.client.udp else { break };
                match udp.poll_recv(cx, lane, &mut buffer) {
                    Poll::Pending => break,
                    Poll::Ready(Heard::Stray) => moved = true,
                    Poll::Ready(Heard::Bytes(slot, length)) if length == buffer.len() => {
                        moved = true;
                        self.oversized(slot, length);
                    }
                    Poll::Ready(Heard::Bytes(slot, length)) => {
                        moved = true;
                        self.heard(slot, &buffer[..length], Via::Udp, 0);
                    }
                    Poll::Ready(Heard::Failed(error)) => {
                        moved = true;
                        let slots = udp.slots_of(lane);
                        self.refused(&slots, &error);
                    }
                }
            }
        }
        moved
    }

    fn hear_stream(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        for _ in 0..TURN {
            match self.client.stream.poll(cx) {
                Poll::Pending => break,
                Poll::Ready(Spoken::Stray) => moved = true,
                Poll::Ready(Spoken::Message(slot, bytes)) => {
                    moved = true;
                    let via = self.stream_via();
                    self.heard(slot, &bytes, via, 0);
                }
                Poll::Ready(Spoken::Lost(slots, fault)) => {
                    moved = true;
                    for slot in slots {
                        self.retry_or_fail(slot, &fault);
                    }
                }
            }
        }
        moved
    }

    fn hear_https(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        while let Poll::Ready(landed) = self.client.https.poll(cx) {
            moved = true;
            match landed.answer {
                Ok((bytes, age)) => self.heard(landed.slot, &bytes, Via::Https, age),
                Err(fault) => self.retry_or_fail(landed.slot, &fault),
            }
        }
        moved
    }

    /// Nobody listens there, says the host. Not final: the message may be forged or old.
    fn refused(&mut self, slots: &[usize], error: &std::io::Error) {
        self.refusal = error.raw_os_error().or(self.refusal);
        for &slot in slots {
            if self.is_open(slot) {
                let what = self.what(slot);
                self.slots[slot].trouble = Some(Fault::from_io(what, error));
            }
        }
    }

    /// What the host said to another question of a server that never answered one. Hosts limit how
    /// many refusals they send (RFC 1812 §4.3.2.8), so not every question hears its own.
    fn server_trouble(&self, slot: usize) -> Option<Fault> {
        let code = self.refusal.filter(|_| self.answered == 0)?;
        Some(Fault::from_io(self.what(slot), &std::io::Error::from_raw_os_error(code)))
    }

    /// After a lost connection: once more, or never again.
    fn retry_or_fail(&mut self, slot: usize, fault: &Fault) {
        if !self.is_open(slot) {
            return;
        }
        if !self.slots[slot].needs_stream() {
            // TCP was only tried beside UDP, which goes on.
            self.tcp_fails = true;
            return;
        }
        // A certificate or an HTTP status does not get better by asking again.
        let is_final = matches!(fault, Fault::Unreadable { .. } | Fault::Local { .. });
        if !is_final && self.slots[slot].tries < TRIES {
            self.slots[slot].trouble = Some(fault.clone());
            if self.answered > 0 {
                self.requeue(slot);
            }
        } else {
            self.finish_slot(slot, Err(fault.clone()));
        }
    }

    /// More than fits into the buffer, and far more than was said to be welcome: what is cut off
    /// cannot be judged.
    fn oversized(&mut self, slot: usize, length: usize) {
        if self.is_open(slot) {
            let reason = format!("a datagram of {length} bytes or more is no answer");
            self.slots[slot].trouble = Some(Fault::Unreadable { what: self.what(slot), reason });
        }
    }

    fn heard(&mut self, slot: usize, bytes: &[u8], via: Via, age: u32) {
        if !self.is_open(slot) {
            return;
        }
        match decode(&self.asks[slot], bytes) {
            Reading::Foreign => {}
            Reading::Garbage(reason) => {
                let what = self.what(slot);
                let reason = crate::model::text::one_line(&reason);
                self.slots[slot].trouble = Some(Fault::Unreadable { what, reason });
            }
            Reading::Answer(message) => self.answer(slot, &message, via, age),
        }
    }

    fn answer(&mut self, slot: usize, message: &Message, via: Via, age: u32) {
        let header = &message.metadata;
        let state = &mut self.slots[slot];
        let unreadable =
            matches!(header.response_code, ResponseCode::FormErr | ResponseCode::NotImp);
        if unreadable && message.edns.is_none() && state.extension == Extension::Edns {
            // RFC 6891 §7: a server that knows no EDNS says FORMERR or NOTIMP.
            state.extension = Extension::Plain;
            self.requeue(slot);
            return;
        }
        if header.truncation && via == Via::Udp {
            state.via = Via::Tcp;
            state.late = false;
            self.requeue(slot);
            return;
        }
        let now = self.client.clock.tick();
        let first = state.first.unwrap_or(now);
        let meta = Meta {
            at: self.client.clock.now(),
            millis: round_millis(now.duration_since(first).as_secs_f64() * 1000.0),
            tries: state.tries,
            via,
            age,
        };
        if state.tries == 1 {
            self.window.answered();
        }
        self.lossy |= state.missed;
        self.answered += 1;
        self.given_up_in_a_row = 0;
        let facts = (self.read)(&self.asks[slot], message, &meta);
        self.finish_slot(slot, Ok(facts));
    }

    /// Looks at the slots whose time has come.
    fn ring(&mut self, now: Instant) -> bool {
        let mut moved = false;
        while let Some(&Reverse((at, slot, alarm))) = self.timers.peek() {
            if at > now {
                break;
            }
            self.timers.pop();
            if !self.is_open(slot) {
                continue;
            }
            moved = true;
            match alarm {
                Alarm::Again(tries) if self.slots[slot].tries == tries => {
                    let held = self.client.stream.holds(slot) || self.client.https.holds(slot);
                    if held && self.slots[slot].needs_stream() {
                        // TCP repeats by itself; look again should the connection be lost.
                        self.timers.push(Reverse((now + LOOK_AGAIN, slot, alarm)));
                        continue;
                    }
                    self.window.missed(now);
                    self.slots[slot].missed = true;
                    self.requeue(slot);
                }
                Alarm::Again(_) => {}
                Alarm::GiveUp => self.give_up(slot),
            }
        }
        moved
    }

    fn give_up(&mut self, slot: usize) {
        let trouble = self.slots[slot].trouble.take().or_else(|| self.server_trouble(slot));
        let fault = trouble.unwrap_or_else(|| Fault::Timeout {
            what: self.what(slot),
            after: self.patience.give_up.into(),
        });
        self.finish_slot(slot, Err(fault.clone()));
        self.given_up_in_a_row += 1;
        // A server that has never answered will not answer the rest either.
        let limit = if self.answered == 0 { self.asks.len().min(4) } else { GONE };
        if self.given_up_in_a_row >= limit {
            while let Some(slot) = self.fresh.pop_front() {
                if self.is_open(slot) {
                    let fault = about(&fault, self.what(slot));
                    self.finish_slot(slot, Err(fault));
                }
            }
        }
    }

    fn send(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut moved = false;
        self.gate_opens = None;
        while let Some(slot) = self.next_slot() {
            let via = self.way(slot);
            let has_room = match via {
                Via::Udp => true,
                Via::Tcp | Via::Tls => self.client.stream.has_room(),
                Via::Https => self.client.https.has_room(),
            };
            if !has_room {
                self.put_back(slot);
                break;
            }
            if let Err(opens) = self.client.gate.pass(now, &mut self.client.random) {
                self.gate_opens = Some(opens);
                self.put_back(slot);
                break;
            }
            let sent = match via {
                Via::Udp => self.send_udp(cx, slot),
                Via::Tcp | Via::Tls => self.send_stream(slot),
                Via::Https => self.send_https(slot),
            };
            if sent.is_pending() {
                self.put_back(slot);
                break;
            }
            moved = true;
            self.note_sent(slot, now);
        }
        moved
    }

    /// What the next try of a question goes over.
    fn way(&mut self, slot: usize) -> Via {
        let may_use_tcp = self.lossy && !self.tcp_fails && self.client.stream.has_room();
        self.slots[slot].next_way(may_use_tcp)
    }

    fn next_slot(&mut self) -> Option<usize> {
        if self.in_flight >= self.window.limit {
            return None;
        }
        while let Some(slot) = self.again.pop_front().or_else(|| self.fresh.pop_front()) {
            if self.is_open(slot) {
                return Some(slot);
            }
        }
        None
    }

    /// To be sent again as soon as there is room.
    fn requeue(&mut self, slot: usize) {
        self.land(slot);
        self.again.push_back(slot);
    }

    /// No answer to the last try is expected any more.
    fn land(&mut self, slot: usize) {
        if std::mem::take(&mut self.slots[slot].out) {
            self.in_flight -= 1;
        }
    }

    fn put_back(&mut self, slot: usize) {
        if self.slots[slot].first.is_some() {
            self.again.push_front(slot);
        } else {
            self.fresh.push_front(slot);
        }
    }

    fn note_sent(&mut self, slot: usize, now: Instant) {
        let state = &mut self.slots[slot];
        state.tries = state.tries.saturating_add(1);
        let give_up = self.patience.give_up;
        let first = *state.first.get_or_insert_with(|| {
            self.timers.push(Reverse((now + give_up, slot, Alarm::GiveUp)));
            now
        });
        if !std::mem::replace(&mut state.out, true) {
            self.in_flight += 1;
        }
        if let Some(after) = Patience::again(state.tries)
            && now + after < first + give_up
        {
            self.timers.push(Reverse((now + after, slot, Alarm::Again(state.tries))));
        }
    }

    fn send_udp(&mut self, cx: &mut Context<'_>, slot: usize) -> Poll<()> {
        let Client { udp: Some(udp), random, .. } = &mut *self.client else {
            return Poll::Ready(());
        };
        let berth = udp.berth(slot, random);
        encode(&self.asks[slot], berth.id(), self.slots[slot].extension, &mut self.message);
        match udp.poll_send(cx, berth, &self.message) {
            Poll::Pending => {
                udp.leave(berth);
                Poll::Pending
            }
            Poll::Ready(Ok(())) => {
                self.slots[slot].berths.push(berth);
                Poll::Ready(())
            }
            Poll::Ready(Err(error)) => {
                self.slots[slot].berths.push(berth);
                self.refused(&[slot], &error);
                Poll::Ready(())
            }
        }
    }

    fn send_stream(&mut self, slot: usize) -> Poll<()> {
        let Client { stream, random, .. } = &mut *self.client;
        stream.leave(slot);
        let id = stream.berth(slot, random);
        encode(&self.asks[slot], id, self.slots[slot].extension, &mut self.message);
        stream.send(&self.message, self.patience.give_up);
        Poll::Ready(())
    }

    fn send_https(&mut self, slot: usize) -> Poll<()> {
        let mut message = Vec::with_capacity(64);
        // RFC 8484 §4.1: an id of 0, for the sake of HTTP caches.
        encode(&self.asks[slot], 0, self.slots[slot].extension, &mut message);
        self.client.https.send(slot, message, self.patience.give_up);
        Poll::Ready(())
    }

    /// What the client's connection is.
    fn stream_via(&self) -> Via {
        match self.client.server.via {
            Via::Udp | Via::Tcp => Via::Tcp,
            Via::Tls => Via::Tls,
            Via::Https => Via::Https,
        }
    }

    fn is_open(&self, slot: usize) -> bool {
        self.results[slot].is_none()
    }

    fn finish_slot(&mut self, slot: usize, result: Result<T, Fault>) {
        for berth in std::mem::take(&mut self.slots[slot].berths) {
            if let Some(udp) = &mut self.client.udp {
                udp.leave(berth);
            }
        }
        // A late try may wait there while the question goes over UDP again.
        self.client.stream.leave(slot);
        self.land(slot);
        self.results[slot] = Some(result);
        self.open -= 1;
    }

    /// The time is over: what has no answer gets none.
    fn abandon(&mut self) {
        for slot in 0..self.slots.len() {
            if !self.is_open(slot) {
                continue;
            }
            let what = self.what(slot);
            let trouble = self.slots[slot].trouble.take().or_else(|| self.server_trouble(slot));
            let fault = match (trouble, self.slots[slot].first) {
                (Some(trouble), _) => trouble,
                (None, Some(first)) => Fault::Timeout {
                    what,
                    after: Duration::from_millis(
                        u64::try_from(self.until.saturating_duration_since(first).as_millis())
                            .unwrap_or(u64::MAX),
                    )
                    .into(),
                },
                (None, None) => Fault::Timeout { what, after: crate::model::time::Span::ZERO },
            };
            self.finish_slot(slot, Err(fault));
        }
    }

    fn what(&self, slot: usize) -> String {
        let ask = &self.asks[slot];
        format!("asking {} for {} {}", self.client.server, ask.name, ask.kind)
    }
}

/// The same fault of another question.
fn about(fault: &Fault, what: String) -> Fault {
    let mut fault = fault.clone();
    match &mut fault {
        Fault::Timeout { what: asked, .. }
        | Fault::Unreachable { what: asked, .. }
        | Fault::Denied { what: asked, .. }
        | Fault::Unreadable { what: asked, .. }
        | Fault::Local { what: asked, .. }
        | Fault::NotAllowed { what: asked, .. } => *asked = what,
        Fault::Name { .. }
        | Fault::Secret { .. }
        | Fault::Interrupted
        | Fault::Deadline
        | Fault::Bug { .. } => {}
    }
    fault
}
