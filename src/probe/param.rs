//! Types of parameters that several kinds share.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::model::peer::Peer;
use crate::model::schema::text_schema;

/// A regular expression, searched anywhere in the text unless it is anchored with `^` and `$`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(Regex);

text_schema!(
    Pattern,
    "Pattern",
    "A regular expression (Rust syntax), searched anywhere in the text unless anchored.",
    "format": "regex"
);

impl Pattern {
    /// Whether the text has it.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// The expression as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        regex::RegexBuilder::new(&text).size_limit(1 << 20).build().map(Self).map_err(|error| {
            // The crate draws the expression with a caret over several lines; the last one says it.
            let error = error.to_string();
            let last = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("not a regular expression: {last}")
        })
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.as_str().to_owned()
    }
}

/// A host and a port, `HOST:PORT`; an IPv6 address stands in brackets, `[2001:db8::1]:443`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint {
    /// A name without trailing dot, or an address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

text_schema!(
    Endpoint,
    "Endpoint",
    "HOST:PORT; an IPv6 address in brackets, such as [2001:db8::1]:443.",
    "pattern": r"^(\[[0-9A-Fa-f:.]+\]|[^:\s\[\]/@]+):[0-9]{1,5}$"
);

impl Endpoint {
    /// The host as an address, when it is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = |why: &str| format!("`{text}` is not HOST:PORT: {why}");
        if text.contains("://") {
            return Err(bad("it has a scheme; leave it out"));
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(|| bad("the port is missing"))?;
        let host = match host.strip_prefix('[') {
            Some(rest) => {
                let inner = rest.strip_suffix(']').ok_or_else(|| bad("a bracket is open"))?;
                inner
                    .parse::<std::net::Ipv6Addr>()
                    .map_err(|_| bad("no IPv6 address in brackets"))?;
                inner
            }
            None if host.contains(':') => {
                return Err(bad("write an IPv6 address in brackets, as in [::1]:443"));
            }
            None => host.strip_suffix('.').unwrap_or(host),
        };
        if host.is_empty() {
            return Err(bad("the host is missing"));
        }
        if host.contains(|c: char| c.is_whitespace() || c.is_control() || "/@?#[]".contains(c)) {
            return Err(bad("the host has characters a host cannot have"));
        }
        if host.split('.').any(str::is_empty) {
            return Err(bad("the host has two dots in a row, or begins with one"));
        }
        // A number in Rust may have a sign.
        let port = Some(port).filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
        let port = port.and_then(|port| port.parse().ok()).filter(|port| *port != 0_u16);
        let port = port.ok_or_else(|| bad("the port is a number from 1 to 65535"))?;
        Ok(Self { host: host.to_owned(), port })
    }
}

impl TryFrom<String> for Endpoint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.to_string()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Whom a probe of an endpoint contacts: the given addresses, or the host itself.
#[must_use]
pub fn peers(protocol: &str, endpoint: &Endpoint, addresses: &[IpAddr]) -> Vec<Peer> {
    if addresses.is_empty() {
        return vec![Peer::new(protocol, endpoint.to_string())];
    }
    addresses
        .iter()
        .map(|ip| Peer::new(protocol, std::net::SocketAddr::new(*ip, endpoint.port).to_string()))
        .collect()
}

/// A share of a whole, written as a percentage (`20%`) or a fraction (`0.2`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ShareText", into = "String")]
pub struct Share(f64);

impl schemars::JsonSchema for Share {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A share of a whole: a percentage such as 20%, or a fraction such as 0.2.",
            "anyOf": [
                { "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?%$" },
                { "type": "number", "minimum": 0, "maximum": 1 }
            ]
        })
    }
}

impl Share {
    /// The share of a percentage.
    #[must_use]
    pub const fn percent(percent: u8) -> Self {
        Self(percent as f64 / 100.0)
    }

    /// The share as a fraction; 1 is the whole.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", (self.0 * 10_000.0).round() / 100.0)
    }
}

impl From<Share> for String {
    fn from(share: Share) -> Self {
        share.to_string()
    }
}

/// A share as it stands in a document.
struct ShareText(Result<f64, String>);

impl<'de> Deserialize<'de> for ShareText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = ShareText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a share such as 20% or 0.2")
            }
            #[expect(clippy::cast_precision_loss, reason = "a share is a small number")]
            fn visit_i64<E>(self, n: i64) -> Result<ShareText, E> {
                Ok(ShareText(Ok(n as f64)))
            }
            #[expect(clippy::cast_precision_loss, reason = "a share is a small number")]
            fn visit_u64<E>(self, n: u64) -> Result<ShareText, E> {
                Ok(ShareText(Ok(n as f64)))
            }
            fn visit_f64<E>(self, n: f64) -> Result<ShareText, E> {
                Ok(ShareText(Ok(n)))
            }
            fn visit_str<E>(self, text: &str) -> Result<ShareText, E> {
                let number =
                    text.trim().strip_suffix('%').and_then(|n| n.trim().parse::<f64>().ok());
                Ok(ShareText(number.map(|n| n / 100.0).ok_or_else(|| text.to_owned())))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl TryFrom<ShareText> for Share {
    type Error = String;

    fn try_from(text: ShareText) -> Result<Self, String> {
        match text.0 {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(Self(share)),
            Ok(share) => Err(format!(
                "{share} is not a share; write a percentage such as 20%, or a fraction such as 0.2"
            )),
            Err(text) => Err(format!(
                "`{text}` is not a share; write a percentage such as 20%, or a fraction such as 0.2"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_host_and_port() {
        for (text, host, port) in [
            ("a.example:443", "a.example", 443),
            ("a.example.:443", "a.example", 443),
            ("[::1]:53", "::1", 53),
            ("127.0.0.1:1", "127.0.0.1", 1),
            ("[::ffff:192.0.2.1]:1", "::ffff:192.0.2.1", 1),
        ] {
            let endpoint: Endpoint = text.parse().expect(text);
            assert_eq!((endpoint.host.as_str(), endpoint.port), (host, port), "{text}");
        }
        for bad in [
            "a",
            "a:",
            ":1",
            "a:0",
            "a:65536",
            "::1:53",
            "[::1:53",
            "https://a:1",
            "a b:1",
            "[x]:1",
            "[fe80::1%eth0]:1",
            "a:+443",
            "a..:443",
            "a..b:443",
            ".a:443",
        ] {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad}");
        }
    }

    #[test]
    fn shares_are_percentages_or_fractions() {
        for (json, share) in [("\"20%\"", 0.2), ("0.2", 0.2), ("1", 1.0), ("\"12.5%\"", 0.125)] {
            assert_eq!(serde_json::from_str::<Share>(json).expect(json), Share(share));
        }
        for bad in ["20", "\"20\"", "-0.1", "\"120%\"", "\"NaN%\"", "true"] {
            assert!(serde_json::from_str::<Share>(bad).is_err(), "{bad}");
        }
        assert_eq!(Share::percent(20).to_string(), "20%");
    }
}
