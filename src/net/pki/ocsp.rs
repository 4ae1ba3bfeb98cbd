//! OCSP answers (RFC 6960) as facts: about which certificate, by whom, signed how, for how long.

use der::{Decode, Encode, Reader, SliceReader};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use x509_ocsp::{CertId, CertStatus, OcspGeneralizedTime, OcspResponse, OcspResponseStatus};
use x509_ocsp::{ResponderId, ResponseData, SingleResponse};

use super::certificate::{instant, name, parse};
use super::issuer::Issuer;
use super::signed::{BadDer, Hash, PublicKey, Signed, contents, number, sequence};
use crate::model::hash::hex;
use crate::model::text::clip;

const WHAT: &str = "an OCSP answer";

/// The most single answers, and certificates, of one answer that are looked at.
const KEPT: usize = 16;

/// `id-pkix-ocsp-basic`, the only type of answer there is.
const BASIC: &str = "1.3.6.1.5.5.7.48.1.1";

/// The nonce, which an answer that was not asked for cannot match (RFC 9919).
const NONCE: &str = "1.3.6.1.5.5.7.48.1.2";

/// What an OCSP answer says about one certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It is not an OCSP answer.
    Unreadable(String),
    /// It says why there is no answer, such as `TryLater`.
    Unsuccessful(String),
    /// It is an answer.
    Basic(Box<Basic>),
}

/// A successful answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Basic {
    /// When it was made.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub produced_at: Timestamp,
    /// By whom, as it says itself: a name, or the hash of a key.
    pub responder: String,
    /// Whose key it was checked with.
    pub signer: Signer,
    /// Why that key does not verify it; absent where it does.
    pub bad_signature: Option<String>,
    /// A critical extension that is not understood, which makes the answer void.
    pub critical: Option<String>,
    /// What it says, certificate by certificate; at most 16.
    pub singles: Vec<Single>,
}

/// Who signed an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Signer {
    /// The authority that issued the certificate.
    Issuer,
    /// Somebody whose certificate came with the answer.
    Delegate(Delegate),
    /// Somebody who is neither the issuer nor shown.
    Unknown,
}

/// The certificate of a delegated responder (RFC 6960 §4.2.2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Delegate {
    /// Its subject.
    pub subject: String,
    /// Its first valid second.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub not_before: Timestamp,
    /// Its last valid second.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub not_after: Timestamp,
    /// Whether the issuer of the certificate in question signed it, with the same key.
    pub by_issuer: bool,
    /// Whether it is for signing OCSP answers. `any` purpose is not enough.
    pub ocsp_signing: bool,
    /// Whether its key may sign; also where it does not say.
    pub may_sign: bool,
}

/// What an answer says about one certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Single {
    /// Whether it is about the certificate in question.
    pub about: About,
    /// The serial number it is about, hexadecimal.
    pub serial: String,
    /// The hash the certificate id is made with, such as `SHA-1`.
    pub hash: String,
    /// The state of the certificate.
    pub status: Status,
    /// Since when this is known to be so.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub this_update: Timestamp,
    /// Until when newer information is to be had; may be absent.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub next_update: Option<Timestamp>,
}

/// Which certificate an answer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// The one in question.
    This,
    /// Another one of the same issuer.
    OtherSerial,
    /// One of another issuer.
    OtherIssuer,
    /// The certificate id is made with a hash that is not known.
    UnknownHash,
    /// The issuer's key is not known here, so it cannot be told.
    IssuerMissing,
}

/// The state of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Not revoked.
    Good,
    /// Revoked.
    Revoked {
        /// Since when.
        #[schemars(with = "String", extend("format" = "date-time"))]
        at: Timestamp,
        /// Why, such as `KeyCompromise`.
        reason: Option<String>,
    },
    /// The responder does not know the certificate.
    Unknown,
}

impl Answer {
    /// Reads what an answer says about the certificate `leaf` of this issuer.
    #[must_use]
    pub fn read(answer: &[u8], leaf: &[u8], issuer: Option<&Issuer>) -> Self {
        Self::try_read(answer, leaf, issuer)
            .unwrap_or_else(|bad| Self::Unreadable(clip(&bad.to_string(), 200)))
    }

    fn try_read(answer: &[u8], leaf: &[u8], issuer: Option<&Issuer>) -> Result<Self, BadDer> {
        let response = OcspResponse::from_der(answer).map_err(BadDer::of(WHAT))?;
        if response.response_status != OcspResponseStatus::Successful {
            return Ok(Self::Unsuccessful(format!("{:?}", response.response_status)));
        }
        let missing = |reason: &str| BadDer { what: WHAT, reason: reason.to_owned() };
        let bytes = response.response_bytes.ok_or_else(|| missing("it is empty"))?;
        if bytes.response_type.to_string() != BASIC {
            return Err(missing(&format!("its type is {}", bytes.response_type)));
        }
        let signed = Signed::cut(WHAT, bytes.response.as_bytes())?;
        let said = ResponseData::from_der(signed.tbs).map_err(BadDer::of(WHAT))?;
        let question = Question::about(leaf, issuer)?;
        let (by, bad_signature) = signer(&said.responder_id, &signed, issuer)?;
        Ok(Self::Basic(Box::new(Basic {
            produced_at: moment(&said.produced_at),
            responder: responder(&said.responder_id),
            signer: by,
            bad_signature,
            critical: critical(&said),
            singles: said.responses.iter().take(KEPT).map(|one| question.single(one)).collect(),
        })))
    }
}

/// The request for the certificate `leaf` of this issuer (RFC 6960 §4.1.1). Its id is made with
/// SHA-1: every responder knows that, and it is no signature.
///
/// # Errors
/// When `leaf` is not a certificate.
pub fn request_for(leaf: &[u8], issuer: &Issuer) -> Result<Vec<u8>, BadDer> {
    let leaf = parse(leaf)?;
    Ok(request(leaf.raw_serial(), &issuer.name, &issuer.key.bits))
}

fn request(serial: &[u8], name: &[u8], key: &[u8]) -> Vec<u8> {
    // AlgorithmIdentifier { id-sha1, NULL }.
    const SHA1: &[u8] = &[0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0];
    let value = |tag: u8, contents: &[u8]| {
        let mut der = sequence(contents);
        der[0] = tag;
        der
    };
    let id =
        [SHA1, &value(4, &Hash::Sha1.of(name)), &value(4, &Hash::Sha1.of(key)), &value(2, serial)];
    // OCSPRequest { tbsRequest { requestList { Request { reqCert } } } }.
    let mut request = sequence(&id.concat());
    for _ in 0..4 {
        request = sequence(&request);
    }
    request
}

/// The certificate in question, as a certificate id is compared with it.
struct Question<'a> {
    issuer_name: Vec<u8>,
    issuer: Option<&'a Issuer>,
    serial: Vec<u8>,
}

impl<'a> Question<'a> {
    fn about(leaf: &[u8], issuer: Option<&'a Issuer>) -> Result<Self, BadDer> {
        let x509 = parse(leaf)?;
        Ok(Self {
            issuer_name: x509.issuer().as_raw().to_vec(),
            issuer,
            serial: number(x509.raw_serial()).to_vec(),
        })
    }

    fn single(&self, one: &SingleResponse) -> Single {
        let (hash, about) = self.compare(&one.cert_id);
        Single {
            about,
            serial: clip(&hex(one.cert_id.serial_number.as_bytes()), 64),
            hash,
            status: match one.cert_status {
                CertStatus::Good(_) => Status::Good,
                CertStatus::Revoked(info) => Status::Revoked {
                    at: moment(&info.revocation_time),
                    reason: info.revocation_reason.map(|reason| format!("{reason:?}")),
                },
                CertStatus::Unknown(_) => Status::Unknown,
            },
            this_update: moment(&one.this_update),
            next_update: one.next_update.as_ref().map(moment),
        }
    }

    /// All three parts must agree: the issuer's name as the certificate spells it, the bits of the
    /// issuer's key, and the serial number as a number (RFC 6960 §4.1.1).
    fn compare(&self, id: &CertId) -> (String, About) {
        let oid = id.hash_algorithm.oid.to_string();
        let (name, hash) = match oid.as_str() {
            "1.3.14.3.2.26" => ("SHA-1", Hash::Sha1),
            "2.16.840.1.101.3.4.2.1" => ("SHA-256", Hash::Sha256),
            _ => return (oid, About::UnknownHash),
        };
        let about = if number(id.serial_number.as_bytes()) != self.serial {
            About::OtherSerial
        } else if id.issuer_name_hash.as_bytes() != hash.of(&self.issuer_name) {
            About::OtherIssuer
        } else {
            match self.issuer {
                None => About::IssuerMissing,
                Some(issuer) if id.issuer_key_hash.as_bytes() == hash.of(&issuer.key.bits) => {
                    About::This
                }
                Some(_) => About::OtherIssuer,
            }
        };
        (name.to_owned(), about)
    }
}

/// The signer the responder id names, and whether the signature is theirs. Where several bear the
/// name, the one whose key verifies it.
fn signer(
    id: &ResponderId,
    signed: &Signed<'_>,
    issuer: Option<&Issuer>,
) -> Result<(Signer, Option<String>), BadDer> {
    let mut first = None;
    let candidates = issuer
        .filter(|issuer| is_meant(id, &issuer.name, &issuer.key))
        .map(|issuer| (Signer::Issuer, issuer.key.clone()))
        .into_iter()
        .chain(delegates(id, signed.rest, issuer)?);
    for (signer, key) in candidates {
        match key.verify(signed) {
            Ok(()) => return Ok((signer, None)),
            Err(bad) => first = first.or_else(|| Some((signer, Some(bad.to_string())))),
        }
    }
    let nobody = || (Signer::Unknown, Some("the signer's certificate is not shown".to_owned()));
    Ok(first.unwrap_or_else(nobody))
}

/// The certificates that came with an answer and bear the responder id.
fn delegates(
    id: &ResponderId,
    rest: &[u8],
    issuer: Option<&Issuer>,
) -> Result<Vec<(Signer, PublicKey)>, BadDer> {
    let mut found = Vec::new();
    if rest.is_empty() {
        return Ok(found);
    }
    // certs [0] EXPLICIT SEQUENCE OF Certificate: the outer tag is cut by hand, because the
    // certificates are needed as received.
    let outer = der::asn1::AnyRef::from_der(rest).map_err(BadDer::of(WHAT))?;
    let list = contents(WHAT, outer.value())?;
    let mut reader = SliceReader::new(list).map_err(BadDer::of(WHAT))?;
    for _ in 0..KEPT {
        if reader.is_finished() {
            break;
        }
        let der = reader.tlv_bytes().map_err(BadDer::of(WHAT))?;
        let Ok(x509) = parse(der) else { continue };
        let Ok(key) = PublicKey::from_der(x509.public_key().raw) else { continue };
        if is_meant(id, x509.subject().as_raw(), &key) {
            found.push((Signer::Delegate(delegate(der, &x509, issuer)?), key));
        }
    }
    Ok(found)
}

fn delegate(
    der: &[u8],
    x509: &x509_parser::certificate::X509Certificate<'_>,
    issuer: Option<&Issuer>,
) -> Result<Delegate, BadDer> {
    let signed = Signed::cut("a certificate", der)?;
    let usage = x509.extended_key_usage().ok().flatten();
    let by_issuer = issuer.is_some_and(|issuer| {
        x509.issuer().as_raw() == issuer.name && issuer.key.verify(&signed).is_ok()
    });
    Ok(Delegate {
        subject: name(x509.subject()),
        not_before: instant(x509.validity().not_before.timestamp()),
        not_after: instant(x509.validity().not_after.timestamp()),
        by_issuer,
        ocsp_signing: usage.is_some_and(|usage| usage.value.ocsp_signing),
        may_sign: match x509.key_usage() {
            Ok(Some(usage)) => usage.value.digital_signature(),
            Ok(None) => true,
            Err(_) => false,
        },
    })
}

/// Whether a responder id means the holder of this name and key.
fn is_meant(id: &ResponderId, name: &[u8], key: &PublicKey) -> bool {
    match id {
        ResponderId::ByName(by) => by.to_der().is_ok_and(|by| by == name),
        ResponderId::ByKey(by) => by.as_bytes() == Hash::Sha1.of(&key.bits),
    }
}

fn responder(id: &ResponderId) -> String {
    match id {
        ResponderId::ByName(name) => clip(&name.to_string(), 200),
        ResponderId::ByKey(key) => clip(&format!("key {}", hex(key.as_bytes())), 64),
    }
}

/// A critical extension that is not understood (RFC 6960 §4.4: then the answer must be refused).
fn critical(said: &ResponseData) -> Option<String> {
    let singles = said.responses.iter().filter_map(|one| one.single_extensions.as_ref());
    said.response_extensions
        .iter()
        .chain(singles)
        .flatten()
        .find(|extension| extension.critical && extension.extn_id.to_string() != NONCE)
        .map(|extension| extension.extn_id.to_string())
}

fn moment(time: &OcspGeneralizedTime) -> Timestamp {
    instant(i64::try_from(time.0.to_unix_duration().as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garbage_is_unreadable_and_try_later_is_not() {
        for bad in [&b""[..], b"garbage", &[0x30; 16_000], &[0x30, 3, 10, 1, 9]] {
            assert!(matches!(Answer::read(bad, b"", None), Answer::Unreadable(_)), "{bad:?}");
        }
        let later = Answer::read(&[0x30, 3, 10, 1, 3], b"", None);
        assert_eq!(later, Answer::Unsuccessful("TryLater".to_owned()));
    }

    #[test]
    fn a_request_names_the_certificate_by_three_hashes() {
        let request = request(&[0, 7], &[1], &[2]);
        // As `openssl ocsp -no_nonce -sha1 -reqout` writes it: 4 wrappers, one CertID.
        assert_eq!(request.len(), 69);
        assert_eq!(request[..6], [0x30, 67, 0x30, 65, 0x30, 63]);
        assert_eq!(request[65..], [2, 2, 0, 7]);
    }
}
