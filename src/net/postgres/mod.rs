//! One session with PostgreSQL or what stands before it: opened as libpq opens it, and asked by the
//! simple query protocol only, which every pooler passes on.

mod answer;
mod passfile;
mod read_url;
mod refusal;
mod service;
mod tls;
mod url;
mod wire;

use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::time::{Duration, Instant};

use futures_util::future::{Either, Fuse, FutureExt, select};
use rustls::pki_types::CertificateDer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_postgres::config::{SslMode as LibraryMode, SslNegotiation};
use tokio_postgres::{Client, Config, NoTls};

use crate::clock::{Clock, millis_since};
use crate::model::fault::Fault;
use crate::model::text::one_line;
use crate::model::time::Span;
use crate::net::channel::{self, Dialled, Io};
use crate::net::name::{Addresses, addresses};

pub use crate::net::channel::Keepalive;
pub use answer::{Row, Table};
pub use refusal::{Refusal, ServerError};
pub use service::Services;
pub use url::{Binding, Host, PgUrl, SessionAttrs, SslMode};
use wire::{Done, KeyPid, Wire};

/// Where and how to open sessions. Made once, so that the name is looked up once.
pub struct Door {
    url: PgUrl,
    application: String,
    addresses: Vec<SocketAddr>,
    tls: Option<rustls::ClientConfig>,
}

/// What came of looking for the door.
pub enum Found {
    /// It can be knocked at.
    Door(Box<Door>),
    /// The host's name has no address.
    No(Refusal),
}

/// What came of knocking.
pub enum Opened {
    /// A session.
    Open(Box<Session>),
    /// The other side's own no.
    No(Refusal),
}

/// How a session was greeted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Greeting {
    /// The address that was connected to, or the path of the unix socket.
    pub address: String,
    /// Which TLS protects the session; absent without TLS.
    pub tls: Option<String>,
    /// What the server calls its version.
    pub version: String,
    /// The process id the session was given to cancel by. A pooler makes one up.
    pub key_pid: Option<i32>,
    /// How long it took from the first packet to being ready for a query, in milliseconds.
    pub login_millis: f64,
}

type Driver = Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + Send>>;

/// An open session. Closed without a farewell when dropped; see [`Session::close`].
pub struct Session {
    client: Client,
    driver: Fuse<Driver>,
    /// Why the connection has ended, when it has.
    last_words: Option<Failure>,
    /// How it began.
    pub greeting: Greeting,
}

/// Why a statement brought no answer.
#[derive(Debug, Clone)]
pub enum Failure {
    /// The server's own error.
    Server(ServerError),
    /// Nothing was learnt.
    Fault(Fault),
}

impl Failure {
    fn of(what: &str, error: &tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(error) => Self::Server(ServerError::of(error)),
            None => Self::Fault(unreadable(what.to_owned(), error)),
        }
    }

    /// The failure as a fault of an exchange, where the server's error is no answer to the question.
    #[must_use]
    pub fn fault(self, what: &str) -> Fault {
        match self {
            Self::Fault(fault) => fault,
            Self::Server(error) if error.sqlstate == "42501" => Fault::Denied {
                what: what.to_owned(),
                need: format!("a privilege: {}", error.message),
            },
            Self::Server(error) => {
                Fault::Unreadable { what: what.to_owned(), reason: error.to_string() }
            }
        }
    }
}

impl Door {
    /// Finds the addresses of a URL's host and the files it names, relative to `base`.
    ///
    /// # Errors
    /// A [`Fault`] when no resolver answers or a file cannot be read.
    pub async fn find(
        url: &PgUrl,
        application: impl Into<String>,
        base: &Path,
        limit: Duration,
    ) -> Result<Found, Fault> {
        let addresses = match (&url.host, url.hostaddr) {
            (Host::Unix(_), _) => Vec::new(),
            (Host::Tcp(_), Some(address)) => vec![SocketAddr::new(address, url.port)],
            (Host::Tcp(host), None) => match addresses(host, None, limit).await? {
                Addresses::None(words) => return Ok(Found::No(Refusal::NoAddress(words))),
                Addresses::Found(ips) => {
                    ips.into_iter().map(|ip| SocketAddr::new(ip, url.port)).collect()
                }
            },
        };
        let wants_tls = matches!(url.host, Host::Tcp(_)) && url.sslmode != SslMode::Disable;
        let tls = if wants_tls { Some(tls::config(url, base)?) } else { None };
        Ok(Found::Door(Box::new(Self {
            url: url.clone(),
            application: application.into(),
            addresses,
            tls,
        })))
    }

    /// The role that goes in.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.url.user
    }

    /// The same door to another database.
    #[must_use]
    pub fn to_database(&self, database: &str) -> Self {
        Self {
            url: self.url.with_database(database),
            application: self.application.clone(),
            addresses: self.addresses.clone(),
            tls: self.tls.clone(),
        }
    }

    /// Opens a session within `limit`: the addresses in turn until one has a listener, and TLS or
    /// not as `sslmode` says.
    ///
    /// # Errors
    /// A [`Fault`] when nothing was learnt.
    pub async fn open(&self, limit: Duration) -> Result<Opened, Fault> {
        let limit = self.url.connect_timeout.map_or(limit, |most| most.min(limit));
        let what = format!("logging in to {}", self.url.target());
        let login = Box::pin(self.attempts(limit));
        tokio::time::timeout(limit, login)
            .await
            .unwrap_or(Err(Fault::Timeout { what, after: Span::from(limit) }))
    }

    /// One attempt, and a second one where `sslmode` leaves a choice and the first was refused for
    /// a reason that TLS can change.
    async fn attempts(&self, limit: Duration) -> Result<Opened, Fault> {
        let begun = Clock.tick();
        let first = match self.url.sslmode {
            SslMode::Disable | SslMode::Allow => Tls::Never,
            SslMode::Prefer => Tls::IfOffered,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => Tls::Always,
        };
        let outcome = self.attempt(first, limit, begun).await?;
        let Opened::No(refusal) = &outcome else { return Ok(outcome) };
        let second = match (self.url.sslmode, refusal) {
            (SslMode::Prefer, Refusal::Handshake(_) | Refusal::Untrusted(_)) => Tls::Never,
            // No entry in pg_hba.conf for this kind of connection, nor the other one perhaps.
            (SslMode::Prefer, Refusal::Server(error)) if error.sqlstate == "28000" => Tls::Never,
            (SslMode::Allow, Refusal::Server(error)) if error.sqlstate == "28000" => Tls::IfOffered,
            _ => return Ok(outcome),
        };
        match self.attempt(second, limit, begun).await? {
            open @ Opened::Open(_) => Ok(open),
            Opened::No(_) => Ok(outcome),
        }
    }

    async fn attempt(&self, tls: Tls, limit: Duration, begun: Instant) -> Result<Opened, Fault> {
        let (io, address) = match self.dial(limit).await? {
            Dialled::Open(io, address) => (io, address),
            Dialled::No(refusal) => return Ok(Opened::No(Refusal::Connection(refusal))),
        };
        let secured = match self.secure(io, tls).await? {
            Ok(secured) => secured,
            Err(refusal) => return Ok(Opened::No(refusal)),
        };
        self.login(secured, address, begun).await
    }

    async fn dial(&self, limit: Duration) -> Result<Dialled, Fault> {
        match self.url.socket() {
            Some(path) => channel::unix(&path).await,
            None => channel::dial_any(&self.addresses, self.url.keepalive, limit).await,
        }
    }

    /// Asks for TLS (PostgreSQL manual, "SSL Session Encryption"): one byte says yes or no.
    async fn secure(
        &self,
        mut io: Box<dyn Io>,
        wish: Tls,
    ) -> Result<Result<Secured, Refusal>, Fault> {
        let (config, host) = match (&self.tls, &self.url.host, wish) {
            (None, _, _) | (_, Host::Unix(_), _) | (_, _, Tls::Never) => {
                return Ok(Ok(Secured { io, tls: None, end_point: None }));
            }
            (Some(config), Host::Tcp(host), Tls::IfOffered | Tls::Always) => (config, host),
        };
        let what = || format!("asking {} for TLS", self.url.place());
        let mut answer = [0];
        let asked = async {
            io.write_all(&SSL_REQUEST).await?;
            io.read_exact(&mut answer).await
        };
        if let Err(error) = asked.await {
            return hung_up(&error).map(Err).ok_or_else(|| Fault::from_io(what(), &error));
        }
        match answer[0] {
            b'S' => {}
            b'N' if wish == Tls::Always => return Ok(Err(Refusal::NoTls)),
            b'N' => return Ok(Ok(Secured { io, tls: None, end_point: None })),
            // `E` begins an error. A server that cannot start a process for the connection says so
            // before it has read what is asked.
            b'E' => {
                let reason = "it answered with an error before TLS was settled, as a server does that \
                              cannot start a process for the connection";
                return Err(Fault::Unreadable { what: what(), reason: reason.to_owned() });
            }
            other => {
                let reason =
                    format!("it answered with the byte {other:#04x}, which is not PostgreSQL");
                return Err(Fault::Unreadable { what: what(), reason });
            }
        }
        let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config.clone()));
        match connector.connect(channel::server_name(host)?, io).await {
            Ok(stream) => Ok(Ok(Secured::from(stream))),
            Err(error) => Refusal::of_handshake(&error, &self.url.place()).map(Err),
        }
    }

    async fn login(
        &self,
        secured: Secured,
        address: String,
        begun: Instant,
    ) -> Result<Opened, Fault> {
        let mut config = Config::new();
        config.user(&self.url.user).dbname(&self.url.database);
        config.application_name(&self.application);
        config.channel_binding(match self.url.channel_binding {
            Binding::Disable => tokio_postgres::config::ChannelBinding::Disable,
            Binding::Prefer => tokio_postgres::config::ChannelBinding::Prefer,
            Binding::Require => tokio_postgres::config::ChannelBinding::Require,
        });
        if let Some(password) = self.url.password() {
            config.password(password);
        }
        if let Some(options) = &self.url.options {
            config.options(options);
        }
        let (wire, pid) = Wire::new(secured.io);
        let known = Begin { pid, address, tls: secured.tls.clone(), begun };
        let connected = if secured.tls.is_some() {
            // TLS is up already: "direct" keeps the library from asking for it again.
            config.ssl_mode(LibraryMode::Require).ssl_negotiation(SslNegotiation::Direct);
            let done = config.connect_raw(wire, Done(secured.end_point)).await;
            done.map(|(client, connection)| known.session(client, connection))
        } else {
            config.ssl_mode(LibraryMode::Disable);
            let done = config.connect_raw(wire, NoTls).await;
            done.map(|(client, connection)| known.session(client, connection))
        };
        match connected {
            Ok(session) => Ok(Opened::Open(Box::new(session))),
            Err(error) => self.refused(&error).map(Opened::No),
        }
    }

    /// What an error of the login says.
    fn refused(&self, error: &tokio_postgres::Error) -> Result<Refusal, Fault> {
        if let Some(error) = error.as_db_error() {
            return Ok(Refusal::Server(ServerError::of(error)));
        }
        if error.is_closed() {
            return Ok(Refusal::HungUp);
        }
        if let Some(refusal) = io_error(error).and_then(hung_up) {
            return Ok(refusal);
        }
        // The library has no kind of its own for it, only these words.
        let cause = std::error::Error::source(error).map(ToString::to_string);
        if self.url.password().is_none() && cause.as_deref() == Some("password missing") {
            return Err(Fault::Secret {
                name: "`password` of the URL".to_owned(),
                reason: format!("is missing, and the server asks {} for it", self.url.user),
            });
        }
        Err(unreadable(format!("logging in to {}", self.url.target()), error))
    }
}

/// Opens a session for whoever came to ask for something else: a no is a fault to them. Finding the
/// door and opening it may take `limit` each; `what` names the errand.
///
/// # Errors
/// A [`Fault`] when there is no session.
pub async fn enter(
    url: &PgUrl,
    application: &str,
    base: &Path,
    limit: Duration,
    what: &str,
) -> Result<Session, Fault> {
    let door = match Door::find(url, application, base, limit).await? {
        Found::Door(door) => door,
        Found::No(refusal) => return Err(refusal.fault(what)),
    };
    match door.open(limit).await? {
        Opened::Open(session) => Ok(*session),
        Opened::No(refusal) => Err(refusal.fault(what)),
    }
}

/// `SSLRequest`: a length of eight bytes and the code 80877103.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tls {
    Never,
    IfOffered,
    Always,
}

/// A connection as it is once TLS is settled.
struct Secured {
    io: Box<dyn Io>,
    tls: Option<String>,
    end_point: Option<Vec<u8>>,
}

impl From<tokio_rustls::client::TlsStream<Box<dyn Io>>> for Secured {
    fn from(stream: tokio_rustls::client::TlsStream<Box<dyn Io>>) -> Self {
        let session = stream.get_ref().1;
        let version = session.protocol_version().map(|version| format!("{version:?}"));
        let leaf: Option<&CertificateDer<'_>> =
            session.peer_certificates().and_then(|chain| chain.first());
        let end_point = leaf.and_then(tls::end_point);
        let tls = Some(version.unwrap_or_else(|| "TLS".to_owned()).replace("v1_", " 1."));
        Self { io: Box::new(stream), tls, end_point }
    }
}

/// What is known of a session before it begins.
struct Begin {
    pid: KeyPid,
    address: String,
    tls: Option<String>,
    begun: Instant,
}

impl Begin {
    fn session<T>(self, client: Client, connection: tokio_postgres::Connection<Wire, T>) -> Session
    where
        T: tokio_postgres::tls::TlsStream + Unpin + Send + 'static,
    {
        let greeting = Greeting {
            address: self.address,
            tls: self.tls,
            version: one_line(connection.parameter("server_version").unwrap_or_default()),
            key_pid: self.pid.get(),
            login_millis: millis_since(self.begun),
        };
        let driver: Driver = Box::pin(connection);
        Session { client, driver: driver.fuse(), last_words: None, greeting }
    }
}

/// The refusal that a connection which ended stands for.
fn hung_up(error: &std::io::Error) -> Option<Refusal> {
    channel::has_ended(error).then_some(Refusal::HungUp)
}

/// The input or output error at the bottom of another one.
fn io_error(error: &tokio_postgres::Error) -> Option<&std::io::Error> {
    std::error::Error::source(error)?.downcast_ref()
}

fn unreadable(what: String, error: &tokio_postgres::Error) -> Fault {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    let reason = one_line(&format!("{error}{}", cause.unwrap_or_default()));
    Fault::Unreadable { what, reason }
}

impl Session {
    /// Sends statements and reads their answers, within `limit`; `what` names the exchange.
    ///
    /// # Errors
    /// A [`Failure`] with the server's own error, or the fault that kept the answer away.
    pub async fn ask(
        &mut self,
        what: &str,
        statements: &str,
        limit: Duration,
    ) -> Result<Vec<Table>, Failure> {
        let timeout =
            || Failure::Fault(Fault::Timeout { what: what.to_owned(), after: Span::from(limit) });
        let asked = tokio::time::timeout(limit, self.exchange(statements));
        let answer = asked.await.map_err(|_| timeout())?;
        answer.map_err(|error| match (&self.last_words, error.is_closed()) {
            (Some(last_words), true) => last_words.clone(),
            (Some(_) | None, _) => Failure::of(what, &error),
        })
    }

    async fn exchange(&mut self, statements: &str) -> Result<Vec<Table>, tokio_postgres::Error> {
        let query = Box::pin(self.client.simple_query(statements));
        let answer = match select(query, &mut self.driver).await {
            Either::Left((answer, _)) => answer,
            // The connection has ended, perhaps with the answer already delivered. Why it has says
            // more than the "closed" that this or the next statement gets.
            Either::Right((end, query)) => {
                self.last_words = end.err().map(|error| Failure::of("the connection", &error));
                query.await
            }
        };
        answer.map(Table::all)
    }

    /// Says farewell, so that the server frees the slot at once; waits at most `limit` for the
    /// connection to end.
    pub async fn close(self, limit: Duration) {
        let Self { client, driver, last_words: _, greeting: _ } = self;
        drop(client);
        // Whether the other side took the farewell or not, the connection is closed by now.
        let _ended = tokio::time::timeout(limit, driver).await;
    }
}
