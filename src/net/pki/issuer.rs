//! Who issued a certificate: the name and key its revocation answers must agree with.

use rustls::pki_types::CertificateDer;

use super::certificate::parse;
use super::roots::Roots;
use super::signed::{PublicKey, Signed, sequence};

/// The issuer of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// Its name, DER with tag and length, as the certificate it issued spells it.
    pub name: Vec<u8>,
    /// Its key.
    pub key: PublicKey,
}

impl Issuer {
    /// The issuer of the first certificate of a chain: among the others as sent, or among the
    /// roots, the one that bears the name and whose key verifies the signature.
    #[must_use]
    pub fn find(chain: &[CertificateDer<'_>], roots: &Roots) -> Option<Self> {
        let leaf = chain.first()?;
        let signed = Signed::cut("a certificate", leaf).ok()?;
        let x509 = parse(leaf).ok()?;
        let name = x509.issuer().as_raw();
        let sent = chain.iter().filter_map(|der| {
            let x509 = parse(der).ok()?;
            let named = x509.subject().as_raw() == name;
            named.then(|| PublicKey::from_der(x509.public_key().raw).ok()).flatten()
        });
        let trusted = roots.anchors.iter().filter_map(|anchor| {
            let named = sequence(&anchor.subject) == name;
            named.then(|| PublicKey::from_contents(&anchor.subject_public_key_info).ok()).flatten()
        });
        sent.chain(trusted)
            .find(|key| key.verify(&signed).is_ok())
            .map(|key| Self { name: name.to_vec(), key })
    }
}
