//! Signed DER objects (certificates, OCSP answers, CRLs) cut into their parts as received.
//!
//! A signature covers the bytes that were sent. Decoding and encoding them again can yield other
//! bytes, so the parts are slices of the input.

use aws_lc_rs::digest;
use der::asn1::BitStringRef;
use der::{Decode, Header, Reader, SliceReader, Tag};
use thiserror::Error;

/// Why a piece of DER is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not readable as {what}: {reason}")]
pub struct BadDer {
    /// What it should have been.
    pub what: &'static str,
    /// What stands in the way.
    pub reason: String,
}

impl BadDer {
    /// For mapping the errors of the parsers.
    pub(super) fn of<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> Self {
        move |error| Self { what, reason: error.to_string() }
    }
}

/// The parts of `SEQUENCE { tbs, AlgorithmIdentifier, BIT STRING, … }`.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// What is signed, with tag and length.
    pub tbs: &'a [u8],
    /// The contents of the algorithm identifier, without tag and length.
    pub algorithm: &'a [u8],
    /// The bits of the signature.
    pub signature: &'a [u8],
    /// What follows the signature; only OCSP answers have something there.
    pub rest: &'a [u8],
}

impl<'a> Signed<'a> {
    /// Cuts a signed object.
    ///
    /// # Errors
    /// When it does not have these parts, or something follows it.
    pub fn cut(what: &'static str, der: &'a [u8]) -> Result<Self, BadDer> {
        let mut parts = SliceReader::new(contents(what, der)?).map_err(BadDer::of(what))?;
        let tbs = parts.tlv_bytes().map_err(BadDer::of(what))?;
        let algorithm = parts.tlv_bytes().map_err(BadDer::of(what))?;
        let signature = BitStringRef::decode(&mut parts).map_err(BadDer::of(what))?;
        let length = parts.remaining_len();
        Ok(Self {
            tbs,
            algorithm: contents(what, algorithm)?,
            signature: signature.raw_bytes(),
            rest: parts.read_slice(length).map_err(BadDer::of(what))?,
        })
    }
}

/// The contents of a SEQUENCE, without its tag and length.
///
/// # Errors
/// When it is not one, or something follows it.
pub fn contents<'a>(what: &'static str, der: &'a [u8]) -> Result<&'a [u8], BadDer> {
    let bad = BadDer::of(what);
    let mut reader = SliceReader::new(der).map_err(&bad)?;
    let header = Header::decode(&mut reader).map_err(&bad)?;
    header.tag.assert_eq(Tag::Sequence).map_err(&bad)?;
    let contents = reader.read_slice(header.length).map_err(&bad)?;
    reader.finish(contents).map_err(&bad)
}

/// A SEQUENCE around its contents.
#[must_use]
pub fn sequence(contents: &[u8]) -> Vec<u8> {
    let mut der = vec![0x30];
    let length = contents.len();
    // Lengths from 128 on are written as the number of their bytes, and these (X.690 §8.1.3).
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => der.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let bytes = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
            der.push(0x80 | u8::try_from(bytes.len()).unwrap_or(u8::MAX));
            der.extend_from_slice(bytes);
        }
    }
    der.extend_from_slice(contents);
    der
}

/// The digits of a number without leading zeros, to compare serial numbers as numbers.
#[must_use]
pub fn number(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..]
}

/// A public key, out of a `SubjectPublicKeyInfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    algorithm: Vec<u8>,
    /// The contents of the BIT STRING, without tag, length and count of unused bits: what
    /// `issuerKeyHash` and a `byKey` responder id are the hash of (RFC 6960 §4.1.1, §4.2.1).
    pub bits: Vec<u8>,
}

impl PublicKey {
    /// The key in the contents of a `SubjectPublicKeyInfo`, as trust anchors keep it.
    ///
    /// # Errors
    /// When these are not an algorithm and a bit string.
    pub fn from_contents(contents: &[u8]) -> Result<Self, BadDer> {
        const WHAT: &str = "a public key";
        let mut reader = SliceReader::new(contents).map_err(BadDer::of(WHAT))?;
        let algorithm = reader.tlv_bytes().map_err(BadDer::of(WHAT))?;
        let bits = BitStringRef::decode(&mut reader).map_err(BadDer::of(WHAT))?;
        Ok(Self {
            algorithm: self::contents(WHAT, algorithm)?.to_vec(),
            bits: bits.raw_bytes().to_vec(),
        })
    }

    /// The key in a whole `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// When it is not one.
    pub fn from_der(spki: &[u8]) -> Result<Self, BadDer> {
        Self::from_contents(contents("a public key", spki)?)
    }

    /// Whether the key's owner signed this.
    ///
    /// # Errors
    /// Says why the signature does not count.
    pub fn verify(&self, signed: &Signed<'_>) -> Result<(), BadSignature> {
        let algorithms = crate::net::tls::provider().signature_verification_algorithms.all;
        let mut known = algorithms
            .iter()
            .filter(|known| known.signature_alg_id().as_ref() == signed.algorithm)
            .peekable();
        if known.peek().is_none() {
            return Err(BadSignature::Algorithm(super::certificate::algorithm(signed.algorithm)));
        }
        known
            .filter(|known| known.public_key_alg_id().as_ref() == self.algorithm)
            .any(|known| known.verify_signature(&self.bits, signed.tbs, signed.signature).is_ok())
            .then_some(())
            .ok_or(BadSignature::Mismatch)
    }
}

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadSignature {
    /// The algorithm is not accepted any more, as SHA-1, or unknown.
    #[error("the algorithm {0} is not accepted")]
    Algorithm(String),
    /// The key does not verify it.
    #[error("the key of the signer does not verify it")]
    Mismatch,
}

/// The hashes a certificate id can be made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1, which RFC 6960 responders use.
    Sha1,
    /// SHA-256, which RFC 9919 clients use.
    Sha256,
}

impl Hash {
    /// The hash of some bytes.
    #[must_use]
    pub fn of(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
        };
        digest::digest(algorithm, bytes).as_ref().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_has_its_length_in_front() {
        assert_eq!(sequence(&[1, 2]), [0x30, 2, 1, 2]);
        assert_eq!(sequence(&[0; 200])[..3], [0x30, 0x81, 200]);
        assert_eq!(sequence(&[0; 300])[..4], [0x30, 0x82, 1, 44]);
        assert_eq!(contents("x", &sequence(&[7; 16_000])).expect("a sequence").len(), 16_000);
    }

    #[test]
    fn serials_are_compared_as_numbers() {
        assert_eq!(number(&[0, 0, 7, 0]), [7, 0]);
        assert_eq!(number(&[0]), b"");
    }

    #[test]
    fn what_follows_or_is_cut_off_is_refused() {
        for bad in [&[][..], &[0x30], &[0x30, 2, 1], &[0x30, 0, 0], &[0x31, 0], &[0x30, 0x84, 255]]
        {
            assert!(contents("x", bad).is_err(), "{bad:?}");
            assert!(Signed::cut("x", bad).is_err(), "{bad:?}");
            assert!(PublicKey::from_der(bad).is_err(), "{bad:?}");
        }
    }
}
