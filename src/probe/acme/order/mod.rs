//! A test order: one certificate from an authority for tests, from the account to the certificate,
//! and all of it thrown away. What it is asked with, and what came of it.

mod answer;
mod apply;
mod facts;
mod judge;
mod look;
mod permit;

use std::net::SocketAddr;
use std::path::PathBuf;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Acme;
use crate::model::fault::Sight;
use crate::model::time::Span;
use crate::net::acme::{Meta, Problem, Stage};
use crate::net::http::HttpUrl;
use crate::net::pki::certificate::Certificate;
use crate::net::pki::path::Path;
use crate::net::pki::private_key::Pair;
use crate::probe::Complaint;

pub use apply::Change;
pub(super) use apply::apply;
pub use facts::read_issued;
pub(super) use judge::{judge, propose, summary};
pub(super) use look::look;
pub(super) use permit::{Permit, permit};

/// A real order of a certificate that is thrown away, at an authority for tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestOrder {
    /// The ACME directory to order at. Only one that is known to be for tests: the staging
    /// directory of a public authority, such as
    /// `https://acme-staging-v02.api.letsencrypt.org/directory`, or one at a loopback or private
    /// address. Nothing is ever ordered anywhere else.
    pub directory: HttpUrl,
    /// A PEM file of root certificates to trust when the directory is asked, instead of the
    /// platform's, relative to the checklist. The certificate that is ordered is not judged by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// How the http-01 challenge of the order is answered from this machine.
    pub challenge: Reply,
    /// Whether you agree to the authority's terms of service; the check shows where they are. Most
    /// directories ask for it.
    #[serde(default)]
    pub agree_terms: bool,
    /// How long an order that went through counts for later runs of the checklist, before it has to
    /// be made anew.
    #[serde(default = "a_day")]
    pub valid_for: Span,
    /// The order has to be through within this time.
    #[serde(default = "ninety_seconds")]
    pub within: Span,
}

/// How a challenge is answered: one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// The folder the web server of the name serves at `/`, such as `/var/www/html`, on this
    /// machine. The file of the challenge is put below it, under `.well-known/acme-challenge/`,
    /// and taken away again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webroot: Option<PathBuf>,
    /// An address and port of this machine, such as `0.0.0.0:80` or `[::]:80`, to listen at while
    /// the order is under way: for a name whose port 80 nobody else answers. Port 80 needs the right
    /// to bind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
}

const fn a_day() -> Span {
    Span::from_secs(24 * 3_600)
}

const fn ninety_seconds() -> Span {
    Span::from_secs(90)
}

/// What is known of a test order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderSeen {
    /// The directory it is for.
    pub directory: String,
    /// Why nothing is asked or ordered there: it is not known to be for tests.
    pub refused: Option<String>,
    /// What the directory says about itself; absent where it need not be asked.
    pub meta: Option<Sight<Meta>>,
    /// The order that counts: the one this run made, or one that an earlier run saw go through and
    /// that is not too old.
    pub made: Option<Made>,
    /// The last order of an earlier run, where it did not go through.
    pub before: Option<Made>,
}

/// One order as it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Made {
    /// When it ended.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    /// The name it was for.
    pub name: String,
    /// Where it was placed.
    pub directory: String,
    /// How long it took in milliseconds.
    pub millis: u64,
    /// How often the authority refused a nonce, and the request was made anew.
    pub refused_nonces: u32,
    /// The addresses that asked for the answer to the challenge, where this check listened for them
    /// itself. At most 32.
    pub asked_by: Vec<String>,
    /// What of it could not be cleaned up: an account that is not known to be closed, a file.
    pub left: Vec<String>,
    /// How it ended.
    pub end: OrderEnd,
}

/// How an order ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OrderEnd {
    /// A certificate was issued and fetched.
    Issued(Box<Issued>),
    /// The authority refused.
    Refused {
        /// How far the order had come.
        stage: Stage,
        /// What the authority said.
        problem: Problem,
    },
    /// The authority does not offer http-01 for the name; what it offers.
    NotOffered(Vec<String>),
}

/// A certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Issued {
    /// The certificate.
    pub certificate: Certificate,
    /// How many were sent, it included.
    pub sent: usize,
    /// Why it is not for the name that was ordered, where it is not.
    pub other_name: Option<String>,
    /// Whether it is for the key it was asked for with.
    pub key: Pair,
    /// Whether it leads to the last certificate sent with it: the root of an authority for tests is
    /// known to nobody.
    pub path: Path,
}

impl TestOrder {
    /// What is wrong with it beyond its types.
    pub(super) fn complaints(&self, acme: &Acme) -> Vec<Complaint> {
        let complaint = |message: String, help: &str| Complaint {
            key: Some("order"),
            message,
            help: Some(help.to_owned()),
        };
        let mut complaints = Vec::new();
        if let Permit::Refused { reason, help } = permit(&self.directory) {
            let message = format!("nothing is ordered at {}: {reason}", self.directory.shown());
            complaints.push(complaint(message, &help));
        }
        match (&self.challenge.webroot, &self.challenge.listen) {
            (Some(_), None) | (None, Some(_)) => {}
            (None, None) => complaints.push(complaint(
                "nobody would answer the challenge".to_owned(),
                "say `challenge: { webroot: DIR }` or `challenge: { listen: IP:PORT }`",
            )),
            (Some(_), Some(_)) => complaints.push(complaint(
                "`webroot` and `listen` answer the same challenge".to_owned(),
                "leave one of the two out",
            )),
        }
        if acme.challenge != super::Challenge::Http01 {
            let message = format!(
                "a test order is proved by http-01, and the check is about {}",
                acme.challenge.as_str()
            );
            complaints.push(complaint(message, "leave `order` out, or make a check of its own"));
        }
        if self.within == Span::ZERO {
            let help = "write a time such as 90s";
            complaints.push(complaint("an order in no time cannot go through".to_owned(), help));
        }
        complaints
    }

    /// How the challenge is answered, in words.
    fn answering(&self) -> String {
        match (&self.challenge.webroot, &self.challenge.listen) {
            (Some(webroot), _) => format!("with a file in {}", webroot.display()),
            (None, Some(listen)) => format!("by listening at {listen}"),
            (None, None) => "by nobody".to_owned(),
        }
    }
}
