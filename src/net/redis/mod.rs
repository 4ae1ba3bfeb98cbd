//! One connection to Redis, and to what speaks its protocol: opened, proved, and asked.
//!
//! The protocol is a dozen lines, and a client library would open more connections than it is told
//! to, and keep a task of its own; so it is spoken here.

mod reply;
mod url;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncWriteExt, BufReader};

use crate::clock::{Clock, millis_since};
use crate::model::fault::Fault;
use crate::model::text::one_line;
use crate::model::time::Span;
use crate::net::channel::{self, Dialled, Io, Keepalive};
use crate::net::name::{Addresses, addresses};
use crate::net::tls;

pub use reply::Reply;
pub use url::{Host, RedisUrl};

/// An open connection.
pub struct Connection {
    io: BufReader<Box<dyn Io>>,
    /// Why a reply was not read: it would be taken for the next one's when it comes after all.
    lost: Option<Fault>,
    /// The address it leads to.
    pub address: String,
}

/// What came of connecting.
pub enum Opened {
    /// A connection that the server has let in.
    Open(Box<Connection>),
    /// The other side's own no.
    No(Refusal),
}

/// Why there is no connection. The first word of the server's error is its kind.
pub type Refusal = crate::net::refusal::Refusal<String>;

/// Connects, sets up TLS and proves who it is, within `limit`. `ca` replaces the system's roots.
///
/// # Errors
/// A [`Fault`] when nothing was learnt.
pub async fn open(url: &RedisUrl, ca: Option<&Path>, limit: Duration) -> Result<Opened, Fault> {
    let what = format!("logging in to {}", url.place());
    let opening = Box::pin(opening(url, ca, limit));
    tokio::time::timeout(limit, opening)
        .await
        .unwrap_or(Err(Fault::Timeout { what, after: Span::from(limit) }))
}

async fn opening(url: &RedisUrl, ca: Option<&Path>, limit: Duration) -> Result<Opened, Fault> {
    let dialled = match &url.host {
        Host::Unix(path) => channel::unix(path).await?,
        Host::Tcp(host, port) => match addresses(host, None, limit).await? {
            Addresses::None(words) => return Ok(Opened::No(Refusal::NoAddress(words))),
            Addresses::Found(ips) => {
                let all: Vec<_> = ips.into_iter().map(|ip| SocketAddr::new(ip, *port)).collect();
                channel::dial_any(&all, Keepalive::default(), limit).await?
            }
        },
    };
    let (io, address) = match dialled {
        Dialled::Open(io, address) => (io, address),
        Dialled::No(refusal) => return Ok(Opened::No(Refusal::Connection(refusal))),
    };
    let io = match secure(url, ca, io).await? {
        Ok(io) => io,
        Err(refusal) => return Ok(Opened::No(refusal)),
    };
    let mut connection = Connection { io: BufReader::new(io), lost: None, address };
    Ok(match connection.login(url).await? {
        None => Opened::Open(Box::new(connection)),
        Some(refusal) => Opened::No(refusal),
    })
}

async fn secure(
    url: &RedisUrl,
    ca: Option<&Path>,
    io: Box<dyn Io>,
) -> Result<Result<Box<dyn Io>, Refusal>, Fault> {
    let (Host::Tcp(host, _), true) = (&url.host, url.tls) else { return Ok(Ok(io)) };
    let roots = ca.map_or_else(channel::system_roots, channel::certificates)?;
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots);
    let config = ClientConfig::builder_with_provider(tls::provider().clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| Fault::Bug { message: error.to_string() })?
        .with_root_certificates(store)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    match connector.connect(channel::server_name(host)?, io).await {
        Ok(stream) => Ok(Ok(Box::new(stream))),
        Err(error) => Refusal::of_handshake(&error, &url.place()).map(Err),
    }
}

impl Connection {
    /// Proves who it is, chooses the database, and hears the first reply: a server that is full says
    /// so to whatever comes first, and hangs up.
    async fn login(&mut self, url: &RedisUrl) -> Result<Option<Refusal>, Fault> {
        let database = url.database.to_string();
        let mut greeting: Vec<Vec<&str>> = Vec::new();
        match (url.user.as_deref(), url.password()) {
            (Some(user), Some(password)) => greeting.push(vec!["AUTH", user, password]),
            (None, Some(password)) => greeting.push(vec!["AUTH", password]),
            (Some(_) | None, None) => {}
        }
        if url.database != 0 {
            greeting.push(vec!["SELECT", &database]);
        }
        greeting.push(vec!["PING"]);
        let what = format!("logging in to {}", url.place());
        for command in greeting {
            match self.exchange(&command).await {
                // Whoever may not PING may still be let in.
                Ok(Reply::Error(error)) if error.starts_with("NOPERM") && command == ["PING"] => {}
                Ok(Reply::Error(error)) => return Ok(Some(Refusal::Server(error))),
                Ok(Reply::Text(_) | Reply::Number(_) | Reply::List(_) | Reply::Nil) => {}
                Err(error) if channel::has_ended(&error) => return Ok(Some(Refusal::HungUp)),
                Err(error) => {
                    let reason = one_line(&error.to_string());
                    return Err(Fault::Unreadable { what, reason });
                }
            }
        }
        Ok(None)
    }

    /// Sends one command and reads its reply within `limit`.
    ///
    /// # Errors
    /// A [`Fault`] when no reply came, or none that can be read; the same one from then on.
    pub async fn ask(&mut self, command: &[&str], limit: Duration) -> Result<Reply, Fault> {
        if let Some(fault) = &self.lost {
            return Err(fault.clone());
        }
        let what = format!("asking for {}", command.join(" "));
        let fault = match tokio::time::timeout(limit, self.exchange(command)).await {
            Ok(Ok(reply)) => return Ok(reply),
            Err(_) => Fault::Timeout { what, after: Span::from(limit) },
            Ok(Err(error)) => Fault::Unreadable { what, reason: one_line(&error.to_string()) },
        };
        self.lost = Some(fault.clone());
        Err(fault)
    }

    /// How long up to `count` PINGs take, `depth` of them under way at a time, in milliseconds. When
    /// `limit` is over, those that are still under way count with what they have taken by then; the
    /// connection is of no use afterwards.
    ///
    /// # Errors
    /// A [`Fault`] when the connection ends, or a reply cannot be read, or one before was not.
    pub async fn ping(
        &mut self,
        count: usize,
        depth: usize,
        limit: Duration,
    ) -> Result<Vec<f64>, Fault> {
        if let Some(fault) = &self.lost {
            return Err(fault.clone());
        }
        let mut times = Vec::new();
        let mut under_way = 0;
        let mut begun = Clock.tick();
        let pinging = async {
            while times.len() < count {
                begun = Clock.tick();
                under_way = depth.min(count - times.len()).max(1);
                self.io.get_mut().write_all(&encode(&["PING"]).repeat(under_way)).await?;
                self.io.get_mut().flush().await?;
                while under_way > 0 {
                    reply::read(&mut self.io).await?;
                    times.push(millis_since(begun));
                    under_way -= 1;
                }
            }
            Ok::<(), io::Error>(())
        };
        match tokio::time::timeout(limit, pinging).await {
            Err(_) => {
                let what = "sending PINGs".to_owned();
                self.lost = Some(Fault::Timeout { what, after: Span::from(limit) });
                times.extend(std::iter::repeat_n(millis_since(begun), under_way));
            }
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let reason = one_line(&error.to_string());
                let fault = Fault::Unreadable { what: "sending PINGs".to_owned(), reason };
                self.lost = Some(fault.clone());
                return Err(fault);
            }
        }
        Ok(times)
    }

    async fn exchange(&mut self, command: &[&str]) -> io::Result<Reply> {
        // A server that is full has said so already and may not read any more: its words are worth
        // more than the broken pipe.
        let sent = async {
            self.io.get_mut().write_all(&encode(command)).await?;
            self.io.get_mut().flush().await
        };
        let sent = sent.await;
        let reply = reply::read(&mut self.io).await;
        match (reply, sent) {
            (Err(_), Err(error)) => Err(error),
            (reply, _) => reply,
        }
    }
}

/// A command as a list of texts.
fn encode(command: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", command.len()).into_bytes();
    for word in command {
        bytes.extend(format!("${}\r\n{word}\r\n", word.len()).into_bytes());
    }
    bytes
}
