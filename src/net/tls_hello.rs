//! The first message of a handshake with the versions of TLS that are too old for any library here:
//! all that is learnt is whether a server would go on with one.
//!
//! No key is made and nothing is kept secret: the connection ends with the server's first answer.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::model::fault::Fault;
use crate::net::tcp::Refusal;

/// A version that RFC 8996 forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Old {
    /// TLS 1.0 (RFC 2246).
    Tls10,
    /// TLS 1.1 (RFC 4346).
    Tls11,
}

/// What a server made of the offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It went on with that very version.
    Taken,
    /// It did not; with its words.
    NotTaken(String),
}

/// The suites of these versions that servers still know: elliptic curves with ECDSA and RSA, finite
/// fields and plain RSA, all with AES, then triple DES and RC4.
const SUITES: [u16; 12] = [
    0xc00a, 0xc014, 0xc009, 0xc013, 0x0039, 0x0033, 0x0035, 0x002f, 0xc012, 0xc008, 0x000a, 0x0005,
];

/// The most of a record that is read, in bytes.
const RECORD: usize = 16 << 10;

/// The alert `unrecognized_name` as a warning, after which the answer is still to come.
const UNKNOWN_NAME: [u8; 2] = [1, 112];

impl Old {
    const fn number(self) -> [u8; 2] {
        match self {
            Self::Tls10 => [3, 1],
            Self::Tls11 => [3, 2],
        }
    }
}

/// Offers one old version, and none other, to the server on an open connection. `name` is sent as
/// the server name where it is one and not an address.
///
/// # Errors
/// [`Fault::Timeout`] when the server does not answer within `limit`.
pub async fn offer(
    mut stream: TcpStream,
    version: Old,
    name: Option<&str>,
    limit: Duration,
) -> Result<Reply, Fault> {
    let what = || format!("offering an old version as {}", name.unwrap_or("nobody"));
    let exchange = async {
        stream.write_all(&client_hello(version, name)).await?;
        let (kind, body) = record(&mut stream).await?;
        // A server may warn that it does not know the name and go on (RFC 6066 §3).
        if (kind, body.as_slice()) == (21, &UNKNOWN_NAME[..]) {
            return record(&mut stream).await;
        }
        Ok::<_, std::io::Error>((kind, body))
    };
    match tokio::time::timeout(limit, exchange).await {
        Err(_) => Err(Fault::Timeout { what: what(), after: limit.into() }),
        Ok(Ok((kind, body))) => Ok(read(version, kind, &body)),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Ok(Reply::NotTaken("connection closed".to_owned()))
        }
        Ok(Err(error)) => match Refusal::of(&error) {
            Some(refusal) => Ok(Reply::NotTaken(refusal.to_string())),
            None => Err(Fault::from_io(what(), &error)),
        },
    }
}

/// Reads one record: its type and its contents, as far as they are wanted.
async fn record(stream: &mut TcpStream) -> std::io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    stream.read_exact(&mut head).await?;
    let length = usize::from(u16::from_be_bytes([head[3], head[4]]));
    let mut body = vec![0; length.min(RECORD)];
    stream.read_exact(&mut body).await?;
    Ok((head[0], body))
}

/// What the first record of an answer says.
fn read(version: Old, kind: u8, body: &[u8]) -> Reply {
    let refused = |words: &str| Reply::NotTaken(words.to_owned());
    match (kind, body) {
        // A ServerHello begins with its type, its length in three bytes, and the version.
        (22, [2, _, _, _, major, minor, ..]) if [*major, *minor] == version.number() => {
            Reply::Taken
        }
        (22, [2, ..]) => refused("another version chosen"),
        (21, [_, 70]) => refused("alert ProtocolVersion"),
        (21, [_, 40]) => refused("alert HandshakeFailure"),
        (21, [_, number]) => Reply::NotTaken(format!("alert {number}")),
        _ => refused("no TLS answer"),
    }
}

fn client_hello(version: Old, name: Option<&str>) -> Vec<u8> {
    let mut hello = version.number().to_vec();
    // The random bytes need not be: no secret depends on them here.
    hello.extend_from_slice(&[0x67; 32]);
    hello.push(0);
    hello.extend(long(&SUITES.iter().flat_map(|suite| suite.to_be_bytes()).collect::<Vec<u8>>()));
    hello.extend_from_slice(&[1, 0]);
    let mut extensions = Vec::new();
    let mut add = |number: u16, contents: &[u8]| {
        extensions.extend(number.to_be_bytes());
        extensions.extend(long(contents));
    };
    if let Some(name) = name {
        // server_name: a list with one host_name (RFC 6066 §3).
        add(0, &long(&[&[0][..], &long(name.as_bytes())].concat()));
    }
    // supported_groups: P-256, P-384, P-521, x25519; ec_point_formats: uncompressed; and
    // renegotiation_info, without which strict servers refuse (RFC 5746 §3.4).
    add(10, &long(&[0, 23, 0, 24, 0, 25, 0, 29]));
    add(11, &[1, 0]);
    add(0xff01, &[0]);
    hello.extend(long(&extensions));
    let length = u32::try_from(hello.len()).unwrap_or(u32::MAX).to_be_bytes();
    let message = [&[1, length[1], length[2], length[3]][..], &hello].concat();
    [&[22, 3, 1][..], &long(&message)].concat()
}

/// Bytes with their length in two bytes in front.
fn long(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_offered_version_is_taken() {
        let refused = |words: &str| Reply::NotTaken(words.to_owned());
        for (kind, body, expected) in [
            (22, &[2, 0, 0, 9, 3, 1, 0][..], Reply::Taken),
            (22, &[2, 0, 0, 9, 3, 3, 0], refused("another version chosen")),
            (21, &[2, 70], refused("alert ProtocolVersion")),
            (21, &[2, 112], refused("alert 112")),
            (22, &[], refused("no TLS answer")),
            (72, b"TP/1.1", refused("no TLS answer")),
        ] {
            assert_eq!(read(Old::Tls10, kind, body), expected);
        }
    }

    /// What is learnt from a server that answers with these bytes.
    async fn offered(bytes: &'static [u8]) -> Reply {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let server = async {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let _hello = stream.read(&mut [0; 4096]).await.expect("a hello");
            stream.write_all(bytes).await.expect("sent");
        };
        let client = async {
            let stream = TcpStream::connect(address).await.expect("it listens");
            offer(stream, Old::Tls10, Some("game.example"), Duration::from_secs(5)).await
        };
        tokio::join!(server, client).1.expect("an answer")
    }

    #[tokio::test]
    async fn a_warning_that_the_name_is_not_known_is_not_the_answer() {
        let warned = b"\x15\x03\x01\x00\x02\x01\x70\x16\x03\x01\x00\x06\x02\x00\x00\x02\x03\x01";
        assert_eq!(offered(warned).await, Reply::Taken);
        let refused = b"\x15\x03\x01\x00\x02\x01\x70\x15\x03\x01\x00\x02\x02\x46";
        let words = "alert ProtocolVersion".to_owned();
        assert_eq!(offered(refused).await, Reply::NotTaken(words));
        // As a fatal alert it is.
        let fatal = b"\x15\x03\x01\x00\x02\x02\x70\x16\x03\x01\x00\x06\x02\x00\x00\x02\x03\x01";
        assert_eq!(offered(fatal).await, Reply::NotTaken("alert 112".to_owned()));
    }
}
