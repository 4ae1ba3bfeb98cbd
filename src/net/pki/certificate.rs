//! One certificate as facts a person can read (RFC 5280).

use std::fmt;
use std::net::IpAddr;

use der::Decode;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use x509_parser::der_parser::asn1_rs::{FromDer, Oid};
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension, X509Extension};
use x509_parser::oid_registry::{
    OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS, OID_PKIX_ACCESS_DESCRIPTOR_OCSP,
};
use x509_parser::prelude::X509Certificate;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Name};

use super::signed::{BadDer, sequence};
use crate::model::hash::{hex, sha256_hex};
use crate::model::text::clip;

/// The most names of a certificate, and URLs of one sort, that are kept.
const KEPT: usize = 200;

/// The extension that lists TLS features a server must have (RFC 7633 §4.1).
const TLS_FEATURE: &str = "1.3.6.1.5.5.7.1.24";

/// The feature "must staple": the number of the `status_request` extension (RFC 6066 §8).
const STATUS_REQUEST: u16 = 5;

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Certificate {
    /// SHA-256 of the whole certificate, hexadecimal.
    pub sha256: String,
    /// The subject; may be empty, since names stand in `names`.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// Whether subject and issuer are the same, as in a root.
    pub self_issued: bool,
    /// The subject's alternative names: the only ones that count (RFC 9525 §6.3). At most 200.
    pub names: Vec<String>,
    /// The serial number, hexadecimal.
    pub serial: String,
    /// The first second it is valid.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub not_before: Timestamp,
    /// The last second it is valid.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub not_after: Timestamp,
    /// Its public key.
    pub key: Key,
    /// The algorithm its issuer signed it with, such as `ecdsa-with-SHA256`.
    pub signature: String,
    /// Whether it may issue certificates itself.
    pub authority: bool,
    /// What it may be used for, such as `serverAuth`; empty where it does not say.
    pub purposes: Vec<String>,
    /// The policies it was issued under, as object identifiers. At most 200.
    pub policies: Vec<String>,
    /// Whether clients must refuse it without a stapled OCSP answer (RFC 7633).
    pub must_staple: bool,
    /// Where its revocation can be asked for by OCSP.
    pub ocsp: Vec<String>,
    /// Where its revocation list is.
    pub crls: Vec<String>,
    /// Where its issuer's certificate can be fetched.
    pub issuers: Vec<String>,
    /// How many certificate transparency logs signed for it inside the certificate.
    pub scts: usize,
}

/// A kind of public key and its size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Key {
    /// RSA, with the bits of its modulus.
    Rsa(usize),
    /// Elliptic curve, with the name of the curve.
    Ec(String),
    /// Edwards curve, such as `Ed25519`.
    Ed(String),
    /// Anything else, by its object identifier.
    Other(String),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA {bits}"),
            Self::Ec(curve) => write!(f, "EC {curve}"),
            Self::Ed(name) | Self::Other(name) => f.write_str(name),
        }
    }
}

impl Certificate {
    /// Reads a certificate.
    ///
    /// # Errors
    /// When it is none, or something follows it.
    pub fn read(der: &[u8]) -> Result<Self, BadDer> {
        let x509 = parse(der)?;
        let mut seen = Extensions::default();
        for extension in x509.extensions() {
            seen.take(extension);
        }
        Ok(Self {
            sha256: sha256_hex(der),
            subject: name(x509.subject()),
            issuer: name(x509.issuer()),
            self_issued: x509.subject().as_raw() == x509.issuer().as_raw(),
            names: seen.names,
            serial: hex(x509.raw_serial()),
            not_before: instant(x509.validity().not_before.timestamp()),
            not_after: instant(x509.validity().not_after.timestamp()),
            key: key(x509.public_key()),
            signature: algorithm_name(&x509.signature_algorithm.algorithm),
            authority: x509.is_ca(),
            purposes: seen.purposes,
            policies: seen.policies,
            must_staple: seen.must_staple,
            ocsp: seen.ocsp,
            crls: seen.crls,
            issuers: seen.issuers,
            scts: seen.scts,
        })
    }
}

/// Parses a certificate for those who need its raw parts.
pub(in crate::net) fn parse(der: &[u8]) -> Result<X509Certificate<'_>, BadDer> {
    const WHAT: &str = "a certificate";
    let bad = |reason: String| BadDer { what: WHAT, reason };
    match X509Certificate::from_der(der) {
        Ok(([], x509)) => Ok(x509),
        Ok((rest, _)) => Err(bad(format!("{} bytes follow it", rest.len()))),
        Err(error) => Err(bad(clip(&error.to_string(), 120))),
    }
}

/// What the extensions say, as far as it is kept.
#[derive(Default)]
struct Extensions {
    names: Vec<String>,
    purposes: Vec<String>,
    policies: Vec<String>,
    must_staple: bool,
    ocsp: Vec<String>,
    crls: Vec<String>,
    issuers: Vec<String>,
    scts: usize,
}

impl Extensions {
    #[expect(clippy::wildcard_enum_match_arm, reason = "most extensions say nothing of interest")]
    fn take(&mut self, extension: &X509Extension<'_>) {
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(san) => {
                self.names = san.general_names.iter().take(KEPT).map(general_name).collect();
            }
            ParsedExtension::ExtendedKeyUsage(usage) => {
                let known = [
                    ("any", usage.any),
                    ("serverAuth", usage.server_auth),
                    ("clientAuth", usage.client_auth),
                    ("codeSigning", usage.code_signing),
                    ("emailProtection", usage.email_protection),
                    ("timeStamping", usage.time_stamping),
                    ("OCSPSigning", usage.ocsp_signing),
                ];
                let known = known.into_iter().filter(|(_, has)| *has).map(|(n, _)| n.to_owned());
                self.purposes = known.chain(usage.other.iter().map(Oid::to_id_string)).collect();
            }
            ParsedExtension::CertificatePolicies(policies) => {
                let policies = policies.iter().take(KEPT);
                self.policies = policies.map(|policy| policy.policy_id.to_id_string()).collect();
            }
            ParsedExtension::AuthorityInfoAccess(access) => {
                for place in access.accessdescs.iter().take(KEPT) {
                    if place.access_method == OID_PKIX_ACCESS_DESCRIPTOR_OCSP {
                        self.ocsp.push(general_name(&place.access_location));
                    } else if place.access_method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS {
                        self.issuers.push(general_name(&place.access_location));
                    }
                }
            }
            ParsedExtension::CRLDistributionPoints(points) => {
                for point in points.points.iter().take(KEPT) {
                    if let Some(DistributionPointName::FullName(names)) = &point.distribution_point
                    {
                        self.crls.extend(names.iter().take(KEPT).map(general_name));
                    }
                }
            }
            ParsedExtension::SCT(scts) => self.scts = scts.len(),
            _ if extension.oid.to_id_string() == TLS_FEATURE => {
                let features = <Vec<u16> as Decode>::from_der(extension.value).unwrap_or_default();
                self.must_staple = features.contains(&STATUS_REQUEST);
            }
            _ => {}
        }
    }
}

/// A name of a certificate: DNS names, addresses and URLs plainly, the rest with its type.
pub(super) fn general_name(name: &GeneralName<'_>) -> String {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others name no server")]
    let text = match name {
        GeneralName::DNSName(text) | GeneralName::URI(text) => (*text).to_owned(),
        GeneralName::IPAddress(bytes) => {
            match (<[u8; 4]>::try_from(*bytes), <[u8; 16]>::try_from(*bytes)) {
                (Ok(v4), _) => IpAddr::from(v4).to_string(),
                (_, Ok(v6)) => IpAddr::from(v6).to_string(),
                (Err(_), Err(_)) => format!("ip {}", hex(bytes)),
            }
        }
        GeneralName::RFC822Name(text) => format!("email {text}"),
        GeneralName::DirectoryName(dn) => format!("directory {}", self::name(dn)),
        other => other.to_string(),
    };
    clip(&text, 255)
}

/// A distinguished name on one line.
pub(super) fn name(name: &X509Name<'_>) -> String {
    clip(&name.to_string(), 200)
}

/// A distinguished name in the contents of its SEQUENCE, as trust anchors keep it.
pub(super) fn name_from_contents(contents: &[u8]) -> String {
    let der = sequence(contents);
    X509Name::from_der(&der).map_or_else(|_| hex(contents), |(_, parsed)| name(&parsed))
}

fn key(spki: &SubjectPublicKeyInfo<'_>) -> Key {
    let oid = spki.algorithm.algorithm.to_id_string();
    match oid.as_str() {
        "1.2.840.113549.1.1.1" => {
            let bits = match spki.parsed() {
                Ok(x509_parser::public_key::PublicKey::RSA(key)) => bits(key.modulus),
                Ok(_) | Err(_) => 0,
            };
            Key::Rsa(bits)
        }
        "1.2.840.10045.2.1" => {
            let curve = spki.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
            let curve = curve.map_or_else(|| "explicit".to_owned(), |oid| oid.to_id_string());
            Key::Ec(match curve.as_str() {
                "1.2.840.10045.3.1.7" => "P-256".to_owned(),
                "1.3.132.0.34" => "P-384".to_owned(),
                "1.3.132.0.35" => "P-521".to_owned(),
                _ => curve,
            })
        }
        "1.3.101.112" => Key::Ed("Ed25519".to_owned()),
        "1.3.101.113" => Key::Ed("Ed448".to_owned()),
        _ => Key::Other(oid),
    }
}

/// The bits of a big-endian number.
fn bits(number: &[u8]) -> usize {
    let number = &number[number.iter().take_while(|byte| **byte == 0).count()..];
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

/// The name of a signature algorithm in the contents of its identifier.
pub(super) fn algorithm(contents: &[u8]) -> String {
    Oid::from_der(contents).map_or_else(|_| hex(contents), |(_, oid)| algorithm_name(&oid))
}

fn algorithm_name(oid: &Oid<'_>) -> String {
    let id = oid.to_id_string();
    match id.as_str() {
        "1.2.840.113549.1.1.2" => "md2WithRSAEncryption",
        "1.2.840.113549.1.1.4" => "md5WithRSAEncryption",
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => "sha1WithRSAEncryption",
        "1.2.840.113549.1.1.10" => "rsassaPss",
        "1.2.840.113549.1.1.11" => "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12" => "sha384WithRSAEncryption",
        "1.2.840.113549.1.1.13" => "sha512WithRSAEncryption",
        "1.2.840.10045.4.1" => "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.1" => "ecdsa-with-SHA224",
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        "1.2.840.10040.4.3" => "dsa-with-SHA1",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        _ => return id,
    }
    .to_owned()
}

/// Seconds since 1970 as an instant; what lies beyond the calendar stands at its end.
pub(super) fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(if seconds < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_of_a_number_are_counted_from_its_first_one() {
        for (number, count) in [
            (&[0, 0x80, 0][..], 16),
            (&[1, 0][..], 9),
            (&[0][..], 0),
            (&[][..], 0),
            (&[0xff][..], 8),
        ] {
            assert_eq!(bits(number), count, "{number:?}");
        }
    }

    #[test]
    fn garbage_is_not_a_certificate() {
        for bad in [&b""[..], b"hello", &[0x30, 0x82, 0xff, 0xff], &[0x30; 4096]] {
            assert!(Certificate::read(bad).is_err());
        }
    }
}
