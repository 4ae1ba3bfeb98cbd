//! Response codes by their mnemonics.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::schema::text_schema;

/// A response code, with the upper bits of EDNS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rcode(pub u16);

text_schema!(Rcode, "Rcode", "A DNS response code, such as NOERROR, NXDOMAIN, SERVFAIL, REFUSED.");

/// The registry of response codes, without those of updates and transaction signatures.
const NAMES: [(u16, &str); 11] = [
    (0, "NOERROR"),
    (1, "FORMERR"),
    (2, "SERVFAIL"),
    (3, "NXDOMAIN"),
    (4, "NOTIMP"),
    (5, "REFUSED"),
    (6, "YXDOMAIN"),
    (8, "NXRRSET"),
    (9, "NOTAUTH"),
    (16, "BADVERS"),
    (23, "BADCOOKIE"),
];

impl Rcode {
    /// No error; there may still be no records (NODATA).
    pub const NOERROR: Self = Self(0);
    /// The server could not read the question.
    pub const FORMERR: Self = Self(1);
    /// The server could not find an answer.
    pub const SERVFAIL: Self = Self(2);
    /// The name does not exist, whatever the type.
    pub const NXDOMAIN: Self = Self(3);
    /// The server does not do this.
    pub const NOTIMP: Self = Self(4);
    /// The server does not do this for us.
    pub const REFUSED: Self = Self(5);
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(code, _)| *code == self.0) {
            Some((_, name)) => f.pad(name),
            None => f.pad(&format!("RCODE{}", self.0)),
        }
    }
}

impl From<Rcode> for String {
    fn from(rcode: Rcode) -> Self {
        rcode.to_string()
    }
}

impl TryFrom<String> for Rcode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        NAMES
            .iter()
            .find(|(_, name)| *name == text)
            .map(|(code, _)| Self(*code))
            .or_else(|| text.strip_prefix("RCODE").and_then(|n| n.parse().ok()).map(Self))
            .ok_or_else(|| format!("`{text}` is not a response code"))
    }
}
