//! Looking at an endpoint: every address, as many handshakes as it takes, nothing judged.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::{self, StreamExt};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::ask::{ask, tells};
use super::seen::{Accepted, Address, Contact, Observation, OtherKey, Sent, Served, Staple, Tls12};
use super::{Revocation, Stapling, Tls};
use crate::model::fault::Fault;
use crate::model::text::one_line;
use crate::net::date;
use crate::net::name::{Addresses, addresses};
use crate::net::pki::certificate::Key;
use crate::net::pki::file;
use crate::net::pki::issuer::Issuer;
use crate::net::pki::ocsp::Answer;
use crate::net::pki::path;
use crate::net::pki::roots::Roots;
use crate::net::tcp::{Dial, Refusal, dial};
use crate::net::tls::{Failure, Handshake, KeyExchange, Keys, Offer, Versions, shake};
use crate::net::tls_upgrade::{Reply, upgrade};
use crate::probe::ProbeCx;

/// How many handshakes wait for a staple: nginx asks its responder only after the first handshake
/// of each worker has gone out without one.
const TRIES: usize = 5;

/// How long a server has to fetch its staple between two handshakes.
const PAUSE: Duration = Duration::from_millis(500);

/// How many addresses are looked at at the same time.
const AT_ONCE: usize = 16;

/// The protocol that tells the time of day.
const HTTP: &str = "http/1.1";

/// How long a server may take to tell it.
const DATE: Duration = Duration::from_secs(2);

/// Certificates as sent.
type Chain = Vec<CertificateDer<'static>>;

/// Looks at every address of the endpoint.
pub(super) async fn observe(tls: &Tls, cx: &ProbeCx) -> Result<Observation, Fault> {
    let name = tls.server_name().map_err(|message| Fault::Bug { message })?;
    let roots = match &tls.ca {
        Some(file) => cx.within("reading the roots", Roots::file(&cx.path(file))).await??,
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
    let file = match &tls.file {
        Some(path) => Some(on_disk(&cx.path(path), cx).await.into()),
        None => None,
    };
    Ok(Observation { roots: roots.label.clone(), no_address, file, addresses })
}

/// The certificate a server is to serve, the first in its file.
async fn on_disk(path: &Path, cx: &ProbeCx) -> Result<Sent, Fault> {
    let what = format!("reading {}", path.display());
    let mut found = cx.within(what, file::certificates(path)).await??;
    Ok(Sent::read(&found.swap_remove(0)))
}

async fn look_up(tls: &Tls, cx: &ProbeCx) -> Result<(Vec<IpAddr>, Option<String>), Fault> {
    let resolver = tls.resolver.map(|resolver| resolver.0);
    let limit = cx.remaining() / 2;
    Ok(match addresses(&tls.endpoint.host, resolver, limit).await? {
        Addresses::Found(found) => (found, None),
        Addresses::None(words) => (Vec::new(), Some(one_line(&words))),
    })
}

/// A connection, as far as it came.
pub(super) enum Open {
    /// TLS can begin; the connection alone took so many milliseconds.
    Ready(TcpStream, f64),
    /// Refused.
    Refused(Refusal),
    /// The server does not begin TLS; with its words.
    Plain(String),
}

/// One look, as all addresses share it.
pub(super) struct Look<'a> {
    pub(super) tls: &'a Tls,
    pub(super) cx: &'a ProbeCx,
    pub(super) name: &'a ServerName<'static>,
    roots: &'a Roots,
}

impl Look<'_> {
    async fn address(&self, ip: IpAddr) -> Address {
        let address = SocketAddr::new(ip, self.tls.endpoint.port);
        let sight = self.contact(address).await.into();
        Address { address: address.to_string(), sight }
    }

    async fn contact(&self, address: SocketAddr) -> Result<Contact, Fault> {
        let (stream, connect_ms) = match self.open(address).await? {
            Open::Ready(stream, millis) => (stream, millis),
            Open::Refused(refusal) => return Ok(Contact::Refused(refusal)),
            Open::Plain(words) => return Ok(Contact::Plain(words)),
        };
        let (mut first, exchange) = self.first(address, stream).await?;
        let open = first.stream.take();
        let mut seen = Accepted {
            connect_ms,
            handshake_ms: first.millis,
            silent_to_post_quantum: exchange == KeyExchange::Classic,
            handshakes: 0,
            failure: None,
            fault: None,
            other_key: None,
            tls12: None,
            resumed: None,
            clock_ahead: None,
            alpn: Vec::new(),
            versions: Vec::new(),
            suites: Vec::new(),
            served: Vec::new(),
        };
        let mut chains = Vec::new();
        self.keep(&mut seen, &mut chains, first);
        let (ahead, ()) = futures_util::join!(
            self.clock_ahead(open),
            self.further(address, exchange, &mut seen, &mut chains)
        );
        seen.clock_ahead = ahead;
        Ok(Contact::Accepted(Box::new(seen)))
    }

    /// Everything but the first handshake.
    async fn further(
        &self,
        address: SocketAddr,
        exchange: KeyExchange,
        seen: &mut Accepted,
        chains: &mut Vec<Chain>,
    ) {
        while self.waits_for_staple(seen) && self.has_time(seen) {
            tokio::time::sleep(PAUSE).await;
            match self.again(address, self.offer(exchange)).await {
                Ok(next) => self.keep(seen, chains, next),
                Err(fault) => seen.fault = Some(fault),
            }
        }
        if let Some(offer) = self.other_key(seen, exchange) {
            let other = self.other(address, offer, seen, chains).await;
            seen.other_key = Some(other.into());
        }
        if self.demands_staple(seen) {
            seen.tls12 = Some(self.tls12(address).await.into());
        }
        if seen.failure.is_none() {
            self.asked_for(address, seen).await;
        }
        if self.tls.revocation == Revocation::Auto {
            for (served, chain) in seen.served.iter_mut().zip(chains) {
                let staple = match self.tls.stapling {
                    Stapling::Auto | Stapling::Require => served.staple.as_ref(),
                    Stapling::Off => None,
                };
                if !staple.is_some_and(|staple| tells(&staple.answer)) {
                    served.asked = ask(served, chain, self.roots, self.cx).await;
                }
            }
        }
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
        let first = pin!(self.greeted(address, stream, remaining));
        let second = pin!(async {
            tokio::time::sleep(remaining / 2).await;
            self.again(address, self.offer(KeyExchange::Classic)).await
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

    /// The first handshake as a web client begins it. Where that is no welcome protocol, it is begun
    /// again without one: there are servers that end the handshake over it (RFC 7301 §3.2).
    async fn greeted(
        &self,
        address: SocketAddr,
        stream: TcpStream,
        limit: Duration,
    ) -> Result<Handshake, Fault> {
        let plain = self.offer(KeyExchange::PostQuantum);
        let alpn = self.tls.starttls.is_none().then_some(HTTP);
        let first = shake(stream, Offer { alpn, ..plain }, limit).await?;
        match &first.end {
            Err(Failure::Alert(alert)) if alpn.is_some() && alert == "NoApplicationProtocol" => {
                self.again(address, plain).await
            }
            Ok(_) | Err(_) => Ok(first),
        }
    }

    /// How far the server's clock is ahead, where it speaks HTTP.
    async fn clock_ahead(&self, stream: Option<Box<TlsStream<TcpStream>>>) -> Option<i64> {
        let mut stream = stream?;
        if stream.get_ref().1.alpn_protocol() != Some(HTTP.as_bytes()) {
            return None;
        }
        let limit = DATE.min(self.cx.remaining() / 2);
        date::ask(&mut *stream, &self.tls.endpoint.host, limit).await
    }

    pub(super) const fn offer(&self, exchange: KeyExchange) -> Offer<'_> {
        Offer {
            name: self.name,
            exchange,
            versions: Versions::All,
            keys: Keys::All,
            alpn: None,
            suite: None,
        }
    }

    /// A handshake over a connection of its own.
    pub(super) async fn again(
        &self,
        address: SocketAddr,
        offer: Offer<'_>,
    ) -> Result<Handshake, Fault> {
        match self.open(address).await? {
            Open::Ready(stream, _) => shake(stream, offer, self.cx.remaining()).await,
            // It was open a moment ago: that is trouble on the way, not the target's answer.
            Open::Refused(refusal) => Err(Fault::Unreachable {
                what: format!("connecting to {address} again"),
                reason: refusal.to_string(),
            }),
            Open::Plain(words) => Err(Fault::Unreadable {
                what: format!("asking {address} for TLS again"),
                reason: words,
            }),
        }
    }

    /// Opens a connection on which TLS can begin.
    pub(super) async fn open(&self, address: SocketAddr) -> Result<Open, Fault> {
        let (mut stream, millis) = match dial(address, self.cx.remaining()).await? {
            Dial::Open(stream, millis) => (stream, millis),
            Dial::Refused(refusal) => return Ok(Open::Refused(refusal)),
        };
        if let Some(protocol) = self.tls.starttls
            && let Reply::Refused(words) =
                upgrade(&mut stream, protocol, self.cx.remaining()).await?
        {
            return Ok(Open::Plain(words));
        }
        Ok(Open::Ready(stream, millis))
    }

    /// How to ask for a certificate with the other kind of key than the one served. Clients that
    /// know only that kind are served it, and nobody else sees it expire.
    fn other_key<'b>(&'b self, seen: &Accepted, exchange: KeyExchange) -> Option<Offer<'b>> {
        if seen.failure.is_some() {
            return None;
        }
        let shows = |kind: fn(&Key) -> bool| {
            seen.served.iter().filter_map(Served::leaf).any(|leaf| kind(&leaf.key))
        };
        let rsa = shows(|key| matches!(key, Key::Rsa(_)));
        let curve = shows(|key| matches!(key, Key::Ec(_) | Key::Ed(_)));
        let keys = match (rsa, curve) {
            (true, false) => Keys::Curve,
            (false, true) => Keys::Rsa,
            (true, true) | (false, false) => return None,
        };
        Some(Offer { keys, ..self.offer(exchange) })
    }

    /// A handshake with an offer the server may have nothing for. An alert says so. Some servers
    /// close the connection instead, and others do that when they have too much to do: it counts
    /// where it happens twice, and not to a handshake in between that offers everything.
    async fn insist(&self, address: SocketAddr, offer: Offer<'_>) -> Result<Handshake, Fault> {
        let first = self.again(address, offer).await?;
        if !is_cut(&first) {
            return Ok(first);
        }
        tokio::time::sleep(PAUSE).await;
        let control = self.again(address, self.offer(offer.exchange)).await?;
        let second = self.again(address, offer).await?;
        match control.end {
            Err(failure) if is_cut(&second) => Err(Fault::Unreachable {
                what: format!("asking {address} for TLS again"),
                reason: failure.to_string(),
            }),
            Ok(_) | Err(_) => Ok(second),
        }
    }

    /// Asks for a certificate with the other kind of key. That there is none is no fault.
    async fn other(
        &self,
        address: SocketAddr,
        offer: Offer<'_>,
        seen: &mut Accepted,
        chains: &mut Vec<Chain>,
    ) -> Result<OtherKey, Fault> {
        let mut tries = 0;
        loop {
            let handshake = self.insist(address, offer).await?;
            if handshake.chain.is_empty() {
                return match handshake.end {
                    Err(
                        failure @ (Failure::NotTls(_)
                        | Failure::Oversized
                        | Failure::Violation(_)
                        | Failure::NotProved(_)),
                    ) => Err(Fault::Unreadable {
                        what: format!("asking {address} for TLS again"),
                        reason: failure.to_string(),
                    }),
                    Ok(_)
                    | Err(
                        Failure::Alert(_)
                        | Failure::Incompatible(_)
                        | Failure::Reset
                        | Failure::Closed,
                    ) => Ok(if tries == 0 { OtherKey::NotServed } else { OtherKey::Served }),
                };
            }
            self.keep(seen, chains, handshake);
            tries += 1;
            let more = self.tls.stapling != Stapling::Off
                && seen.failure.is_none()
                && seen.served.last().is_some_and(waits);
            if !more || tries == TRIES || !self.has_time(seen) {
                return Ok(OtherKey::Served);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether a staple is demanded that TLS 1.2 may not have: it travels in another message there,
    /// and another terminator may speak it.
    fn demands_staple(&self, seen: &Accepted) -> bool {
        let newest = |served: &Served| {
            // Without one over TLS 1.3 the demand is not met anyhow.
            served.staple.is_some()
                && served.session.as_ref().is_some_and(|session| session.version == "TLSv1.3")
                && (self.tls.stapling == Stapling::Require
                    || served.leaf().is_some_and(|leaf| leaf.must_staple))
        };
        self.tls.stapling != Stapling::Off && seen.served.iter().any(newest)
    }

    /// What TLS 1.2 alone shows.
    async fn tls12(&self, address: SocketAddr) -> Result<Tls12, Fault> {
        let offer = Offer { versions: Versions::Tls12, ..self.offer(KeyExchange::Classic) };
        let mut seen = Tls12 { failure: None, handshakes: 0, staple: None };
        loop {
            let handshake = self.insist(address, offer).await?;
            seen.handshakes += 1;
            seen.staple = (!handshake.staple.is_empty()).then(|| self.staple(&handshake));
            seen.failure = handshake.end.err();
            let done = seen.staple.is_some() || seen.failure.is_some();
            if done || seen.handshakes == TRIES || self.cx.remaining() < PAUSE * 2 {
                return Ok(seen);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether another handshake may bring a staple that did not come so far.
    fn waits_for_staple(&self, seen: &Accepted) -> bool {
        self.tls.stapling != Stapling::Off
            && seen.handshakes < TRIES
            && seen.failure.is_none()
            && seen.fault.is_none()
            && seen.served.iter().any(waits)
    }

    fn has_time(&self, seen: &Accepted) -> bool {
        let last = Duration::from_secs_f64((seen.connect_ms + seen.handshake_ms) / 1000.0);
        self.cx.remaining() > PAUSE + last * 3
    }

    /// Adds what one handshake showed; `chains` has the certificates of each `served` as sent.
    fn keep(&self, seen: &mut Accepted, chains: &mut Vec<Chain>, handshake: Handshake) {
        seen.handshakes += 1;
        if let (None, Err(failure)) = (&seen.failure, &handshake.end) {
            seen.failure = Some(failure.clone());
        }
        if handshake.chain.is_empty() {
            return;
        }
        let served = self.read(&handshake);
        let known = |other: &&mut Served| other.chain.first() == served.chain.first();
        if let Some(known) = seen.served.iter_mut().find(known) {
            known.handshakes += 1;
            known.stapled += served.stapled;
            known.staple = served.staple.or(known.staple.take());
            known.session = known.session.take().or(served.session);
        } else {
            seen.served.push(served);
            chains.push(handshake.chain);
        }
    }

    /// Reads what one handshake showed.
    fn read(&self, handshake: &Handshake) -> Served {
        let chain = &handshake.chain;
        let stapled = !handshake.staple.is_empty();
        Served {
            session: handshake.end.as_ref().ok().cloned(),
            chain: chain.iter().map(Sent::read).collect(),
            path: path::build(chain, self.roots, self.cx.clock.now()),
            name_mismatch: chain
                .first()
                .and_then(|leaf| path::names(leaf, self.name).err())
                .map(|words| one_line(&words)),
            handshakes: 1,
            stapled: usize::from(stapled),
            stapled_first: stapled,
            staple: stapled.then(|| self.staple(handshake)),
            asked: Vec::new(),
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

/// Whether the connection ended in the middle of a handshake, without a word.
fn is_cut(handshake: &Handshake) -> bool {
    handshake.chain.is_empty() && matches!(handshake.end, Err(Failure::Reset | Failure::Closed))
}

/// Whether a certificate can have a staple and came without one.
fn waits(served: &Served) -> bool {
    served.staple.is_none()
        && served.leaf().is_some_and(|leaf| leaf.must_staple || !leaf.ocsp.is_empty())
}
