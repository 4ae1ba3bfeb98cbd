//! One session with MySQL, MariaDB, or a proxy that speaks their protocol: opened, proved, and asked.
//!
//! Spoken here, because a client library would hide what the server says before the login, and keep a
//! task of its own. A session is always a full login: a bare touch of the port counts as a failed one
//! and, often enough, makes the server block this host.

mod auth;
mod packet;
mod url;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::fault::Fault;
use crate::model::text::one_line;
use crate::model::time::Span;
use crate::net::channel::{self, Dialled, Io, Keepalive};
use crate::net::name::{Addresses, addresses};
use crate::net::trust::{self, Trust};

use packet::{Cursor, Packets, garbage};
pub use url::{MyUrl, SslMode};

/// An open session.
pub struct Session {
    packets: Packets,
    /// Why an answer was not read to its end: what is left of it would be taken for the next one's.
    lost: Option<Fault>,
    /// How it began.
    pub greeting: Greeting,
}

/// How a session was greeted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Greeting {
    /// The address that was connected to, or the path of the unix socket.
    pub address: String,
    /// What the server calls its version, such as `10.11.19-MariaDB`.
    pub version: String,
    /// The number the server gave the session, as in `SHOW PROCESSLIST`. A proxy makes one up.
    pub number: u32,
    /// Whether TLS protects the session.
    pub tls: bool,
}

/// What came of connecting.
pub enum Opened {
    /// A session.
    Open(Box<Session>),
    /// The other side's own no.
    No(Refusal),
}

/// Why there is no session.
pub type Refusal = crate::net::refusal::Refusal<ServerError>;

/// An error of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServerError {
    /// Its number, such as 1040.
    pub number: u16,
    /// The SQLSTATE; empty before the handshake.
    pub sqlstate: String,
    /// The server's words, as one safe line.
    pub message: String,
}

impl std::fmt::Display for ServerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (error {})", self.message, self.number)
    }
}

/// The rows of an answer, in the order of its columns; NULL is `None`.
pub type Rows = Vec<Vec<Option<String>>>;

/// What the client can do (MySQL source documentation, "Capabilities Flags").
const LONG_PASSWORD: u32 = 1;
const WITH_DATABASE: u32 = 8;
const PROTOCOL_41: u32 = 0x200;
const TLS: u32 = 0x800;
const TRANSACTIONS: u32 = 0x2000;
const SECURE: u32 = 0x8000;
const PLUGINS: u32 = 0x8_0000;
const ATTRIBUTES: u32 = 0x10_0000;
/// `utf8mb4_general_ci`.
const UTF8: u8 = 45;
/// The most rows, and bytes, of an answer that are read.
const MOST_ROWS: usize = 10_000;
const MOST_BYTES: usize = 64 << 20;

/// An answer with the names of its columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// The names, in the order of the values.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Rows,
}

impl Table {
    /// Where a column is, whatever the case of its name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|known| known.eq_ignore_ascii_case(name))
    }
}

/// Where and how to open sessions. Made once, so that the name is looked up once.
pub struct Door {
    url: MyUrl,
    application: String,
    addresses: Vec<SocketAddr>,
    tls: Option<Arc<ClientConfig>>,
}

/// What came of looking for the door.
pub enum Found {
    /// It can be knocked at.
    Door(Box<Door>),
    /// The host's name has no address.
    No(Refusal),
}

impl Door {
    /// Finds the addresses of a URL's host and the files it names, relative to `base`.
    ///
    /// # Errors
    /// A [`Fault`] when no resolver answers or a file cannot be read.
    pub async fn find(
        url: &MyUrl,
        application: impl Into<String>,
        base: &Path,
        limit: Duration,
    ) -> Result<Found, Fault> {
        let addresses = match &url.socket {
            Some(_) => Vec::new(),
            None => match addresses(&url.host, None, limit).await? {
                Addresses::None(words) => return Ok(Found::No(Refusal::NoAddress(words))),
                Addresses::Found(ips) => {
                    ips.into_iter().map(|ip| SocketAddr::new(ip, url.port)).collect()
                }
            },
        };
        let wanted = url.socket.is_none() && url.ssl_mode != SslMode::Disabled;
        let tls = if wanted { Some(Arc::new(config(url, base)?)) } else { None };
        let (url, application) = (url.clone(), application.into());
        Ok(Found::Door(Box::new(Self { url, application, addresses, tls })))
    }

    /// Opens a session within `limit`.
    ///
    /// # Errors
    /// A [`Fault`] when nothing was learnt.
    pub async fn open(&self, limit: Duration) -> Result<Opened, Fault> {
        let what = format!("logging in to {}", self.url.target());
        let opening = Box::pin(self.opening(limit));
        tokio::time::timeout(limit, opening)
            .await
            .unwrap_or(Err(Fault::Timeout { what, after: Span::from(limit) }))
    }

    async fn opening(&self, limit: Duration) -> Result<Opened, Fault> {
        let dialled = match &self.url.socket {
            Some(path) => channel::unix(path).await?,
            None => channel::dial_any(&self.addresses, Keepalive::default(), limit).await?,
        };
        let (io, address) = match dialled {
            Dialled::Open(io, address) => (io, address),
            Dialled::No(refusal) => return Ok(Opened::No(Refusal::Connection(refusal))),
        };
        let Self { url, application, tls, .. } = self;
        Login { url, application, config: tls.clone(), address }.run(io).await
    }
}

/// Opens a session for whoever came to ask for something else: a no is a fault to them. Finding the
/// door and opening it may take `limit` each; `what` names the errand.
///
/// # Errors
/// A [`Fault`] when there is no session.
pub async fn enter(
    url: &MyUrl,
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

/// What the server says first.
struct Hello {
    version: String,
    capabilities: u32,
    number: u32,
    nonce: Vec<u8>,
    plugin: String,
}

struct Login<'a> {
    url: &'a MyUrl,
    application: &'a str,
    config: Option<Arc<ClientConfig>>,
    address: String,
}

impl Login<'_> {
    fn what(&self) -> String {
        format!("logging in to {}", self.url.target())
    }

    /// What an error on the way means: the end of the connection is the other side's answer.
    fn failed(&self, error: &io::Error) -> Result<Opened, Fault> {
        if channel::has_ended(error) {
            return Ok(Opened::No(Refusal::HungUp));
        }
        let reason = one_line(&error.to_string());
        Err(Fault::Unreadable { what: self.what(), reason })
    }

    async fn run(self, io: Box<dyn Io>) -> Result<Opened, Fault> {
        let mut packets = Packets { io, sequence: 0 };
        let first = match packets.read().await {
            Ok(packet) => packet,
            Err(error) => return self.failed(&error),
        };
        if first.first() == Some(&0xff) {
            return refused(&first).or_else(|error| self.failed(&error));
        }
        let hello = match hello(&first) {
            Ok(hello) => hello,
            Err(error) => return self.failed(&error),
        };
        let offered = hello.capabilities & TLS != 0;
        let config = match (self.config.clone(), self.url.ssl_mode) {
            (None, _) => None,
            (Some(_), SslMode::Preferred | SslMode::Disabled) if !offered => None,
            (Some(_), _) if !offered => return Ok(Opened::No(Refusal::NoTls)),
            (Some(config), _) => Some(config),
        };
        let tls = config.is_some();
        if let Some(config) = config {
            packets = match self.secure(packets, config).await? {
                Ok(packets) => packets,
                Err(refusal) => return Ok(Opened::No(refusal)),
            };
        }
        self.prove(packets, hello, tls).await
    }

    /// The head of the client's answer: 32 bytes that, alone, ask for TLS.
    fn head(&self, tls: bool) -> Vec<u8> {
        let mut flags = LONG_PASSWORD | PROTOCOL_41 | TRANSACTIONS | SECURE | PLUGINS | ATTRIBUTES;
        flags |= if tls { TLS } else { 0 };
        flags |= if self.url.database.is_some() { WITH_DATABASE } else { 0 };
        let mut head = flags.to_le_bytes().to_vec();
        head.extend((1_u32 << 24).to_le_bytes());
        head.push(UTF8);
        head.extend([0; 23]);
        head
    }

    async fn secure(
        &self,
        mut packets: Packets,
        config: Arc<ClientConfig>,
    ) -> Result<Result<Packets, Refusal>, Fault> {
        if let Err(error) = packets.write(&self.head(true)).await {
            return match self.failed(&error)? {
                Opened::No(refusal) => Ok(Err(refusal)),
                Opened::Open(_) => Ok(Err(Refusal::HungUp)),
            };
        }
        let connector = tokio_rustls::TlsConnector::from(config);
        let name = channel::server_name(&self.url.host)?;
        match connector.connect(name, packets.io).await {
            Ok(stream) => Ok(Ok(Packets { io: Box::new(stream), sequence: packets.sequence })),
            Err(error) => Refusal::of_handshake(&error, &self.url.place()).map(Err),
        }
    }

    async fn prove(self, mut packets: Packets, hello: Hello, tls: bool) -> Result<Opened, Fault> {
        // A unix socket leads to the same machine.
        let safe = tls || self.url.socket.is_some();
        // Where the plugin offered first is not known here, the server may know another for this user.
        let proof = auth::answer(&hello.plugin, self.url.password(), &hello.nonce, safe);
        let (plugin, proof) = match proof {
            Some(proof) => (hello.plugin.clone(), proof),
            None => ("mysql_native_password".to_owned(), Vec::new()),
        };
        let mut packet = self.head(tls);
        packet.extend([self.url.user.as_bytes(), b"\0"].concat());
        packet.push(u8::try_from(proof.len()).unwrap_or(0));
        packet.extend(proof);
        if let Some(database) = &self.url.database {
            packet.extend([database.as_bytes(), b"\0"].concat());
        }
        packet.extend([plugin.as_bytes(), b"\0"].concat());
        packet.extend(attributes(self.application));
        match self.talk(&mut packets, &packet, safe).await {
            Ok(Ok(None)) => {
                let (address, version) = (self.address, hello.version);
                let greeting = Greeting { address, version, number: hello.number, tls };
                Ok(Opened::Open(Box::new(Session { packets, lost: None, greeting })))
            }
            Ok(Ok(Some(error))) => Ok(Opened::No(Refusal::Server(error))),
            Ok(Err(fault)) => Err(fault),
            Err(error) => self.failed(&error),
        }
    }

    /// Proof and counter-question until the server is content: `None`, or its error.
    async fn talk(
        &self,
        packets: &mut Packets,
        first: &[u8],
        safe: bool,
    ) -> io::Result<Result<Option<ServerError>, Fault>> {
        packets.write(first).await?;
        // A server that never ends asking is no server.
        for _ in 0..8 {
            let packet = packets.read().await?;
            match (packet.first(), packet.get(1)) {
                (Some(0x00), _) => return Ok(Ok(None)),
                (Some(0xff), _) => return server_error(&packet).map(|error| Ok(Some(error))),
                (Some(0xfe), _) => {
                    let mut cursor = Cursor(&packet[1..]);
                    let plugin = String::from_utf8_lossy(cursor.until_zero()).into_owned();
                    let nonce = cursor.until_zero();
                    let proof = auth::answer(&plugin, self.url.password(), nonce, safe);
                    let Some(proof) = proof else { return Ok(Err(self.unknown(&plugin))) };
                    packets.write(&proof).await?;
                }
                // `caching_sha2_password`: 3 is a yes, 4 asks for the password itself.
                (Some(0x01), Some(3)) => {}
                (Some(0x01), Some(4)) if safe => {
                    packets.write(&auth::clear(self.url.password())).await?;
                }
                (Some(0x01), Some(4)) => {
                    return Ok(Err(Fault::Denied {
                        what: self.what(),
                        need:
                            "TLS, to say the password that the server does not know by heart yet \
                               (caching_sha2_password)"
                                .to_owned(),
                    }));
                }
                (_, _) => return Err(garbage("it is neither yes nor no")),
            }
        }
        Err(garbage("it asks without end"))
    }

    fn unknown(&self, plugin: &str) -> Fault {
        let reason = format!("the server asks for {}, which is not known here", one_line(plugin));
        Fault::Unreadable { what: self.what(), reason }
    }
}

/// The name in the description of a column: its fifth text, after catalogue, schema and two of the table.
/// Where it cannot be read the column has none, and nothing is found by it.
fn column(packet: &[u8]) -> String {
    let mut cursor = Cursor(packet);
    let mut texts = (0..5).map(|_| cursor.text().ok().flatten());
    texts.nth(4).flatten().map(|name| one_line(&name)).unwrap_or_default()
}

fn refused(packet: &[u8]) -> io::Result<Opened> {
    server_error(packet).map(|error| Opened::No(Refusal::Server(error)))
}

fn server_error(packet: &[u8]) -> io::Result<ServerError> {
    let (number, sqlstate, message) = packet::error(packet)?;
    Ok(ServerError { number, sqlstate, message })
}

/// Reads the greeting, version 10 of it.
fn hello(packet: &[u8]) -> io::Result<Hello> {
    let mut cursor = Cursor(packet);
    if cursor.byte()? != 10 {
        return Err(garbage("its greeting is of no version that is known"));
    }
    let version = one_line(&String::from_utf8_lossy(cursor.until_zero()));
    let number = u32::try_from(cursor.number(4)?).unwrap_or_default();
    let mut nonce = cursor.take(8)?.to_vec();
    cursor.take(1)?;
    let low = cursor.number(2)?;
    cursor.take(3)?;
    let high = cursor.number(2)?;
    let length = usize::from(cursor.byte()?);
    cursor.take(10)?;
    nonce.extend(cursor.take(length.saturating_sub(8).max(13))?);
    // The last byte of the nonce is its end.
    nonce.truncate(20);
    let plugin = String::from_utf8_lossy(cursor.until_zero()).into_owned();
    let capabilities = u32::try_from(low | high << 16).unwrap_or_default();
    Ok(Hello { version, capabilities, number, nonce, plugin })
}

/// What the client calls itself, in `performance_schema.session_connect_attrs`.
fn attributes(application: &str) -> Vec<u8> {
    let text = |text: &str| {
        let length = u8::try_from(text.len()).unwrap_or(0);
        [&[length], &text.as_bytes()[..usize::from(length)]].concat()
    };
    let pair = [text("program_name"), text(application)].concat();
    [vec![u8::try_from(pair.len()).unwrap_or(0)], pair].concat()
}

/// How to open TLS for a URL.
fn config(url: &MyUrl, base: &Path) -> Result<ClientConfig, Fault> {
    let trust = match url.ssl_mode {
        SslMode::VerifyIdentity => Trust::ChainAndName,
        SslMode::VerifyCa => Trust::Chain,
        SslMode::Disabled | SslMode::Preferred | SslMode::Required => Trust::Nothing,
    };
    let roots = url.ssl_ca.as_ref().map(|file| base.join(file));
    Ok(trust::config(trust, roots.as_deref())?.with_no_client_auth())
}

impl Session {
    /// Sends one statement and reads its rows, within `limit`. The server's own error is the inner one.
    ///
    /// # Errors
    /// A [`Fault`] when no answer came, or none that can be read.
    pub async fn ask(
        &mut self,
        what: &str,
        statement: &str,
        limit: Duration,
    ) -> Result<Result<Rows, ServerError>, Fault> {
        self.ask_table(what, statement, limit).await.map(|answer| answer.map(|table| table.rows))
    }

    /// Like [`Session::ask`], with the names of the columns.
    ///
    /// # Errors
    /// A [`Fault`] when no answer came, or none that can be read; the same one from then on.
    pub async fn ask_table(
        &mut self,
        what: &str,
        statement: &str,
        limit: Duration,
    ) -> Result<Result<Table, ServerError>, Fault> {
        if let Some(fault) = &self.lost {
            return Err(fault.clone());
        }
        let fault = match tokio::time::timeout(limit, self.exchange(statement)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Err(_) => Fault::Timeout { what: what.to_owned(), after: Span::from(limit) },
            Ok(Err(error)) => {
                let reason = one_line(&error.to_string());
                Fault::Unreadable { what: what.to_owned(), reason }
            }
        };
        self.lost = Some(fault.clone());
        Err(fault)
    }

    async fn exchange(&mut self, statement: &str) -> io::Result<Result<Table, ServerError>> {
        self.packets.sequence = 0;
        self.packets.write(&[b"\x03", statement.as_bytes()].concat()).await?;
        let first = self.packets.read().await?;
        match first.first() {
            Some(0xff) => return server_error(&first).map(Err),
            Some(0x00) => return Ok(Ok(Table::default())),
            Some(0xfb) | None => return Err(garbage("it asks for a file, or says nothing")),
            Some(_) => {}
        }
        let columns = Cursor(&first).length()?.unwrap_or(0);
        let mut room = MOST_BYTES;
        let mut names = Vec::new();
        for _ in 0..columns {
            names.push(column(&self.piece(&mut room).await?));
        }
        // The end of the descriptions.
        self.piece(&mut room).await?;
        let mut rows = Vec::new();
        loop {
            let packet = self.piece(&mut room).await?;
            match packet.first() {
                Some(0xff) => return server_error(&packet).map(Err),
                Some(0xfe) if packet.len() < 9 => return Ok(Ok(Table { columns: names, rows })),
                _ if rows.len() == MOST_ROWS => return Err(garbage("rows without end")),
                _ => {}
            }
            let mut cursor = Cursor(&packet);
            let row: io::Result<Vec<Option<String>>> =
                (0..columns).map(|_| cursor.text()).collect();
            rows.push(row?);
        }
    }

    /// One packet of an answer that may have so many bytes more, its head included.
    async fn piece(&mut self, room: &mut usize) -> io::Result<Vec<u8>> {
        let packet = self.packets.read().await?;
        let left = room.checked_sub(packet.len() + 4);
        *room = left.ok_or_else(|| garbage("an answer beyond all measure"))?;
        Ok(packet)
    }

    /// Says farewell, so that the server frees the connection at once and does not count it as aborted.
    pub async fn close(mut self, limit: Duration) {
        self.packets.sequence = 0;
        // Whether the server still hears it or not, the connection is closed by now.
        let _said = tokio::time::timeout(limit, self.packets.write(b"\x01")).await;
    }
}
