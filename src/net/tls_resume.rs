//! Whether a server resumes a session: two handshakes, the second with what the first left behind.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::{ClientSessionMemoryCache, ClientSessionStore, Resumption};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::net::tls::{anyone, provider};

/// How long a ticket is waited for; servers send it with the end of the handshake.
const TICKET: Duration = Duration::from_millis(50);

/// How often.
const TICKETS: usize = 10;

/// What came of two handshakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Second {
    /// Whether the second resumed the session of the first.
    pub resumed: Resumed,
    /// Whether the server took data in its first flight.
    pub early_data: EarlyData,
}

/// Whether a server takes data before the handshake is done (0-RTT, RFC 8446 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EarlyData {
    /// It does.
    Accepted,
    /// It does not, or there was no session to resume.
    NotAccepted,
}

/// What came of the second handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Resumed {
    /// The session was resumed.
    Yes,
    /// A full handshake was done although the first one left a ticket or session behind.
    No,
    /// The first handshake left nothing behind: the server does not offer to resume.
    NotOffered,
}

/// Shakes hands twice with one memory of sessions. The second offers to send early data where the
/// first was told that it may; none is sent.
///
/// # Errors
/// When a handshake fails.
pub async fn resume(
    first: TcpStream,
    second: TcpStream,
    name: &ServerName<'static>,
) -> std::io::Result<Second> {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider()))
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(anyone())
        .with_no_client_auth();
    let memory = Arc::new(ClientSessionMemoryCache::new(4));
    config.resumption = Resumption::store(Arc::clone(&memory) as Arc<dyn ClientSessionStore>);
    config.enable_early_data = true;
    let connector = TlsConnector::from(Arc::new(config));
    let mut first = connector.connect(name.clone(), first).await?;
    let offered = match first.get_ref().1.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => has_ticket(&mut first).await,
        // An id or a ticket comes with the handshake (RFC 5246 §7.4.1.3, RFC 5077 §3.3); without
        // either nothing is kept.
        Some(_) | None => memory.tls12_session(name).is_some(),
    };
    drop(first);
    let second = connector.connect(name.clone(), second).await?;
    let connection = second.get_ref().1;
    let resumed = match connection.handshake_kind() {
        Some(HandshakeKind::Resumed) => Resumed::Yes,
        Some(HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest) | None if offered => {
            Resumed::No
        }
        Some(_) | None => Resumed::NotOffered,
    };
    let early_data = if connection.is_early_data_accepted() {
        EarlyData::Accepted
    } else {
        EarlyData::NotAccepted
    };
    Ok(Second { resumed, early_data })
}

/// Whether a handshake of TLS 1.3 left something to resume. Tickets come after the handshake, and
/// only when somebody reads (RFC 8446 §4.6.1).
async fn has_ticket(stream: &mut TlsStream<TcpStream>) -> bool {
    for _ in 0..TICKETS {
        if stream.get_ref().1.tls13_tickets_received() > 0 {
            return true;
        }
        // What is read is of no interest, and that nothing comes is no error.
        let _read = tokio::time::timeout(TICKET, stream.read(&mut [0; 64])).await;
    }
    false
}
