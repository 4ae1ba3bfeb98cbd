//! Asking a plain connection to become a TLS one, in the words of its protocol.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::model::fault::Fault;
use crate::model::text::clip;
use crate::net::tcp::Refusal;

/// The longest a server may talk before TLS begins, in bytes.
const TALK: usize = 16 << 10;

/// A protocol that begins in the clear and is asked for TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// PostgreSQL: an `SSLRequest`.
    Postgres,
    /// Mail transport: `EHLO`, `STARTTLS` (RFC 3207).
    Smtp,
    /// Mail boxes: `STARTTLS` (RFC 9051 §6.2.1).
    Imap,
    /// `MySQL` and MariaDB: an `SSLRequest` after the server's greeting.
    Mysql,
}

impl Protocol {
    /// The word OpenSSL and checklists use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Smtp => "smtp",
            Self::Imap => "imap",
            Self::Mysql => "mysql",
        }
    }
}

/// What the server says to the wish for TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It waits for the handshake.
    Ready,
    /// It does not begin TLS; with its words.
    Refused(String),
}

/// Why the talk ended before its end.
enum Trouble {
    /// The server's own doing.
    Refused(String),
    /// The connection's.
    Io(std::io::Error),
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// Asks for TLS within `limit`. Not a byte beyond the answer is read.
///
/// # Errors
/// A [`Fault`] when the server falls silent or this machine cannot send.
pub async fn upgrade(
    stream: &mut TcpStream,
    protocol: Protocol,
    limit: Duration,
) -> Result<Reply, Fault> {
    let what = || format!("asking for TLS by {}", protocol.as_str());
    let talk = async {
        match protocol {
            Protocol::Postgres => postgres(stream).await,
            Protocol::Smtp => smtp(stream).await,
            Protocol::Imap => imap(stream).await,
            Protocol::Mysql => mysql(stream).await,
        }
    };
    let ended = tokio::time::timeout(limit, talk)
        .await
        .map_err(|_| Fault::Timeout { what: what(), after: limit.into() })?;
    match ended {
        Ok(()) => Ok(Reply::Ready),
        Err(Trouble::Refused(words)) => Ok(Reply::Refused(words)),
        Err(Trouble::Io(error)) => match Refusal::of(&error) {
            Some(refusal) => Ok(Reply::Refused(refusal.to_string())),
            None if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Ok(Reply::Refused("connection closed".to_owned()))
            }
            None => Err(Fault::from_io(what(), &error)),
        },
    }
}

async fn postgres(stream: &mut TcpStream) -> Result<(), Trouble> {
    // SSLRequest: its length, and 1234.5679 as a protocol version.
    stream.write_all(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]).await?;
    match stream.read_u8().await? {
        b'S' => Ok(()),
        b'N' => Err(Trouble::Refused("the server has TLS switched off".to_owned())),
        b'E' => Err(Trouble::Refused("the server answers with an error".to_owned())),
        other => Err(Trouble::Refused(format!("not PostgreSQL: it answers with byte {other}"))),
    }
}

async fn smtp(stream: &mut TcpStream) -> Result<(), Trouble> {
    smtp_reply(stream, "220").await?;
    stream.write_all(b"EHLO gonogo.invalid\r\n").await?;
    let offers = smtp_reply(stream, "250").await?;
    if !offers.iter().any(|line| line.get(4..).is_some_and(|o| o.eq_ignore_ascii_case("STARTTLS")))
    {
        return Err(Trouble::Refused("the server does not offer STARTTLS".to_owned()));
    }
    stream.write_all(b"STARTTLS\r\n").await?;
    smtp_reply(stream, "220").await.map(|_| ())
}

/// Reads a reply of one or more lines; all but the last have a hyphen after the code.
async fn smtp_reply(stream: &mut TcpStream, code: &str) -> Result<Vec<String>, Trouble> {
    let mut lines = Vec::new();
    let mut left = TALK;
    loop {
        let line = line(stream, &mut left).await?;
        if !line.starts_with(code) {
            return Err(Trouble::Refused(clip(&line, 120)));
        }
        let last = line.as_bytes().get(3) != Some(&b'-');
        lines.push(line);
        if last {
            return Ok(lines);
        }
    }
}

async fn imap(stream: &mut TcpStream) -> Result<(), Trouble> {
    let mut left = TALK;
    let greeting = line(stream, &mut left).await?;
    if !greeting.to_ascii_uppercase().starts_with("* OK") {
        return Err(Trouble::Refused(clip(&greeting, 120)));
    }
    stream.write_all(b"a1 STARTTLS\r\n").await?;
    loop {
        let line = line(stream, &mut left).await?;
        match line.strip_prefix("a1 ") {
            Some(reply) if reply.to_ascii_uppercase().starts_with("OK") => return Ok(()),
            Some(reply) => return Err(Trouble::Refused(clip(reply, 120))),
            // Untagged lines may come at any time (RFC 9051 §2.2.2).
            None if line.starts_with("* ") => {}
            None => return Err(Trouble::Refused(clip(&line, 120))),
        }
    }
}

/// Reads a line, byte by byte: what follows it may be the handshake.
async fn line(stream: &mut TcpStream, left: &mut usize) -> Result<String, Trouble> {
    let mut line = Vec::new();
    loop {
        if *left == 0 {
            return Err(Trouble::Refused(format!("more than {} KiB before TLS", TALK >> 10)));
        }
        *left -= 1;
        match stream.read_u8().await? {
            b'\n' => break,
            byte => line.push(byte),
        }
    }
    Ok(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned())
}

/// `CLIENT_SSL` and `CLIENT_PROTOCOL_41` of the capability flags.
const MYSQL_SSL: u16 = 0x0800;
const MYSQL_41: u16 = 0x0200;

async fn mysql(stream: &mut TcpStream) -> Result<(), Trouble> {
    let refused = |words: &str| Trouble::Refused(words.to_owned());
    let mut header = [0; 4];
    stream.read_exact(&mut header).await?;
    let length =
        usize::from(header[0]) | usize::from(header[1]) << 8 | usize::from(header[2]) << 16;
    if length > TALK {
        return Err(refused("not MySQL: its greeting is too long"));
    }
    let mut greeting = vec![0; length];
    stream.read_exact(&mut greeting).await?;
    if greeting.first() != Some(&10) {
        // An error packet: 0xff, a code, a text; such as "Host is blocked".
        let text = String::from_utf8_lossy(greeting.get(3..).unwrap_or_default()).into_owned();
        return Err(Trouble::Refused(clip(&text, 120)));
    }
    // Version (ends with a zero), thread id (4), salt (8), filler (1), capabilities (2).
    let version = greeting[1..].iter().position(|byte| *byte == 0);
    let flags = version.and_then(|end| greeting.get(end + 2 + 4 + 8 + 1..)?.get(..2));
    let Some(flags) = flags else { return Err(refused("not MySQL: its greeting is cut off")) };
    if u16::from_le_bytes([flags[0], flags[1]]) & MYSQL_SSL == 0 {
        return Err(refused("the server has TLS switched off"));
    }
    // SSLRequest: capabilities (4), largest packet (4), character set (1), 23 zeros; packet 1.
    let mut request = vec![32, 0, 0, 1];
    request.extend_from_slice(&u32::from(MYSQL_SSL | MYSQL_41).to_le_bytes());
    request.extend_from_slice(&(1_u32 << 24).to_le_bytes());
    request.push(45);
    request.resize(4 + 32, 0);
    Ok(stream.write_all(&request).await?)
}
