//! Whom to ask, and over what.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::schema::text_schema;

/// What messages travel over.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// UDP, with TCP for what does not fit.
    #[default]
    Udp,
    /// TCP.
    Tcp,
}

impl Via {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
    pub(super) fn is_udp(&self) -> bool {
        *self == Self::Udp
    }
}

/// A DNS server: an address and what is spoken with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Server {
    /// What is spoken.
    pub via: Via,
    /// Where.
    pub address: SocketAddr,
}

text_schema!(
    Server,
    "DnsServer",
    "A DNS server: IP or IP:PORT (UDP, with TCP for what does not fit), or tcp://IP:PORT. An IPv6 address with a port stands in brackets."
);

impl Server {
    /// A server asked over UDP.
    #[must_use]
    pub const fn udp(address: SocketAddr) -> Self {
        Self { via: Via::Udp, address }
    }

    /// Whether it is on this machine or in a private network, where nobody but its owner can be
    /// annoyed by speed.
    #[must_use]
    pub const fn is_private(&self) -> bool {
        match self.address.ip() {
            IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
            IpAddr::V6(ip) => {
                ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
            }
        }
    }

    /// As words for `dig`: `@ADDRESS` with the port and `+tcp` where needed.
    #[must_use]
    pub fn dig(&self) -> String {
        let port = match self.address.port() {
            53 => String::new(),
            port => format!(" -p {port}"),
        };
        let tcp = match self.via {
            Via::Udp => "",
            Via::Tcp => " +tcp",
        };
        format!("@{}{port}{tcp}", self.address.ip())
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.via {
            Via::Udp => "",
            Via::Tcp => "tcp://",
        };
        match (self.address.port(), self.address.ip()) {
            (53, IpAddr::V4(ip)) => f.pad(&format!("{scheme}{ip}")),
            (53, IpAddr::V6(ip)) if self.via == Via::Udp => f.pad(&ip.to_string()),
            (53, IpAddr::V6(ip)) => f.pad(&format!("{scheme}[{ip}]")),
            _ => f.pad(&format!("{scheme}{}", self.address)),
        }
    }
}

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (via, rest) = match text.split_once("://") {
            None => (Via::Udp, text),
            Some(("udp", rest)) => (Via::Udp, rest),
            Some(("tcp", rest)) => (Via::Tcp, rest),
            Some((scheme, _)) => {
                return Err(format!("`{scheme}://` is not a transport of DNS known here"));
            }
        };
        let bare = rest.strip_prefix('[').and_then(|r| r.strip_suffix(']')).unwrap_or(rest);
        let address = bare
            .parse::<IpAddr>()
            .map(|ip| SocketAddr::new(ip, 53))
            .or_else(|_| rest.parse::<SocketAddr>())
            .map_err(|_| {
                format!("`{text}` is not the address of a DNS server; write IP, IP:PORT or tcp://IP:PORT")
            })?;
        if address.port() == 0 {
            return Err(format!("`{text}`: port 0 is no port"));
        }
        Ok(Self { via, address })
    }
}

impl TryFrom<String> for Server {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Server> for String {
    fn from(server: Server) -> Self {
        server.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_and_written_alike() {
        for (text, shown, via) in [
            ("8.8.8.8", "8.8.8.8", Via::Udp),
            ("8.8.8.8:53", "8.8.8.8", Via::Udp),
            ("127.0.0.1:5353", "127.0.0.1:5353", Via::Udp),
            ("tcp://8.8.8.8", "tcp://8.8.8.8", Via::Tcp),
            ("2001:db8::1", "2001:db8::1", Via::Udp),
            ("[2001:db8::1]", "2001:db8::1", Via::Udp),
            ("[::1]:5353", "[::1]:5353", Via::Udp),
            ("tcp://[::1]", "tcp://[::1]", Via::Tcp),
        ] {
            let server: Server = text.parse().expect(text);
            assert_eq!((server.to_string().as_str(), server.via), (shown, via), "{text}");
            assert_eq!(shown.parse::<Server>().expect(shown), server);
        }
        for bad in ["", "dns.example", "8.8.8.8:0", "8.8.8.8:x", "quic://8.8.8.8", "[::1"] {
            assert!(bad.parse::<Server>().is_err(), "{bad}");
        }
    }
}
