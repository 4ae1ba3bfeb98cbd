//! Looking at an endpoint: every address, as many handshakes as it takes, nothing judged.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::{self, StreamExt};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;

use super::seen::{Accepted, Address, Contact, Observation, Sent, Served, Staple};
use super::{Stapling, Tls};
use crate::model::fault::Fault;
use crate::model::text::one_line;
use crate::net::name::{Addresses, addresses};
use crate::net::pki::certificate::Certificate;
use crate::net::pki::issuer::Issuer;
use crate::net::pki::ocsp::Answer;
use crate::net::pki::path;
use crate::net::pki::roots::Roots;
use crate::net::tcp::{Dial, dial};
use crate::net::tls::{Handshake, KeyExchange, Offer, shake};
use crate::probe::ProbeCx;

/// How many handshakes wait for a staple: nginx asks its responder only after the first handshake
/// of each worker has gone out without one.
const TRIES: usize = 5;

/// How long a server has to fetch its staple between two handshakes.
const PAUSE: Duration = Duration::from_millis(500);

/// How many addresses are looked at at the same time.
const AT_ONCE: usize = 16;

/// Looks at every address of the endpoint.
pub(super) async fn observe(tls: &Tls, cx: &ProbeCx) -> Result<Observation, Fault> {
    let name = tls.server_name().map_err(|message| Fault::Bug { message })?;
    let roots = match &tls.ca {
        Some(file) => Roots::file(&cx.path(file)).await?,
        None => Roots::platform()?,
    };
    let (found, no_address) = match &tls.addresses {
        Some(given) => (given.clone(), None),
        None => look_up(tls, cx).await?,
    };
    let look = Look { tls, cx, name: &name, roots: &roots };
    let addresses = stream::iter(found.into_iter().map(|ip| look.address(ip)))
        .buffered(AT_ONCE)
        .collect()
        .await;
    Ok(Observation { roots: roots.label.clone(), no_address, addresses })
}

async fn look_up(tls: &Tls, cx: &ProbeCx) -> Result<(Vec<IpAddr>, Option<String>), Fault> {
    let resolver = tls.resolver.map(|resolver| resolver.0);
    let limit = cx.remaining() / 2;
    Ok(match addresses(&tls.endpoint.host, resolver, limit).await? {
        Addresses::Found(found) => (found, None),
        Addresses::None(words) => (Vec::new(), Some(one_line(&words))),
    })
}

/// One look, as all addresses share it.
struct Look<'a> {
    tls: &'a Tls,
    cx: &'a ProbeCx,
    name: &'a ServerName<'static>,
    roots: &'a Roots,
}

impl Look<'_> {
    async fn address(&self, ip: IpAddr) -> Address {
        let address = SocketAddr::new(ip, self.tls.endpoint.port);
        let sight = self.contact(address).await.into();
        Address { address: address.to_string(), sight }
    }

    async fn contact(&self, address: SocketAddr) -> Result<Contact, Fault> {
        let (stream, connect_ms) = match dial(address, self.cx.remaining()).await? {
            Dial::Open(stream, millis) => (stream, millis),
            Dial::Refused(refusal) => return Ok(Contact::Refused(refusal)),
        };
        let (first, exchange) = self.first(address, stream).await?;
        let mut seen = Accepted {
            connect_ms,
            handshake_ms: first.millis,
            silent_to_post_quantum: exchange == KeyExchange::Classic,
            handshakes: 0,
            failure: None,
            fault: None,
            served: Vec::new(),
        };
        self.keep(&mut seen, &first);
        while self.waits_for_staple(&seen) && self.has_time(&seen) {
            tokio::time::sleep(PAUSE).await;
            match self.again(address, exchange).await {
                Ok(next) => self.keep(&mut seen, &next),
                Err(fault) => seen.fault = Some(fault),
            }
        }
        Ok(Contact::Accepted(seen))
    }

    /// The first handshake. When half of the time has passed without an answer, another one without
    /// post-quantum key exchange is tried beside it: its first message fits one segment, and there
    /// are middleboxes that drop longer ones.
    async fn first(
        &self,
        address: SocketAddr,
        stream: TcpStream,
    ) -> Result<(Handshake, KeyExchange), Fault> {
        let remaining = self.cx.remaining();
        let first = pin!(shake(stream, self.offer(KeyExchange::PostQuantum), remaining));
        let second = pin!(async {
            tokio::time::sleep(remaining / 2).await;
            self.again(address, KeyExchange::Classic).await
        });
        match select(first, second).await {
            Either::Left((first, _)) => Ok((first?, KeyExchange::PostQuantum)),
            Either::Right((Ok(second), _)) if second.end.is_ok() => {
                Ok((second, KeyExchange::Classic))
            }
            // That taught nothing about the first, which may still be answered.
            Either::Right((_, first)) => Ok((first.await?, KeyExchange::PostQuantum)),
        }
    }

    const fn offer(&self, exchange: KeyExchange) -> Offer<'_> {
        Offer { name: self.name, exchange }
    }

    /// A handshake over a connection of its own.
    async fn again(&self, address: SocketAddr, exchange: KeyExchange) -> Result<Handshake, Fault> {
        match dial(address, self.cx.remaining()).await? {
            Dial::Open(stream, _) => {
                shake(stream, self.offer(exchange), self.cx.remaining()).await
            }
            // It was open a moment ago: that is trouble on the way, not the target's answer.
            Dial::Refused(refusal) => Err(Fault::Unreachable {
                what: format!("connecting to {address} again"),
                reason: refusal.to_string(),
            }),
        }
    }

    /// Whether another handshake may bring a staple that did not come so far.
    fn waits_for_staple(&self, seen: &Accepted) -> bool {
        let expected = |served: &Served| {
            served.staple.is_none()
                && served.leaf().is_some_and(|leaf| leaf.must_staple || !leaf.ocsp.is_empty())
        };
        self.tls.stapling != Stapling::Off
            && seen.handshakes < TRIES
            && seen.failure.is_none()
            && seen.fault.is_none()
            && seen.served.iter().any(expected)
    }

    fn has_time(&self, seen: &Accepted) -> bool {
        let last = Duration::from_secs_f64((seen.connect_ms + seen.handshake_ms) / 1000.0);
        self.cx.remaining() > PAUSE + last * 3
    }

    /// Adds what one handshake showed.
    fn keep(&self, seen: &mut Accepted, handshake: &Handshake) {
        seen.handshakes += 1;
        if let (None, Err(failure)) = (&seen.failure, &handshake.end) {
            seen.failure = Some(failure.clone());
        }
        if handshake.chain.is_empty() {
            return;
        }
        let served = self.read(handshake);
        let known = |other: &&mut Served| other.chain.first() == served.chain.first();
        match seen.served.iter_mut().find(known) {
            Some(known) => {
                known.handshakes += 1;
                known.stapled += served.stapled;
                known.staple = served.staple.or(known.staple.take());
                known.session = known.session.take().or(served.session);
            }
            None => seen.served.push(served),
        }
    }

    /// Reads what one handshake showed.
    fn read(&self, handshake: &Handshake) -> Served {
        let chain = &handshake.chain;
        let stapled = !handshake.staple.is_empty();
        Served {
            session: handshake.end.as_ref().ok().cloned(),
            chain: chain.iter().map(sent).collect(),
            path: path::build(chain, self.roots, self.cx.clock.now()),
            name_mismatch: chain
                .first()
                .and_then(|leaf| path::names(leaf, self.name).err())
                .map(|words| one_line(&words)),
            handshakes: 1,
            stapled: usize::from(stapled),
            stapled_first: stapled,
            staple: stapled.then(|| self.staple(handshake)),
        }
    }

    fn staple(&self, handshake: &Handshake) -> Staple {
        let issuer = Issuer::find(&handshake.chain, self.roots);
        let leaf = handshake.chain.first().map_or(&[][..], |leaf| leaf.as_ref());
        Staple {
            size: handshake.staple.len(),
            answer: Answer::read(&handshake.staple, leaf, issuer.as_ref()),
        }
    }
}

fn sent(der: &CertificateDer<'static>) -> Sent {
    match Certificate::read(der) {
        Ok(certificate) => Sent::Certificate(Box::new(certificate)),
        Err(bad) => Sent::Unreadable { size: der.len(), reason: one_line(&bad.to_string()) },
    }
}
