//! PKCS#12 files (RFC 7292): the certificates in them, and whether the key among these belongs to
//! the first.

use p12_keystore::Pkcs12Archive;
use p12_keystore::error::Error;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::private_key::{Pair, pair};
use crate::model::text::one_line;

/// What came of opening a file.
#[derive(Debug)]
pub enum Opened {
    /// It could be opened.
    Store(Store),
    /// It is under another password.
    WrongPassword,
}

/// What is in a file.
#[derive(Debug)]
pub struct Store {
    /// The certificates, the one of the key first; at least one.
    pub certificates: Vec<CertificateDer<'static>>,
    /// Whether the first key in it is the first certificate's; `None` where there is no key, or one
    /// of a kind that cannot be compared.
    pub pair: Option<Pair>,
}

/// Whether bytes look like such a file: a SEQUENCE that begins with the version, which is 3.
#[must_use]
pub fn is_one(bytes: &[u8]) -> bool {
    let contents = match bytes {
        [0x30, length, rest @ ..] if *length < 0x80 => rest,
        [0x30, length, rest @ ..] => rest.get(usize::from(length & 0x7f)..).unwrap_or_default(),
        _ => return false,
    };
    contents.starts_with(&[2, 1, 3])
}

/// Opens a file. It is slow on purpose, as the file itself says how often the password is hashed.
///
/// # Errors
/// Says what is not understood, such as an algorithm. Nothing of what is in the file is in it.
pub fn open(bytes: &[u8], password: &str) -> Result<Opened, String> {
    let archive = match Pkcs12Archive::from_pkcs12(bytes, password) {
        Ok(archive) => archive,
        // Without a checksum a wrong password shows in what cannot be unpadded.
        Err(Error::MacError(_) | Error::UnpadError) => return Ok(Opened::WrongPassword),
        Err(error) => return Err(one_line(&error.to_string())),
    };
    let key = archive.keys.first();
    let id = key.and_then(|key| key.local_key_id.as_ref()).map(|id| &id.0);
    let own = archive
        .certs
        .iter()
        .position(|bag| bag.local_key_id.is_some() && bag.local_key_id.as_ref() == id);
    let mut certificates: Vec<CertificateDer<'static>> =
        archive.certs.iter().map(|bag| bag.cert.as_der().to_vec().into()).collect();
    if let Some(own) = own {
        certificates[..=own].rotate_right(1);
    }
    let Some(first) = certificates.first() else {
        return Err("no certificate in it".to_owned());
    };
    let pair = key.and_then(|key| {
        let key = PrivatePkcs8KeyDer::from(key.key.as_der().to_vec());
        pair(PrivateKeyDer::from(key), first).ok()
    });
    Ok(Opened::Store(Store { certificates, pair }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_from_a_certificate() {
        assert!(is_one(&[0x30, 0x82, 9, 9, 2, 1, 3, 0x30]));
        assert!(is_one(&[0x30, 3, 2, 1, 3]));
        // A certificate begins with another SEQUENCE.
        for other in [&[][..], &[0x30], &[0x30, 0x82, 9, 9, 0x30, 0x82], &[0x30, 0xff, 2], b"----"]
        {
            assert!(!is_one(other), "{other:?}");
        }
    }

    #[test]
    fn garbage_is_not_understood() {
        for garbage in [&[0x30, 3, 2, 1, 3][..], &[0x30; 3000], b""] {
            assert!(open(garbage, "").is_err());
        }
    }
}
