//! The record types that can be asked for.

use std::fmt;
use std::str::FromStr;

use hickory_proto::rr::RecordType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A type of DNS record.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Type {
    /// An IPv4 address.
    A,
    /// An IPv6 address.
    Aaaa,
    /// The name this name is an alias of.
    Cname,
    /// A mail exchanger.
    Mx,
    /// Free text.
    Txt,
    /// A name server of the zone.
    Ns,
    /// The start of authority: serial and timers of the zone.
    Soa,
    /// A service's host and port.
    Srv,
    /// Which certificate authorities may issue.
    Caa,
    /// The name of an address.
    Ptr,
    /// How to reach a web server (RFC 9460).
    Https,
    /// How to reach a service (RFC 9460).
    Svcb,
}

impl Type {
    /// Every type, in the order of the manual.
    pub const ALL: [Self; 12] = [
        Self::A,
        Self::Aaaa,
        Self::Cname,
        Self::Mx,
        Self::Txt,
        Self::Ns,
        Self::Soa,
        Self::Srv,
        Self::Caa,
        Self::Ptr,
        Self::Https,
        Self::Svcb,
    ];

    /// The mnemonic of the registry, such as `AAAA`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
            Self::Mx => "MX",
            Self::Txt => "TXT",
            Self::Ns => "NS",
            Self::Soa => "SOA",
            Self::Srv => "SRV",
            Self::Caa => "CAA",
            Self::Ptr => "PTR",
            Self::Https => "HTTPS",
            Self::Svcb => "SVCB",
        }
    }

    /// The type as it stands in messages.
    #[must_use]
    pub const fn wire(self) -> RecordType {
        match self {
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Cname => RecordType::CNAME,
            Self::Mx => RecordType::MX,
            Self::Txt => RecordType::TXT,
            Self::Ns => RecordType::NS,
            Self::Soa => RecordType::SOA,
            Self::Srv => RecordType::SRV,
            Self::Caa => RecordType::CAA,
            Self::Ptr => RecordType::PTR,
            Self::Https => RecordType::HTTPS,
            Self::Svcb => RecordType::SVCB,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Type {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(text)).ok_or_else(
            || {
                let known: Vec<&str> = Self::ALL.into_iter().map(Self::as_str).collect();
                format!("`{text}` is not a record type; known are {}", known.join(", "))
            },
        )
    }
}
