//! Looking at what a check asks for beside the certificate: protocols, versions and suites, each
//! offered in a handshake of its own, and whether sessions are resumed.

use std::net::SocketAddr;

use rustls::pki_types::ServerName;

use super::observe::{Look, Open};
use super::seen::{Accepted, Offered, Reply};
use super::{EarlyData, Resumption, Version};
use crate::model::fault::Fault;
use crate::model::text::one_line;
use crate::net::tls::{KeyExchange, Offer, Session, Versions};
use crate::net::tls_hello::{self, Old};
use crate::net::tls_resume::{Second, resume};

impl Look<'_> {
    /// Looks at everything the check asks for of an address that can be spoken to.
    pub(super) async fn asked_for(&self, address: SocketAddr, seen: &mut Accepted) {
        if self.tls.resumption == Resumption::Want || self.tls.early_data == EarlyData::Refuse {
            seen.resumed = Some(self.resumed(address).await.into());
        }
        let plain = self.offer(KeyExchange::Classic);
        for protocol in &self.tls.alpn {
            let offer = Offer { alpn: Some(protocol), ..plain };
            let chosen = |session: &Session| session.alpn.as_ref() == Some(protocol);
            seen.alpn.push(self.offered(address, protocol, offer, chosen).await);
        }
        for suite in &self.tls.suites {
            let offer = Offer { suite: Some(suite), ..plain };
            seen.suites.push(self.offered(address, suite, offer, |_| true).await);
        }
        if !self.tls.versions.is_empty() {
            for version in Version::ALL {
                seen.versions.push(self.version(address, version).await);
            }
        }
    }

    /// One offer, in a handshake of its own.
    async fn offered(
        &self,
        address: SocketAddr,
        what: &str,
        offer: Offer<'_>,
        is_chosen: impl Fn(&Session) -> bool,
    ) -> Offered {
        let reply = self.again(address, offer).await.map(|handshake| match handshake.end {
            Ok(session) if is_chosen(&session) => Reply::Taken,
            Ok(_) => Reply::NotTaken("the server goes on without it".to_owned()),
            Err(failure) => Reply::NotTaken(failure.to_string()),
        });
        Offered { what: what.to_owned(), sight: reply.into() }
    }

    /// One version of TLS.
    async fn version(&self, address: SocketAddr, version: Version) -> Offered {
        let plain = self.offer(KeyExchange::Classic);
        let (old, versions) = match version {
            Version::Tls10 => (Some(Old::Tls10), Versions::Tls12),
            Version::Tls11 => (Some(Old::Tls11), Versions::Tls12),
            Version::Tls12 => (None, Versions::Tls12),
            Version::Tls13 => (None, Versions::Tls13),
        };
        match old {
            None => {
                let offer = Offer { versions, ..plain };
                self.offered(address, version.as_str(), offer, |_| true).await
            }
            Some(old) => {
                let sight = self.old_version(address, old).await.into();
                Offered { what: version.as_str().to_owned(), sight }
            }
        }
    }

    async fn old_version(&self, address: SocketAddr, old: Old) -> Result<Reply, Fault> {
        let name = match self.name {
            ServerName::DnsName(name) => Some(name.as_ref()),
            ServerName::IpAddress(_) | _ => None,
        };
        let stream = match self.open(address).await? {
            Open::Ready(stream, _) => stream,
            // It was open a moment ago: that says nothing about the version.
            Open::Refused(refusal) => {
                let what = format!("connecting to {address} again");
                return Err(Fault::Unreachable { what, reason: refusal.to_string() });
            }
            Open::Plain(reason) => {
                let what = format!("asking {address} for TLS again");
                return Err(Fault::Unreadable { what, reason });
            }
        };
        let reply = tls_hello::offer(stream, old, name, self.cx.remaining()).await?;
        Ok(match reply {
            tls_hello::Reply::Taken => Reply::Taken,
            tls_hello::Reply::NotTaken(words) => Reply::NotTaken(words),
        })
    }

    /// Whether a second handshake resumes the session of a first.
    async fn resumed(&self, address: SocketAddr) -> Result<Second, Fault> {
        let what = format!("resuming a session with {address}");
        let mut streams = Vec::new();
        for _ in 0..2 {
            match self.open(address).await? {
                Open::Ready(stream, _) => streams.push(stream),
                Open::Refused(refusal) => {
                    return Err(Fault::Unreachable { what, reason: refusal.to_string() });
                }
                Open::Plain(reason) => return Err(Fault::Unreadable { what, reason }),
            }
        }
        let (Some(second), Some(first)) = (streams.pop(), streams.pop()) else {
            return Err(Fault::Bug { message: format!("{what}: no connection") });
        };
        let both = resume(first, second, self.name);
        let ended = self.cx.within(what.clone(), both).await?;
        ended.map_err(|error| Fault::Unreadable { what, reason: one_line(&error.to_string()) })
    }
}
