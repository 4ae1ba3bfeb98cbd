//! Revocation lists (RFC 5280 §5) as facts: whether a list counts for a certificate, and what it
//! says about it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use x509_parser::der_parser::asn1_rs::FromDer;
use x509_parser::extensions::{DistributionPointName, IssuingDistributionPoint, ParsedExtension};
use x509_parser::revocation_list::CertificateRevocationList;

use super::certificate::{general_name, instant, parse};
use super::issuer::Issuer;
use super::signed::{BadDer, Signed, number};
use crate::model::text::clip;

const WHAT: &str = "a revocation list";

/// What a revocation list says about one certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Crl {
    /// How many bytes it has.
    pub size: usize,
    /// Why it does not count for the certificate, whatever it says; absent where it does.
    pub flaw: Option<String>,
    /// Since when it holds.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub this_update: Timestamp,
    /// Until when there is a newer one; public lists must say so.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub next_update: Option<Timestamp>,
    /// How many certificates are on it.
    pub entries: usize,
    /// The entry of the certificate in question; absent where it has none.
    pub revoked: Option<Entry>,
}

/// An entry of a revocation list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Since when the certificate is revoked.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    /// Why, such as `Key Compromise`.
    pub reason: Option<String>,
}

impl Crl {
    /// Reads what a list that was fetched from `url` says about the certificate `leaf` of this
    /// issuer.
    ///
    /// # Errors
    /// When it is not a revocation list.
    pub fn read(der: &[u8], url: &str, leaf: &[u8], issuer: &Issuer) -> Result<Self, BadDer> {
        let (rest, list) = CertificateRevocationList::from_der(der)
            .map_err(|error| BadDer { what: WHAT, reason: clip(&error.to_string(), 120) })?;
        if !rest.is_empty() {
            return Err(BadDer { what: WHAT, reason: format!("{} bytes follow it", rest.len()) });
        }
        let signed = Signed::cut(WHAT, der)?;
        let leaf = parse(leaf)?;
        let serial = number(leaf.raw_serial());
        let found =
            list.iter_revoked_certificates().find(|entry| number(entry.raw_serial()) == serial);
        Ok(Self {
            size: der.len(),
            flaw: flaw(&list, &signed, url, issuer),
            this_update: instant(list.last_update().timestamp()),
            next_update: list.next_update().map(|time| instant(time.timestamp())),
            entries: list.iter_revoked_certificates().count(),
            revoked: found.map(|entry| Entry {
                at: instant(entry.revocation_date.timestamp()),
                reason: entry.reason_code().map(|(_, reason)| reason.to_string()),
            }),
        })
    }
}

/// Why a list does not count for a certificate of this issuer.
fn flaw(
    list: &CertificateRevocationList<'_>,
    signed: &Signed<'_>,
    url: &str,
    issuer: &Issuer,
) -> Option<String> {
    if list.issuer().as_raw() != issuer.name {
        return Some("it is another issuer's".to_owned());
    }
    if let Err(bad) = issuer.key.verify(signed) {
        return Some(format!("its signature does not count: {bad}"));
    }
    for extension in list.extensions() {
        let parsed = extension.parsed_extension();
        if let ParsedExtension::IssuingDistributionPoint(point) = parsed {
            if let Some(flaw) = scope(point, url) {
                return Some(flaw);
            }
        } else if extension.critical {
            // A list that is only the difference to another one is marked by such an extension.
            return Some(format!("it has the unknown critical extension {}", extension.oid));
        }
    }
    None
}

/// Why a list that covers a part of an issuer's certificates does not cover this one (RFC 5280
/// §5.2.5). Large authorities cut their lists in shards; one shard says nothing of the others.
fn scope(point: &IssuingDistributionPoint<'_>, url: &str) -> Option<String> {
    let flaw = |words: &str| Some(words.to_owned());
    if point.only_contains_ca_certs {
        return flaw("it is for the certificates of authorities only");
    }
    if point.only_contains_attribute_certs {
        return flaw("it is for attribute certificates only");
    }
    if point.indirect_crl {
        return flaw("it is an indirect one");
    }
    if point.only_some_reasons.is_some() {
        return flaw("it is for some reasons of revocation only");
    }
    match &point.distribution_point {
        None => None,
        Some(DistributionPointName::FullName(names))
            if names.iter().any(|name| general_name(name) == url) =>
        {
            None
        }
        Some(
            DistributionPointName::FullName(_) | DistributionPointName::NameRelativeToCRLIssuer(_),
        ) => flaw("it is for other certificates of the issuer: another shard"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::pki::signed::PublicKey;

    #[test]
    fn garbage_is_not_a_list() {
        let key = PublicKey::from_contents(&[0x30, 0, 3, 2, 0, 1]).expect("a key of one byte");
        let issuer = Issuer { name: Vec::new(), key };
        for bad in [&b""[..], b"<html>", &[0x30; 9_000], &[0x30, 0]] {
            assert!(Crl::read(bad, "", b"", &issuer).is_err());
        }
    }
}
