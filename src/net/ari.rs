//! ACME renewal information (RFC 9773): by which id a certificate is asked for, and what an
//! authority says about when to renew it.

use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::CertificateDer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use x509_parser::extensions::ParsedExtension;

use crate::model::text::one_line;
use crate::net::pki::signed::BadDer;

/// When an authority wants a certificate to be renewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suggestion {
    /// From when on.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub start: Timestamp,
    /// Until when. Wholly in the past, it means now: the certificate was revoked or soon will be.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub end: Timestamp,
    /// A page that says why, where the authority has one.
    pub explanation: Option<String>,
}

/// The id of a certificate: its authority key identifier and its serial number (RFC 9773 §4.1).
///
/// # Errors
/// When it is not a certificate, or does not name the key of its issuer.
pub fn id(certificate: &CertificateDer<'_>) -> Result<String, BadDer> {
    let x509 = crate::net::pki::certificate::parse(certificate)?;
    let key = x509.extensions().iter().find_map(|one| {
        let ParsedExtension::AuthorityKeyIdentifier(aki) = one.parsed_extension() else {
            return None;
        };
        aki.key_identifier.as_ref()
    });
    let key = key.ok_or_else(|| BadDer {
        what: "a certificate to renew",
        reason: "it does not name the key of its issuer".to_owned(),
    })?;
    Ok(format!("{}.{}", base64url(key.0), base64url(x509.raw_serial())))
}

/// Reads an answer of the authority.
///
/// # Errors
/// Says what is wrong with it.
pub fn read(body: &[u8]) -> Result<Suggestion, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Info {
        suggested_window: Window,
        #[serde(rename = "explanationURL")]
        explanation_url: Option<String>,
    }
    #[derive(Deserialize)]
    struct Window {
        start: Timestamp,
        end: Timestamp,
    }
    let info: Info = serde_json::from_slice(body).map_err(|error| one_line(&error.to_string()))?;
    let Window { start, end } = info.suggested_window;
    // RFC 9773 §4.2: a window without length is no window.
    if end.duration_since(start) <= SignedDuration::ZERO {
        return Err("its window ends before it begins".to_owned());
    }
    let explanation = info.explanation_url.map(|url| one_line(&url));
    Ok(Suggestion { start, end, explanation })
}

/// Base64 for URLs without padding (RFC 4648 §5).
#[must_use]
pub fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - three.len()));
        for place in 0..=three.len() {
            let sextet = (bits >> (18 - 6 * place)) & 63;
            text.push(char::from(ALPHABET[sextet as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_as_the_rfc_writes_them() {
        // RFC 9773 §4.1: the parts of its example.
        let key = [
            0x69, 0x88, 0x5b, 0x6b, 0x87, 0x46, 0x40, 0x41, 0xe1, 0xb3, 0x7b, 0x84, 0x7b, 0xa0,
            0xae, 0x2c, 0xde, 0x01, 0xc8, 0xd4,
        ];
        assert_eq!(base64url(&key), "aYhba4dGQEHhs3uEe6CuLN4ByNQ");
        assert_eq!(base64url(&[0, 0x87, 0x65, 0x43, 0x21]), "AIdlQyE");
        assert_eq!(base64url(b""), "");
        assert!(id(&CertificateDer::from(b"garbage".to_vec())).is_err());
    }

    #[test]
    fn windows_are_read() {
        let good = br#"{"suggestedWindow": {"start": "2026-11-20T00:00:00Z",
            "end": "2026-11-22T00:00:00Z"}, "explanationURL": "https://a.example/why"}"#;
        let read_good = read(good).expect("a window");
        assert_eq!(read_good.explanation.as_deref(), Some("https://a.example/why"));
        for bad in [
            &b""[..],
            b"{}",
            br#"{"suggestedWindow": {"start": "soon", "end": "later"}}"#,
            br#"{"suggestedWindow": {"start": "2026-11-22T00:00:00Z", "end": "2026-11-20T00:00:00Z"}}"#,
        ] {
            assert!(read(bad).is_err());
        }
    }
}
