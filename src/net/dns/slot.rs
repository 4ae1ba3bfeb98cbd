//! One question's way: how often it was sent, over what, and what it goes over next.

use std::time::Instant;

use super::message::Extension;
use super::server::Via;
use super::udp::Berth;
use crate::model::fault::Fault;

/// After how many tries over UDP one may go over TCP.
const LATE: u8 = 3;

/// One question's way.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) via: Via,
    pub(super) extension: Extension,
    /// When it was sent first.
    pub(super) first: Option<Instant>,
    pub(super) tries: u8,
    /// Whether its last try may still be answered; what is overdue makes room for others.
    pub(super) out: bool,
    /// Whether a try has gone without an answer.
    pub(super) missed: bool,
    /// Whether it goes over TCP for want of an answer, and not because its answer was cut.
    pub(super) late: bool,
    pub(super) berths: Vec<Berth>,
    /// Why the last try failed, should no other succeed.
    pub(super) trouble: Option<Fault>,
}

impl Slot {
    /// A question that has not been sent, to a server asked over `via`.
    pub(super) const fn new(via: Via) -> Self {
        Self {
            via,
            extension: Extension::Edns,
            first: None,
            tries: 0,
            out: false,
            missed: false,
            late: false,
            berths: Vec::new(),
            trouble: None,
        }
    }

    /// Whether it depends on a connection: UDP would not do, or the server is not asked over it.
    pub(super) fn needs_stream(&self) -> bool {
        self.via != Via::Udp && !self.late
    }

    /// What the next try goes over. Servers limit how many answers a second they send over UDP,
    /// where anybody may have asked in another's name, and drop the rest; over TCP they drop none.
    /// So where answers get lost every other late try goes over TCP; the ones between need no TCP,
    /// which may be blocked on the way.
    pub(super) fn next_way(&mut self, may_use_tcp: bool) -> Via {
        if !self.needs_stream() {
            self.late = may_use_tcp && self.tries >= LATE && self.tries % 2 == LATE % 2;
            self.via = if self.late { Via::Tcp } else { Via::Udp };
        }
        self.via
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ways(slot: &mut Slot, may_use_tcp: bool) -> Vec<Via> {
        (0..8)
            .map(|tries| {
                slot.tries = tries;
                slot.next_way(may_use_tcp)
            })
            .collect()
    }

    #[test]
    fn only_late_tries_go_over_tcp_and_not_all_of_them() {
        let (udp, tcp) = (Via::Udp, Via::Tcp);
        let mut slot = Slot::new(udp);
        assert_eq!(ways(&mut slot, true), [udp, udp, udp, tcp, udp, tcp, udp, tcp]);
        assert_eq!(ways(&mut slot, false), [udp; 8]);
        // One whose answer was cut stays where it fits.
        slot.via = tcp;
        assert_eq!(ways(&mut slot, true), [tcp; 8]);
        assert_eq!(ways(&mut Slot::new(Via::Tls), true), [Via::Tls; 8]);
    }
}
