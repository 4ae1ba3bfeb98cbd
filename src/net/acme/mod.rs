//! ACME (RFC 8555) as a client speaks it: an account with a key of its own, one order for one name,
//! proved by http-01. Keys live in memory and are dropped with the session.
//!
//! The other side may be anybody. Every answer has a size, every wait an end, and nothing is asked
//! outside the origin of the directory.

mod account;
mod problem;
mod request;
mod session;

pub use problem::{Part, Problem};
pub use request::CertificateRequest;
pub use session::{Challenge, Order, Proof, Session};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::fault::Fault;
use crate::model::text::one_line;
use crate::net::http::HttpUrl;

/// How far an order had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Opening an account (§7.3).
    Account,
    /// Placing the order (§7.4).
    Order,
    /// Proving to be in control of the name (§7.5.1).
    Proof,
    /// Asking for the certificate to be issued (§7.4).
    Issue,
    /// Fetching the certificate (§7.4.2).
    Download,
}

impl Stage {
    /// In words that fit behind "while".
    #[must_use]
    pub const fn doing(self) -> &'static str {
        match self {
            Self::Account => "opening an account",
            Self::Order => "placing the order",
            Self::Proof => "proving the name",
            Self::Issue => "having the certificate issued",
            Self::Download => "fetching the certificate",
        }
    }
}

/// Why an order did not come to its end.
#[derive(Debug)]
pub enum Trouble {
    /// Nothing was learnt.
    Fault(Fault),
    /// The authority says what is wrong.
    Problem(Stage, Problem),
    /// The authority offers other challenges only; these.
    NotOffered(Vec<String>),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What a directory says about itself (§7.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Meta {
    /// The terms of service an account has to agree to; `None` where there are none.
    pub terms: Option<String>,
    /// Whether an account must be known to the authority beforehand (§7.3.4).
    pub known_accounts_only: bool,
}

/// Where an authority is asked for what.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Directory {
    new_nonce: HttpUrl,
    new_account: HttpUrl,
    new_order: HttpUrl,
    meta: Meta,
}

impl Directory {
    /// Reads a directory; all of it lies at the directory's own origin.
    fn read(home: &HttpUrl, body: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Body {
            new_nonce: String,
            new_account: String,
            new_order: String,
            #[serde(default)]
            meta: About,
        }
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct About {
            terms_of_service: Option<String>,
            external_account_required: bool,
        }
        let body: Body = serde_json::from_slice(body)
            .map_err(|error| format!("not an ACME directory: {}", one_line(&error.to_string())))?;
        Ok(Self {
            new_nonce: at_home(home, &body.new_nonce)?,
            new_account: at_home(home, &body.new_account)?,
            new_order: at_home(home, &body.new_order)?,
            meta: Meta {
                terms: body.meta.terms_of_service.map(|url| one_line(&url)),
                known_accounts_only: body.meta.external_account_required,
            },
        })
    }
}

/// A URL the authority names, which must lie at the directory's own origin: whoever was allowed to
/// be asked may not send the order to somebody else.
fn at_home(home: &HttpUrl, text: &str) -> Result<HttpUrl, String> {
    let url: HttpUrl = text.parse().map_err(|why| format!("it names a URL that is none: {why}"))?;
    let same = url.scheme() == home.scheme() && url.authority() == home.authority();
    if same { Ok(url) } else { Err(format!("it leads away, to {}", one_line(&url.shown()))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_keeps_to_itself() {
        let home: HttpUrl = "https://127.0.0.1:14000/dir".parse().expect("a URL");
        let body = |order: &str| {
            serde_json::json!({
                "newNonce": "https://127.0.0.1:14000/nonce",
                "newAccount": "https://127.0.0.1:14000/account",
                "newOrder": order,
                "meta": {"termsOfService": "https://a.example/terms", "more": [1, 2]},
            })
            .to_string()
        };
        let read = |order: &str| Directory::read(&home, body(order).as_bytes());
        let good = read("https://127.0.0.1:14000/order").expect("a directory");
        assert_eq!(good.meta.terms.as_deref(), Some("https://a.example/terms"));
        for away in [
            "https://acme-v02.api.letsencrypt.org/acme/new-order",
            "https://127.0.0.1:14001/order",
            "http://127.0.0.1:14000/order",
            "file:///etc/passwd",
            "",
        ] {
            assert!(read(away).is_err(), "{away}");
        }
        for bad in [&b""[..], b"[]", b"<html>", b"{\"newNonce\": 1}"] {
            assert!(Directory::read(&home, bad).is_err());
        }
    }
}
